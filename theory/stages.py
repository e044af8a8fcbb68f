"""Stages: one step of a layer, defined once and read three times.

A stage is a frozen class with two short methods. `on_law` acts on a `Law`, in symbols: that is the
theory. `on_array` acts on an array `h` of shape (…, B, N), samples of one batch × features, in the
namespace `xp` it is given: `jax.numpy` in a simulation, NumPy in a test, a typesetting namespace in a
report, so that the formula printed is the formula that ran.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from sympy import Expr, S, exp, oo, pi, sinh, sqrt

from theory.gaussian_functions import kappa, studentised_mean_modulus
from theory.law import Law, NoClosedForm, Shape, exact


class Axis(Enum):
    """What a statistic averages over; the value is the array axis."""

    BATCH = -2
    FEATURES = -1

    def __repr__(self) -> str:
        return self.name


class Stage(ABC):
    """One step of a layer."""

    @abstractmethod
    def on_law(self, law: Law) -> Law:
        """The law of the outputs from the law of the inputs, exact, or `NoClosedForm`."""

    @abstractmethod
    def on_array(self, h: Any, xp: Any) -> Any:
        """The outputs, of the shape of `h`: (…, samples of one batch, features)."""

    @property
    def couples_samples(self) -> bool:
        """Whether one sample's output depends on the other samples of its batch."""
        return False


@dataclass(frozen=True)
class Center(Stage):
    """h − mean of h along `axis`."""

    axis: Axis

    @property
    def couples_samples(self) -> bool:
        return self.axis is Axis.BATCH

    def on_law(self, law: Law) -> Law:
        if self.axis is Axis.FEATURES:
            mean_square = law.mean**2
            return replace(law, mean=S.Zero, overlap=law.overlap - mean_square, power=law.power - mean_square)
        if law.batch == oo:
            return replace(law, mean=S.Zero, overlap=S.Zero, power=law.power - law.overlap)
        # Batch mates that already depend on each other have a covariance that the law does not carry: the power is then unknown.
        power = S.NaN if law.coupled else (law.power - law.overlap) * (1 - 1 / law.batch)
        shape = Shape.RESIDUAL if law.shape is Shape.GAUSSIAN else Shape.CENTRED
        return replace(law, mean=S.Zero, overlap=S.Zero, power=power, shape=shape, coupled=True)

    def on_array(self, h: Any, xp: Any) -> Any:
        return h - xp.mean(h, axis=self.axis.value, keepdims=True)


@dataclass(frozen=True)
class Scale(Stage):
    """h / root mean square of h along `axis`."""

    axis: Axis

    @property
    def couples_samples(self) -> bool:
        return self.axis is Axis.BATCH

    def on_law(self, law: Law) -> Law:
        if law.power == 0:
            raise NoClosedForm("scaling divides by the power of the units, which is zero here")
        if self.axis is Axis.FEATURES:
            return replace(law, mean=law.mean / sqrt(law.power), overlap=law.correlation, power=S.One)
        if law.overlap != 0:
            raise NoClosedForm(
                "scaling each unit by its own root mean square over the batch needs units of mean zero: "
                "otherwise the factor varies from unit to unit, and only quadrature over the node law answers"
            )
        if law.batch == oo:
            return replace(law, mean=S.Zero, power=S.One)
        if law.shape is Shape.RESIDUAL:
            return replace(law, power=S.One, shape=Shape.STUDENTISED, coupled=True)
        if law.shape is Shape.CENTRED:
            return replace(law, power=S.One, coupled=True)
        raise NoClosedForm("the law of a unit divided by its root mean square over a finite batch needs the batch to be centred first")

    def on_array(self, h: Any, xp: Any) -> Any:
        return h / xp.sqrt(xp.mean(h**2, axis=self.axis.value, keepdims=True))


@dataclass(frozen=True)
class PiecewiseLinear(Stage):
    r"""h for h > 0 and `negative_slope`·h for h < 0: up to a factor, every positively homogeneous activation.

    ReLU is slope 0, the modulus −1, the identity 1. With $\mathrm{ReLU}(x) - \alpha\,\mathrm{ReLU}(-x)$ its two-point
    moment on a Gaussian pair of power $q$ and correlation $c$ is
    $\frac q2[(1+\alpha^2)\kappa(c) - 2\alpha\kappa(-c)]$.
    """

    negative_slope: float | Expr = 0

    def on_law(self, law: Law) -> Law:
        slope = exact(self.negative_slope)
        half_power = law.power / 2
        out_power = (1 + slope**2) * half_power
        if law.shape is Shape.GAUSSIAN:
            mean = (1 - slope) * sqrt(half_power / pi)
            c = law.correlation
            overlap = half_power * ((1 + slope**2) * kappa(c) - 2 * slope * kappa(-c))
        elif law.shape is Shape.STUDENTISED:
            mean = (1 - slope) * studentised_mean_modulus(law.batch) / 2
            overlap = mean**2
        else:
            raise NoClosedForm(f"a rectifier's moments need the law of its input, which is {law.shape.value}")
        return replace(law, mean=mean, overlap=overlap, power=out_power, shape=Shape.UNKNOWN)

    def on_array(self, h: Any, xp: Any) -> Any:
        rectified = xp.maximum(h, 0)
        return rectified if self.negative_slope == 0 else rectified + float(self.negative_slope) * xp.minimum(h, 0)


@dataclass(frozen=True)
class Sine(Stage):
    r"""sin h, an odd activation: $E\sin X\sin Y = e^{-q}\sinh(qc)$ on a Gaussian pair of power $q$ and correlation $c$."""

    def on_law(self, law: Law) -> Law:
        if law.shape is not Shape.GAUSSIAN:
            raise NoClosedForm(f"the moments of a sine need a Gaussian input, and this one is {law.shape.value}")
        damping = exp(-law.power)
        return replace(law, mean=S.Zero, overlap=damping * sinh(law.overlap), power=damping * sinh(law.power), shape=Shape.UNKNOWN)

    def on_array(self, h: Any, xp: Any) -> Any:
        return xp.sin(h)


ReLU = PiecewiseLinear(0)
