"""A sample payment program: what a terminal's payment software does with pos-agent.

    python -m agent.demo.payment --socket token.sock --api http://127.0.0.1:8765/api/v2 --cents 1250

It never sees a refresh token, never stores a token and never renews one: `TokenAuth` asks the
agent before every request.
"""

import argparse
import sys

import httpx

from agent.supply.client import TokenAuth
from agent.supply.errors import SupplyError

_LONGEST_CALL = 60.0  # s; start/cashless answers when the cardholder is done


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
            print(pay(api, given.api, given.cents))
    except (httpx.HTTPError, SupplyError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def pay(api: httpx.Client, url: str, cents: int) -> str:
    """Create a transaction, let the cardholder pay it, and say how it went."""
    basket = {"basket_info": {"sum": cents, "currency": "EUR"}}
    created = api.post(f"{url}/Smart/Transactions", json=basket)
    created.raise_for_status()
    started = api.post(f"{url}/Smart/Transactions/{created.json()['id']}/start/cashless")
    started.raise_for_status()
    return f"{cents / 100:.2f} EUR: {started.json()['status']}"


if __name__ == "__main__":
    sys.exit(main())
