"""A sample payment program: what a terminal's payment software does with pos-agent.

    python -m agent.demo.payment --socket token.sock --api http://127.0.0.1:8765/api/v2 --cents 1250

It never sees a refresh token, never stores a token and never renews one: `TokenAuth` asks the
agent before every request.
"""

import argparse
import sys
import time
from collections.abc import Callable

import httpx

from agent.supply.client import TokenAuth
from agent.supply.errors import SupplyError, TokenUnavailable

_LONGEST_CALL = 60.0  # s; start/cashless answers when the cardholder is done
_PATIENCE = 15.0  # s; an agent that has just started fetches its first token


def main(argv: list[str] | None = None) -> int:
    """Pay once. Exit status 0 when the payment went through."""
    parser = argparse.ArgumentParser(prog="payment")
    parser.add_argument("--socket", required=True)
    parser.add_argument("--api", required=True)
    parser.add_argument("--cents", type=int, default=1250)
    parser.add_argument("--min-ttl", type=int, default=5, help="longest call, seconds")
    given = parser.parse_args(argv)
    auth = TokenAuth(given.socket, min_ttl=given.min_ttl)
    try:
        with httpx.Client(auth=auth, timeout=_LONGEST_CALL, trust_env=False) as api:
            payment = patiently(lambda: create(api, given.api, given.cents))
            print(f"{given.cents / 100:.2f} EUR: {pay(api, given.api, payment)}")
    except (httpx.HTTPError, SupplyError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def create(api: httpx.Client, url: str, cents: int) -> str:
    """A transaction's id."""
    basket = {"basket_info": {"sum": cents, "currency": "EUR"}}
    answer = api.post(f"{url}/Smart/Transactions", json=basket)
    answer.raise_for_status()
    return str(answer.json()["id"])


def pay(api: httpx.Client, url: str, payment: str) -> str:
    """Let the cardholder pay; how it went."""
    answer = api.post(f"{url}/Smart/Transactions/{payment}/start/cashless")
    answer.raise_for_status()
    return str(answer.json()["status"])


def patiently(call: Callable[[], str]) -> str:
    """Call again when the agent says there is no token yet, as late as it asks for.

    Only what does no harm when repeated: not the payment itself.
    """
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            return call()
        except TokenUnavailable as unavailable:
            if time.monotonic() + unavailable.retry_after > end:
                raise
            time.sleep(unavailable.retry_after)


if __name__ == "__main__":
    sys.exit(main())
