"""TLS servers with certificates of their own authority, as they are and as they should not be."""

import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import trustme

DAY = datetime.timedelta(days=1)


@contextmanager
def listening(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A TCP server on a free port that gives each connection to `answer`, then closes it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):  # the listener is shut down when the test is over
                while True:
                    connection, _ = listener.accept()
                    with connection, suppress(OSError):
                        connection.settimeout(5)
                        answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def secured(
    authority: trustme.CA, host: str = "localhost", *, begins: int = -1, ends: int = 30
) -> ssl.SSLContext:
    """A server's side of TLS; its certificate begins and ends that many days from now."""
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(
        host, not_before=now + begins * DAY, not_after=now + ends * DAY
    ).configure_cert(context)
    return context


@contextmanager
def tls_server(context: ssl.SSLContext) -> Iterator[int]:
    """Shakes hands and hangs up."""

    def answer(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as stream:
            stream.recv(1)

    with listening(answer) as port:
        yield port


def bundle(authority: trustme.CA, directory: Path) -> str:
    """The authority's certificate as a PEM file."""
    path = directory / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)
