r"""The node law: what a block does to the units of a wide layer in the full batch, from its array code alone.

A unit's pre-activation is $x = m + \sqrt v\,z$: its centre $m \sim N(0, V)$ varies from unit to unit, the noise $z \sim N(0, 1)$ from sample
to sample. An average over the batch is a function of $m$, an average over the features a number; so the array code of any stage made of
elementwise functions and averages, run on the symbol $x$, gives the unit's output, and from it

$$\text{mean} = E_m E_z h, \qquad \text{overlap} = E_m(E_z h)^2, \qquad \text{power} = E_m E_z h^2.$$

Averages of functions of $x$ alone stay whole, as `Centre`, so that their moments over units are two-point moments; what is left are
one-dimensional integrals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sympy import (
    Add,
    Dummy,
    Expr,
    Function,
    Lambda,
    Max,
    Mul,
    Poly,
    Pow,
    S,
    cancel,
    cos,
    default_sort_key,
    erf,
    exp,
    expand,
    oo,
    sin,
    sqrt,
    tanh,
    together,
)

from theory import symbols as s
from theory.gaussian_functions import Bounded, Mean, NormalCDF, TwoPoint, gaussian_mean, phi
from theory.law import Law, NoClosedForm, Shape
from theory.stages import Stage
from theory.symbolic_arrays import symbolic


class Centre(Function):
    r"""`Centre(Lambda(y, f), m, v)` is $E_z f(m + \sqrt v z)$, unevaluated: the centre of a unit's output f."""

    nargs = 3
    is_real = True


class Average(Function):
    r"""`Average(Lambda(y, f), m)` is $E_z f(m + \sqrt v z)$ where f depends on the unit in other ways too: a nested integral, never evaluated.

    Averages divide averages and cancel, so it need not be.
    """

    nargs = 2
    is_real = True


def node_law(stages: tuple[Stage, ...], law: Law) -> Law:
    """The law behind the stages, from Gaussian pre-activations in the full batch.

    Raises
    ------
    NoClosedForm
        If a stage's array code has no reading in symbols, or a moment is no one-dimensional integral.
    """
    if law.shape is not Shape.GAUSSIAN or law.batch != oo:
        raise NoClosedForm("quadrature over the units needs Gaussian pre-activations in the full batch")
    units = _Units(law.overlap, law.power - law.overlap)
    h: Expr = s.x
    for stage in stages:
        h = _rectified(symbolic(stage, h, units.mean))
    centre, square = units.over_data(h), units.over_data(h**2)
    # Where output is bounded, or its mean square is the same for all units, so are their moments.
    bound = S.One if isinstance(h, sin | cos | tanh | erf) else None if square.has(s.m) else square
    overlap, mean = units.over_units(centre**2, bound), units.over_units(centre, bound if bound == 1 else None)
    try:
        power = units.over_units(square, bound)
    except NoClosedForm:
        if overlap != 0:
            raise
        power = S.NaN  # the overlap is zero, whatever the power
    return Law(mean, overlap, power, Shape.UNKNOWN, law.batch)


