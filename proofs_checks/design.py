r"""Design before data: error rates, resolutions and sample sizes, fixed before anything is drawn.

Every statistical check answers three questions: what is its error rate (its share of one α for the whole
audit), what could it see (its resolution: the deviation it would miss with probability at most
`MISS`), and how much does it need (the replicates solved from both).

Laws are those of `scipy.special`: ndtr the normal law, stdtr Student's, nctdtr the noncentral one, fdtr the F law, chdtr χ² from above, a final i
the inverse. `scipy.stats` has the same numbers, and takes half a second to load.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeVar

import numpy as np
from scipy import optimize, special

MISS = 1e-6  #: probability that a deviation of the stated resolution goes unnoticed
FIRST_LOOK = 0.1  #: probability that what is drawn for a first look is too little, and a second is taken
MOST = 2.0**31  #: units (networks, or networks × width) that one check may ask for

Drawn = TypeVar("Drawn")


class TooMany(Exception):
    """A check would need more than it may draw; the message says how many."""


@dataclass(frozen=True)
class Design:
    """Error rate of one check, the relative resolution wanted of it, how often a deviation of that size may be missed, and the most units it may draw."""

    alpha: float
    resolution: float
    miss: float = MISS
    most: float = MOST

    def no_finer_than(self, resolution: float) -> Design:
        """The design of a check that has a resolution of its own, unless a coarser one is wanted."""
        return replace(self, resolution=max(self.resolution, resolution))

    @property
    def deviations(self) -> float:
        """Standard errors between the prediction and the nearest value that is surely told apart from it."""
        return -float(special.ndtri(self.alpha / 2) + special.ndtri(self.miss))

    def critical(self, freedom: Any) -> Any:
        """Two-sided critical value of Student's t; of an array of freedoms, an array."""
        found = -special.stdtrit(freedom, self.alpha / 2)
        return float(found) if np.ndim(freedom) == 0 else found

    def accepts(self, deviations: Any, freedom: Any) -> Any:
        """Whether a value so many standard errors from a stated one agrees with it, elementwise; no nan does."""
        return abs(deviations) <= self.critical(freedom)

    def rejects(self, deviations: Any, freedom: Any) -> Any:
        """Whether it contradicts it, elementwise; no nan does."""
        return abs(deviations) > self.critical(freedom)

    def resolved(self, standard_error: float, freedom: float) -> float:
        r"""The deviation seen with probability 1 − miss at this standard error: $P(T_\nu(\delta) \le t_{\alpha/2,\nu}) = $ miss for Student's noncentral t."""
        return standard_error * _noncentrality(self.alpha, self.miss, freedom)

    def needed(self, pilot: np.ndarray, wanted: float, fewest: int, short: float, scale: float = 1.0, unit: float = 1.0) -> float:
        r"""Units whose mean resolves what is wanted, but for a probability of `short`; a network is at most `unit` of them, and `fewest` are drawn at least.

        A unit has `scale` times the variance of the pilot's networks. The networks drawn are judged by their own spread, which exceeds
        the pilot's by an F-distributed factor: of n values of kurtosis κ a variance has as much freedom as $2n/(\kappa-1)$ Gaussian ones
        (Satterthwaite), and no more than n. Few networks know their spread less well: the freedom of as many as a normal law would need
        is no larger than that of those returned, and what is resolved and the factor both fall with it.

        Raises
        ------
        TooMany
            If more would be needed than a check may draw.
        """
        variance = scale * float(pilot.var(ddof=1))
        if variance == 0:
            return 0.0
        share = 2 / (max(3.0, kurtosis(pilot)) - 1)
        freedom = max(variance * (self.deviations / wanted) ** 2 / unit, fewest) - 1
        factor = 1 / float(special.fdtri(share * (len(pilot) - 1), share * freedom, short))
        units = variance * factor * (self.resolved(1.0, freedom) / wanted) ** 2
        if not units <= self.most:
            raise TooMany(
                f"{units:.1e} networks (× width) would be needed, and a check may draw {self.most:.1e}: give a coarser --resolution"
            )
        return units

    def band(self, replicates: int) -> float:
        r"""Dvoretzky-Kiefer-Wolfowitz-Massart: $P(\sup|F_n - F| > \epsilon) \le 2e^{-2n\epsilon^2} = \alpha$."""
        return math.sqrt(math.log(2 / self.alpha) / (2 * replicates))

    def band_resolved(self, replicates: int) -> float:
        """The distance between two laws that a band of this many replicates tells apart with probability 1 − miss."""
        return self.band(replicates) + math.sqrt(math.log(2 / self.miss) / (2 * replicates))

    def band_needed(self, distance: float) -> int:
        """Replicates for which `band_resolved` is at most `distance`."""
        return math.ceil(self.band_resolved(1) ** 2 / distance**2)

    @property
    def half(self) -> Design:
        """The design of each of two that share both error rates: empirical laws, or looks."""
        return replace(self, alpha=self.alpha / 2, miss=self.miss / 2)

    def looked(self, draw: Callable[[float], Drawn], resolves: Callable[[Drawn], bool]) -> Drawn:
        """What is drawn for a first look, if it resolves what is wanted, or else for a second; of either this is the design.

        `draw` takes the probability that it draws too little. A pilot knows a spread so roughly that what is enough but for a probability of
        `miss` is often twice what is needed. Whatever settles which look is the last, a true claim is rejected there, or a deviation missed,
        at most as often as at one look or the other: with no more than the sum of their rates.
        """
        found = draw(FIRST_LOOK)
        return found if resolves(found) else draw(self.miss)

    def two_bands(self, one: int, other: int) -> float:
        """Two empirical laws of a common one are this close: each is within its own band of it, at half the error rate."""
        return self.half.band(one) + self.half.band(other)

    def two_bands_resolved(self, one: int, other: int) -> float:
        """The distance between two laws that samples of these sizes tell apart with probability 1 − miss."""
        return self.half.band_resolved(one) + self.half.band_resolved(other)


def kurtosis(values: np.ndarray) -> float:
    """The fourth central moment over the squared second: 3 of a Gaussian law."""
    squares = (values - values.mean()) ** 2
    return float((squares**2).mean() / squares.mean() ** 2)


@cache
def _noncentrality(alpha: float, miss: float, freedom: float) -> float:
    """The sum of two quantiles of the central t is too small: an estimated standard error scales the critical value as well."""
    critical = -special.stdtrit(freedom, alpha / 2)
    if not math.isfinite(critical):  # no number is resolved where there is no spread to judge by
        return math.nan
    # Enough: the error is seldom estimated larger than this, and the mean is seldom further below its expectation.
    enough = critical * math.sqrt(special.chdtri(freedom, miss / 2) / freedom) - special.ndtri(miss / 2)
    found: float = optimize.brentq(lambda shift: special.nctdtr(freedom, shift, critical) - miss, 0.0, enough)
    return found
