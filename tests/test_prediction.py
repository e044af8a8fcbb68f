"""Predictions against an evaluation of their own, in mpmath, with the recursions typed from THEORY.md, sections 4 to 7."""

import itertools
import math
from dataclasses import astuple

import pytest
from mpmath import acos, asin, atan, gamma, mp, mpf, pi, sqrt, workdps
from tiers import tiered

from proofs_checks.prediction import multiclass, predict
from theory.network import Network, Placement
from theory.norms import NORMS

#: A thousand layers bring c, or 1 − c, down to 1e-150; sixty digits remain.
DIGITS = 220
RELATIVE = 1e-8  #: wanted of every predicted γ; the radius that comes with it is held to what it says itself

DEPTHS = (0, 1, 2, 10, 100, 1000)
OVERLAPS = ("0", "0.1", "0.5", "0.9", "0.99")
GAINS = (("2", "0"), ("1.5", "0.3"), ("4", "0.05"))  #: σ_w² and σ_b², one of them Kaiming's


VARIANTS = ("leave_one_out_batch_norm", "ghost_batch_norm", "batch_norm_evaluation")


def kappa(c):
    return (sqrt(1 - c**2) + c * (pi - acos(c))) / pi


def half_modulus(batch):
    """E|y|/2 of a Gaussian sample standardised by its batch, THEORY.md section 6."""
    if batch is None:
        return 1 / sqrt(2 * pi)
    batch = mpf(batch)
    return sqrt(batch - 1) * gamma((batch - 1) / 2) / (2 * sqrt(pi) * gamma(batch / 2))


def student_power(batch):
    """E s² of the leave-one-out statistic with D = B − 2, THEORY.md section 6."""
    return mpf(1) if batch is None else mpf(batch) * (batch - 2) / ((batch - 1) * (batch - 4))


def rectified_student_mean(batch):
    """Eq. (57) with k² = BD/((B−1)(B−2)) and D = B − 2, THEORY.md section 6."""
    batch = mpf(batch)
    nu, k = batch - 2, sqrt(batch / (batch - 1))
    return k * sqrt(nu) * gamma((nu + 1) / 2) / (sqrt(pi) * gamma(nu / 2) * (nu - 1))


def block(norm, placement, batch, c, q):
    """Overlap and power after norm and ReLU, from correlation c and power q of the pre-activations."""
    match norm, placement:
        case "none", _:
            return q * kappa(c) / 2, q / 2
        case (("layer_norm" | "rms_norm"), "pre"):
            return kappa(c) / 2, mpf(1) / 2
        case "rms_norm", "post":
            return kappa(c), mpf(1)
        case "layer_norm", "post":
            return (pi * kappa(c) - 1) / (pi - 1), mpf(1)
        case "batch_norm", "pre":
            return half_modulus(batch) ** 2, mpf(1) / 2
        case (("batch_norm" | "leave_one_out_batch_norm"), "post"):
            return mpf(0), mpf(1)
        case "leave_one_out_batch_norm", "pre":
            return half_modulus(None) ** 2 if batch is None else rectified_student_mean(batch) ** 2, student_power(batch) / 2
        case "ghost_batch_norm", "pre":
            return half_modulus(16) ** 2, mpf(1) / 2
        case "ghost_batch_norm", "post":
            return mpf(0), mpf(1)
        case "batch_norm_evaluation", _:
            return q * kappa(c) / 2, q / 2


def overlaps(norm, placement, overlap, gain, bias, batch=None):
    """The outputs' correlation after 0, 1, 2, … hidden layers."""
    gain, bias = mpf(gain), mpf(bias)
    covariance, power = gain * mpf(overlap) + bias, gain + bias
    while True:
        yield covariance / power
        covariance, power = block(norm, placement, batch, covariance / power, power)
        covariance, power = gain * covariance + bias, gain * power + bias


def network(norm, placement, overlap, gain="2", bias="0", **rest):
    return Network(
        NORMS[norm], Placement(placement), input_overlap=float(overlap), weight_variance=float(gain), bias_variance=float(bias), **rest
    )


def assert_agrees(found, c):
    """γ to RELATIVE and to its own radius, and what follows from it; `c` has hundreds of digits."""
    expected = c / (1 - c)
    error = abs(mpf(found.gamma) - expected)
    # A smallest double for a γ of exactly zero, which the two thousandth digit of the reference would miss.
    tiny = mpf(5e-324) + (mpf(10) ** (30 - mp.dps) if c < mpf(10) ** (30 - mp.dps) else 0)
    assert error <= RELATIVE * abs(expected) + tiny
    assert error <= found.error_bound * max(1, abs(expected)) + tiny
    assert found.overlap == pytest.approx(float(c), rel=1e-14, abs=5e-200)  # a few roundings to double
    if found.gamma >= 0:
        assert found.variance == pytest.approx(float(asin(c) / (2 * pi)), rel=1e-14, abs=5e-200)
        assert found.mean_largest == pytest.approx(float(mpf(1) / 2 + atan(sqrt(abs(expected))) / pi), rel=1e-14)


