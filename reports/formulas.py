"""Formulas as they are printed."""

from typing import Any

from sympy import Expr, Integral
from sympy.printing.latex import LatexPrinter
from sympy.printing.pretty.pretty import PrettyPrinter


class _Unevaluated:
    """SymPy orders the terms of a sum by their coefficients, and computes an integral that is one: seconds. Such terms stand by their form."""

    def _as_ordered_terms(self, sum: Expr, order: str | None = None) -> list[Expr]:
        constants = any(each.is_number for each in sum.atoms(Integral))
        terms: list[Expr] = super()._as_ordered_terms(sum, "old" if constants else order)  # type: ignore[misc]
        return terms


class _Latex(_Unevaluated, LatexPrinter):
    pass


class _Text(_Unevaluated, PrettyPrinter):
    pass


def latex(formula: Any) -> str:
    """In LaTeX."""
    return str(_Latex({"inv_trig_style": "full"}).doprint(formula))


def text(formula: Any) -> str:
    """In the characters of a terminal."""
    return str(_Text().doprint(formula))
