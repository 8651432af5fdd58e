"""Everything that crosses the line to the authorization server, in one place to import from.

`request` makes the forms, `answer` turns what comes back into events, `classify` holds the table
that says what an answer means, `dialect` what differs between servers. All of it is pure.
"""

from agent.oauth.answer import (
    Answer,
    read_code_answer,
    read_owner,
    read_poll_answer,
    read_refresh_answer,
)
from agent.oauth.dialect import BY_NAME, RFC8628, SECUCARD, Dialect
from agent.oauth.discovery import metadata_urls, read_metadata
from agent.oauth.request import (
    AuthMethod,
    Endpoints,
    Request,
    client_credentials_request,
    code_request,
    device_pin_request,
    poll_request,
    refresh_request,
)

__all__ = [
    "BY_NAME",
    "RFC8628",
    "SECUCARD",
    "Answer",
    "AuthMethod",
    "Dialect",
    "Endpoints",
    "Request",
    "client_credentials_request",
    "code_request",
    "device_pin_request",
    "metadata_urls",
    "poll_request",
    "read_code_answer",
    "read_metadata",
    "read_owner",
    "read_poll_answer",
    "read_refresh_answer",
    "refresh_request",
]
