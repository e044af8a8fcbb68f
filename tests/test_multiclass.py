"""The largest of many class fractions: its quadrature, its law, what networks vote, and twins of each that must fail."""

import json
import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy import integrate, special, stats
from sympy import pi
from tiers import tiered

from numerics import keys
from numerics.ensemble import Sampler, Size
from numerics.readout import votes
from proofs_checks import observe_largest, observed
from proofs_checks.design import Design
from proofs_checks.evidence import Verdict
from proofs_checks.observe_largest import class_fractions, most_votes_law
from proofs_checks.prediction import multiclass
from proofs_checks.two_races import Correlation, one_wins_both
from theory.multiclass import LARGEST, THREE
from theory.network import Network, Placement
from theory.norms import BatchNorm, LayerNorm

NORMAL = 4.9  #: standard errors: two-sided 1e-6 of a normal law
DESIGN = Design(alpha=1e-8, resolution=0.02)

# Quadrature


@pytest.mark.parametrize("gamma", [1e-6, 0.467, 1.0, 100.0, 1e12])
@pytest.mark.parametrize("classes", [2, 10, 100, 1000])
def test_a_finer_lattice_agrees_within_the_bound(gamma, classes):
    value, bound = one_wins_both(Correlation.of(gamma), classes)
    assert bound < 3e-15 * max(3, classes)
    assert abs(one_wins_both(Correlation.of(gamma), classes, refine=1.37)[0] - value) <= bound


@pytest.mark.parametrize("classes", [2, 10])
def test_a_coarser_lattice_does_not(classes):
    value, bound = one_wins_both(Correlation.of(2.13), classes)
    assert abs(one_wins_both(Correlation.of(2.13), classes, refine=0.5)[0] - value) > bound


