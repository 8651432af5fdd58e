"""Every way the sandbox's token endpoint says no, in one table.

Descriptions marked *documented* are those of Secucard's public documentation and SDK test data.
The others are guesses, marked so and listed in docs/sandbox.md: four documented strings are those
of the PHP library bshaffer/oauth2-server-php, so where nothing is documented its wording is used.
RFC 8628 mode answers with the status codes of RFC 6749 section 5.2 instead.
"""

from dataclasses import dataclass
from typing import Final, Literal

Dialect = Literal["secucard", "rfc8628"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An RFC 6749 section 5.2 error: status and the two members of its body."""

    error: str
    description: str
    status: int = 400
    rfc_status: int = 400

    def status_in(self, dialect: Dialect) -> int:
        return self.status if dialect == "secucard" else self.rfc_status


# -- documented -----------------------------------------------------------------------------------

INVALID_CLIENT: Final = Refusal(
    error="invalid_client", description="The client credentials are invalid", rfc_status=401
)
NO_CLIENT: Final = Refusal(
    error="invalid_client",
    description="Client credentials were not found in the headers or body",
    rfc_status=401,
)
NO_GRANT_TYPE: Final = Refusal(
    error="invalid_request", description="The grant type was not specified in the request"
)
NO_UUID_OR_CODE: Final = Refusal(
    error="invalid_request", description='Missing parameters: "uuid" or "code" required'
)
INVALID_DEVICE: Final = Refusal(
    error="invalid_device", description="device with given uuid not configured", status=401
)


def unsupported_grant_type(grant_type: str) -> Refusal:
    return Refusal(
        error="unsupported_grant_type", description=f'Grant type "{grant_type}" not supported'
    )


# -- guessed --------------------------------------------------------------------------------------

# Status and error are known from the SDKs, the text is not.
AUTHORIZATION_PENDING: Final = Refusal(
    error="authorization_pending",
    description="The authorization request is still pending",
    status=401,
)
# Known: one SDK takes every 400 while polling for a timeout. Guessed: the error and its text.
CODE_EXPIRED: Final = Refusal(error="invalid_grant", description="The device code has expired")
CODE_UNKNOWN: Final = Refusal(
    error="invalid_grant", description="Device code doesn't exist or is invalid for the client"
)
# Nothing is known about a merchant saying no; RFC 8628's word lets clients be tried against it.
ACCESS_DENIED: Final = Refusal(
    error="access_denied", description="The end-user denied the authorization request"
)
# Inferred from the library's wording.
INVALID_REFRESH_TOKEN: Final = Refusal(error="invalid_grant", description="Invalid refresh token")
REFRESH_TOKEN_EXPIRED: Final = Refusal(
    error="invalid_grant", description="Refresh token has expired"
)
NO_REFRESH_TOKEN: Final = Refusal(
    error="invalid_request", description='Missing parameter: "refresh_token" is required'
)
POST_ONLY: Final = Refusal(
    error="invalid_request",
    description="The request method must be POST when requesting an access token",
    status=405,
    rfc_status=405,
)
# Known: a failed device_pin answers 400.
NO_PIN: Final = Refusal(
    error="invalid_request", description='Missing parameters: "uuid" and "device_pin" required'
)
INVALID_PIN: Final = Refusal(error="invalid_grant", description="Invalid device pin")

# -- RFC 8628 only --------------------------------------------------------------------------------

SLOW_DOWN: Final = Refusal(error="slow_down", description="Polling faster than the interval allows")
EXPIRED_TOKEN: Final = Refusal(error="expired_token", description="The device code has expired")
NO_DEVICE_CODE: Final = Refusal(
    error="invalid_request", description='Missing parameter: "device_code" is required'
)
REPEATED: Final = Refusal(
    error="invalid_request", description="A parameter is repeated, or the body is not a form"
)