@dataclass(frozen=True)
class _Units:
    """Averages over data and units when centres have variance V and data variance v."""

    V: Expr
    v: Expr

    @property
    def m(self) -> Expr:
        return S.Zero if self.V == 0 else s.m

    def mean(self, h: Expr, axis: int) -> Expr:
        """What `xp.mean` is: over the batch, axis −2, or over the features, axis −1, where units and their noise are averaged."""
        centre = self.over_data(h)
        return centre if axis == -2 else self.over_units(centre)

    def over_data(self, h: Expr) -> Expr:
        """E_z h, a function of m."""
        if h.has(s.m) and not h.has(Centre, Average) and (form := _linear_form(h, s.m + sqrt(self.v) * s.z)):
            return self._of_form(*form)
        pure: dict[Expr, Expr] = {}  # functions of x alone, by what multiplies them
        total = S.Zero
        for term in Add.make_args(_spread(h)):
            outside, body = term.as_independent(s.x, as_Add=False)
            constant, factor = outside.as_independent(s.m, as_Add=False)
            if body == 1:
                total += outside
            elif body.has(s.m):
                total += outside * self._mixed(body)
            else:
                pure[factor] = pure.get(factor, S.Zero) + constant * body
        return _tidy(total + Add(*(factor * self._pure(f) for factor, f in pure.items())))

    def _pure(self, f: Expr) -> Expr:
        """E_z of a function of x alone: one `Centre` for each function up to a factor, so that equal averages cancel."""
        if f.is_polynomial(s.x):
            return _polynomial_mean(f, self.m, self.v)
        split = [term.as_independent(s.x, as_Add=False) for term in Add.make_args(f)]
        scale = min(split, key=lambda pair: default_sort_key(pair[1]))[0]
        body = Add(*(constant / scale * part for constant, part in split))
        if self.V == 0:
            return scale * gaussian_mean(body.subs(s.x, sqrt(self.v) * s.z))
        return scale * Centre(Lambda(s.y, body.subs(s.x, s.y)), s.m, self.v)

    def _mixed(self, body: Expr) -> Expr:
        """E_z of a function of x and m."""
        form = _linear_form(body, s.m + sqrt(self.v) * s.z)
        if form is not None:
            return self._of_form(*form)
        try:
            return _closed(body, s.m, self.v)
        except NoClosedForm:
            return Average(Lambda(s.y, body.subs(s.x, s.y)), s.m)

    def _of_form(self, f: Expr, slope: Expr, noise: Expr) -> Expr:
        """E_z f(slope·m + noise·z)."""
        if f.is_polynomial(s.x):
            return _polynomial_mean(f, slope * s.m, noise**2)
        return gaussian_mean(f.subs(s.x, noise * s.z)) if slope == 0 else Centre(Lambda(s.y, f.subs(s.x, s.y)), slope * s.m, noise**2)

    def over_units(self, centre: Expr, bound: Expr | None = None) -> Expr:
        """E_m of a function of m, of modulus at most `bound` if one is known."""
        terms = Add.make_args(_spread(centre))
        total = S.Zero
        for term in terms:
            if not term.has(s.m):
                total += term
                continue
            factor, body = term.as_independent(s.m, as_Add=False)
            total += factor * self._over_units(body, bound / factor if bound is not None and len(terms) == 1 else None)
        return _tidy(total)

    def _over_units(self, body: Expr, bound: Expr | None) -> Expr:
        if body.is_polynomial(s.m) and not body.has(Centre, Average):
            return _polynomial_mean(body.subs(s.m, s.x), S.Zero, self.V)
        base, order = body.as_base_exp()
        if isinstance(base, Centre) and order in (1, 2):
            f, centre, v = base.args
            V = (centre / s.m) ** 2 * self.V
            scaled = f(sqrt(V + v) * s.z)
            return gaussian_mean(scaled) if order == 1 else TwoPoint.of(scaled, V / (V + v))
        if body.has(Average):
            raise NoClosedForm("a unit's mean over the data is an integral of an integral")
        explicit = body.replace(Centre, lambda f, centre, v: _closed(f.expr.subs(s.y, s.x), centre, v)).subs(s.m, sqrt(self.V) * s.w)
        if bound is not None:
            return Bounded(Lambda(s.w, explicit), bound)
        if any(part.exp.is_negative and not part.base.is_polynomial(s.w) for part in explicit.atoms(Pow) if part.has(s.w)):
            raise NoClosedForm("the squared centre of a unit over its variance has no bound on its tails")
        return gaussian_mean(explicit, over=s.w)


def _spread(h: Expr) -> Expr:
    """Products of sums, and whole powers of sums, written out."""
    return _around_averages(h, lambda e: expand(e, power_base=False, power_exp=False, log=False, basic=False))


def _tidy(h: Expr) -> Expr:
    """Cancelled, where averages divide averages."""
    return _around_averages(h, lambda e: cancel(together(e))) if h.has(Centre, Average) else h


def _around_averages(h: Expr, rewrite: Callable[[Expr], Expr]) -> Expr:
    """Rewritten with averages as symbols: what is inside them stays as it is."""
    found = sorted(h.atoms(Mean, TwoPoint, Bounded, Centre, Average), key=default_sort_key)
    averages = {average: Dummy("average", real=True) for average in found}  # named: terms are in the order of their names
    return rewrite(h.xreplace(averages)).xreplace({symbol: average for average, symbol in averages.items()})


def _polynomial_mean(f: Expr, m: Expr, v: Expr) -> Expr:
    """E f(x) for x ~ N(m, v), by M_n = m M_{n−1} + (n−1) v M_{n−2}."""
    moments = [S.One, m]
    coefficients = Poly(f, s.x).all_coeffs()[::-1]
    while len(moments) < len(coefficients):
        moments.append(expand(m * moments[-1] + (len(moments) - 1) * v * moments[-2]))
    return Add(*(a * moment for a, moment in zip(coefficients, moments, strict=False)))


