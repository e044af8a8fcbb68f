r"""What a norm on the outputs does to gradients, from its definition: the rank of its Jacobian, and whether it takes away what is common to all samples.

The stages' array code runs on *jets*, a ball for the value and one for the derivative in one input, at a fixed point with no symmetry: so the Jacobian is enclosed entry by entry.
Its rank is counted by elimination with pivots that are certainly not zero, until what is left is zero within `WIDTH`. The outliers of the Fisher information are the directions
that all samples have in common, one for every output: where the Jacobian sends each of them to zero, it removes them, and where it sends one elsewhere, $\lambda_{\max} = \Theta(M)$ stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cache
from math import lcm
from typing import Any

import numpy as np
from flint import arb

from proofs_checks.balls import precision
from theory.norms import Norm
from theory.stages import Ghost, Group, Stage

BITS = 192
WIDTH = 1e-30  #: what encloses zero within this is counted as zero


class Growth(Enum):
    """How the largest eigenvalue grows with the width M, for as many samples as units up to a factor."""

    LIKE_THE_WIDTH = "Θ(M)"
    BELOW_ITS_ROOT = "O(√M)"  #: the paper's bound; it is seen not to grow
    NOTHING = "0"


@dataclass(frozen=True)
class Behaviour:
    """Of a norm on C outputs of T samples.

    Parameters
    ----------
    samples, outputs, rank : int
        The rank of its Jacobian at T samples and C outputs, and these.
    growth : Growth
    reason : str
    """

    samples: int
    outputs: int
    rank: int
    growth: Growth
    reason: str


class NotRead(Exception):
    """The array code of a norm cannot be run on jets."""


class Jet:
    """A number and its derivative in one input, as balls; NumPy runs array code on arrays of these."""

    def __init__(self, value: arb, slope: arb) -> None:
        self.value, self.slope = value, slope

    @staticmethod
    def of(other: Any) -> Jet:
        """A constant, unless it is a jet."""
        return other if isinstance(other, Jet) else Jet(arb(float(other)) if not isinstance(other, int | arb) else arb(other), arb(0))

    def __add__(self, other: Any) -> Jet:
        other = Jet.of(other)
        return Jet(self.value + other.value, self.slope + other.slope)

    def __sub__(self, other: Any) -> Jet:
        other = Jet.of(other)
        return Jet(self.value - other.value, self.slope - other.slope)

    def __mul__(self, other: Any) -> Jet:
        other = Jet.of(other)
        return Jet(self.value * other.value, self.value * other.slope + self.slope * other.value)

    def __truediv__(self, other: Any) -> Jet:
        other = Jet.of(other)
        return Jet(self.value / other.value, (self.slope - self.value / other.value * other.slope) / other.value)

    def __rsub__(self, other: Any) -> Jet:
        return Jet.of(other) - self

    def __rtruediv__(self, other: Any) -> Jet:
        return Jet.of(other) / self

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Jet:
        return Jet(-self.value, -self.slope)

    def __abs__(self) -> Jet:
        return -self if self.value < 0 else self

    def __pow__(self, exponent: int) -> Jet:
        return Jet(self.value**exponent, exponent * self.value ** (exponent - 1) * self.slope)

    def __ge__(self, other: Any) -> bool:
        return bool(self.value >= Jet.of(other).value)

    def __gt__(self, other: Any) -> bool:
        return bool(self.value > Jet.of(other).value)

    def __le__(self, other: Any) -> bool:
        return bool(self.value <= Jet.of(other).value)

    def __lt__(self, other: Any) -> bool:
        return bool(self.value < Jet.of(other).value)

    def sqrt(self) -> Jet:
        """Its root."""
        root = self.value.sqrt()
        return Jet(root, self.slope / (2 * root))

    def tanh(self) -> Jet:
        """Its hyperbolic tangent."""
        value = self.value.tanh()
        return Jet(value, (1 - value**2) * self.slope)


def _point(samples: int, outputs: int) -> list[list[arb]]:
    """Numbers with no symmetry: roots of primes, of either sign."""
    primes = [n for n in range(2, 12 * samples * outputs + 30) if all(n % d for d in range(2, int(n**0.5) + 1))]
    return [[arb(primes[i * outputs + k]).sqrt() * (-1) ** ((i * i + k) % 3) for k in range(outputs)] for i in range(samples)]


def _jacobian(stages: tuple[Stage, ...], samples: int, outputs: int) -> list[list[arb]]:
    """Derivatives of all outputs (rows) in all inputs (columns)."""
    point = _point(samples, outputs)
    columns = []
    for i in range(samples):
        for k in range(outputs):
            h = np.array([[Jet(point[a][b], arb(int((a, b) == (i, k)))) for b in range(outputs)] for a in range(samples)], dtype=object)
            try:
                for stage in stages:
                    h = stage.on_array(h, np)
                columns.append([Jet.of(each).slope for each in np.asarray(h, dtype=object).reshape(-1)])
            except Exception as error:  # somebody's own code, on a kind of number it was not written for
                raise NotRead(f"the array code has no derivative in balls ({type(error).__name__}: {error})") from None
    return [list(row) for row in zip(*columns, strict=True)]


def _is_zero(ball: arb) -> bool:
    return bool(ball.contains(0)) and float(ball.rad()) < WIDTH


def _rank(rows: list[list[arb]]) -> int:
    """By elimination: pivots are certainly not zero, and what is left at the end encloses zero."""
    rows, rank = [list(row) for row in rows], 0
    while rows:
        _, i, j = max((abs(float(each.mid())), i, j) for i, row in enumerate(rows) for j, each in enumerate(row))
        pivot = rows[i][j]
        if pivot.contains(0):
            if not all(_is_zero(each) for row in rows for each in row):
                raise NotRead("the rank of its Jacobian is not settled: a pivot encloses zero, and is not known so well")
            return rank
        chosen = rows.pop(i)
        rows = [[each - row[j] / pivot * other for each, other in zip(row, chosen, strict=True)] for row in rows]
        rows = [[arb(0) if k == j else each for k, each in enumerate(row)] for row in rows]
        rank += 1
    return rank


@cache
def behaviour(norm: Norm, samples: int = 4, outputs: int = 4) -> Behaviour:
    """What the norm's definition says, at the smallest sizes that its ghost batches and groups divide.

    Raises
    ------
    NotRead
        If its array code does not run on jets, or the rank is not settled.
    """
    if not norm.stages:
        return Behaviour(samples, outputs, samples * outputs, Growth.LIKE_THE_WIDTH, "without a norm on the outputs nothing is taken away")
    # The smallest number of samples, or of outputs, that a stage's sets divide; few of the other, so that elimination stays short.
    batches, groups = ([stage.size for stage in norm.stages if isinstance(stage, kind)] for kind in (Ghost, Group))
    if batches:
        samples, outputs = lcm(*batches), 2
    if groups:
        samples, outputs = 2, lcm(*groups)
    with precision(BITS):
        jacobian = _jacobian(norm.stages, samples, outputs)
        rank = _rank(jacobian)
        common = [[sum((row[i * outputs + k] for i in range(samples)), arb(0)) for k in range(outputs)] for row in jacobian]
    removed = all(_is_zero(each) for row in common for each in row)
    if rank == 0:
        growth, reason = Growth.NOTHING, "its Jacobian is zero"
    elif removed:
        growth, reason = Growth.BELOW_ITS_ROOT, "its Jacobian sends what is common to all samples to zero"
    else:
        growth, reason = Growth.LIKE_THE_WIDTH, "its Jacobian does not send what is common to all samples to zero"
    return Behaviour(samples, outputs, rank, growth, reason)
