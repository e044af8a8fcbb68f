"""Figures of theory over simulation, from recorded evidence; the same evidence gives the same bytes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("pdf")

import matplotlib.pyplot as plt
import numpy as np
from sympy import lambdify

from proofs_checks.audit import Audit
from proofs_checks.evidence import Evidence
from proofs_checks.prediction import stated_gamma
from theory import symbols as s
from theory.claim import Claim
from theory.class_fraction import fraction_density
from theory.experiments import ClassFraction, Prejudice
from theory.network import Network, Placement

stated_density = lambdify((s.t, s.gamma), fraction_density(s.t, s.gamma), "scipy")

THEORY, DATA, BAND = "#D55E00", "#0072B2", "#BBBBBB"  # Okabe and Ito: told apart without red-green vision
POINTS: dict[str, Any] = {"fmt": "o", "ms": 2.5, "color": DATA, "capsize": 2, "lw": 0.9}
STYLE = {
    "font.family": "serif",
    "mathtext.fontset": "cm",
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


@dataclass(frozen=True)
class Drawn:
    """A figure file and its caption."""

    file: str
    caption: str


def label(network: Network) -> str:
    """A network in a few words, in the order its block runs."""
    names = {"batch_norm": "BN", "layer_norm": "LN", "rms_norm": "RMSNorm"}
    norm, activation = names.get(network.norm.name, network.norm.name.replace("_", " ")), network.activation.name
    activation = {"relu": "ReLU"}.get(activation, activation)
    words = {
        Placement.NONE: activation,
        Placement.PRE: f"{norm} → {activation}",
        Placement.POST: f"{activation} → {norm}",
    }[network.placement]
    extras = []
    if network.couples_samples:
        extras.append(f"B = {network.batch_size}")
    if network.input_overlap:
        extras.append(f"$c_0$ = {network.input_overlap}")
    return words + (f" ({', '.join(extras)})" if extras else "")


def draw_all(audit: Audit, claims: list[Claim], folder: Path) -> list[Drawn]:
    """Draw what the evidence of these claims allows; returns the figures drawn, in order."""
    drawn = []
    with mpl.rc_context(STYLE):
        for draw in (_class_fractions, _gamma_against_depth, _width_bias):
            found = draw(audit, claims, folder)
            if found is not None:
                drawn.append(found)
    return drawn


def _save(figure: Any, folder: Path, name: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / name, metadata={"CreationDate": None, "ModDate": None, "Producer": None, "Creator": None})
    plt.close(figure)
    return f"{folder.name}/{name}"


def _panels(count: int, height: float) -> tuple[Any, list[Any]]:
    columns = min(4, count)
    rows = math.ceil(count / columns)
    figure, axes = plt.subplots(rows, columns, figsize=(1.75 * columns, height * rows), squeeze=False, layout="constrained")
    flat = list(axes.ravel())
    for empty in flat[count:]:
        empty.set_axis_off()
    return figure, flat


def experiments(audit: Audit, claims: list[Claim], kind: type) -> list[tuple[Any, list[Evidence]]]:
    """Experiments of a kind with their recorded evidence: without a norm, with one before the activation, with one after it."""
    places = list(Placement)
    return sorted(_experiments(audit, claims, kind), key=lambda found: places.index(found[0].network.placement))


def _experiments(audit: Audit, claims: list[Claim], kind: type) -> Iterator[tuple[Any, list[Evidence]]]:
    for claim in claims:
        for number, experiment in enumerate(claim.experiments):
            if isinstance(experiment, kind):
                prefix = f"experiment_{number + 1}/" if len(claim.experiments) > 1 else ""
                names = {item.check: item for item in audit.evidence.get(claim.id, [])}
                found = [item for name, item in names.items() if name.startswith(prefix) and item.witness.value == "observed"]
                if any(item.details for item in found):
                    yield experiment, found


def _class_fractions(audit: Audit, claims: list[Claim], folder: Path) -> Drawn | None:
    found = [
        (experiment, {item.details["depth"]: item for item in items if item.details.keys() >= {"depth", "counts", "law", "deviation"}})
        for experiment, items in experiments(audit, claims, ClassFraction)
    ]
    found = [(experiment, drawn) for experiment, drawn in found if drawn]
    if not found:
        return None
    columns = max(len(drawn) for _, drawn in found)
    figure, axes = plt.subplots(
        len(found), columns, figsize=(max(2, columns) * 2.3, 1.25 * len(found)), squeeze=False, layout="constrained"
    )
    for row, (experiment, drawn) in zip(axes, found, strict=True):
        for empty in row[len(drawn) :]:
            empty.set_axis_off()
        for axis, (depth, item) in zip(row, sorted(drawn.items()), strict=False):
            _one_class_fraction(axis, item)
            axis.set_title(f"{label(experiment.network)}, L = {depth}", fontsize=7)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return Drawn(
        _save(figure, folder, "class_fractions.pdf"),
        r"The fraction $f_0$ of samples that class 0 receives, over random networks: no norm, norms before and norms after the activation. Bars: share of "
        r"networks by votes for class 0 among the counted samples. Dots: the stated law of the same counts. Line: the stated density of $f_0$; behind a norm "
        r"after the activation $f_0$ is a point mass at $\frac12$ and only counting noise is left.",
    )


def _one_class_fraction(axis: Any, item: Evidence) -> None:
    counts, law = np.array(item.details["counts"]), np.array(item.details["law"])
    samples = len(law) - 1
    seen, stated = counts / counts.sum() * (samples + 1), law * (samples + 1)
    fractions = np.arange(samples + 1) / samples
    axis.bar(fractions, seen, width=0.8 / samples, color=DATA, alpha=0.55, linewidth=0, label="networks")
    axis.plot(fractions, stated, "o", ms=2.2, color=THEORY, label="stated law of the counts")
    deviation = item.details["deviation"]
    if deviation > 0:
        t = np.linspace(0.004, 0.996, 400)
        # Φ(deviation·Z) is the stated law at γ = deviation², whatever formula the experiment gives the deviation by.
        axis.plot(t, stated_density(t, deviation**2), color=THEORY, lw=0.9, label="stated density of $f_0$")
    axis.set_ylim(0, 1.15 * max(seen.max(), stated.max()))


def _gamma_against_depth(audit: Audit, claims: list[Claim], folder: Path) -> Drawn | None:
    found = [(experiment, items) for experiment, items in experiments(audit, claims, Prejudice) if len(experiment.depths) > 1]
    if not found:
        return None
    figure, axes = _panels(len(found), 1.55)
    for axis, (experiment, items) in zip(axes, found, strict=False):
        depths = range(1, max(experiment.depths) + 3)
        stated = [float(stated_gamma(experiment.overlap_map, experiment.network.input_overlap, depth).mid()) for depth in depths]
        axis.plot(depths, stated, "-", color=THEORY, lw=1, label="stated")
        points = [item for item in items if item.details.get("overlap") is not None]
        axis.errorbar(
            [item.details["depth"] for item in points],
            [item.estimate for item in points],
            yerr=[5 * (item.standard_error or 0.0) for item in points],
            **POINTS,
            label="networks",
        )
        axis.set_title(label(experiment.network), fontsize=7)
        axis.set_xlabel("hidden layers")
        axis.set_ylabel(r"$\gamma$")
        low, high = min(stated), max(stated)
        if high - low < 1e-9:
            axis.set_ylim(*((high * 0.98, high * 1.02) if high else (-0.01, 0.01)))
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    return Drawn(
        _save(figure, folder, "gamma_against_depth.pdf"),
        r"$\gamma$ against depth: the stated map iterated (line), and random networks extrapolated to infinite width (dots, bars of five standard errors). "
        r"Panels with a constant prediction span $\pm2\,\%$ of it, or $\pm0.01$ around zero.",
    )


def _width_bias(audit: Audit, claims: list[Claim], folder: Path) -> Drawn | None:
    found = [
        (experiment, item)
        for experiment, items in experiments(audit, claims, Prejudice)
        for item in items
        if item.details.keys() >= {"ladder", "coefficients", "depth"}
    ]
    if not found:
        return None
    figure, axes = _panels(len(found), 1.55)
    for axis, (experiment, item) in zip(axes, found, strict=False):
        ladder = item.details["ladder"]
        inverse = np.array([1 / rung["width"] for rung in ladder])
        means = np.array([rung["mean"] for rung in ladder])
        errors = np.array([rung["standard_error"] for rung in ladder])
        axis.errorbar(inverse, means, yerr=5 * errors, **POINTS, label="networks")
        gamma = float(stated_gamma(experiment.overlap_map, experiment.network.input_overlap, item.details["depth"]).mid())
        axis.plot([0], [gamma / (1 + gamma)], "D", ms=3, color=THEORY, clip_on=False, zorder=5, label="stated")
        grid = np.linspace(0, inverse.max(), 100)
        axis.plot(
            grid,
            np.polynomial.polynomial.polyval(grid, item.details["coefficients"]),
            color=BAND,
            lw=1,
            zorder=0,
            label="fit in $1/N$, $1/N^2$",
        )
        axis.set_title(f"{label(experiment.network)}, L = {item.details['depth']}", fontsize=7)
        axis.set_xlabel("1 / width")
        axis.set_ylabel("$c$")
        axis.set_xlim(left=0)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return Drawn(
        _save(figure, folder, "width_bias.pdf"),
        r"Finite-width bias of the overlap $c = \gamma/(1+\gamma)$ against $1/N$: networks (dots, five standard errors), a fit in $1/N$ and $1/N^2$ (line), and the "
        r"stated value at infinite width (diamond).",
    )
