"""Samples that go through a network part by part: the same moments, the same weights, and memory that grows with neither samples nor networks."""

import tracemalloc
from dataclasses import replace
from functools import partial

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerics import keys, sampled
from numerics.ensemble import Measured, Precision, Sampler, Size, number_of_controls, of_controlled, of_moments, propagate
from numerics.estimators import two_moments
from numerics.prejudice import simulate
from numerics.running import Running
from numerics.sampled import of_parts, part_of
from theory.distributions import DataSet, Distribution
from theory.network import Network, Placement
from theory.norms import BatchNorm, LayerNorm
from theory.stream import ResidualNetwork

PRE, POST = Placement.PRE, Placement.POST
KEY = keys.stream(1, "sampled")
FLOAT32, FLOAT64 = 2.0**-24, 2.0**-53

NETWORKS = {
    "layer norm": (Network(LayerNorm, POST, bias_variance=0.3), Size(16, 3, 44), 16),
    "wide inputs": (Network(weights=Distribution.RADEMACHER), Size(16, 2, 21, input_dimension=32), 8),
    "batches": (Network(BatchNorm, PRE, batch_size=8), Size(16, 2, 40), 16),
    "a large batch": (Network(BatchNorm, PRE, batch_size=20), Size(16, 2, 40), 20),
    "residual": (ResidualNetwork(LayerNorm, PRE), Size(16, 2, 17), 16),
}


@pytest.fixture
def small(monkeypatch):
    """Parts of 256 numbers, of any number of samples."""
    monkeypatch.setattr(sampled, "WHOLE", 0)
    monkeypatch.setattr(sampled, "PART", 256)


def of_part(network, size, part, number):
    """Activations behind every layer, (depth, batches, B, N)."""
    observed = partial(propagate, network, replace(size, samples=part), KEY, lambda layer: layer.activations)
    return jax.jit(lambda part: observed(part=part).observed)(number)


@pytest.mark.parametrize("name", NETWORKS)
def test_parts_have_the_moments_of_all_samples(name, small):
    """The last part is longer than what is left. In float64, but for what is drawn: erf⁻¹, within 6 units of float32 in every program, of inputs and layers."""
    network, size, part = NETWORKS[name]
    size = replace(size, precision=Precision.DOUBLE)
    assert part_of(network, size) == part
    parts = [np.asarray(of_part(network, size, part, number)) for number in range(-(-size.samples // part))]
    whole = np.concatenate(parts, axis=1 if network.couples_samples else 2)
    whole = whole[:, : size.samples // whole.shape[2]] if network.couples_samples else whole[:, :, : size.samples]
    expected = jax.jit(jax.vmap(partial(two_moments, coupled=network.couples_samples)))(whole)
    found = jax.jit(of_parts(network, size).measure)(KEY)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_less(np.abs(one - other), 2 * 2 * 6 * (1 + size.depth) * FLOAT32 * expected.power)
    assert len(np.unique(whole[-1].reshape(size.samples, -1), axis=0)) == size.samples  # no sample is another one


@pytest.mark.parametrize("name", ["layer norm", "residual"])
def test_all_parts_meet_the_same_weights(name):
    """Inputs that have all in common are one input: what it becomes does not depend on the part."""
    network, size, part = NETWORKS[name]
    one, other = (of_part(replace(network, input_overlap=1), size, part, number) for number in (0, 1))
    np.testing.assert_array_equal(one, other)
    assert np.ptp(np.asarray(one)) > 0


def test_what_needs_all_samples_gets_them(small):
    assert part_of(Network(), Size(16, 1, 64)) == 16
    assert part_of(Network(), Size(16, 1, 64, sampler=Sampler.GRAM)) == 0
    assert part_of(Network(LayerNorm, POST, inputs=next(iter(DataSet))), Size(16, 1, 64)) == 0


def test_samples_that_fit_go_at_once():
    assert part_of(Network(), Size(1024, 1, 1024)) == 0
    assert part_of(Network(), Size(1024, 1, 1025)) == 1025  # in one part
    assert part_of(Network(), Size(1024, 1, 2**20)) == 4096
    assert part_of(Network(BatchNorm, PRE, batch_size=3000), Size(1024, 1, 30000)) == 3000


def temporary(replicates):
    """Bytes that a compiled measurement takes beside what enters and leaves it."""
    return jax.jit(replicates.measure).lower(KEY).compile().memory_analysis().temp_size_in_bytes


def test_memory_does_not_grow_with_the_samples():
    """The compiler's own account; of all samples at once it is eight times as much."""
    few, many = Size(512, 2, 2**14), Size(512, 2, 2**17)
    network = Network(LayerNorm, PRE)
    assert part_of(network, few) == part_of(network, many) == 2**13
    assert temporary(of_parts(network, few)) == temporary(of_parts(network, many))
    assert temporary(of_moments(network, many)) > 6 * temporary(of_moments(network, few))


@pytest.mark.parametrize("controlled", [False, True])
def test_memory_does_not_grow_with_the_networks(controlled):
    """Of 2^16 networks more, one number each would take half a MiB, and their control variates ten."""

    def peak(networks):
        tracemalloc.start()
        simulate(Network(), width=32, depth=2, samples=4, networks=networks, seed=1, control_variates=controlled)
        try:
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(2**10)  # compiles
    assert peak(2**16 + 2**10) - peak(2**10) < 2**17


@pytest.mark.parametrize("network", [Network(BatchNorm, PRE, batch_size=4), ResidualNetwork()])
def test_the_number_of_controls_is_known_before_they_are_drawn(network):
    found: Measured = of_controlled(network, Size(8, 3, 8)).drawn(KEY, 2)
    assert found.controls.shape == (2, number_of_controls(network, 3))


@given(st.lists(st.lists(st.floats(-1, 1), min_size=1, max_size=9), min_size=1, max_size=9), st.sampled_from([0.0, 1e8]))
def test_blocks_merge_into_the_whole(blocks, offset):
    r"""Numbers far from zero, whose $\sum x^2 - K\bar x^2$ is rounding alone: every merge adds a few roundings of the spread and of the offset."""
    blocks = [offset + np.array(block) for block in blocks]
    whole = np.concatenate(blocks)
    found = Running.of(blocks[0])
    for block in blocks[1:]:
        found = found.merged(Running.of(block))
    rounding = 8 * len(whole) * FLOAT64 * (1 + offset)
    assert found.number == len(whole)
    assert abs(found.mean - whole.mean()) <= rounding
    assert abs(found.squares - ((whole - whole.mean()) ** 2).sum()) <= 4 * len(whole) * rounding


def test_a_spread_beside_a_large_mean_is_kept():
    values = 1e8 + np.array([0.0, 1.0, 2.0, 3.0])
    assert Running.of(values[:1]).merged(Running.of(values[1:])).variance == pytest.approx(5 / 3, rel=1e-6)
    assert (np.square(values).sum() - 4 * values.mean() ** 2) / 3 != pytest.approx(5 / 3, rel=0.1)  # the rival
