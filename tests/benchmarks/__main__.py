"""`make bench`: every section measures one thing and returns tables; results are written only from a tree that is committed."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any

import jax

from proofs_checks.defaults import SEED

if find_spec("torch") is None:
    sys.exit("the benchmarks are ratios against PyTorch, which is not installed: `make bench` installs it, or pip install -e '.[bench]'")

# PyTorch behind the project: `numerics` limits the threads of the BLAS libraries loaded before it, and PyTorch's are not to be limited.
from . import accuracy, costs, processes, tables  # isort: skip
from .measures import Others, machine, versions  # isort: skip
import torch  # isort: skip


def device() -> str:
    """Where both sides run.

    Raises
    ------
    SystemExit
        If one side has a GPU that the other one does not see.
    """
    ours, theirs = jax.default_backend() == "gpu", torch.cuda.is_available()
    if ours != theirs:
        seen, blind = ("JAX", "PyTorch") if ours else ("PyTorch", "JAX")
        where = "JAX_PLATFORMS=cpu" if ours else "CUDA_VISIBLE_DEVICES="
        sys.exit(
            f"{seen} sees a GPU and {blind} does not: a ratio between them says nothing. {where} make bench measures both on the processor"
        )
    return "cuda" if ours else "cpu"


@contextmanager
def said(name: str) -> Iterator[None]:
    """Say what is being measured, and how long that took."""
    start = time.perf_counter()
    print(f"{name} …", flush=True)
    yield
    print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)


def main() -> None:
    """All sections, in turn."""
    where, start = device(), time.perf_counter()
    torch.manual_seed(SEED)
    found: list[tables.Table] = []
    headline: dict[str, Any] = {}
    with Others() as others:
        with said("time to accuracy"):
            compared, headline = accuracy.time_to_accuracy(where)
            found += compared
        with said("roofline"):
            table, headline["roofline"] = costs.roofline(where)
            found.append(table)
        with said("growth"):
            found.append(costs.growth())
        with said("product rate"):
            found.append(costs.products(where))
        with said("memory"):
            found.append(costs.memory(where))
        with said("symbolic audit"):
            found.append(costs.symbolic())
        if where == "cpu" and len(processes.cores()) == processes.COUNT:
            with said("weak scaling"):
                found.append(processes.weak_scaling())
        else:
            print(
                f"weak scaling: it takes {processes.COUNT} cores to keep processes to, and no GPU, so its section is left out", flush=True
            )
    results = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": tables.commit(),
        "device": where,
        "machine": machine(),
        "versions": versions(),
        "seconds": time.perf_counter() - start,
        "others": others.share,
        "headline": headline,
        "tables": [asdict(table) for table in found],
    }
    print(tables.markdown(results))
    if changed := tables.edited():
        sys.exit(f"nothing is written: {', '.join(changed)} differ from the commit that the results would name; commit first")
    tables.write(results)


if __name__ == "__main__":
    main()
