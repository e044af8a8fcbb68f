"""A process beside the one that audits: it serves one task after another, and can be ended under any of them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

Serve = Callable[[Connection], None]


class Worker:
    """A process that runs `serve` on its end of a pipe, until the pipe is closed; one that has ended is replaced."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._context = multiprocessing.get_context("spawn")
        self._process: multiprocessing.process.BaseProcess | None = None
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.end()

    def ready(self) -> Connection:
        """Our end of the pipe to a process that lives: a new one, if need be.

        Raises
        ------
        OSError
            If no process can be started.
        """
        if self._connection is not None and self._process is not None and self._process.is_alive():
            return self._connection
        self.end()
        self._connection, theirs = self._context.Pipe()
        process = self._context.Process(target=_begin, args=(self._serve, theirs), daemon=True)
        process.start()
        theirs.close()
        self._process = process
        return self._connection

    def end(self) -> None:
        """Kill the process, whatever it is doing."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
        self._process = self._connection = None


def _begin(serve: Serve, connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all of a terminal's processes, and this one has an owner who ends it
    threading.Thread(target=end_with_parent, daemon=True).start()
    with suppress(EOFError, ConnectionError):  # there is no owner any more
        serve(connection)


def end_with_parent() -> None:
    """For a thread of a child: a parent that was killed cannot end it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
