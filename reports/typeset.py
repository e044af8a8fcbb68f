"""Definitions typeset from the code that ran.

A stage's `on_array(h, xp)` runs on a symbol whose operations build LaTeX, in a namespace whose functions do the
same: the formula printed is the formula that ran.
"""

from __future__ import annotations

from typing import Any

from theory.stages import Stage


class Formula:
    """LaTeX that grows under arithmetic; `atomic` formulas need no parentheses."""

    def __init__(self, latex: str, atomic: bool = True) -> None:
        self.latex = latex
        self.atomic = atomic

    def __str__(self) -> str:
        return self.latex

    @property
    def grouped(self) -> str:
        """The formula as an operand."""
        return self.latex if self.atomic else rf"\left({self.latex}\right)"

    def _sum(self, sign: str, other: Any) -> Formula:
        other = formula(other)
        return Formula(f"{self.latex} {sign} {other.latex if sign == '+' else other.grouped}", atomic=False)

    def __add__(self, other: Any) -> Formula:
        return self._sum("+", other)

    def __radd__(self, other: Any) -> Formula:
        return formula(other) + self

    def __sub__(self, other: Any) -> Formula:
        return self._sum("-", other)

    def __rsub__(self, other: Any) -> Formula:
        return formula(other) - self

    def __mul__(self, other: Any) -> Formula:
        return Formula(rf"{self.grouped}\,{formula(other).grouped}")

    def __rmul__(self, other: Any) -> Formula:
        return formula(other) * self

    def __truediv__(self, other: Any) -> Formula:
        return Formula(rf"\frac{{{self.latex}}}{{{formula(other).latex}}}")

    def __rtruediv__(self, other: Any) -> Formula:
        return formula(other) / self

    def __pow__(self, power: Any) -> Formula:
        return Formula(rf"{self.grouped}^{{{formula(power).latex}}}")

    def __neg__(self) -> Formula:
        return Formula(f"-{self.grouped}", atomic=False)


def formula(value: Any) -> Formula:
    """A formula, or a number as one."""
    return value if isinstance(value, Formula) else Formula(f"{value:g}", atomic=value >= 0)


class Namespace:
    """The array functions that stages use, as LaTeX: b indexes the samples of a batch, i the units of a layer."""

    @staticmethod
    def mean(h: Any, axis: int, keepdims: bool = True) -> Formula:
        """The average over the axis."""
        index = {-2: "b", -1: "i"}[axis]
        return Formula(rf"\langle {formula(h).latex} \rangle_{{{index}}}")

    @staticmethod
    def sqrt(h: Any) -> Formula:
        """The square root."""
        return Formula(rf"\sqrt{{{formula(h).latex}}}")

    def __getattr__(self, name: str) -> Any:
        operator = {"maximum": r"\max", "minimum": r"\min", "where": r"\operatorname{where}"}.get(name, rf"\{name}")
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *arguments: Formula(rf"{operator}\left({', '.join(formula(each).latex for each in arguments)}\right)")


def definition(stages: tuple[Stage, ...], symbol: str = "h") -> list[str]:
    """One line of LaTeX for each stage, in the order they run."""
    lines = []
    for number, stage in enumerate(stages):
        before = symbol if number == 0 else f"{symbol}_{{{number}}}"
        after = f"{symbol}_{{{number + 1}}}"
        lines.append(f"{after} = {stage.on_array(Formula(before), Namespace())}")
    return lines
