r"""Activations: elementwise stages, with the moments of a Gaussian behind them.

What a network needs of an activation $f$ is $E f(X)$, $E f(X)^2$ and the two-point moment $E f(X)f(Y)$ of a Gaussian pair. Where these
have a closed form a stage gives it, and a claim of `theory.gaussian` or `theory.smooth_activations` derives it; any other activation is
its array code and nothing else: its moments are left as integrals, for certified quadrature.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sympy import Dummy, Expr, Heaviside, Integral, Piecewise, S, acos, asin, cos, cosh, exp, gamma, pi, sin, sinh, sqrt

from theory import symbols as s
from theory.gaussian_functions import (
    TwoPoint,
    gaussian_mean,
    is_closed,
    kappa,
    over_sample_correlation,
    student_mean_modulus,
    studentised_mean_modulus,
)
from theory.law import Groups, Law, NoClosedForm, Shape, exact
from theory.stages import Stage
from theory.symbolic_arrays import symbolic


class Elementwise(Stage):
    """A function of each number alone; a subclass gives `on_array`, and `gaussian` where it has closed forms."""

    def of(self, x: Expr) -> Expr:
        """The function in symbols: its array code, run on a symbol."""
        function: Expr = symbolic(self, s.x).subs(s.x, x)
        return function

    def gaussian(self, q: Expr, p: Expr) -> tuple[Expr, Expr]:
        r"""$E f(X)$ and $E f(X)f(Y)$ of a centred Gaussian pair of variance q and covariance p."""
        f = self.of(sqrt(q) * s.z)
        mean = gaussian_mean(f)
        return mean, mean**2 if p == 0 else TwoPoint.of(f, p / q)

    def square(self, q: Expr) -> Expr:
        r"""$E f(X)^2$ at variance q."""
        return gaussian_mean(self.of(sqrt(q) * s.z) ** 2)

    def _slope(self, x: Expr) -> Expr:
        slope: Expr = self.of(s.x).diff(s.x).replace(Heaviside, lambda at, *_: Piecewise((1, at > 0), (0, True)))
        return slope.subs(s.x, x)

    def slope_square(self, q: Expr) -> Expr:
        r"""$E f'(X)^2$ at variance q."""
        return gaussian_mean(self._slope(sqrt(q) * s.z) ** 2)

    def slope_product(self, q: Expr, p: Expr) -> Expr:
        r"""$E f'(X)f'(Y)$ of a centred Gaussian pair of variance q and covariance p: by Price's theorem the slope in p of $E f(X)f(Y)$, where that is closed."""
        covariance = Dummy("p", real=True)
        moment = self.gaussian(q, covariance)[1]
        if is_closed(moment):
            return moment.diff(covariance).subs(covariance, p)
        slope = self._slope(sqrt(q) * s.z)
        return gaussian_mean(slope) ** 2 if p == 0 else TwoPoint.of(slope, p / q)

    def studentised(self, batch: Expr) -> tuple[Expr, Expr]:
        r"""$E f(y)$ and $E f(y)^2$ of a Gaussian sample standardised by its batch of B: $y = \sqrt{B-1}\sin\vartheta$, with density $\propto\cos^{B-3}\vartheta$."""
        if batch == 2:
            return (self.of(S(1)) + self.of(S(-1))) / 2, (self.of(S(1)) ** 2 + self.of(S(-1)) ** 2) / 2
        density = gamma((batch - 1) / 2) / (sqrt(pi) * gamma(batch / 2 - 1)) * cos(s.angle) ** (batch - 3)
        f = self.of(sqrt(batch - 1) * sin(s.angle))
        mean, power = (Integral(moment * density, (s.angle, -pi / 2, pi / 2)) for moment in (f, f**2))
        return S.Zero if f.subs(s.angle, -s.angle) + f == 0 else mean, power

    def grouped(self, groups: Groups) -> Expr:
        """$E f(y)f(y')$ of two correlated samples of one unit, each standardised by its group of units."""
        raise NoClosedForm("of correlated samples standardised in groups of units the two-point moment is known for rectifiers only")

    def on_law(self, law: Law) -> Law:
        match law.shape:
            case Shape.GAUSSIAN | Shape.RESIDUAL:  # a residual is Gaussian too, and centred: its overlap is zero
                mean, overlap = self.gaussian(law.power, law.overlap)
                power = self.square(law.power)
            case Shape.STUDENTISED:
                mean, power = self.studentised(law.batch)
                overlap = mean**2
            case Shape.GROUPED:
                assert law.groups is not None
                mean, power = self.studentised(S(law.groups.size))
                overlap = mean**2 if law.groups.correlation == 0 else self.grouped(law.groups)
            case _:
                raise NoClosedForm(f"the moments of an activation need the law of its input, which is {law.shape.value}")
        return replace(law, mean=mean, overlap=overlap, power=power, shape=Shape.UNKNOWN)

    def on_gradient(self, law: Law) -> Expr:
        if law.shape is not Shape.GAUSSIAN:
            raise NoClosedForm(f"the mean square slope of an activation needs Gaussian inputs, and these are {law.shape.value}")
        return self.slope_square(law.power)


