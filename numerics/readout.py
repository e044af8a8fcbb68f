"""Class fractions: how many of a network's samples a drawn readout gives to class 0."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from numerics.ensemble import Size, propagate, replicate
from theory.network import Network


def class_counts(network: Network, size: Size, key: jax.Array, networks: int) -> np.ndarray:
    """Samples with Y_0 > Y_1 behind each hidden layer of each network, of those independent at fixed weights: one per
    batch where a norm couples the samples of a batch, all otherwise. Shape (networks, depth), int.

    One readout is drawn per network and read behind every layer: independent of the network, it has its law at each.
    """

    def measure(key: jax.Array) -> jax.Array:
        body_key, readout_key = jax.random.split(key)
        readout = jax.random.normal(readout_key, (size.width, 2), jnp.float32)

        def observe(h: jax.Array) -> jax.Array:
            independent = h[:, 0] if network.couples_samples else h.reshape(-1, size.width)
            outputs = independent @ readout
            return jnp.sum(outputs[:, 0] > outputs[:, 1])

        return propagate(network, size, body_key, observe)[1]

    counts: np.ndarray = replicate(measure, ("counts", network, size), size.networks_per_call, key, networks)
    return counts
