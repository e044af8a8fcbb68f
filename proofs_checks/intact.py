"""Whether the checker is still what it was: code of a user's own may add to it, and change nothing of it.

A snapshot notes what every name of the checker leads to. Of the project's own modules that is everything: functions and their code,
classes, numbers, tables and what is in them. Of the libraries under them it is functions, classes, their methods and the settings that
numbers depend on; a library's counters and caches are its own affair. New names and modules imported later are no change, unless a new
name hides an old one.

This finds accidents and plain attempts. Code in the same process that restores what it changed, or changes what no name leads to, is
not found.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator
from functools import cached_property
from inspect import getattr_static
from types import BuiltinFunctionType, CellType, FunctionType, ModuleType
from typing import Any, NamedTuple

PROJECT = ("theory", "numerics", "proofs_checks", "reports")
#: Packages with all their modules.
PACKAGES = ("sympy", "mpmath", "flint")
#: Modules alone: the parts of large packages, and of Python, that a verdict passes through.
MODULES = (
    "builtins", "concurrent.futures.thread", "dataclasses", "enum", "functools", "hashlib", "inspect", "itertools", "json", "json.decoder",
    "json.encoder", "math", "multiprocessing.connection", "operator", "os", "pickle", "click", "click.core",
    "numpy", "numpy.linalg", "numpy.polynomial.hermite_e", "scipy.integrate", "scipy.linalg", "scipy.optimize", "scipy.special", "scipy.stats",
    "jax", "jax.lax", "jax.numpy", "jax.numpy.linalg", "jax.random", "jax.scipy.special", "jax.scipy.stats",
)  # fmt: skip
#: Objects of libraries whose own attributes are noted as well.
OBJECTS = ("mpmath.mp", "scipy.stats.beta", "scipy.stats.binom", "scipy.stats.chi2", "scipy.stats.norm", "scipy.stats.t")
LOOKED_INTO = {*PROJECT, *PACKAGES, *(name.partition(".")[0] for name in MODULES)} - {"builtins"}
#: What Python itself adds to a class or sets in it after it was made.
OWN_AFFAIR = {
    "__builtins__",
    "__annotations__",
    "__annotate__",
    "__annotate_func__",
    "__annotations_cache__",
    "__doc__",
    "__abstractmethods__",
}


_PLAIN = (bool, int, float, complex, str, bytes, type(None))
#: In a library: counters, caches and what is filled when first asked for. Whether something is None or true is steady in a class.
_UNSTEADY_IN_CLASS = {dict, list, set, int}
_UNSTEADY = {*_UNSTEADY_IN_CLASS, bool, str, bytes, type(None)}


class _Name(NamedTuple):
    """A name, where it was found, and what it leads to."""

    owner: Any
    where: str
    name: Any
    value: Any

    def __str__(self) -> str:
        return _in_words(self.where, self.name)


class Snapshot:
    """What the names of the checker lead to now.

    The objects themselves are kept, so that none of their addresses is given to another.
    """

    def __init__(self) -> None:
        self.names: dict[tuple[int, Any], _Name] = {}  #: by the address of what has the name, which many paths may lead to
        self.owners: set[int] = set()
        for name, module in sorted(sys.modules.items(), key=_foundations_first):
            room = name.partition(".")[0]
            if isinstance(module, ModuleType) and (room in PROJECT or room in PACKAGES or name in MODULES):
                self._add(sys.modules, "sys.modules", name, module)
                self._note(name, module, vars(module), room in PROJECT)
        for path in OBJECTS:
            where, _, name = path.rpartition(".")
            if (thing := getattr(sys.modules.get(where), name, None)) is not None:
                self._note(path, thing, vars(thing), project=False)
                for kind in type(thing).__mro__[:-1]:
                    self._enter(path, kind, project=False)
        for path, setting in _settings():
            self._add(_settings, "", path, setting)

    def first_change(self) -> str | None:
        """The first name that no longer leads to what it led to, or that hides another since; None where there is none."""
        now = Snapshot().names
        for key, was in self.names.items():
            if key not in now or not _same(was.value, now[key].value):
                return str(was)
        for key, new in now.items():
            if key not in self.names and id(new.owner) in self.owners and _hides(new.owner, new.name):
                return str(new)
        return None

    def _add(self, owner: Any, where: str, name: Any, value: Any) -> None:
        self.names[id(owner), name] = _Name(owner, where, name, value)

    def _note(self, where: str, owner: Any, members: Any, project: bool) -> None:
        self.owners.add(id(owner))
        for name, value in list(members.items()):
            if name in OWN_AFFAIR or (not project and type(value) in (_UNSTEADY_IN_CLASS if isinstance(owner, type) else _UNSTEADY)):
                continue
            self._add(owner, where, name, value)
            self._enter(_in_words(where, name), value, project)

    def _enter(self, path: str, value: Any, project: bool) -> None:
        if isinstance(value, (*_PLAIN, ModuleType, BuiltinFunctionType)) or id(value) in self.owners:
            return
        self.owners.add(id(value))
        if isinstance(value, type):
            path, project = f"{value.__module__}.{value.__qualname__}", _room(value) in PROJECT
        if inner := dict(_members(value, project)):
            self._note(path, value, inner, project)


def _members(value: Any, project: bool) -> Iterator[tuple[Any, Any]]:
    """What may be changed within a value, by name."""
    if isinstance(value, Snapshot):
        return
    if isinstance(value, FunctionType):
        yield from (("__code__", value.__code__), ("__defaults__", value.__defaults__), ("__kwdefaults__", value.__kwdefaults__))
        for number, cell in enumerate(value.__closure__ or ()):
            if callable(content := _content(cell)):
                yield f"closure {number}", content
    elif isinstance(value, type):
        if _room(value) in LOOKED_INTO:
            yield "__bases__", value.__bases__
            yield from vars(value).items()
    elif isinstance(value, staticmethod | classmethod):
        yield "__func__", value.__func__
    elif isinstance(value, property):
        yield from (("fget", value.fget), ("fset", value.fset))
    elif isinstance(value, cached_property):
        yield "func", value.func
    elif not project:
        return
    elif isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, tuple | list):
        yield from enumerate(value)
    elif _room(type(value)) in PROJECT and hasattr(value, "__dict__"):
        yield "__class__", type(value)
        yield from vars(value).items()
    if hasattr(value, "__wrapped__") and not isinstance(value, type):
        yield "__wrapped__", value.__wrapped__


def _room(kind: type) -> str:
    """The package that a class is defined in."""
    return str(getattr(kind, "__module__", "")).partition(".")[0]


def _foundations_first(named: tuple[str, Any]) -> tuple[int, str]:
    """What several names lead to is named by the first room that has it."""
    room = named[0].partition(".")[0]
    return PROJECT.index(room) if room in PROJECT else len(PROJECT), named[0]


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _settings() -> Iterator[tuple[str, Any]]:
    """The precision that libraries work in."""
    if "mpmath" in sys.modules:
        yield "mpmath.mp.prec", sys.modules["mpmath"].mp.prec
    if "flint" in sys.modules:
        yield "flint.ctx.prec", sys.modules["flint"].ctx.prec
    if "jax" in sys.modules:
        yield "jax.config.jax_enable_x64", sys.modules["jax"].config.jax_enable_x64


def _same(was: Any, now: Any) -> bool:
    return was is now or (type(was) is type(now) and isinstance(was, _PLAIN) and was == now)


def _hides(owner: Any, name: Any) -> bool:
    """Whether a new name of an owner stands before one that was found until then."""
    if isinstance(owner, ModuleType):
        return name in vars(builtins)
    if isinstance(owner, type):
        return any(name in vars(base) for base in owner.__mro__[1:])
    if isinstance(owner, FunctionType | dict | list | tuple) or not isinstance(name, str):
        return False
    hidden = getattr_static(type(owner), name, None)
    return hidden is not None and not isinstance(hidden, cached_property)


def _in_words(where: str, name: Any) -> str:
    if not where:
        return str(name)
    return f"{where}.{name}" if isinstance(name, str) and name.replace(" ", "_").isidentifier() else f"{where}[{name!r}]"
