"""The mean and the spread of any number of values, merged block by block, in float64."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Running(NamedTuple):
    r"""Of K values $x_k$: K, $\bar x$ and $\sum_k (x_k - \bar x)^2$, all that is kept of them.

    Two such summaries merge into that of all values (Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing
    sample variances", 1979), without the cancellation of $\sum x^2 - K\bar x^2$.
    """

    number: int
    mean: float
    squares: float

    @staticmethod
    def of(values: np.ndarray) -> Running:
        """Of values (K,), one at least."""
        mean = values.mean()
        return Running(len(values), float(mean), float(((values - mean) ** 2).sum()))

    def merged(self, other: Running) -> Running:
        """Of both sets of values."""
        number, apart = self.number + other.number, other.mean - self.mean
        share = other.number / number
        return Running(number, self.mean + apart * share, self.squares + other.squares + apart**2 * self.number * share)

    @property
    def variance(self) -> float:
        """Their unbiased variance, of two values at least."""
        return self.squares / (self.number - 1)
