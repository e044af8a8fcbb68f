"""The exact witness: every link of a derivation, in a process that can be killed.

Each link of a statement's chain is decided in its own time budget. A link that takes longer is UNDECIDED and
the process that was busy with it is ended.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection

import psutil
from sympy import latex

from proofs_checks.decide import decide
from proofs_checks.evidence import Verdict
from proofs_checks.worker import Worker
from theory.claim import Claim, Interval, Relation, Statement

BUDGET = 60.0  #: seconds of its processor's time for one link, so that other work on the machine does not decide
PATIENCE = 20  #: times that many seconds by the clock, for a process that waits for nothing
POLL = 0.5  #: seconds between two looks at it


@dataclass(frozen=True)
class LinkResult:
    """What became of one link of a chain."""

    verdict: Verdict
    sentence: str
    residual: str
    seconds: float


def links(statement: Statement) -> list[Relation]:
    """The relation of each link: equalities, and the statement's own at the end."""
    return [Relation.EQUAL] * (len(statement.chain) - 1) + [statement.relation]


def decide_links(statement: Statement, domain: tuple[Interval, ...]) -> Iterator[LinkResult]:
    """Decide the links in order; here, without a budget."""
    for (left, right, _), relation in zip(statement.chain, links(statement), strict=True):
        start = time.perf_counter()
        decision = decide(left, relation, right, domain)
        residual = "" if decision.verdict is Verdict.HOLDS else latex(decision.residual)
        yield LinkResult(decision.verdict, decision.sentence, residual, time.perf_counter() - start)


def _serve(connection: Connection) -> None:
    """The worker: receives (statement, domain), sends one LinkResult after another."""
    while True:
        statement, domain = connection.recv()
        try:
            for result in decide_links(statement, domain):
                connection.send(result)
        except Exception as error:  # an error while deciding is a finding, not a crash of the audit
            connection.send(LinkResult(Verdict.UNDECIDED, f"{type(error).__name__}: {error}", "", 0.0))


def _seconds_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


class ExactWorker(Worker):
    """A process that decides statements one at a time, and is replaced when it overruns a budget."""

    def __init__(self, budget: float = BUDGET) -> None:
        super().__init__(_serve)
        self.budget = budget

    def ready(self) -> Connection:
        """A process that has loaded what it needs, which is not on a statement's budget."""
        before = self._process
        connection = super().ready()
        if self._process is not before:
            connection.send((Statement("warm_up", derived=1, stated=1), ()))
            connection.recv()
        return connection

    def _answers(self, connection: Connection) -> bool:
        """Wait for an answer within the budget."""
        assert self._process is not None
        worker = psutil.Process(self._process.pid)
        until, by_the_clock = _seconds_of(worker) + self.budget, time.monotonic() + PATIENCE * self.budget
        while not connection.poll(min(POLL, self.budget)):
            if _seconds_of(worker) >= until or time.monotonic() >= by_the_clock:
                return False
        return True

    def run(self, claim: Claim, statement: Statement) -> list[LinkResult]:
        """Decide a statement's links; the rest of the chain is not tried once one link has not held."""
        results: list[LinkResult] = []
        try:
            connection = self.ready()
            connection.send((statement, claim.domain))
            for _ in statement.chain:
                if not self._answers(connection):
                    results.append(LinkResult(Verdict.UNDECIDED, f"timed out after {self.budget:g} s", "", self.budget))
                    self.end()
                    break
                results.append(connection.recv())
                if results[-1].verdict is not Verdict.HOLDS:
                    break
        except (EOFError, OSError, psutil.NoSuchProcess):
            results.append(LinkResult(Verdict.UNDECIDED, "the process that decides it ended", "", 0.0))
            self.end()
        if len(results) < len(statement.chain):  # it is still busy with the links that follow
            self.end()
        return results
