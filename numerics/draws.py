"""Random numbers of mean zero and variance one, in float32."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from theory.distributions import HALVINGS, Distribution

WORD = 32  #: independent bits of one random word


def draw(distribution: Distribution, key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Independent numbers of a distribution."""
    match distribution:
        case Distribution.GAUSSIAN:
            return jax.random.normal(key, shape, jnp.float32)
        case Distribution.UNIFORM:
            return _levels(key, shape) * jnp.float32(math.sqrt(3))
        case Distribution.RADEMACHER:
            (signs,) = _bits(key, 1, shape)
            return 1 - 2 * signs
        case Distribution.SPARSE:
            signs, *chances = _bits(key, 1 + HALVINGS, shape)
            return (1 - 2 * signs) * jnp.prod(jnp.stack(chances), axis=0) * jnp.float32(2 ** (HALVINGS / 2))


def _levels(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Evenly spaced levels in (−1, 1), as many as half a random word has values, all equally likely: variance 1/3, less 2^-32 of it."""
    half, count = WORD // 2, math.prod(shape)
    words = jax.random.bits(key, (-(-count // 2), 1), jnp.uint32)
    halves = (words >> jnp.array([0, half], jnp.uint32)) & (2**half - 1)
    return ((2 * halves.astype(jnp.float32) + 1) / 2**half - 1).reshape(-1)[:count].reshape(shape)


def _bits(key: jax.Array, planes: int, shape: tuple[int, ...]) -> jax.Array:
    """Fair bits (planes, *shape), 0.0 or 1.0: every random word gives 32 of them."""
    count = planes * math.prod(shape)
    words = jax.random.bits(key, (-(-count // WORD), 1), jnp.uint32)
    bits = (words >> jnp.arange(WORD, dtype=jnp.uint32)) & 1
    return bits.reshape(-1)[:count].reshape(planes, *shape).astype(jnp.float32)
