"""From settings to an authorization server that can be asked. The daemon's, and `doctor`'s."""

import random

from agent.clock import Clock
from agent.credentials import credential_source, reader
from agent.oauth.dialect import BY_NAME
from agent.oauth.exchange import Discovery, Server
from agent.oauth.transport import Transport
from agent.oauth.wire import Endpoints
from agent.settings import ServerSettings, Settings


def build_server(settings: Settings, *, uuid: str, clock: Clock, rng: random.Random) -> Server:
    """Raises ConfigError for certificates that cannot be loaded."""
    where, client = settings.server, settings.client
    transport = Transport(
        clock=clock,
        deadline=where.deadline,
        ca_file=where.ca_file,
        client_certificate=where.client_certificate,
        client_key=where.client_key,
        proxy=where.proxy,
    )
    return Server(
        dialect=BY_NAME[where.dialect],
        endpoints=_endpoints(where, transport, clock),
        transport=transport,
        credentials=credential_source(client.id, client.secret),
        uuid=uuid,
        scope=where.scope,
        grant=client.grant,
        pin=None if client.pin is None else reader(client.pin),
        owner_endpoint=where.owner_endpoint,
        clock=clock,
        rng=rng,
    )


def _endpoints(where: ServerSettings, transport: Transport, clock: Clock) -> Endpoints | Discovery:
    if where.token_endpoint is None:
        return Discovery(issuer=where.issuer or "", transport=transport, clock=clock)
    return Endpoints(
        issuer=where.issuer or where.token_endpoint,
        token=where.token_endpoint,
        device_authorization=where.device_authorization_endpoint or where.token_endpoint,
    )
