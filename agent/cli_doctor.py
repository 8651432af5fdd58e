"""`pos-agent doctor`: which probes there are, in the order a technician would look."""

import os
import time
from collections.abc import Iterator
from functools import partial

from agent import config, doctor, doctor_display, doctor_network
from agent import doctor_probes as probes
from agent.build_display import build_line_display
from agent.cli_talk import printable
from agent.display import language
from agent.display.paper import paper_for
from agent.doctor import Finding, ok, problem
from agent.errors import ConfigError
from agent.settings import DisplaySettings, Settings
from hw.display.profile import ProfileError
from hw.machine import source_opener


def run(path: str) -> int:
    """Print every finding; 1 if one has to be mended."""
    findings = list(_findings(path))
    for line in doctor.report(findings):
        print(printable(line))
    return doctor.exit_code(findings)


def _findings(path: str) -> Iterator[Finding]:
    yield from probes.bounded("user", partial(probes.user, os.geteuid()))
    yield doctor.clock(time.time())
    try:
        settings = config.load(path)
    except ConfigError as error:
        for text in (str(error), *getattr(error, "__notes__", ())):
            yield problem("config", text, "then look again; the other findings need the file")
        return
    yield ok("config", f"{path} can be used; `pos-agent config check` prints it")
    yield from _of_settings(settings)


def _of_settings(settings: Settings) -> Iterator[Finding]:
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    opener = source_opener(credentials_directory=directory)
    client, euid = settings.client, os.geteuid()
    secret = partial(probes.credential, "secret", client.secret, credentials_directory=directory)
    by_name: list[tuple[str, probes.Probe]] = [
        (
            "identity",
            partial(probes.identity, settings.identity, opener, in_service=directory is not None),
        ),
        ("credentials", secret),
    ]
    if client.pin is not None:
        pin = partial(probes.credential, "pin", client.pin, credentials_directory=directory)
        by_name.append(("credentials", pin))
    by_name.append(("store", partial(probes.store, settings.store, euid)))
    by_name.append(("network", partial(doctor_network.server, settings.server)))
    if settings.display is not None:
        yield from _display(settings, settings.display)
        by_name.append(("display", partial(doctor_display.display, settings.display.port)))
    by_name.append(("socket", partial(probes.agent, settings.supply.socket)))
    for name, probe in by_name:
        yield from probes.bounded(name, probe)


def _display(settings: Settings, display: DisplaySettings) -> Iterator[Finding]:
    """The files of command set and language; touches no port."""
    try:
        opened = build_line_display(display)
        paper_for(opened, language.load(settings.language, settings.languages))
    except ProfileError as error:
        yield problem("display", str(error), "see docs/hardware.md; `pos-agent display check FILE`")
    except ConfigError as error:
        for text in (str(error), *getattr(error, "__notes__", ())):
            yield problem("display", text, "correct the file of the language; docs/display.md")
