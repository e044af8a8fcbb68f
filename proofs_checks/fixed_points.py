r"""Where depth leads: the fixed points of an overlap map on [0, 1], all of them, with proof.

The unit interval is halved until on every part $f(c) - c$ is proved to have one sign, or to be monotone with different signs at its
ends: exactly one fixed point. What remains next to 0 or 1 is that end itself, if $f$ fixes it; other remains are stated as undecided.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby

from flint import arb
from sympy import Expr, simplify

from proofs_checks.balls import NotEnclosed, Values, enclose, precision
from proofs_checks.prediction import layer_correlation
from theory import symbols as s
from theory.gaussian_functions import is_closed
from theory.law import NoClosedForm
from theory.network import Stack

BITS = 96
RESOLVED = 2.0**-50  #: width of the interval that a fixed point is given in
FINEST = 2.0**-24  #: width of the smallest parts
NEAR = 2.0**-20  #: an end stands for what remains next to it, if that is no wider
MOST = 4000  #: parts looked at before the search is given up


@dataclass(frozen=True)
class FixedPoint:
    """An overlap that a layer keeps.

    Parameters
    ----------
    overlap, radius : float
        Where it is, and how far from there it, or another one, can be; 0 and 1 are meant exactly.
    attracts : bool or None
        Whether overlaps beside it come closer; None where the sides differ, or there is none with a sign.
    certain : bool
        Whether there is one, proved; otherwise the map comes too close to c there to tell.
    """

    overlap: float
    radius: float
    attracts: bool | None
    certain: bool


class NoFixedPoints(Exception):
    """Fixed points are not stated; the message says why."""


@cache
def fixed_points(network: Stack) -> tuple[FixedPoint, ...]:
    """All fixed points of the network's overlap map on [0, 1], in order.

    Raises
    ------
    NoFixedPoints
        If the map is not one of the overlap alone, has no closed form, or keeps every overlap.
    """
    try:
        correlation, fixed = layer_correlation(network)
    except NoClosedForm as error:
        raise NoFixedPoints(str(error)) from None
    if correlation.has(s.q):
        raise NoFixedPoints("the map of the overlap depends on the power, which depth changes too")
    if not is_closed(correlation):
        raise NoFixedPoints("the map is known by quadrature, which is too slow to look everywhere; a large --depth shows where it leads")
    with precision(BITS):
        try:
            found = tuple(_search(correlation, fixed))
        except NotEnclosed as error:
            raise NoFixedPoints(str(error)) from None
    if any(point.radius >= 1 / 2 for point in found):
        raise NoFixedPoints("no overlap is seen to change")
    return found


def in_words(network: Stack) -> str:
    """The fixed points in one line, or why there are none to state."""
    try:
        points = fixed_points(network)
    except NoFixedPoints as error:
        return f"none stated: {error}"
    return ", ".join(_in_words(point) for point in points)


def _in_words(point: FixedPoint) -> str:
    if not point.certain:
        return f"{point.overlap:.7g} ± {point.radius:.1g} (undecided)"
    effect = {True: " (attracts)", False: " (repels)", None: ""}[point.attracts]
    return f"{point.overlap:.12g}{effect}"


@dataclass(frozen=True)
class _Distance:
    """f(c) − c of an overlap map f."""

    f: Expr
    slope: Expr
    fixed: Values

    def sign(self, low: float, high: float) -> int:
        """Its sign on an interval, 0 if it is not one sign or not decided."""
        c = arb((low + high) / 2, (high - low) / 2)
        value = enclose(self.f, {**self.fixed, s.c: c}) - c
        if high > low:
            middle = c.mid()
            tighter = enclose(self.f, {**self.fixed, s.c: middle}) - middle + self._steepness(c) * (c - middle)
            value = tighter if tighter.is_finite() else value
        return 0 if not value.is_finite() or value.contains(0) else 1 if value > 0 else -1

    def crosses_once(self, low: float, high: float) -> bool:
        """Whether it is monotone on an interval and has different signs at its ends."""
        if self.sign(low, low) * self.sign(high, high) >= 0:
            return False
        steepness = self._steepness(arb((low + high) / 2, (high - low) / 2))
        return bool(steepness.is_finite() and not steepness.contains(0))

    def zero(self, low: float, high: float) -> tuple[float, float]:
        """Where it crosses, to double precision."""
        left = self.sign(low, low)
        while high - low > RESOLVED:
            middle = (low + high) / 2
            here = self.sign(middle, middle)
            if here == 0:  # it crosses here, or so near that more bits would be needed
                near = max(low, middle - RESOLVED), min(high, middle + RESOLVED)
                return near if self.crosses_once(*near) else (low, high)
            low, high = (middle, high) if here == left else (low, middle)
        return low, high

    def fixes(self, end: int) -> bool:
        """Whether f keeps 0, or 1, exactly."""
        return bool(simplify(self.f.subs(s.c, end) - end) == 0)

    def _steepness(self, c: arb) -> arb:
        return arb(enclose(self.slope, {**self.fixed, s.c: c})) - 1


def _search(f: Expr, fixed: Values) -> list[FixedPoint]:
    distance = _Distance(f, f.diff(s.c), fixed)
    parts: list[tuple[float, float, int]] = []
    waiting, looked = [(0.0, 1.0)], 0
    while waiting:
        low, high = waiting.pop()
        looked += 1
        sign = distance.sign(low, high)
        if sign or high - low <= FINEST or looked > MOST or distance.crosses_once(low, high):
            parts.append((low, high, sign))
        else:
            waiting += [((low + high) / 2, high), (low, (low + high) / 2)]
    return [_point(distance, *run) for run in _runs(parts)]


def _runs(parts: list[tuple[float, float, int]]) -> Iterator[tuple[float, float, int, int]]:
    """Neighbouring parts without a sign as one: from, to, and the signs before and behind (0 at the ends of the unit interval)."""
    before = 0
    for sign, group in groupby(parts, key=lambda part: part[2]):
        each = list(group)
        if sign:
            before = sign
            continue
        behind = next((other for low, _, other in parts if low == each[-1][1]), 0)
        yield each[0][0], each[-1][1], before, behind


def _point(distance: _Distance, low: float, high: float, before: int, behind: int) -> FixedPoint:
    once = distance.crosses_once(low, high)
    if once:
        before, behind = distance.sign(low, low), distance.sign(high, high)
    towards = {side for side in (before, -behind) if side}
    attracts = towards == {1} if len(towards) == 1 else None
    for end, there in ((0, low), (1, high)):
        if there == end and high - low <= NEAR and distance.fixes(end):
            return FixedPoint(float(end), high - low, attracts, True)
    if once:
        low, high = distance.zero(low, high)
    return FixedPoint((low + high) / 2, (high - low) / 2, attracts, once)
