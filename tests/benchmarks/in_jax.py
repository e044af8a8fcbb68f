"""Our side, by the project's public functions, and the bare work under it: the same random draws and matrix products alone."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from numerics import keys
from numerics.control_variates import fitted
from numerics.draws import gaussian
from numerics.ensemble import Controlled, Sampler, Size, controlled_moments, moments, product
from numerics.estimators import Moments
from numerics.kernel import compiler_options
from numerics.precision import control_drift
from numerics.prejudice import simulate
from proofs_checks.prediction import predict
from theory.network import Network, Placement
from theory.norms import LayerNorm

NETWORK = Network(LayerNorm, Placement.PRE)
Statistic = Callable[[Moments, float], np.ndarray]


@cache
def limit(depth: int) -> float:
    """γ at infinite width, as the theory has it: what errors are measured from."""
    return predict(NETWORK, depth).gamma


def estimate(size: Size, networks: int, seed: int, control_variates: bool = False) -> dict[str, Any]:
    """One call of `simulate`: all that a user waits for."""
    sizes = {"width": size.width, "depth": size.depth, "samples": size.samples, "sampler": size.sampler}
    return simulate(NETWORK, **sizes, networks=networks, seed=seed, control_variates=control_variates)


def draw(size: Size, networks: int) -> Moments:
    """Networks of a size, without control variates."""
    return moments(NETWORK, size, keys.stream(1, "benchmark"), networks)


def per_network(found: Moments, gamma: float) -> np.ndarray:
    r"""What the correlation of each network, which `simulate` averages, is off by, as a relative change of γ: $d\gamma/\gamma = dc/(c(1-c))$."""
    c = gamma / (1 + gamma)
    return (np.asarray(found.correlation(NETWORK)) - c) / (c * (1 - c))


def of_means(found: Moments, gamma: float) -> np.ndarray:
    r"""To first order what the ratio of mean V and mean v is off by: who reads outputs averages numerator and denominator, and not γ."""
    spread = found.power - found.overlap
    return np.asarray((found.overlap - gamma * spread) / (gamma * spread.mean(axis=0)))


class Adjusted(NamedTuple):
    """A statistic's mean over networks, its standard error, and the variance of one network, control variates taken out."""

    mean: float
    standard_error: float
    variance: float


def adjusted(size: Size, networks: int, statistic: Statistic) -> Adjusted:
    """The statistic behind the last layer of `networks` networks, the multipliers of the controls settled on as many others."""
    found = controlled_moments(NETWORK, size, keys.stream(1, "benchmark", "controlled"), 2 * networks)
    values, controls = statistic(found.moments, limit(size.depth))[:, -1], found.controls[:, -1]
    pilot = fitted(values[:networks], controls[:networks], control_drift(NETWORK), networks)
    left = pilot.of(values[networks:], controls[networks:])
    return Adjusted(float(left.mean()), float(left.std(ddof=1) / np.sqrt(networks)), float(left.var(ddof=1)))


def draw_controlled(size: Size, networks: int) -> Controlled:
    """Networks of a size and their control variates: the time that `adjusted` costs per network, its pilot aside."""
    return controlled_moments(NETWORK, size, keys.stream(1, "benchmark", "timed"), networks)


@cache
def bare(size: Size, networks: int) -> Callable[[], Any]:
    """Random draws and matrix products of as many networks of a size, from a Gram matrix its QR factor too, compiled as kernels are; nothing between them."""

    def layer(h: jax.Array, key: jax.Array) -> tuple[jax.Array, None]:
        factor = h if size.sampler is Sampler.WEIGHTS else jnp.linalg.qr(h.T, mode="r").T
        drawn = gaussian(key, (factor.shape[1], size.width))
        return product(factor, drawn) * jnp.float32(size.width**-0.5), None

    def one(key: jax.Array) -> jax.Array:
        every = jax.random.split(key, 1 + size.depth)
        return lax.scan(layer, gaussian(every[0], (size.samples, size.width)), every[1:])[0]

    every = keys.members(keys.stream(1, "benchmark", "bare"), 0, networks)
    whole = jax.jit(lambda every: lax.map(one, every, batch_size=min(networks, size.networks_at_once)))
    run = whole.lower(every).compile(compiler_options())
    return lambda: jax.block_until_ready(run(every))


def square_product(width: int) -> Callable[[], Any]:
    """One product of two square float32 matrices, as the simulation takes it."""
    a = jnp.ones((width, width), jnp.float32)
    run = jax.jit(product)
    return lambda: jax.block_until_ready(run(a, a))
