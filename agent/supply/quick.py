"""`pos-agent token`: a token on standard output, as fast as Python starts.

Imports next to nothing and parses its four options by hand, because a script may call it for every
payment.
"""

import sys

from agent.supply import local
from agent.supply.errors import AgentUnreachable, NotAllowed

OK = 0
USAGE = 2
UNREACHABLE = 3
PAIRING_NEEDED = 4
UNAVAILABLE = 5
NOT_ALLOWED = 6

_HELP = """\
usage: pos-agent token [--format raw|json|header] [--min-ttl SECONDS] [--socket PATH]

Print an access token from the running agent.

  --format raw     the token alone (default)
  --format json    the agent's answer: access_token, expires_in, degraded, ...
  --format header  a line for curl: Authorization: Bearer ...
  --min-ttl N      ask for a token that lives at least N seconds (default 60)
  --socket PATH    the agent's socket (default $POS_AGENT_SOCKET, then {default})

Exit codes: 0 token printed; 2 wrong usage; 3 agent not reachable; 4 a person has to pair the
terminal; 5 no token at the moment, try again; 6 this user may not ask.
"""

_EXIT = {403: NOT_ALLOWED, 409: PAIRING_NEEDED, 400: USAGE}


def main(argv: list[str]) -> int:
    """`argv` without the program and the word `token`. Never raises; returns the exit code."""
    if "-h" in argv or "--help" in argv:
        sys.stdout.write(_HELP.format(default=local.DEFAULT_SOCKET))
        return OK
    options = {"--format": "raw", "--min-ttl": "60", "--socket": ""}
    wrong = _read(argv, options)
    if wrong is not None:
        return _fail(USAGE, f"{wrong}; pos-agent token --help explains")
    try:
        status, answer = local.request(
            options["--socket"] or local.socket_path(),
            "GET",
            f"/v1/token?min_ttl={options['--min-ttl']}",
            timeout=40.0,
        )
    except AgentUnreachable as exc:
        return _fail(UNREACHABLE, str(exc))
    except NotAllowed as exc:
        return _fail(NOT_ALLOWED, str(exc))
    if status != 200:
        return _fail(_EXIT.get(status, UNAVAILABLE), _advice(status, answer))
    return _print(options["--format"], answer)


def _read(argv: list[str], options: dict[str, str]) -> str | None:
    """Fill in the options; what is wrong with them, or None."""
    words = iter(argv)
    for word in words:
        name, equals, value = word.partition("=")
        if name not in options:
            return f"unknown argument {word!r}"
        options[name] = value if equals else next(words, "")
        if not options[name]:
            return f"{name} needs a value"
    if options["--format"] not in ("raw", "json", "header"):
        return "--format is raw, json or header"
    if not options["--min-ttl"].isdecimal():
        return "--min-ttl is a number of seconds"
    return None


def _advice(status: int, answer: dict[str, object]) -> str:
    detail = answer.get("detail", f"status {status}")
    if status == 409:
        return f"{detail}. The code to approve is on the customer display"
    if status == 403:
        return f"{answer.get('title', 'refused')}: {detail}"
    return f"{answer.get('title', 'no token')}: {detail}. `pos-agent status` tells more"


def _print(form: str, answer: dict[str, object]) -> int:
    if answer.get("degraded"):
        sys.stderr.write(f"pos-agent: {answer['degraded']}\n")
    if form == "json":
        import json  # noqa: PLC0415 - loaded already, by local

        line = json.dumps(answer)
    else:
        line = f"{'Authorization: Bearer ' if form == 'header' else ''}{answer['access_token']}"
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except OSError as exc:
        return _fail(UNAVAILABLE, f"cannot print the token: {exc.strerror}")
    return OK


def _fail(code: int, message: str) -> int:
    sys.stderr.write(f"pos-agent: {message}\n")
    return code
