"""Random keys: one seed for a whole audit, one stream per name.

A stream depends on the seed and on what it is for, never on what else runs; the key of a network depends on
its number in its stream, never on how the stream is split into calls.
"""

from __future__ import annotations

import hashlib
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike


def stream(seed: int, *names: object) -> jax.Array:
    """The key of the stream called `names` (a claim's id, the experiment's number, what is drawn)."""
    digest = hashlib.sha256("/".join(map(str, names)).encode()).digest()
    return _stream(seed, np.frombuffer(digest, ">u4", 3).astype(np.uint32))


@jax.jit
def _stream(seed: ArrayLike, words: ArrayLike) -> jax.Array:
    key = jax.random.key(seed, impl="threefry2x32")
    for word in jnp.asarray(words):
        key = jax.random.fold_in(key, word)
    return key


@partial(jax.jit, static_argnums=2)
def members(key: jax.Array, first: ArrayLike, count: int) -> jax.Array:
    """Keys of the networks numbered first, …, first + count − 1 of a stream; of several such blocks, one after another."""
    numbers = jnp.add.outer(jnp.asarray(first), jnp.arange(count)).ravel()
    return jax.vmap(lambda number: jax.random.fold_in(key, number))(numbers)


def generator(seed: int, *names: object) -> np.random.Generator:
    """NumPy's generator for the stream called `names`."""
    return np.random.default_rng(np.asarray(jax.random.key_data(stream(seed, *names))))
