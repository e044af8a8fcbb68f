"""The node law against the stages' rules, and certified quadrature against closed forms and against an evaluation of its own."""

import math
from functools import cache

import numpy as np
import pytest
from arrays import NUMPY
from flint import arb
from sympy import Max, Rational, erf, sqrt, tanh
from tiers import tiered, usually

from proofs_checks.balls import NotEnclosed, enclose, precision
from proofs_checks.prediction import predict
from theory import symbols as s
from theory.activations import ACTIVATIONS, PiecewiseLinear
from theory.gaussian_functions import TwoPoint, is_closed, kappa
from theory.law import NoClosedForm
from theory.network import Network, Placement
from theory.node import node_law
from theory.norms import NORMS
from theory.stages import Axis, Center, Scale
from theory.survey import NETWORKS

AT = {s.c: Rational(2, 5), s.q: Rational(9, 5)}
CLOSE = 1e-10  #: closed forms and quadrature agree to this where both exist


@cache
def both(network):
    """The law after the block, by rules and by the node law; None where one of them has none."""
    start = network.symbolic_law
    try:
        return network.by_rules(start), node_law(network.block, start)
    except NoClosedForm:
        return None


def value(expression):
    with precision(128):
        ball = arb(enclose(expression, {symbol: arb(int(at.p)) / int(at.q) for symbol, at in AT.items()}))
    assert float(ball.rad()) < CLOSE / 10
    return float(ball.mid())


#: One of each kind: the others differ in a constant, or repeat layer norm.
NAMES = (
    "none",
    "batch_norm",
    "layer_norm",
    "rms_norm",
    "mean_only_batch_norm",
    "variance_only_batch_norm",
    "l1_batch_norm",
    "layer_norm_epsilon",
)
ACTIVE = usually(("relu", "sine", "erf"), with_long=tuple(ACTIVATIONS))
SURVEYED = [network for network in NETWORKS if network.norm.name in NAMES and network.activation.name in ACTIVE]
WITHOUT_A_RULE = {("l1_batch_norm", "post"), ("variance_only_batch_norm", "post")}  #: behind an activation, whichever it is


@pytest.mark.parametrize("norm, place", sorted({(network.norm.name, network.placement.value) for network in SURVEYED}))
def test_rules_and_array_code_agree(norm, place):
    """With every activation for which there are both."""
    compared = 0
    for network in SURVEYED:
        if (network.norm.name, network.placement.value) == (norm, place) and (found := both(network)):
            rules, code = found
            for name in ("mean", "overlap", "power"):
                if getattr(code, name).is_finite is not False and not getattr(code, name).has(math.nan):
                    assert value(getattr(code, name)) == pytest.approx(value(getattr(rules, name)), abs=CLOSE), (network.activation, name)
                    compared += 1
    assert (compared > 0) is ((norm, place) not in WITHOUT_A_RULE)


def test_most_combinations_have_rules_and_array_code():
    assert sum(both(network) is not None for network in SURVEYED) >= usually(33, with_long=100)


def test_a_wrong_rule_is_told_apart():
    """The twin: batch norm's array code against layer norm's rule."""
    start = Network(NORMS["layer_norm"], Placement.POST).symbolic_law
    rules = Network(NORMS["layer_norm"], Placement.POST).by_rules(start)
    code = node_law((PiecewiseLinear(0), Center(Axis.BATCH), Scale(Axis.FEATURES)), start)
    assert abs(value(code.overlap) - value(rules.overlap)) > 1e-3


# Two-point moments


def reference(f, q, c):
    """E f(X)f(Y) by the trapezoidal rule over the shared centre and over the noise, which converges exponentially."""
    z = np.linspace(-9, 9, 361)
    density = (z[1] - z[0]) * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    centres = f(np.sqrt(q) * (np.sqrt(c) * z[:, None] + np.sqrt(1 - c) * z)) @ density
    return centres**2 @ density


@pytest.mark.parametrize("q, c", [("0.7", "0.3"), ("2", "0.8")])
def test_tanh_pair_against_a_sum(q, c):
    with precision(128):
        found = enclose(TwoPoint.of(tanh(sqrt(Rational(q)) * s.z), Rational(c)))
    assert float(found.mid()) == pytest.approx(reference(np.tanh, float(q), float(c)), rel=1e-11)
    assert float(found.rad()) < 1e-15


