"""Formulas in ball arithmetic: every value comes with a radius that provably covers it.

A SymPy expression is walked once and evaluated with python-flint's `arb` (real balls); integrals are
evaluated rigorously with `acb.integral` on a finite range, and what lies beyond is bounded by the Gaussian
factor of the integrand.
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial, reduce
from itertools import combinations, pairwise
from operator import add, mul
from typing import Any

import sympy
from flint import acb, arb, ctx, fmpq
from sympy import Abs, Add, Expr, Integral, Max, Piecewise, Poly, Symbol, default_sort_key, hyper, oo, pi, sqrt, sympify
from sympy.core.relational import Relational

from theory.gaussian_functions import Bounded, Mean, NormalCDF, TwoPoint

Evaluator = Callable[[Mapping[Symbol, Any], bool], Any]
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


def forget() -> None:
    """Drop the constants and nodes that the library keeps: computed to more bits for something else, they would show in later radii."""
    with _LOCK:
        ctx.cleanup()


def exact(number: Expr) -> arb:
    """A ball around a rational number."""
    return arb(fmpq(int(number.p), int(number.q)))


def enclose(expression: Expr, values: Values | None = None, analytic: bool = False) -> Ball:
    """The value of an expression, as a ball.

    Parameters
    ----------
    expression : sympy.Expr
    values : mapping from Symbol to arb or acb
        Balls for the free symbols.
    analytic : bool
        Whether the value must be that of a function holomorphic on the balls: it is not finite where they meet a branch cut.

    Raises
    ------
    NotEnclosed
        If a function, a symbol or an integral has no enclosure.
    """
    return evaluator(expression)(values or {}, analytic)


@cache
def evaluator(expression: Expr) -> Evaluator:
    """The expression as a function of (values, analytic): its tree is read once."""
    if isinstance(expression, Symbol):
        return partial(_value_of, expression)
    if expression.is_Rational:
        return lambda values, analytic: exact(expression)
    if expression is pi:
        return lambda values, analytic: arb.pi()
    if expression is sympy.E:
        return lambda values, analytic: arb(1).exp()
    if isinstance(expression, Integral):
        return partial(_integral, expression)
    if isinstance(expression, Mean):
        return evaluator(expression.args[0])
    if isinstance(expression, TwoPoint):
        from proofs_checks.hermite import two_point

        return partial(two_point, expression)
    if isinstance(expression, Bounded):
        return partial(_bounded, expression)
    if expression.is_Pow:
        return _power(expression)
    if isinstance(expression, hyper):
        return _hypergeometric(expression)
    parts = [evaluator(argument) for argument in expression.args]
    if expression.is_Add:
        return lambda values, analytic: reduce(add, (part(values, analytic) for part in parts))
    if expression.is_Mul:
        return lambda values, analytic: reduce(mul, (part(values, analytic) for part in parts))
    if isinstance(expression, Max):
        return lambda values, analytic: reduce(
            lambda one, other: (one + other + abs(one - other)) / 2, (part(values, analytic) for part in parts)
        )
    if isinstance(expression, Abs):
        return lambda values, analytic: abs(parts[0](values, analytic))
    if isinstance(expression, NormalCDF):
        return lambda values, analytic: (-parts[0](values, analytic) / arb(2).sqrt()).erfc() / 2
    if len(parts) == 1:
        return _function(expression, parts[0])
    raise NotEnclosed(f"no ball arithmetic for {type(expression).__name__} in {expression}")


def _value_of(symbol: Symbol, values: Values, analytic: bool) -> Ball:
    if symbol not in values:
        raise NotEnclosed(f"no value is given for {symbol}")
    return values[symbol]


#: Functions without branch cuts; a pole gives no finite ball.
CUTLESS = (sympy.erf, sympy.erfc, sympy.exp, sympy.sin, sympy.cos, sympy.sinh, sympy.cosh, sympy.tanh, sympy.gamma)


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


def _function(expression: Expr, part: Evaluator) -> Evaluator:
    name = type(expression).__name__
    if not (expression.is_Function and (hasattr(arb, name) or hasattr(acb, name))):
        raise NotEnclosed(f"no ball arithmetic for {name} in {expression}")

    def value(values: Values, analytic: bool) -> Ball:
        argument = part(values, analytic)
        if not hasattr(argument, name):
            raise NotEnclosed(f"no ball arithmetic for {name} of a real number in {expression}")
        if analytic and isinstance(argument, acb) and not isinstance(expression, CUTLESS) and _meets_a_cut(expression, argument):
            return acb("nan")
        return getattr(argument, name)()

    return value


def whole_power(ball: Ball, exponent: int) -> Ball:
    """A power of a ball; the library's own makes a real ball with midpoint zero undefined."""
    return (acb(ball) ** exponent).real if isinstance(ball, arb) and exponent > 0 and ball.contains(0) else ball**exponent


