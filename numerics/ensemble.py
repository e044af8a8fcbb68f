r"""Ensembles of random networks: jitted replicates of a `Network` or a `ResidualNetwork` at finite width, depth and sample size.

One network is inputs $x_{ik} = \delta + \sqrt{c_0} + \sqrt{1-c_0}\,g_{ik}$, then per layer a dense layer and the block's stages, or an
embedding and per block a branch added to the stream, in one `lax.scan` over depth that measures every layer on the way. Replicates run
through one compiled kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from numerics import datasets
from numerics.draws import draw
from numerics.estimators import OF_A_DRAW, OF_INPUTS, Draw, Moments, controls, controls_of_inputs, two_moments
from numerics.kernel import Replicates, Stopwatch
from numerics.namespace import XP
from theory.distributions import DataSet, Distribution
from theory.network import Dense, Network, Placement, Stack
from theory.stages import Stage
from theory.stream import ResidualNetwork


class Layer(NamedTuple):
    """What an observer sees of a layer, or of a residual block: the activations that leave it (batches, B, N), and what was drawn in it."""

    activations: jax.Array
    draws: tuple[Draw, ...]


class Pass(NamedTuple):
    """One network: its inputs and last hidden activations, (batches, B, ·), and what was observed of every layer, stacked."""

    inputs: jax.Array
    activations: jax.Array
    observed: Any


Observer = Callable[[Layer], Any]
Block = Callable[[jax.Array], jax.Array]


class Sampler(Enum):
    """How a dense layer's pre-activations are drawn."""

    WEIGHTS = "weights"  #: draw the N² weights and multiply
    GRAM = "gram"  #: given the activations, draw from the Gaussian they imply (claim `gram_sampler_equal_in_law`)


class Precision(Enum):
    """The numbers that a network computes with; what it draws is float32 in either."""

    SINGLE = np.dtype("float32")
    DOUBLE = np.dtype("float64")  #: the same network with rounding 2²⁹ times finer: what rounding did to it is the difference


class NotFinite(Exception):
    """A simulated statistic is infinite or not a number; the message names where."""


