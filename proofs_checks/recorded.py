"""Evidence read again: what an audit wrote, as far as today's plan and code bear it out."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from proofs_checks import evidence
from proofs_checks.audit import FORMAT, Audit, Check, Settings, is_random, plan, share
from proofs_checks.evidence import Evidence, UnreadableEvidence, Verdict, digest
from theory.claim import Claim


def read(path: Path, catalogue: Mapping[str, Claim]) -> Audit:
    """The audit that an evidence file records; evidence of anything changed since is UNDECIDED.

    Raises
    ------
    UnreadableEvidence
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_constant, object_pairs_hook=_no_name_twice)
        if data["format"] != FORMAT:
            raise UnreadableEvidence(f"{path} has format {str(data['format'])[:20]!r}; this version reads format {FORMAT}")
        if digest({name: value for name, value in data.items() if name != "digest"}) != data["digest"]:
            raise UnreadableEvidence(f"{path} was changed after `normproof audit` wrote it: run the audit again")
        ids = [entry["id"] for entry in data["claims"]]
        unknown = [id for id in ids if id not in catalogue]
        if unknown:
            raise UnreadableEvidence(
                f"{path} has evidence for {str(unknown[0])[:80]!r}, which is not a claim here: name its module with --module"
            )
        if len(set(ids)) < len(ids):
            raise ValueError("a claim is there twice")
        claims = [catalogue[id] for id in ids]
        settings = _settings(data)
        checks: dict[str, dict[str, Check]] = {id: {} for id in ids}
        for check in plan(claims, settings):
            checks[check.claim.id][check.id] = check
        return Audit(
            settings,
            claims,
            {
                id: _recorded(catalogue[id], entry, checks[id], settings.replicates > 0)
                for id, entry in zip(ids, data["claims"], strict=True)
            },
            {id: len(planned) for id, planned in checks.items()},  # the file's own count is for its readers
            _number(data, "seconds", lambda number: 0 <= number < math.inf),
        )
    except FileNotFoundError:
        raise UnreadableEvidence(f"there is no evidence at {path}: run `normproof audit` first") from None
    except OSError as error:
        raise UnreadableEvidence(f"{path} cannot be read: {error.strerror}") from None
    except (KeyError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
        raise UnreadableEvidence(f"{path} is not an evidence file of normproof ({type(error).__name__}: {str(error)[:200]})") from None


def _settings(data: dict[str, Any]) -> Settings:
    seed = _whole(data, "seed", 0)
    alpha, resolution = (_number(data, name, lambda number: 0 < number < 1) for name in ("alpha", "resolution"))
    return Settings(alpha, resolution, seed, _whole(data, "replicates", 0))


def _whole(data: dict[str, Any], name: str, least: int) -> int:
    value = data[name]
    if type(value) is not int or not least <= value < 2**63:
        raise ValueError(f"{name} is {str(value)[:80]}")
    return value


def _number(data: dict[str, Any], name: str, valid: Callable[[float], bool]) -> float:
    value = data[name]
    if type(value) not in (int, float) or not valid(value):
        raise ValueError(f"{name} is {str(value)[:80]}")
    return float(value)


def _recorded(claim: Claim, entry: dict[str, Any], checks: dict[str, Check], calibrated: bool) -> list[Evidence]:
    """The evidence of a claim: of each planned check once, at its share of the error rate; what changed since is UNDECIDED."""
    if type(entry["planned"]) is not int:
        raise ValueError(f"{claim.id} has {str(entry['planned'])[:80]} planned checks")
    found: dict[str, Evidence] = {}
    for item in map(Evidence.from_json, entry["evidence"]):
        id = f"{item.claim}/{item.witness.value}/{item.check}"
        if item.claim != claim.id or id in found:
            raise ValueError(f"{claim.id} has evidence of {id[:200]}{' twice' if id in found else ''}")
        found[id] = evidence.stale(item, claim)
        if item.fingerprint != evidence.fingerprint(claim):
            continue
        if id not in checks:
            raise ValueError(f"{id[:200]} is not a planned check")
        if item.verdict is Verdict.HOLDS and item.alpha != share(checks[id]):
            raise ValueError(f"{id} holds at α = {item.alpha}, and its share is {share(checks[id])}")
        if item.verdict is Verdict.HOLDS and calibrated and is_random(checks[id]) and "calibration" not in item.details:
            raise ValueError(f"{id} holds without the calibration that the audit was to make")
    return list(found.values())


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        raise ValueError("an object names something twice")
    return data


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of an evidence file")
