"""Functions with one operator of their source changed: what an oversight in the code would look like.

A mutant runs in the module of its original and differs from it in one place: a sum becomes a difference, a product a quotient, an
inequality turns around, a number is one larger, a division by a root loses its root.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

OPERATORS: dict[type[ast.AST], type[ast.operator]] = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
INEQUALITIES: dict[type[ast.AST], type[ast.cmpop]] = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}
PACKAGES = ("theory", "numerics", "proofs_checks")


@dataclass(frozen=True)
class Mutant:
    """A changed function, and what was changed: `before → after`."""

    change: str
    function: FunctionType


def arithmetic(function: Callable[..., Any]) -> Iterator[Mutant]:
    """One mutant for each operator and each whole number of the function's body."""
    return _mutants(function, _other_arithmetic)


def operations(function: Callable[..., Any]) -> Iterator[Mutant]:
    """The same for operators and their operands alone: what counts or names something else than a quantity stays."""
    return _mutants(function, _other_arithmetic, operands=True)


def inequalities(function: Callable[..., Any]) -> Iterator[Mutant]:
    """One mutant for each comparison of the function's body, turned around."""
    return _mutants(function, _other_inequality)


def _other_arithmetic(node: ast.AST) -> ast.AST | None:
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return ast.BinOp(node.left, OPERATORS[type(node.op)](), node.right)
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return ast.Constant(node.value + 1)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "sqrt":
        return node.args[0]
    return None


def _other_inequality(node: ast.AST) -> ast.AST | None:
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in INEQUALITIES:
        return ast.Compare(node.left, [INEQUALITIES[type(node.ops[0])]()], node.comparators)
    return None


def _mutants(function: Callable[..., Any], other: Callable[[ast.AST], ast.AST | None], operands: bool = False) -> Iterator[Mutant]:
    assert isinstance(function, FunctionType)
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    definition = tree.body[0]
    assert isinstance(definition, ast.FunctionDef)
    body = _body(definition)
    quantities = [each for node in body if isinstance(node, ast.BinOp) for each in (node.left, node.right)]
    for number, node in enumerate(body):
        if other(node) is None or (operands and isinstance(node, ast.Constant) and node not in quantities):
            continue
        changed = copy.deepcopy(tree)
        place = _body(changed.body[0])[number]
        instead = other(place)
        assert instead is not None
        before = ast.unparse(place)
        _Replace(place, instead).visit(changed)
        yield Mutant(f"{before} → {ast.unparse(instead)}", _compiled(ast.fix_missing_locations(changed), function))


def _body(definition: ast.stmt) -> list[ast.AST]:
    """Nodes of a function that compute: neither its words, nor its annotations, nor its messages, nor what refuses its arguments."""
    assert isinstance(definition, ast.FunctionDef)
    found: list[ast.AST] = []

    def collect(node: ast.AST) -> None:
        if isinstance(node, ast.Raise | ast.JoinedStr | ast.Assert | ast.arguments) or _is_words(node) or _is_guard(node):
            return
        found.append(node)
        for name, value in ast.iter_fields(node):
            if name not in ("annotation", "returns", "decorator_list"):
                for each in value if isinstance(value, list) else [value]:
                    if isinstance(each, ast.AST):
                        collect(each)

    for statement in definition.body:
        collect(statement)
    return found


def _is_words(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_guard(node: ast.AST) -> bool:
    """What refuses its arguments computes nothing."""
    return isinstance(node, ast.If) and not node.orelse and all(isinstance(each, ast.Raise) for each in node.body)


class _Replace(ast.NodeTransformer):
    def __init__(self, place: ast.AST, instead: ast.AST) -> None:
        self.place, self.instead = place, instead

    def visit(self, node: ast.AST) -> Any:
        return self.instead if node is self.place else self.generic_visit(node)


def _compiled(tree: ast.Module, original: FunctionType) -> FunctionType:
    definition = tree.body[0]
    assert isinstance(definition, ast.FunctionDef)
    definition.decorator_list = []
    flags = original.__code__.co_flags & 0x1000000  # postponed annotations, as in the module it comes from
    module = compile(tree, original.__code__.co_filename, "exec", flags=flags, dont_inherit=True)
    code = next(each for each in module.co_consts if isinstance(each, CodeType))
    mutant = FunctionType(code, original.__globals__, original.__name__, original.__defaults__, original.__closure__)
    mutant.__kwdefaults__ = original.__kwdefaults__
    return mutant


@contextlib.contextmanager
def in_place_of(original: Callable[..., Any], other: Callable[..., Any]) -> Iterator[None]:
    """Every name in the project's modules, their classes and tables that means one function means another, for a while."""
    places: list[tuple[Any, Any, Any]] = []
    for module in [module for name, module in sys.modules.items() if name.split(".")[0] in PACKAGES]:
        for name, value in list(vars(module).items()):
            if value is original:
                places.append((module, name, other))
            elif isinstance(value, dict) and not name.startswith("__"):
                places += [(value, key, other) for key, each in value.items() if each is original]
            elif isinstance(value, type) and value.__module__ == module.__name__:
                for key, each in vars(value).items():
                    if each is original:
                        places.append((value, key, other))
                    elif isinstance(each, staticmethod) and each.__func__ is original:
                        places.append((value, key, staticmethod(other)))
    before = [_get(owner, key) for owner, key, _ in places]
    if not places:
        raise ValueError(f"no name means {original.__qualname__}")
    try:
        for owner, key, value in places:
            _set(owner, key, value)
        yield
    finally:
        for (owner, key, _), value in zip(places, before, strict=True):
            _set(owner, key, value)


def _get(owner: Any, key: Any) -> Any:
    return owner[key] if isinstance(owner, dict) else vars(owner)[key]


def _set(owner: Any, key: Any, value: Any) -> None:
    if isinstance(owner, dict):
        owner[key] = value
    else:
        setattr(owner, key, value)
