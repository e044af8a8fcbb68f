"""Integrals and limits carried out by rule: what they come to is confronted with quadrature, and what they do not cover is left alone."""

from fractions import Fraction
from functools import cache

import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import (
    Abs,
    EulerGamma,
    Function,
    I,
    Integral,
    Limit,
    Max,
    Rational,
    cos,
    erf,
    exp,
    expand,
    lambdify,
    log,
    loggamma,
    oo,
    pi,
    sin,
    sqrt,
)
from sympy.series.gruntz import gruntz

from proofs_checks import evaluate as rules
from proofs_checks import mutants
from proofs_checks.evaluate import NotCovered, evaluate, gaussian_integral, limit_by_stirling, limit_of_logarithms
from theory import symbols as s
from theory.gaussian_functions import Phi, expectation, phi

z, n = s.z, s.ell
numbers, positive = (
    st.fractions(low, 3, max_denominator=8).map(lambda each: Rational(each.numerator, each.denominator)) for low in (-3, Fraction(1, 4))
)


POINTS = (*(each / 2 for each in range(-4, 5)), *range(-36, 40, 4))  #: all bends, and where a smooth integrand is divided


@cache
def quadrature(function, low, high):
    """By mpmath, to ±40 where ends are infinite."""
    low, high = (float(max(min(end, 40), -40)) for end in (low, high))
    points = sorted({low, high, *(each for each in POINTS if low < each < high)})
    with mpmath.workdps(20):
        return mpmath.quad(lambdify(z, function, "mpmath"), points)


def agrees(found, function, low, high):
    expected = quadrature(function, low, high)
    return abs(complex(found.evalf(25)) - complex(expected)) <= 1e-15 * (1 + abs(complex(expected)))


@settings(deadline=None, max_examples=25)
@given(
    st.lists(numbers, min_size=1, max_size=5),
    positive,
    numbers,
    numbers,
    st.sampled_from([(-oo, oo), (-oo, 1), (-2, oo), (-1, Rational(3, 2)), (0, 0)]),
)
def test_a_polynomial_times_a_gaussian(coefficients, alpha, beta, gamma, ends):
    function = sum(each * z**k for k, each in enumerate(coefficients)) * exp(-alpha * z**2 + beta * z) * exp(gamma)
    assert agrees(gaussian_integral(function, z, *ends), function, *ends)


BENT = [
    (Max(0, z) ** 3 * phi(z), -oo, oo),
    (Abs(Max(0, z) - Rational(1, 2)) ** 3 * phi(z), -oo, oo),
    ((Max(0, 2 - z) - Max(-z, z) / 2 + z**2) * phi(z), -oo, oo),
    (Max(0, z + 1) * phi(z), 0, oo),
    (Max(0, z - 1) * phi(z), -oo, 0),
    (Max(0, z + 2) * phi(z), -3, 1),
    (sin(z) ** 2 * phi(z), -oo, oo),
    (Abs(z) * z**4 * phi(z) + Max(z, 1) * exp(-2 * z**2), -1, 2),
]


@pytest.mark.parametrize("function, low, high", BENT)
def test_rectifiers_and_moduli(function, low, high):
    assert agrees(gaussian_integral(function, z, low, high), function, low, high)


@pytest.mark.parametrize(
    "integral, value",
    [
        (expectation(Max(0, s.mu + s.sigma * z)), s.mu * Phi(s.mu / s.sigma) + s.sigma * phi(s.mu / s.sigma)),
        (expectation(exp(s.x * z) * exp(s.y * z)), exp((s.x + s.y) ** 2 / 2)),
        (expectation(sin(s.x * z) ** 2), (1 - exp(-2 * s.x**2)) / 2),
        (expectation(cos(s.x * z)), exp(-(s.x**2) / 2)),
        (expectation(expectation((s.x * z + s.y * s.w) ** 2), s.w), s.x**2 + s.y**2),
        (expectation(Max(0, -s.u * z)), s.u / sqrt(2 * pi)),
    ],
)
def test_parameters(integral, value, monkeypatch):
    """By rule, of literal zero difference, and nothing of SymPy's integration is called."""

    def refused(self, **hints):
        raise AssertionError(f"SymPy integrates {self}")

    monkeypatch.setattr(Integral, "doit", refused)
    assert (evaluate.__wrapped__(integral) - value).rewrite(exp).expand().simplify() == 0


LEFT = [
    (erf(z) * phi(z), -oo, oo),  # no polynomial
    (exp(z**2), 0, 1),  # grows
    (exp(s.x * z**2), -oo, oo),  # may grow
    (exp(-(z**3)), 0, oo),
    (z**2, 0, 1),
    (Max(0, s.x * z) * phi(z), -oo, oo),  # bends either way
    (Max(0, z - s.x) * phi(z), 0, oo),  # bends inside, or not
    (Max(0, z - s.x) * phi(z), -oo, 0),
    (Max(0, z**2 - 1) * phi(z), -oo, oo),  # bends twice
    (Max(0, z, 1 - z) * phi(z), -oo, oo),
    (exp(I * z) * phi(z), 0, oo),  # an error function of a complex number
    (exp(I * z) * phi(z), -oo, 0),
    (Function("f")(z) * phi(z), -oo, oo),
    (z**s.u * phi(z), 0, oo),
]


def is_left(rule, *arguments):
    """The rule does not cover it."""
    try:
        rule(*arguments)
    except NotCovered:
        return True
    return False


@pytest.mark.parametrize("function, low, high", LEFT)
def test_what_the_rule_does_not_cover_is_left(function, low, high):
    integral = Integral(function, (z, low, high))
    assert is_left(gaussian_integral, function, z, low, high) and integral.replace(Integral, rules._integral) == integral


