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
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, partial
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
    "numpy", "numpy.linalg", "numpy.polynomial.hermite_e", "scipy.integrate", "scipy.linalg", "scipy.optimize", "scipy.special",
    "jax", "jax.lax", "jax.numpy", "jax.numpy.linalg", "jax.random", "jax.scipy.special", "jax.scipy.stats",
)  # fmt: skip
#: Objects of libraries whose own attributes are noted as well.
OBJECTS = ("mpmath.mp",)
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

Reading = Callable[[], Iterable[tuple[Any, Any]]]  #: names, and what they lead to

_PLAIN = (bool, int, float, complex, str, bytes, type(None))
_LEADS_NOWHERE = (*_PLAIN, ModuleType, BuiltinFunctionType)
#: In a library: counters, caches and what is filled when first asked for. Whether something is None or true is steady in a class.
_UNSTEADY_IN_CLASS = {dict, list, set, int}
_UNSTEADY = {*_UNSTEADY_IN_CLASS, bool, str, bytes, type(None)}


class _Owner(NamedTuple):
    """What has names: where it was found, how they are read, and what they led to."""

    where: str
    thing: Any
    read: Reading
    project: bool
    members: dict[Any, Any]

    def members_now(self) -> dict[Any, Any]:
        """What the names lead to, without what is the affair of Python or of a library."""
        named = [(name, value) for name, value in list(self.read()) if name not in OWN_AFFAIR]  # other threads may add names meanwhile
        if not self.project:
            unsteady = _UNSTEADY_IN_CLASS if isinstance(self.thing, type) else _UNSTEADY
            named = [(name, value) for name, value in named if type(value) not in unsteady]
        return dict(named)


class Snapshot:
    """What the names of the checker lead to now.

    The objects themselves are kept, so that none of their addresses is given to another.
    """

    def __init__(self) -> None:
        self._owners: list[_Owner] = []
        self._met: set[int] = set()  #: addresses: many paths may lead to one
        for name, module in self._noted("", sys.modules, _checker, project=True).items():
            self._note(name, module, vars(module).items, name.partition(".")[0] in PROJECT)
        for path in OBJECTS:
            where, _, name = path.rpartition(".")
            if (thing := getattr(sys.modules.get(where), name, None)) is not None:
                self._note(path, thing, vars(thing).items, project=False)
                for kind in type(thing).__mro__[:-1]:
                    self._enter("", path, kind, project=False)
        self._noted("", _settings, _settings, project=True)

    def first_change(self) -> str | None:
        """The first name that no longer leads to what it led to, or that hides another since; None where there is none."""
        for owner in self._owners:
            now = owner.members_now()
            for name, was in owner.members.items():
                if name not in now or not _same(was, now[name]):
                    return _in_words(owner.where, name)
            for name in now.keys() - owner.members.keys():
                if _hides(owner.thing, name):
                    return _in_words(owner.where, name)
        return None

    def _noted(self, where: str, thing: Any, read: Reading, project: bool) -> dict[Any, Any]:
        owner = _Owner(where, thing, read, project, {})
        owner.members.update(owner.members_now())
        self._met.add(id(thing))
        if owner.members:
            self._owners.append(owner)
        return owner.members

    def _note(self, where: str, thing: Any, read: Reading, project: bool) -> None:
        """Note a thing and all under it."""
        for name, value in self._noted(where, thing, read, project).items():
            self._enter(where, name, value, project)

    def _enter(self, where: str, name: Any, value: Any, project: bool) -> None:
        if isinstance(value, _LEADS_NOWHERE) or id(value) in self._met:
            return
        if isinstance(value, type):
            path, project = f"{value.__module__}.{value.__qualname__}", _room(value) in PROJECT
        else:
            path = _in_words(where, name)
        self._note(path, value, partial(_members, value, project), project)


def _checker() -> Iterator[tuple[str, ModuleType]]:
    """The modules that are noted, the project's own first: what several names lead to is named by the first room that has it."""
    for name, module in sorted(sys.modules.items(), key=_foundations_first):
        room = name.partition(".")[0]
        if isinstance(module, ModuleType) and (room in PROJECT or room in PACKAGES or name in MODULES):
            yield name, module


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
            yield from list(vars(value).items())
    elif isinstance(value, staticmethod | classmethod):
        yield "__func__", value.__func__
    elif isinstance(value, property):
        yield from (("fget", value.fget), ("fset", value.fset))
    elif isinstance(value, cached_property):
        yield "func", value.func
    elif not project:
        return
    elif isinstance(value, dict):
        yield from list(value.items())
    elif isinstance(value, tuple | list):
        yield from enumerate(value)
    elif _room(type(value)) in PROJECT and hasattr(value, "__dict__"):
        yield "__class__", type(value)
        yield from list(vars(value).items())
    if hasattr(value, "__wrapped__") and not isinstance(value, type):
        yield "__wrapped__", value.__wrapped__


def _room(kind: type) -> str:
    """The package that a class is defined in."""
    return str(getattr(kind, "__module__", "")).partition(".")[0]


def _foundations_first(named: tuple[str, Any]) -> tuple[int, str]:
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
