"""Where a server's endpoints are, from its own metadata (RFC 8414).

Nothing in the document is believed that could send the client's credentials elsewhere: the issuer
must be the very one asked, and every endpoint must share its origin. A server that needs more than
that gets its endpoints by configuration.
"""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from agent.errors import ServerViolation
from agent.oauth import fields
from agent.oauth.answer import Answer
from agent.oauth.request import AuthMethod, Endpoints
from agent.oauth.strict_json import NotJson, decode

_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_SHOWN: Final = 80  # characters of a server's words in a message


def metadata_urls(issuer: str) -> tuple[str, ...]:
    """Where to look, in this order: RFC 8414 section 3.1, then OpenID Connect's older place."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    well_known = f"/.well-known/oauth-authorization-server{path}"
    return (
        parts._replace(path=well_known).geturl(),
        parts._replace(path=f"{path}/.well-known/openid-configuration").geturl(),
    )


def read_metadata(issuer: str, answer: Answer) -> Endpoints:
    """The endpoints of exactly this issuer.

    Raises ServerViolation for anything else: a missing or foreign endpoint, another issuer, an
    unprotected address, no way of client authentication this agent speaks.
    """
    if answer.status != 200:
        raise ServerViolation(f"the metadata of {issuer} were answered with HTTP {answer.status}")
    members = decode(answer.body)
    if isinstance(members, NotJson):
        raise ServerViolation(f"the metadata of {issuer} are unreadable: {members.reason}")
    if members.get("issuer") != issuer:
        named = fields.printable(members.get("issuer"), _SHOWN) or "none"
        raise ServerViolation(f"the metadata of {issuer} name another issuer: {named}")
    return Endpoints(
        issuer=issuer,
        token=_endpoint(issuer, members, "token_endpoint"),
        device_authorization=_endpoint(issuer, members, "device_authorization_endpoint"),
        auth_method=_auth_method(issuer, members),
    )


def _endpoint(issuer: str, members: Mapping[str, object], name: str) -> str:
    url = fields.web_address(members.get(name))
    if url is None:
        raise ServerViolation(f"the metadata of {issuer} have no usable {name}")
    parts = urlsplit(url)
    if parts.scheme != "https" and not _loopback(parts):
        raise ServerViolation(f"{name} of {issuer} is not https: {url[:_SHOWN]}")
    if _origin(parts) != _origin(urlsplit(issuer)):
        raise ServerViolation(f"{name} of {issuer} is at another origin: {url[:_SHOWN]}")
    return url


def _auth_method(issuer: str, members: Mapping[str, object]) -> AuthMethod:
    """RFC 8414 section 2: a server that says nothing means client_secret_basic."""
    offered = members.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    offered = offered if isinstance(offered, list) else []
    if "client_secret_post" in offered or "none" in offered:
        return "client_secret_post"
    if "client_secret_basic" in offered:
        return "client_secret_basic"
    raise ServerViolation(
        f"{issuer} offers neither client_secret_post nor client_secret_basic"
        " (token_endpoint_auth_methods_supported)"
    )


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)


def _loopback(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
