"""Lemma 4.5 of arXiv 1805.11604: its refutation by other routes, learning sets drawn at random, the search, and twins that must fail."""

import math
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sympy import Matrix, Rational, cancel, expand, sqrt
from tiers import usually

import numerics  # noqa: F401 - float64
from proofs_checks import decide, enclosed
from proofs_checks.audit import Audit, Settings, run
from proofs_checks.evidence import Verdict
from proofs_checks.exact import decide_links
from reports import latex
from theory import learning_set as sets
from theory import symbols as s
from theory.catalogue import CLAIMS
from theory.claim import Kind, sample_points
from theory.gaussian import KAPPA_SHAPE
from theory.learning_set import LearningSet, integer_sets, smallest, up_to_symmetry, vector
from theory.norms import BatchNorm, BatchRMSNorm, LayerNorm, MeanOnlyBatchNorm
from theory.optimum_lemma import (
    AS_STATED,
    OURS,
    REFUTATION,
    SIZE,
    SMALLEST,
    THREE,
    WRONG_WAY,
    WRONG_WAY_SIZE,
    bound,
    factors,
    refutes,
)
from theory.optimum_lemma import CLAIMS as MINE

NORMAL = 4.9  #: standard errors: two-sided 1e-6 of a normal law
ROUNDING = 1e-13  #: of a few operations in float64 on numbers of order one
STATED = {statement.name: statement for statement in REFUTATION.statements}


# The refutation, by automatic differentiation of the array code that networks run


def gradient(weights, norm=BatchNorm, inputs=OURS.inputs, targets=OURS.targets):
    x, y = (jnp.array(np.array(each, dtype=float)) for each in (inputs, targets))

    def loss(w):
        h = (x @ w)[:, None]
        for stage in norm.stages:
            h = stage.on_array(h, jnp)
        return jnp.mean((h[:, 0] - y) ** 2)

    return np.array(jax.grad(loss)(jnp.array(weights, dtype=float)))


def test_the_gradient_at_the_plain_optimum_is_that_of_networks():
    stated = [float(STATED[f"gradient_at_the_plain_optimum_{k}"].stated) for k in (1, 2)]
    np.testing.assert_allclose(gradient((3, 1)), stated, atol=ROUNDING)
    assert np.allclose(stated, (0.153, -0.458), atol=5e-4)


@pytest.mark.parametrize("u", [1e-3, 0.2, 1.0, 40.0])
@pytest.mark.parametrize("side", [1, -1])
def test_networks_have_no_gradient_on_the_line(u, side):
    assert np.abs(u * gradient((side * 5 * u, side * 3 * u))).max() < ROUNDING


@pytest.mark.parametrize("wrong", [(3, 5), (5, -3), (5, 2), (1, 1), (3, 1)])
def test_networks_have_a_gradient_elsewhere(wrong):
    assert np.abs(gradient(wrong)).max() > 0.01


def test_descent_from_the_plain_optimum_ends_on_the_half_line():
    w = np.array([3.0, 1.0])
    for _ in range(150):
        w = w - 8.0 * gradient(w)
    assert abs(3 * w[0] - 5 * w[1]) < 1e-9 and w[0] > 0


@pytest.mark.parametrize("norm", [BatchRMSNorm, MeanOnlyBatchNorm])
def test_with_half_of_batch_norm_other_points_are_stationary(norm, monkeypatch):
    """The twin: what is stated of batch norm is not true of its parts."""
    assert np.abs(gradient((10, 6), norm)).max() > 0.01  # centring alone makes (5, 3) the only optimum
    monkeypatch.setattr(sets, "BatchNorm", norm)
    slope = OURS.batch_norm_loss((s.w_1, s.w_2)).diff(s.w_1).subs({s.w_1: 5 * s.u, s.w_2: 3 * s.u})
    statement = replace(STATED["gradient_on_the_half_line_1"], derived=slope)
    assert enclosed.compare(REFUTATION, statement).verdict is Verdict.FAILS
    assert [link.verdict for link in decide_links(statement, REFUTATION.domain)] == [Verdict.FAILS]


def test_a_norm_over_units_has_no_reading_here(monkeypatch):
    monkeypatch.setattr(sets, "BatchNorm", LayerNorm)
    with pytest.raises(sets.NoClosedForm, match="no average over units"):
        OURS.batch_norm_loss((s.w_1, s.w_2))


