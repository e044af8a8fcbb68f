"""The chapter on Lemma 4.5 of arXiv 1805.11604: both loss landscapes, and what was found of every number of the refutation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sympy import lambdify, latex

from proofs_checks.audit import Audit
from proofs_checks.evidence import Verdict
from reports.figures import BAND, DATA, STYLE, THEORY, Drawn, mpl, plt, save
from theory import symbols as s
from theory.claim import Claim
from theory.optimum_lemma import CLAIMS, CONDITION, OURS, REFUTATION

REACH = 6.5  #: of either weight, in the pictures
SHOWN = {
    "plain_optimum_1": "$w_1$ of the optimum of the plain network",
    "plain_optimum_2": "$w_2$ of it",
    "gradient_at_the_plain_optimum_1": r"slope of the loss with batch norm along $w_1$, at $W^*$",
    "gradient_at_the_plain_optimum_2": r"along $w_2$",
    "gradient_on_the_half_line_1": r"along $w_1$, on the half-line $(5u, 3u)$",
    "gradient_on_the_half_line_2": r"along $w_2$",
    "loss_at_the_plain_optimum": r"loss with batch norm at $W^*$",
    "loss_on_the_half_line": "on the half-line",
    "loss_on_the_other_half_line": "on the opposite one",
}  #: statements of the refutation, by name, in words


@dataclass(frozen=True)
class Chapter:
    """What the report says of the lemma.

    Parameters
    ----------
    samples : list of (str, str)
        Inputs and targets of the learning set, typeset.
    numbers : list of (str, str, Verdict)
        What, its value, and what was found of it.
    claims : list of Claim
        Those of the lemma that are reported.
    figure : Drawn
    """

    samples: list[tuple[str, str]]
    numbers: list[tuple[str, str, Verdict]]
    claims: list[Claim]
    figure: Drawn


def chapter(audit: Audit, claims: list[Claim], folder: Path) -> Chapter | None:
    """The chapter, where the refutation is among the claims."""
    if REFUTATION.id not in {claim.id for claim in claims}:
        return None
    found = audit.evidence.get(REFUTATION.id, [])
    stated = {statement.name: statement for statement in REFUTATION.statements}
    mine = {claim.id for claim in CLAIMS}
    return Chapter(
        [(latex(row), latex(y)) for row, y in zip(OURS.inputs, OURS.targets, strict=True)],
        [
            (words, latex(stated[name].stated), Verdict.of_all([item.verdict for item in found if item.check == name]))
            for name, words in SHOWN.items()
        ],
        [claim for claim in claims if claim.id in mine],
        draw(folder),
    )


def draw(folder: Path) -> Drawn:
    """Both losses over the plane of the weights, and the lemma's two sides against the direction of W_0."""
    plain, with_batch_norm = (lambdify((s.w_1, s.w_2), loss((s.w_1, s.w_2)), "numpy") for loss in (OURS.plain_loss, OURS.batch_norm_loss))
    optimum, direction = (np.array(point, dtype=float).ravel() for point in (OURS.moments.plain_optimum, OURS.moments.direction))
    # An even number of points: none of them is the origin, where batch norm divides by zero.
    grid = np.meshgrid(*2 * [np.linspace(-REACH, REACH, 400)])
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(1, 3, figsize=(7, 2.75), layout="constrained")
        for axis, loss, levels, title in (
            (axes[0], plain, np.linspace(1, 7, 10) ** 2, "without batch norm"),
            (axes[1], with_batch_norm, 15, "with batch norm"),
        ):
            axis.contourf(*grid, loss(*grid), levels=levels, cmap="Greys", alpha=0.55, extend="both")
            axis.plot(*optimum, "o", ms=5, color=DATA, label="$W^*$", zorder=3)
            axis.set(title=title, xlabel="$w_1$", ylabel="$w_2$", xlim=(-REACH, REACH), ylim=(-REACH, REACH), aspect="equal")
        _half_lines(axes[1], direction)
        _downhill(axes[1], optimum)
        _sides(axes[2], optimum, direction)
        axes[1].legend(frameon=False, fontsize=5.5, loc="upper left")
        return Drawn(save(figure, folder, "landscapes.pdf"), CAPTION)


CAPTION = (
    r"Loss landscapes of one neuron on our learning set. Left: the plain loss, with its only optimum $W^*$. Middle: with batch norm the loss depends on the direction of the weights alone; its optima are the half-line "
    r"$3w_1 = 5w_2$, $w_1 > 0$ (solid), opposite which it is largest (dashed), and at $W^*$ it still falls in the direction of the arrow. Right: the two sides of the lemma's inequality for $\|W_0\| = 1$ against the angle of $W_0$ "
    r"from $W^*$, towards the half-line: it fails wherever the squared distance to the optima with batch norm (solid) is above the bound (dashed), at $W_0 = W^*$ among other places."
)


def _half_lines(axis: Any, direction: np.ndarray) -> None:
    end = 2 * REACH * direction / np.linalg.norm(direction)
    axis.plot([0, end[0]], [0, end[1]], "-", color=THEORY, lw=1.6, label="optima")
    axis.plot([0, -end[0]], [0, -end[1]], "--", color=THEORY, lw=0.9, label="largest loss")


def _downhill(axis: Any, optimum: np.ndarray) -> None:
    """The direction opposite to the stated gradient at W*."""
    stated = {statement.name: float(statement.stated) for statement in REFUTATION.statements if statement.name in SHOWN}
    gradient = np.array([stated[f"gradient_at_the_plain_optimum_{number}"] for number in (1, 2)])
    tip = optimum - 1.5 * gradient / np.linalg.norm(gradient)
    axis.annotate("", xy=tip, xytext=optimum, arrowprops={"arrowstyle": "->", "color": DATA, "lw": 1.2})


def _sides(axis: Any, optimum: np.ndarray, direction: np.ndarray) -> None:
    """Squared distances of W_0 to the optima with batch norm, and to the ray of W*, by the stated formulas of the condition."""
    stated = {statement.name: statement.stated for statement in CONDITION.statements}
    excess = lambdify((s.r, s.theta, s.angle), stated["excess"], "numpy")
    apart = float(np.arctan2(optimum[0] * direction[1] - optimum[1] * direction[0], optimum @ direction))
    angles = np.linspace(-np.pi / 2, np.pi / 2, 801)[1:-1]
    ray = np.sin(angles) ** 2
    near = np.abs(angles - apart) < np.pi / 2
    optima = np.where(near, ray + excess(1.0, apart, angles), 1.0)
    axis.fill_between(np.degrees(angles), ray, optima, where=optima > ray, color=BAND, alpha=0.6, lw=0, label="violation")
    axis.plot(np.degrees(angles), optima, "-", color=THEORY, lw=1, label="to the optima")
    axis.plot(np.degrees(angles), ray, "--", color=DATA, lw=1, label="bound")
    axis.plot([0, 0], [0, 1], color=DATA, lw=0.5)
    axis.set(xlabel=r"angle of $W_0$ from $W^*$ (degrees)", title="squared distances", xticks=(-90, -45, 0, 45, 90), ylim=(0, 1.35))
    axis.legend(frameon=False, fontsize=5.5, loc="upper center", ncols=3, columnspacing=0.8, handlelength=1.4)