@pytest.mark.parametrize(
    "norm, placement",
    tiered(
        (
            ("none", "none"),
            *itertools.product(("layer_norm", "rms_norm", "batch_norm"), ("pre", "post")),
            *itertools.product(VARIANTS, ("pre", "post")),
        ),
        (
            *itertools.product(("layer_norm", "batch_norm"), ("pre", "post")),
            ("leave_one_out_batch_norm", "post"),
            ("ghost_batch_norm", "pre"),
        ),
    ),
)
def test_every_norm_placement_depth_overlap_gain(norm, placement):
    with workdps(DIGITS):
        # RMSNorm's maps are those of no norm and of layer norm before the activation: two overlaps show that it is wired to them.
        for overlap, (gain, bias) in itertools.product(OVERLAPS if norm != "rms_norm" else ("0", "0.5"), GAINS):
            if (gain, bias) != GAINS[0] and overlap != "0.5":
                continue  # one overlap, for the time that a general gain takes
            if norm in VARIANTS and overlap != "0.5":
                continue  # their maps are those of norms before them: one overlap shows that they are wired to them
            reference = list(itertools.islice(overlaps(norm, placement, overlap, gain, bias), DEPTHS[-1] + 1))
            depths = DEPTHS if (gain, bias) == GAINS[0] else (1, 100)
            for depth in depths:
                if overlap in ("0.1", "0.9") and depth in (10, 1000):
                    continue
                assert_agrees(predict(network(norm, placement, overlap, gain, bias), depth), reference[depth])


def test_no_placement_is_no_norm():
    for norm in NORMS:
        assert predict(network(norm, "none", "0.1"), 3) == predict(network("none", "none", "0.1"), 3)


EQUATED = ({("layer_norm", "pre"), ("rms_norm", "pre")}, {("batch_norm", "post"), ("ghost_batch_norm", "post")})
TOLD_APART = ("none", "batch_norm", "layer_norm", "rms_norm", "ghost_batch_norm")


def test_the_reference_tells_the_placements_apart():
    """The twin of the agreement above: at depth two no other norm or placement has this γ, but for those that theory equates."""
    with workdps(DIGITS):
        reference = {
            pair: next(itertools.islice(overlaps(*pair, "0.5", *GAINS[1]), 2, None))
            for pair in itertools.product(TOLD_APART, ("pre", "post"))
        }
        predicted = {pair: predict(network(*pair, "0.5", *GAINS[1]), 2) for pair in reference}
        for one, other in itertools.combinations(reference, 2):
            equal = one[0] == other[0] == "none" or {one, other} in EQUATED
            if equal:
                assert_agrees(predicted[one], reference[other])
            else:
                with pytest.raises(AssertionError):
                    assert_agrees(predicted[one], reference[other])


# THEORY.md section 4, to one unit of the ninth digit after the point: at depth 4 the value is 2.13433967948, printed …680
DEPTH_TABLE = (
    0.466942207, 0.975234862, 1.530529062, 2.134339680, 2.787109182, 3.488908564, 4.239663560, 5.039241880, 5.887490520, 6.784252651,
)  # fmt: skip


@pytest.mark.parametrize("depth, stated", list(enumerate(DEPTH_TABLE, start=1)))
def test_depth_table(depth, stated):
    assert predict(Network(), depth).gamma == pytest.approx(stated, abs=1e-9)


def test_depth_twenty_and_the_depth_law():
    assert predict(Network(), 20).gamma == pytest.approx(18.39, abs=0.005)
    for depth, ratio in ((10, 3.01), (100, 1.237), (1000, 1.0297)):
        digits = 0.005 if depth == 10 else 0.0005 if depth == 100 else 0.00005
        assert predict(Network(), depth).gamma / (2 * depth**2 / (9 * math.pi**2)) == pytest.approx(ratio, abs=digits)


# THEORY.md section 6: γ_B, with half a unit of the last printed digit
BATCH_TABLE = (
    (2, 1.0, 0.0), (4, 0.6, 5e-17), (8, 0.5192878, 5e-8), (16, 0.49052, 5e-6), (32, 0.4781630, 5e-8), (64, 0.47242, 5e-6),
    (512, 0.46761, 5e-6),
)  # fmt: skip


@pytest.mark.parametrize("batch, stated, half_digit", BATCH_TABLE)
def test_batch_table(batch, stated, half_digit):
    for depth, overlap in ((1, 0), (1, 0.5), (7, 0.5)):
        found = predict(Network(NORMS["batch_norm"], Placement.PRE, batch_size=batch, input_overlap=overlap), depth)
        assert abs(found.gamma - stated) <= half_digit + found.error_bound


@pytest.mark.parametrize("batch", [2, 3, 5, 8, 100, 1001, 10**6])
def test_batch_norm_in_batches(batch):
    with workdps(60):
        for gain, bias in GAINS:
            reference = list(itertools.islice(overlaps("batch_norm", "pre", "0.5", gain, bias, batch), 4))
            for depth in (1, 3):
                assert_agrees(predict(network("batch_norm", "pre", "0.5", gain, bias, batch_size=batch), depth), reference[depth])


