"""From the settings and the machine's sources to the device UUID.

Reading is left to the sources that are passed in; `agent.identity` judges what they gave.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from agent.identity import FIXED, Choice, DeviceUUID, Provenance, Verdict, build, choose, judge
from agent.settings import IdentitySettings, PairSettings
from hw.contract import HardwareError, SerialSource, Whereabouts

LOOK_LIMIT: Final = 4.0  # s for all sources together, when a person waits

OpenSource = Callable[[str, Whereabouts], SerialSource]
"""From a source's name, and what it has to be told, to the source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """`provenance`: one for each key, in order; `verdicts`: of every source that was asked."""

    uuid: DeviceUUID
    provenance: tuple[Provenance, ...]
    verdicts: tuple[Verdict, ...]


def identify(settings: IdentitySettings, open_source: OpenSource, *, at: int) -> Identity:
    """Which terminal this is, and why. `at` is the wall clock in Unix seconds.

    Raises HardwareError when a source cannot be read just now (wait: a weaker source would make
    this another terminal), ConfigError when no source gives a serial number.
    """
    choices = [_choose(pair, open_source) for pair in settings.pairs]
    keyed = [(pair.key, choice) for pair, choice in zip(settings.pairs, choices, strict=True)]
    return Identity(
        uuid=build(settings.vendor, tuple((key, choice.value) for key, choice in keyed)),
        provenance=tuple(
            Provenance(key=key, value=choice.value, source=choice.source, seen_at=at)
            for key, choice in keyed
        ),
        verdicts=tuple(verdict for choice in choices for verdict in choice.verdicts),
    )


def read_identity(settings: IdentitySettings, open_source: OpenSource) -> DeviceUUID:
    """This terminal's UUID. Raises as `identify` does."""
    return identify(settings, open_source, at=0).uuid


def _choose(pair: PairSettings, open_source: OpenSource) -> Choice:
    if pair.value is not None:
        return Choice(value=pair.value, source=FIXED, verdicts=())
    return choose(pair.key, (_ask(open_source(name, pair)) for name in pair.sources))


def _ask(source: SerialSource) -> Verdict:
    try:
        return judge(source.name, source.read())
    except HardwareError as error:
        return Verdict(source=source.name, reading=None, trouble=str(error))


def look(sources: Sequence[SerialSource], *, limit: float = LOOK_LIMIT) -> Iterator[Verdict]:
    """Every source's verdict, in order; all are asked at once, and none is waited for longer than
    until `limit` seconds from now. Threads that hang are left behind."""
    verdicts: dict[int, Verdict] = {}

    def ask(number: int) -> None:
        verdicts[number] = _ask(sources[number])

    threads = [
        threading.Thread(target=ask, args=(number,), daemon=True, name=f"look at {source.name}")
        for number, source in enumerate(sources)
    ]
    for thread in threads:
        thread.start()
    end = time.monotonic() + limit
    for number, (thread, source) in enumerate(zip(threads, sources, strict=True)):
        thread.join(max(0.0, end - time.monotonic()))
        silent = Verdict(
            source=source.name, reading=None, trouble=f"no answer within {limit:g} s: try again"
        )
        yield verdicts.get(number, silent)
