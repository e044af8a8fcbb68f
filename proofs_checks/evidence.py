"""Verdicts and evidence: what one planned check found, as data."""

from __future__ import annotations

import hashlib
import importlib.metadata
import inspect
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from enum import Enum
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

from sympy import Basic, MatrixBase, sstr

from theory.claim import Claim, Witness
from theory.stages import Stage


class Verdict(Enum):
    """Three-valued, never two: what could not be decided is red."""

    HOLDS = "HOLDS"
    FAILS = "FAILS"
    UNDECIDED = "UNDECIDED"

    @staticmethod
    def of(agrees: bool, conclusive: bool) -> Verdict:
        """FAILS on disagreement; agreement holds only where the check could have seen what it must see."""
        if not agrees:
            return Verdict.FAILS
        return Verdict.HOLDS if conclusive else Verdict.UNDECIDED

    @staticmethod
    def of_all(verdicts: list[Verdict]) -> Verdict:
        """HOLDS only if there is something and all of it holds; FAILS if anything fails."""
        if Verdict.FAILS in verdicts:
            return Verdict.FAILS
        return Verdict.HOLDS if verdicts and all(v is Verdict.HOLDS for v in verdicts) else Verdict.UNDECIDED


@dataclass(frozen=True)
class Evidence:
    """What one check found.

    Parameters
    ----------
    claim, check : str
        The claim's id and the check's name within it.
    witness : Witness
    verdict : Verdict
    sentence : str
        What was seen, in one sentence.
    estimate, standard_error, predicted, resolution, alpha : float or None
        For statistical checks: the numbers compared, the deviation that would have been seen with the designed power, and the
        check's share of the audit's error rate.
    rival : dict
        The rival, its prediction and whether the same data reject it.
    details : dict
        Everything a report draws or prints: ladders, histograms, residuals, radii.
    seconds : float
    fingerprint : str
        What was checked: claim, definitions, check code, versions.
    """

    claim: str
    check: str
    witness: Witness
    verdict: Verdict
    sentence: str
    estimate: float | None = None
    standard_error: float | None = None
    predicted: float | None = None
    resolution: float | None = None
    alpha: float | None = None
    rival: dict[str, Any] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    fingerprint: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain data, enums by value."""
        return {**asdict(self), "witness": self.witness.value, "verdict": self.verdict.value}

    @staticmethod
    def from_json(data: dict[str, Any]) -> Evidence:
        """The inverse of `to_json`; TypeError, KeyError or ValueError if it is not evidence."""
        found = Evidence(**{**data, "witness": Witness(data["witness"]), "verdict": Verdict(data["verdict"])})
        for names, kinds in _KINDS.items():
            for name in names:
                value = getattr(found, name)
                if type(value) not in kinds or (type(value) is int and not -(2**63) < value < 2**63):
                    raise TypeError(f"{name} is {str(value)[:80]!r}")
        return found


_KINDS: dict[tuple[str, ...], tuple[type, ...]] = {
    ("claim", "check", "sentence", "fingerprint"): (str,),
    ("estimate", "standard_error", "predicted", "resolution", "alpha"): (float, int, type(None)),
    ("rival", "details"): (dict,),
    ("seconds",): (float, int),
}


class UnreadableEvidence(Exception):
    """A file of evidence or of twins is missing, truncated, edited or not ours; the message says which."""


def stale(evidence: Evidence, claim: Claim) -> Evidence:
    """The evidence, or an UNDECIDED in its place if what it checked has changed since."""
    if evidence.fingerprint == fingerprint(claim):
        return evidence
    return replace(evidence, verdict=Verdict.UNDECIDED, sentence="STALE: the claim, the checks or a library changed since this ran")


@cache
def code_digest() -> str:
    """Digest of all definitions and checks, and of the versions they run on."""
    import numerics
    import proofs_checks
    import theory

    digest = hashlib.sha256()
    for package in (theory, numerics, proofs_checks):
        for path in sorted(Path(inspect.getfile(package)).parent.glob("*.py")):
            digest.update(path.name.encode() + path.read_bytes())
    for library in ("sympy", "mpmath", "jax", "jaxlib", "numpy", "scipy", "python-flint"):
        digest.update(f"{library}=={importlib.metadata.version(library)}".encode())
    return digest.hexdigest()


@cache
def fingerprint(claim: Claim) -> str:
    """A digest of the claim as stated, of all code and versions that check it, and of the files its stages are defined in."""
    return fingerprint_of(replace(claim, rests_on=()), (stage for experiment in claim.experiments for stage in experiment.stages))


def fingerprint_of(content: Any, stages: Iterable[Stage]) -> str:
    """A digest of what is spelled out, of all code and versions, and of the files that the stages are defined in."""
    digest = hashlib.sha256((code_digest() + spelled_out(content)).encode())
    for path in sorted({stage.defined_in for stage in stages}):
        digest.update(Path(path).read_bytes())
    return digest.hexdigest()[:16]


def spelled_out(content: Any) -> str:
    """The same words for the same content in any process: `repr` with the terms of sums as they are kept, for SymPy evaluates integrals to sort them."""
    if isinstance(content, Basic | MatrixBase):
        return str(sstr(content, order="none"))
    if isinstance(content, tuple):
        return f"({', '.join(map(spelled_out, content))})"
    if is_dataclass(content) and not isinstance(content, type):
        named = (f"{each.name}={spelled_out(getattr(content, each.name))}" for each in fields(content))
        return f"{type(content).__qualname__}({', '.join(named)})"
    return content.__qualname__ if isinstance(content, FunctionType) else repr(content)


def digest(content: dict[str, Any]) -> str:
    """SHA-256 of a file's content: shows an edit, though not one whose author computes it anew."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()


def write_whole(content: dict[str, Any], path: Path) -> Path:
    """Write JSON whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.part")
    partial.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(partial, path)
    return path
