r"""Design before data: error rates, resolutions and sample sizes, fixed before anything is drawn.

Every statistical check answers three questions: what is its error rate (its share of one α for the whole
audit), what could it see (its resolution: the deviation it would miss with probability at most
`MISS`), and how much does it need (the replicates solved from both).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import stats

MISS = 1e-6  #: probability that a deviation of the stated resolution goes unnoticed
DEFAULT_ALPHA = 1e-6  #: probability that the whole audit of true claims shows any statistical failure
DEFAULT_RESOLUTION = 0.02  #: relative deviation of γ that every observed claim can see


@dataclass(frozen=True)
class Design:
    """Error rate of one check, and the relative resolution wanted of it."""

    alpha: float
    resolution: float

    @property
    def deviations(self) -> float:
        """Standard errors between the prediction and the nearest value that is surely told apart from it."""
        return float(stats.norm.isf(self.alpha / 2) + stats.norm.isf(MISS))

    @property
    def wanted_error(self) -> float:
        """The standard error at which the check resolves what is wanted."""
        return self.resolution / self.deviations

    def critical(self, freedom: float) -> float:
        """Two-sided critical value of Student's t."""
        return float(stats.t.isf(self.alpha / 2, freedom))

    def resolved(self, standard_error: float, freedom: float) -> float:
        """The deviation seen with probability 1 − MISS at this standard error."""
        return standard_error * (self.critical(freedom) + float(stats.t.isf(MISS, freedom)))

    def band(self, replicates: int) -> float:
        r"""Dvoretzky-Kiefer-Wolfowitz-Massart: $P(\sup|F_n - F| > \epsilon) \le 2e^{-2n\epsilon^2} = \alpha$."""
        return math.sqrt(math.log(2 / self.alpha) / (2 * replicates))

    def band_resolved(self, replicates: int) -> float:
        """The distance between two laws that a band of this many replicates tells apart with probability 1 − MISS."""
        return self.band(replicates) + math.sqrt(math.log(2 / MISS) / (2 * replicates))

    def band_needed(self, distance: float) -> int:
        """Replicates for which `band_resolved` is at most `distance`."""
        return math.ceil(self.band_resolved(1) ** 2 / distance**2)