def _power(expression: Expr) -> Evaluator:
    base, exponent = evaluator(expression.base), evaluator(expression.exp)
    if expression.exp.is_Integer:
        whole = int(expression.exp)
        return lambda values, analytic: whole_power(base(values, analytic), whole)
    roots = {sympy.Rational(1, 2): "sqrt", -sympy.Rational(1, 2): "rsqrt"}
    name = roots.get(expression.exp)

    def value(values: Values, analytic: bool) -> Ball:
        below = base(values, analytic)
        guard = {"analytic": True} if analytic and isinstance(below, acb) else {}
        if name:
            return getattr(below, name)(**guard)
        return below.pow(exponent(values, analytic), **guard) if guard else below ** exponent(values, analytic)

    return value


def _hypergeometric(expression: Expr) -> Evaluator:
    if tuple(map(len, expression.args[:2])) != (2, 1):
        raise NotEnclosed(f"only 2F1 is enclosed, not {expression}")
    (a, b), (c,), x = expression.args
    parts = [evaluator(part) for part in (a, b, c, x)]

    def value(values: Values, analytic: bool) -> Ball:
        *parameters, argument = (acb(part(values, analytic)) for part in parts)
        found = argument.hypgeom_2f1(*parameters) if not analytic or abs(argument) < 1 else acb("nan")
        return found if any(isinstance(ball, acb) for ball in values.values()) else found.real

    return value


def _integral(integral: Integral, values: Values, analytic: bool) -> arb:
    """A one-dimensional integral, split where the integrand has a kink."""
    if len(integral.limits) != 1 or len(integral.limits[0]) != 3:
        raise NotEnclosed(f"only one-dimensional definite integrals are enclosed, not {integral}")
    variable, low, high = integral.limits[0]
    integrand = integral.function
    tail = arb(0)
    if -oo in (low, high) or oo in (low, high):
        factor = _over_density(integrand, variable)
        scale, degree = growth(factor, variable, values)
        # Beyond √(2·bits) the density is below the precision; beyond 2√k its fall beats any growth like z^k.
        cut = arb(math.isqrt(2 * ctx.prec) + 2 * math.isqrt(degree) + 9)
        for end in (low, high):
            if end not in (oo, -oo):
                cut = (cut + abs(enclose(end, values))).upper()
        tail = gaussian_tail(scale, degree, cut) * ((low == -oo) + (high == oo))
        ends = [-cut if low == -oo else enclose(low, values), cut if high == oo else enclose(high, values)]
    else:
        ends = [enclose(low, values), enclose(high, values)]
    return _between(integrand, variable, values, *ends) + arb(0, tail.upper())


def _over_density(integrand: Expr, variable: Symbol) -> Expr:
    """The integrand over the Gaussian density, term by term and case by case, so that exponentials cancel."""
    if isinstance(integrand, Piecewise):
        return Piecewise(*((_over_density(case, variable), condition) for case, condition in integrand.args))
    return Add(*(term * sympy.exp(variable**2 / 2) * sqrt(2 * pi) for term in Add.make_args(integrand)))


