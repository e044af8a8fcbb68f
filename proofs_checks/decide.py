"""Deciding one link of a derivation, three-valued.

Only a literal zero holds an equality and only a literal True holds a sign. What SymPy leaves unevaluated
is undecided, which is red; a residual that is not zero at a rational point, in high-precision arithmetic,
fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import mpmath
from sympy import (
    Abs,
    Derivative,
    Expr,
    Float,
    Integral,
    Limit,
    Max,
    Piecewise,
    Product,
    Rational,
    Sum,
    acos,
    diff,
    exp,
    expand,
    expand_func,
    expand_log,
    factor,
    gammasimp,
    lambdify,
    logcombine,
    powdenest,
    radsimp,
    sign,
    simplify,
    together,
    trigsimp,
)

from proofs_checks.evaluate import evaluate, numerator
from proofs_checks.evidence import Verdict
from theory.claim import Interval, Relation, sample_points

HALF = Rational(1, 2)
UNEVALUATED = (Integral, Limit, Piecewise, Derivative, Sum, Product, sign)


def _factor_radicands(e: Expr) -> Expr:
    """Factor under square roots, where a perfect square of positive terms then comes out."""
    return e.replace(lambda p: p.is_Pow and p.exp in (HALF, -HALF), lambda p: factor(p.base) ** p.exp)


_SIMPLIFIERS: tuple[Callable[[Expr], Expr], ...] = (
    expand,
    numerator,
    lambda e: expand(e.rewrite(exp)),
    lambda e: gammasimp(expand_func(e)),
    simplify,
    lambda e: simplify(expand(e, func=True)),
    lambda e: trigsimp(expand(e, trig=True)),
    lambda e: simplify(expand_log(logcombine(e, force=False))),
    lambda e: radsimp(together(powdenest(e))),
    factor,
    lambda e: simplify(e.rewrite(Abs)),
    lambda e: simplify(e.rewrite(acos)),
    lambda e: simplify(_factor_radicands(e)),
)


@dataclass(frozen=True)
class Decision:
    """A verdict on one link, with what was left of it."""

    verdict: Verdict
    residual: Expr
    sentence: str


def decide(left: Expr, relation: Relation, right: Expr, domain: tuple[Interval, ...]) -> Decision:
    """Decide `left relation right` on the domain.

    Equalities hold when left − right becomes a literal 0; inequalities when left − right is literally
    positive in the domain's positive parametrisation.
    """
    if relation is Relation.EQUAL and left == right:
        return Decision(Verdict.HOLDS, left - left, "identical")
    residual = evaluate(left) - evaluate(right)
    used = tuple(interval for interval in domain if interval.symbol in residual.free_symbols)
    left_over = residual.atoms(*UNEVALUATED)
    if not left_over and (counterexample := _counterexample(residual, relation, used)):
        point, value = counterexample
        at = ", ".join(f"{symbol} = {number}" for symbol, number in point.items()) or "every point"
        return Decision(Verdict.FAILS, residual, f"the residual is {value} at {at}")
    if relation is Relation.EQUAL:
        if vanishes(residual, used):
            return Decision(Verdict.HOLDS, residual - residual, "the residual simplifies to 0")
    elif is_positive(residual, used):
        return Decision(Verdict.HOLDS, residual, "positive on the whole domain")
    if left_over:
        return Decision(Verdict.UNDECIDED, residual, f"could not decide: an unevaluated {type(left_over.pop()).__name__} is left")
    return Decision(Verdict.UNDECIDED, residual, "could not decide: the residual did not simplify")


def _forms(residual: Expr, domain: tuple[Interval, ...]) -> Iterator[Expr]:
    """The residual and, where the domain is bounded, the residual in a positive variable."""
    yield residual
    if len(domain) == 1 and domain[0].by_positive != domain[0].symbol:
        yield residual.subs(domain[0].symbol, domain[0].by_positive)


def vanishes(residual: Expr, domain: tuple[Interval, ...]) -> bool:
    """Whether the residual simplifies to a literal 0, or its derivative does and so does its value at one point."""
    for form in _forms(residual, domain):
        if any(simplifier(form) == 0 for simplifier in _SIMPLIFIERS):
            return True
    if residual.has(*UNEVALUATED, Max):
        return False
    for interval in domain:
        if interval.symbol.is_integer or simplify(residual.subs(interval.symbol, interval.anchor)) != 0:
            continue
        slope = diff(residual, interval.symbol)
        if any(
            simplifier(form) == 0
            for form in _forms(slope, domain)
            for simplifier in (simplify, radsimp, factor, lambda e: simplify(_factor_radicands(e)))
        ):
            return True
    return False


def is_positive(residual: Expr, domain: tuple[Interval, ...]) -> bool:
    """Whether SymPy's assumptions make some form of the residual literally positive."""
    return any(form_of(form).is_positive is True for form in _forms(residual, domain) for form_of in (lambda e: e, simplify, factor))


def _counterexample(residual: Expr, relation: Relation, domain: tuple[Interval, ...]) -> tuple[dict[Expr, Expr], Expr] | None:
    """A rational point of the domain at which the relation does not hold: two precisions agree on the residual there, and it is not zero."""
    symbols = [interval.symbol for interval in domain]
    if residual.free_symbols - set(symbols):
        return None
    function = lambdify(symbols, residual, "mpmath")
    for point in sample_points(domain):
        arguments = [point[symbol] for symbol in symbols]
        try:
            rough, fine = (_value(function, arguments, digits) for digits in (30, 60))
        except (ArithmeticError, ValueError, TypeError, NameError, AttributeError):  # no value there, or no such function
            continue
        settled = abs(rough - fine) <= 1e-6 * abs(fine)
        wrong = abs(fine) > 1e-20 if relation is Relation.EQUAL else fine < -1e-20
        if settled and wrong:
            return point, Float(fine, 6)
    return None


def _value(function: Callable[..., object], arguments: list[Expr], digits: int) -> mpmath.mpf:
    with mpmath.workdps(digits):
        value = mpmath.mpmathify(function(*(mpmath.mpf(int(each.p)) / int(each.q) for each in arguments)))
        if isinstance(value, mpmath.mpc):
            if abs(value.imag) > abs(value.real) * mpmath.mpf(10) ** (-digits // 2):
                raise ValueError(f"{value} is not real")
            value = value.real
        if not mpmath.isfinite(value):
            raise ArithmeticError(f"{value} is not finite")
        return value
