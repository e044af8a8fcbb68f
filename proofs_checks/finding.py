"""What one observed check found, before it becomes evidence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from proofs_checks.evidence import Verdict


@dataclass(frozen=True)
class Finding:
    """What one observed check found, before it becomes evidence."""

    verdict: Verdict
    sentence: str
    estimate: float | None = None
    standard_error: float | None = None
    predicted: float | None = None
    resolution: float | None = None
    rival: dict[str, Any] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)


def trailing_number(name: str) -> int:
    """The depth or width that a check's name ends in."""
    return int(name.rsplit("_", 1)[1])
