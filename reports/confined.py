"""A module of the user's, in a process of its own: with a budget, and with nothing said or written unless the checker is intact.

A command that is given `--module` runs in a child process; the parent never loads the module. It watches the child: seconds without
progress (the end of a check of an audit is progress; other commands have none, so that it is their total) and resident memory, of the
child and of all processes under it. Over either budget all of them are killed. The parent believes an exit status only from a child that
said that it was done: a module that ends its process ends the command in red. Before the module is loaded the child notes what the
checker is, with the claims that the command names (`proofs_checks.intact`), and it compares when the module is loaded, when an audit has run and before it says anything. What
a module prints goes to stderr.

This protects against accidents and against plain attempts: loops, memory without end, patches, early exits, junk. A module is code with
the user's rights all the same: one that studies the audit and forges its answers, restores what it patched, or hides a process from the
watch is not excluded.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import NoReturn

import click
import psutil

from proofs_checks.intact import Snapshot
from proofs_checks.worker import end_with_parent
from reports import output
from theory.catalogue import CLAIMS

POLL = 0.2  #: seconds between two looks at a child's memory
GRACE = 3.0  #: seconds that an interrupted child has to keep what it has
INTERRUPTED = 130  #: the exit status
GIB = 2**30

#: What each command needs, loaded before the module is: only what is there can be seen to change.
NEEDS = {
    "audit": ("proofs_checks.audit", "proofs_checks.observed", "reports.terminal"),
    "predict": ("proofs_checks.prediction", "proofs_checks.fixed_points"),
    "simulate": ("numerics.prejudice", "proofs_checks.evidence"),
    "report": ("proofs_checks.audit", "proofs_checks.observed", "reports.latex"),
    "list": (),
    "show": ("reports.terminal",),
}


class Red(click.ClickException):
    """The command cannot be believed, or did not end: one sentence and exit 1."""


@dataclass(frozen=True)
class Budget:
    """What a module may take: seconds without progress, and GiB of resident memory of all its processes."""

    seconds: float = 300.0
    memory: float = 8.0


def run(module: str, budget: Budget, load: Callable[[], object], command: Callable[[], int | None]) -> int | None:
    """Run a command that was given a module: in the parent by watching a child, in the child itself.

    Raises
    ------
    click.UsageError
        If the module cannot be loaded within its budget, or changes the checker as it is.
    Red
        If it comes to that later.
    """
    context = click.get_current_context()
    if _child is None:
        return _watch(context.find_root().obj, module, budget)
    given = context.params
    named = CLAIMS if given.get("what") == "claims" else given.get("claims", (given.get("claim"),))
    return _child.run(NEEDS[str(context.info_name)], [id for id in named if id in CLAIMS], module, load, command)


def progress() -> None:
    """Say to whoever watches that a check has finished; nobody does, without a module."""
    if _child is not None:
        _child.say(b"check")


def require_intact() -> None:
    """Nothing, where no module is confined or the checker is what it was.

    Raises
    ------
    Red
        Otherwise.
    """
    if _child is not None:
        _child.require_intact()


# The parent


class _Heard(threading.Thread):
    """What the child said: in a thread of its own, for a module that writes half a message must not hold up the watch."""

    def __init__(self, pipe: Connection) -> None:
        super().__init__(daemon=True)
        self.pipe = pipe
        self.running = self.loaded = False
        self.status: int | None = None
        self.last = time.monotonic()

    def run(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                word, _, number = self.pipe.recv_bytes(16).partition(b" ")
                self.last = time.monotonic()
                self.running |= word == b"ready"
                self.loaded |= word == b"loaded"
                if word == b"done" and number.isdigit():
                    self.status = int(number)


def _watch(words: list[str], module: str, budget: Budget) -> int:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(list(words), theirs))
    process.start()
    theirs.close()
    heard = _Heard(ours)
    heard.start()
    tree: set[psutil.Process] = set()
    try:
        while not wait([process.sentinel], POLL):
            if excess := _excess(heard, _resident(process.pid, tree), module, budget):
                raise excess
        process.join()
        heard.join(1)
        if heard.status is None or heard.status != process.exitcode:
            raise _off(heard, f"{module} ended the process that ran it, with status {process.exitcode}, before the command was done")
        return heard.status
    except KeyboardInterrupt:
        process.join(GRACE)
        if process.exitcode == INTERRUPTED:  # it was interrupted too, and said so
            return INTERRUPTED
        raise
    finally:
        _kill(process, tree)


def _excess(heard: _Heard, resident: int, module: str, budget: Budget) -> click.ClickException | None:
    doing = "running" if heard.loaded else "being loaded"
    if heard.running and time.monotonic() - heard.last > budget.seconds:
        return _off(heard, f"{module} was {doing} for {budget.seconds:g} s without progress, its budget: --module-seconds sets another")
    if resident > budget.memory * GIB:
        held = f"{resident / GIB:.2g} GiB of memory, and its budget is {budget.memory:g} GiB"
        return _off(heard, f"{module}, {doing}, held {held}: --module-memory sets another")
    return None


def _off(heard: _Heard, sentence: str) -> click.ClickException:
    """A module that cannot be loaded is a word that is off; one that can, and then does not end well, is red."""
    return Red(sentence) if heard.loaded else click.UsageError(sentence)


def _resident(pid: int | None, tree: set[psutil.Process]) -> int:
    """Bytes held by the child and by all processes under it that were ever seen, which are added to `tree`."""
    with contextlib.suppress(psutil.Error):
        child = psutil.Process(pid)
        tree |= {child, *child.children(recursive=True)}
    total = 0
    for each in tree:
        with contextlib.suppress(psutil.Error):
            total += each.memory_info().rss
    return total


def _kill(process: multiprocessing.process.BaseProcess, tree: set[psutil.Process]) -> None:
    """End the child and all under it, those included that outlived it."""
    _resident(process.pid, tree)
    for each in tree:
        with contextlib.suppress(psutil.Error):
            each.kill()
    process.kill()
    process.join()


# The child


class _Child:
    """The process that loads the module."""

    module: str
    before: Snapshot

    def __init__(self, pipe: Connection) -> None:
        self.pipe = pipe
        self.lock = threading.Lock()

    def say(self, message: bytes) -> None:
        """Tell the parent, who may be gone."""
        with self.lock, contextlib.suppress(OSError):
            self.pipe.send_bytes(message)

    def run(
        self, needs: Iterable[str], claims: Iterable[str], module: str, load: Callable[[], object], command: Callable[[], int | None]
    ) -> int | None:
        """Load the module and run the command; before, the modules that the command needs and the catalogue's own claims that it names."""
        for name in ("theory.extension", *needs):
            importlib.import_module(name)
        for id in claims:
            CLAIMS[id]
        self.module, self.before = module, Snapshot()
        self.say(b"ready")
        load()
        self.say(b"ran")  # the comparison is not on the module's time
        if change := self.before.first_change():
            raise click.UsageError(f"{module} changes {change}: a module may add to the checker, and not change it")
        self.say(b"loaded")
        try:
            status = command()
        except (click.ClickException, click.Abort, KeyboardInterrupt):
            raise
        except BaseException as error:
            line = _line_of(module, error)
            if line is None and not isinstance(error, SystemExit):
                raise
            where = module if line is None else f"{module}, line {line},"
            raise Red(f"{where} raises {type(error).__name__}: {error}") from None
        self.require_intact()
        return status

    def require_intact(self) -> None:
        """Red where the checker is no longer what it was."""
        if change := self.before.first_change():
            raise Red(f"{self.module} changed {change} while it ran: a module may add to the checker, and not change it")


_child: _Child | None = None


def _line_of(module: str, error: BaseException) -> int | None:
    """The last line of the module on the way to an error."""
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == os.path.abspath(module)]
    return lines[-1] if lines else None


def _serve(words: list[str], pipe: Connection) -> NoReturn:
    """The child: runs the words of the call, and leaves without a last word of the module's."""
    global _child
    _child = _Child(pipe)
    threading.Thread(target=end_with_parent, daemon=True).start()
    complaints = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="backslashreplace")
    output.keep()
    from reports.command_line import call

    try:
        status, sentence = call(words)
        if not sentence:
            output.release()
    except BaseException:
        status, sentence = 1, traceback.format_exc()
    if sentence:
        complaints.write(sentence + "\n")
        complaints.flush()
    _child.say(b"done %d" % status)
    os._exit(status)
