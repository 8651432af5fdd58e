"""What a person does in front of the terminal: read a code off the glass, and use the portal.

For the unattended demo. Nothing here looks into the server or the daemon: the glass and the pages
are all there is.
"""

import re
import urllib.request
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urlencode, urljoin

# What published user codes consist of; no word of the screens is made of these alone.
_CODE: Final = re.compile(r"(?<![^\W_])[23456789abcfghjkmnpqstuvwxyz]{8}(?![^\W_])")
_SECONDS = 5.0


def read_code(cells: Sequence[str]) -> str | None:
    """The user code on the glass, if there is exactly one."""
    found = [code for row in cells for code in _CODE.findall(row)]
    return found[0] if len(found) == 1 else None


class Merchant:
    """A merchant's browser without JavaScript."""

    def __init__(self, portal: str) -> None:
        self._portal = portal
        # Never through a proxy: the sandbox is on this machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def approve(self, *, device: str, code: str, merchant: str) -> bool:
        """Pick the device from the list, type the code, press Approve. Whether the portal says so.

        Raises OSError when the portal cannot be used.
        """
        listed = _Page(self._get(self._portal))
        link = listed.link_in_row_of(device)
        if link is None:
            return False
        form = _Page(self._get(urljoin(self._portal, link)))
        typed = {"user_code": code, "merchant": merchant, "verdict": "approve"}
        if not set(typed) <= form.fields:
            return False
        answer = self._get(urljoin(self._portal, form.action), urlencode(typed).encode())
        return "Approved." in answer

    def _get(self, url: str, data: bytes | None = None) -> str:
        with self._opener.open(url, data, timeout=_SECONDS) as answer:
            page: bytes = answer.read()
        return page.decode()


class _Page(HTMLParser):
    """Links by table row, and the one form, of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: set[str] = set()
        self._rows: list[tuple[list[str], list[str]]] = []
        self.feed(html)

    def link_in_row_of(self, text: str) -> str | None:
        for words, links in self._rows:
            if text in words and links:
                return links[0]
        return None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "tr":
            self._rows.append(([], []))
        elif tag == "a" and self._rows:
            self._rows[-1][1].append(given.get("href") or "")
        elif tag == "form":
            self.action = given.get("action") or ""
        elif tag in ("input", "select", "button"):
            self.fields.add(given.get("name") or "")

    def handle_data(self, data: str) -> None:
        if self._rows:
            self._rows[-1][0].append(data)
