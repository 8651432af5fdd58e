"""pos-agent: pairs a payment terminal, keeps its credentials alive, never loses them."""

from typing import Final

__version__: Final = "0.1.0"
