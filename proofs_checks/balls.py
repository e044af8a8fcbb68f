"""Formulas in ball arithmetic: every value comes with a radius that provably covers it.

A SymPy expression is walked once and evaluated with python-flint's `arb` (real balls); integrals are
evaluated rigorously with `acb.integral` on a finite range, and what lies beyond is bounded by the Gaussian
factor of the integrand.
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterator, Mapping
from functools import reduce
from itertools import combinations, pairwise
from operator import add, mul
from typing import Any

import sympy
from flint import acb, arb, ctx, fmpq
from sympy import Abs, Expr, Integral, Max, Poly, Symbol, oo, pi, sqrt

Ball = Any  # arb, or acb inside an integral
Values = Mapping[Symbol, Ball]
_LOCK = threading.RLock()


class NotEnclosed(Exception):
    """An expression has no enclosure here; the message names what is missing."""


@contextlib.contextmanager
def precision(bits: int) -> Iterator[None]:
    """Ball arithmetic with this many bits, one thread at a time: the library's precision is global."""
    with _LOCK:
        before = ctx.prec
        ctx.prec = bits
        try:
            yield
        finally:
            ctx.prec = before


def exact(number: Expr) -> arb:
    """A ball around a rational number."""
    return arb(fmpq(int(number.p), int(number.q)))


#: Functions without branch cuts.
CUTLESS = (sympy.erf, sympy.erfc, sympy.exp, sympy.sin, sympy.cos, sympy.sinh, sympy.cosh, sympy.gamma)


def enclose(expression: Expr, values: Values | None = None, analytic: bool = False) -> Ball:
    """The value of an expression, as a ball.

    Parameters
    ----------
    expression : sympy.Expr
    values : mapping from Symbol to arb or acb
        Balls for the free symbols.
    analytic : bool
        No number where a complex ball touches a branch cut: what a rigorous integral must know of its integrand.

    Raises
    ------
    NotEnclosed
        If a function, a symbol or an integral has no enclosure.
    """
    values = values or {}
    if expression in values:
        return values[expression]
    if expression.is_Rational:
        return exact(expression)
    if expression is pi:
        return arb.pi()
    if expression is sympy.E:
        return arb(1).exp()
    if isinstance(expression, Integral):
        return _integral(expression, values)
    arguments = [enclose(argument, values, analytic) for argument in expression.args]
    if expression.is_Add:
        return reduce(add, arguments)
    if expression.is_Mul:
        return reduce(mul, arguments)
    if expression.is_Pow:
        return _power(arguments[0], arguments[1], expression.exp, analytic)
    if isinstance(expression, Max):
        return reduce(lambda one, other: (one + other + abs(one - other)) / 2, arguments)
    if isinstance(expression, Abs):
        return abs(arguments[0])
    method = getattr(arguments[0], type(expression).__name__, None) if len(arguments) == 1 else None
    if method is None:
        raise NotEnclosed(f"no ball arithmetic for {type(expression).__name__} in {expression}")
    if analytic and isinstance(arguments[0], acb) and not isinstance(expression, CUTLESS) and _meets_a_cut(expression, arguments[0]):
        return acb("nan")
    return method()


def _meets_a_cut(function: Expr, at: acb) -> bool:
    """Whether a complex ball touches the branch cut of a function of one variable, or may: cuts are where one of these is negative or zero."""
    if isinstance(function, sympy.log):
        positive = [at]
    elif isinstance(function, sympy.acos | sympy.asin):
        positive = [1 - at, 1 + at]
    elif isinstance(function, sympy.atan):
        positive = [1 + at * at]
    else:
        return True
    return not all(each.sqrt(analytic=True).is_finite() for each in positive)


def _power(base: Ball, exponent: Ball, symbolic: Expr, analytic: bool) -> Ball:
    if symbolic.is_Integer:
        return base ** int(symbolic)
    cut = {"analytic": True} if analytic and isinstance(base, acb) else {}
    if symbolic == sympy.Rational(1, 2):
        return base.sqrt(**cut)
    if symbolic == -sympy.Rational(1, 2):
        return base.rsqrt(**cut)
    return base.pow(acb(exponent), **cut) if cut else base**exponent


