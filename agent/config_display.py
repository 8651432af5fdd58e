"""The customer display, and the receipt printer that may help it: their settings."""

from typing import TYPE_CHECKING, Final

from agent import config_checks as checks
from agent.config_setting import Setting
from agent.settings import Claim, DisplaySettings, Handshake, Parity, ReceiptPrinterSettings

if TYPE_CHECKING:
    from agent.config_reading import Reading

_NAME: Final = r"[a-z0-9][a-z0-9_-]{0,63}"

PORT = Setting(
    key="display.port",
    check=checks.path,
    default="/dev/pos/display",
    meaning="Serial port of the customer display; the shipped udev rule makes this stable name.",
)
COMMAND_SET = Setting(
    key="display.command_set",
    check=checks.name(_NAME, "escpos"),
    default="",
    required=True,
    meaning="Name of the display's command set: one that is shipped, or a file of displays.d; see"
    " docs/hardware.md. Configured, never probed.",
)
BAUDRATE = Setting(
    key="display.baudrate",
    check=checks.baudrate,
    default=9600,
    unit="bit/s",
    meaning="As set by the display's switches; 9600 is what they leave the factory with.",
)
PARITY: Setting[Parity] = Setting(
    key="display.parity",
    check=checks.one_of("none", "even", "odd"),
    default="none",
    meaning="As set by the display's switches. Always 8 data bits and 1 stop bit.",
)
HANDSHAKE: Setting[Handshake] = Setting(
    key="display.handshake",
    check=checks.one_of("none", "dtr-dsr", "rts-cts"),
    default="none",
    meaning="Wires by which the display says that it is full. With none, bytes are paced to the"
    " speed of the line; with a wire that is not connected, nothing would ever be sent.",
)
ROWS = Setting(
    key="display.rows",
    check=checks.whole(1, 4, "rows"),
    default=2,
    unit="rows",
    meaning="Rows of characters.",
)
COLUMNS = Setting(
    key="display.columns",
    check=checks.whole(8, 40, "columns"),
    default=20,
    unit="columns",
    meaning="Characters in a row; fewer than 8 cannot hold a code.",
)
CHARACTER_SET: Setting[str | None] = Setting(
    key="display.character_set",
    check=checks.name(_NAME, "cp858"),
    default=None,
    meaning="One of the command set's code pages, for names with letters beyond ASCII; without it"
    " what the command set's file says, which is ascii in all that are shipped.",
)
TARGET: Setting[str | None] = Setting(
    key="display.target",
    check=checks.name(_NAME, "display"),
    default=None,
    meaning="For a display behind a receipt printer: a name in the command set's targets. Without"
    " it none is selected.",
)
CLAIM: Setting[Claim] = Setting(
    key="display.claim",
    check=checks.one_of("pairing", "always", "never"),
    default="pairing",
    meaning="When the agent takes the display: pairing, while there is something to say, and then"
    " gives it back cleared; always, for a display that nobody else uses; never, when the payment"
    " software shows everything itself (GET /v1/pairing).",
)
PRINTER_PORT = Setting(
    key="receipt_printer.port",
    check=checks.path,
    default="/dev/pos/printer",
    meaning="Serial or USB line printer port of an ESC/POS receipt printer that prints the code as"
    " a QR code too. Paper with a live code can be carried away: off unless this table is there.",
)
PRINTER_BAUDRATE = Setting(
    key="receipt_printer.baudrate",
    check=checks.baudrate,
    default=9600,
    unit="bit/s",
    meaning="For a serial printer.",
)
PRINTER_PROFILE = Setting(
    key="receipt_printer.profile",
    check=checks.name(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", "TM-T88V"),
    default="default",
    meaning="The printer's profile in python-escpos (pip install 'secucard-pos-agent[receipt]').",
)

TABLE: tuple[Setting[object], ...] = (
    *(PORT, COMMAND_SET, BAUDRATE, PARITY, HANDSHAKE, ROWS, COLUMNS, CHARACTER_SET, TARGET, CLAIM),
    *(PRINTER_PORT, PRINTER_BAUDRATE, PRINTER_PROFILE),
)


def read(given: "Reading", *, displays: str) -> DisplaySettings | None:
    """`displays`: the directory with the integrator's own command sets."""
    if "display" not in given.merged.tables:
        return None
    return DisplaySettings(
        port=given.get(PORT),
        command_set=given.get(COMMAND_SET),
        baudrate=given.get(BAUDRATE),
        parity=given.get(PARITY),
        handshake=given.get(HANDSHAKE),
        rows=given.get(ROWS),
        columns=given.get(COLUMNS),
        character_set=given.get(CHARACTER_SET),
        target=given.get(TARGET),
        claim=given.get(CLAIM),
        displays=displays,
    )


def read_printer(given: "Reading") -> ReceiptPrinterSettings | None:
    if "receipt_printer" not in given.merged.tables:
        return None
    return ReceiptPrinterSettings(
        port=given.get(PRINTER_PORT),
        baudrate=given.get(PRINTER_BAUDRATE),
        profile=given.get(PRINTER_PROFILE),
    )
