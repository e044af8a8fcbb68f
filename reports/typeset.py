"""Definitions typeset from the code that ran.

A stage's `on_array(h, xp)` runs on a symbol whose operations build LaTeX, in a namespace whose functions do the
same: the formula printed is the formula that ran. Code that needs more than that is named, not guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from sympy import latex, sympify

from theory.stages import Ghost, Group, Pool, Stage

RELATION, SUM, PRODUCT, FRACTION, ATOM = range(5)  #: how tightly a formula's outermost operation binds
INDICES = {-2: "b", -1: "i"}  #: samples of a batch, units of a layer
NAMES = {"maximum": "max", "minimum": "min"}


class Formula:
    """LaTeX that grows under arithmetic, and how tightly its outermost operation binds."""

    def __init__(self, latex: str, binds: int = ATOM) -> None:
        self.latex = latex
        self.binds = binds

    def __str__(self) -> str:
        return self.latex

    def within(self, binds: int) -> str:
        """The formula as an operand, in parentheses unless it binds at least as tightly."""
        return self.latex if self.binds >= binds else rf"\left({self.latex}\right)"

    def __add__(self, other: Any) -> Formula:
        right = formula(other)
        return Formula(f"{self.within(SUM)} + {right.within(PRODUCT)}", SUM)

    def __radd__(self, other: Any) -> Formula:
        return formula(other) + self

    def __sub__(self, other: Any) -> Formula:
        return Formula(f"{self.within(SUM)} - {formula(other).within(PRODUCT)}", SUM)

    def __rsub__(self, other: Any) -> Formula:
        return formula(other) - self

    def __mul__(self, other: Any) -> Formula:
        return Formula(rf"{self.within(PRODUCT)}\,{formula(other).within(PRODUCT)}", PRODUCT)

    def __rmul__(self, other: Any) -> Formula:
        return formula(other) * self

    def __truediv__(self, other: Any) -> Formula:
        return Formula(rf"\frac{{{self.latex}}}{{{formula(other).latex}}}", FRACTION)

    def __rtruediv__(self, other: Any) -> Formula:
        return formula(other) / self

    def __pow__(self, power: Any) -> Formula:
        return Formula(rf"{self.within(ATOM)}^{{{formula(power).latex}}}", FRACTION)

    def __neg__(self) -> Formula:
        return Formula(f"-{self.within(PRODUCT)}", SUM)

    def __abs__(self) -> Formula:
        return Formula(rf"\left|{self.latex}\right|")

    def __gt__(self, other: Any) -> Formula:
        return Formula(f"{self.within(SUM)} > {formula(other).within(SUM)}", RELATION)

    def __lt__(self, other: Any) -> Formula:
        return Formula(f"{self.within(SUM)} < {formula(other).within(SUM)}", RELATION)

    @property
    def shape(self) -> tuple[Formula, Formula]:
        """Samples of a batch, units of a layer."""
        return Formula("B"), Formula("N")

    def __bool__(self) -> NoReturn:
        raise TypeError("a formula has no truth value: a branch would print only one of its arms")


def formula(value: Any) -> Formula:
    """A formula, or an exact number as one."""
    if isinstance(value, Formula):
        return value
    exact = sympify(int(value) if isinstance(value, float) and value.is_integer() else value)
    return Formula(latex(exact), ATOM if exact.is_nonnegative and (exact.is_Atom or exact.is_Float) else SUM)


class Namespace:
    """The array functions that stages use, as LaTeX; a reduction carries the index that it runs over."""

    @staticmethod
    def mean(h: Any, axis: int, keepdims: bool = True) -> Formula:
        """The average over the axis."""
        return Formula(rf"\langle {formula(h).latex} \rangle_{{{INDICES[axis]}}}")

    @staticmethod
    def sqrt(h: Any) -> Formula:
        """The square root."""
        return Formula(rf"\sqrt{{{formula(h).latex}}}")

    @staticmethod
    def abs(h: Any) -> Formula:
        """The modulus."""
        return abs(formula(h))

    def __getattr__(self, name: str) -> Callable[..., Formula]:
        if name.startswith("_"):
            raise AttributeError(name)
        operator = rf"\operatorname{{{NAMES.get(name, name)}}}".replace("_", r"\_")

        def call(*arguments: Any, axis: int | None = None, keepdims: bool = True) -> Formula:
            index = "" if axis is None else f"_{{{INDICES[axis]}}}"
            return Formula(rf"{operator}{index}\left({', '.join(formula(each).latex for each in arguments)}\right)")

        return call


def definition(stages: tuple[Stage, ...], symbol: str = "h") -> list[str]:
    """One line of LaTeX for each stage, in the order they run; of ghost batches and groups, those of the stages within."""
    lines = []
    for stage in stages:
        if isinstance(stage, Ghost | Group):
            first, *rest = definition(stage.stages, symbol)
            return [rf"\text{{in groups of {stage.size} {'samples' if isinstance(stage, Ghost) else 'units'}: }} {first}", *rest]
    for number, stage in enumerate(stages):
        before = symbol if number == 0 else rf"{symbol}_{{{number}}}"
        lines.append(rf"{symbol}_{{{number + 1}}} = {_typeset(stage, before)}")
    return lines


def _typeset(stage: Stage, before: str) -> str:
    try:
        if isinstance(stage, Pool):
            return rf"{formula(stage.within(Formula(before), Namespace())).latex} \quad \text{{over windows of {stage.window} units}}"
        return formula(stage.on_array(Formula(before), Namespace())).latex
    except Exception:  # somebody's own stage: a report must not fall over code that ran
        name = type(stage).__name__.replace("_", r"\_")
        return rf"\mathtt{{{name}}}({before}) \quad \text{{(its array code cannot be typeset)}}"
