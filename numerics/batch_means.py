"""How far from zero the batch means of a layer's units are: exactly zero in real arithmetic behind a centring."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from numerics.ensemble import Layer, Size, finite, propagate
from numerics.kernel import Replicates
from theory.network import Network


class BatchMeans(NamedTuple):
    """Per network and layer: the largest modulus of a unit's batch mean, and the largest activation. (networks, depth)."""

    largest_mean: jax.Array
    largest_activation: jax.Array


def batch_means(network: Network, size: Size, key: jax.Array, networks: int) -> BatchMeans:
    """Measure all layers of `networks` networks."""

    def observe(layer: Layer) -> BatchMeans:
        exact = layer.activations.astype(jnp.float64)
        return BatchMeans(jnp.max(jnp.abs(exact.mean(axis=1))), jnp.max(jnp.abs(exact)))

    def measure(key: jax.Array) -> BatchMeans:
        return propagate(network, size, key, observe).observed

    found: BatchMeans = Replicates(measure, ("batch means", network, size), size.networks_per_call).drawn(key, networks)
    return finite(found, network, size)
