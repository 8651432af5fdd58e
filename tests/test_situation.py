"""What the display, the status and the log may all show."""

import dataclasses
from typing import get_args

import pytest

from agent.oauth.events import Trouble
from agent.situation import SUPPORT_CODES, Offline, Situation


def test_every_trouble_has_a_support_code_of_its_own() -> None:
    assert set(SUPPORT_CODES) == set(get_args(Trouble))
    assert len(set(SUPPORT_CODES.values())) == len(SUPPORT_CODES)


@pytest.mark.parametrize("kind", get_args(Trouble))
def test_a_terminal_without_network_shows_the_code_of_its_trouble(kind: Trouble) -> None:
    assert Offline(kind=kind, reason="").support_code == SUPPORT_CODES[kind]


@pytest.mark.parametrize("situation", get_args(Situation))
def test_S10_16_no_situation_can_hold_a_secret(situation: type) -> None:
    names = {field.name for field in dataclasses.fields(situation)}
    assert not [name for name in names if "token" in name or "device_code" in name]
    assert not [f for f in dataclasses.fields(situation) if "Secret" in str(f.type)]
