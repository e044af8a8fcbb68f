"""The audit: a plan of checks known before any runs, their evidence, and what follows for each claim."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from sympy import latex

from proofs_checks import defaults, enclosed, evidence
from proofs_checks.design import Design
from proofs_checks.evidence import Evidence, Verdict, digest, write_whole
from proofs_checks.exact import ExactWorker
from proofs_checks.worker import Worker
from theory.catalogue import CLAIMS
from theory.claim import Claim, Kind, Statement, Witness
from theory.experiments import Experiment

FORMAT = 3  #: of the evidence file
CORES = os.cpu_count() or 1
EXACT_WORKERS = max(1, min(8, CORES // 2))  #: processes that decide formulas, beside those that simulate
SIMULATORS = min(4, CORES)  #: processes that simulate, this one included: each takes a core, and a GiB or two of memory


@dataclass(frozen=True)
class Settings:
    """What a whole audit is run with.

    Parameters
    ----------
    alpha : float
        Probability that an audit of true claims shows any statistical failure.
    resolution : float
        Relative deviation of γ that every observed claim must be able to see.
    seed : int
    replicates : int
        Of every statistical decision under its own null (`calibration`); 0 for none. Calibrations have an error rate of their own, `alpha` once more.
    """

    alpha: float = defaults.ALPHA
    resolution: float = defaults.RESOLUTION
    seed: int = defaults.SEED
    replicates: int = 0


@dataclass(frozen=True)
class Check:
    """One planned check: a statement before a witness, or one comparison of an experiment."""

    claim: Claim
    witness: Witness
    name: str
    subject: Statement | Experiment
    number: int = 0
    design: Design | None = None

    @property
    def id(self) -> str:
        """claim/witness/name, unique in a plan."""
        return f"{self.claim.id}/{self.witness.value}/{self.name}"


def plan(claims: Iterable[Claim], settings: Settings) -> list[Check]:
    """All checks of the claims, with α split evenly over those that can fail by chance.

    Raises
    ------
    ValueError
        If two checks have one id, so that the evidence of one would pass for that of the other.
    """
    from proofs_checks import observed

    checks: list[Check] = []
    for claim in claims:
        for statement in claim.statements:
            for witness in (Witness.EXACT, Witness.ENCLOSED):
                if witness in statement.witnesses:
                    checks.append(Check(claim, witness, statement.name, statement))
        for number, experiment in enumerate(claim.experiments):
            prefix = f"experiment_{number + 1}/" if len(claim.experiments) > 1 else ""
            for name in observed.checks(experiment):
                checks.append(Check(claim, Witness.OBSERVED, prefix + name, experiment, number))
    if twice := [id for id, count in Counter(check.id for check in checks).items() if count > 1]:
        raise ValueError(f"two checks would be {twice[0]}: evidence goes by that name, so give one of them another")
    random = [check for check in checks if is_random(check)]
    design = Design(settings.alpha / max(1, len(random)), settings.resolution)
    return [replace(check, design=design) if check.witness is Witness.OBSERVED else check for check in checks]


def is_random(check: Check) -> bool:
    """Whether a check of a true claim can fail by chance: identities and exact checks cannot."""
    from proofs_checks import observed

    return check.witness is Witness.OBSERVED and not isinstance(check.subject, Statement) and observed.is_random(check.subject, check.name)


def share(check: Check) -> float | None:
    """A check's share of the audit's error rate; None for one that cannot fail by chance."""
    return check.design.alpha if check.design is not None and is_random(check) else None


@dataclass
class Audit:
    """A plan and the evidence found for it so far."""

    settings: Settings
    claims: list[Claim]
    evidence: dict[str, list[Evidence]] = field(default_factory=dict)
    planned: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def verdict_of(self, claim: Claim) -> Verdict | None:
        """HOLDS only if every planned check ran and held; None for an assumption."""
        if claim.kind is Kind.ASSUMPTION:
            return None
        found = self.evidence.get(claim.id, [])
        verdict = Verdict.of_all([item.verdict for item in found])
        complete = len(found) == self.planned.get(claim.id, 0) > 0
        return verdict if complete or verdict is Verdict.FAILS else Verdict.UNDECIDED

    def verdict_with_foundations(self, claim: Claim) -> Verdict | None:
        """The verdict of a claim and of all it rests on, assumptions granted."""
        verdicts = [self.verdict_of(each) for each in (*claim.foundations(), claim)]
        return None if claim.kind is Kind.ASSUMPTION else Verdict.of_all([v for v in verdicts if v is not None])

    @property
    def verdict(self) -> Verdict:
        """HOLDS only if every audited claim holds."""
        return Verdict.of_all([v for claim in self.claims if (v := self.verdict_of(claim)) is not None])

    def times(self) -> dict[str, float]:
        """Seconds that every check took, by check."""
        return {f"{item.claim}/{item.witness.value}/{item.check}": item.seconds for found in self.evidence.values() for item in found}

    def without_chance(self) -> dict[str, Evidence]:
        """Evidence of formulas, by check: it is the same at every seed."""
        items = [item for found in self.evidence.values() for item in found if item.witness is not Witness.OBSERVED]
        return {f"{item.claim}/{item.witness.value}/{item.check}": item for item in items}

    def to_json(self) -> dict[str, Any]:
        """The evidence file."""

        def word(verdict: Verdict | None) -> str:
            return "ASSUMED" if verdict is None else verdict.value

        content = {
            "format": FORMAT,
            "verdict": self.verdict.value,
            "alpha": self.settings.alpha,
            "resolution": self.settings.resolution,
            "seed": self.settings.seed,
            "replicates": self.settings.replicates,
            "seconds": self.seconds,
            "claims": [
                {
                    "id": claim.id,
                    "title": claim.title,
                    "source": {"paper": claim.source.paper, "ref": claim.source.ref},
                    "kind": claim.kind.value,
                    "verdict": word(self.verdict_of(claim)),
                    "verdict_with_foundations": word(self.verdict_with_foundations(claim)),
                    "rests_on": [below.id for below in claim.rests_on],
                    "planned": self.planned.get(claim.id, 0),
                    "evidence": [item.to_json() for item in self.evidence.get(claim.id, [])],
                }
                for claim in self.claims
            ],
        }
        return {**content, "digest": digest(content)}

    def write(self, folder: Path) -> Path:
        """Write `evidence.json` whole or not at all."""
        return write_whole(self.to_json(), folder / "evidence.json")


def run(
    claims: Iterable[Claim],
    settings: Settings,
    on_evidence: Callable[[Check, Evidence], None] = lambda check, found: None,
    only: set[str] | None = None,
    finished: dict[str, Evidence] | None = None,
) -> Audit:
    """Plan and run all checks of the claims; formulas in processes of their own, simulations beside them.

    `only` restricts the run, not the plan, to checks with these ids: shares of α do not depend on it. What `finished` has of an
    interrupted run is not run again. What `on_evidence` raises ends the audit, after the check under way.
    """
    start = time.perf_counter()
    claims = list(claims)
    checks = plan(claims, settings)
    audit = Audit(settings, claims, {claim.id: [] for claim in claims})
    for check in checks:
        audit.planned[check.claim.id] = audit.planned.get(check.claim.id, 0) + 1
    wanted = [check for check in checks if only is None or check.id in only]
    found = dict(finished or {})
    left = [check for check in wanted if check.id not in found]
    formulas = [check for check in left if check.witness is not Witness.OBSERVED]
    simulations = together([check for check in left if check.witness is Witness.OBSERVED])
    stop = threading.Event()
    with ExitStack() as stack:
        # Each takes what is next of one list when it is free.
        next_formula, next_simulations = iter(formulas), iter(simulations)
        tasks = [_decided(next_formula, settings, stack.enter_context(ExactWorker())) for _ in range(EXACT_WORKERS)]
        # One thread of a process simulates: XLA's CPU runtime shares one pool of threads and can deadlock under concurrent executions.
        tasks.append(_simulated_here(next_simulations, settings))
        processes = simulators(claims, len(simulations))
        for _ in range(processes - 1):
            tasks.append(_simulated_elsewhere(next_simulations, settings, stack.enter_context(Worker(partial(_serve, CORES // processes)))))

        def note(done: Iterator[tuple[Check, Evidence]]) -> None:
            for check, item in done:
                if not stop.is_set():  # or a worker may have been ended under it
                    on_evidence(check, item)
                    found[check.id] = item
                if stop.is_set():
                    return

        pool = ThreadPoolExecutor(len(tasks))
        running = [pool.submit(note, task) for task in tasks]
        try:
            for task in as_completed(running):
                task.result()
        finally:
            stop.set()
            pool.shutdown(wait=False)
    for check in wanted:
        audit.evidence[check.claim.id].append(found[check.id])
    audit.seconds = time.perf_counter() - start
    return audit


def together(simulations: Iterable[Check]) -> list[list[Check]]:
    """Checks in groups that share draws and compiled kernels, and so run in one process: the largest first, for they end last."""
    from proofs_checks import observed

    groups: dict[Any, list[Check]] = {}
    for check in simulations:
        assert not isinstance(check.subject, Statement)
        groups.setdefault(observed.subject_of(check.subject), []).append(check)
    return sorted(groups.values(), key=len, reverse=True)


def simulators(claims: Iterable[Claim], groups: int) -> int:
    """Processes to simulate in, this one included, and this one's XLA started with its share of the cores.

    One where an accelerator draws, or where a claim is not the catalogue's own, whose code others may not have.
    """
    own = all(claim.id in CLAIMS and CLAIMS[claim.id] is claim for claim in claims)
    if not own or groups < 2:
        return 1
    import jax

    from numerics import threads

    processes = min(SIMULATORS, groups)
    threads.use(CORES // processes)
    return processes if jax.default_backend() == "cpu" else 1


Done = Iterator[tuple[Check, Evidence]]


def _decided(formulas: Iterator[Check], settings: Settings, worker: ExactWorker) -> Done:
    for check in formulas:
        yield check, run_check(check, settings, worker)


def _simulated_here(groups: Iterator[list[Check]], settings: Settings) -> Done:
    for group in groups:
        for check in group:
            yield check, run_check(check, settings)


def _simulated_elsewhere(groups: Iterator[list[Check]], settings: Settings, worker: Worker) -> Done:
    for group in groups:
        left = list(group)
        try:
            connection = worker.ready()
            connection.send((group, settings))
            while left:
                item = connection.recv()
                yield left.pop(0), item
        except (EOFError, OSError):
            worker.end()
            for check in left:
                yield check, _evidence(check, Verdict.UNDECIDED, "the process that simulates it ended")


def _serve(cores: int, connection: Connection) -> None:
    """Another process that simulates: receives (checks, settings), sends the evidence of one after another."""
    from numerics import threads

    threads.use(cores)
    while True:
        group, settings = connection.recv()
        for check in group:
            connection.send(run_check(check, settings))


def run_check(check: Check, settings: Settings, worker: ExactWorker | None = None) -> Evidence:
    """Run one check, an exact one in a worker; whatever goes wrong on the way leaves it undecided."""
    start = time.perf_counter()
    runner = {Witness.EXACT: _exact, Witness.ENCLOSED: _enclosed, Witness.OBSERVED: _observed}[check.witness]
    try:
        found = runner(check, settings, worker)
        json.dumps(found.to_json(), allow_nan=False)  # what is no number is no evidence
    except (Exception, SystemExit) as error:  # an error in a check is a finding, not a crash of the audit
        found = _evidence(check, Verdict.UNDECIDED, f"{type(error).__name__}: {error}")
    return replace(found, seconds=time.perf_counter() - start)


class _Simulated(NamedTuple):
    """What the simulation of a check is given."""

    experiment: Experiment
    name: str
    design: Design
    seed: int
    stream: str


def _simulated(check: Check, seed: int) -> _Simulated:
    assert check.design is not None and not isinstance(check.subject, Statement)
    return _Simulated(check.subject, check.name.rsplit("/", 1)[-1], check.design, seed, f"{check.claim.id}/{check.number}")


def _evidence(check: Check, verdict: Verdict, sentence: str, **rest: Any) -> Evidence:
    return Evidence(check.claim.id, check.name, check.witness, verdict, sentence, fingerprint=evidence.fingerprint(check.claim), **rest)


def _exact(check: Check, settings: Settings, worker: ExactWorker | None) -> Evidence:
    statement = check.subject
    assert isinstance(statement, Statement) and worker is not None
    results = worker.run(check.claim, statement)
    verdict = Verdict.of_all([result.verdict for result in results])
    if len(results) < len(statement.chain) and verdict is Verdict.HOLDS:
        verdict = Verdict.UNDECIDED
    last = results[-1]
    count = len(statement.chain)
    if verdict is Verdict.HOLDS:
        sentence = f"{count} step{'s' * (count > 1)}, each decided: a literal 0, or a literal sign"
    else:
        left, right, reason = statement.chain[len(results) - 1]
        sentence = f"step {len(results)} of {count} ({reason}): {last.sentence}"
    details: dict[str, Any] = {"steps": [{"verdict": r.verdict.value, "seconds": r.seconds, "sentence": r.sentence} for r in results]}
    if verdict is not Verdict.HOLDS:
        details |= {"left": latex(left), "right": latex(right), "residual": last.residual}
    return _evidence(check, verdict, sentence, details=details)


def _enclosed(check: Check, settings: Settings, worker: ExactWorker | None) -> Evidence:
    statement = check.subject
    assert isinstance(statement, Statement)
    result = enclosed.compare(check.claim, statement)
    details: dict[str, Any] = {"radius": result.radius, "width": enclosed.WIDTH}
    if result.verdict is not Verdict.HOLDS:
        details |= {"left": latex(statement.derived), "right": latex(statement.stated), "residual": ""}
    return _evidence(check, result.verdict, result.sentence, details=details)


def _observed(check: Check, settings: Settings, worker: ExactWorker | None) -> Evidence:
    from proofs_checks import observed

    simulated = _simulated(check, settings.seed)
    finding = observed.run(*simulated)
    if settings.replicates and is_random(check):
        finding = observed.calibrated(finding, simulated.design, settings.replicates, settings.seed, check.id)
    return _evidence(
        check,
        finding.verdict,
        finding.sentence,
        estimate=finding.estimate,
        standard_error=finding.standard_error,
        predicted=finding.predicted,
        resolution=finding.resolution,
        alpha=share(check),
        rival=finding.rival,
        details=finding.details,
    )