@pytest.mark.parametrize("wrong", [(3 * s.u, 5 * s.u), (5 * s.u, -3 * s.u), (3 * s.u, s.u)])
@pytest.mark.parametrize("number", [1, 2])
def test_a_wrong_half_line_fails_both_witnesses(wrong, number):
    slope = OURS.batch_norm_loss((s.w_1, s.w_2)).diff((s.w_1, s.w_2)[number - 1]).subs(dict(zip((s.w_1, s.w_2), wrong, strict=True)))
    statement = replace(STATED[f"gradient_on_the_half_line_{number}"], derived=slope)
    assert enclosed.compare(REFUTATION, statement).verdict is Verdict.FAILS
    assert [link.verdict for link in decide_links(statement, REFUTATION.domain)] == [Verdict.FAILS]


def test_the_lemma_itself_fails_where_it_is_put_before_the_witnesses():
    """Its inequality at W_0 = W*, turned as a statement that could hold: the bound is above the squared distance. It is not."""
    optimum, direction = OURS.moments.plain_optimum, OURS.moments.direction
    distance = inf_distance(optimum, direction)
    assert (distance, bound(optimum, optimum)) == (Rational(8, 17), 0)
    lemma = replace(STATED["worse_than_the_half_line"], derived=bound(optimum, optimum), stated=distance, steps=())
    assert enclosed.compare(REFUTATION, lemma).verdict is Verdict.FAILS
    assert decide.decide(lemma.derived, lemma.relation, lemma.stated, ()).verdict is Verdict.FAILS


# Any learning set: it refutes the lemma, or the condition holds


def inf_distance(start, direction):
    """Squared distance to the half-line {t·direction : t > 0}."""
    along = start.dot(direction)
    return start.dot(start) - (along**2 / direction.dot(direction) if along > 0 else 0)


def slopes_at(learned, w):
    """The gradient of the loss with batch norm at rational weights, by differentiating what its array code makes of the learning set."""
    weights = (s.w_1, s.w_2, s.x)[: len(w)]
    loss = learned.batch_norm_loss(weights)
    return [expand(loss.diff(weight).subs(dict(zip(weights, w, strict=True)))) for weight in weights]


def regressions(learned):
    """(slopes without an intercept, slopes with one, that intercept), by the normal equations."""
    plain, target = Matrix(learned.inputs), Matrix(learned.targets)
    with_one = plain.col_insert(0, Matrix([1] * len(learned.targets)))
    fits = [(design.T * design).LUsolve(design.T * target) for design in (plain, with_one)]
    return fits[0], Matrix(fits[1][1:]), fits[1][0]


def condition(learned):
    """What the claim says of when the lemma holds: '' where it fails."""
    _, _, intercept = regressions(learned)
    moments = learned.moments
    cross, mean = moments.cross, moments.mean
    if not any(cross):
        return "constant"
    if intercept == 0:
        return "no intercept"
    ratio = next(Fraction(int(m.p), int(m.q)) / Fraction(int(c.p), int(c.q)) for m, c in zip(mean, cross, strict=True) if c)
    ratio = Rational(ratio.numerator, ratio.denominator)
    if any(m != ratio * c for m, c in zip(mean, cross, strict=True)):
        return ""
    return "parallel" if 1 + ratio * moments.mean_target > 0 else "opposite" if 1 + ratio * moments.mean_target < 0 else "nothing learned"


small = st.integers(-3, 3)


@st.composite
def generic(draw, least=1, most=3):
    d = draw(st.integers(least, most))
    n = draw(st.integers(d + 1, d + 3))
    return [tuple(draw(small) for _ in range(d)) for _ in range(n)], [draw(small) for _ in range(n)]


@st.composite
def centred(draw):
    rows, targets = draw(generic())
    return rows + [tuple(-entry for entry in row) for row in rows], targets + [draw(small) for _ in rows]


@st.composite
def fitted(draw):
    """No intercept: targets that a plain neuron meets, and residuals that no regression sees."""
    rows, _ = draw(generic())
    slopes = [draw(small) for _ in rows[0]]
    targets = [sum(a * b for a, b in zip(slopes, row, strict=True)) for row in rows]
    noise = draw(small)
    return rows + rows, [y + noise for y in targets] + [y - noise for y in targets]


