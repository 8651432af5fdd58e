"""The grant a start begins with: what the storage has, and whether it is for this terminal."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from agent import journal
from agent.clock import Clock
from agent.errors import StoreCorrupt, StoreError, StoreForeign
from agent.journal import Line
from agent.oauth.backoff import backoff
from agent.oauth.events import Grant
from agent.oauth.pairing import Rules
from agent.situation import Failed
from agent.store.interface import Storage

STORE_UNREADABLE: Final = "S201"  # support code


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """`grant`: one that may be used, or None. `changed`: there is one of another serial number, so
    people are told why a terminal that was paired shows a code. `lines` are for the log."""

    grant: Grant | None = None
    changed: bool = False
    lines: tuple[Line, ...] = ()


async def stored_grant(
    storage: Storage, rules: Rules, clock: Clock, *, on_trouble: Callable[[Line, Failed], None]
) -> Found:
    """Ask the storage. A medium that cannot be read is waited for: pairing on it would end in a
    grant that cannot be saved either."""
    failures = 0
    while True:
        try:
            return judged(await asyncio.to_thread(storage.load), rules)
        except StoreForeign as exc:
            return Found(changed=True, lines=(_changed(rules, str(exc)),))
        except StoreCorrupt as exc:
            return Found(lines=(Line("store.corrupt", (("reason", str(exc)),)),))
        except StoreError as exc:
            failures += 1
            on_trouble(
                Line("store.unreadable", (("reason", str(exc)),)),
                Failed(support_code=STORE_UNREADABLE, reason=str(exc)),
            )
            await clock.sleep(backoff(failures).at_most)


def judged(grant: Grant | None, rules: Rules) -> Found:
    """A refresh token is shown only to the server, for the client and terminal it is from."""
    if grant is None:
        return Found()
    mine = (rules.issuer, rules.client_id, rules.uuid)
    if (grant.issuer, grant.client_id, grant.uuid) == mine:
        return Found(
            grant=grant, lines=tuple(journal.of_identity(grant.provenance, rules.provenance))
        )
    fields = (("issuer", grant.issuer), ("client_id", grant.client_id), ("uuid", grant.uuid))
    foreign = Line("grant.foreign", fields)
    if grant.uuid == rules.uuid:
        return Found(lines=(foreign,))
    why = _changed(rules, f"the stored grant is of {grant.uuid}")
    return Found(changed=True, lines=(why, foreign))


def _changed(rules: Rules, reason: str) -> Line:
    return Line("identity.changed", (("uuid", rules.uuid), ("reason", reason)))
