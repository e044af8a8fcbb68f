r"""Estimators of a unit's two moments from the activations of one network.

With the readout integrated out, the outputs' variance of centres and spread follow from the last hidden
layer alone: $V = \sigma_w^2\cdot$overlap $+ \sigma_b^2$ and $V + v = \sigma_w^2\cdot$power $+ \sigma_b^2$. The overlap is averaged over pairs of
*independent* samples, so that it has no sample-mean bias: samples of different batches where a norm couples
the samples of a batch, all pairs otherwise.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from theory.network import Stack


class Moments(NamedTuple):
    """Overlap and power of a layer's activations, averaged over its units; any common shape, float64."""

    overlap: jax.Array
    power: jax.Array

    def gamma(self, network: Stack) -> jax.Array:
        r"""$\gamma = (\sigma_w^2\,\text{overlap} + \sigma_b^2) / \sigma_w^2(\text{power} - \text{overlap})$ of outputs behind these activations."""
        gain, bias = float(network.weight_variance), float(network.bias_variance)
        return (gain * self.overlap + bias) / (gain * (self.power - self.overlap))


def groups(h: jax.Array, coupled: bool) -> jax.Array:
    """Sample means of the groups of samples that are independent of each other: (groups, N), float64.

    `h` has shape (batches, B, N); a group is a batch where `coupled`, else one sample.
    """
    exact = h.astype(jnp.float64)
    return exact.mean(axis=1) if coupled else exact.reshape(-1, h.shape[-1])


def two_moments(h: jax.Array, coupled: bool) -> Moments:
    """Unbiased overlap over pairs of independent groups, and power, of activations (batches, B, N)."""
    means = groups(h, coupled)
    count, width = means.shape
    if count < 2:
        raise ValueError("the overlap needs two independent groups of samples: two batches, or two samples without batch statistics")
    total = means.sum(axis=0)
    overlap = (jnp.vdot(total, total) - jnp.vdot(means, means)) / (count * (count - 1) * width)
    return Moments(overlap, jnp.mean(h.astype(jnp.float64) ** 2))
