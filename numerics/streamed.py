r"""Networks wider than memory, drawn from Gram matrices one block of units after another.

Of activations H (n × N) the next layer asks for $HH^{\mathsf T}/N$ alone (claim `gram_sampler_equal_in_law`): n units with that Gram matrix do for all of
them. They are the triangular factor of H, which a QR of itself above each new block of units brings up to date; moments are averages over units:
what is kept of a layer is n × n. An average over all features is not known before the last block is drawn: blocks are drawn once more, from
the same keys, for each such average that the stages ask for, and then with all of them known.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from numerics.ensemble import Sampler, Size, dense, inputs
from numerics.estimators import Moments, two_moments
from numerics.kernel import Replicates
from numerics.namespace import XP
from theory.activations import Elementwise
from theory.distributions import DataSet, Distribution
from theory.network import Network, Stack
from theory.stages import Averaging, Axis, FreshStatistics, Ghost, Group, LeaveOneOut, Pool, Stage, Switch

WHOLE = 2**20  #: numbers of a layer's activations, above which it is drawn in blocks
BLOCK = 2**14  #: units of a block at most
SHORTEST = 2**10  #: and at least: a width without a divisor between them is drawn whole
OF_A_UNIT = (
    Elementwise,
    Pool,
    Group,
    Ghost,
    LeaveOneOut,
    FreshStatistics,
)  #: stages that see a unit and its neighbours, never the whole layer

Units = Callable[[jax.Array], jax.Array]  #: the number of a block to its units, (batches, B, ·)


def block_of(network: Stack, size: Size) -> int:
    """Units of a block; 0 where layers are drawn whole: they fit, or something needs them whole."""
    if size.sampler is not Sampler.GRAM or size.width * size.samples <= WHOLE:
        return 0
    if not isinstance(network, Network) or len(network.blocks) > 1 or network.weights is not Distribution.GAUSSIAN:
        return 0
    block = _divisor(size.width)
    fits = all(isinstance(stage, (*OF_A_UNIT, Averaging, Switch)) and not stage.refuses_width(block) for stage in network.block)
    return block if fits else 0


def _divisor(units: int) -> int:
    return next((units // blocks for blocks in range(-(-units // BLOCK), units // SHORTEST + 1) if units % blocks == 0), 0)


class _Missing(Exception):
    """The stages ask for an average over the features of what is `wanted`."""

    def __init__(self, wanted: jax.Array) -> None:
        self.wanted = wanted


class _Knowing:
    """The array namespace, with averages over features as they are known, in the order in which they are asked for."""

    def __init__(self, averages: list[jax.Array]) -> None:
        self._averages = iter(averages)

    def mean(self, h: jax.Array, axis: int, keepdims: bool = False) -> jax.Array:
        if axis != Axis.FEATURES.value:
            return XP.mean(h, axis=axis, keepdims=keepdims)
        if (known := next(self._averages, None)) is None:
            raise _Missing(h)
        return known

    def __getattr__(self, name: str) -> Any:
        return getattr(XP, name)


def _through(stages: tuple[Stage, ...], averages: list[jax.Array], h: jax.Array) -> jax.Array:
    """What stages make of a block of units."""
    knowing = _Knowing(averages)
    for stage in stages:
        h = stage.on_array(h, XP if isinstance(stage, OF_A_UNIT) else knowing)
    return h


def _asked(stages: tuple[Stage, ...], averages: list[jax.Array], h: jax.Array) -> jax.Array | None:
    """The block's part of the first average over features that is not known; None where all are."""
    try:
        _through(stages, averages, h)
    except _Missing as missing:
        return jnp.mean(missing.wanted, axis=-1, keepdims=True, dtype=jnp.float64)
    return None


def _averages(stages: tuple[Stage, ...], units: Units, blocks: int) -> list[jax.Array]:
    """All averages over features that the stages ask for, (batches, B, 1) each: a pass over the blocks for every one, added up in float64."""
    known: list[jax.Array] = []
    while True:

        def part(number: jax.Array, known: tuple[jax.Array, ...] = tuple(known)) -> jax.Array | None:
            return _asked(stages, list(known), units(number))

        if (one := jax.eval_shape(part, jnp.int32(0))) is None:
            return known
        total = lax.fori_loop(0, blocks, lambda number, total, part=part: total + part(number), jnp.zeros(one.shape, one.dtype))
        known.append((total / blocks).astype(jnp.float32))


def _condensed(units: Units, blocks: int, coupled: bool) -> tuple[jax.Array, Moments]:
    """As many units as samples with the Gram matrix of all units, (batches, B, n), and the moments of all, float64."""
    *lead, width = jax.eval_shape(units, jnp.int32(0)).shape
    samples = math.prod(lead)

    def with_block(before: tuple[jax.Array, Moments], number: jax.Array) -> tuple[tuple[jax.Array, Moments], None]:
        factor, total = before
        h = units(number)
        factor = jnp.linalg.qr(jnp.concatenate([factor, h.reshape(samples, width).T]), mode="r")
        return (factor, jax.tree.map(jnp.add, total, two_moments(h, coupled))), None

    nothing = jnp.zeros((samples, samples), jnp.float32), Moments(jnp.float64(0), jnp.float64(0))
    (factor, total), _ = lax.scan(with_block, nothing, jnp.arange(blocks))
    return factor.T.reshape(*lead, samples) * np.float32(math.sqrt(samples / (blocks * width))), jax.tree.map(
        lambda sum: sum / blocks, total
    )


def _moments(network: Network, size: Size, block: int, key: jax.Array) -> Moments:
    every = jax.random.split(key, 1 + size.depth)
    input_key, layer_keys = every[0], every[1:]
    dimension = size.input_dimension or size.width
    part = dimension if isinstance(network.inputs, DataSet) else _divisor(dimension) or dimension
    coupled = network.couples_samples

    def of_inputs(number: jax.Array) -> jax.Array:
        return inputs(network, replace(size, input_dimension=part), jax.random.fold_in(input_key, number))

    def layer(h: jax.Array, layer_key: jax.Array) -> tuple[jax.Array, Moments]:
        def drawn(number: jax.Array) -> jax.Array:
            return dense(h, jax.random.fold_in(layer_key, number), block, network.dense, Sampler.WEIGHTS)

        averages = _averages(network.block, drawn, size.width // block)
        return _condensed(lambda number: _through(network.block, averages, drawn(number)), size.width // block, coupled)

    return lax.scan(layer, _condensed(of_inputs, max(1, dimension // part), coupled)[0], layer_keys)[1]


def of_blocks(network: Network, size: Size) -> Replicates:
    """Two moments behind every hidden layer of networks and sizes that have a `block_of`: (depth,), float64."""
    measure = partial(_moments, network, size, block_of(network, size))
    return Replicates(measure, ("blocks", network, size), per_call=1, at_once=1)
