"""A payment with pos-agent, in Python with the agent's client library.

    python payment.py pay https://connect.secucard.com/api/v2 1250
    python payment.py events

Exit codes: 0 paid; 1 not paid; 2 wrong usage; 3 nobody knows: look the payment up before the
customer pays again. A refused token costs nothing: the library tells the agent, and repeats the
call once with the next one.
"""

import json
import sys
import time

import httpx

from agent.supply.client import SupplyError, TokenAuth, events, hold

PAID, NOT_PAID, USAGE, UNKNOWN = range(4)
PAYMENT = 150  # s; how long the cardholder may take
HOLD = 180  # s; longer than a payment, with what comes before. The agent grants up to 300
LOOKS = 3  # a second apart, for what became of a payment


def pay(base: str, cents: int) -> int:
    """Pay with a token that is not renewed while the cardholder is at it."""
    try:
        with hold(HOLD, wait=10) as held:
            if held.less:
                complain(f"held for {held.expires_in} s: {held.less}")
            with httpx.Client(auth=held.auth, timeout=PAYMENT) as api:
                return start(api, base, create(api, base, cents))
    except (SupplyError, httpx.HTTPError, ValueError) as error:
        complain(f"not paid: {error}")
        return NOT_PAID


def create(api: httpx.Client, base: str, cents: int) -> str:
    """The new payment's id."""
    basket = {"basket_info": {"sum": cents, "currency": "EUR"}}
    answer = api.post(f"{base}/Smart/Transactions", json=basket)
    answer.raise_for_status()
    return member(answer, "id")


def start(api: httpx.Client, base: str, payment: str) -> int:
    """Ask the cardholder; the answer comes when that is done."""
    try:
        answer = api.post(f"{base}/Smart/Transactions/{payment}/start/cashless")
        # A "no" is one only if the token was not refused: by then the cardholder may have begun.
        if answer.is_client_error and not answer.history and not token_refused(answer):
            complain(f"not paid: {answer.status_code}")
            return NOT_PAID
        answer.raise_for_status()
        status: str | None = member(answer, "status")
    except (SupplyError, httpx.HTTPError, ValueError) as error:  # silence is no "no"
        complain(f"no answer: {error}")
        status = look_up(api, f"{base}/Smart/Transactions/{payment}")
    if status is None:
        complain(f"nobody knows: look up {payment} before the customer pays again")
        return UNKNOWN
    if status != "ok":
        complain(f"not paid: {status}")
        return NOT_PAID
    print(f"paid {payment}")
    return PAID


def look_up(api: httpx.Client, url: str) -> str | None:
    """How the payment ended; None while the cardholder may be at it, or if the API cannot tell.

    A question needs no hold, and the held token may be dead by now.
    """
    for _ in range(LOOKS):
        time.sleep(1)
        try:
            answer = api.get(url, auth=TokenAuth(min_ttl=10), timeout=10)
            answer.raise_for_status()
            if (status := member(answer, "status")) in ("ok", "failed"):
                return status
        except (SupplyError, httpx.HTTPError, ValueError) as error:
            complain(f"no answer: {error}")
    return None


def token_refused(answer: httpx.Response) -> bool:
    """RFC 6750 section 3.1 says 401; Secucard says 403 with the code 2003."""
    code = answer.json().get("code") if answer.status_code == 403 else None
    return answer.status_code == 401 or code == 2003


def member(answer: httpx.Response, name: str) -> str:
    """A text of the answer's. Raises ValueError where there is none."""
    members = answer.json()
    if not isinstance(members, dict) or not isinstance(found := members.get(name), str):
        raise ValueError(f"the answer has no {name}")
    return found


def follow() -> int:
    """Print what changes, over restarts of the agent, until the program is stopped."""
    try:
        for event in events():
            print(event.kind, json.dumps(event.data), flush=True)
    except SupplyError as error:
        complain(f"no events: {error}")
    return NOT_PAID


def complain(text: str) -> None:
    print(text, file=sys.stderr)


def main(argv: list[str]) -> int:
    match argv:
        case ["pay", base, cents] if cents.isdecimal():
            return pay(base, int(cents))
        case ["events"]:
            return follow()
        case _:
            complain("usage: payment.py pay https://API CENTS | payment.py events")
            return USAGE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
