"""Balls contain the values they enclose, or say that they cannot."""

import pytest
from flint import acb, arb
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import erf as mp_erf
from mpmath import exp as mp_exp
from mpmath import linspace, mp, mpf, quad, workdps
from mpmath import sqrt as mp_sqrt
from sympy import (
    Abs,
    Function,
    Integral,
    Max,
    Rational,
    S,
    Symbol,
    acos,
    acosh,
    asin,
    atan,
    cos,
    erf,
    exp,
    factorial2,
    gamma,
    lambdify,
    log,
    oo,
    pi,
    sin,
    sqrt,
)

from proofs_checks import balls, enclosed
from proofs_checks.balls import NotEnclosed, enclose, exact, growth, precision
from proofs_checks.evidence import Verdict
from theory import symbols as s
from theory.claim import Claim, Interval, Kind, Relation, Statement, derived_here
from theory.gaussian_functions import expectation, kappa

RATIONALS = st.integers(-40, 40).map(lambda k: Rational(k, 16))
POSITIVE = st.integers(1, 40).map(lambda k: Rational(k, 16))
BITS = 128


def as_mpf(value):
    return mpf(int(value.p)) / int(value.q)


def assert_contains(ball, value, error):
    """The ball meets the reference with its own error; and it is small, or the test says nothing."""
    digits = mp.nstr(value, 40)
    assert arb(ball).overlaps(arb(digits, float(error) + abs(float(value)) * 1e-30))
    assert ball.rad() < 1e-20


def gaussian_quad(f, points):
    """E f(Z) and the error that mpmath states, split at the kinks of f."""
    value, error = quad(lambda z: f(z) * mp_exp(-(z**2) / 2) / mp_sqrt(2 * mp.pi), [-25, -8, *sorted(points), 8, 25], error=True)
    return value, error + mpf(10) ** -60  # beyond 25 deviations lies less than 1e-130


FORMS = {
    "rectified": (lambda m, d: Max(0, m + d * s.z), lambda m, d: lambda z: max(mpf(0), m + d * z)),
    "rectified square": (lambda m, d: Max(0, m + d * s.z) ** 2, lambda m, d: lambda z: max(mpf(0), m + d * z) ** 2),
    "modulus cubed": (lambda m, d: Abs(m + d * s.z) ** 3, lambda m, d: lambda z: abs(m + d * z) ** 3),
    "erf": (lambda m, d: erf(m + d * s.z) ** 2, lambda m, d: lambda z: mp_erf(m + d * z) ** 2),
    "exp": (lambda m, d: exp(-d * s.z**2 + m * s.z), lambda m, d: lambda z: mp_exp(-d * z**2 + m * z)),
    "product": (lambda m, d: s.z * Max(0, s.z) * erf(d * s.z) + m, lambda m, d: lambda z: z * max(mpf(0), z) * mp_erf(d * z) + m),
    "modulus of a maximum": (lambda m, d: Abs(Max(0, d * s.z) - abs(m)) ** 3, lambda m, d: lambda z: abs(max(mpf(0), d * z) - abs(m)) ** 3),
}


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=6)
@given(mean=RATIONALS, deviation=POSITIVE)
def test_gaussian_integrals_contain_their_quadrature(form, mean, deviation):
    symbolic, numeric = FORMS[form]
    with precision(BITS):
        ball = enclose(expectation(symbolic(s.mu, s.sigma)), {s.mu: exact(mean), s.sigma: exact(deviation)})
    with workdps(40):
        m, d = as_mpf(mean), as_mpf(deviation)
        kinks = {-m / d, abs(m) / d, mpf(0)} - {mpf(8), mpf(-8)}
        value, error = gaussian_quad(numeric(m, d), [k for k in kinks if abs(k) < 8])
        if any(abs(k) >= 8 for k in kinks):
            error += mpf(10) ** -10  # a kink in the outer pieces, of weight below 1e-15 times a polynomial
    assert_contains(ball, value, error)


@settings(max_examples=10)
@given(low=RATIONALS, length=POSITIVE)
def test_integrals_over_a_finite_range_and_a_half_line(low, length):
    with precision(BITS):
        piece = enclose(expectation(s.z**2, low=low, high=low + length))
        half = enclose(expectation(s.z**2, low=low))
        whole = half + enclose(expectation(s.z**2, high=low))
    with workdps(40):
        density = lambda z: z**2 * mp_exp(-(z**2) / 2) / mp_sqrt(2 * mp.pi)  # noqa: E731
        start = as_mpf(low)
        assert_contains(piece, *quad(density, [start, start + as_mpf(length)], error=True))
        assert_contains(half, *quad(density, [start, start + 8, start + 30], error=True))
    assert whole.contains(1) and whole.rad() < 1e-20


