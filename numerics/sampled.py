r"""More samples than memory holds: they go through a network part by part.

The weights are drawn from the same keys for every part, and what two moments ask of samples, their sum and their sums of squares, is added up in
float64. A part is so long that drawing the weights again costs little beside their products with it. A batch is never divided, and samples of
a network that is drawn from Gram matrices, or that are to have control variates, are needed all at once.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from numerics.ensemble import Layer, Sampler, Size, batches, propagate
from numerics.estimators import Moments, Sums, moments_of, sums
from numerics.kernel import Replicates
from theory.distributions import DataSet
from theory.network import Stack

WHOLE = 2**20  #: numbers of a layer's activations, above which samples go through in parts
PART = 2**22  #: and of a part's


def part_of(network: Stack, size: Size) -> int:
    """Samples of a part, whole batches; 0 where all go at once: they fit, or something needs them all."""
    width = max(size.width, size.input_dimension)
    if size.sampler is not Sampler.WEIGHTS or isinstance(network.inputs, DataSet) or size.samples * width <= WHOLE:
        return 0
    group = _group(network, size)
    return min(size.samples, group * max(1, PART // (width * group)))


def _group(network: Stack, size: Size) -> int:
    """Samples of a group that is independent of the others."""
    return batches(network, size.samples)[1] if network.couples_samples else 1


def of_parts(network: Stack, size: Size) -> Replicates:
    """Two moments behind every hidden layer of networks and sizes that have a `part_of`: (depth,), float64."""
    measure = partial(_moments, network, size, part_of(network, size))
    return Replicates(measure, ("parts", network, size), per_call=1, at_once=1)


def _moments(network: Stack, size: Size, part: int, key: jax.Array) -> Moments:
    group, coupled = _group(network, size), network.couples_samples
    groups, of_a_part = size.samples // group, part // group

    def of_part(number: jax.Array) -> Sums:
        inside = number * of_a_part + jnp.arange(of_a_part) < groups  # the last part may be longer than what is left

        def observe(layer: Layer) -> Sums:
            counted = inside[:, None, None] if coupled else inside[None, :, None]
            return sums(jnp.where(counted, layer.activations, 0), coupled)

        found: Sums = propagate(network, replace(size, samples=part), key, observe, part=number).observed
        return found

    nothing = jax.tree.map(lambda sum: jnp.zeros(sum.shape, sum.dtype), jax.eval_shape(of_part, jnp.int32(0)))
    total = lax.fori_loop(0, math.ceil(groups / of_a_part), lambda number, total: jax.tree.map(jnp.add, total, of_part(number)), nothing)
    return jax.vmap(lambda of_layer: moments_of(of_layer, groups, size.samples))(total)
