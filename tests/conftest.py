"""What every test process needs before anything else."""

import signal

# A shell starts what it puts into the background with SIGINT ignored, and that is inherited: no
# command a test starts could be interrupted.
signal.signal(signal.SIGINT, signal.default_int_handler)
