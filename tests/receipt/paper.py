"""What a receipt printer makes of bytes: a decoder written from Epson's ESC/POS command names as
every maker documents them, sharing nothing with python-escpos. Unknown bytes are an error."""

from dataclasses import dataclass, field

_LEVELS = {48: "L", 49: "M", 50: "Q", 51: "H"}


@dataclass(frozen=True)
class Text:
    line: str
    width: int = 1
    height: int = 1
    align: str = "left"


@dataclass(frozen=True)
class Qr:
    data: bytes
    dots: int
    level: str
    align: str


@dataclass(frozen=True)
class Cut:
    fed: int


Printed = Text | Qr | Cut


@dataclass
class Paper:
    """Feed it everything at once; `printed` is what comes out of the slot."""

    printed: list[Printed] = field(default_factory=list)
    _line: bytearray = field(default_factory=bytearray)
    _size: tuple[int, int] = (1, 1)
    _align: str = "left"
    _fed: int = 0
    _dots: int = 3
    _level: str = "L"
    _stored: bytes = b""

    def feed(self, data: bytes) -> None:
        rest = data
        while rest:
            rest = rest[self._step(rest) :]

    def _step(self, rest: bytes) -> int:
        match rest[0]:
            case 0x0A:
                self._end_line()
                return 1
            case 0x1B:
                return self._escape(rest)
            case 0x1D:
                return self._group(rest)
            case byte if byte >= 0x20 and byte != 0x7F:
                self._line.append(byte)
                return 1
        raise ValueError(f"unknown byte {rest[:8].hex(' ')}")

    def _escape(self, rest: bytes) -> int:
        match rest[1:2], rest[2:3]:
            case b"@", _:
                self._size, self._align = (1, 1), "left"
                return 2
            case b"!", mode:
                self._size = (1 + (mode[0] >> 5 & 1), 1 + (mode[0] >> 4 & 1))
            case b"a", side:
                self._align = {0: "left", 1: "center", 2: "right"}[side[0] & 0x0F]
            case b"E" | b"t", _:
                pass  # bold; code page, cp437 wherever the text has only that
            case b"d", lines:
                self._fed += lines[0]
            case _:
                raise ValueError(f"unknown command {rest[:8].hex(' ')}")
        return 3

    def _group(self, rest: bytes) -> int:
        if rest[1:2] == b"V" and rest[2] in (0, 1):
            self.printed.append(Cut(self._fed))
            return 3
        if rest[1:3] != b"(k":
            raise ValueError(f"unknown command {rest[:8].hex(' ')}")
        length = int.from_bytes(rest[3:5], "little")
        inside = rest[5 : 5 + length]
        if len(inside) != length or inside[0] != 49:
            raise ValueError(f"broken QR command {rest[:16].hex(' ')}")
        self._qr(inside[1], inside[2:])
        return 5 + length

    def _qr(self, function: int, parameters: bytes) -> None:
        match function:
            case 65 if parameters[0] == 50:  # model 2
                pass
            case 67:
                self._dots = parameters[0]
            case 69:
                self._level = _LEVELS[parameters[0]]
            case 80 if parameters[0] == 48:
                self._stored = parameters[1:]
            case 81 if parameters[0] == 48:
                self.printed.append(Qr(self._stored, self._dots, self._level, self._align))
            case _:
                raise ValueError(f"unknown QR function {function}")

    def _end_line(self) -> None:
        text = self._line.decode("cp437")
        self.printed.append(Text(text, *self._size, self._align))
        self._line.clear()
