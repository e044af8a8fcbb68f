r"""Estimators of a unit's two moments from the activations of one network.

With the readout integrated out, the outputs' variance of centres and spread follow from the last hidden
layer alone: $V = \sigma_w^2\cdot$overlap $+ \sigma_b^2$ and $V + v = \sigma_w^2\cdot$power $+ \sigma_b^2$. The overlap is averaged over pairs of
*independent* samples, so that it has no sample-mean bias: samples of different batches where a norm couples
the samples of a batch, all pairs otherwise.

A network's overlap is off its expectation by chance, and much of that chance has a known expectation: zero. Given the
activations h that enter it, a dense layer draws pre-activations z with

- $E[z_k \cdot z_j \mid h]/N = \sigma_w^2\,h_k \cdot h_j/N' + \sigma_b^2$ for any two samples, k = j or not: weights are uncorrelated, of the
  stated variance, whatever they are drawn from, and so are rows of a draw from the Gram matrix;
- the same law as −z, as weights and biases are symmetric: a statistic of what z becomes has the expectation of the same statistic of
  what −z becomes.

What they differ by in one network are *control variates*: a multiple of one, the multiplier settled on other networks, may be taken from
a statistic and changes its expectation by nothing, at every width.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from theory.network import Dense, Stack

OF_A_DRAW = 4  #: control variates of a dense layer
OF_INPUTS = 2  #: and of the inputs


class Moments(NamedTuple):
    """Overlap and power of a layer's activations, averaged over its units; any common shape, float64."""

    overlap: jax.Array
    power: jax.Array

    def gamma(self, network: Stack) -> jax.Array:
        r"""$\gamma = (\sigma_w^2\,\text{overlap} + \sigma_b^2) / \sigma_w^2(\text{power} - \text{overlap})$ of outputs behind these activations."""
        gain, bias = float(network.weight_variance), float(network.bias_variance)
        return (gain * self.overlap + bias) / (gain * (self.power - self.overlap))

    def correlation(self, network: Stack) -> jax.Array:
        r"""$c = (\sigma_w^2\,\text{overlap} + \sigma_b^2) / (\sigma_w^2\,\text{power} + \sigma_b^2) = \gamma/(1+\gamma)$ of the same outputs."""
        gain, bias = float(network.weight_variance), float(network.bias_variance)
        return (gain * self.overlap + bias) / (gain * self.power + bias)


def groups(h: jax.Array, coupled: bool) -> jax.Array:
    """Sample means of the groups of samples that are independent of each other: (groups, N), float64.

    `h` has shape (batches, B, N); a group is a batch where `coupled`, else one sample.
    """
    exact = h.astype(jnp.float64)
    return exact.mean(axis=1) if coupled else exact.reshape(-1, h.shape[-1])


class Sums(NamedTuple):
    """What two moments ask of samples, float64: the sum of groups' means (N,), the sum of their squares, and that of all numbers' squares."""

    means: jax.Array
    squares_of_means: jax.Array
    squares: jax.Array


def sums(h: jax.Array, coupled: bool) -> Sums:
    """Of activations (batches, B, N)."""
    means = groups(h, coupled)
    return Sums(means.sum(axis=0), jnp.vdot(means, means), jnp.sum(h.astype(jnp.float64) ** 2))


def moments_of(found: Sums, groups: int, samples: int) -> Moments:
    """Unbiased overlap over pairs of independent groups, and power.

    Raises
    ------
    ValueError
        If there is one group only.
    """
    if groups < 2:
        raise ValueError("the overlap needs two independent groups of samples: two batches, or two samples without batch statistics")
    width = len(found.means)
    overlap = (jnp.vdot(found.means, found.means) - found.squares_of_means) / (groups * (groups - 1) * width)
    return Moments(overlap, found.squares / (samples * width))


def two_moments(h: jax.Array, coupled: bool) -> Moments:
    """Unbiased overlap over pairs of independent groups, and power, of activations (batches, B, N)."""
    samples = math.prod(h.shape[:-1])
    return moments_of(sums(h, coupled), len(h) if coupled else samples, samples)


@dataclass(frozen=True)
class Draw:
    """One dense layer of one network: what entered it, what was drawn, and what the block makes of that; arrays (batches, B, ·)."""

    layer: Dense
    entered: jax.Array
    drawn: jax.Array
    becomes: Callable[[jax.Array], jax.Array]


def expected(draw: Draw, coupled: bool) -> Moments:
    """The expected moments of pre-activations, given what enters the layer."""
    gain, bias = float(draw.layer.weight_variance), float(draw.layer.bias_variance)
    overlap, power = two_moments(draw.entered, coupled)
    return Moments(gain * overlap + bias, gain * power + bias)


def differences(draw: Draw, before: Moments, coupled: bool) -> jax.Array:
    """Pre-activations' moments less those expected `before`, and those of what they become less those of what their negatives become; (4,), float64."""
    found = two_moments(draw.drawn, coupled)
    straight, mirrored = (two_moments(draw.becomes(z), coupled) for z in (draw.drawn, -draw.drawn))
    return jnp.stack([one - other for pair in ((found, before), (straight, mirrored)) for one, other in zip(*pair, strict=True)])


def controls(draw: Draw, coupled: bool) -> jax.Array:
    """The differences (4,), float64, relative to the power expected of the pre-activations: what is known before the draw leaves expectations zero."""
    before = expected(draw, coupled)
    return differences(draw, before, coupled) / before.power


def controls_of_inputs(x: jax.Array, common: float, own: float, coupled: bool) -> jax.Array:
    """Overlap and power of inputs, a common number and one of each sample's own times random ones, less their expectations; (2,), float64."""
    found = two_moments(x, coupled)
    return jnp.stack([found.overlap - common**2, found.power - (common**2 + own**2)])
