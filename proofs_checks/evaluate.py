r"""Carrying out the integrals and limits of a derivation.

SymPy does. But two kinds, of which derivations about Gaussian layers are full, take it seconds each: they have a rule here, which leaves
to SymPy what it does not cover.

- $\int_a^b p(z)\,e^{q(z)}\,dz$ for polynomials p and q, q of degree two and falling on both sides: with $q = -\alpha z^2 + \beta z + \gamma$, the polynomial P
  and the number C of $P' + Pq' + C = p$, the antiderivative is $Pe^q + C e^{\gamma+\beta^2/4\alpha}\sqrt{\pi/4\alpha}\,\mathrm{erf}(\sqrt\alpha z - \beta/2\sqrt\alpha)$.
  Where p has rectifiers or moduli of linear functions, the interval is divided where these vanish.
- $\lim f(n)$ for f with terms $c(n)\log\Gamma(u(n))$, u linear: by Stirling's series $\log\Gamma(u) = (u-\tfrac12)\log u - u + \tfrac12\log 2\pi + \frac1{12u} - R$,
  $0 < R < 1/(360u^3)$, where $c/u^3$ vanishes.
"""

from __future__ import annotations

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


@cache
def evaluate(expression: Expr) -> Expr:
    """Carry out integrals, limits, derivatives and sums, the innermost first."""
    found: Expr = expression.replace(Integral, _integral).replace(Limit, _limit).doit()
    return found


def _integral(function: Expr, *limits: tuple[Expr, ...]) -> Expr:
    found = gaussian_integral(function, *limits[0]) if len(limits) == 1 and len(limits[0]) == 3 else None
    return Integral(function, *limits) if found is None else found


def _limit(function: Expr, variable: Expr, point: Expr, direction: Expr) -> Expr:
    found = limit_by_stirling(function, variable) if point is oo and function.has(loggamma) else None
    return Limit(function, variable, point, direction) if found is None else found


def gaussian_integral(function: Expr, z: Expr, low: Expr, high: Expr) -> Expr | None:
    """The integral over z from low to high by the first rule above; None where it does not apply."""
    parts = _between_bends((function, low, high), z)
    values = [_of_terms(part, z) for part in parts] if parts is not None else [None]
    return None if None in values else Add(*values)


def _between_bends(part: Part, z: Expr) -> list[Part] | None:
    """The same integral as a sum of some without rectifiers and moduli of linear functions of z; None if it is not known where one bends."""
    function, low, high = part
    bend = next((each for each in function.atoms(Max, Abs) if each.has(z) and not any(inner.has(Max, Abs) for inner in each.args)), None)
    if bend is None:
        return [part]
    above, below = bend.args if len(bend.args) == 2 else (bend.args[0], -bend.args[0])
    difference = expand(above - below)
    slope = difference.diff(z)
    if len(bend.args) > 2 or slope.has(z) or not (slope.is_positive or slope.is_negative):
        return None
    at = -difference.subs(z, 0) / slope
    left, right = (function.xreplace({bend: side}) for side in ((below, above) if slope.is_positive else (above, below)))
    if low != -oo and (at - low).is_nonpositive:
        return _between_bends((right, low, high), z)
    if high != oo and (at - high).is_nonnegative:
        return _between_bends((left, low, high), z)
    if (low != -oo and not (at - low).is_positive) or (high != oo and not (high - at).is_positive):
        return None
    both = [_between_bends(each, z) for each in ((left, low, at), (right, at, high))]
    return None if None in both else [each for side in both if side is not None for each in side]


def _of_terms(part: Part, z: Expr) -> Expr | None:
    """The integral of a sum, term by term; sines and cosines are sums of exponentials."""
    function, low, high = part
    waves = [each for each in function.atoms(sin, cos) if each.has(z)]
    if waves:
        function = function.xreplace({each: each.rewrite(exp) for each in waves}).expand()
    values = [_of_product(term, z, low, high) for term in Add.make_args(function)]
    return None if None in values else Add(*values)


def _of_product(term: Expr, z: Expr, low: Expr, high: Expr) -> Expr | None:
    r"""The integral of $p(z)e^{q(z)}$."""
    if term == 0:
        return term
    exponents = [factor.args[0] for factor in Mul.make_args(term) if isinstance(factor, exp)]
    try:
        p = Poly(Mul(*(factor for factor in Mul.make_args(term) if not isinstance(factor, exp))), z)
        q = Poly(Add(*exponents), z)
    except PolynomialError:
        return None
    if q.degree() != 2 or any(coefficient.has(z) for coefficient in (*p.all_coeffs(), *q.all_coeffs())):
        return None
    alpha, beta, gamma = -q.nth(2), q.nth(1), q.nth(0)
    if not alpha.is_positive or not (beta.is_real or (low == -oo and high == oo)):
        return None
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


def limit_by_stirling(function: Expr, n: Expr) -> Expr | None:
    """The limit of a function with log Γ for n → ∞ by the second rule above; None where it does not apply."""
    terms = []
    for term in Add.make_args(expand(function)):
        gammas = [factor for factor in Mul.make_args(term) if isinstance(factor, loggamma)]
        if not gammas and not term.has(loggamma):
            terms.append(term)
            continue
        if len(gammas) != 1 or (coefficient := term / gammas[0]).has(loggamma):
            return None
        (u,), (numerator, denominator) = gammas[0].args, fraction(together(coefficient))
        if not all(each.is_polynomial(n) for each in (u, numerator, denominator)):
            return None
        if degree(u, n) != 1 or not u.coeff(n).is_positive or degree(numerator, n) - degree(denominator, n) >= 3:
            return None
        terms.append(coefficient * ((u - Rational(1, 2)) * log(u) - u + log(2 * pi) / 2 + 1 / (12 * u)))
    found: Expr = gruntz(Add(*terms), n, oo)
    return found