@dataclass(frozen=True)
class Size:
    """The finite sizes of a simulated network.

    Parameters
    ----------
    width, depth, samples : int
        Units per layer, hidden layers, samples in all.
    input_dimension : int
        0 means: the width. A data set has its own.
    sampler : Sampler
    precision : Precision
    """

    width: int
    depth: int
    samples: int
    input_dimension: int = 0
    sampler: Sampler = Sampler.WEIGHTS
    precision: Precision = Precision.SINGLE

    @property
    def networks_per_call(self) -> int:
        """Replicates in one compiled call: few, so that ensembles of any size share one kernel, and enough that calls cost nothing."""
        return max(16, min(256, 2**13 // self.width))

    @property
    def networks_at_once(self) -> int:
        """Replicates side by side in memory: more of them the fewer numbers a layer's weights and activations are, and eight where an accelerator has room.

        On a CPU large ones are drawn sooner one after another, up to three times as soon where eight together leave its caches.
        """
        numbers = self.width * ((self.width if self.sampler is Sampler.WEIGHTS else self.samples) + self.samples)
        room = 2**22 if jax.default_backend() == "cpu" else 2**28
        # Parts of every call: none draws more than it is to.
        large = next((networks for networks in (8, 4, 2) if networks * numbers <= room), 1)
        return max(large, min(64, 2**19 // numbers))


def batches(network: Stack, samples: int) -> tuple[int, int]:
    """(number of batches, samples per batch); one batch where no stage takes batch statistics or the batch size is not given.

    Raises
    ------
    ValueError
        If the batch size does not divide the samples.
    """
    if not network.couples_samples or network.batch_size == float("inf"):
        return 1, samples
    batch = int(network.batch_size)
    if samples % batch:
        raise ValueError(f"a batch size of {batch} does not divide {samples} samples")
    return samples // batch, batch


def dense(h: jax.Array, key: jax.Array, width: int, layer: Dense, sampler: Sampler) -> jax.Array:
    r"""Pre-activations (batches, B, width) from activations (batches, B, fan-in): $hW^{\mathsf T} + b$, or a draw of the same law."""
    if sampler is Sampler.GRAM and layer.weights is not Distribution.GAUSSIAN:
        raise ValueError(f"layers are drawn from Gram matrices for Gaussian weights only, not for {layer.weights.value} ones")
    *lead, fan_in = h.shape
    flat = h.reshape(-1, fan_in)
    # A random operation takes a fifth of the time that a network takes to compile: keys are split only where both are drawn from.
    weight_key, bias_key = jax.random.split(key) if layer.biased else (key, key)
    factor = flat if sampler is Sampler.WEIGHTS else jnp.linalg.qr(flat.T, mode="r").T
    root = product(factor, draw(layer.weights, weight_key, (factor.shape[1], width)).astype(h.dtype))
    return scaled(root, bias_key, layer, fan_in).reshape(*lead, width)


def product(a: jax.Array, b: jax.Array) -> jax.Array:
    """The matrix product in the precision of its factors: accelerators round to fewer bits unless told not to; the CPU never does, and is slowed down by being told."""
    return jnp.matmul(a, b, precision=None if jax.default_backend() == "cpu" else lax.Precision.HIGHEST)


def scaled(root: jax.Array, bias_key: jax.Array, layer: Dense, fan_in: int) -> jax.Array:
    """Pre-activations from those at unit weights and no biases."""
    number = root.dtype.type
    z = root * number(np.sqrt(float(layer.weight_variance) / fan_in))
    if layer.biased:
        z = z + number(np.sqrt(float(layer.bias_variance))) * draw(Distribution.GAUSSIAN, bias_key, (1, root.shape[-1]))
    return z


def inputs(network: Stack, size: Size, key: jax.Array) -> jax.Array:
    """Samples (batches, B, input dimension): random, any two of overlap c_0 + δ² in expectation, or the first ones of a data set."""
    count, precision = batches(network, size.samples), size.precision.value
    if isinstance(network.inputs, DataSet):
        return jnp.asarray(datasets.samples(network.inputs, size.samples), jnp.float32).astype(precision).reshape(*count, -1)
    common, own = parts_of_inputs(network)
    drawn = draw(network.inputs, key, (*count, size.input_dimension or size.width))
    return precision.type(common) + precision.type(own) * drawn.astype(precision)


def parts_of_inputs(network: Stack) -> tuple[float, float]:
    """What all random inputs have in common, by a shift or an overlap, and the factor of what each has for itself."""
    overlap = float(network.input_overlap)
    return float(network.input_shift) or float(np.sqrt(overlap)), float(np.sqrt(1 - overlap))


def apply_stages(stages: tuple[Stage, ...], h: jax.Array) -> jax.Array:
    """The stages in order."""
    for stage in stages:
        h = stage.on_array(h, XP)
    return h


def propagate(
    network: Stack, size: Size, key: jax.Array, observe: Observer, block: Block | None = None, part: jax.Array | None = None
) -> Pass:
    """One network, and what `observe` made of each of its layers; `block` in place of its own, and samples of their own for every `part`."""
    if isinstance(network, ResidualNetwork):
        return propagate_stream(network, size, key, observe, part)
    assert isinstance(network, Network)
    every = jax.random.split(key, 1 + size.depth)
    input_key, layer_keys = every[0], every[1:]
    blocks = [block] if block else [partial(apply_stages, each) for each in network.blocks]

    def layer(h: jax.Array, drawn: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, Any]:
        key, turn = drawn
        z = dense(h, key, size.width, network.dense, size.sampler)
        becomes = blocks[0] if len(blocks) == 1 else partial(lax.switch, turn, blocks)
        left = becomes(z)
        return left, observe(Layer(left, (Draw(network.dense, h, z, becomes),)))

    x = inputs(network, size, input_key if part is None else jax.random.fold_in(input_key, part))
    drawn = layer_keys, jnp.arange(size.depth) % len(blocks)
    opening, others = (jax.tree.map(lambda leaf, layers=layers: leaf[layers], drawn) for layers in (0, slice(1, None)))
    if jax.eval_shape(layer, x, opening)[0].shape == x.shape:
        return Pass(x, *lax.scan(layer, x, drawn))
    h, first = layer(x, opening)
    h, rest = lax.scan(layer, h, others)
    return Pass(x, h, jax.tree.map(lambda one, more: jnp.concatenate([one[None], more]), first, rest))


def propagate_stream(network: ResidualNetwork, size: Size, key: jax.Array, observe: Observer, part: jax.Array | None = None) -> Pass:
    """One residual network, and what `observe` made of the stream behind each of its blocks; samples of their own for every `part`."""
    every = jax.random.split(key, 2 + 2 * size.depth)
    input_key, embedding_key, block_keys = every[0], every[1], every[2:].reshape(size.depth, 2)
    normalised = partial(apply_stages, network.norm.stages)
    opened, closed = (normalised if network.placement is place else _as_it_is for place in (Placement.PRE, Placement.POST))

    def block(x: jax.Array, keys: jax.Array) -> tuple[jax.Array, Any]:
        inner_key, outer_key = keys
        h = opened(x)
        z = dense(h, inner_key, size.width, network.dense, size.sampler)
        active = partial(network.activation.stage.on_array, xp=XP)
        a = active(z)
        y = dense(a, outer_key, size.width, network.outer, size.sampler)

        def joined(y: jax.Array) -> jax.Array:
            return closed(x + y)

        left = joined(y)
        return left, observe(Layer(left, (Draw(network.dense, h, z, active), Draw(network.outer, a, y, joined))))

    x = inputs(network, size, input_key if part is None else jax.random.fold_in(input_key, part))
    return Pass(x, *lax.scan(block, dense(x, embedding_key, size.width, network.embedding, size.sampler), block_keys))


def _as_it_is(h: jax.Array) -> jax.Array:
    return h


def moments(network: Stack, size: Size, key: jax.Array, networks: int, stopwatch: Stopwatch | None = None) -> Moments:
    """Overlap and power after every hidden layer: arrays (networks, depth), float64.

    Raises
    ------
    NotFinite
        If a norm divided by zero: a unit was constant over its batch, or a layer over its features.
    """
    found: Moments = of_moments(network, size).drawn(key, networks, stopwatch)
    return finite(found, network, size)


def of_moments(network: Stack, size: Size) -> Replicates:
    """Two moments behind every hidden layer: (depth,), float64."""

    def measure(key: jax.Array) -> Moments:
        return propagate(network, size, key, partial(_moments, coupled=network.couples_samples)).observed

    return Replicates(measure, ("moments", network, size), size.networks_per_call, size.networks_at_once)


def _moments(layer: Layer, coupled: bool) -> Moments:
    return two_moments(layer.activations, coupled)


class Controlled(NamedTuple):
    """Moments behind every hidden layer (networks, depth), and controls of what was drawn on the way to each (networks, depth, columns).

    Columns of the layers that come later are zero.
    """

    moments: Moments
    controls: np.ndarray


def controlled_moments(
    network: Stack, size: Size, key: jax.Array, networks: int, first: int = 0, stopwatch: Stopwatch | None = None
) -> Controlled:
    """`moments` of the networks from number `first` on, with control variates from the same networks: numbers of expectation zero.

    Raises
    ------
    NotFinite
        If a norm divided by zero.
    """
    measured: Measured = finite(of_controlled(network, size).drawn(key, networks, stopwatch, first), network, size)
    of_a_layer = measured.layers.shape[-1]
    known = np.hstack([np.ones((size.depth, OF_INPUTS)), np.repeat(np.tri(size.depth), of_a_layer, axis=1)])
    return Controlled(measured.moments, measured.controls[:, None] * known)


class Measured(NamedTuple):
    """Moments behind every hidden layer (…, depth), control variates of the inputs (…, 2) and of every layer (…, depth, columns)."""

    moments: Moments
    opening: np.ndarray
    layers: np.ndarray

    @property
    def controls(self) -> np.ndarray:
        """All of them, (…, columns): those of what is behind the last layer."""
        return np.concatenate([self.opening, self.layers.reshape(*self.opening.shape[:-1], -1)], axis=-1)


def number_of_controls(network: Stack, depth: int) -> int:
    """Columns of `Measured.controls`."""
    return OF_INPUTS + OF_A_DRAW * depth * (2 if isinstance(network, ResidualNetwork) else 1)


def of_controlled(network: Stack, size: Size) -> Replicates:
    """`Measured`, float64."""
    measure = partial(_controlled, network, size)
    return Replicates(measure, ("controlled moments", network, size), size.networks_per_call, size.networks_at_once)


def _controlled(network: Stack, size: Size, key: jax.Array) -> Measured:
    coupled = network.couples_samples

    def observe(layer: Layer) -> tuple[Moments, jax.Array]:
        return two_moments(layer.activations, coupled), jnp.concatenate([controls(draw, coupled) for draw in layer.draws])

    passed = propagate(network, size, key, observe)
    given = isinstance(network.inputs, DataSet)  # and not drawn
    opening = jnp.zeros(OF_INPUTS, jnp.float64) if given else controls_of_inputs(passed.inputs, *parts_of_inputs(network), coupled)
    found, layers = passed.observed
    return Measured(found, opening, layers)


def moments_within(family: tuple[Network, ...], which: int, size: Size, key: jax.Array, networks: int) -> Moments:
    """`moments` of one of a family of networks that differ in their blocks only: one kernel, compiled once, for all of them.

    Raises
    ------
    NotFinite
        If a norm divided by zero.
    """
    one = family[0]

    def measure(key: jax.Array, which: jax.Array) -> Moments:
        def block(h: jax.Array) -> jax.Array:
            return lax.switch(which, [partial(apply_stages, network.block) for network in family], h)

        return propagate(one, size, key, partial(_moments, coupled=one.couples_samples), block).observed

    replicates = Replicates(measure, ("family", family, size), size.networks_per_call, size.networks_at_once)
    found: Moments = replicates.drawn(key, networks, which=which)
    return finite(found, family[which], size)


def finite(found: Any, network: Stack, size: Size) -> Any:
    """The measurements, if all are finite."""
    refuse(not_finite(found), network, size)
    return found


def not_finite(found: Any) -> int:
    """How many measured numbers are infinite or none."""
    return sum(int(np.sum(~np.isfinite(leaf))) for leaf in jax.tree.leaves(found))


def refuse(bad: int, network: Stack, size: Size) -> None:
    """Raise `NotFinite` if any number is bad."""
    if bad:
        reason = "with ε = 0 a norm divides by zero where a unit is constant over its batch"
        raise NotFinite(
            f"{bad} statistics of {network.norm.name} ({network.placement.value}) at width {size.width} are not finite: "
            + (reason if network.norm.stages else "without a norm the activations outgrow what 32 bits hold, or all vanish")
        )
