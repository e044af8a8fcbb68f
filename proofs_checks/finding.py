"""What one observed check found, before it becomes evidence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from proofs_checks.evidence import Verdict

if TYPE_CHECKING:
    from proofs_checks.calibration import Null


@dataclass(frozen=True)
class Need:
    """What a check would draw, in words, and the deviation that it is designed to see; None where it sees none in particular."""

    draws: str
    resolution: float | None


@dataclass(frozen=True)
class Finding:
    """What one observed check found, before it becomes evidence; `null` is the world in which its decision would be a false alarm."""

    verdict: Verdict
    sentence: str
    estimate: float | None = None
    standard_error: float | None = None
    predicted: float | None = None
    resolution: float | None = None
    rival: dict[str, Any] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    null: Null | None = field(default=None, repr=False, compare=False)


def sup_distance(law: np.ndarray, other: np.ndarray) -> Any:
    """The largest difference of the distribution functions of two laws on the same cells, masses (…, cells)."""
    found = np.abs(np.cumsum(law - other, axis=-1)).max(axis=-1)
    return float(found) if np.ndim(found) == 0 else found


def at_distance(
    distance: float, band: float, measured: str, resolution: float, rival: tuple[str, float] | None, details: dict[str, Any], null: Null
) -> Finding:
    """A law within its band of the stated one, in sup-distance; the rival, by its words and its distance, must be outside."""
    against: dict[str, Any] = {}
    if rival:
        says, away = rival
        against = {"says": says, "distance": away, "rejected": away > band}
    return Finding(
        Verdict.of(agrees=distance <= band, conclusive=against.get("rejected", True)),
        f"sup-distance {distance:.5f} {measured} (band {band:.5f})"
        + (f"; rival at {against['distance']:.5f} {'rejected' if against['rejected'] else 'not rejected'}" if rival else ""),
        estimate=distance,
        predicted=0.0,
        resolution=resolution,
        rival=against,
        details=details,
        null=null,
    )


def trailing_number(name: str) -> int:
    """The depth or width that a check's name ends in."""
    return int(name.rsplit("_", 1)[1])
