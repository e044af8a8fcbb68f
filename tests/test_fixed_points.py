"""Fixed points of overlap maps: all of them, and no others."""

import pytest
from mpmath import acos, findroot, mp, mpf, pi, sqrt
from sympy import Rational, S

from proofs_checks.balls import precision
from proofs_checks.fixed_points import BITS, FINEST, NoFixedPoints, _search, fixed_points, in_words
from proofs_checks.prediction import predict
from theory import symbols as s
from theory.activations import ACTIVATIONS
from theory.network import Block, Network, Placement
from theory.norms import BatchNorm, LayerNorm, average_pool, group_norm
from theory.stream import ResidualNetwork


def found_by(f):
    with precision(BITS):
        return _search(f, {})


def kappa(c):
    return (sqrt(1 - c**2) + c * (pi - acos(c))) / pi


@pytest.mark.parametrize(
    ("network", "stated"),
    [
        (Network(), [(1, True)]),
        (Network(LayerNorm, Placement.POST), [(0, True), (1, False)]),
        (Network(BatchNorm, Placement.PRE), [(1 / float(pi), True)]),
        (Network(BatchNorm, Placement.PRE, batch_size=8), [(175 / 512, True)]),
        (Network(BatchNorm, Placement.POST), [(0, True)]),
        (Network(average_pool(4), Placement.POST), [(1, True)]),
        (Network(LayerNorm, Placement.PRE, ACTIVATIONS["erf"]), [(0, True), (1, False)]),
        (Network(LayerNorm, Placement.POST, bias_variance=2.0), [(1, True)]),
    ],
)
def test_known_fixed_points(network, stated):
    points = fixed_points(network)
    assert [point.attracts for point in points] == [attracts for _, attracts in stated]
    for point, (overlap, _) in zip(points, stated, strict=True):
        assert point.certain and abs(point.overlap - overlap) <= max(point.radius, 1e-15) and point.radius <= 4 * FINEST


@pytest.mark.parametrize("bias", ["0.05", "0.3", "0.8"])
def test_biases_move_the_neutral_point(bias):
    """ReLU → LN with biases: between 0 and 1 a fixed point that attracts, where deep networks go from either side."""
    with mp.workdps(30):
        gain = mpf(2)
        root = findroot(
            lambda c: (gain * (pi * kappa(c) - 1) / (pi - 1) + mpf(bias)) / (gain + mpf(bias)) - c,
            (mpf("0.01"), mpf("0.95")),
            solver="anderson",
        )
    point, end = fixed_points(Network(LayerNorm, Placement.POST, bias_variance=float(bias)))
    assert abs(point.overlap - float(root)) <= 2 * point.radius + 1e-15 and point.attracts and point.certain
    assert (end.overlap, end.attracts) == (1, False)
    for start in (0.0, 0.95):
        deep = predict(Network(LayerNorm, Placement.POST, bias_variance=float(bias), input_overlap=start), 1000).overlap
        assert deep == pytest.approx(point.overlap, abs=1e-9)


def test_every_crossing_is_found():
    c = s.c
    points = found_by(c - (c - Rational(1, 5)) * (c - Rational(1, 2)) * (c - Rational(3, 4)))
    assert [(round(point.overlap, 12), point.attracts, point.certain) for point in points] == [
        (0.2, True, True),
        (0.5, False, True),
        (0.75, True, True),
    ]
    assert all(point.radius < 1e-15 for point in points)


def test_two_that_are_close_are_told_apart():
    c, gap = s.c, Rational(1, 10**4)
    low, high = found_by(c + (c - Rational(1, 3)) * (c - Rational(1, 3) - gap))
    assert (low.attracts, high.attracts) == (True, False) and low.certain and high.certain
    assert high.overlap - low.overlap == pytest.approx(1e-4, rel=1e-9)


@pytest.mark.parametrize("lift", [0, Rational(1, 10**20)])
def test_a_touch_is_not_decided(lift):
    """A map that touches the diagonal, or just fails to: no proof either way."""
    (point,) = found_by(s.c + (s.c - Rational(1, 3)) ** 2 + lift)
    assert not point.certain and point.attracts is None
    assert abs(point.overlap - 1 / 3) <= point.radius < 1e-5


def test_a_map_off_the_diagonal_has_none():
    assert found_by(s.c / 2 + Rational(1, 4) + S(1) / 3) == found_by(s.c + Rational(1, 10)) == []


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (Network(activation=ACTIVATIONS["erf"]), "depends on the power"),
        (ResidualNetwork(LayerNorm, Placement.PRE), "depends on the power"),
        (Network(group_norm(8), Placement.PRE), "quadrature"),
        (Network(LayerNorm, Placement.PRE, ACTIVATIONS["identity"]), "no overlap is seen to change"),
        (Network(then=(Block(),)), "take turns"),
    ],
)
def test_where_none_are_stated(network, reason):
    with pytest.raises(NoFixedPoints, match=reason):
        fixed_points(network)
    assert reason in in_words(network)


def test_an_end_does_not_stand_for_a_wide_neighbourhood(monkeypatch):
    """A search given up early leaves half the interval open: its end is fixed, and what else is there is not decided."""
    monkeypatch.setattr("proofs_checks.fixed_points.MOST", 1)
    (point, *_) = found_by(s.c * (1 - s.c) * (1 - 2 * s.c) + s.c)
    assert not point.certain and point.radius > 0.1
