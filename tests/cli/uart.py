"""Bytes as levels on a wire, and what a receiver makes of them that is set otherwise."""

from agent.display_tools.turns import Line, Parity


def levels(data: bytes, parity: Parity) -> list[int]:
    """One a bit: start, eight bits with the lowest first, perhaps parity, stop."""
    bits = []
    for byte in data:
        bits += [0, *((byte >> place) & 1 for place in range(8))]
        if parity != "none":
            bits.append(byte.bit_count() % 2 ^ (parity == "odd"))
        bits.append(1)
    return bits


def received(
    data: bytes, sent: Line, taken: Line, *, resync: bool = False, checks: bool = False
) -> bytes:
    """What arrives of bytes sent in one go. `checks`: bytes with a wrong parity or stop bit are
    dropped. `resync`: a low stop bit begins the next byte at once, as in many UARTs; else that
    waits for the next falling edge."""
    bits = levels(data, sent.parity)
    step = sent.baudrate / taken.baudrate  # of the sender's bits, one of the receiver's
    length = 9 + (taken.parity != "none")

    def level(place: float) -> int:
        return bits[int(place + 1e-9)] if place < len(bits) else 1

    edges = [n for n, bit in enumerate(bits) if not bit and (n == 0 or bits[n - 1])]
    got = bytearray()
    start: float | None = edges[0] if edges else None
    while start is not None and start < len(bits):
        begun = start
        seen = [level(begun + (bit + 0.5) * step) for bit in range(length + 1)]
        byte = sum(bit << place for place, bit in enumerate(seen[1:9]))
        if not checks or seen == levels(bytes((byte,)), taken.parity):
            got.append(byte)
        stop = begun + (length + 0.5) * step
        if resync and not seen[-1]:
            start = stop - step / 2
        else:
            start = next((edge for edge in edges if edge >= stop), None)
    return bytes(got)
