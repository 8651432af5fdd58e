"""The command line as its users start it: a process of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping


def pos_agent(
    *words: str, environment: Mapping[str, str] | None = None, given: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run `pos-agent`; warnings of the interpreter are errors there, too."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "agent", *words],
        capture_output=True,
        text=True,
        input=given,
        timeout=60,
        env={**os.environ, "COLUMNS": "100", **(environment or {})},
        check=False,
    )