@dataclass(frozen=True)
class PiecewiseLinear(Elementwise):
    r"""h for h > 0 and `negative_slope`·h for h < 0: up to a factor, every positively homogeneous activation.

    ReLU is slope 0, the modulus −1, the identity 1. With $\mathrm{ReLU}(x) - \alpha\,\mathrm{ReLU}(-x)$ its two-point
    moment on a Gaussian pair of power $q$ and correlation $c$ is
    $\frac q2[(1+\alpha^2)\kappa(c) - 2\alpha\kappa(-c)]$.
    """

    negative_slope: float | Expr = 0

    def gaussian(self, q: Expr, p: Expr) -> tuple[Expr, Expr]:
        slope, c = exact(self.negative_slope), p / q
        opposite = kappa(-c) if slope != 0 else S.Zero  # SymPy takes long over the signs in it
        return (1 - slope) * sqrt(q / (2 * pi)), q / 2 * ((1 + slope**2) * kappa(c) - 2 * slope * opposite)

    def square(self, q: Expr) -> Expr:
        return (1 + exact(self.negative_slope) ** 2) * q / 2

    def slope_square(self, q: Expr) -> Expr:
        return self.square(S.One)

    def slope_product(self, q: Expr, p: Expr) -> Expr:
        slope, same_sign = exact(self.negative_slope), 1 - acos(p / q) / pi
        return ((1 + slope**2) * same_sign + 2 * slope * (1 - same_sign)) / 2

    def studentised(self, batch: Expr) -> tuple[Expr, Expr]:
        return (1 - exact(self.negative_slope)) * studentised_mean_modulus(batch) / 2, self.square(S.One)

    def grouped(self, groups: Groups) -> Expr:
        slope, up, down = exact(self.negative_slope), pi / 2 + s.angle, pi / 2 - s.angle
        kappas = (cos(s.angle) + sin(s.angle) * up) / pi, (cos(s.angle) - sin(s.angle) * down) / pi  # of ± the sample correlation sin ϑ
        return over_sample_correlation(((1 + slope**2) * kappas[0] - 2 * slope * kappas[1]) / 2, groups.correlation, groups.size)

    def on_law(self, law: Law) -> Law:
        if law.shape is not Shape.LEAVE_ONE_OUT:
            return super().on_law(law)
        degrees = law.batch - 2
        mean = (1 - exact(self.negative_slope)) * student_mean_modulus(degrees, law.power * (degrees - 2)) / 2
        return replace(law, mean=mean, overlap=mean**2, power=self.square(law.power), shape=Shape.UNKNOWN)

    def on_array(self, h: Any, xp: Any) -> Any:
        rectified = xp.maximum(h, 0)
        return rectified if self.negative_slope == 0 else rectified + float(self.negative_slope) * xp.minimum(h, 0)


@dataclass(frozen=True)
class Sine(Elementwise):
    r"""sin h, an odd activation: $E\sin X\sin Y = e^{-q}\sinh p$ on a Gaussian pair of variance q and covariance p."""

    def gaussian(self, q: Expr, p: Expr) -> tuple[Expr, Expr]:
        return S.Zero, exp(-q) * sinh(p)

    def square(self, q: Expr) -> Expr:
        return exp(-q) * sinh(q)

    def slope_square(self, q: Expr) -> Expr:
        return exp(-q) * cosh(q)

    def on_array(self, h: Any, xp: Any) -> Any:
        return xp.sin(h)


