"""What an audit would do, before anything runs: its checks, what each draws and can see, at which error rate, in what time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from proofs_checks import observed
from proofs_checks.audit import Check, is_random
from theory.claim import Statement, Witness

#: Seconds of one check on two cores, on average over an audit (November 2026), compiling included.
TYPICAL = {
    "exact": 0.17,
    "enclosed": 0.02,
    "Prejudice": 1.7,
    "GradientGrowth": 8.2,
    "ClassFraction": 1.2,
    "LargestFraction": 1.5,
    "Neutral": 0.4,
    "Expectation": 4.0,
    "StatisticLaw": 1.4,
    "SameLaw": 2.3,
    "Agreement": 4.6,
    "GramIdentity": 0.8,
    "SpectralRatio": 1.5,
    "SpectralBounds": 0.7,
    "SpectralExponent": 1.5,
}


@dataclass(frozen=True)
class Row:
    """One planned check.

    Parameters
    ----------
    check, witness : str
    draws : str
        What it would draw, in words; empty where it draws nothing.
    resolution : float or None
        The deviation that it is designed to see.
    alpha : float or None
        Its share of the audit's error rate, if a true claim can fail it by chance.
    seconds : float
        Expected.
    measured : bool
        Whether that is the time it took in an earlier audit, rather than what is typical of its kind.
    """

    check: str
    witness: str
    draws: str
    resolution: float | None
    alpha: float | None
    seconds: float
    measured: bool


def schedule(checks: Iterable[Check], past: Mapping[str, float]) -> list[Row]:
    """A row for every planned check; `past` has the seconds that checks took before."""
    return [_row(check, past) for check in checks]


def _row(check: Check, past: Mapping[str, float]) -> Row:
    draws, resolution, kind = "", None, check.witness.value
    if not isinstance(check.subject, Statement):
        assert check.witness is Witness.OBSERVED and check.design is not None
        need = observed.needs(check.subject, check.name.rsplit("/", 1)[-1], check.design)
        draws, resolution, kind = need.draws, need.resolution, type(check.subject).__name__
    alpha = check.design.alpha if check.design is not None and is_random(check) else None
    return Row(check.id, check.witness.value, draws, resolution, alpha, past.get(check.id, TYPICAL[kind]), check.id in past)
