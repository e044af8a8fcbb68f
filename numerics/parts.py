"""Finished blocks of a simulation under way, in SQLite: what a kill, a full disk or Ctrl-C does not take away.

Every process commits its blocks to a part of its own as they finish. A process that resumes reads all parts that it finds: so any number of
processes may go on, whether their hosts share the folder or not. Parts belong to one simulation, and are removed once its result is out.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from numerics.hosts import Hosts, difference

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS simulation (identity TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS finished (ensemble INTEGER, block INTEGER, networks INTEGER, content BLOB, digest TEXT, PRIMARY KEY (ensemble, block))",
)


class CannotKeep(Exception):
    """A part cannot be read or written, or is another simulation's; the message says which."""


class Parts:
    """Finished blocks of one simulation, in one folder.

    Parameters
    ----------
    folder : Path
    identity : mapping
        All that determines the numbers: names to what JSON holds.
    resume : bool
        Whether to go on from what is there; otherwise it is forgotten.
    hosts : Hosts
        Process p of P forgets and removes the parts numbered p, p + P, …, and writes the first of them.

    Raises
    ------
    CannotKeep
        If a part is none, is in use, or belongs to another simulation and `resume` is asked for.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any], resume: bool = False, hosts: Hosts | None = None) -> None:
        self.folder, self.hosts = folder, hosts or Hosts()
        self.path = folder / f"part-{self.hosts.number}.sqlite"
        self.networks = 0  #: that were finished before
        self._identity = json.dumps(identity)
        self._found: dict[tuple[int, int], bytes] = {}
        if resume:
            for path in sorted(folder.glob("part-*.sqlite")):
                self._read(path)
        else:
            self._forget()
        self.hosts.meet("parts")  # all have read before anyone writes
        self._database = _opened(self.path)
        if self._database.execute("SELECT identity FROM simulation").fetchone() is None:
            self._database.execute("INSERT INTO simulation VALUES (?)", (self._identity,))

    def _read(self, path: Path) -> None:
        try:
            with closing(sqlite3.connect(path, timeout=2)) as database:
                tables = database.execute("SELECT name FROM sqlite_master").fetchall()
                found = database.execute("SELECT identity FROM simulation").fetchone() if tables else None
                if found is None:
                    return  # killed before it had begun
                rows = database.execute("SELECT ensemble, block, networks, content, digest FROM finished").fetchall()
        except sqlite3.Error as error:
            raise CannotKeep(_refusal(path, error)) from None
        if differs := difference(found[0], self._identity):
            raise CannotKeep(f"the unfinished simulation in {str(self.folder)!r} is not this one: {differs}")
        for ensemble, block, networks, content, digest in rows:
            if _digest(ensemble, block, content) != digest:
                raise CannotKeep(f"{path} was changed after `normproof simulate` wrote it: begin anew, without --resume")
            if (ensemble, block) not in self._found:
                self._found[ensemble, block] = content
                self.networks += networks

    def _owned(self) -> list[Path]:
        numbers = {path: path.stem.removeprefix("part-") for path in self.folder.glob("part-*.sqlite")}
        return [path for path, number in numbers.items() if number.isdecimal() and int(number) % self.hosts.count == self.hosts.number]

    def _forget(self) -> None:
        for path in self._owned():
            _opened(path).close()  # or it is in use, or no part at all
            _unlink(path)

    def of(self, ensemble: int) -> dict[int, bytes]:
        """What was kept of an ensemble's blocks."""
        return {block: content for (of, block), content in self._found.items() if of == ensemble}

    def put(self, ensemble: int, block: int, networks: int, content: bytes) -> None:
        """Keep a block: once this returns, no kill takes it away."""
        row = (ensemble, block, networks, content, _digest(ensemble, block, content))
        try:
            self._database.execute("INSERT OR REPLACE INTO finished VALUES (?, ?, ?, ?, ?)", row)
        except sqlite3.Error as error:
            raise CannotKeep(f"{self.path} cannot be written: {error}; what it has is kept for --resume") from None

    def close(self) -> None:
        """Leave the finished blocks where they are."""
        self._database.close()

    def remove(self) -> None:
        """The result has it all."""
        self.close()
        for path in self._owned():
            _unlink(path)


def _unlink(path: Path) -> None:
    for each in (path, path.with_name(f"{path.name}-journal")):
        each.unlink(missing_ok=True)


def _opened(path: Path) -> sqlite3.Connection:
    """A part, by its only user."""
    try:
        database = sqlite3.connect(path, timeout=0, isolation_level=None)
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("BEGIN EXCLUSIVE")
        for table in SCHEMA:
            database.execute(table)
        database.execute("COMMIT")
    except sqlite3.Error as error:
        raise CannotKeep(_refusal(path, error)) from None
    return database


def _refusal(path: Path, error: sqlite3.Error) -> str:
    busy = getattr(error, "sqlite_errorname", "") == "SQLITE_BUSY"
    return f"another simulation is writing to {path}" if busy else f"{path} cannot be used: {error}"


def _digest(ensemble: int, block: int, content: bytes) -> str:
    return hashlib.sha256(f"{ensemble} {block} ".encode() + content).hexdigest()
