"""Finished checks of an audit under way, in SQLite: what a kill, a full disk or Ctrl-C does not take away.

Every check is committed as it finishes. A store belongs to one plan at one α, resolution, seed and calibration; it is removed once the evidence
file is written whole.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from proofs_checks.evidence import Evidence, fingerprint

if TYPE_CHECKING:
    from proofs_checks.audit import Check, Settings

NAME = "unfinished.sqlite"
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS audit (alpha REAL, resolution REAL, seed INTEGER, replicates INTEGER, plan TEXT)",
    "CREATE TABLE IF NOT EXISTS finished (id TEXT PRIMARY KEY, evidence TEXT NOT NULL, digest TEXT NOT NULL, elapsed REAL NOT NULL)",
)


class CannotStore(Exception):
    """The store cannot be read or written, or is another audit's; the message says which."""


class Store:
    """Finished checks of one audit, in one folder.

    Parameters
    ----------
    folder : Path
        Where `evidence.json` will be.
    checks : iterable of Check
        The plan.
    settings : Settings
    resume : bool
        Whether to go on from what is there; otherwise it is forgotten.

    Raises
    ------
    CannotStore
        If the folder's store is no store, is in use, or belongs to another plan or other settings and `resume` is asked for.
    """

    def __init__(self, folder: Path, checks: Iterable[Check], settings: Settings, resume: bool = False) -> None:
        self.path = folder / NAME
        self._checks = list(checks)
        self._lock = threading.Lock()
        plan = hashlib.sha256("\n".join(check.id for check in self._checks).encode()).hexdigest()
        mine = (settings.alpha, settings.resolution, settings.seed, settings.replicates, plan)
        try:
            self._database = sqlite3.connect(self.path, check_same_thread=False, timeout=0, isolation_level=None)
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute("BEGIN EXCLUSIVE")
            for table in SCHEMA:
                self._database.execute(table)
            if not resume:
                self._database.execute("DELETE FROM audit")
                self._database.execute("DELETE FROM finished")
            found = self._database.execute("SELECT alpha, resolution, seed, replicates, plan FROM audit").fetchone()
            if found is None:
                self._database.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?)", mine)
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            locked = getattr(error, "sqlite_errorname", "") == "SQLITE_BUSY"
            raise CannotStore(f"another audit is writing to {self.path}" if locked else f"{self.path} cannot be used: {error}") from None
        if found is not None and found != mine:
            self.close()
            raise CannotStore(f"the unfinished audit in {str(folder)!r} is not this one: {_difference(found, mine)}")

    def finished(self) -> dict[str, Evidence]:
        """Evidence of the plan's checks that finished before, by check; what has changed since is not among it."""
        try:
            with self._lock:
                rows = self._database.execute("SELECT id, evidence, digest FROM finished").fetchall()
            found = {id: Evidence.from_json(json.loads(evidence)) for id, evidence, _ in rows}
        except (sqlite3.Error, KeyError, TypeError, ValueError) as error:
            raise CannotStore(f"{self.path} cannot be read: {error}") from None
        if any(_digest(id, evidence) != digest for id, evidence, digest in rows):
            raise CannotStore(f"{self.path} was changed after `normproof audit` wrote it: begin anew, without --resume")
        claims = {check.id: check.claim for check in self._checks}
        return {id: item for id, item in found.items() if id in claims and item.fingerprint == fingerprint(claims[id])}

    def elapsed(self) -> float:
        """Seconds of the audit until its last finished check."""
        with self._lock:
            return float(self._database.execute("SELECT COALESCE(MAX(elapsed), 0) FROM finished").fetchone()[0])

    def put(self, check: Check, evidence: Evidence, elapsed: float) -> None:
        """Keep what a check found: once this returns, no kill takes it away."""
        text = json.dumps(evidence.to_json(), allow_nan=False)
        row = (check.id, text, _digest(check.id, text), elapsed)
        try:
            with self._lock:
                self._database.execute("INSERT OR REPLACE INTO finished VALUES (?, ?, ?, ?)", row)
        except sqlite3.Error as error:
            raise CannotStore(f"{self.path} cannot be written: {error}; what it has is kept for --resume") from None

    def close(self) -> None:
        """Leave the finished checks where they are."""
        self._database.close()

    def remove(self) -> None:
        """The evidence file has it all."""
        self.close()
        self.path.unlink(missing_ok=True)


def _digest(id: str, evidence: str) -> str:
    return hashlib.sha256(f"{id} {evidence}".encode()).hexdigest()


def _difference(found: tuple[object, ...], mine: tuple[object, ...]) -> str:
    """Which of the words of two audits differ."""
    names = ("α", "resolution", "seed", "the number of replicates")
    words = [f"{name} is {there} there, {here} here" for name, there, here in zip(names, found, mine, strict=False) if there != here]
    return "; ".join(words) or "it has other claims or checks"
