"""A serial number in a memory, by the kernel's nvmem or on an I2C bus: its settings."""

from typing import TYPE_CHECKING, Final, TypeVar

from agent import config_checks as checks
from agent.config_setting import Setting
from hw.contract import Checksum, EepromPlace, Encoding, MemoryField, NvmemPlace

if TYPE_CHECKING:
    from agent.config_reading import Reading

T = TypeVar("T")

_LAST_ADDRESS: Final = 0x77  # those above are reserved (UM10204, the I2C specification)
_LONGEST_CHECKSUM: Final = 2  # bytes

NVMEM_DEVICE = Setting(
    key="identity.pair[].nvmem.device",
    check=checks.name(r"[A-Za-z0-9][A-Za-z0-9_.@:-]{0,63}", "imx-ocotp0"),
    default="",
    required=True,
    meaning="Name below /sys/bus/nvmem/devices. Root's alone: a drop-in hands it to the service,"
    " see docs/identity.md.",
)
EEPROM_BUS = Setting(
    key="identity.pair[].eeprom.bus",
    check=checks.path,
    default="",
    required=True,
    meaning="I2C bus as a path. The numbers of /dev/i2c-… move when the kernel changes: make a"
    " stable name by a udev rule.",
)
EEPROM_ADDRESS = Setting(
    key="identity.pair[].eeprom.address",
    check=checks.whole(0x08, _LAST_ADDRESS, "(7 bits, as i2cdetect shows it: 0x08 to 0x77)"),
    default=0x50,
    meaning="Address of the EEPROM on the bus.",
)
EEPROM_ADDRESS_BYTES = Setting(
    key="identity.pair[].eeprom.address_bytes",
    check=checks.whole(1, 2, "bytes"),
    default=1,
    unit="bytes",
    meaning="How a place in the memory is written on the bus: 1 up to 24C16, 2 from 24C32 on.",
)


def _offset(table: str) -> Setting[int]:
    return Setting(
        key=f"identity.pair[].{table}.offset",
        check=checks.whole(0, 0x7FFFF, "bytes"),
        default=0,
        unit="bytes",
        meaning="Where the number begins.",
    )


def _length(table: str) -> Setting[int]:
    return Setting(
        key=f"identity.pair[].{table}.length",
        check=checks.whole(1, 128, "bytes"),
        default=1,
        unit="bytes",
        required=True,
        meaning="How many bytes it takes, padding included, the checksum not.",
    )


def _encoding(table: str) -> Setting[Encoding]:
    return Setting(
        key=f"identity.pair[].{table}.encoding",
        check=checks.one_of("ascii", "hex", "hex-upper", "bcd", "number-be", "number-le"),
        default="ascii",
        meaning="ascii ends at a NUL, and FF or blanks at its end are padding. hex, hex-upper: two"
        " digits a byte. bcd: two decimal digits a byte, F at the end is padding. number-be,"
        " number-le: one whole number in decimal, most or least significant byte first.",
    )


def _checksum(table: str) -> Setting[Checksum]:
    return Setting(
        key=f"identity.pair[].{table}.checksum",
        check=checks.one_of(
            *("none", "sum8", "sum8-zero", "xor8", "crc8", "crc16-ccitt", "crc16-ccitt-le")
        ),
        default="none",
        meaning="Of these bytes, written right behind them. sum8-zero: all bytes add up to 0. crc8:"
        " polynomial 07 from 00. crc16-ccitt: polynomial 1021 from FFFF, high byte first; -le: low"
        " byte first. A wrong one is never skipped: the agent waits and says so.",
    )


OFFSETS = {table: _offset(table) for table in ("nvmem", "eeprom")}
LENGTHS = {table: _length(table) for table in ("nvmem", "eeprom")}
ENCODINGS = {table: _encoding(table) for table in ("nvmem", "eeprom")}
CHECKSUMS = {table: _checksum(table) for table in ("nvmem", "eeprom")}

TABLE: tuple[Setting[object], ...] = (
    *(EEPROM_BUS, EEPROM_ADDRESS, EEPROM_ADDRESS_BYTES),
    *(OFFSETS["eeprom"], LENGTHS["eeprom"], ENCODINGS["eeprom"], CHECKSUMS["eeprom"]),
    NVMEM_DEVICE,
    *(OFFSETS["nvmem"], LENGTHS["nvmem"], ENCODINGS["nvmem"], CHECKSUMS["nvmem"]),
)


def nvmem(given: "Reading", prefix: str) -> NvmemPlace | None:
    """The table, or None where no file has it."""
    if not _given(given, prefix):
        return None
    return NvmemPlace(
        device=_get(given, NVMEM_DEVICE, prefix), field=_field(given, "nvmem", prefix)
    )


def eeprom(given: "Reading", prefix: str) -> EepromPlace | None:
    """The table, or None where no file has it."""
    if not _given(given, prefix):
        return None
    place = EepromPlace(
        bus=_get(given, EEPROM_BUS, prefix),
        address=_get(given, EEPROM_ADDRESS, prefix),
        address_bytes=_get(given, EEPROM_ADDRESS_BYTES, prefix),
        field=_field(given, "eeprom", prefix),
    )
    end = place.field.offset + place.field.length + _LONGEST_CHECKSUM
    if place.address + (end - 1 >> 8 * place.address_bytes) > _LAST_ADDRESS:
        given.problem(
            prefix + "offset",
            f"lies behind what {place.address_bytes} address_bytes can say; correct one of them",
        )
    return place


def _field(given: "Reading", table: str, prefix: str) -> MemoryField:
    return MemoryField(
        offset=_get(given, OFFSETS[table], prefix),
        length=_get(given, LENGTHS[table], prefix),
        encoding=_get(given, ENCODINGS[table], prefix),
        checksum=_get(given, CHECKSUMS[table], prefix),
    )


def _get(given: "Reading", setting: Setting[T], prefix: str) -> T:
    return given.get(setting, prefix + setting.key.rpartition(".")[2])


def _given(given: "Reading", prefix: str) -> bool:
    return any(key.startswith(prefix) for key in given.merged.values)
