r"""Control variates: what chance is known to have done is taken from a statistic before networks are averaged.

A statistic t of a network and controls x of expectation zero (`numerics.estimators.controls`) have $E(t - \beta\cdot x) = Et$ for every β that does
not depend on the network. β is fitted to the networks of a pilot, which enter no mean.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Adjustment:
    """Multipliers (columns,) of the controls."""

    multipliers: np.ndarray = field(repr=False)

    def of(self, statistic: np.ndarray, controls: np.ndarray) -> np.ndarray:
        """The statistic (networks,), less the chance that the controls (networks, columns) have in common with it."""
        adjusted: np.ndarray = statistic - controls @ self.multipliers
        return adjusted

    def drift(self, of_control: float) -> float:
        """What roundings that are alike in all networks do to the adjusted statistic by its controls, where they move each of them by so much at most."""
        return of_control * float(np.abs(self.multipliers).sum())


def fitted(statistic: np.ndarray, controls: np.ndarray, rounding: float, networks: float) -> Adjustment:
    r"""The adjustment of least variance, where roundings move each control by up to `rounding` in all of the networks to be averaged alike.

    In the mean of K networks such a shift weighs as much as noise of $K\,\text{rounding}^2$ in each would: least squares with that much added to the
    variance of every control. One that varies by less than its rounding is then left out of itself.
    """
    x = controls - controls.mean(axis=0)
    penalty = len(x) * networks * rounding**2 * np.eye(x.shape[1])
    # Where nothing is rounded x'x may be singular: then the shortest of the best multipliers.
    return Adjustment(np.linalg.lstsq(x.T @ x + penalty, x.T @ (statistic - statistic.mean()), rcond=None)[0])
