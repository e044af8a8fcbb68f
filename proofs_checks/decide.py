"""Deciding one link of a derivation, three-valued.

Only a literal zero holds an equality, of the residual or, where it is continuous, of its slope and of itself at
one point; only a literal True holds a sign. What SymPy leaves unevaluated is undecided, which is red; a residual
that is not zero at a rational point, in high-precision arithmetic, fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import mpmath
from sympy import (
    Abs,
    Add,
    Derivative,
    Expr,
    Float,
    Integral,
    Limit,
    Mul,
    Piecewise,
    Pow,
    Product,
    Rational,
    Sum,
    Symbol,
    acos,
    asin,
    atan,
    cos,
    cosh,
    diff,
    erf,
    exp,
    expand,
    expand_func,
    expand_log,
    factor,
    gamma,
    gammasimp,
    lambdify,
    log,
    logcombine,
    loggamma,
    polygamma,
    powdenest,
    preorder_traversal,
    radsimp,
    sign,
    simplify,
    sin,
    sinh,
    tanh,
    together,
    trigsimp,
)
from sympy.functions.elementary.trigonometric import InverseTrigonometricFunction

from proofs_checks.evaluate import evaluate, numerator
from proofs_checks.evidence import Verdict
from theory import symbols as s
from theory.claim import Interval, Relation, sample_points

HALF = Rational(1, 2)
SIMPLIFIES = "the residual simplifies to 0"
IS_CONSTANT = "the residual is continuous, and its slope and its value at one point simplify to 0"
_CONTINUOUS = (Abs, acos, asin, atan, cos, cosh, erf, exp, sin, sinh, tanh)  #: at all real arguments at which they are real
UNEVALUATED = (Integral, Limit, Piecewise, Derivative, Sum, Product, sign)


def _factor_radicands(e: Expr) -> Expr:
    """Factor under square roots, where a perfect square of positive terms then comes out."""
    return e.replace(lambda p: p.is_Pow and p.exp in (HALF, -HALF), lambda p: factor(p.base) ** p.exp)


_Simplifiers = tuple[Callable[[Expr], Expr], ...]

_QUICK: _Simplifiers = (
    expand,
    numerator,
    lambda e: expand(e.rewrite(exp)),
    lambda e: gammasimp(expand_func(e)),
)
_SIMPLIFIERS: _Simplifiers = (
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
_SIMPLIFIERS_OF_SLOPES: _Simplifiers = (simplify, radsimp, factor, lambda e: simplify(_factor_radicands(e)))


@dataclass(frozen=True)
class Decision:
    """A verdict on one link, with what was left of it."""

    verdict: Verdict
    residual: Expr
    sentence: str


def decide(left: Expr, relation: Relation, right: Expr, domain: tuple[Interval, ...]) -> Decision:
    """Decide `left relation right` on the domain.

    Equalities hold when left − right becomes a literal 0, or a constant that does; inequalities when left − right is literally
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
        if reason := why_zero(residual, used):
            return Decision(Verdict.HOLDS, residual - residual, reason)
    elif is_positive(residual, used):
        return Decision(Verdict.HOLDS, residual, "positive on the whole domain")
    if left_over:
        return Decision(Verdict.UNDECIDED, residual, f"could not decide: an unevaluated {type(left_over.pop()).__name__} is left")
    return Decision(Verdict.UNDECIDED, residual, "could not decide: the residual did not simplify")


def _forms(residual: Expr, domain: tuple[Interval, ...], variables: int = 1) -> Iterator[Expr]:
    """The residual and, if it has no more variables than these, the residual in positive ones: of identities in several none needs that."""
    yield residual
    in_positive = {each.symbol: each.by_positive(positive) for each, positive in zip(domain, s.positives, strict=False)}
    if len(domain) <= variables and any(symbol != instead for symbol, instead in in_positive.items()):
        yield residual.subs(in_positive, simultaneous=True)


def why_zero(residual: Expr, domain: tuple[Interval, ...]) -> str:
    """Why the residual is zero on the domain, in words; none where that is not seen."""
    if _simplifies(residual, domain, _QUICK):
        return SIMPLIFIES
    rules: list[tuple[str, Callable[..., bool]]] = [
        (SIMPLIFIES, partial(_simplifies, simplifiers=_SIMPLIFIERS)),
        (IS_CONSTANT, _is_constantly_zero),
    ]
    if residual.has(InverseTrigonometricFunction):  # the slope of an angle has no angles, and SymPy takes long over identities between them
        rules.reverse()
    return next((reason for reason, holds in rules if holds(residual, domain)), "")


def _simplifies(expression: Expr, domain: tuple[Interval, ...], simplifiers: _Simplifiers) -> bool:
    return any(simplifier(form) == 0 for form in _forms(expression, domain) for simplifier in simplifiers)


def _is_constantly_zero(residual: Expr, domain: tuple[Interval, ...]) -> bool:
    return is_continuous(residual, domain) and any(
        simplify(residual.subs(interval.symbol, interval.anchor)) == 0
        and _simplifies(diff(residual, interval.symbol), domain, _SIMPLIFIERS_OF_SLOPES)
        for interval in domain
        if not interval.symbol.is_integer
    )


def is_continuous(expression: Expr, domain: tuple[Interval, ...]) -> bool:
    """Whether it can be read off: all that it divides by, and takes logarithms or Γ of, is of one sign, and nothing else in it jumps."""
    return all(_keeps_together(part, domain) for part in preorder_traversal(expression) if part.free_symbols)


def _keeps_together(part: Expr, domain: tuple[Interval, ...]) -> bool:
    """Whether this part jumps nowhere that its own parts do not."""
    match part:
        case Symbol() | Add() | Mul():
            return True
        case Pow(base=base, exp=power) if power.is_positive and (power.is_integer or base.is_real):
            return True
        case Pow(base=base, exp=power):
            return is_positive(base, domain) or (power.is_integer is True and is_positive(-base, domain))
        case log() | gamma() | loggamma() | polygamma():
            return is_positive(part.args[-1], domain)
        case _:
            return isinstance(part, _CONTINUOUS)


def is_positive(residual: Expr, domain: tuple[Interval, ...]) -> bool:
    """Whether SymPy's assumptions make some form of the residual literally positive."""
    forms = _forms(residual, domain, variables=len(s.positives))
    return any(form_of(form).is_positive is True for form in forms for form_of in (lambda e: e, simplify, factor))


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
