"""Properties are deterministic: the same examples in every run, and no deadline on a shared machine."""

from hypothesis import settings

settings.register_profile("normproof", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("normproof")