def _bounded(expectation: Bounded, values: Values, analytic: bool) -> arb:
    """E f(W) with |f| ≤ K: what lies beyond the cut has at most the bound times its probability."""
    f, bound = expectation.args
    (variable,) = f.variables
    cut, tolerance = arb(8), arb(2) ** -52  # a ratio of small moments needs small balls: no more digits than a double has use for
    beyond = (cut / arb(2).sqrt()).erfc() * abs(enclose(bound, values))
    density = sympy.exp(-(variable**2) / 2) / sqrt(2 * pi)
    return _between(f.expr * density, variable, values, -cut, cut, tolerance) + arb(0, beyond.upper())


def compiled(f: Expr, variable: Symbol, values: Values) -> Callable[[Ball, bool], Ball]:
    """The function of (variable, analytic): what does not depend on the variable is evaluated once, what occurs twice once a point."""
    constants, steps, body = _split(f, variable)
    fixed = {**values, **{symbol: enclose(part, values) for part, symbol in constants.items()}}
    each, last = [(symbol, evaluator(step)) for symbol, step in steps], evaluator(body)

    def at(point: Ball, analytic: bool) -> Ball:
        here = {**fixed, variable: point}
        for symbol, step in each:
            here[symbol] = step(here, analytic)
        return last(here, analytic)

    return at


@cache
def _split(f: Expr, variable: Symbol) -> tuple[dict[Expr, Symbol], list[tuple[Symbol, Expr]], Expr]:
    """Constant parts as symbols, parts that occur twice as symbols in their order, and the function of all these."""
    constants: dict[Expr, Symbol] = {}
    steps, (body,) = sympy.cse([_hoisted(f, variable, constants)], symbols=sympy.numbered_symbols(cls=sympy.Dummy))
    return constants, steps, body


def _hoisted(f: Expr, variable: Symbol, constants: dict[Expr, Symbol]) -> Expr:
    """The function with its largest parts that do not depend on the variable as symbols, which are noted."""
    if variable not in f.free_symbols:
        return f if f.is_Rational or f.is_Symbol or not isinstance(f, Expr) else constants.setdefault(f, sympy.Dummy("constant", real=True))
    if f.is_Add or f.is_Mul:
        constant, rest = f.as_independent(variable, as_Add=f.is_Add)
        parts = [part for part in (constant, *f.func.make_args(rest)) if part != f.identity]
    else:
        parts = list(f.args)
    return f if not parts or f.is_Symbol else f.func(*(_hoisted(part, variable, constants) for part in parts))


def known(ball: arb, within: float = 2.0**-50) -> float:
    """The middle of a ball whose radius is within a bound, relative to max(1, its modulus): by default, known to double precision.

    Raises
    ------
    NotEnclosed
        If it is wider, or not finite.
    """
    middle = float(ball.mid()) if ball.is_finite() else math.nan
    if not float(ball.rad()) <= within * max(1.0, abs(middle)):
        raise NotEnclosed(f"{ball.str(5)} is not known within {within:.1g}")
    return middle


def settled(f: Expr, variable: Symbol, values: Values) -> tuple[Expr, Values]:
    """The function with integrals that do not depend on the variable evaluated once, and the values they need."""
    # Named, and in order: a dummy without a name is ordered by the digits of its number, and terms are added in that order.
    parts = sorted(f.atoms(Integral, Mean, TwoPoint, Bounded), key=default_sort_key)
    constants = {part: sympy.Dummy("settled") for part in parts if variable not in part.free_symbols}
    return f.xreplace(constants), {**values, **{symbol: enclose(part, values) for part, symbol in constants.items()}}


