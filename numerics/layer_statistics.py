"""Statistics of one layer of one random network, whose expectations are known at every width."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from numerics.draws import gaussian
from numerics.ensemble import Sampler, Size, dense, propagate
from numerics.kernel import Replicates
from theory.activations import ACTIVATIONS
from theory.experiments import Quantity
from theory.network import Network

LYAPUNOV_SAMPLES = 256  #: samples for a node's moments over the data
LAYER_SAMPLES = 16  #: samples over which a network's layer statistics are averaged


def _second_layer(width: int, key: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Pre-activations (samples, N) of a second hidden layer, and their variances (samples, 1) given the layer below."""
    body_key, next_key = jax.random.split(key)
    # A sine, not ReLU: a narrow rectified layer is now and then zero in all its units, and has no power to divide by; and being
    # odd it leaves samples uncorrelated, so that averaging over them helps most.
    network, size = Network(activation=ACTIVATIONS["sine"]), Size(width, depth=1, samples=LAYER_SAMPLES)
    h = propagate(network, size, body_key, lambda layer: ()).activations
    z = dense(h, next_key, width, network.dense, Sampler.WEIGHTS)
    power = float(network.weight_variance) * jnp.mean(h.astype(jnp.float64) ** 2, axis=-1, keepdims=True)
    return z.astype(jnp.float64), power


def _layer_mean_square(width: int, key: jax.Array) -> jax.Array:
    z, power = _second_layer(width, key)
    return jnp.mean(jnp.mean(z, axis=-1, keepdims=True) ** 2 / power)


def _layer_variance_fluctuation(width: int, key: jax.Array) -> jax.Array:
    z, power = _second_layer(width, key)
    return jnp.mean((jnp.var(z, axis=-1, keepdims=True) / power - 1) ** 2)


def _lyapunov_ratio(width: int, key: jax.Array) -> jax.Array:
    """Σ E|W(h−Eh)|³ / (Σ Var Wh)^{3/2} behind alike nodes h = ReLU(N(0, 1)): a first layer with infinite input dimension.

    Moments over the data are sample averages, whose bias of order 1/n is removed by the jackknife over two halves:
    2·T(n) − mean of T(n/2).
    """
    body_key, readout_key = jax.random.split(key)
    h = jnp.maximum(gaussian(body_key, (LYAPUNOV_SAMPLES, width)), 0).astype(jnp.float64)
    weights = gaussian(readout_key, (width,)).astype(jnp.float64)

    def ratio(part: jax.Array) -> jax.Array:
        centred = part - part.mean(axis=0)
        third = jnp.mean(jnp.abs(centred) ** 3, axis=0)
        return jnp.sum(jnp.abs(weights) ** 3 * third) / jnp.sum(weights**2 * jnp.mean(centred**2, axis=0)) ** 1.5

    first, second = jnp.split(h, 2)
    return 2 * ratio(h) - (ratio(first) + ratio(second)) / 2


_STATISTICS: dict[Quantity, Callable[[int, jax.Array], jax.Array]] = {
    Quantity.LAYER_MEAN_SQUARE: _layer_mean_square,
    Quantity.LAYER_VARIANCE_FLUCTUATION: _layer_variance_fluctuation,
    Quantity.LYAPUNOV_RATIO: _lyapunov_ratio,
}


def per_call(quantity: Quantity) -> int:
    """Networks in one compiled call."""
    return 64 if quantity is Quantity.LYAPUNOV_RATIO else 8192


def statistic(quantity: Quantity, width: int, key: jax.Array, networks: int) -> np.ndarray:
    """The quantity for each of `networks` networks, (networks,), float64."""
    count = per_call(quantity)
    measure = partial(_STATISTICS[quantity], width)
    found: np.ndarray = Replicates(measure, (quantity, width), count, at_once=min(256, count // 8)).drawn(key, networks)
    return found
