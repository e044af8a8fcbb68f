"""Class fractions: how many of a network's samples a drawn readout gives to each class."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from numerics.draws import gaussian
from numerics.ensemble import Layer, Size, dense, propagate
from numerics.kernel import Replicates
from theory.network import Network


def _independent(h: jax.Array, network: Network) -> jax.Array:
    """Activations (samples, N) of samples independent at fixed weights: one per batch where a norm couples the samples of a batch, all otherwise."""
    return h[:, 0] if network.couples_samples else h.reshape(-1, h.shape[-1])


def class_counts(network: Network, size: Size, key: jax.Array, networks: int) -> np.ndarray:
    """Independent samples with Y_0 > Y_1 behind each hidden layer of each network. Shape (networks, depth), int.

    One readout is drawn per network, the difference of two outputs' weights up to a factor, and read behind every layer: independent of
    the network, it has its law at each.
    """

    def measure(key: jax.Array) -> jax.Array:
        body_key, readout_key = jax.random.split(key)
        readout = gaussian(readout_key, (size.width,))

        def observe(layer: Layer) -> jax.Array:
            return jnp.sum(_independent(layer.activations, network) @ readout > 0)

        return propagate(network, size, body_key, observe).observed

    counts: np.ndarray = Replicates(measure, ("counts", network, size), size.networks_per_call).drawn(key, networks)
    return counts


VOTING_AT_ONCE = 128  #: networks in one compiled call: ensembles of any size then share one kernel


class Votes(NamedTuple):
    """Per network and layer, (networks, depth): the share of votes for the judges' class, and the most votes of any class.

    Each half of the samples judges the other: the judges' class has the largest output on average over them, and the share is that of the
    others' votes for it, a mean over halves and readouts, float64. The most votes are those of all samples behind the first readout, int.
    """

    share: np.ndarray
    most: np.ndarray


def votes(network: Network, size: Size, classes: int, readouts: int, key: jax.Array, networks: int) -> Votes:
    """Let the independent samples of `networks` networks, an even number of them, vote behind `readouts` readouts of as many classes each.

    The same draws make the readouts behind every layer: independent of the network, they have
    their law at each.
    """

    def measure(key: jax.Array) -> Votes:
        body_key, readout_key = jax.random.split(key)

        def observe(layer: Layer) -> Votes:
            outputs = dense(_independent(layer.activations, network), readout_key, readouts * classes, network.dense, size.sampler)
            halves = outputs.reshape(2, -1, readouts, classes)
            judged = jnp.argmax(halves.mean(axis=1, keepdims=True), axis=-1)
            voted = jnp.argmax(halves, axis=-1)
            most = jnp.max(jnp.bincount(voted[..., 0].reshape(-1), length=classes))
            return Votes(jnp.mean(voted == judged[::-1], dtype=jnp.float64), most)

        return propagate(network, size, body_key, observe).observed

    name = ("votes", network, size, classes, readouts)
    found: Votes = Replicates(measure, name, min(VOTING_AT_ONCE, size.networks_per_call)).drawn(key, networks)
    return found