def _between(integrand: Expr, variable: Symbol, values: Values, low: arb, high: arb, tolerance: arb | None = None) -> arb:
    if any(isinstance(value, acb) for value in values.values()):
        raise NotEnclosed(f"an integral within an integral is not enclosed: {integrand}")
    integrand, values = settled(integrand, variable, values)
    total = arb(0)
    for left, right in pairwise(pieces(integrand, variable, values, low, high)):
        smooth = compiled(smooth_branch(integrand, variable, values, (left + right) / 2), variable, values)
        piece = acb.integral(
            lambda point, analytic, smooth=smooth: acb(smooth(point, analytic)),
            acb(left),
            acb(right),
            **({} if tolerance is None else {"abs_tol": tolerance, "rel_tol": tolerance}),
        )
        total += piece.real
    return total


def pieces(integrand: Expr, variable: Symbol, values: Values, low: arb, high: arb) -> list[arb]:
    """The ends of an interval and the kinks of the integrand inside, in order."""
    return [low, *sorted((kink for kink in _kinks(integrand, variable, values) if low < kink < high), key=float), high]


def _kinks(integrand: Expr, variable: Symbol, values: Values) -> list[arb]:
    """Where the argument of a modulus, the difference of two arguments of a maximum, or of two sides of a condition, changes sign."""
    kinks = []
    for corner in integrand.atoms(Max, Abs, Relational):
        if isinstance(corner, Relational):
            candidates = [corner.lhs - corner.rhs]
        elif isinstance(corner, Max):
            candidates = [one - other for one, other in combinations(corner.args, 2)]
        elif inner := corner.args[0].atoms(Max):
            candidates = [corner.args[0].subs(maximum, branch) for maximum in inner for branch in maximum.args]
        else:
            candidates = [corner.args[0]]
        for candidate in candidates:
            kinks += _zeros(candidate, variable, values)
    return [kink for k, kink in enumerate(kinks) if not any(kink.overlaps(other) for other in kinks[:k])]


def _zeros(f: Expr, variable: Symbol, values: Values) -> list[arb]:
    """The zeros of a function that is affine in the variable, in its sine, or in an increasing odd function of that."""
    if not f.has(variable):
        return []
    if inner := [maximum for maximum in f.atoms(Max) if not any(argument.has(Max) for argument in maximum.args)]:
        return [zero for maximum in inner for branch in maximum.args for zero in _zeros(f.subs(maximum, branch), variable, values)]
    odd = f.as_independent(variable, as_Add=False)[1]
    if isinstance(odd, sympy.tanh | sympy.erf | sympy.asinh | sympy.atan):
        return _zeros(odd.args[0], variable, values)
    sine = sympy.Dummy("sine")
    for form, g in ((variable, f), (sine, f.subs(sympy.sin(variable), sine))):
        if g.is_polynomial(form) and g.free_symbols.isdisjoint({variable, sine} - {form}) and (polynomial := Poly(g, form)).degree() == 1:
            slope, offset = (enclose(coefficient, values) for coefficient in polynomial.all_coeffs())
            root = -offset / slope
            return [root] if form is variable else [root.asin()] if abs(root) < 1 else []
    raise NotEnclosed(f"the kinks of {f} are not at the zero of a linear function of {variable}")


def smooth_branch(integrand: Expr, variable: Symbol, values: Values, middle: arb) -> Expr:
    """The integrand with each maximum, modulus and case replaced by the branch taken at `middle`."""
    here = {**values, variable: middle}
    if integrand.has(Relational):
        taken = {
            each: sympify(bool(enclose(each.lhs - each.rhs, here) > 0) == isinstance(each, sympy.Gt | sympy.Ge))
            for each in integrand.atoms(Relational)
        }
        integrand = integrand.subs(taken)
    while corners := [corner for corner in integrand.atoms(Max, Abs) if not any(a.has(Max, Abs) for a in corner.args)]:
        for corner in corners:
            if isinstance(corner, Max):
                branch = reduce(lambda one, other: one if enclose(one - other, here) > 0 else other, corner.args)
            else:
                branch = corner.args[0] if enclose(corner.args[0], here) > 0 else -corner.args[0]
            integrand = integrand.subs(corner, branch)
    return integrand


