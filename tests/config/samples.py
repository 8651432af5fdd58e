"""Configurations on disk."""

from pathlib import Path

MINIMAL = """
[server]
token_endpoint = "https://auth.example.com/oauth/token"
[client]
id = "client-1"
secret_file = "/etc/pos-agent/client-secret"
[identity]
vendor = "acme"
[[identity.pair]]
key = "serial"
value = "A-4711"
"""


def write(directory: Path, text: str, *, name: str = "config.toml", mode: int = 0o640) -> str:
    """A configuration file with exactly this text and mode."""
    path = directory / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return str(path)


def with_lines(table: str, *lines: str) -> str:
    """The minimal configuration with these lines at the head of a table, instead of its own.
    `!key` only takes that one away."""
    keys = {line.partition(" ")[0].removeprefix("!") for line in lines}
    lines = tuple(line for line in lines if not line.startswith("!"))
    text = "\n".join(line for line in MINIMAL.splitlines() if line.partition(" ")[0] not in keys)
    if not table:
        return "\n".join(lines) + "\n" + text
    head = f"[{table}]"
    if head not in text:
        return text + f"\n{head}\n" + "\n".join(lines) + "\n"
    return text.replace(head, "\n".join((head, *lines)), 1)