@st.composite
def mirrored(draw):
    """Mean and covariance with the target both along the first input."""
    rows, targets = draw(generic(2, 2))
    return rows + [(a, -b) for a, b in rows], targets + targets


@settings(max_examples=usually(20, with_long=60))
@given(st.one_of(generic(), centred(), fitted(), mirrored()), st.lists(st.integers(-4, 4), min_size=3, max_size=3))
def test_every_learning_set_refutes_the_lemma_or_satisfies_the_condition(drawn, start):
    learned = LearningSet(tuple(drawn[0]), tuple(drawn[1]))
    moments = learned.moments
    assume(moments.covariance.det() != 0)
    plain, slopes, _ = regressions(learned)
    optimum = moments.plain_optimum
    assert optimum == plain and moments.direction == slopes
    if not any(optimum):
        assert condition(learned) in ("constant", "nothing learned")
        return  # the lemma is about no W_0
    kind = condition(learned)
    stationary = not any(moments.stationarity(optimum))
    assert stationary == (not any(slopes_at(learned, tuple(optimum)))) == (kind != "")
    if kind == "constant":
        return  # every W_0 is an optimum
    holds = bool(inf_distance(optimum, slopes) <= bound(optimum, optimum))
    assert holds is (kind in ("no intercept", "parallel"))
    start = vector(*start[: len(optimum)])
    if start.dot(optimum) > 0:
        excess = inf_distance(start, slopes) - bound(start, optimum)
        if holds:
            assert excess == 0
        else:
            closer = start.dot(optimum) / sqrt(optimum.dot(optimum)) - start.dot(slopes) / sqrt(slopes.dot(slopes))
            assert (excess > 0) == (closer > 0) and (excess < 0) == (closer < 0)


@pytest.mark.parametrize(
    "rows, kind",
    [
        (((1, 0, 3), (0, 1, 1), (0, 0, -2)), ""),
        (((1, 0, 1), (-1, 0, 0), (0, 1, 2), (0, -1, 0)), "parallel"),  # centred
        (((1, 0, 1), (0, 1, 2), (1, 1, 3), (0, 0, 0)), "no intercept"),
        (((1, 1, 1), (1, -1, 1), (2, 1, 5), (2, -1, 5)), "parallel"),
        (((1, 1, 5), (1, -1, 5), (2, 1, 1), (2, -1, 1)), "opposite"),
        (((2, 0, 2), (0, 0, 2), (1, 1, 2), (1, -1, 2)), "constant"),
    ],
)
def test_every_case_of_the_condition_occurs(rows, kind):
    learned = sets.learning_set(rows)
    assert condition(learned) == kind
    assert any(slopes_at(learned, tuple(learned.moments.plain_optimum))) is (kind == "")


def test_with_one_input_every_weight_is_stationary():
    learned = LearningSet(((0,), (1,), (3,)), (2, 1, 5))
    assert not any(slopes_at(learned, (7,))) and not learned.moments.stationarity(vector(7))


# How often, and for how many


@pytest.mark.parametrize("inputs, targets", [(OURS.inputs, OURS.targets), (((1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 0)), (1, 0, 2, 1))])
def test_the_share_of_initialisations_that_violate_the_bound(inputs, targets):
    moments = LearningSet(inputs, targets).moments
    optimum, slopes = (np.array(each, dtype=float).ravel() for each in (moments.plain_optimum, moments.direction))
    starts = np.random.default_rng(1).standard_normal((400_000, len(optimum)))
    starts = starts[starts @ optimum > 0]
    along = np.maximum(0, starts @ slopes)
    distance = (starts**2).sum(axis=1) - along**2 / (slopes @ slopes)
    right = (starts**2).sum(axis=1) - (starts @ optimum) ** 2 / (optimum @ optimum)
    angle = math.acos(optimum @ slopes / math.sqrt((optimum @ optimum) * (slopes @ slopes)))
    share = 0.5 + angle / (2 * math.pi)
    error = math.sqrt(share * (1 - share) / len(starts))
    assert abs((distance > right).mean() - share) < NORMAL * error
    assert abs((distance > right).mean() - 0.5) > NORMAL * error  # the rival: it fails half of the time


def test_three_points_in_general():
    """The claim's four identities, put together: one of rational functions in nine symbols."""
    moments = THREE.moments
    product_of, gram = 1, 0
    for factor in factors(tuple((*row, y) for row, y in zip(s.inputs, s.targets, strict=True))):
        product_of *= factor
    for one, other in combinations(s.inputs, 2):
        gram += (one[0] * other[1] - one[1] * other[0]) ** 2
    assert cancel(moments.stationarity(moments.plain_optimum)[0] - product_of / (27 * gram)) == 0


