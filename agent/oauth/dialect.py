"""The two ways of saying the same thing, as data.

A dialect is configured, never found by trying: a fallback would send the client secret to a place
it was not meant for. Sources: RFC 8628 sections 3.1, 3.2 and 3.4; Secucard Connect's public
documentation of device authentication.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one family of servers names and does things."""

    name: str
    code_grant: str | None  # grant_type of the device authorization request, if it has one
    code_has_uuid: bool
    takes_scope: bool
    poll_grant: str
    device_code_field: str
    verification_uri_fields: tuple[str, ...]  # first found wins
    rotates_refresh_token: bool  # a renewal may bring a successor
    renewal_ends_old_token: bool  # a new access token voids the one in somebody's hand
    tokenless_poll_is_transient: bool  # a 200 without a token breaks RFC 6749; here it may pass


SECUCARD: Final = Dialect(
    name="secucard",
    code_grant="device",
    code_has_uuid=True,
    takes_scope=False,
    poll_grant="device",
    device_code_field="code",
    verification_uri_fields=("verification_url", "verification_uri"),
    rotates_refresh_token=False,
    renewal_ends_old_token=True,
    tokenless_poll_is_transient=True,
)

RFC8628: Final = Dialect(
    name="rfc8628",
    code_grant=None,
    code_has_uuid=False,
    takes_scope=True,
    poll_grant="urn:ietf:params:oauth:grant-type:device_code",
    device_code_field="device_code",
    verification_uri_fields=("verification_uri", "verification_url"),
    rotates_refresh_token=True,
    renewal_ends_old_token=False,
    tokenless_poll_is_transient=False,
)

BY_NAME: Final = {dialect.name: dialect for dialect in (SECUCARD, RFC8628)}
