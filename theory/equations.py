"""Appendix E of arXiv 2505.11312, eqs (27)-(81): which statement encodes which equation, and which equation none does, because."""

from collections.abc import Iterable

from theory.claim import Claim, Statement

FIRST, LAST = 27, 81
NOT_ENCODED = {
    37: "the source text at hand has no equation of this number",
    62: "part of the formal statement of Theorem E.2, which the source text at hand has lost; eqs (64)-(81) prove it",
    63: "part of the formal statement of Theorem E.2, which the source text at hand has lost; eqs (64)-(81) prove it",
}


def encoded(claims: Iterable[Claim]) -> dict[int, list[tuple[Claim, Statement]]]:
    """The statements of these claims by the equations they encode."""
    found: dict[int, list[tuple[Claim, Statement]]] = {}
    for claim in claims:
        for statement in claim.statements:
            for number in statement.equations:
                found.setdefault(number, []).append((claim, statement))
    return dict(sorted(found.items()))
