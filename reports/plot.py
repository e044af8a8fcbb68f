r"""`normproof predict --plot`: γ against depth and the law of the class fraction, at a glance."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from proofs_checks.prediction import trajectory
from reports.figures import BAND, STYLE, THEORY, label, mpl, plt, stated_density
from theory.network import Network, Stack


def draw(network: Stack, depth: int, path: Path) -> None:
    """Two panels: γ behind 1, …, `depth` hidden layers or blocks, and the density of $f_0$ behind the last of them.

    Raises
    ------
    NoClosedForm, NotEnclosed
        If there is no prediction.
    OSError, ValueError
        If the file cannot be written, or its suffix names no format.
    """
    gamma = trajectory(network, depth)
    with mpl.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(6, 2.4), layout="constrained")
        left.plot(range(1, depth + 1), gamma, "o-", color=THEORY, ms=3, lw=1)
        left.axhline(1, color=BAND, lw=0.8)
        left.set_xlabel("hidden layers" if isinstance(network, Network) else "blocks")
        left.set_ylabel(r"$\gamma$: neutral below 1, prejudiced above")
        left.set_title(label(network))
        right.set_xlabel(r"fraction $f_0$ of samples in class 0")
        right.set_xlim(0, 1)
        last = gamma[-1]
        if last <= 0 or math.isinf(last):
            for place in (0.5,) if last <= 0 else (0, 1):
                right.axvline(place, color=THEORY)
            right.set_title("one half, in every network" if last <= 0 else "all or nothing")
        else:
            t = np.linspace(0, 1, 1001)[1:-1]
            right.plot(t, stated_density(t, last), color=THEORY, lw=1)
            right.set_ylim(0, min(10, 1.2 * float(np.max(stated_density(t[50:-50], last)))))
            right.set_title(rf"density over networks, $\gamma = {last:.4g}$")
        figure.savefig(path)
        plt.close(figure)