@pytest.mark.parametrize("inputs, samples", [(2, 3), (2, 6), (3, 4), (3, 7), (4, 6)])
def test_in_any_dimension_a_minor_is_not_zero(inputs, samples):
    rows = tuple(tuple(int(i == j) for j in range(inputs)) for i in range(samples))
    targets = tuple(3 * i + 1 if i < inputs else 5 for i in range(samples))
    moments = LearningSet(rows, targets).moments
    expected = [Rational(samples - inputs, samples**3) * 5 * (targets[i] - targets[j]) for i in range(inputs) for j in range(i + 1, inputs)]
    assert list(moments.stationarity(moments.plain_optimum)) == expected and all(expected)


def test_balls_are_compared_at_learning_sets_that_refute():
    """Where a factor is zero, most misprints of it are not seen: the domain's order decides which values meet."""
    (claim,) = (claim for claim in MINE if "generic" in claim.id)
    for statement in claim.statements[:4]:
        free = statement.stated.free_symbols | statement.derived.free_symbols
        for point in sample_points(tuple(interval for interval in claim.domain if interval.symbol in free)):
            assert statement.stated.subs(point) != 0, statement.name


def test_drawn_from_a_density_all_refute():
    """Doubles are rational: three points drawn from a Gaussian, exactly."""
    draws = np.random.default_rng(2).standard_normal((1000, 3, 3))
    assert all(refutes(tuple(tuple(map(Fraction, row)) for row in drawn.tolist())) for drawn in draws)


@settings(max_examples=300)
@given(st.lists(st.tuples(small, small, small), min_size=3, max_size=3))
def test_the_polynomial_decides_as_the_moments_do(rows):
    moments = sets.learning_set(rows).moments
    if moments.covariance.det() == 0:
        assert not refutes(tuple(rows))
    else:
        assert refutes(tuple(rows)) is any(moments.stationarity(moments.plain_optimum))


# The search


@pytest.mark.parametrize("size", range(5))
def test_every_set_of_a_size_is_looked_at_once(size):
    found = list(integer_sets(2, 1, size))
    grid = range(-size, size + 1)
    rows = {tuple(sorted(((a, b), (c, d)), reverse=True)) for a, b, c, d in product(grid, repeat=4) if sum(map(abs, (a, b, c, d))) == size}
    assert len(found) == len(set(found)) and set(found) == rows


@given(st.lists(st.tuples(small, small, small), min_size=3, max_size=3), st.permutations(range(3)), st.permutations(range(2)), st.data())
def test_symmetries_change_neither_the_representative_nor_the_verdict(rows, samples, order, data):
    signs = [data.draw(st.sampled_from((1, -1))) for _ in range(3)]
    other = tuple((signs[0] * rows[i][order[0]], signs[1] * rows[i][order[1]], signs[2] * rows[i][2]) for i in samples)
    assert up_to_symmetry(other) == up_to_symmetry(tuple(rows)) and refutes(other) is refutes(tuple(rows))


def test_the_smallest_sets_refute_by_their_definition():
    assert (SIZE, len(SMALLEST)) == (4, 3)
    for rows in SMALLEST:
        learned = sets.learning_set(rows)
        assert sum(abs(entry) for row in rows for entry in row) == SIZE
        assert any(slopes_at(learned, tuple(learned.moments.plain_optimum)))


def test_no_smaller_set_refutes_by_its_definition():
    tried = 0
    for size in range(SIZE):
        for rows in {up_to_symmetry(each) for each in integer_sets(3, 2, size)}:
            moments = sets.learning_set(rows).moments
            if moments.covariance.det() != 0 and any(moments.plain_optimum):
                tried += 1
                assert not any(slopes_at(sets.learning_set(rows), tuple(moments.plain_optimum)))
    assert tried >= 1


def test_a_search_that_is_asked_for_something_else_finds_something_else():
    """The twin: without the intercept's factor smaller sets are let through; with a stronger demand larger ones are found."""
    assert smallest(3, 2, lambda rows: factors(rows)[1] * factors(rows)[2])[0] < SIZE
    assert smallest(3, 2, lambda rows: refutes(rows) and all(row[2] for row in rows))[0] > SIZE


