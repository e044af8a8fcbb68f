"""Compiled kernels: many independent replicates of one measurement, compiled once for a shape, kept while there is room."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from numerics import keys
from numerics.sharing import collect

#: Less than half the compile time, at the same speed of the kernels: their time is spent in random bits and matrix products. Where registers
#: have 512 bits, LLVM uses half of them unless told otherwise, and random numbers take up to twice as long.
COMPILER = {
    "xla_cpu_prefer_vector_width": 512,
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


def devices() -> list[jax.Device]:
    """Those that draw: all local ones, or the one that `jax.default_device` names."""
    return [jax.config.jax_default_device] if jax.config.jax_default_device else jax.local_devices()


class Kernel:
    """One compiled shape: the numbers of networks, and which of several blocks they have, to blocks of `count` measurements, or a few more.

    A block is drawn in equal rounds of at most `at_once` networks: a shorter last one would be compiled beside the others. A call draws
    as many blocks as there are local devices, each device one of them by the same program: results do not depend on how many there are.
    """

    def __init__(self, measure: Measure, count: int, at_once: int) -> None:
        rounds = -(-count // at_once)
        of_a_round = -(-count // rounds)

        def run(network_keys: jax.Array, which: jax.Array) -> Any:
            return lax.map(lambda network_key: measure(network_key, which), network_keys, batch_size=of_a_round)

        self.count = rounds * of_a_round
        self.devices = devices()
        self._run = run
        self._compiled: Any = None

    def __call__(self, key: jax.Array, blocks: Sequence[int], which: int, stopwatch: Stopwatch) -> Iterator[Any]:
        """The measurements of networks block, …, block + count − 1 of the stream, for one block after another.

        Raises
        ------
        Imprecise
            If `jax_enable_x64`, which loading `numerics` turned on, was turned off again.
        """
        if jax.dtypes.canonicalize_dtype(np.float64) != np.float64:
            raise Imprecise("statistics are float64, and jax_enable_x64 was turned off after numerics was loaded: leave it on")
        self.compile(stopwatch)
        for first in range(0, len(blocks), len(self.devices)):
            drawn = blocks[first : first + len(self.devices)]
            start = time.perf_counter()
            found = jax.device_get(self._compiled(*self._arguments(key, drawn, which)))
            stopwatch.running += time.perf_counter() - start
            for number in range(len(drawn)):
                part = slice(number * self.count, (number + 1) * self.count)
                yield jax.tree.map(lambda leaf, part=part: leaf[part], found)

    def _arguments(self, key: jax.Array, blocks: Sequence[int], which: int) -> tuple[jax.Array, np.int32]:
        """Keys for all devices: those that no block is left for draw the last one again."""
        firsts = np.array([*blocks, *[blocks[-1]] * (len(self.devices) - len(blocks))])
        network_keys = keys.members(key, firsts, self.count)
        return network_keys if len(self.devices) == 1 else jax.device_put(network_keys, self._split), np.int32(which)

    @property
    def _split(self) -> NamedSharding:
        return NamedSharding(Mesh(np.array(self.devices), ("devices",)), PartitionSpec("devices"))

    def compile(self, stopwatch: Stopwatch) -> None:
        """Compile, unless that is done."""
        if self._compiled is None:
            start = time.perf_counter()
            self._compiled = self._compile(jax.random.key(0))
            stopwatch.compiling += time.perf_counter() - start

    def _lowered(self, key: jax.Array) -> Any:
        run, split = self._run, self._split
        if len(self.devices) > 1:
            run = jax.shard_map(run, mesh=split.mesh, in_specs=(split.spec, PartitionSpec()), out_specs=split.spec, check_vma=False)
        return jax.jit(run).lower(*self._arguments(key, [0], 0))

    def _compile(self, key: jax.Array) -> Any:
        lowered = self._lowered(key)
        if len(self.devices) > 1 and "lapack" in lowered.as_text():
            # Devices that are one CPU share a pool of threads, in which batches of LAPACK's wait for each other, all of them forever.
            self.devices = self.devices[:1]
            lowered = self._lowered(key)
        return lowered.compile(compiler_options())

    def shapes(self, key: jax.Array) -> Any:
        """Shapes and types of a block's measurements."""
        return jax.eval_shape(self._run, keys.members(key, 0, self.count), np.int32(0))


_KERNELS: dict[Any, Kernel] = {}


def _kernel(name: Any, measure: Measure, count: int, at_once: int) -> Kernel:
    """The kernel of that name and count, made if there is none; the one not asked for longest gives way. Its `measure` takes `which`."""
    kernel = _KERNELS.pop((name, count), None) or Kernel(measure, count, at_once)
    _KERNELS[name, count] = kernel
    if len(_KERNELS) > KEPT:
        del _KERNELS[next(iter(_KERNELS))]
    return kernel


class Replicates(NamedTuple):
    """Independent replicates of one measurement.

    `measure` takes one network's key; `name` identifies it, so that equal work compiles once. A compiled call covers `per_call`
    networks, `at_once` of them side by side in memory.
    """

    measure: Measure
    name: Any
    per_call: int
    at_once: int = 8

    def drawn(self, key: jax.Array, networks: int, stopwatch: Stopwatch | None = None, first: int = 0, which: int | None = None) -> Any:
        """Measurements of `networks` networks, from number `first` on, along the first axis.

        With `which`, `measure` takes it as a second argument, and one kernel serves all its values.
        """
        blocks = self.in_blocks(lambda measured: measured, key, networks, stopwatch, first, which)
        return jax.tree.map(lambda *leaves: np.concatenate(leaves), *blocks)

    def in_blocks(
        self,
        reduce: Callable[[Any], Any],
        key: jax.Array,
        networks: int,
        stopwatch: Stopwatch | None = None,
        first: int = 0,
        which: int | None = None,
    ) -> Iterable[Any]:
        """What `reduce` makes of the measurements of one block of networks after another: all that is kept of them, here and between processes."""
        measure = self.measure if which is not None else lambda network_key, _: self.measure(network_key)
        kernel = _kernel(self.name, measure, min(self.per_call, networks), self.at_once)
        stopwatch = stopwatch or Stopwatch()

        def reduced(measured: Any, count: int) -> Any:
            return reduce(jax.tree.map(lambda leaf: leaf[:count], measured))

        def draw(blocks: Sequence[int]) -> Iterator[Any]:
            for block, measured in zip(blocks, kernel(key, blocks, which or 0, stopwatch), strict=True):
                yield reduced(measured, first + networks - block)

        def structure() -> Any:
            shapes = kernel.shapes(key)
            return jax.tree.structure(reduced(jax.tree.map(lambda leaf: np.ones(leaf.shape, leaf.dtype), shapes), kernel.count))

        return collect(range(first, first + networks, kernel.count), kernel.count, draw, structure)
