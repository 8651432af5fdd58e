"""The slip of paper that helps to pair: what is on it. Pure.

It is an addition to the display, never instead of it: the code is on both. A QR code is printed
only of an https address that fits; with anything else the slip has text alone.
"""

from typing import Final

from agent.display.layout import address, address_pages, wrapped
from agent.display.screens_pairing import minutes_left
from agent.display.texts import RECEIPT, Language
from agent.oauth.fields import web_address
from agent.situation import Pairing
from hw.contract import Slip

LONGEST_QR: Final = (
    331  # characters: QR version 13 at level M, the largest 58 mm paper has room for
)


def slip_for(pairing: Pairing, language: Language, now: float) -> Slip:
    """`now` is CLOCK_BOOTTIME."""
    say = language.wordings
    qr = qr_content(pairing.verification_uri_complete)
    title = say["receipt.title"][0]
    how = say["receipt.scan" if qr else "receipt.open"][0]
    valid = say["receipt.valid"][0].replace("{minutes}", str(minutes_left(pairing.expires_at, now)))
    return Slip(
        title=title,
        qr=qr,
        above=(
            *wrapped(how, RECEIPT),
            *address_pages(address(pairing.verification_uri), RECEIPT),
            f"{say['receipt.code'][0]}:",
        ),
        code=pairing.user_code,
        below=(
            f"{say['receipt.terminal'][0]}: {pairing.terminal}",
            *wrapped(valid, RECEIPT),
            *wrapped(say["receipt.destroy"][0], RECEIPT),
        ),
    )


def qr_content(uri: str | None) -> str | None:
    """The address if it may become a QR code: https, printable ASCII, and not too long."""
    if uri is None or len(uri) > LONGEST_QR or not uri.lower().startswith("https://"):
        return None
    return web_address(uri)
