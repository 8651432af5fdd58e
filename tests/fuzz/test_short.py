"""The short form of `make fuzz`: hypothesis instead of a coverage-guided fuzzer, some seconds."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS

# Bytes that mean something somewhere, so that more than the first decision is reached.
COMMANDS = st.sampled_from(
    (b"\x1b", b"\x1f", b"\x04\x01", b"\x17", b"\r", b"\x10", b"!#", b"\x1b[", b"\xff" * 8)
) | st.sampled_from((b"{text}", b"{row+1}", b"[commands]\n", b"Serial\t: ", b"\n", b"=", b'"'))
INPUTS = st.lists(COMMANDS | st.binary(max_size=12), max_size=24).map(b"".join)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=INPUTS | st.binary(max_size=200))
def test_no_bytes_break(name: str, data: bytes) -> None:
    TARGETS[name](data)
