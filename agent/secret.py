"""A string that will not print, format, pickle or serialise.

Wrapping is containment, not erasure: CPython cannot wipe a `str`, and copies made by JSON, TLS and
the cipher stay behind until their memory is used again (docs/durability.md says what follows).
"""

import hashlib
import hmac
from typing import Never, final


@final
class Secret:
    """Holds a secret string; only `reveal()` gives it out.

    Compares in constant time. `fingerprint()` identifies it in logs without disclosing it.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself: for a request body, a header or the cipher, nothing else."""
        return self._value

    def fingerprint(self) -> str:
        """`sha256:` and 16 hex digits: enough to tell two tokens apart, useless to a thief."""
        return "sha256:" + hashlib.sha256(self._value.encode()).hexdigest()[:16]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> Never:
        raise TypeError("a Secret is not serialised")
