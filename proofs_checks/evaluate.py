r"""Carrying out the integrals and limits of a derivation.

SymPy does. But two kinds, of which derivations about Gaussian layers are full, take it seconds each: they have a rule here, which leaves
to SymPy what it does not cover.

- $\int_a^b p(z)\,e^{q(z)}\,dz$ for polynomials p and q, q of degree two and falling on both sides: with $q = -\alpha z^2 + \beta z + \gamma$, the polynomial P
  and the number C of $P' + Pq' + C = p$, the antiderivative is $Pe^q + C e^{\gamma+\beta^2/4\alpha}\sqrt{\pi/4\alpha}\,\mathrm{erf}(\sqrt\alpha z - \beta/2\sqrt\alpha)$.
  Where p has rectifiers or moduli of linear functions, the interval is divided where these vanish.
- $\lim f(n)$ for f with terms $c(n)\log\Gamma(u(n))$, u linear: by Stirling's series $\log\Gamma(u) = (u-\tfrac12)\log u - u + \tfrac12\log 2\pi + \frac1{12u} - R$,
  $0 < R < 1/(360u^3)$, where $c/u^3$ vanishes. What is left are terms $c(n)\log(an+b)$, c rational: where these c add up to zero, so that $\log n$ goes,
  $\log(1+\frac b{an})$ by its series leaves a rational function.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache

from sympy import (
    Abs,
    Add,
    Expr,
    Integer,
    Integral,
    Limit,
    Max,
    Mul,
    Poly,
    PolynomialError,
    Rational,
    cos,
    degree,
    erf,
    exp,
    expand,
    factor,
    fraction,
    log,
    loggamma,
    oo,
    pi,
    sin,
    sqrt,
    together,
)
from sympy.series.gruntz import gruntz

Part = tuple[Expr, Expr, Expr]  #: a function, and where it is integrated from and to


class NotCovered(Exception):
    """No rule here carries this integral or limit out."""


@cache
def evaluate(expression: Expr) -> Expr:
    """Carry out integrals, limits, derivatives and sums, the innermost first."""
    found: Expr = expression.replace(Integral, _integral).replace(Limit, _limit).doit()
    return found


def _integral(function: Expr, *limits: tuple[Expr, ...]) -> Expr:
    if len(limits) == 1 and len(limits[0]) == 3:
        with suppress(NotCovered):
            return gaussian_integral(function, *limits[0])
    return Integral(function, *limits)


def _limit(function: Expr, variable: Expr, point: Expr, direction: Expr) -> Expr:
    if point is oo:
        with suppress(NotCovered):
            return limit_by_stirling(function, variable)
    return Limit(function, variable, point, direction)


def gaussian_integral(function: Expr, z: Expr, low: Expr, high: Expr) -> Expr:
    """The integral over z from low to high by the first rule above.

    Raises
    ------
    NotCovered
        If it does not apply.
    """
    return Add(*(_of_terms(part, z) for part in _between_bends((function, low, high), z)))


def _between_bends(part: Part, z: Expr) -> list[Part]:
    """The same integral as a sum of some without rectifiers and moduli of linear functions of z."""
    function, low, high = part
    bend = next((each for each in function.atoms(Max, Abs) if each.has(z) and not any(inner.has(Max, Abs) for inner in each.args)), None)
    if bend is None:
        return [part]
    if len(bend.args) > 2:
        raise NotCovered
    above, below = bend.args if isinstance(bend, Max) else (bend.args[0], -bend.args[0])
    difference = expand(above - below)
    slope = difference.diff(z)
    if slope.has(z) or not (slope.is_positive or slope.is_negative):
        raise NotCovered
    at = -difference.subs(z, 0) / slope
    left, right = (function.xreplace({bend: side}) for side in ((below, above) if slope.is_positive else (above, below)))
    if low != -oo and (at - low).is_nonpositive:
        return _between_bends((right, low, high), z)
    if high != oo and (at - high).is_nonnegative:
        return _between_bends((left, low, high), z)
    if (low != -oo and not (at - low).is_positive) or (high != oo and not (high - at).is_positive):
        raise NotCovered
    return [*_between_bends((left, low, at), z), *_between_bends((right, at, high), z)]


def _of_terms(part: Part, z: Expr) -> Expr:
    """The integral of a sum, term by term; sines and cosines are sums of exponentials."""
    function, low, high = part
    waves = [each for each in function.atoms(sin, cos) if each.has(z)]
    if waves:
        function = function.xreplace({each: each.rewrite(exp) for each in waves}).expand()
    return Add(*(_of_product(term, z, low, high) for term in Add.make_args(function)))


def _of_product(term: Expr, z: Expr, low: Expr, high: Expr) -> Expr:
    r"""The integral of $p(z)e^{q(z)}$."""
    if term == 0:
        return term
    factors = Mul.make_args(term)
    try:
        p = Poly(Mul(*(each for each in factors if not isinstance(each, exp))), z)
        q = Poly(Add(*(each.args[0] for each in factors if isinstance(each, exp))), z)
    except PolynomialError:
        raise NotCovered from None
    if q.degree() != 2 or any(coefficient.has(z) for coefficient in (*p.all_coeffs(), *q.all_coeffs())):
        raise NotCovered
    alpha, beta, gamma = -q.nth(2), q.nth(1), q.nth(0)
    if not alpha.is_positive or not (beta.is_real or (low == -oo and high == oo)):
        raise NotCovered
    left = [*reversed(p.all_coeffs())]  # of p, by the power of z: what P does not account for yet
    inside = Integer(0)  # P
    for k in range(len(left) - 1, 0, -1):
        added = -left[k] / (2 * alpha)
        inside += added * z ** (k - 1)
        left[k - 1] -= added * beta
        if k > 1:
            left[k - 2] -= added * (k - 1)
    constant = left[0] * exp(factor(gamma + beta**2 / (4 * alpha))) * sqrt(pi / (4 * alpha))

    def antiderivative(at: Expr) -> Expr:
        if at in (-oo, oo):
            return constant if at == oo else -constant
        return (inside * exp(q.as_expr())).subs(z, at) + constant * erf(sqrt(alpha) * at - beta / (2 * sqrt(alpha)))

    return expand(antiderivative(high) - antiderivative(low), deep=False)


def limit_by_stirling(function: Expr, n: Expr) -> Expr:
    """The limit of a function with log Γ for n → ∞ by the second rule above.

    Raises
    ------
    NotCovered
        If it does not apply.
    """
    if not function.has(loggamma):
        raise NotCovered
    terms = []
    for term in Add.make_args(expand(function)):
        gammas = [each for each in Mul.make_args(term) if isinstance(each, loggamma)]
        if not gammas and not term.has(loggamma):
            terms.append(term)
            continue
        if len(gammas) != 1 or (coefficient := term / gammas[0]).has(loggamma):
            raise NotCovered
        (u,), (above, below) = gammas[0].args, _polynomials(coefficient, n)
        if not u.is_polynomial(n) or degree(u, n) != 1 or not u.coeff(n).is_positive or degree(above, n) - degree(below, n) >= 3:
            raise NotCovered
        terms.append(coefficient * ((u - Rational(1, 2)) * log(u) - u + log(2 * pi) / 2 + 1 / (12 * u)))
    function = Add(*terms)
    try:
        return limit_of_logarithms(function, n)
    except NotCovered:
        found: Expr = gruntz(function, n, oo)
        return found


def limit_of_logarithms(function: Expr, n: Expr) -> Expr:
    r"""The limit for n → ∞ of a sum of terms $c(n)\log(an+b)$ and c(n), c rational: the second half of the second rule above.

    Raises
    ------
    NotCovered
        If it does not apply, or there is no finite limit.
    """
    rational, logarithms = [], []
    for term in Add.make_args(expand(function)):
        if not term.has(log) or not (inside := [each for each in term.atoms(log) if each.has(n)]):
            rational.append(term)
            continue
        (u,), coefficient = inside[0].args, term / inside[0]
        if not u.is_polynomial(n) or degree(u, n) != 1 or not u.coeff(n).is_positive:
            raise NotCovered
        logarithms.append((coefficient, u.coeff(n), expand(u - u.coeff(n) * n)))
    if numerator(Add(*(c for c, _, _ in logarithms))) != 0:
        raise NotCovered
    for c, a, b in logarithms:
        enough = degree(_polynomials(c, n)[0], n)  # c times what follows vanishes
        rational += [c * log(a), *(-c * (-b / (a * n)) ** power / power for power in range(enough, 0, -1))]
    above, below = (Poly(part, n) for part in _polynomials(Add(*rational), n))
    if above.degree() > below.degree() or not below.LC().is_nonzero:
        raise NotCovered
    return above.LC() / below.LC() if above.degree() == below.degree() else Integer(0)


def numerator(e: Expr) -> Expr:
    """What is above a common denominator: zero where the whole is."""
    return expand(fraction(together(e))[0])


def _polynomials(rational: Expr, n: Expr) -> tuple[Expr, Expr]:
    """Numerator and denominator of a rational function of n."""
    parts = tuple(map(expand, fraction(together(rational))))
    if not all(each.is_polynomial(n) for each in parts):
        raise NotCovered
    return parts
