"""What a command says on stdout: one stream, which code that it runs has no name for.

A command that runs a module of the user's says it when all is done and all is well: `keep` then holds it back, and `release` lets it go.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

import click


class _Kept(io.StringIO):
    """Held back in memory; to whoever chooses colours it is the terminal, or the file, that it will be written to."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self.descriptor = descriptor
        self.coding = (sys.stdout.encoding, sys.stdout.errors) if sys.stdout is not None else ("utf-8", "strict")

    def isatty(self) -> bool:
        return os.isatty(self.descriptor)


_kept: _Kept | None = None


def stdout() -> TextIO:
    """The stream that a command's answer goes to."""
    return sys.stdout if _kept is None else _kept


def echo(message: str) -> None:
    """Say one line of the answer."""
    click.echo(message, file=stdout())


def keep() -> None:
    """From now on hold the answer back; what anything else writes to the process's stdout goes to its stderr."""
    global _kept
    _kept = _Kept(os.dup(1))
    os.dup2(2, 1)
    sys.stdout = sys.stderr


def release() -> None:
    """Write what was held back."""
    assert _kept is not None
    encoding, errors = _kept.coding
    with os.fdopen(_kept.descriptor, "w", encoding=encoding, errors=errors) as stream:
        stream.write(_kept.getvalue())
