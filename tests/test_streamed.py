"""Layers drawn block by block: the same Gram matrix, the same averages, the same law, and memory that does not grow with the width."""

import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiers import tiered

from numerics import keys, streamed
from numerics.ensemble import Sampler, Size, apply_stages, moments
from numerics.estimators import two_moments
from numerics.streamed import _averages, _condensed, _through, block_of, of_blocks
from proofs_checks.design import Design
from proofs_checks.finding import sup_distance
from proofs_checks.observe_samplers import tallies
from theory.activations import ACTIVATIONS
from theory.distributions import DataSet, Distribution
from theory.network import Block, Network, Placement
from theory.norms import NORMS, BatchNorm, LayerNorm, Norm, RMSNorm
from theory.stages import Stage
from theory.stream import ResidualNetwork

PRE, POST = Placement.PRE, Placement.POST
BATCH, UNITS, BLOCKS = 16, 32, 6
FLOAT32 = 2.0**-24


def network(norm, placement, **rest):
    return Network(norm, placement, batch_size=BATCH, **rest)


NETWORKS = {
    "no norm": Network(bias_variance=0.3),
    "gelu": Network(activation=ACTIVATIONS["gelu"]),
    "real data": Network(LayerNorm, POST, inputs=next(iter(DataSet))),
    **{f"{name} {place.value}": network(NORMS[name], place) for name in NORMS if name != "none" for place in (PRE, POST)},
}
NETWORKS.pop("leave_one_out_batch_norm post")  # now and then a unit is zero in a whole batch
BLOCKED = ("no norm", "layer_norm post", "batch_norm pre", "switchable_norm pre")


@pytest.fixture
def small(monkeypatch):
    """Blocks of 32 units, in layers of any size."""
    for name, value in (("WHOLE", 0), ("BLOCK", UNITS), ("SHORTEST", 8)):
        monkeypatch.setattr(streamed, name, value)


def whole_and_parts():
    whole = jax.random.normal(keys.stream(1, "streamed"), (2, BATCH, BLOCKS * UNITS), jnp.float32)
    return whole, lambda number: jax.lax.dynamic_slice_in_dim(whole, number * UNITS, UNITS, axis=-1)


@pytest.mark.parametrize("name", NETWORKS)
def test_stages_make_of_blocks_what_they_make_of_the_layer(name, small):
    """Averages over features are sums in another order: of N terms each is off by at most Nu of their mean square, and a stage has few of them."""
    stages = NETWORKS[name].block
    assert block_of(NETWORKS[name], Size(BLOCKS * UNITS, 1, 2 * BATCH, sampler=Sampler.GRAM)) == UNITS
    whole, part = whole_and_parts()
    averages = _averages(stages, part, BLOCKS)
    found = jnp.concatenate([_through(stages, averages, part(number)) for number in range(BLOCKS)], axis=-1)
    expected = apply_stages(stages, whole)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 4 * BLOCKS * UNITS * FLOAT32 * np.abs(expected).max()


@pytest.mark.parametrize("coupled", [False, True])
def test_few_units_have_the_gram_matrix_of_all(coupled):
    whole, part = whole_and_parts()
    alike, found = _condensed(part, BLOCKS, coupled)
    assert alike.shape == (2, BATCH, 2 * BATCH)
    gram, expected = (np.asarray(h, np.float64).reshape(2 * BATCH, -1) for h in (alike, whole))
    gram, expected = (h @ h.T / h.shape[1] for h in (gram, expected))
    # Householder's QR is backward stable: each of its columns is off by a modest multiple of √n·u of its norm, once for every block.
    assert np.abs(gram - expected).max() <= 8 * BLOCKS * np.sqrt(2 * BATCH) * FLOAT32 * expected.max()
    for one, other in zip(found, two_moments(whole, coupled), strict=True):
        assert abs(one - other) <= 64 * 2.0**-53 * two_moments(whole, coupled).power


@pytest.mark.parametrize("name", tiered(BLOCKED, ("layer_norm post",)))
def test_blocks_change_no_law(name, small):
    """γ of networks whose layers are drawn in blocks, and whole: two samples of one law, at an error rate of 1e-6 in all."""
    design, count, size = Design(1e-6 / len(BLOCKED) / 2, 0.1), 1024, Size(2 * UNITS, 2, 2 * BATCH, sampler=Sampler.GRAM)
    one = NETWORKS[name]
    blocks = np.asarray(of_blocks(one, size).drawn(keys.stream(2, "blocks", name), count).gamma(one))
    whole = np.asarray(moments(one, size, keys.stream(2, "whole", name), count).gamma(one))
    other = np.asarray(moments(NETWORKS["gelu"], size, keys.stream(2, "other", name), count).gamma(one))
    band = design.two_bands(count, count)
    for depth in range(2):
        assert (
            sup_distance(*(tallies(blocks[:, depth], whole[:, depth]) / count))
            <= band
            < sup_distance(*(tallies(blocks[:, depth], other[:, depth]) / count))
        )


class Unknown(Stage):
    """The largest unit of a layer is one: not an average, nor of a unit alone."""

    def on_array(self, h, xp):
        return h / xp.max(xp.abs(h), axis=-1, keepdims=True)


def test_what_needs_whole_layers_gets_them(small):
    size = Size(4 * UNITS, 1, 2 * BATCH, sampler=Sampler.GRAM)
    for one in (
        ResidualNetwork(LayerNorm, PRE),
        Network(RMSNorm, POST, then=(Block(LayerNorm, PRE),)),
        Network(weights=Distribution.RADEMACHER),
        Network(Norm("unknown", Unknown()), PRE),
    ):
        assert block_of(one, size) == 0
    assert block_of(Network(), Size(4 * UNITS, 1, 2 * BATCH)) == 0  # all weights
    assert block_of(Network(), Size(101, 1, 2 * BATCH, sampler=Sampler.GRAM)) == 0  # a prime has no blocks
    assert block_of(Network(BatchNorm, PRE, batch_size=BATCH), Size(96, 1, 2 * BATCH, sampler=Sampler.GRAM)) == 32


def test_layers_that_fit_are_drawn_whole():
    assert block_of(Network(), Size(2**16, 1, 16, sampler=Sampler.GRAM)) == 0
    assert block_of(Network(), Size(2**17, 1, 16, sampler=Sampler.GRAM)) == streamed.BLOCK


PEAK = """
import resource, sys
from numerics.ensemble import Sampler
from numerics.prejudice import simulate
from theory.network import Network, Placement
from theory.norms import LayerNorm
found = simulate(Network(LayerNorm, Placement.PRE), width=int(sys.argv[1]), depth=2, samples=16, networks=1, seed=1, sampler=Sampler.GRAM)
assert abs(found["gamma"] - 0.9752) < 0.1
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_width():
    """Eight times the width, whose activations alone would take 56 MiB more: less than a third of that."""
    narrow, wide = (
        int(
            subprocess.run(
                [sys.executable, "-c", PEAK, str(2**power)], cwd=Path(__file__).parents[1], capture_output=True, check=True
            ).stdout
        )
        for power in (17, 20)
    )
    assert wide - narrow < 16 * 1024  # KiB
