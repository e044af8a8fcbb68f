r"""The law of a unit: what is known of it across weights and data.

At fixed weights a unit of a wide layer has, over the data, a centre $a$ and a spread $s$; both vary
from unit to unit with the weights. Three moments over the weights are carried,

$$\text{mean} = E_W[a], \qquad \text{overlap} = E_W[a^2], \qquad \text{power} = E_W[a^2 + s],$$

so that $E_W[s] = \text{power} - \text{overlap}$. Equivalently, overlap and power are the second moments of
two different samples and of one sample with itself. Where samples come in batches, "two different
samples" means two samples of different batches.

Stages act on a law exactly or refuse: a rule applied outside its domain is a wrong theorem, so it
raises `NoClosedForm` with a sentence that says what is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from sympy import Expr, Float, Rational, S, oo, sympify


def exact(value: object) -> Expr:
    """A number, or a formula with numbers in it, as SymPy means it exactly: the decimal 0.2 is 1/5."""
    formula: Expr = sympify(value)
    return formula.xreplace({number: _decimal(number) for number in formula.atoms(Float)})


def _decimal(number: Float) -> Rational:
    """The shortest decimal that is this double; of a number with more digits than a double has, itself."""
    double = float(number)
    return Rational(repr(double)) if Rational(double) == Rational(number) else Rational(number)


class NoClosedForm(Exception):
    """A stage has no exact rule for the law it was given; the message says what is missing."""


class Shape(Enum):
    """What is known of a unit's distribution over the data, at fixed weights."""

    GAUSSIAN = "Gaussian over the data, with one variance for all units of the layer"
    RESIDUAL = "Gaussian over the data, less the mean of its own batch"
    STUDENTISED = "Gaussian over the data, standardised by its own batch"
    LEAVE_ONE_OUT = "Gaussian over the data, standardised by the other samples of its batch"
    GROUPED = "Gaussian over units and data, standardised by the units of its group"
    CENTRED = "of mean zero in every batch, otherwise unknown"
    UNKNOWN = "unknown beyond its first two moments"


@dataclass(frozen=True)
class Groups:
    """Groups of units that were standardised together: how many, and the correlation of two samples before that."""

    size: int
    correlation: Expr


@dataclass(frozen=True)
class Law:
    """A unit's law: moments over weights, shape over data, and the size of the batches the data comes in.

    Parameters
    ----------
    mean, overlap, power : sympy.Expr
        $E_W[a]$, $E_W[a^2]$ and $E_W[a^2 + s]$ of the unit's centre $a$ and spread $s$.
    shape : Shape
        What is known of the distribution over the data.
    batch : sympy.Expr
        Samples per batch; `oo` is the full-batch limit.
    coupled : bool
        Whether samples of one finite batch depend on each other at fixed weights, because a stage before took batch statistics.
    groups : Groups or None
        Where the shape is GROUPED.
    """

    mean: Expr
    overlap: Expr
    power: Expr
    shape: Shape = Shape.GAUSSIAN
    batch: Expr = oo
    coupled: bool = False
    groups: Groups | None = None

    def __post_init__(self) -> None:
        for moment in ("mean", "overlap", "power"):
            object.__setattr__(self, moment, exact(getattr(self, moment)))  # rules of stages are written with 0.5 as well as with fractions

    @property
    def correlation(self) -> Expr:
        r"""$c$ = overlap / power, the correlation of two samples: zero with the overlap, even where the power is unknown."""
        return S.Zero if self.overlap == 0 else self.overlap / self._known_power

    @property
    def gamma(self) -> Expr:
        r"""$\gamma = c/(1-c)$ = overlap / (power − overlap): the IGB ratio, eq. (82) of arXiv 2505.11312."""
        return S.Zero if self.overlap == 0 else self.overlap / (self._known_power - self.overlap)

    @property
    def _known_power(self) -> Expr:
        if self.power is S.NaN:
            raise NoClosedForm(
                "the power of these units is unknown: samples of one finite batch were centred again, and a law carries no moment of theirs"
            )
        return self.power


def gaussian_data(overlap: object = 0, batch: object = oo, shift: object = 0) -> Law:
    r"""The law of a network's input: samples of unit power, any two of the given overlap, plus a shift δ of every coordinate, in batches of `batch`."""
    size = exact(batch)
    if size.is_number and size < 2:
        raise ValueError(f"a batch of {size} has no spread to divide by: the batch size is at least 2")
    mean = exact(shift)
    return Law(mean=mean, overlap=exact(overlap) + mean**2, power=1 + mean**2, batch=size)