ELEMENTARY = (kappa(s.x), acos(s.x), asin(s.x), atan(5 * s.x), sin(s.x) ** 3, exp(-2 * s.x), gamma(s.x + 2), log(s.x + 2), (s.x + 2) ** pi)


@pytest.mark.parametrize("formula", ELEMENTARY, ids=str)
@given(numerator=st.integers(-99, 99))
@settings(max_examples=20)
def test_elementary_functions_contain_sympys_value(formula, numerator):
    point = Rational(numerator, 100)
    with precision(BITS):
        ball = enclose(formula, {s.x: exact(point)})
    with workdps(50):
        value = mpf(str(formula.subs(s.x, point).evalf(50)))
    assert_contains(ball, value, mpf(10) ** -35)


@given(numerator=st.integers(-90, 90), width=st.integers(1, 50))
def test_a_wide_argument_gives_a_ball_that_covers_the_whole_range(numerator, width):
    middle, radius = numerator / 100, width / 1000
    with precision(BITS):
        ball = enclose(kappa(s.c), {s.c: arb(middle, radius)})
        for part in (-1, -0.5, 0, 0.7, 1):
            assert ball.overlaps(enclose(kappa(s.c), {s.c: arb(middle + 0.999 * part * radius)}))


def test_the_largest_of_three_lines_under_an_integral():
    """E max(−1, 0, Z) = φ(0), as E max(0, Z): three arguments have three kinks and three branches."""
    with precision(BITS):
        three, two = (enclose(expectation(f)) for f in (Max(-1, 0, s.z, evaluate=False), Max(0, s.z)))
        spread = enclose(expectation(Max(-s.z, s.z, 1)))  # E max(|Z|, 1) = 2φ(1) + 2Φ(1) − 1
        assert three.overlaps(two) and three.rad() < 1e-20
        assert spread.overlaps(2 * (-arb(1) / 2).exp() / (2 * arb.pi()).sqrt() + (arb(1) / arb(2).sqrt()).erf()) and spread.rad() < 1e-20


UNENCLOSED = {
    "unknown function": Function("f")(s.x),
    "free symbol": s.x + s.y,
    "two dimensions": Integral(s.x * s.y, (s.x, 0, 1), (s.y, 0, 1)),
    "indefinite": Integral(s.z, s.z),
    "no Gaussian factor": Integral(1 / (1 + s.z**2), (s.z, -oo, oo)),
    "growth unknown": expectation(gamma(s.z**2 + 1)),
    "growth too fast": expectation(exp(s.z**2)),
    "curved kink": expectation(Max(0, s.z**3 - 1)),
}


@pytest.mark.parametrize("name", UNENCLOSED)
def test_what_has_no_enclosure_is_refused(name):
    with pytest.raises(NotEnclosed), precision(BITS):
        enclose(UNENCLOSED[name], {s.x: arb(1)})


@pytest.mark.parametrize("degree", [20, 200, 400, 2000])
def test_a_high_moment_is_enclosed_or_refused(degree):
    """E Z^2k = (2k − 1)!!: the cut of the tail lies within the bulk of the integrand once k is large."""
    with precision(64):
        try:
            ball = enclose(expectation(s.z**degree))
        except NotEnclosed:
            return
        assert ball.contains(exact(factorial2(degree - 1)))


GROWING = (
    s.z**3 - 2 * s.z + 5,
    Max(s.z, 3 - s.z) ** 2,
    Abs(s.z - 7) ** 3,
    erf(s.z) * s.z,
    exp(-(s.z**2) + 6 * s.z),
    sin(s.z) + cos(3 * s.z),
    s.mu * s.z**2,
)


@pytest.mark.parametrize("f", GROWING, ids=str)
@given(point=st.fractions(min_value=-50, max_value=50, max_denominator=1000))
@settings(max_examples=30)
def testgrowth_bounds_hold(f, point):
    at = Rational(point.numerator, point.denominator)
    values = {s.mu: arb(-3)}
    with precision(BITS):
        scale, degree = growth(f, s.z, values)
        modulus = abs(arb(enclose(f, {**values, s.z: exact(at)})))
        assert not modulus > scale * (1 + abs(exact(at))) ** degree


def test_precision_is_restored():
    with precision(64):
        coarse = enclose(sqrt(2) + pi)
        with pytest.raises(ZeroDivisionError), precision(512):
            raise ZeroDivisionError
        again = enclose(sqrt(2) + pi)
    assert coarse.rad() == again.rad() > 0


# Comparisons


def compare(derived, stated, relation=Relation.EQUAL, domain=()):
    statement = Statement("one", derived, stated, relation=relation)
    return enclosed.compare(Claim("tested_claim", "t", "s", Kind.LEMMA, derived_here(), (statement,), domain), statement)


