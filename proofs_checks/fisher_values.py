r"""Order parameters in numbers, to double precision: what stated formulas about Fisher information are evaluated with."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from flint import arb
from sympy import Expr, Symbol, lambdify, sympify

from proofs_checks.balls import Values, enclose, known, precision
from theory import symbols as s
from theory.classifier import Classifier
from theory.fisher import OrderParameters, fluctuations, order_parameters

BITS = 192
TO_DOUBLE = 2.0**-44  #: of what is left by quadrature
ORDER = (s.widths, s.kappa_1, s.kappa_2, s.V, s.v)


def _named(found: OrderParameters) -> Values:
    """Balls of the laws that have names, in order."""
    values: dict[Symbol, arb] = {}
    for symbol, expression in found.named:
        values[symbol] = arb(enclose(expression, values))
    return values


@cache
def order_values(model: Classifier) -> dict[Symbol, float]:
    """α, κ_1, κ_2, V and v of a network before the norm on its outputs.

    Raises
    ------
    NoClosedForm, NotEnclosed
        If they have no law, or it has no enclosure.
    """
    found = order_parameters(model, by_name=True)
    last = found.laws[-1]
    with precision(BITS):
        named = _named(found)
        formulas = {
            s.widths: found.widths,
            s.kappa_1: found.kappa_1,
            s.kappa_2: found.kappa_2,
            s.V: last.overlap,
            s.v: last.power - last.overlap,
        }
        return {symbol: known(arb(enclose(sympify(formula), named)), TO_DOUBLE) for symbol, formula in formulas.items()}


@cache
def noise_value(model: Classifier) -> float:
    """c_1 of a network before the norm on its outputs.

    Raises
    ------
    NoClosedForm
        If it is not known.
    """
    found = order_parameters(model, by_name=True)
    with precision(BITS):
        named = _named(found)
        constant = fluctuations(model, by_name=True).constant(sympify(model.outputs))
        return known(arb(enclose(constant, named)), TO_DOUBLE)


def evaluate(formula: Expr, model: Classifier, width: int, samples: int, realised: Mapping[Symbol, Any] | None = None) -> Any:
    """A stated formula at a width M and T samples: a number, or an array over networks where it depends on what their outputs turned out to be."""
    formula = sympify(formula)
    wanted = sorted(formula.free_symbols, key=str)
    sizes = {s.L: model.layers, s.C: model.outputs, s.N: width, s.T: samples, s.aspect: width / samples}
    values: dict[Symbol, Any] = {**sizes, **(realised or {})}
    if any(symbol in ORDER for symbol in wanted):
        values |= order_values(model)
    if s.noise in wanted:
        values[s.noise] = noise_value(model)
    missing = [symbol for symbol in wanted if symbol not in values]
    if missing:
        raise ValueError(f"nothing gives {', '.join(map(str, missing))} a value")
    return lambdify(wanted, formula, "numpy")(*(np.asarray(values[symbol], dtype=float) for symbol in wanted))
