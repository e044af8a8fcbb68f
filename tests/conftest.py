"""Properties are deterministic: the same examples in every run, and no deadline on a shared machine."""

import os

# Before anything loads OpenBLAS: its threads and XLA's wait for each other busily, and a QR of the wide rung takes ten times as long.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from hypothesis import settings

settings.register_profile("normproof", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("normproof")
