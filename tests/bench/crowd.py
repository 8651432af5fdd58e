"""How long honest clients wait for a cached token while hostile ones do what they can, against the
same clients alone: the crowd of `tests.load`, once.
"""

import os

from tests.bench._measure import Figure, figure
from tests.load.test_crowd import crowd, p99

_TARGET = 5.0


def run() -> dict[str, Figure]:
    """Milliseconds."""
    if os.geteuid() != 0:
        print("crowd: clients of several users take root")
        return {}
    seen = crowd()
    if seen.wrong:
        raise ValueError(f"honest clients were refused: {seen.wrong[:3]}")
    return {"crowd.p99_ms": figure(p99(seen.crowded) * 1000, p99(seen.calm) * 1000, _TARGET)}