@pytest.mark.parametrize("c", [Rational(-1, 2), Rational(1, 10), Rational(1, 2), Rational(9, 10)])
@pytest.mark.parametrize("kink", [0, Rational(1, 3)])
def test_rectifier_pairs_in_closed_form(c, kink):
    with precision(128):
        found = enclose(TwoPoint.of(Max(0, s.z) + kink * s.z, c))
        closed = enclose(kappa(c) / 2 + kink * c + kink**2 * c)  # E ReLU(X)Y = c/2 by Stein's identity, twice
    assert found.overlaps(closed)
    assert float(found.rad()) < 1e-11


def test_a_pole_near_the_line_is_no_silent_wrong():
    """tanh(1000 z) has poles at distance π/2000: either small balls or a refusal."""
    with precision(128), pytest.raises(NotEnclosed):
        enclose(TwoPoint.of(tanh(1000 * s.z), Rational(1, 2)))


def test_too_fast_growth_is_refused():
    with precision(128), pytest.raises(NotEnclosed):
        enclose(TwoPoint.of(erf(s.z) / s.z, Rational(1, 2)))


# Units that differ in more than their centres: against finite samples of the node law


@pytest.mark.parametrize(
    "norm, placement, activation",
    [
        *tiered(
            (
                ("batch_rms_norm", "pre", "relu"),
                ("batch_rms_norm", "pre", "abs"),
                ("batch_rms_norm", "post", "abs"),
                ("switchable_norm", "pre", "relu"),
                ("switchable_norm", "pre", "tanh"),
                ("variance_only_batch_norm", "pre", "gelu"),
                ("batch_rms_norm", "post", "sine"),
            ),
            (("batch_rms_norm", "post", "abs"),),
        )
    ],
)
def test_the_node_law_against_drawn_units(norm, placement, activation):
    """A layer of 4000 units and 2000 samples, centres and noise drawn: the sample averages that the law takes to their limits."""
    network = Network(NORMS[norm], Placement(placement), ACTIVATIONS[activation])
    law = node_law(network.block, network.symbolic_law)
    generator = np.random.default_rng(5)
    c, q = (float(AT[symbol]) for symbol in (s.c, s.q))
    found = []
    for _ in range(8):
        h = np.sqrt(c * q) * generator.normal(size=(1, 4000)) + np.sqrt((1 - c) * q) * generator.normal(size=(2000, 4000))
        for stage in network.block:
            h = stage.on_array(h, NUMPY)
        centre = h.mean(axis=0)
        found.append((np.mean(centre**2 - h.var(axis=0, ddof=1) / 2000), np.mean(h**2)))
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / np.sqrt(8)
    expected = np.array([value(law.overlap), value(law.power)])
    # Student's t with 7 degrees of freedom, two-sided at 1e-6; batches of 2000 bias by at most a few in 2000 of the value.
    assert np.all(np.abs(mean - expected) <= 13.3 * error + 4 / 2000 * np.abs(expected))


def test_predictions_by_quadrature_agree_with_closed_forms():
    """γ at depth 3 of GELU by its closed form, and by its array code alone."""
    from theory.activations import Activation

    bare = Activation("bare", lambda h, xp: h * (1 + xp.erf(h / xp.sqrt(2))) / 2)
    for norm, placement in (
        ("none", Placement.NONE),
        ("layer_norm", Placement.PRE),
        ("rms_norm", Placement.POST),
        ("batch_norm", Placement.PRE),
    ):
        closed, numeric = (predict(Network(NORMS[norm], placement, activation), 3) for activation in (ACTIVATIONS["gelu"], bare))
        assert (closed.method, numeric.method) == ("closed form", "quadrature")
        assert numeric.gamma == pytest.approx(closed.gamma, rel=CLOSE)


def test_is_closed():
    assert is_closed(kappa(s.c)) and not is_closed(TwoPoint.of(tanh(s.z), s.c))
