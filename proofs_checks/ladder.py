r"""The ladder of widths: finite-width bias estimated, its rate asserted, the infinite-width value extrapolated.

A statistic t of networks of width N has expectation $t_\infty + b_1/N + b_2/N^2 + O(N^{-3})$. Means at several widths are fitted by weighted
least squares; the intercept is what a theorem about infinite width predicts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

RATES: dict[str, tuple[float, ...]] = {
    "none": (),  #: a statistic whose value does not depend on the width
    "1/N": (1.0, 2.0),  #: the stated rate, with its next order
    "1/sqrt(N)": (0.5,),
    "1/N^2": (2.0,),
}


@dataclass(frozen=True)
class Rung:
    """The mean of a statistic over replicates of one width."""

    width: int
    networks: int
    mean: float
    standard_error: float
    batch: float = np.inf

    @staticmethod
    def of(width: int, values: np.ndarray, rounding: float = 0.0, batch: float = np.inf) -> Rung:
        """From one value per network; where all agree up to rounding, the spread measures rounding and its bound takes its place."""
        error = float(values.std(ddof=1) / np.sqrt(len(values)))
        return Rung(width, len(values), float(values.mean()), max(error, rounding), batch)


@dataclass(frozen=True)
class Fit:
    """A weighted least-squares fit over a ladder."""

    coefficients: tuple[float, ...]  #: of 1 and of the rate's powers of the width
    standard_error: float  #: of the intercept
    freedom: float
    misfit: float  #: p-value of the residuals

    @property
    def intercept(self) -> float:
        """The extrapolated value at infinite width."""
        return self.coefficients[0]


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
    """Weighted least squares of the rungs' means on columns (rungs, terms), the first of them ones."""
    errors = np.array([rung.standard_error for rung in rungs])
    matrix = columns / errors[:, None]
    target = np.array([rung.mean for rung in rungs]) / errors
    inverse = np.linalg.pinv(matrix)
    coefficients = inverse @ target
    residuals = target - matrix @ coefficients
    spare = len(rungs) - matrix.shape[1]
    # Welch and Satterthwaite: the intercept is a weighted sum of rung means, each with its own replicates.
    shares = inverse[0] ** 2
    freedom = shares.sum() ** 2 / sum(share**2 / (rung.networks - 1) for share, rung in zip(shares, rungs, strict=True))
    return Fit(
        coefficients=tuple(map(float, coefficients)),
        standard_error=float(np.sqrt(shares.sum())),
        freedom=float(freedom),
        misfit=float(stats.chi2.sf(residuals @ residuals, spare)) if spare else 1.0,
    )


def inflation(widths: tuple[int, ...], shares: tuple[float, ...]) -> float:
    """Variance of the intercept when rung k has `shares[k]` units (networks × width) and one unit has variance one."""
    sizes = np.array(widths, dtype=float)
    matrix = _design_matrix(sizes, RATES["1/N"][: len(widths) - 1]) * np.sqrt(np.array(shares))[:, None]
    return float(np.linalg.inv(matrix.T @ matrix)[0, 0])
