"""A grant as the JSON text that is sealed into a record.

A version may add members: the one before ignores them, and this one does without them. So an update
and the way back cost nothing but what was added.
"""

import json
from dataclasses import asdict, replace
from typing import Final

from agent.identity import Provenance
from agent.oauth.events import Grant
from agent.secret import Secret

SIZE_LIMIT: Final = 3948  # B; a slot of 4096 less header (128), length (4) and tag (16)


class RecordTooLarge(ValueError):
    """The grant does not fit into a slot; the message gives both sizes."""


def stored_form(grant: Grant) -> Grant:
    """The grant as a slot will give it back. What does not fit goes: first where the serial number
    came from, which nothing depends on, then the predecessor, which only helps after a power cut
    in mid-rotation. Raises RecordTooLarge.
    """
    if len(encode(grant)) > SIZE_LIMIT:
        grant = replace(grant, provenance=())
    if len(encode(grant)) > SIZE_LIMIT:
        grant = replace(grant, previous_refresh_token=None)
    if (size := len(encode(grant))) > SIZE_LIMIT:
        raise RecordTooLarge(f"the grant takes {size} bytes, a record holds {SIZE_LIMIT}")
    return grant


def encode(grant: Grant) -> bytes:
    previous = grant.previous_refresh_token
    members: dict[str, object] = {
        "refresh_token": grant.refresh_token.reveal(),
        "issuer": grant.issuer,
        "client_id": grant.client_id,
        "uuid": grant.uuid,
        "previous_refresh_token": None if previous is None else previous.reveal(),
        "scope": grant.scope,
        "obtained_at": grant.obtained_at,
    }
    if grant.provenance:
        members["provenance"] = [asdict(each) for each in grant.provenance]
    return json.dumps(members, separators=(",", ":")).encode()


def decode(text: bytes) -> Grant | None:
    """None if authentic bytes are no grant: a later version may write what this one cannot read.
    Members it adds are ignored, which is what lets it add them.
    """
    try:
        members = json.loads(text)
        return Grant(
            refresh_token=Secret(_text(members["refresh_token"])),
            issuer=_text(members["issuer"]),
            client_id=_text(members["client_id"]),
            uuid=_text(members["uuid"]),
            previous_refresh_token=_optional_secret(members["previous_refresh_token"]),
            scope=None if members["scope"] is None else _text(members["scope"]),
            obtained_at=_number(members["obtained_at"]),
            provenance=_provenance(members.get("provenance", ())),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _provenance(found: object) -> tuple[Provenance, ...]:
    """Empty if it is missing, or in a form of a later version: no reason to lose a grant."""
    try:
        return tuple(
            Provenance(
                key=_text(each["key"]),
                value=_text(each["value"]),
                source=_text(each["source"]),
                seen_at=_number(each["seen_at"]),
            )
            for each in _list(found)
        )
    except (KeyError, TypeError):
        return ()


def _list(value: object) -> list[dict[str, object]]:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise TypeError(type(value))
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(type(value))
    return value


def _optional_secret(value: object) -> Secret | None:
    return None if value is None else Secret(_text(value))


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(type(value))
    return value
