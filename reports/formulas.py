"""Formulas as they are printed."""

from typing import Any

from sympy import Expr, Integral
from sympy.printing.latex import LatexPrinter
from sympy.printing.pretty.pretty import PrettyPrinter


class _Unevaluated:
    """SymPy orders terms by the values of their coefficients, and computes those that are integrals, for seconds: such sums are ordered by form."""

    def _as_ordered_terms(self, expr: Expr, order: str | None = None) -> list[Expr]:
        of_integrals = any(each.is_number for each in expr.atoms(Integral))
        terms: list[Expr] = super()._as_ordered_terms(expr, "old" if of_integrals else order)  # type: ignore[misc]
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
