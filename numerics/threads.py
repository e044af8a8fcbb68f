"""The threads that XLA draws with on a CPU: as many as there are cores, unless something else simulates beside it.

An audit's kernels are small: on two cores, two processes that have two threads each spend a tenth of their time waking them. Not a bit of
what is drawn depends on it.
"""

import os

import jax


def use(count: int) -> None:
    """Start XLA with so many threads, one at least, unless it has started, or `NPROC`, from which it takes their number, is set."""
    given = os.environ.get("NPROC")
    os.environ["NPROC"] = given or str(max(1, count))
    jax.default_backend()  # starts it
    if given is None:
        del os.environ["NPROC"]
