"""What one key of the configuration file may be, and why."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting(Generic[T_co]):
    """One key. `key` is `table.key`; in an array of tables `identity.pair[].key`."""

    key: str
    check: Callable[[object], T_co]
    default: T_co
    meaning: str
    unit: str = ""
    required: bool = False
    secret: bool = False
