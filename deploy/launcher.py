#!/usr/bin/python3 -IS
# Isolated: no PYTHON* variables, no user site, no site at all (which also halves the start).
import os
import sys

sys.path.append(os.path.realpath(__file__ + "/../../lib"))

from agent.__main__ import main

sys.exit(main())