def test_every_batch_size_to_a_thousand():
    """γ_B = e²/(½ − e²), and the leave-one-out proxy's, to 1e-10 at every B."""
    with workdps(40):
        for batch in range(2, 1001):
            square = half_modulus(batch) ** 2
            found = predict(Network(NORMS["batch_norm"], Placement.PRE, batch_size=batch), 3).gamma
            assert abs(found - square / (mpf(1) / 2 - square)) <= mpf("1e-10")
            if batch > 4 and batch % 10 == 0:
                square, power = rectified_student_mean(batch) ** 2, student_power(batch) / 2
                proxy = predict(Network(NORMS["leave_one_out_batch_norm"], Placement.PRE, batch_size=batch), 3).gamma
                assert abs(proxy - square / (power - square)) <= mpf("1e-10")
                assert proxy < 1 / (pi - 1) < found


def test_a_million_samples_per_batch_is_almost_a_full_batch():
    found = predict(Network(NORMS["batch_norm"], Placement.PRE, batch_size=10**6), 5)
    full = predict(Network(NORMS["batch_norm"], Placement.PRE), 5)
    # γ_B falls to 1/(π−1) like 1/B: from the table, (0.4781630 − 0.4669422)·32 = 0.36.
    assert 0 < found.gamma - full.gamma < 0.5 / 10**6


def test_equal_samples_are_infinitely_prejudiced():
    found = predict(Network(input_overlap=1), 3)
    assert (found.gamma, found.overlap, found.variance, found.mean_largest) == (math.inf, 1.0, 0.25, 1.0)


def test_opposite_samples_have_no_class_fractions_at_depth_zero():
    found = predict(Network(input_overlap=-0.5), 0)
    assert found.gamma == pytest.approx(-1 / 3, rel=1e-15)
    assert found.variance is None and found.mean_largest is None


def test_uniform_class_fractions_at_gamma_one():
    """γ = 1 exactly, at B = 2: f_0 is uniform, of variance 1/12, and its larger half has mean 3/4."""
    found = predict(Network(NORMS["batch_norm"], Placement.PRE, batch_size=2), 4)
    assert found.variance == pytest.approx(1 / 12, rel=1e-15)
    assert found.mean_largest == pytest.approx(3 / 4, rel=1e-15)


# THEORY.md section 2: Monte-Carlo means of the largest class fraction, with the standard errors printed there

LARGEST = ((0.467, 10, 0.3311, 0.0011), (0.467, 100, 0.1372, 0.0017), (2.13, 10, 0.5445, 0.0011), (2.13, 100, 0.3541, 0.0024))


@pytest.mark.parametrize("prejudice, classes, stated, error", LARGEST)
def test_largest_of_many_classes(prejudice, classes, stated, error):
    # 4.9 standard errors: two-sided 1e-6 of a normal law
    assert abs(multiclass(prejudice, classes).mean_largest - stated) < 4.9 * error


def two_races_of_three(r):
    """The closed form of claim `largest_of_three_fractions`, in mpmath."""
    return mpf(1) / 9 + (asin(r) + asin(r / 2)) / (4 * pi) + (asin(r) ** 2 - asin(r / 2) ** 2) / (4 * pi**2)


PREJUDICES = ("1e-12", "1e-3", "0.467", "1", "7", "100", "1e6", "1e12", "1e300")


@pytest.mark.parametrize("prejudice", PREJUDICES)
def test_few_classes_by_quadrature_are_the_closed_forms(prejudice):
    with workdps(400):
        c = mpf(prejudice) / (1 + mpf(prejudice))
        exact = {
            2: (asin(c) / (2 * pi), mpf(1) / 2 + asin(sqrt(c)) / pi),
            3: (two_races_of_three(c) - mpf(1) / 9, 3 * two_races_of_three(sqrt(c))),
        }
        for classes, (variance, largest) in exact.items():
            found = multiclass(float(prejudice), classes)
            assert found.error_bound < 1e-14
            assert abs(found.variance - variance) <= found.error_bound
            assert abs(found.mean_largest - largest) <= found.error_bound


def test_without_prejudice_all_classes_are_alike():
    assert astuple(multiclass(0.0, 10)) == (0.0, 0.1, 0.0)


def test_predict_hands_on_the_number_of_classes():
    found = predict(Network(), 1, classes=10)
    assert (found.variance, found.mean_largest, found.fraction_error) == astuple(multiclass(found.gamma, 10))


def test_equal_samples_are_one_vote_for_one_of_many_classes():
    found = predict(Network(input_overlap=1), 3, classes=10)
    assert (found.variance, found.mean_largest) == (0.09, 1.0)
    nearly = multiclass(1e300, 10)
    assert nearly.variance == pytest.approx(found.variance, abs=nearly.error_bound) and nearly.mean_largest == pytest.approx(
        1, abs=nearly.error_bound
    )