def _linear_form(body: Expr, x: Expr) -> tuple[Expr, Expr, Expr] | None:
    """(f, α, β) with body = f(αm + βz), α and β constant, where body is a function of x and m and x = m + √v z."""
    for form in sorted((e for e in body.atoms(Add) if e.has(s.x) and e.has(s.m)), key=lambda e: e.count_ops()):
        inside = expand(form.subs(s.x, x))
        if form.has(Centre, Average) or not form.is_polynomial(s.x) or not inside.is_polynomial(s.m, s.z):
            continue
        polynomial, line = Poly(inside, s.m, s.z), Poly(form, s.x)
        if polynomial.total_degree() != 1 or line.degree() != 1:
            continue
        constant, slope = polynomial.coeff_monomial(1), line.coeff_monomial(s.x)
        # The body as a function of the form less its constant: x is put in terms of it, and m must go.
        f = body.subs(s.x, (s.x + constant - line.coeff_monomial(1)) / slope).replace(lambda e: e.is_Add, expand)
        if not f.has(s.m, Centre, Average):
            return f, polynomial.coeff_monomial(s.m), polynomial.coeff_monomial(s.z)
    return None


def _closed(f: Expr, m: Expr, v: Expr) -> Expr:
    """E f(x) over x ~ N(m, v) in closed form: polynomials times a power of a rectifier, sines and error functions of affine arguments."""
    total = S.Zero
    for term in Add.make_args(expand(f)):
        factor, kernel = term.as_independent(s.x, as_Add=False)
        total += factor * _closed_kernel(kernel, m, v)
    return total


def _closed_kernel(kernel: Expr, m: Expr, v: Expr) -> Expr:
    if kernel.is_polynomial(s.x):
        return _polynomial_mean(kernel, m, v)
    polynomial, rest = (
        Mul(*(e for e in Mul.make_args(kernel) if e.is_polynomial(s.x))),
        [e for e in Mul.make_args(kernel) if not e.is_polynomial(s.x)],
    )
    if len(rest) == 1:
        base, order = rest[0].as_base_exp()
        if isinstance(base, Max) and base.args[0] == 0 and order.is_Integer and order > 0:
            offset = base.args[1] - s.x
            if not offset.has(s.x):
                return _rectified_moment(polynomial.subs(s.x, s.x - offset), int(order), m + offset, v)
        elif isinstance(base, sin | cos | erf) and polynomial == 1:
            slope, offset = _affine(base.args[0])
            at = slope * m + offset
            if isinstance(base, erf) and order == 1:
                return erf(at / sqrt(1 + 2 * slope**2 * v))
            if isinstance(base, sin | cos) and order == 1:
                return type(base)(at) * exp(-(slope**2) * v / 2)
            if isinstance(base, sin | cos) and order == 2:
                sign = -1 if isinstance(base, sin) else 1
                return (1 + sign * cos(2 * at) * exp(-2 * slope**2 * v)) / 2
    raise NoClosedForm(f"units differ in more than their centres, and the mean over the data of {kernel} has no closed form")


def _rectified_moment(factor: Expr, order: int, m: Expr, v: Expr) -> Expr:
    r"""$E\,p(x)\max(0,x)^n$ for $x \sim N(m, v)$: $I_n = mI_{n-1} + (n-1)vI_{n-2}$, $I_0 = \Phi(m/\sqrt v)$, $I_1 = m\Phi + \sqrt v\varphi$.

    Φ stays whole: far below zero, where moments are divided by each other, written with erf it loses all its digits.
    """
    coefficients = Poly(factor, s.x).all_coeffs()[::-1]
    below = NormalCDF(m / sqrt(v))
    moments = [below, m * below + sqrt(v) * phi(m / sqrt(v))]
    while len(moments) < order + len(coefficients):
        moments.append(m * moments[-1] + (len(moments) - 1) * v * moments[-2])
    return Add(*(a * moments[order + k] for k, a in enumerate(coefficients)))


def _affine(argument: Expr) -> tuple[Expr, Expr]:
    """(slope, offset) of an affine function of x."""
    if not argument.is_polynomial(s.x) or (polynomial := Poly(argument, s.x)).degree() > 1:
        raise NoClosedForm(f"{argument} is not affine")
    return polynomial.coeff_monomial(s.x), polynomial.coeff_monomial(1)


def _rectified(f: Expr) -> Expr:
    """Maxima by max(0, x), and positive factors out of it."""
    return f.replace(Max, _one_rectifier)


def _one_rectifier(*arguments: Expr) -> Expr:
    if len(arguments) != 2:
        return Max(*arguments, evaluate=False)
    low, high = sorted(arguments, key=lambda e: e != 0)
    factor, body = (high - low).as_independent(s.x, as_Add=False)
    if _positive(factor):
        return low + factor * Max(0, body)
    if _positive(-factor):
        return low - factor * (Max(0, body) - body)
    return low + Max(0, high - low)


def _positive(factor: Expr) -> bool:
    """Whether it is a product of positive numbers and square roots."""
    return all(part.is_positive or (part.is_Pow and part.exp.is_Rational and part.exp.q == 2) for part in Mul.make_args(factor))
