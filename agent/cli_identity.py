"""`pos-agent identity`: every source of a serial number, what it gives here, and the UUID."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from agent import config
from agent.cli_talk import printable
from agent.errors import AgentError
from agent.identity import FIXED, Choice, Verdict, build, choose
from agent.machine_identity import LOOK_LIMIT, OpenSource, look
from agent.settings import IdentitySettings, PairSettings
from hw.contract import HardwareError
from hw.machine import NEED_NO_PLACE, source_opener

_NOTHING_TOLD: Final = PairSettings(key="")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    """One key's sources; `choice` is what came of them, or why nothing did."""

    pair: PairSettings
    verdicts: tuple[Verdict, ...]
    choice: Choice | AgentError | HardwareError

    @property
    def used(self) -> str | None:
        return self.choice.source if isinstance(self.choice, Choice) else None


def show(
    config_path: str,
    *,
    as_json: bool,
    open_source: OpenSource | None = None,
    limit: float = LOOK_LIMIT,
) -> int:
    """Print the report; it takes `limit` seconds at most. Raises HardwareError where the agent
    would wait, ConfigError where it would end: what is known is printed before."""
    settings = config.load(config_path).identity
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    opener = open_source or source_opener(credentials_directory=directory)
    keys, others = _survey(settings, opener, limit)
    trouble = [key.choice for key in keys if isinstance(key.choice, Exception)]
    uuid = None if trouble else _uuid(settings, keys)
    if as_json:
        print(json.dumps(_as_json(uuid, keys, others), indent=2), flush=True)
    else:
        print("\n".join(map(printable, _lines(uuid, keys, others))), flush=True)
    if trouble:
        raise trouble[0]
    return 0


def _survey(
    settings: IdentitySettings, open_source: OpenSource, limit: float
) -> tuple[list[_Key], tuple[Verdict, ...]]:
    """Everything is looked at once, so that it takes as long as the slowest source."""
    configured = [(pair, name) for pair in settings.pairs for name in pair.sources]
    left = [name for name in NEED_NO_PLACE if name not in {name for _, name in configured}]
    asked = [*configured, *((_NOTHING_TOLD, name) for name in left)]
    verdicts = list(look([open_source(name, pair) for pair, name in asked], limit=limit))
    keys = []
    for pair in settings.pairs:
        own = tuple(
            verdict for (asker, _), verdict in zip(asked, verdicts, strict=True) if asker is pair
        )
        keys.append(_Key(pair=pair, verdicts=own, choice=_choice(pair, own)))
    return keys, tuple(verdicts[len(configured) :])


def _choice(
    pair: PairSettings, verdicts: tuple[Verdict, ...]
) -> Choice | AgentError | HardwareError:
    if pair.value is not None:
        return Choice(value=pair.value, source=FIXED, verdicts=())
    try:
        return choose(pair.key, verdicts)
    except (AgentError, HardwareError) as error:
        return error


def _uuid(settings: IdentitySettings, keys: list[_Key]) -> str:
    values = ((key.pair.key, key.choice.value) for key in keys if isinstance(key.choice, Choice))
    return str(build(settings.vendor, tuple(values)))


def _word(verdict: Verdict, used: str | None) -> str:
    if verdict.trouble is not None:
        return "unreadable"
    if verdict.reading is None:
        return "absent"
    if not verdict.accepted:
        return "refused"
    return "used" if verdict.source == used else "valid"


def _lines(uuid: str | None, keys: list[_Key], others: tuple[Verdict, ...]) -> Iterator[str]:
    for key in keys:
        yield key.pair.key
        if key.pair.value is not None:
            yield _line("used", FIXED, ascii(key.pair.value))
        for verdict in key.verdicts:
            yield _line(_word(verdict, key.used), verdict.source, _said(verdict))
    if others:
        yield "not configured"
        for verdict in others:
            yield _line(_word(verdict, None), verdict.source, _said(verdict))
    yield uuid or "no device UUID"


def _line(word: str, source: str, said: str) -> str:
    return f"  {word:<10}  {source:<18}  {said}".rstrip()


def _said(verdict: Verdict) -> str:
    if verdict.reading is None:
        return verdict.trouble or ""
    said = f"{verdict.reading.value!a} from {verdict.reading.source}"
    return f"{said}: {verdict.refused}" if verdict.refused else said


def _as_json(
    uuid: str | None, keys: list[_Key], others: tuple[Verdict, ...]
) -> Mapping[str, object]:
    return {
        "uuid": uuid,
        "pairs": [
            {
                "key": key.pair.key,
                "value": key.choice.value if isinstance(key.choice, Choice) else None,
                "source": key.used,
                "reason": str(key.choice) if isinstance(key.choice, Exception) else None,
                "sources": [_facts(verdict, key.used) for verdict in key.verdicts],
            }
            for key in keys
        ],
        "not_configured": [_facts(verdict, None) for verdict in others],
    }


def _facts(verdict: Verdict, used: str | None) -> Mapping[str, str | None]:
    reading = verdict.reading
    return {
        "source": verdict.source,
        "verdict": _word(verdict, used),
        "value": None if reading is None else reading.value,
        "from": None if reading is None else reading.source,
        "reason": verdict.trouble or verdict.refused,
    }