def test_the_smallest_set_with_the_printed_half_line():
    """Ours is chosen to be read, not to be the smallest with the half-line 3w_1 = 5w_2, w_1 > 0."""

    def printed(rows):
        if not refutes(rows):
            return False
        (a, b, y), (c, d, z), (e, f, t) = rows
        area = factors(rows)[1]
        first, second = (z - y) * (f - b) - (t - y) * (d - b), (t - y) * (c - a) - (z - y) * (e - a)  # Cramer, times the area
        return 3 * first == 5 * second and first * area > 0

    size, found = smallest(3, 2, lambda rows: any(printed(each) for each in turned(rows)))
    assert size == 6 and len(found) == 1
    assert printed(tuple((*map(int, row), int(y)) for row, y in zip(OURS.inputs, OURS.targets, strict=True)))


def turned(rows):
    """The set itself: inputs in both orders."""
    return rows, tuple((row[1], row[0], row[2]) for row in rows)


def test_two_samples_of_one_input_can_want_opposite_signs():
    assert WRONG_WAY_SIZE == 4
    for rows in WRONG_WAY:
        learned = sets.learning_set(rows)
        (weight,) = learned.moments.plain_optimum
        assert learned.batch_norm_loss((weight,)) > learned.batch_norm_loss((-weight,))


@pytest.mark.parametrize("inputs, targets", [((), ()), (((1, 2),), (1, 2)), (((1, 2), (1,)), (1, 2))])
def test_what_is_no_learning_set_is_refused(inputs, targets):
    with pytest.raises(ValueError, match="a learning set is at least one sample"):
        LearningSet(inputs, targets)


# What is whose, and the chapter


def test_what_is_ours_is_not_said_to_be_a_papers():
    assert AS_STATED.source.paper == "arXiv 1805.11604"
    others = [claim for claim in MINE if claim is not AS_STATED]
    assert len(others) == 6 and all(claim.source.paper == "normproof" and "derived here" in claim.source.ref for claim in others)
    assert "arXiv 2502.17913" in REFUTATION.source.ref and "The learning set is ours" in REFUTATION.says
    assert all(CLAIMS[claim.id] is claim and claim.kind is not Kind.ASSUMPTION for claim in MINE)


@pytest.fixture(scope="module")
def audit():
    return run([AS_STATED, REFUTATION], Settings())


CHAPTER = r"\section{A lemma and its refutation}"


def test_the_chapter_is_there_with_its_claim_and_only_then(audit, tmp_path):
    assert audit.verdict is Verdict.HOLDS
    text = latex.write_sources(audit, tmp_path / "with").read_text()
    assert CHAPTER in text and (tmp_path / "with" / "figures" / "landscapes.pdf").is_file()
    assert r"\left( 1, \  0\right) \mapsto 3" in text and r"\frac{2 \sqrt{14}}{49}" in text
    for other, only in ((Audit(Settings(), [KAPPA_SHAPE]), None), (audit, {AS_STATED.id})):
        without = tmp_path / f"without {only}"
        assert CHAPTER not in latex.write_sources(other, without, only).read_text()
        assert not (without / "figures" / "landscapes.pdf").exists()


def test_the_chapter_shows_what_failed(audit, tmp_path):
    def chapter(evidence, name):
        text = latex.write_sources(replace(audit, evidence=evidence), tmp_path / name).read_text()
        return text[text.index(CHAPTER) : text.index(r"\section{Twins")]

    broken = [
        replace(item, verdict=Verdict.FAILS) if item.check == "gradient_on_the_half_line_2" else item
        for item in audit.evidence[REFUTATION.id]
    ]
    assert r"\verdict{fails}{FAILS}" not in chapter(audit.evidence, "green")
    red = chapter({**audit.evidence, REFUTATION.id: broken}, "red")
    assert red.count(r"\verdict{fails}{FAILS}") == 2  # the number, and its claim
    assert r"\verdict{undecided}{UNDECIDED}" in chapter({**audit.evidence, REFUTATION.id: []}, "nothing ran")


def test_the_chapter_is_the_same_bytes(audit, tmp_path):
    for name in ("one", "two"):
        latex.write_sources(audit, tmp_path / name)
    one, two = ((tmp_path / name / "figures" / "landscapes.pdf").read_bytes() for name in ("one", "two"))
    assert one == two
