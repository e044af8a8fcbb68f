"""The enclosed witness: stated values against defining integrals, in ball arithmetic.

Agreement needs small balls: overlap counts only when both radii are below `WIDTH`, at several points of the domain, two of them next to
its ends, and at one of them at least relative to the stated value, unless that is 0. An inequality in one variable is also proved on a closed
range, by subdivision; of one in more variables points prove nothing, and unless it is derived as well it is undecided.
"""

from __future__ import annotations

from dataclasses import dataclass

from flint import arb
from sympy import Expr, Symbol

from proofs_checks.balls import NotEnclosed, enclose, exact, forget, precision
from proofs_checks.evidence import Verdict
from theory.claim import Claim, Relation, Statement, Witness, sample_points

WIDTH = 1e-12  #: both radii are below this, or the comparison is undecided
PRECISIONS = (64, 128, 256, 512)  #: bits tried in turn until the balls are small
SUBDIVISIONS = 50_000  #: balls tried before an inequality on an interval is left undecided


@dataclass(frozen=True)
class Enclosure:
    """A verdict, the widest radius met, and a sentence."""

    verdict: Verdict
    radius: float
    sentence: str


def compare(claim: Claim, statement: Statement) -> Enclosure:
    """Confront the two sides of a statement at the points of its domain."""
    forget()
    free = statement.derived.free_symbols | statement.stated.free_symbols
    domain = tuple(interval for interval in claim.domain if interval.symbol in free)
    widest, telling, relative = 0.0, False, statement.stated != 0
    points = list(sample_points(domain))
    for point in points:
        at = ", ".join(f"{symbol} = {value}" for symbol, value in point.items()) or "its only point"
        try:
            derived, stated = (_narrow(side, point, relative) for side in (statement.derived, statement.stated))
        except NotEnclosed as reason:
            return Enclosure(Verdict.UNDECIDED, widest, str(reason))
        radius = max(float(derived.rad()), float(stated.rad()))
        if not radius < WIDTH:
            return Enclosure(Verdict.UNDECIDED, radius, f"a ball at {at} has radius {radius:.1e}, not below {WIDTH:.0e}")
        widest = max(widest, radius)
        telling = telling or radius < WIDTH * float(abs(stated).mid())
        agree = derived.overlaps(stated) if statement.relation is Relation.EQUAL else derived > stated
        if not agree:
            sign = "≠" if statement.relation is Relation.EQUAL else "≯"
            sentence = f"at {at}: {derived.str(12, radius=False)} {sign} {stated.str(12, radius=False)}"
            return Enclosure(Verdict.FAILS, widest, sentence)
    if statement.relation is Relation.EQUAL and relative and not telling:
        return Enclosure(
            Verdict.UNDECIDED, widest, f"at no point are the balls narrower than {WIDTH:.0e} of what is stated, which is not 0"
        )
    sentence = f"balls of radius below {WIDTH:.0e} agree at {len(points)} point{'s' * (len(points) > 1)}"
    if statement.relation is Relation.GREATER and len(domain) > 1 and Witness.EXACT not in statement.witnesses:
        symbols = ", ".join(str(interval.symbol) for interval in domain)
        return Enclosure(Verdict.UNDECIDED, widest, f"{sentence}, which proves no inequality in {symbols}: it needs a derivation")
    if statement.relation is Relation.GREATER and len(domain) == 1:
        ends = domain[0].core
        tried = _positive_between(statement.derived - statement.stated, domain[0].symbol, *ends)
        if tried is None:
            return Enclosure(Verdict.UNDECIDED, widest, f"no proof of the inequality within {SUBDIVISIONS} subdivisions")
        sentence += f", and the inequality holds on all of [{ends[0]}, {ends[1]}], by {tried} balls"
    return Enclosure(Verdict.HOLDS, widest, sentence)


def _narrow(expression: Expr, point: dict[Symbol, Expr], relative: bool) -> arb:
    """The expression at a point, at the first precision that makes the ball small, and relative to its value if that is wanted and can be had."""
    for bits in PRECISIONS:
        with precision(bits):
            ball = arb(enclose(expression, {symbol: exact(value) for symbol, value in point.items()}))
        if ball.rad() < WIDTH * (min(1.0, float(abs(ball.mid()))) if relative else 1.0):
            break
    return ball


def _positive_between(expression: Expr, symbol: Symbol, low: Expr, high: Expr) -> int | None:
    """The number of balls that cover [low, high] and prove the expression positive, by itself or in mean-value form; None if too many are needed."""
    slope = expression.diff(symbol)
    with precision(128):
        waiting, tried = [(exact(low), exact(high))], 0
        while waiting:
            left, right = waiting.pop()
            middle = (left * right).sqrt().mid() if 0 < 4 * left < right else (left + right) / 2
            tried += 1
            if tried > SUBDIVISIONS:
                return None
            ball = left.union(right)
            around = enclose(expression, {symbol: middle}) + enclose(slope, {symbol: ball}) * (ball - middle)
            if not (around > 0 or enclose(expression, {symbol: ball}) > 0):
                waiting += [(left, middle), (middle, right)]
        return tried
