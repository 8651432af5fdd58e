"""`display adopt`: writes the local udev rule that makes a port /dev/pos/display."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Final

from agent.cli_talk import printable
from agent.display_tools import adopting, listing
from agent.display_tools.adopting import By, Role, Rule
from agent.errors import AgentError
from hw.display import discovery, users
from hw.display.ports import Port

RULES: Final = "/etc/udev/rules.d/65-pos-display.rules"

Command = Callable[[Sequence[str]], int]
"""Runs a program; its exit code."""


def run(
    device: str,
    *,
    by: By | None,
    role: Role,
    dry_run: bool,
    rules: str = RULES,
    euid: int,
    command: Command,
    root: str = "/",
) -> int:
    """Adopt a port, or say what would be done. 1 if udev did not make the name."""
    name = f"/dev/pos/{role}"
    everything = discovery.ports(root)
    port = _port(device, everything)
    if name in port.names:
        print(f"{port.device} is {name} already")
        return 0
    if (taken := next((other for other in everything if name in other.names), None)) is not None:
        raise AgentError(
            f"{name} is {taken.device}: unplug that, or remove its line from {rules}, first"
        )
    rule = adopting.rule(port, everything, by=by, role=role)
    print(f"{port.device} is known by {printable(rule.by)}:\n\n  {rule.line}\n")
    if not dry_run:
        if euid != 0:
            raise AgentError(f"only root may write {rules}: sudo pos-agent display adopt {device}")
        _write(rules, port, rule)
    code = _make_it_so(port, name, command=command, rules=rules, dry_run=dry_run, root=root)
    _advise(_present(port, root), root)
    return code


def run_program(words: Sequence[str]) -> int:
    """Run a program with this terminal's output; 127 if it is not there, as in a shell."""
    try:
        return subprocess.run(words, check=False).returncode
    except OSError:
        return 127


def _port(device: str, everything: tuple[Port, ...]) -> Port:
    node = os.path.realpath(device)
    found = next((port for port in everything if port.device in (device, node)), None)
    if found is None:
        known = ", ".join(port.device for port in everything) or "none"
        raise AgentError(f"{device} is no serial or printer port; there are: {known}")
    return found


# -- the rule file --------------------------------------------------------------------------------


def _write(path: str, port: Port, rule: Rule) -> None:
    """Whole or not at all; what else is in the file stays."""
    try:
        before = _content(path)
        after = adopting.merged(before, rule, about=_about(port))
        if after != before:
            _replace(path, after)
    except OSError as error:
        raise AgentError(f"{path}: {error.strerror}; nothing was changed") from error
    print(f"{'Written to' if after != before else 'It is already in'} {path}")


def _about(port: Port) -> str:
    usb = port.usb
    words = (port.device,) if usb is None else (usb.maker or "", usb.product or "", usb.usb)
    return printable(" ".join(words).encode("ascii", "replace").decode())


def _content(path: str) -> str:
    if os.path.islink(path):
        raise AgentError(f"{path} is a link, perhaps to switch the file off: it is left alone")
    with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as file:
        return file.read()
    return ""


def _replace(path: str, text: str) -> None:
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    draft = os.path.join(folder, f".{os.path.basename(path)}.{os.getpid()}")
    try:
        with open(draft, "x", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o644)  # whatever the umask: everybody may know
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.rename(draft, path)
    except OSError:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)
        raise
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


# -- udev -----------------------------------------------------------------------------------------


def _make_it_so(
    port: Port, name: str, *, command: Command, rules: str, dry_run: bool, root: str
) -> int:
    """Let udev read the rule and look at the port again."""
    reload = ("udevadm", "control", "--reload")
    trigger = ("udevadm", "trigger", "--settle", "--action=change", f"--name-match={port.device}")
    both = " && ".join(map(" ".join, (reload, trigger)))
    if dry_run:
        print(f"Nothing was changed. It would go into {rules}, and then: {both}")
        return 0
    print(f"To undo: remove that line, then: {both}")
    if command(reload) != 0 or command(trigger) != 0:
        print(f"pos-agent: udev was not told; run as root: {both}", file=sys.stderr)
        return 1
    if name not in _present(port, root).names:
        print(
            f"pos-agent: udev did not make {name}; is udev/70-pos-agent.rules installed?"
            " `journalctl -u systemd-udevd` tells more",
            file=sys.stderr,
        )
        return 1
    print(f"{port.device} is {name} now")
    return 0


def _present(port: Port, root: str) -> Port:
    """The port as it is by now."""
    return next((each for each in discovery.ports(root) if each.device == port.device), port)


def _advise(port: Port, root: str) -> None:
    if port.kind == "uart":
        family = port.device.removeprefix("/dev/").rstrip("0123456789")
        print(
            "The service may not open the board's own ports: systemctl edit pos-agent, and write"
            f" [Service] and DeviceAllow=char-{family} rw"
        )
    seen = users.look(root)
    for text in listing.beware(listing.used(port, seen, root), seen):
        print(f"Beware: {printable(text)}")
