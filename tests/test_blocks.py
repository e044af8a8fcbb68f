"""Pooling windows, and blocks that take turns."""

from dataclasses import dataclass, replace
from itertools import cycle, islice

import numpy as np
import pytest
from mpmath import acos, mp, mpf, pi, sqrt
from scipy import stats
from sympy import Rational, S
from tiers import tiered

from numerics import keys
from numerics.ensemble import Sampler, Size, moments
from numerics.prejudice import simulate
from proofs_checks import observed
from proofs_checks.design import Design
from proofs_checks.evidence import Verdict
from proofs_checks.prediction import predict
from reports.figures import label
from reports.typeset import definition
from theory.activations import ACTIVATIONS, leaky_relu
from theory.law import Law, NoClosedForm, Shape, gaussian_data
from theory.network import Block, Network, Placement
from theory.norms import NORMS, BatchNorm, LayerNorm, Norm, RMSNorm, average_pool, group_norm, max_pool
from theory.pooling import AVERAGE_POOLING, MAX_POOLING
from theory.stages import AveragePool, Axis, Center, Group, MaxPool, Scale
from theory.stream import ResidualNetwork

DESIGN = Design(alpha=1e-8, resolution=0.02)
PLAIN = Block()


# Pooling windows


def test_windows_of_an_array():
    h = np.arange(12.0).reshape(1, 2, 6) ** 2
    np.testing.assert_array_equal(AveragePool(3).on_array(h, np)[0], [[5 / 3, 50 / 3], [149 / 3, 302 / 3]])
    np.testing.assert_array_equal(MaxPool(2).on_array(h, np)[0], [[1, 9, 25], [49, 81, 121]])
    np.testing.assert_array_equal(AveragePool(1).on_array(h, np), h)


@pytest.mark.parametrize("window", [1, 2, 5])
@pytest.mark.parametrize("probability", [Rational(1, 2), Rational(1, 5)])
def test_the_law_of_a_window_by_enumeration(window, probability):
    """Units that are 0 or 1 and, in a second sample, the same or drawn anew: every pair of windows, with its probability."""
    p, same = probability, Rational(1, 3)
    pairs = {(a, b): (p if a else 1 - p) * (same * int(a == b) + (1 - same) * (p if b else 1 - p)) for a in (0, 1) for b in (0, 1)}
    windows = {(0, 0): S.One}
    for _ in range(window):
        grown = {}
        for (a, b), weight in windows.items():
            for (x, y), chance in pairs.items():
                grown[a + x, b + y] = grown.get((a + x, b + y), 0) + weight * chance
        windows = grown
    overlap = sum(weight * a * b for (a, b), weight in windows.items()) / window**2
    power = sum(weight * a * a for (a, _), weight in windows.items()) / window**2
    before = Law(p, same * p + (1 - same) * p**2, p, Shape.UNKNOWN)
    found = AveragePool(window).on_law(before)
    assert (found.mean, found.overlap, found.power) == (p, overlap, power)


def test_windows_of_one_unit_change_nothing():
    for activation in ACTIVATIONS.values():
        one, none = (predict(Network(norm, Placement.POST, activation), 3).gamma for norm in (average_pool(1), NORMS["none"]))
        assert one == pytest.approx(none, rel=1e-14)


@pytest.mark.parametrize("depth", [1, 2, 7])
def test_average_pooling_against_the_stated_map(depth):
    with mp.workdps(30):
        c = mpf(0)
        for _ in range(depth):
            c = (sqrt(1 - c**2) + c * (pi - acos(c)) + 3) / (pi + 3)
        assert predict(Network(average_pool(4), Placement.POST), depth).gamma == pytest.approx(float(c / (1 - c)), rel=1e-14)


def test_pooling_where_it_has_no_law():
    with pytest.raises(NoClosedForm, match="largest"):
        predict(Network(max_pool(2), Placement.POST), 1)
    for norm in (Norm("within", Group(8), AveragePool(2)), Norm("twice", AveragePool(2), Group(8), AveragePool(2))):
        for placement in (Placement.PRE, Placement.POST):
            with pytest.raises(NoClosedForm):
                predict(Network(norm, placement), 1)
    with pytest.raises(NoClosedForm, match="depend on each other"):
        AveragePool(2).on_law(Group(8).on_law(gaussian_data()))
    assert Group(8).on_law(Law(S.Zero, S.Zero, S.One, Shape.UNKNOWN)).groups.size == 8


def test_pooling_where_it_has_no_place():
    for norm in (average_pool(2), max_pool(2)):
        with pytest.raises(ValueError, match="one width throughout"):
            ResidualNetwork(norm, Placement.POST)
        with pytest.raises(ValueError, match="no place among them"):
            Network(norm, Placement.POST, then=(PLAIN,))
        with pytest.raises(ValueError, match="do not divide"):
            simulate(Network(norm, Placement.POST), width=9, depth=1, samples=4, networks=2, seed=1)


def test_pooling_is_typeset():
    assert definition(average_pool(4).stages) == [r"h_{1} = \langle h \rangle_{i} \quad \text{over windows of 4 units}"]
    assert "max" in definition(max_pool(2).stages)[0]


