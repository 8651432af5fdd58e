"""How long honest clients wait for a cached token while hostile ones do what they can, against the
same clients alone: the crowd of `tests.load`, several times, because one calm second more or less
moves a p99 by half.
"""

import os
import shutil

from tests.bench._measure import Figures, LeftOut, figure
from tests.load.test_crowd import crowd, p99

_TARGET = 5.0
_CROWDS = 3


def run() -> Figures:
    """Milliseconds."""
    if os.geteuid() != 0:
        return {"crowd.*": LeftOut(reason="clients of several users take root")}
    if shutil.which("gcc") is None:
        return {"crowd.*": LeftOut(reason="moving a daemon's clocks takes gcc and libc6-dev")}
    crowded, calm = [], []
    for _ in range(_CROWDS):
        seen = crowd()
        if seen.wrong:
            raise ValueError(f"honest clients were refused: {seen.wrong[:3]}")
        if seen.untrue:
            raise ValueError(f"they were told what was not so of {seen.untrue}")
        crowded += seen.crowded
        calm += seen.calm
    return {"crowd.p99_ms": figure(p99(crowded) * 1000, p99(calm) * 1000, _TARGET)}
