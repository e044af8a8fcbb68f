"""Stages: one step of a layer, defined once and read by all: closed forms, quadrature, simulation and report.

A stage is a frozen class with two short methods. `on_law` acts on a `Law`, in symbols: that is the
theory. `on_array` acts on an array `h` of shape (…, B, N), samples of one batch × features, in the
namespace `xp` it is given, NumPy's names and erf: JAX's in a simulation, SymPy's in quadrature, a typesetting
namespace in a report, so that the formula printed is the formula that ran. A stage without `on_law` has no closed
form: `theory.node` reads its array code in the full batch.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from enum import Enum
from functools import reduce
from typing import Any

from sympy import Expr, S, oo, sqrt

from theory.gaussian_functions import sample_correlation_mean
from theory.law import Groups, Law, NoClosedForm, Shape, exact


class Axis(Enum):
    """What a statistic averages over; the value is the array axis."""

    BATCH = -2
    FEATURES = -1

    def __repr__(self) -> str:
        return self.name


class Stage(ABC):
    """One step of a layer."""

    def on_law(self, law: Law) -> Law:
        """The law of the outputs from the law of the inputs, exact, or `NoClosedForm`."""
        raise NoClosedForm(f"the stage {type(self).__name__} gives no rule for laws of its own")

    def on_gradient(self, law: Law) -> Expr:
        r"""What it multiplies the expected squared gradient by on the way back, at inputs of this law, or `NoClosedForm`.

        In wide layers, for gradients that are independent from unit to unit and, in the full batch, uncorrelated between samples: the
        derivatives of averages take a vanishing share of these.
        """
        raise NoClosedForm(f"the stage {type(self).__name__} gives no rule for gradients")

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

    @property
    def defined_in(self) -> str:
        """The file with its definition."""
        return inspect.getfile(type(self))

    def refuses_width(self, width: int) -> str:
        """What is wrong with layers of this width, in words; empty where nothing is."""
        return ""


@dataclass(frozen=True)
class Averaging(Stage):
    """A stage that takes averages along `axis`."""

    axis: Axis

    @property
    def couples_samples(self) -> bool:
        return self.axis is Axis.BATCH


@dataclass(frozen=True)
class Center(Averaging):
    """h − mean of h along `axis`."""

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

    def on_gradient(self, law: Law) -> Expr:
        _whole(self.axis, law)
        return S.One

    def on_array(self, h: Any, xp: Any) -> Any:
        return h - xp.mean(h, axis=self.axis.value, keepdims=True)


@dataclass(frozen=True)
class Scale(Averaging):
    """h / √(mean square of h along `axis` + ε)."""

    epsilon: float = 0

    def on_law(self, law: Law) -> Law:
        divisor = law.power + exact(self.epsilon)
        if divisor == 0:
            raise NoClosedForm("scaling divides by the power of the units, which is zero here")
        if self.axis is Axis.FEATURES:
            return (
                _divided(law, divisor)
                if self.epsilon
                else replace(law, mean=law.mean / sqrt(divisor), overlap=law.correlation, power=S.One)
            )
        if law.overlap != 0:
            raise NoClosedForm(
                "scaling each unit by its own root mean square over the batch needs units of mean zero: "
                "otherwise the factor varies from unit to unit"
            )
        if law.batch == oo:
            return _divided(law, divisor)
        if self.epsilon != 0:
            raise NoClosedForm("with ε > 0 the factor of a finite batch depends on its own spread")
        if law.shape is Shape.RESIDUAL:
            return replace(law, power=S.One, shape=Shape.STUDENTISED, coupled=True)
        if law.shape is Shape.CENTRED:
            return replace(law, power=S.One, coupled=True)
        raise NoClosedForm("the law of a unit divided by its root mean square over a finite batch needs the batch to be centred first")

    def on_gradient(self, law: Law) -> Expr:
        _whole(self.axis, law)
        if self.axis is Axis.BATCH and law.overlap != 0:
            raise NoClosedForm("units whose means differ are divided by different numbers, and so are their gradients")
        return 1 / (law.power + exact(self.epsilon))

    def on_array(self, h: Any, xp: Any) -> Any:
        return h / xp.sqrt(_guarded(xp.mean(h**2, axis=self.axis.value, keepdims=True), self.epsilon))


@dataclass(frozen=True)
class Dividing(Averaging):
    """A stage that divides by one number for all units, whose square the law of its inputs gives."""

    @abstractmethod
    def square(self, law: Law) -> Expr:
        """The square of the divisor, or `NoClosedForm`."""

    def on_law(self, law: Law) -> Law:
        return _divided(law, self.square(law))

    def on_gradient(self, law: Law) -> Expr:
        _whole(self.axis, law)
        return 1 / self.square(law)


@dataclass(frozen=True)
class ScaleByDeviation(Dividing):
    """h / √(variance of h along `axis` + ε), h not centred."""

    epsilon: float = 0

    def square(self, law: Law) -> Expr:
        if self.axis is Axis.FEATURES:
            return law.power - law.mean**2 + exact(self.epsilon)
        if law.batch == oo and law.shape is Shape.GAUSSIAN:
            return law.power - law.overlap + exact(self.epsilon)
        raise NoClosedForm("units differ in their variance over the batch, or the batch is finite and its law unknown")

    def on_array(self, h: Any, xp: Any) -> Any:
        away = h - xp.mean(h, axis=self.axis.value, keepdims=True)
        return h / xp.sqrt(_guarded(xp.mean(away**2, axis=self.axis.value, keepdims=True), self.epsilon))


@dataclass(frozen=True)
class ScaleByModulus(Dividing):
    r"""h over $\sqrt{\pi/2}$ times the mean modulus of h along `axis`: for centred Gaussian units that is their standard deviation."""

    def square(self, law: Law) -> Expr:
        everyone_alike = self.axis is Axis.FEATURES or (law.overlap == 0 and law.batch == oo)
        if everyone_alike and law.shape is Shape.GAUSSIAN and law.power != 0:
            return law.power
        raise NoClosedForm("the mean modulus over the batch is known of Gaussian units that are alike")

    def on_array(self, h: Any, xp: Any) -> Any:
        return h / (xp.sqrt(xp.pi / 2) * xp.mean(xp.abs(h), axis=self.axis.value, keepdims=True))


@dataclass(frozen=True)
class Switch(Stage):
    """Centred and scaled by the averages of batch and layer mean, and of batch and layer variance: switchable norm before training (arXiv 1806.10779)."""

    @property
    def couples_samples(self) -> bool:
        return True

    def on_array(self, h: Any, xp: Any) -> Any:
        means = [xp.mean(h, axis=axis.value, keepdims=True) for axis in Axis]
        variances = [xp.mean((h - mean) ** 2, axis=axis.value, keepdims=True) for axis, mean in zip(Axis, means, strict=True)]
        return (h - (means[0] + means[1]) / 2) / xp.sqrt((variances[0] + variances[1]) / 2)


@dataclass(frozen=True)
class Group(Stage):
    r"""h standardised over groups of `size` units of its layer: group norm (arXiv 1803.08494), by the size of a group.

    On Gaussian pre-activations of overlap zero this is batch norm with units in the place of samples: a standardised unit is Thompson's
    τ of $g$ = `size`, independent from sample to sample. Two samples of correlation c have, in one group, a sample correlation $r$ of $g$
    pairs: the outputs' overlap is $E\,r$, and a rectifier's $\frac12E\kappa(r)$ (claim `group_norm_before_relu`).
    """

    size: int
    stages: tuple[Stage, ...] = (Center(Axis.FEATURES), Scale(Axis.FEATURES))

    def refuses_width(self, width: int) -> str:
        return f"groups of {self.size} units do not divide it" if width % self.size else ""

    def on_law(self, law: Law) -> Law:
        if law.shape is Shape.GAUSSIAN:
            return replace(
                law,
                mean=S.Zero,
                overlap=sample_correlation_mean(law.correlation, self.size),
                power=S.One,
                shape=Shape.GROUPED,
                groups=Groups(self.size, law.correlation),
            )
        if law.overlap == law.mean**2 and law.batch == oo:  # units are alike: samples are independent
            groups = Groups(self.size, law.correlation)
            return replace(law, mean=S.Zero, overlap=S.Zero, power=S.One, shape=Shape.UNKNOWN, groups=groups)
        raise NoClosedForm(f"groups of {self.size} units of correlated samples have a law before the activation only")

    def on_array(self, h: Any, xp: Any) -> Any:
        *lead, batch, width = h.shape
        groups = xp.reshape(h, (*lead, batch, width // self.size, self.size))
        return xp.reshape(reduce(lambda before, stage: stage.on_array(before, xp), self.stages, groups), h.shape)


@dataclass(frozen=True)
class Pool(Stage):
    """One number for each window of `window` units of a layer, which has as many times fewer units behind it."""

    window: int

    def refuses_width(self, width: int) -> str:
        return f"windows of {self.window} units do not divide it" if width % self.window else ""

    @abstractmethod
    def within(self, h: Any, xp: Any) -> Any:
        """What becomes of one window: the last axis goes."""

    def on_array(self, h: Any, xp: Any) -> Any:
        *lead, width = h.shape
        return self.within(xp.reshape(h, (*lead, width // self.window, self.window)), xp)


@dataclass(frozen=True)
class AveragePool(Pool):
    r"""The mean over windows of k units.

    Units are independent, so that of two samples $E\,\bar h\bar h' = \frac1k\,\mathrm{overlap} + \frac{k-1}k\,\mathrm{mean}^2$, and the power likewise (claim
    `average_pooling`).
    """

    def on_law(self, law: Law) -> Law:
        if law.groups is not None:
            raise NoClosedForm("units of one group depend on each other, and so do the units of a window")
        shared = law.mean**2 * (self.window - 1) / self.window
        stays = law.shape in (Shape.GAUSSIAN, Shape.RESIDUAL, Shape.CENTRED)
        return replace(
            law,
            overlap=law.overlap / self.window + shared,
            power=law.power / self.window + shared,
            shape=law.shape if stays else Shape.UNKNOWN,
        )

    def within(self, h: Any, xp: Any) -> Any:
        return xp.mean(h, axis=-1)


@dataclass(frozen=True)
class MaxPool(Pool):
    """The largest of each window of units: its moments need more of a unit's law than its own moments (claim `max_pooling`)."""

    def on_law(self, law: Law) -> Law:
        raise NoClosedForm("the largest of several units has a law that their first two moments do not determine")

    def within(self, h: Any, xp: Any) -> Any:
        return xp.max(h, axis=-1)


def _divided(law: Law, square: Expr) -> Law:
    """The law over the root of a constant."""
    return replace(law, mean=law.mean / sqrt(square), overlap=law.overlap / square, power=law.power / square)


def _whole(axis: Axis, law: Law) -> None:
    """Refuse a finite batch: the derivatives of its averages take a share of the gradient."""
    if axis is Axis.BATCH and law.batch != oo:
        raise NoClosedForm("what the averages of a finite batch take from a gradient depends on the activation behind them")


def _guarded(square: Any, epsilon: float) -> Any:
    return square if epsilon == 0 else square + epsilon


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

    def on_gradient(self, law: Law) -> Expr:
        return S.One

    def on_array(self, h: Any, xp: Any) -> Any:
        return (h - 0) / xp.sqrt(1.0)