@dataclass(frozen=True)
class Erf(Elementwise):
    r"""erf h, odd: $E\,\mathrm{erf}X\,\mathrm{erf}Y = \frac2\pi\arcsin\frac{2p}{1+2q}$ (Williams 1997)."""

    def gaussian(self, q: Expr, p: Expr) -> tuple[Expr, Expr]:
        return S.Zero, 2 / pi * asin(2 * p / (1 + 2 * q))

    def square(self, q: Expr) -> Expr:
        return 2 / pi * asin(2 * q / (1 + 2 * q))

    def slope_square(self, q: Expr) -> Expr:
        return 4 / (pi * sqrt(1 + 4 * q))

    def on_array(self, h: Any, xp: Any) -> Any:
        return xp.erf(h)


@dataclass(frozen=True)
class GELU(Elementwise):
    r"""$h\,\Phi(h)$ (arXiv 1606.08415): $E\,X\Phi(X)Y\Phi(Y) = \frac p4 + \frac{p}{2\pi}\arcsin\frac p{1+q} + \frac{q^2+p^2\frac{1-q}{1+q}}{2\pi\sqrt{(1+q)^2-p^2}}$."""

    def gaussian(self, q: Expr, p: Expr) -> tuple[Expr, Expr]:
        mean = q / sqrt(2 * pi * (1 + q))
        tilted = (q**2 + p**2 * (1 - q) / (1 + q)) / (2 * pi * sqrt((1 + q) ** 2 - p**2))
        return mean, mean**2 if p == 0 else p / 4 + p * asin(p / (1 + q)) / (2 * pi) + tilted

    def square(self, q: Expr) -> Expr:
        return q / 4 + q * asin(q / (1 + q)) / (2 * pi) + q**2 / (pi * (1 + q) * sqrt(1 + 2 * q))

    def on_array(self, h: Any, xp: Any) -> Any:
        return h * (1 + xp.erf(h / xp.sqrt(2))) / 2


@dataclass(frozen=True)
class Tanh(Elementwise):
    """tanh(slope·h), odd; as a normalisation layer of its own, dynamic tanh (arXiv 2503.10622)."""

    slope: float = 1

    def on_array(self, h: Any, xp: Any) -> Any:
        return xp.tanh(h if self.slope == 1 else self.slope * h)


@dataclass(frozen=True)
class SiLU(Elementwise):
    r"""h/(1+e^{−h}) = h(1 + tanh(h/2))/2, which cannot overflow (arXiv 1606.08415, 1710.05941)."""

    def on_array(self, h: Any, xp: Any) -> Any:
        return h * (1 + xp.tanh(h / 2)) / 2


@dataclass(frozen=True)
class Custom(Elementwise):
    """An activation from a function of (h, xp) of your own; its moments are integrals."""

    function: Callable[[Any, Any], Any]

    def __repr__(self) -> str:
        return f"Custom({self.function.__qualname__})"

    @property
    def defined_in(self) -> str:
        return inspect.getfile(self.function)

    def on_array(self, h: Any, xp: Any) -> Any:
        return self.function(h, xp)


ReLU = PiecewiseLinear(0)


@dataclass(frozen=True)
class Activation:
    """A named elementwise stage, or a function f(h, xp) in the names of NumPy that becomes one."""

    name: str
    stage: Stage

    def __init__(self, name: str, stage: Stage | Callable[[Any, Any], Any]) -> None:
        if not name.isidentifier():
            raise ValueError(f"an activation's name is one identifier, not {name!r}")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "stage", stage if isinstance(stage, Stage) else Custom(stage))


def leaky_relu(slope: float) -> Activation:
    """The identity above zero, `slope`·h below."""
    return Activation("leaky_relu", PiecewiseLinear(slope))


ACTIVATIONS: dict[str, Activation] = {
    activation.name: activation
    for activation in (
        Activation("relu", ReLU),
        leaky_relu(0.01),
        Activation("abs", PiecewiseLinear(-1)),
        Activation("identity", PiecewiseLinear(1)),
        Activation("sine", Sine()),
        Activation("erf", Erf()),
        Activation("gelu", GELU()),
        Activation("silu", SiLU()),
        Activation("tanh", Tanh()),
    )
}