def gaussian_tail(scale: arb, degree: int, cut: arb) -> arb:
    r"""A bound for $\int_T^\infty |f|\varphi$ with $|f(z)| \le A(1+|z|)^k$, for $T > k/(1+T)$.

    $(1+z)^k \le (1+T)^k e^{s(z-T)}$ with $s = k/(1+T)$, and $\varphi(z) \le \varphi(T)e^{-T(z-T)}$, so the tail is at most
    $A(1+T)^k\varphi(T)/(T-s)$.
    """
    slack = cut - degree / (1 + cut)
    if not slack > 0:
        raise NotEnclosed(f"the tail of a moment of order {degree} is not bounded beyond {cut}")
    density = (-(cut**2) / 2).exp() / (2 * arb.pi()).sqrt()
    return scale * (1 + cut) ** degree * density / slack


def _largest_value(f: Expr, variable: Symbol, values: Values) -> arb:
    """An upper bound on the real line of a quadratic that falls, or of a piecewise linear function that does at both ends."""
    if f.is_polynomial(variable) and Poly(f, variable).degree() == 2:
        leading, linear, constant = (enclose(coefficient, values) for coefficient in Poly(f, variable).all_coeffs())
        if leading < 0:
            return constant - linear**2 / (4 * leading)
    elif kinks := sorted(_kinks(f, variable, values), key=float):
        middles = [kinks[0] - 1, *((one + other) / 2 for one, other in pairwise(kinks)), kinks[-1] + 1]
        lines = [smooth_branch(f, variable, values, middle) for middle in middles]
        if all(line.is_polynomial(variable) and Poly(line, variable).degree() <= 1 for line in lines):
            left, right = (enclose(line.diff(variable), values) for line in (lines[0], lines[-1]))
            if left >= 0 and right <= 0:
                return reduce(arb.max, (enclose(f, {**values, variable: kink}) for kink in kinks))
    raise NotEnclosed(f"no bound for {f} in {variable}")


def growth(f: Expr, variable: Symbol, values: Values) -> tuple[arb, int]:
    """(A, k) with |f(z)| ≤ A(1+|z|)^k for all real z."""
    if variable not in f.free_symbols:
        return abs(enclose(f, values)), 0
    if f == variable:
        return arb(1), 1
    if f.is_Add or isinstance(f, Max | Piecewise):
        parts = [growth(part[0] if isinstance(f, Piecewise) else part, variable, values) for part in f.args]
        return reduce(add, (scale for scale, _ in parts)), max(degree for _, degree in parts)
    if f.is_Mul:
        parts = [growth(part, variable, values) for part in f.args]
        return reduce(mul, (scale for scale, _ in parts)), sum(degree for _, degree in parts)
    if f.is_Pow and f.exp.is_Integer and f.exp > 0:
        scale, degree = growth(f.base, variable, values)
        return scale ** int(f.exp), degree * int(f.exp)
    if isinstance(f, Abs):
        return growth(f.args[0], variable, values)
    if isinstance(f, sympy.erf | sympy.sin | sympy.cos | sympy.tanh | NormalCDF):
        return arb(1), 0
    if f.is_Pow and f.exp.is_Rational and f.exp < 0 and (f.base - 1).is_positive:
        return arb(1), 0
    if f.is_Pow and f.exp.is_Rational and f.exp < 0 and f.base.is_polynomial(variable):
        *powers, lowest = (enclose(coefficient, values) for coefficient in Poly(f.base, variable).all_coeffs())
        if lowest < 0 and f.exp.is_Integer:
            *powers, lowest = (-value for value in (*powers, lowest))
        if lowest > 0 and all(value == 0 or (value >= 0 and k % 2) for k, value in enumerate(reversed(powers))):
            return abs(lowest ** enclose(f.exp)), 0
    if isinstance(f, sympy.log) and (above_one := f.args[0] - 1).is_positive:
        return growth(above_one, variable, values)  # log(1 + u) ≤ u
    if isinstance(f, sympy.exp):
        return _largest_value(f.args[0], variable, values).exp().upper(), 0
    raise NotEnclosed(f"no bound for the growth of {f} in {variable}")