@pytest.mark.parametrize("gamma, classes", [(0.467, 10), (2.13, 5), (100.0, 1000), (1e-2, 1000), (1e4, 100)])
def test_two_races_by_drawing_them(gamma, classes):
    """How often the class of the largest centre also has the largest output, and how often two outputs have one winner."""
    draw, count = np.random.default_rng(1), 20_000
    agree, same = 0, 0
    for _ in range(10):
        centres = math.sqrt(gamma) * draw.standard_normal((count // 10, classes))
        first, second = ((centres + draw.standard_normal(centres.shape)).argmax(axis=1) for _ in range(2))
        agree += int(np.sum(first == centres.argmax(axis=1)))
        same += int(np.sum(first == second))
    found = multiclass(gamma, classes)
    for hits, probability in ((agree, found.mean_largest), (same, 1 / classes + classes * found.variance)):
        assert abs(hits / count - probability) < NORMAL * math.sqrt(probability * (1 - probability) / count)


@pytest.mark.parametrize("classes", [2, 10, 100])
def test_slope_at_zero(classes):
    """(E M_K)²/(K−1) in √γ, with the mean of the largest of K Gaussians by quadrature; the next order is γ."""
    largest, _ = integrate.quad(
        lambda z: classes * z * special.ndtr(z) ** (classes - 1) * stats.norm.pdf(z), -9, 9, epsabs=1e-12, limit=400
    )
    gamma = 1e-8
    slope = (multiclass(gamma, classes).mean_largest - 1 / classes) / math.sqrt(gamma)
    assert slope == pytest.approx(largest**2 / (classes - 1), rel=1e-3)


def test_one_judge_is_a_sample_and_many_are_the_centre():
    for gamma in (1e-3, 0.467, 50.0):
        c = gamma / (1 + gamma)
        for judges, r in ((1, c), (math.inf, math.sqrt(c)), (4, gamma / math.sqrt((gamma + 0.25) * (1 + gamma)))):
            pair = Correlation.of(gamma, judges)
            assert (pair.value, pair.rest) == pytest.approx((r, math.sqrt(1 - r**2)), rel=1e-12)


# Fractions at given centres


def test_fractions_at_given_centres():
    centres = np.random.default_rng(2).normal(0, 1.5, (200, 2))
    np.testing.assert_allclose(class_fractions(centres)[:, 0], special.ndtr((centres[:, 0] - centres[:, 1]) / math.sqrt(2)), atol=3e-6)
    centres = np.random.default_rng(3).normal(0, 1.5, (50, 10))
    found = class_fractions(centres)
    assert (np.argsort(found) == np.argsort(centres)).all()
    for row, fractions in zip(centres[:3], found, strict=False):
        for k in range(10):
            others = np.delete(row, k)
            expected, _ = integrate.quad(
                lambda y, k=k, others=others, row=row: stats.norm.pdf(y - row[k]) * special.ndtr(y - others).prod(), -12, 14, limit=200
            )
            assert abs(fractions[k] - expected) < 3e-6


@pytest.mark.parametrize("gamma, classes", [(0.467, 10), (2.13, 3)])
def test_fractions_at_drawn_centres_have_the_stated_moments(gamma, classes):
    """The mean of the largest and the variance of one, over drawn centres, are those of the quadrature."""
    draws = class_fractions(math.sqrt(gamma) * np.random.default_rng(4).standard_normal((20_000, classes)))
    found = multiclass(gamma, classes)
    for values, expected in ((draws.max(axis=1), found.mean_largest), ((draws**2).mean(axis=1), found.variance + 1 / classes**2)):
        assert abs(values.mean() - expected) < NORMAL * values.std() / math.sqrt(len(values)) + 3e-6


def test_the_most_votes_without_prejudice_are_a_multinomial_maximum():
    """γ = 0, two classes: the larger of two binomial halves, whose band of 2^15 draws at 1e-6 is 0.0149."""
    n = 2 * observe_largest.JUDGES
    halves = stats.binom.pmf(np.arange(n + 1), n, 0.5)
    exact = np.where(np.arange(n + 1) > n / 2, 2 * halves, np.where(np.arange(n + 1) == n / 2, halves, 0))
    drawn = most_votes_law(0.0, 2, 1, "test")
    assert np.abs(np.cumsum(drawn) - np.cumsum(exact)).max() < Design(1e-6, 0.02).band(observe_largest.DRAWN)


# Votes of networks


def test_one_class_receives_every_vote():
    found = votes(Network(), Size(16, 2, 8), 1, 3, keys.stream(1, "one class"), 5)
    assert (found.share == 1).all() and (found.most == 8).all() and found.share.shape == found.most.shape == (5, 2)


def test_only_one_sample_of_a_batch_votes():
    found = votes(Network(BatchNorm, Placement.PRE, batch_size=4), Size(16, 1, 4 * 6), 1, 2, keys.stream(1, "coupled"), 3)
    assert (found.most == 6).all()


def test_readouts_of_both_samplers_vote_alike():
    shares = [votes(Network(), Size(32, 2, 8, sampler=each), 5, 16, keys.stream(1, each), 2048).share[:, 1] for each in Sampler]
    errors = [share.std(ddof=1) / math.sqrt(len(share)) for share in shares]
    assert abs(shares[0].mean() - shares[1].mean()) < NORMAL * math.hypot(*errors)


# Experiments: what holds, and what must not

EXPERIMENT = THREE.experiments[0]
run = partial(observed.run, design=DESIGN, seed=1, stream="test/largest")


def test_three_classes_hold():
    for name in observed.checks(EXPERIMENT):
        found = run(EXPERIMENT, name)
        assert found.verdict is Verdict.HOLDS, found.sentence
        assert found.rival["rejected"]
        assert json.loads(json.dumps(found.details)) == found.details  # evidence is read back as it was written


def _exponent_too_large(pair, classes):
    value, error = one_wins_both(pair, classes + 1)
    return value * classes / (classes + 1), error


def _factor_missing(pair, classes):
    value, error = one_wins_both(pair, classes)
    return value / classes, error


FORMULAS = {
    "exponent K": ("one_wins_both", _exponent_too_large),
    "no factor K": ("one_wins_both", _factor_missing),
    "covariance of the centre itself": (
        "Correlation",
        type("Centre", (), {"of": staticmethod(lambda gamma, judges: Correlation.of(gamma))}),
    ),
    "covariance of two samples": ("Correlation", type("Samples", (), {"of": staticmethod(lambda gamma, judges: Correlation.of(gamma, 1))})),
    "γ of the next depth": ("stated_gamma", lambda maps, start, depth, of=observe_largest.stated_gamma: of(maps, start, depth + 1)),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_a_broken_formula_of_the_share_is_red(name, monkeypatch):
    monkeypatch.setattr(observe_largest, *FORMULAS[name])
    found = run(EXPERIMENT, "share_of_the_largest_depth_1")
    assert found.verdict is Verdict.FAILS, found.sentence


def test_the_most_votes_of_another_depth_are_red(monkeypatch):
    monkeypatch.setattr(observe_largest, *FORMULAS["γ of the next depth"])
    found = run(EXPERIMENT, "most_votes_depth_1")
    assert found.verdict is Verdict.FAILS, found.sentence


def test_fractions_that_do_not_add_up_are_an_error(monkeypatch):
    """With another distribution function than that of the density, the winners' densities do not add up to one."""
    monkeypatch.setattr(observe_largest.special, "ndtr", special.expit)
    with pytest.raises(ArithmeticError, match="add up"):
        class_fractions(np.zeros((1, 3)))


NETWORKS = {
    "layer norm after": Network(LayerNorm, Placement.POST),
    "another input": Network(input_overlap=0.5),
}


@pytest.mark.parametrize("name", tiered(NETWORKS, ("another input",)))
@pytest.mark.parametrize("statistic", ["share_of_the_largest", "most_votes"])
def test_another_network_is_red(name, statistic):
    """The stated γ stays, what votes is another network."""
    experiment = replace(EXPERIMENT, network=NETWORKS[name], overlap_map=1 / pi)
    found = run(experiment, f"{statistic}_depth_1")
    assert found.verdict is Verdict.FAILS, found.sentence


@pytest.mark.long
def test_judges_that_vote_themselves_are_red(monkeypatch):
    """The largest empirical fraction is too large, most of all where the network is neutral: about 0.2 of 32 samples for one of ten classes."""

    def biased(network, size, classes, readouts, key, networks):
        found = votes(network, size, classes, readouts, key, networks)
        return found._replace(share=found.most / size.samples)

    monkeypatch.setattr(observe_largest, "votes", biased)
    found = run(LARGEST.experiments[1], "share_of_the_largest_depth_1", design=Design(alpha=1e-8, resolution=0.2))
    assert found.verdict is Verdict.FAILS and found.estimate > 0.18, found.sentence


def test_a_rival_depth_is_a_depth():
    with pytest.raises(ValueError, match="not among the depths"):
        replace(LARGEST.experiments[0], rival_depth=7)