LIMITS = [
    (n * (loggamma(n) - (n - Rational(1, 2)) * log(n) + n - log(2 * pi) / 2), Rational(1, 12)),
    (loggamma(n + Rational(1, 2)) - loggamma(n) - log(n) / 2, 0),
    (n * (loggamma(n + Rational(1, 2)) - loggamma(n) - log(n) / 2), -Rational(1, 8)),
    (n * (loggamma(n / 2 + 1) - loggamma(n / 2) - log(n / 2)) + 3, 3),
    (loggamma(n) / n - log(n) + 7 / s.u, 7 / s.u - 1),
    (loggamma(n) / n**3, 0),
]
LIMITS_LEFT = [
    loggamma(n) ** 2 / n**3,
    loggamma(n) * log(n) / n**2,
    n**3 * (loggamma(n + 1) - loggamma(n) - log(n)),  # of the order of what is neglected
    loggamma(n**2) / n**3,
    log(loggamma(n)) / n,
    loggamma(1 - n) / n**2,
]


@pytest.mark.parametrize("function, value", LIMITS)
def test_limits_of_log_gamma(function, value):
    assert expand(limit_by_stirling(function, n) - value) == 0


LOGARITHMS = [
    (n * (log(2 * n + 3) - log(2 * n)), Rational(3, 2)),
    (n**2 * (log(n + s.x) - log(n) - s.x / n), -(s.x**2) / 2),
    (n**3 * (log(n + 1) - 2 * log(n) + log(n - 1)) + n, 0),
    (log(3 * n) - log(n) + (2 * n**2 + 1) / (n**2 - n), log(3) + 2),
    ((log(n + 1) - log(n)) * n**2 / (n + s.u), 1),
    (n * (log(n + s.x) - log(n)) - s.x, 0),
]
LOGARITHMS_LEFT = [
    log(n) / n,  # log n does not go
    n * log(n + 1) - log(n),
    n**2 * (log(n + 1) - log(n)),  # no finite limit
    log(n + 1) ** 2 - log(n) ** 2,
    log(n) * (log(n + 1) - log(n + 2)),
    log(n**2 + 1) - 2 * log(n),  # not of a linear function
    log(1 - n) - log(2 - n),
    sqrt(n) * (log(n + 1) - log(n)),
]


@pytest.mark.parametrize("function, value", LOGARITHMS)
def test_limits_of_logarithms(function, value):
    found = limit_of_logarithms(function, n)
    assert expand(found - value) == 0 and expand(gruntz(function, n, oo) - value) == 0


@pytest.mark.parametrize("function", LOGARITHMS_LEFT)
def test_limits_of_logarithms_that_are_left(function):
    assert is_left(limit_of_logarithms, function, n)


@pytest.mark.parametrize("function", LIMITS_LEFT)
def test_limits_that_the_rule_does_not_cover_are_left(function):
    limit = Limit(function, n, oo)
    assert is_left(limit_by_stirling, function, n) and limit.replace(Limit, rules._limit) == limit


def test_limits_elsewhere_are_left():
    limit = Limit(loggamma(n + 1) / n, n, 0)
    assert limit.replace(Limit, rules._limit) == limit and evaluate(limit) == -EulerGamma


@pytest.mark.parametrize("function, low, high", [BENT[1], (exp(-(z**2)), -oo, oo), (z**3 * exp(-(z**2) + z), 0, 2)])
def test_the_comparison_notices_half_an_integral(function, low, high):
    found = gaussian_integral(function, z, low, high)
    assert agrees(found, function, low, high) and not agrees(found / 2, function, low, high)


def of_integrals():
    """Whether each integral is what quadrature says, or left."""
    for function, low, high in (*BENT, (z**4 * exp(-2 * z**2 + 3 * z + 1), -1, 2), (z**4 * exp(-2 * z**2 + 3 * z + 1), -oo, oo)):
        yield agrees(gaussian_integral(function, z, low, high), function, low, high)
    for each in LEFT:
        yield is_left(gaussian_integral, each[0], z, *each[1:])


def of_limits():
    """The same of limits."""
    for function, value in LIMITS:
        yield expand(rules.limit_by_stirling(function, n) - value) == 0
    for function in LIMITS_LEFT:
        yield is_left(rules.limit_by_stirling, function, n)


def of_logarithms():
    """The same of limits of logarithms."""
    for function, value in LOGARITHMS:
        yield expand(rules.limit_of_logarithms(function, n) - value) == 0
    for function in LOGARITHMS_LEFT:
        yield is_left(rules.limit_of_logarithms, function, n)


def notices(battery):
    """One is wrong, or raises: what raises leaves a derivation undecided."""
    try:
        return not all(battery())
    except Exception:
        return True


MUTANTS = [
    pytest.param(original, mutant, battery, id=f"{original.__name__} {mutant.change}")
    for original, battery in (
        (rules._of_product, of_integrals),
        (rules._between_bends, of_integrals),
        (rules.limit_by_stirling, of_limits),
        (rules.limit_of_logarithms, of_logarithms),
    )
    for mutant in (*mutants.operations(original), *mutants.inequalities(original))
]


@pytest.mark.parametrize("original, mutant, battery", MUTANTS)
def test_an_operator_changed_is_noticed(original, mutant, battery):
    with mutants.in_place_of(original, mutant.function):
        assert notices(battery)


@pytest.mark.parametrize("battery", [of_integrals, of_limits, of_logarithms])
def test_the_rules_as_they_are_pass(battery):
    assert not notices(battery)
