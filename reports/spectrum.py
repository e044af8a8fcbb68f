r"""`normproof spectrum`: the Fisher information of random networks, at one width and on a ladder of widths, beside what is stated of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from proofs_checks.spectrum import Line, Seen
from reports.figures import BAND, DATA, STYLE, THEORY, mpl, plt


def draw(seen: Seen, title: str, path: Path) -> None:
    r"""Two panels: $\lambda_{\max}$ against M on logarithmic axes with its bounds, and the eigenvalues of one network with the outliers marked.

    Raises
    ------
    OSError, ValueError
        If the file cannot be written, or its suffix names no format.
    """
    with mpl.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, 2.6), layout="constrained")
        _against_width(left, seen.ladder)
        _histogram(right, seen)
        figure.suptitle(title.replace("_", " "))
        figure.savefig(path)
        plt.close(figure)


def _against_width(axis: Any, ladder: list[Line]) -> None:
    widths = [line.width for line in ladder]
    axis.errorbar(
        widths, [line.largest for line in ladder], [line.standard_error or 0 for line in ladder], fmt="o", ms=3, lw=0.9, color=DATA
    )
    for name, style in (("lower", "-"), ("upper", "--")):
        bounds = [getattr(line, name) for line in ladder]
        if all(bound is not None for bound in bounds):
            axis.plot(widths, bounds, style, color=THEORY, lw=1, label=f"{name} bound")
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("width $M$")
    axis.set_ylabel(r"$\lambda_{\max}$")
    if axis.get_legend_handles_labels()[0]:
        axis.legend(frameon=False, fontsize=6)


def _histogram(axis: Any, seen: Seen) -> None:
    eigenvalues = np.array(seen.eigenvalues)
    positive = eigenvalues[eigenvalues > 1e-9 * max(eigenvalues.max(), 1e-300)]
    if not len(positive):
        axis.set_title("every eigenvalue is zero")
        return
    low, high = positive.min(), positive.max()
    edges = np.geomspace(low / 1.1, high * 1.1, 40)
    axis.hist(positive, edges, color=BAND)
    for value in positive[: seen.outputs]:
        axis.axvline(value, color=THEORY, lw=0.6)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel(f"eigenvalues that are not zero, $M = {seen.width}$")
    axis.set_ylabel(f"count; lines: the {seen.outputs} largest")