@dataclass(frozen=True)
class SumOfWindow(AveragePool):
    """Broken: windows that overlap by half, taken for independent ones."""

    def on_array(self, h, xp):
        pooled = super().on_array(h, xp)
        return (pooled + xp.roll(pooled, 1, axis=-1)) / 2


POOLED = AVERAGE_POOLING.experiments[0]
LARGEST = MAX_POOLING.experiments[0]
TWINS = {
    "windows of another size": (POOLED, average_pool(8)),
    "means of windows that overlap": (POOLED, Norm("overlapping", SumOfWindow(4))),
    "the largest for the mean": (POOLED, max_pool(4)),
    "the mean for the largest": (LARGEST, average_pool(2)),
    "the largest of four": (LARGEST, max_pool(4)),
}


@pytest.mark.parametrize("name", tiered(TWINS, ("the largest of four",)))
def test_broken_windows_are_red(name):
    experiment, norm = TWINS[name]
    twin = replace(experiment, network=replace(experiment.network, norm=norm), depths=(experiment.rival_depth,))
    found = observed.run(twin, f"gamma_depth_{experiment.rival_depth}", DESIGN, 1, f"twin/{name}")
    assert found.verdict is Verdict.FAILS, found.sentence


# Blocks that take turns

TURNS = {
    "layer norm after, none": Network(LayerNorm, Placement.POST, input_overlap=0.2, then=(PLAIN,)),
    "batch norm before, leaky ReLU, RMS norm after GELU": Network(
        BatchNorm,
        Placement.PRE,
        batch_size=16,
        then=(Block(activation=leaky_relu(0.2)), Block(RMSNorm, Placement.POST, ACTIVATIONS["gelu"])),
    ),
}
DEPTH = 5


def kappa(c):
    return (sqrt(1 - c**2) + c * (pi - acos(c))) / pi


def test_maps_are_composed_in_their_order():
    with mp.workdps(30):
        for first, second in ((0, 1), (1, 0)):
            maps = (lambda c: (pi * kappa(c) - 1) / (pi - 1), kappa)
            c = mpf("0.2")
            for map_ in islice(cycle((maps[first], maps[second])), DEPTH):
                c = map_(c)
            blocks = (Block(LayerNorm, Placement.POST), PLAIN)
            opening, then = blocks[first], blocks[second]
            network = Network(opening.norm, opening.placement, input_overlap=0.2, then=(then,))
            assert predict(network, DEPTH).gamma == pytest.approx(float(c / (1 - c)), rel=1e-14)


def test_a_block_that_takes_turns_with_itself_is_a_plain_network():
    for activation in ("relu", "tanh"):
        plain = Network(LayerNorm, Placement.PRE, ACTIVATIONS[activation], bias_variance=0.1)
        twice = replace(plain, then=(Block(LayerNorm, Placement.PRE, ACTIVATIONS[activation]),))
        assert predict(twice, 4).gamma == pytest.approx(predict(plain, 4).gamma, rel=1e-12)
        one, other = (moments(each, Size(16, 3, 4), keys.stream(1, "turns"), 4).overlap for each in (plain, twice))
        np.testing.assert_allclose(one, other, rtol=1e-5)  # float32, in another order


def test_batch_norm_after_forgets_what_came_before():
    network = Network(BatchNorm, Placement.POST, then=(PLAIN,))
    assert [predict(network, depth).gamma for depth in (1, 3)] == [0, 0]
    assert predict(network, 2).gamma == predict(network, 4).gamma == pytest.approx(1 / (np.pi - 1), rel=1e-15)


@pytest.mark.parametrize("name", tiered(TURNS, ("batch norm before, leaky ReLU, RMS norm after GELU",)))
def test_networks_do_as_predicted_and_not_in_another_order(name):
    """Width 4096, where c of these networks is off by less than their standard error; each order of the blocks against each other one's prediction."""
    network = TURNS[name]
    networks, samples = 128, 32
    size = Size(4096, DEPTH, samples, sampler=Sampler.GRAM)
    c = np.asarray(moments(network, size, keys.stream(3, "turns", name), networks).correlation(network))
    critical = float(stats.t.isf(5e-7 / DEPTH, networks - 1))
    away = []
    for other in (network, replace(network, then=()), replace(network, then=network.then[::-1] * 2 + (PLAIN,))):
        stated = np.array([predict(other, depth).overlap for depth in range(1, DEPTH + 1)])
        away.append(float(np.max(np.abs(c.mean(axis=0) - stated) / (c.std(axis=0, ddof=1) / np.sqrt(networks)))))
    assert away[0] < critical < min(away[1:]), away


def test_turns_are_named():
    assert label(TURNS["layer norm after, none"]).startswith("ReLU → LN, ReLU")
    assert Network(then=(Block(BatchNorm, Placement.PRE),), batch_size=4).couples_samples
    with pytest.raises(ValueError, match="batch of 4"):
        Network(then=(Block(NORMS["leave_one_out_batch_norm"], Placement.PRE),), batch_size=4)
    assert {type(stage) for stage in TURNS["layer norm after, none"].stages} >= {Center, Scale}
    assert Center(Axis.FEATURES) in TURNS["layer norm after, none"].stages and group_norm(4).stages == (Group(4),)
