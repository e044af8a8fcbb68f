"""Which twin was caught by which witness: run, written beside the evidence, read again by the report."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from proofs_checks import twins, twins_of_code
from proofs_checks.evidence import UnreadableEvidence, Verdict, code_digest, digest, write_whole
from proofs_checks.exact import ExactWorker
from proofs_checks.twins import RED, Outcome
from theory.claim import Claim, Witness

FORMAT = 1
NAME = "twins.json"
OF_CLAIMS = ("statement", "experiment", "network")
Caught = dict[str, tuple[int, int]]  #: by witness: those it caught, of those it met


@dataclass(frozen=True)
class KillMatrix:
    """The outcomes of all twins of some claims.

    Parameters
    ----------
    outcomes : tuple of Outcome
    code : str
        Digest of the code and versions that ran.
    seconds : float
    """

    outcomes: tuple[Outcome, ...]
    code: str
    seconds: float

    @property
    def twins(self) -> tuple[Outcome, ...]:
        """Those that say something else than their originals."""
        return tuple(each for each in self.outcomes if not each.equivalent)

    @property
    def equivalent(self) -> tuple[Outcome, ...]:
        """Those that say the same, with a proof."""
        return tuple(each for each in self.outcomes if each.equivalent)

    @property
    def survivors(self) -> tuple[Outcome, ...]:
        """Those that no check catches: holes in the audit."""
        return tuple(each for each in self.twins if not each.caught)

    @property
    def verdict(self) -> Verdict:
        """HOLDS only if there are twins and all are caught."""
        return Verdict.of_all([Verdict.HOLDS if each.caught else Verdict.FAILS for each in self.twins])

    def by_kind(self) -> list[tuple[str, int, Caught, int, int]]:
        """For each kind: twins, for each witness those it caught of those it met, twins caught by any, and proofs of equivalence."""
        rows = []
        for kind in dict.fromkeys(each.kind for each in self.outcomes):
            mine = [each for each in self.twins if each.kind == kind]
            equivalent = sum(each.kind == kind for each in self.equivalent)
            rows.append((kind, len(mine), _caught(mine), sum(each.caught for each in mine), equivalent))
        return rows

    def by_claim(self) -> list[tuple[str, Caught, int, int]]:
        """For each claim: for each witness those it caught of those it met, twins caught by any, and twins; those of code aside."""
        of_claims = [each for each in self.twins if each.kind in OF_CLAIMS]
        rows = []
        for claim in dict.fromkeys(each.claim for each in of_claims):
            mine = [each for each in of_claims if each.claim == claim]
            rows.append((claim, _caught(mine), sum(each.caught for each in mine), len(mine)))
        return rows

    def to_json(self) -> dict[str, Any]:
        """The file."""

        def entry(outcome: Outcome) -> dict[str, Any]:
            return {**asdict(outcome), "caught": outcome.caught, "by": outcome.by}

        content = {
            "format": FORMAT,
            "verdict": self.verdict.value,
            "twins": [entry(each) for each in self.twins],
            "equivalent": [entry(each) for each in self.equivalent],
            "code": self.code,
            "seconds": self.seconds,
        }
        return {**content, "digest": digest(content)}

    def write(self, folder: Path) -> Path:
        """Write the file whole or not at all."""
        return write_whole(self.to_json(), folder / NAME)


def _caught(outcomes: Iterable[Outcome]) -> Caught:
    outcomes = list(outcomes)
    met = {
        witness.value: [each.verdicts[witness.value] in RED for each in outcomes if witness.value in each.verdicts] for witness in Witness
    }
    return {witness: (sum(found), len(found)) for witness, found in met.items()}


def run(claims: Iterable[Claim], code: bool, on_outcome: Callable[[Outcome], None] = lambda outcome: None) -> KillMatrix:
    """Break the claims, and the code that they run through where `code` is wanted, and see who notices."""
    start = time.perf_counter()
    chosen = {claim.id: claim for claim in claims}
    outcomes = []
    with ExactWorker() as worker:

        def every() -> Iterable[twins.Twin]:
            for claim in chosen.values():
                yield from twins.of_claim(claim, worker)
            if code:
                yield from twins_of_code.of_code(chosen)

        for twin in every():
            outcomes.append(twins.run(twin))
            on_outcome(outcomes[-1])
    return KillMatrix(tuple(outcomes), code_digest(), time.perf_counter() - start)


def read(folder: Path) -> KillMatrix | None:
    """The matrix in a folder; None where there is none, or it is of other code.

    Raises
    ------
    UnreadableEvidence
        If the file is not as it was written.
    """
    path = folder / NAME
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if digest({name: value for name, value in data.items() if name != "digest"}) != data["digest"]:
            raise UnreadableEvidence(f"{path} was changed after `normproof audit --twins` wrote it: run that again")
        if data["format"] != FORMAT or data["code"] != code_digest():
            return None
        outcomes = tuple(
            Outcome(**{name: value for name, value in entry.items() if name not in ("caught", "by")})
            for entry in (*data["twins"], *data["equivalent"])
        )
        return KillMatrix(outcomes, data["code"], float(data["seconds"]))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnreadableEvidence(f"{path} cannot be read: {error.strerror}") from None
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise UnreadableEvidence(f"{path} is not a file of twins ({type(error).__name__}: {str(error)[:200]})") from None