def test_small_balls_decide():
    assert compare(expectation(s.z**2), 1).verdict is Verdict.HOLDS
    found = compare(expectation(s.z**2), 1 + Rational(1, 10**11))
    assert found.verdict is Verdict.FAILS and "≠" in found.sentence


def test_wide_balls_are_undecided(monkeypatch):
    """A true and a false statement alike: agreement of wide balls says nothing, nor does disagreement."""
    monkeypatch.setattr(enclosed, "PRECISIONS", (16,))
    for stated in (pi**2 / 6, pi**2 / 6 + 1):
        found = compare(expectation(s.z**2) * pi**2 / 6, stated)
        assert found.verdict is Verdict.UNDECIDED and "radius" in found.sentence


def test_a_value_too_large_for_all_precisions_is_undecided():
    assert compare(exp(400), exp(400) + Rational(1, 10)).verdict is Verdict.UNDECIDED  # e^400 takes 577 bits before the point


def test_what_is_not_enclosed_is_undecided():
    assert compare(expectation(exp(s.z**2)), 1).verdict is Verdict.UNDECIDED


OVERLAP = (Interval(s.c, -1, 1),)


@pytest.mark.parametrize(
    "derived, stated, verdict",
    [
        (kappa(s.c), s.c, Verdict.HOLDS),
        (s.c, kappa(s.c), Verdict.FAILS),
        ((s.c - Rational(1, 3)) ** 2, 0, Verdict.UNDECIDED),  # touches zero between the points: no subdivision proves it
    ],
)
def test_inequalities(derived, stated, verdict, monkeypatch):
    monkeypatch.setattr(enclosed, "SUBDIVISIONS", 500)
    assert compare(derived, stated, Relation.GREATER, OVERLAP).verdict is verdict


def test_symbols_by_another_name_have_no_value():
    with pytest.raises(NotEnclosed):
        enclose(Symbol("c") + 1, {s.c: arb(1)})


BRANCHED = (
    (sqrt(s.x), 0),
    (sqrt(s.x**2 + Rational(1, 100)), -1),
    (acos(s.x) * sqrt(1 - s.x**2), -1),
    (atan(3 * s.x) * log(s.x + 1) * (1 + s.x) ** Rational(1, 3), 0),
)


@pytest.mark.parametrize("integrand, low", BRANCHED)
def test_an_integrand_with_branch_cuts(integrand, low):
    """Off the real axis a root or an arc cosine jumps: a ball across the jump bounds the values and not the integral."""
    with workdps(20):
        expected, error = quad(lambdify(s.x, integrand, "mpmath"), linspace(low, 1, 33), error=True)
    with precision(64):
        found = enclose(Integral(integrand, (s.x, low, 1)))
    assert error < 1e-13 and found.rad() < 1e-15
    assert abs(mpf(found.mid().str(30, radius=False)) - expected) < 1e-13


def test_a_function_of_unknown_cuts_has_a_wide_integral():
    """Only its values are used: the ball holds the integral, and is never small enough to be evidence."""
    found = enclose(Integral(acosh(s.x), (s.x, 2, 3)))
    assert found.contains(arb("1.55794941109031", 1e-13)) and found.rad() > enclosed.WIDTH


COMPILED = {
    "constants and repetitions": exp(-s.c * s.z**2) / (1 + exp(-s.c * s.z**2)) + sqrt(s.q) * pi * s.z + s.z * sqrt(2),
    "no constants": s.z**3 + sin(s.z) ** 2,
    "no variable": sqrt(s.c) + pi,
    "a constant alone": S(3) / 7,
}


@pytest.mark.parametrize("name", COMPILED)
def test_a_compiled_function_is_the_function(name):
    f, values = COMPILED[name], {s.c: arb("0.3"), s.q: arb(2)}
    compiled = balls.compiled(f, s.z, values)
    for point in (arb("0.7"), arb(-3), acb(1, 2)):
        there, plain = compiled(point, False), balls.enclose(f, {**values, s.z: point})
        assert acb(there).overlaps(acb(plain)) and float(acb(there).rad()) < 1e-12


def test_a_compiled_function_is_not_analytic_where_a_part_is_not():
    inside = sqrt(1 - s.z**2)
    compiled = balls.compiled(inside + 1 / (2 + inside), s.z, {})
    across, beside = acb(arb(2, 1)), acb(arb(0, 0.25))
    assert compiled(beside, True).is_finite() and not compiled(across, True).is_finite()


def test_a_wide_ball_is_no_number():
    assert balls.known(arb(3, 2.0**-60)) == 3.0
    assert balls.known(arb(3, 0.01), within=0.1) == 3.0
    for wide in (arb(3, 0.01), arb("nan"), arb(1) / arb(0, 1)):
        with pytest.raises(NotEnclosed, match="not known"):
            balls.known(wide)
