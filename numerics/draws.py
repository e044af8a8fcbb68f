"""Random numbers of mean zero and variance one, in float32.

Random bits are Threefry-2x32 of a counter (Salmon, Moraes, Dror and Shaw 2011), as in `jax.random`: the same on every machine. JAX keeps its rounds in a loop
on CPUs, to compile sooner, and goes through memory in each; without one an audit's Gaussian numbers take a third of that time.
"""

from __future__ import annotations

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from theory.distributions import HALVINGS, Distribution

WORD = 32  #: independent bits of one random word
MANTISSA = 24  #: bits of a word that float32 can tell apart
ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))  #: of Threefry's rounds, in turn
PARITY = np.uint32(0x1BD11BDA)  #: of Threefry's third key word
#: Coefficients of erf⁻¹(x)/x in w − 5/2 and, from w = 5 on, in √w − 3, the highest first: Giles, "Approximating the erfinv function", 2012.
INVERSE_ERF = (
    (2.81022636e-08, -2.00214257e-04),
    (3.43273939e-07, 1.00950558e-04),
    (-3.5233877e-06, 1.34934322e-03),
    (-4.39150654e-06, -3.67342844e-03),
    (2.1858087e-04, 5.73950773e-03),
    (-1.25372503e-03, -7.6224613e-03),
    (-4.17768164e-03, 9.43887047e-03),
    (2.46640727e-01, 1.00167406),
    (1.50140941, 2.83297682),
)


def draw(distribution: Distribution, key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Independent numbers of a distribution."""
    match distribution:
        case Distribution.GAUSSIAN:
            return gaussian(key, shape)
        case Distribution.UNIFORM:
            return _levels(key, shape) * jnp.float32(math.sqrt(3))
        case Distribution.RADEMACHER:
            (signs,) = _bits(key, 1, shape)
            return 1 - 2 * signs
        case Distribution.SPARSE:
            signs, *chances = _bits(key, 1 + HALVINGS, shape)
            return (1 - 2 * signs) * jnp.prod(jnp.stack(chances), axis=0) * jnp.float32(2 ** (HALVINGS / 2))


def gaussian(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    r"""Standard normal numbers $\sqrt2\,\mathrm{erf}^{-1}(u)$ for $2^{24}$ evenly spaced levels u in (−1, 1), symmetric and all equally likely."""
    signed = lax.bitcast_convert_type(words(key, math.prod(shape)), jnp.int32) >> np.int32(WORD - MANTISSA)
    levels = (signed.astype(jnp.float32) + np.float32(0.5)) * np.float32(2.0 ** (1 - MANTISSA))
    return (np.float32(math.sqrt(2)) * _inverse_erf(levels)).reshape(shape)


def _inverse_erf(x: jax.Array) -> jax.Array:
    r"""$\mathrm{erf}^{-1}x$ of float32 levels, a polynomial in $w = -\log(1-x^2)$.

    Within 6 units of roundoff, where `lax.erf_inv` of JAX 0.10 errs by up to 97, and in two thirds of its time: it evaluates both polynomials.
    """
    w = -jnp.log((1 - x) * (1 + x))
    near = w < 5
    at = jnp.where(near, w - np.float32(2.5), jnp.sqrt(w) - 3)
    value, *others = (jnp.where(near, *map(np.float32, pair)) for pair in INVERSE_ERF)
    for coefficient in others:
        value = value * at + coefficient
    return x * value


@partial(jax.jit, static_argnums=1)
def words(key: jax.Array, count: int) -> jax.Array:
    """Random words (count,), uint32: Threefry-2x32 with 20 rounds of 0, 1, …: first the one half of every block, then the other."""
    first, second = jax.random.key_data(key)
    schedule = (first, second, first ^ second ^ PARITY)
    counter = lax.iota(jnp.uint32, -(-count // 2))
    x, y = jnp.broadcast_to(schedule[0], counter.shape), counter + schedule[1]
    for turn in range(5):
        for rotation in ROTATIONS[turn % 2]:
            x = x + y
            y = x ^ ((y << np.uint32(rotation)) | (y >> np.uint32(WORD - rotation)))
        x = x + schedule[(turn + 1) % 3]
        y = y + schedule[(turn + 2) % 3] + np.uint32(turn + 1)
    return jnp.concatenate([x, y])[:count]


def _levels(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Evenly spaced levels in (−1, 1), as many as half a random word has values, all equally likely: variance 1/3, less 2^-32 of it."""
    half, count = WORD // 2, math.prod(shape)
    halves = (words(key, -(-count // 2))[:, None] >> jnp.array([0, half], jnp.uint32)) & (2**half - 1)
    return ((2 * halves.astype(jnp.float32) + 1) / 2**half - 1).reshape(-1)[:count].reshape(shape)


def _bits(key: jax.Array, planes: int, shape: tuple[int, ...]) -> jax.Array:
    """Fair bits (planes, *shape), 0.0 or 1.0: every random word gives 32 of them."""
    count = planes * math.prod(shape)
    bits = (words(key, -(-count // WORD))[:, None] >> jnp.arange(WORD, dtype=jnp.uint32)) & 1
    return bits.reshape(-1)[:count].reshape(planes, *shape).astype(jnp.float32)
