r"""Array code in symbols: `on_array` run on a SymPy symbol, so that theory and simulation read one definition.

The namespace has NumPy's names. What it lacks, and what a symbol cannot do (a shape, a branch, a loop over entries), has no symbolic
reading: `NoClosedForm` says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import sympy
from sympy import Expr, Max, Piecewise

from theory.law import NoClosedForm, exact

if TYPE_CHECKING:
    from theory.stages import Pool, Stage


def _modulus(h: Expr) -> Expr:
    return 2 * Max(0, h) - h  # SymPy's Abs settles the signs of integrals in it by evaluating them


def _minimum(one: Expr, other: Expr) -> Expr:
    return -Max(-one, -other)


#: NumPy's names.
FUNCTIONS: dict[str, Callable[..., Expr]] = {
    "maximum": Max,
    "minimum": _minimum,
    "where": lambda condition, yes, no: Piecewise((yes, condition), (no, True)),
    "abs": _modulus,
    "absolute": _modulus,
    "square": lambda h: h**2,
    "power": lambda h, exponent: h**exponent,
    "clip": lambda h, low, high: _minimum(Max(h, low), high),
    "arctan": sympy.atan,
    "arcsinh": sympy.asinh,
    "expm1": lambda h: sympy.exp(h) - 1,
    "log1p": lambda h: sympy.log(1 + h),
    "logaddexp": lambda a, b: sympy.log(sympy.exp(a) + sympy.exp(b)),
} | {name: getattr(sympy, name) for name in ("sqrt", "exp", "log", "tanh", "sinh", "cosh", "sin", "cos", "tan", "erf")}


class Namespace:
    """NumPy's elementwise functions on SymPy expressions; `mean` is given by whoever knows what an axis means."""

    pi = sympy.pi

    def __init__(self, mean: Callable[[Expr, int], Expr] | None = None) -> None:
        self._mean = mean

    def mean(self, h: Expr, axis: int, keepdims: bool = True) -> Expr:
        """The average along an axis."""
        if self._mean is None:
            raise NoClosedForm("an average over samples or units has no value for one number alone")
        return self._mean(h, axis)

    def __getattr__(self, name: str) -> Callable[..., Expr]:
        if name not in FUNCTIONS:
            raise NoClosedForm(f"xp.{name} has no reading in symbols")
        return FUNCTIONS[name]


def symbolic(stage: Stage, h: Expr, mean: Callable[[Expr, int], Expr] | None = None) -> Expr:
    """What the stage's array code makes of a symbolic value, with decimals read exactly.

    Raises
    ------
    NoClosedForm
        If the code needs what a symbol does not have.
    """
    return _read(type(stage).__name__, lambda: stage.on_array(h, Namespace(mean)))


class _Window(Namespace):
    """The same on the units of one pooling window."""

    def max(self, h: tuple[Expr, ...], axis: int) -> Expr:
        return Max(*h)

    def mean(self, h: tuple[Expr, ...], axis: int, keepdims: bool = False) -> Expr:
        return sympy.Add(*h) / len(h)


def of_window(pool: Pool, window: tuple[Expr, ...]) -> Expr:
    """What pooling makes of the units of one window, in symbols.

    Raises
    ------
    NoClosedForm
        If its array code needs what symbols do not have.
    """
    return _read(type(pool).__name__, lambda: pool.within(window, _Window()))


def _read(name: str, code: Callable[[], Any]) -> Expr:
    try:
        return exact(code())
    except NoClosedForm:
        raise
    except Exception as error:  # somebody's own code, on a kind of value it was not written for
        raise NoClosedForm(f"the array code of {name} has no reading in symbols ({type(error).__name__}: {error})") from None