def _integral(integral: Integral, values: Values) -> arb:
    """A one-dimensional integral, split where the integrand has a kink."""
    if len(integral.limits) != 1 or len(integral.limits[0]) != 3:
        raise NotEnclosed(f"only one-dimensional definite integrals are enclosed, not {integral}")
    variable, low, high = integral.limits[0]
    integrand = integral.function
    tail = arb(0)
    if -oo in (low, high) or oo in (low, high):
        factor = integrand * sympy.exp(variable**2 / 2) * sqrt(2 * pi)
        scale, degree = _growth(factor, variable, values)
        # Beyond √(2·bits) the density is below the precision; beyond 2√k its fall beats any growth like z^k.
        cut = arb(math.isqrt(2 * ctx.prec) + 2 * math.isqrt(degree) + 9)
        for end in (low, high):
            if end not in (oo, -oo):
                cut = (cut + abs(enclose(end, values))).upper()
        tail = _gaussian_tail(scale, degree, cut) * ((low == -oo) + (high == oo))
        ends = [-cut if low == -oo else enclose(low, values), cut if high == oo else enclose(high, values)]
    else:
        ends = [enclose(low, values), enclose(high, values)]
    inside = [kink for kink in _kinks(integrand, variable, values) if ends[0] < kink < ends[1]]
    nodes = [ends[0], *sorted(inside, key=float), ends[1]]
    total = arb(0)
    for left, right in pairwise(nodes):
        smooth = _smooth_branch(integrand, variable, values, (left + right) / 2)
        piece = acb.integral(
            lambda point, analytic, smooth=smooth: acb(enclose(smooth, {**values, variable: point}, analytic)), acb(left), acb(right)
        )
        total += piece.real
    return total + arb(0, tail.upper())


def _kinks(integrand: Expr, variable: Symbol, values: Values) -> list[arb]:
    """Where the argument of a modulus, or the difference of two arguments of a maximum, changes sign."""
    kinks = []
    for corner in integrand.atoms(Max, Abs):
        if isinstance(corner, Max):
            candidates = [one - other for one, other in combinations(corner.args, 2)]
        elif inner := corner.args[0].atoms(Max):
            candidates = [corner.args[0].subs(maximum, branch) for maximum in inner for branch in maximum.args]
        else:
            candidates = [corner.args[0]]
        for candidate in candidates:
            polynomial = Poly(candidate, variable)
            if polynomial.degree() > 1:
                raise NotEnclosed(f"the kinks of {corner} are not at the zero of a linear function of {variable}")
            if polynomial.degree() == 1:
                slope, offset = (enclose(coefficient, values) for coefficient in polynomial.all_coeffs())
                kinks.append(-offset / slope)
    return [kink for k, kink in enumerate(kinks) if not any(kink.overlaps(other) for other in kinks[:k])]


def _smooth_branch(integrand: Expr, variable: Symbol, values: Values, middle: arb) -> Expr:
    """The integrand with each maximum and modulus replaced by the branch taken at `middle`."""
    here = {**values, variable: middle}
    while corners := [corner for corner in integrand.atoms(Max, Abs) if not any(a.has(Max, Abs) for a in corner.args)]:
        for corner in corners:
            if isinstance(corner, Max):
                branch = reduce(lambda one, other: one if enclose(one - other, here) > 0 else other, corner.args)
            else:
                branch = corner.args[0] if enclose(corner.args[0], here) > 0 else -corner.args[0]
            integrand = integrand.subs(corner, branch)
    return integrand


def _gaussian_tail(scale: arb, degree: int, cut: arb) -> arb:
    r"""A bound for $\int_T^\infty |f|\varphi$ with $|f(z)| \le A(1+|z|)^k$, for $T > k/(1+T)$.

    $(1+z)^k \le (1+T)^k e^{s(z-T)}$ with $s = k/(1+T)$, and $\varphi(z) \le \varphi(T)e^{-T(z-T)}$, so the tail is at most
    $A(1+T)^k\varphi(T)/(T-s)$.
    """
    slack = cut - degree / (1 + cut)
    if not slack > 0:
        raise NotEnclosed(f"the tail of a moment of order {degree} is not bounded beyond {cut}")
    density = (-(cut**2) / 2).exp() / (2 * arb.pi()).sqrt()
    return scale * (1 + cut) ** degree * density / slack


def _growth(f: Expr, variable: Symbol, values: Values) -> tuple[arb, int]:
    """(A, k) with |f(z)| ≤ A(1+|z|)^k for all real z."""
    if not f.has(variable):
        return abs(enclose(f, values)), 0
    if f == variable:
        return arb(1), 1
    if f.is_Add or isinstance(f, Max):
        parts = [_growth(part, variable, values) for part in f.args]
        return reduce(add, (scale for scale, _ in parts)), max(degree for _, degree in parts)
    if f.is_Mul:
        parts = [_growth(part, variable, values) for part in f.args]
        return reduce(mul, (scale for scale, _ in parts)), sum(degree for _, degree in parts)
    if f.is_Pow and f.exp.is_Integer and f.exp > 0:
        scale, degree = _growth(f.base, variable, values)
        return scale ** int(f.exp), degree * int(f.exp)
    if isinstance(f, Abs):
        return _growth(f.args[0], variable, values)
    if isinstance(f, sympy.erf | sympy.sin | sympy.cos):
        return arb(1), 0
    if isinstance(f, sympy.exp) and (exponent := Poly(f.args[0], variable)).degree() == 2:
        leading, linear, constant = (enclose(coefficient, values) for coefficient in exponent.all_coeffs())
        if leading < 0:
            return (constant - linear**2 / (4 * leading)).exp().upper(), 0
    raise NotEnclosed(f"no bound for the growth of {f} in {variable}")
