"""One standardised sample of each of many Gaussian batches, streamed: what a batch norm makes of it, without a network."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from numerics.draws import gaussian
from numerics.ensemble import NotFinite
from numerics.kernel import Replicates
from numerics.namespace import XP
from theory.norms import Norm

NUMBERS_AT_ONCE = 2**20  #: normal variables in memory; the batches of one call are this many over their size


class Tally(NamedTuple):
    """Values up to each edge, values in all, and the largest modulus."""

    below: np.ndarray
    values: int
    largest: float


def tally(norm: Norm, batch: int, edges: np.ndarray, key: jax.Array, values: int) -> Tally:
    """Draw at least `values` independent values, each the first sample of a batch of its own behind the norm, in float64.

    Raises
    ------
    NotFinite
        If a batch had no spread to divide by.
    """
    chunk = max(1, NUMBERS_AT_ONCE // batch)
    chunks = -(-values // chunk)

    def measure(chunk_key: jax.Array) -> tuple[jax.Array, jax.Array, int]:
        # In float32 one pair in ten million is two equal numbers, and a batch of three has a pair beside each of its samples; four are not.
        shape = (chunk, batch, 1)
        h = jax.random.normal(chunk_key, shape, jnp.float64) if batch <= 3 else gaussian(chunk_key, shape).astype(jnp.float64)
        for stage in norm.stages:
            h = stage.on_array(h, XP)
        first = jnp.sort(h[:, 0, 0])
        return jnp.searchsorted(first, jnp.asarray(edges), side="right"), jnp.maximum(-first[0], first[-1]), first.size

    below, largest, counted = Replicates(measure, ("statistic", norm, batch, len(edges)), 1, at_once=1).drawn(key, chunks)
    if not np.isfinite(largest).all():
        raise NotFinite(f"a statistic of {norm.name} in a batch of {batch} is not finite: the batch had no spread to divide by")
    return Tally(below.sum(axis=0), int(counted.sum()), float(largest.max()))
