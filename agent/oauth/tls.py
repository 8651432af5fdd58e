"""Whom the terminal trusts, and how it identifies itself. The environment has no say in either."""

import os
import ssl

from agent.errors import ConfigError


def client_context(ca_file: str | None, certificate: str | None, key: str | None) -> ssl.SSLContext:
    """TLS 1.2 or better, chain and host name checked (RFC 9325). Paths of PEM files.

    `ca_file` replaces the system's CAs; `certificate` and `key` are the client's (RFC 8705).
    Raises ConfigError.
    """
    try:
        context = _trusting(ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(
            f"server.ca_file {ca_file}: no readable PEM certificates in it"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.keylog_filename = None  # type: ignore[assignment]  # SSLKEYLOGFILE would name one
    if certificate is not None:
        try:
            context.load_cert_chain(certificate, key, password="")
        except OSError as error:
            raise ConfigError(
                f"server.client_certificate {certificate}: not readable, or it does not match"
                " its key"
            ) from error
    return context


def _trusting(ca_file: str | None) -> ssl.SSLContext:
    """The system's CAs are named by the paths built into OpenSSL, because those that Python would
    use can be replaced through SSL_CERT_FILE and SSL_CERT_DIR. From a directory OpenSSL loads the
    one it needs; the file with all of them would cost 2 MB for as long as the agent runs.
    """
    if ca_file is not None:
        return ssl.create_default_context(cafile=ca_file)
    system = ssl.get_default_verify_paths()
    if _is_hashed(system.openssl_capath) or not os.path.isfile(system.openssl_cafile):
        return ssl.create_default_context(capath=system.openssl_capath)
    return ssl.create_default_context(cafile=system.openssl_cafile)


def _is_hashed(directory: str) -> bool:
    """Whether OpenSSL finds certificates there by the hash of their subject (c_rehash(1))."""
    try:
        with os.scandir(directory) as found:
            return any(entry.name.endswith(".0") for entry in found)
    except OSError:
        return False
