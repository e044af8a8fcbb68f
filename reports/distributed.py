"""`--distributed`: this process is one of several, and runs in a child that its parent watches.

When one of the processes is lost, or the others do not come, JAX's runtime aborts the process that it runs in, with a page of C++ frames:
no exception can be caught. The parent loads no JAX, waits, and says in one sentence how it ended.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

import click

from proofs_checks.worker import end_with_parent
from reports.confined import GRACE, INTERRUPTED

ADDRESS, COUNT, NUMBER = PLACE = ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID")
JOINED, ANSWERED = "joined", "answered"


class Lost(click.ClickException):
    """The processes did not come together, or did not stay together: one sentence and exit 1."""


def place(environment: Mapping[str, str]) -> dict[str, Any]:
    """Where this process stands, as `jax.distributed.initialize` takes it; nothing where JAX is to detect a cluster.

    Raises
    ------
    click.UsageError
        If one of number and count is set and not all three variables are, or one says nothing that is allowed.
    """
    given = {name: environment[name] for name in PLACE if environment.get(name)}
    if not given.keys() & {COUNT, NUMBER}:
        return {}
    if missing := [name for name in PLACE if name not in given]:
        raise click.UsageError(f"--distributed: {' and '.join(given)} {_are(given)} set, but {' and '.join(missing)} {_are(missing)} not")
    host, _, port = given[ADDRESS].rpartition(":")
    if not (host and port.isdecimal() and 0 < int(port) < 2**16):
        raise click.UsageError(f"--distributed: {ADDRESS} is {given[ADDRESS]!r}, but must be HOST:PORT of process 0")
    count, number = given[COUNT], given[NUMBER]
    if not (count.isdecimal() and int(count) > 0):
        raise click.UsageError(f"--distributed: {COUNT} is {count!r}, but must be a positive integer")
    if not (number.isdecimal() and int(number) < int(count)):
        raise click.UsageError(
            f"--distributed: {NUMBER} is {number!r}, but must be an integer from 0 to {COUNT} - 1, which is {int(count) - 1}"
        )
    return {"coordinator_address": given[ADDRESS], "num_processes": int(count), "process_id": int(number)}


def _are(names: Any) -> str:
    return "is" if len(names) == 1 else "are"


# The parent


def watch(words: list[str], kept: str) -> int:
    """Run the words in a child, and its exit status; `kept` says what becomes of what it had finished.

    Raises
    ------
    Lost
        If the child did not leave of its own accord before it had an answer.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(list(words), theirs))
    process.start()
    theirs.close()
    heard: set[str] = set()
    try:
        with contextlib.suppress(EOFError):
            while True:
                heard.add(ours.recv())
        process.join()
    except KeyboardInterrupt:
        process.join(GRACE)
        if process.exitcode != INTERRUPTED:
            raise
    finally:
        process.kill()
        process.join()
    status = process.exitcode
    if ANSWERED in heard:  # that another process was lost later changes nothing
        return 0
    if status is not None and status >= 0:
        return status
    if status != -signal.SIGABRT:
        raise Lost(f"this process was killed, by signal {-(status or 0)}: {kept}")
    if JOINED in heard:
        raise Lost(f"another process of this simulation was lost: {kept}")
    raise Lost(f"the processes of this simulation did not find each other at {os.environ.get(ADDRESS, 'the address that JAX detected')}")


# The child

_pipe: Connection | None = None


def watched() -> bool:
    """Whether this is the child."""
    return _pipe is not None


def say(word: str) -> None:
    """Tell the parent, if there is one, how far it is."""
    if _pipe is not None:
        _pipe.send(word)


def _serve(words: list[str], pipe: Connection) -> None:
    global _pipe
    _pipe = pipe
    threading.Thread(target=end_with_parent, daemon=True).start()
    sys.stderr = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="backslashreplace", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # the runtime's own words: the parent has better ones
    from reports.command_line import call

    status, sentence = call(words)
    if sentence:
        click.echo(sentence, err=True)
    sys.stdout.flush()
    os._exit(status)  # not after waiting for the others, who may wait for this one
