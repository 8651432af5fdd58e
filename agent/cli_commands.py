"""What each command runs; imported when it is called, so that no command pays for another.

Each returns the exit code and raises AgentError or HardwareError with the sentence to print.
"""

import argparse
import sys

from agent.errors import ConfigError


def run(given: argparse.Namespace) -> int:
    from agent.start import start

    return start(given.config)


def config_check(given: argparse.Namespace) -> int:
    from agent import config

    try:
        configuration = config.read(given.config)
    except ConfigError as error:
        for further in getattr(error, "__notes__", ()):
            print(f"pos-agent: {further}", file=sys.stderr)
        raise
    width = max(len(line.key) + len(line.text) for line in configuration.lines) + 3
    for line in configuration.lines:
        print(f"{f'{line.key} = {line.text}':<{min(width, 70)}}  # {line.origin}")
    return 0


def store_inspect(given: argparse.Namespace) -> int:
    from agent import cli_store

    return cli_store.show(given.config, as_json=given.json)


def store_rekey(given: argparse.Namespace) -> int:
    from agent import cli_store

    return cli_store.rekey(given.socket)


def status(given: argparse.Namespace) -> int:
    from agent import cli_talk

    return cli_talk.status(given.socket, as_json=given.json)


def token(given: argparse.Namespace) -> int:
    from agent.supply.quick import main as token

    return token([])


def pair(given: argparse.Namespace) -> int:
    from agent import cli_talk

    return cli_talk.pair(given.socket)


def unpair(given: argparse.Namespace) -> int:
    from agent import cli_talk

    return cli_talk.unpair(given.socket, config=given.config, confirmed=given.yes)


def doctor(given: argparse.Namespace) -> int:
    from agent import cli_doctor

    return cli_doctor.run(given.config)


def identity(given: argparse.Namespace) -> int:
    from agent import cli_identity

    return cli_identity.show(given.config, as_json=given.json)


def display(given: argparse.Namespace) -> int:
    from agent import cli_display

    return cli_display.run(given)


def sandbox(given: argparse.Namespace) -> int:
    from agent.sandbox import main as sandbox

    return sandbox.run(given)


def demo(given: argparse.Namespace) -> int:
    from agent.demo import main as demo

    return demo.run(given)
