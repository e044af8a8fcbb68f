"""Compiled kernels: many independent replicates of one measurement, compiled once for a shape, kept while there is room."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import jax
import numpy as np
from jax import lax

from numerics import keys

#: Less than half the compile time, at the same speed of the kernels: their time is spent in random bits and matrix products.
COMPILER = {
    "xla_backend_optimization_level": 1,
    "xla_cpu_use_fusion_emitters": False,
    "xla_llvm_disable_expensive_passes": True,
    "xla_cpu_parallel_codegen_split_count": 1,
}
KEPT = 192  #: kernels kept compiled, a whole audit's: each takes about 140 of the 65530 memory maps that Linux allows a process

Measure = Callable[..., Any]


@dataclass
class Stopwatch:
    """Seconds spent compiling, and drawing and estimating."""

    compiling: float = 0.0
    running: float = 0.0


class Imprecise(Exception):
    """JAX's 64-bit numbers are off, and statistics would be float32 without a word."""


@cache
def compiler_options() -> dict[str, Any]:
    """Those of `COMPILER` that this version of XLA knows; another one compiles longer."""
    trivial, known = jax.jit(lambda x: x).lower(0.0), {}
    for name, value in COMPILER.items():
        with suppress(jax.errors.JaxRuntimeError):
            trivial.compile({name: value})
            known[name] = value
    return known


class Kernel:
    """One compiled shape: a stream's key, the number of the first network and which of several blocks it has, to `count` measurements."""

    def __init__(self, measure: Measure, count: int, at_once: int) -> None:
        def run(network_keys: jax.Array, which: jax.Array) -> Any:
            return lax.map(lambda network_key: measure(network_key, which), network_keys, batch_size=min(at_once, count))

        self.count = count
        self._run = run
        self._compiled: Any = None

    def __call__(self, key: jax.Array, first: int, which: int, stopwatch: Stopwatch) -> Any:
        """The measurements of networks first, …, first + count − 1 of the stream.

        Raises
        ------
        Imprecise
            If `jax_enable_x64`, which loading `numerics` turned on, was turned off again.
        """
        if jax.dtypes.canonicalize_dtype(np.float64) != np.float64:
            raise Imprecise("statistics are float64, and jax_enable_x64 was turned off after numerics was loaded: leave it on")
        arguments = (keys.members(key, first, self.count), np.int32(which))
        if self._compiled is None:
            start = time.perf_counter()
            self._compiled = jax.jit(self._run).lower(*arguments).compile(compiler_options())
            stopwatch.compiling += time.perf_counter() - start
        start = time.perf_counter()
        result = jax.device_get(self._compiled(*arguments))
        stopwatch.running += time.perf_counter() - start
        return result


_KERNELS: dict[Any, Kernel] = {}


def _kernel(name: Any, measure: Measure, count: int, at_once: int) -> Kernel:
    """The kernel of that name and count, made if there is none; the one not asked for longest gives way."""
    kernel = _KERNELS.pop((name, count), None) or Kernel(measure, count, at_once)
    _KERNELS[name, count] = kernel
    if len(_KERNELS) > KEPT:
        del _KERNELS[next(iter(_KERNELS))]
    return kernel


def replicate(
    measure: Measure,
    name: Any,
    per_call: int,
    key: jax.Array,
    networks: int,
    stopwatch: Stopwatch | None = None,
    at_once: int = 8,
    which: int | None = None,
    first: int = 0,
) -> Any:
    """Measurements of `networks` independent replicates, from number `first` on, along the first axis.

    `measure` takes one network's key; `name` identifies it, so that equal work compiles once. A compiled call covers `per_call`
    networks, `at_once` of them side by side in memory. With `which`, `measure` takes it as a second argument, and one kernel serves
    all its values.
    """
    kernel = _kernel(name, measure if which is not None else lambda network_key, _: measure(network_key), min(per_call, networks), at_once)
    stopwatch = stopwatch or Stopwatch()
    parts = [kernel(key, number, which or 0, stopwatch) for number in range(first, first + networks, kernel.count)]
    return jax.tree.map(lambda *leaves: np.concatenate(leaves)[:networks], *parts)
