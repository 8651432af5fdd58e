"""What is shipped around the code: locks, units, rules, installation, and the contracts."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
