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
from functools import reduce
from typing import Any

from sympy import Expr, S, exp, oo, pi, sinh, sqrt

from theory.gaussian_functions import kappa, student_mean_modulus, studentised_mean_modulus
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

    def refuses_batch(self, batch: int) -> str:
        """What is wrong with batches of this size, in words; empty where nothing is."""
        return ""


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
class LeaveOneOut(Stage):
    r"""(h − mean of the others) / standard deviation of the others, over the batch: eqs (27)-(29) of arXiv 2505.11312.

    With $\bar h$ and $\overline{(h-\bar h)^2}$ over the whole batch, $h_i - \tilde\mu = \frac B{B-1}(h_i-\bar h)$ and
    $D\tilde\sigma^2 = B\,\overline{(h-\bar h)^2} - \frac B{B-1}(h_i-\bar h)^2$ (claim `leave_one_out_estimators`). The divisor is $D = B$ − `lost`; γ does not
    depend on it. The output is Student's t with $B-2$ degrees of freedom, scaled.
    """

    lost: int = 2

    @property
    def couples_samples(self) -> bool:
        return True

    def refuses_batch(self, batch: int) -> str:
        return "" if batch > 4 else "the leave-one-out statistic has no second moment, and γ no value, for B ≤ 4"

    def on_law(self, law: Law) -> Law:
        if law.batch == oo:
            return replace(law, mean=S.Zero, overlap=S.Zero, power=S.One)
        if law.shape is not Shape.GAUSSIAN:
            raise NoClosedForm(f"the law of the leave-one-out statistic needs Gaussian samples, and these are {law.shape.value}")
        power = law.batch * (law.batch - self.lost) / ((law.batch - 1) * (law.batch - 4))
        return replace(law, mean=S.Zero, overlap=S.Zero, power=power, shape=Shape.LEAVE_ONE_OUT, coupled=True)

    def on_array(self, h: Any, xp: Any) -> Any:
        batch = h.shape[-2]
        away = h - xp.mean(h, axis=-2, keepdims=True)
        others = (batch * xp.mean(away**2, axis=-2, keepdims=True) - batch / (batch - 1) * away**2) / (batch - self.lost)
        return batch / (batch - 1) * away / xp.sqrt(xp.maximum(others, 0))  # below zero by rounding only


@dataclass(frozen=True)
class Ghost(Stage):
    """Stages that take their batch statistics over groups of `size` samples: ghost, or virtual, batches (arXiv 1705.08741)."""

    size: int
    stages: tuple[Stage, ...]

    @property
    def couples_samples(self) -> bool:
        return any(stage.couples_samples for stage in self.stages)

    def refuses_batch(self, batch: int) -> str:
        return f"ghost batches of {self.size} do not divide it" if batch % self.size else ""

    def on_law(self, law: Law) -> Law:
        # From here on the batch that matters is the ghost batch; its samples may depend on each other from a layer before.
        start = replace(law, batch=S(self.size), coupled=True)
        return reduce(lambda before, stage: stage.on_law(before), self.stages, start)

    def on_array(self, h: Any, xp: Any) -> Any:
        *lead, batch, width = h.shape
        groups = xp.reshape(h, (*lead, batch // self.size, self.size, width))
        return xp.reshape(reduce(lambda before, stage: stage.on_array(before, xp), self.stages, groups), h.shape)


@dataclass(frozen=True)
class FreshStatistics(Stage):
    """h less a running mean, over the root of a running variance, as they are before the first training step: 0 and 1."""

    def on_law(self, law: Law) -> Law:
        return law

    def on_array(self, h: Any, xp: Any) -> Any:
        return (h - 0) / xp.sqrt(1.0)


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
        elif law.shape is Shape.LEAVE_ONE_OUT:
            degrees = law.batch - 2
            mean = (1 - slope) * student_mean_modulus(degrees, law.power * (degrees - 2)) / 2
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
