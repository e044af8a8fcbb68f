r"""The ladder of widths: finite-width bias estimated, its rate asserted, the infinite-width value extrapolated.

A statistic t of networks of width N has expectation $t_\infty + b_1/N + b_2/N^2 + O(N^{-3})$. Means at several widths are fitted by weighted
least squares; the intercept is what a theorem about infinite width predicts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import special

Numbers = Any  #: a float, or in a calibration an array with one for each replicate

RATES: dict[str, tuple[float, ...]] = {
    "none": (),  #: a statistic whose value does not depend on the width
    "1/N": (1.0, 2.0),  #: the stated rate, with its next order
    "1/sqrt(N)": (0.5,),
    "1/N^2": (2.0,),
}


@dataclass(frozen=True)
class Rung:
    """The mean of a statistic over the networks of one width."""

    width: int
    networks: int
    mean: Numbers
    standard_error: Numbers
    batch: float = np.inf

    @staticmethod
    def of(width: int, values: np.ndarray, rounding: float = 0.0, batch: float = np.inf) -> Rung:
        """From one value per network; where all agree up to rounding, the spread measures rounding and its bound takes its place."""
        mean = values.mean()
        return Rung.of_sums(width, len(values), float(mean), float(((values - mean) ** 2).sum()), rounding, batch)

    @staticmethod
    def of_sums(width: int, networks: int, mean: Numbers, squares: Numbers, rounding: float = 0.0, batch: float = np.inf) -> Rung:
        """From the mean and the sum of squared deviations from it."""
        return Rung(width, networks, mean, _plain(np.maximum(np.sqrt(squares / (networks - 1) / networks), rounding)), batch)


@dataclass(frozen=True)
class Sample:
    """The values of a rung's networks, one for each, and those of a pilot, which enter no mean: their shape may stand for that of the rung."""

    width: int
    values: np.ndarray = field(repr=False)
    pilot: np.ndarray = field(repr=False)
    rounding: float = 0.0
    batch: float = np.inf

    @property
    def rung(self) -> Rung:
        """Their mean."""
        return Rung.of(self.width, self.values, self.rounding, self.batch)


@dataclass(frozen=True)
class Fit:
    """A weighted least-squares fit over a ladder."""

    coefficients: np.ndarray  #: of 1 and of the rate's powers of the width (…, terms)
    fitted: np.ndarray  #: the curve at every rung (…, rungs)
    standard_error: Numbers  #: of the intercept
    freedom: Numbers
    misfit: Numbers  #: p-value of the residuals
    spare: int  #: rungs beyond the terms

    @property
    def intercept(self) -> Numbers:
        """The extrapolated value at infinite width."""
        return _plain(self.coefficients[..., 0])

    def deviations(self, stated: Numbers) -> Numbers:
        """Standard errors from a stated value to the intercept."""
        return (self.intercept - stated) / self.standard_error


def _plain(found: np.ndarray) -> Numbers:
    return float(found) if np.ndim(found) == 0 else found


def _design_matrix(widths: np.ndarray, exponents: tuple[float, ...]) -> np.ndarray:
    return np.column_stack([np.ones_like(widths), *(widths**-p for p in exponents)])


def fit(rungs: list[Rung], rate: str = "1/N") -> Fit:
    """Fit the statistic's dependence on width with one of `RATES`: as many of its orders as there are rungs to tell them from the intercept."""
    widths = np.array([rung.width for rung in rungs], dtype=float)
    return least_squares(rungs, _design_matrix(widths, RATES[rate][: len(rungs) - 1]))


def fit_width_and_batch(rungs: list[Rung]) -> Fit:
    r"""Fit $t_\infty + b_1/N + b_2/N^2 + d_1/B + d_2/B^2$: widths and batches of every rung."""
    widths, batches = (np.array([getattr(rung, name) for rung in rungs], dtype=float) for name in ("width", "batch"))
    return least_squares(rungs, np.column_stack([_design_matrix(widths, RATES["1/N"]), _design_matrix(batches, RATES["1/N"])[:, 1:]]))


def least_squares(rungs: list[Rung], columns: np.ndarray) -> Fit:
    """Weighted least squares of the rungs' means on columns (rungs, terms), the first of them ones; of arrays of means, as many fits."""
    errors, means = (np.stack([getattr(rung, name) for rung in rungs], axis=-1) for name in ("standard_error", "mean"))
    inverse = np.linalg.pinv(columns / errors[..., None])
    coefficients = np.einsum("...tr,...r->...t", inverse, means / errors)
    fitted = coefficients @ columns.T
    residuals = (means - fitted) / errors
    spare = len(rungs) - columns.shape[1]
    # Welch and Satterthwaite: the intercept is a weighted sum of rung means, each with its own replicates.
    shares = inverse[..., 0, :] ** 2
    freedom = shares.sum(axis=-1) ** 2 / (shares**2 / [rung.networks - 1 for rung in rungs]).sum(axis=-1)
    return Fit(
        coefficients=coefficients,
        fitted=fitted,
        standard_error=_plain(np.sqrt(shares.sum(axis=-1))),
        freedom=_plain(freedom),
        misfit=_plain(special.chdtrc(spare, (residuals**2).sum(axis=-1))) if spare else 1.0,
        spare=spare,
    )


def parts_of_variance(widths: tuple[int, ...], shares: tuple[float, ...]) -> np.ndarray:
    """What each rung adds to the variance of the intercept when rung k has `shares[k]` units (networks, or networks × width) and one unit has variance one."""
    roots = np.sqrt(np.array(shares))
    matrix = _design_matrix(np.array(widths, dtype=float), RATES["1/N"][: len(widths) - 1]) * roots[:, None]
    found: np.ndarray = np.linalg.pinv(matrix)[0] ** 2
    return found
