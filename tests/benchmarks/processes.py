"""Weak scaling: what several processes of one simulation cost beside one, and beside several that know nothing of each other."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .measures import alternate, mean
from .tables import Table

COUNT = 2
SIZES = {"width": 1024, "depth": 5, "samples": 64, "seed": 1}
NETWORKS = 1024  #: by each process
ROUNDS = 3


def cores() -> list[int]:
    """As many as there are processes, of those that this process may use; none where no process can be kept to one."""
    return sorted(os.sched_getaffinity(0))[:COUNT] if hasattr(os, "sched_getaffinity") else []


def weak_scaling() -> Table:
    """As many networks by each of several processes as by one, each process on a core of its own."""
    return table(
        alternate(
            {
                "alone": lambda _: finish([started(cores()[0], NETWORKS)]),
                "strangers": lambda _: finish([started(core, NETWORKS) for core in cores()]),
                "together": lambda _: finish(distributed()),
            },
            ROUNDS,
        )
    )


def table(seconds: Mapping[str, np.ndarray]) -> Table:
    """Linear is the time of one alone; contention leaves the time of strangers, side by side."""
    taken = {name: mean(each).value for name, each in seconds.items()}

    def share(of: str, name: str) -> str:
        found = mean(seconds[of] / seconds[name])
        return f"{found.value:.1%} ± {found.error:.1%}"

    says = (
        f"Seconds of `simulate`, from start to end, with kernels compiled before: layer norm before ReLU, {SIZES['depth']} layers of width {SIZES['width']:,}, "
        f"{SIZES['samples']} samples. Each process has a core of its own, and all draw as many networks; what they take from each other without a common "
        "simulation shows in the second line."
    )
    rows: list[tuple[Any, ...]] = [
        (f"one, {NETWORKS:,} networks", taken["alone"], "", ""),
        (f"{COUNT} that know nothing of each other, {NETWORKS:,} each", taken["strangers"], share("alone", "strangers"), ""),
        (
            f"`--distributed`, {COUNT * NETWORKS:,} by {COUNT}",
            taken["together"],
            share("alone", "together"),
            share("strangers", "together"),
        ),
    ]
    return Table("Weak scaling", says, ("processes", "seconds", "of linear", "of what contention leaves"), rows)


def distributed() -> list[subprocess.Popen[bytes]]:
    """The processes of one simulation; the coordinator listens on the loopback address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    place = {"JAX_COORDINATOR_ADDRESS": address, "JAX_COORDINATOR_BIND_ADDRESS": address, "JAX_NUM_PROCESSES": str(COUNT)}
    return [
        started(core, COUNT * NETWORKS, ["--distributed"], place | {"JAX_PROCESS_ID": str(number)}) for number, core in enumerate(cores())
    ]


def started(
    core: int, networks: int, words: list[str] | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """A simulation that may use one core only."""
    sizes = [word for name, value in (SIZES | {"networks": networks}).items() for word in (f"--{name}", str(value))]
    program = [
        sys.executable,
        "-c",
        "from reports.command_line import main; main()",
        "simulate",
        "--norm",
        "layer_norm",
        "--placement",
        "pre",
    ]
    return subprocess.Popen(
        ["taskset", "--cpu-list", str(core), *program, *sizes, *(words or [])],
        cwd=Path(__file__).parents[2],
        env={**os.environ, **(environment or {})},
        stdout=subprocess.DEVNULL,
    )


def finish(processes: list[subprocess.Popen[bytes]]) -> None:
    """Wait for all of them.

    Raises
    ------
    subprocess.CalledProcessError
        If one of them did not end with status 0; all have ended then.
    """
    for process, status in [(process, process.wait()) for process in processes]:
        if status:
            raise subprocess.CalledProcessError(status, process.args)
