"""Figures of theory over simulation, from recorded evidence; the same evidence gives the same bytes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("pdf")

import matplotlib.pyplot as plt
import numpy as np
from sympy import Integer, N, lambdify, sympify

from proofs_checks.audit import Audit
from proofs_checks.balls import NotEnclosed
from proofs_checks.evidence import Evidence
from proofs_checks.prediction import multiclass, stated_gamma, trajectory
from proofs_checks.two_races import Correlation, one_wins_both
from theory import symbols as s
from theory.activations import ACTIVATIONS
from theory.claim import Claim
from theory.class_fraction import fraction_density
from theory.classifier import Classifier
from theory.distributions import Distribution
from theory.experiments import ClassFraction, LargestFraction, Prejudice, SpectralBounds, SpectralExponent, StatisticLaw
from theory.gaussian_functions import kappa
from theory.law import NoClosedForm
from theory.network import Network, Placement, Stack
from theory.norms import NORMS, BatchNorm, BatchRMSNorm, LeaveOneOutBatchNorm, Norm
from theory.placements import batch_norm_pre_overlap
from theory.proxy import leave_one_out_overlap
from theory.stream import ResidualNetwork

stated_density = lambdify((s.t, s.gamma), fraction_density(s.t, s.gamma), "scipy")

THEORY, DATA, BAND = "#D55E00", "#0072B2", "#BBBBBB"  # Okabe and Ito: told apart without red-green vision
STATISTICS = {"batch_norm": "own batch", "leave_one_out_batch_norm": "leave one out"}
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


def label(network: Stack) -> str:
    """A network in a few words, in the order its block runs."""
    names = {
        "batch_norm": "BN",
        "layer_norm": "LN",
        "rms_norm": "RMSNorm",
        "leave_one_out_batch_norm": "LOO",
        "ghost_batch_norm": "ghost BN",
    }
    norm, activation = names.get(network.norm.name, network.norm.name.replace("_", " ")), network.activation.name
    activation = {"relu": "ReLU"}.get(activation, activation)
    if isinstance(network, ResidualNetwork):
        words = f"{network.placement.value.capitalize()}-{norm} stream"
        words += "" if activation == "ReLU" else f", {activation}"
    else:
        words = _in_order(network.placement, norm, activation)
        assert isinstance(network, Network)
        words = ", ".join([words, *(label(Network(block.norm, block.placement, block.activation)) for block in network.then)])
    extras = []
    if isinstance(network, ResidualNetwork) and network.branch_gain != 1:
        extras.append(rf"$\beta$ = {network.branch_gain}")
    if network.couples_samples:
        extras.append(f"B = {network.batch_size}")
    if network.input_overlap:
        extras.append(f"$c_0$ = {network.input_overlap}")
    if network.input_shift:
        extras.append(f"$\\delta$ = {network.input_shift}")
    if network.bias_variance:
        extras.append(f"$\\sigma_w^2$ = {network.weight_variance}, $\\sigma_b^2$ = {network.bias_variance}")
    if network.weights is not Distribution.GAUSSIAN:
        extras.append(f"{network.weights.value} weights")
    if network.inputs is not Distribution.GAUSSIAN:
        extras.append(f"inputs: {network.inputs.value}")
    return words + (f" ({', '.join(extras)})" if extras else "")


def _in_order(placement: Placement, norm: str, activation: str) -> str:
    return {
        Placement.NONE: activation,
        Placement.PRE: f"{norm} → {activation}",
        Placement.POST: f"{activation} → {norm}",
    }[placement]


def draw_all(audit: Audit, claims: list[Claim], folder: Path) -> list[Drawn]:
    """Draw what the evidence of these claims allows; returns the figures drawn, in order."""
    drawn = []
    with mpl.rc_context(STYLE):
        for draw in (
            _phase_map,
            _class_fractions,
            _largest_fractions,
            _gamma_against_depth,
            _streams_against_depth,
            _gamma_against_batch_size,
            _batch_densities,
            _batch_tails,
            _width_bias,
            _spectra,
        ):
            found = draw(audit, claims, folder)
            if found is not None:
                drawn.append(found)
    return drawn


def save(figure: Any, folder: Path, name: str) -> str:
    """Write a figure, the same bytes every time; returns its path from the report's folder."""
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
    return sorted(experiments_of(audit, claims, kind), key=lambda found: places.index(found[0].network.placement))


def experiments_of(audit: Audit, claims: list[Claim], kind: type) -> Iterator[tuple[Any, list[Evidence]]]:
    """Experiments of a kind with their recorded evidence."""
    for claim in claims:
        for number, experiment in enumerate(claim.experiments):
            if isinstance(experiment, kind):
                prefix = f"experiment_{number + 1}/" if len(claim.experiments) > 1 else ""
                names = {item.check: item for item in audit.evidence.get(claim.id, [])}
                found = [item for name, item in names.items() if name.startswith(prefix) and item.witness.value == "observed"]
                if any(item.details for item in found):
                    yield experiment, found


PHASE_DEPTHS = (1, 2, 3, 4, 6, 8, 10)
PHASES = (1e-3, 1.0)  #: γ below the first is neutral to the eye; from the second on, class fractions are U-shaped


def _phase_map(audit: Audit, claims: list[Claim], folder: Path) -> Drawn | None:
    if not any(claim.id == "layer_norm_after_relu" for claim in claims):
        return None
    rows = []
    for network in phase_networks():
        try:
            along = trajectory(network, max(PHASE_DEPTHS))
        except (NoClosedForm, NotEnclosed):
            continue
        rows.append((label(network).split(" (")[0], [along[depth - 1] for depth in PHASE_DEPTHS]))
    rows.sort(key=lambda row: row[1][-1])
    gamma = np.array([values for _, values in rows])
    figure, axis = plt.subplots(figsize=(5.6, 0.2 * len(rows) + 0.8), layout="constrained")
    shown = axis.imshow(
        np.log10(np.clip(gamma, PHASES[0], 1 / PHASES[0])),
        cmap="RdBu_r",
        vmin=math.log10(PHASES[0]),
        vmax=-math.log10(PHASES[0]),
        aspect="auto",
    )
    for (row, column), value in np.ndenumerate(gamma):
        axis.text(
            column,
            row,
            "0" if value == 0 else f"{value:.2f}" if value < 100 else f"{value:.0f}",
            ha="center",
            va="center",
            fontsize=6,
            color="white" if value < 0.03 else "black",
        )
    axis.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=6)
    axis.set_xticks(range(len(PHASE_DEPTHS)), [str(depth) for depth in PHASE_DEPTHS])
    axis.set_xlabel("hidden layers")
    bar = figure.colorbar(shown, ax=axis, ticks=[-3, 0, 3])
    bar.ax.set_yticklabels(["neutral", r"$\gamma = 1$", "deep prejudice"], fontsize=6)
    return Drawn(
        save(figure, folder, "phase_map.pdf"),
        r"From neutral to prejudiced: the predicted $\gamma$ of ReLU networks on unrelated inputs, norm by norm, before and after the activation. Below $\gamma = 1$ the "
        r"class fractions have one peak, at one half; above it they have two, at nought and one.",
    )


def phase_networks() -> list[Network]:
    """ReLU networks with every norm before and after the activation, where the norm has a prediction at ε = 0 in a moment."""
    return [
        Network(norm, placement)
        for norm in NORMS.values()
        for placement in ((Placement.PRE, Placement.POST) if norm.stages else (Placement.NONE,))
        if not (norm is BatchRMSNorm and placement is Placement.POST)
        and norm.name not in ("leave_one_out_batch_norm", "batch_norm_evaluation")
    ]


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
        save(figure, folder, "class_fractions.pdf"),
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


def _largest_fractions(audit: Audit, claims: list[Claim], folder: Path) -> Drawn | None:
    found = [(experiment, item) for experiment, items in experiments(audit, claims, LargestFraction) for item in items]
    shares = [item for _, item in found if item.estimate is not None and item.details.keys() >= {"classes", "judges", "gamma"}]
    tallies = [(experiment, item) for experiment, item in found if item.details.keys() >= {"classes", "depth", "most_votes", "law"}]
    if not shares:
        return None
    figure, axes = _panels(1 + len(tallies), 1.75)
    colours = dict(zip((2, 3, 10, 100), mpl.colormaps["viridis"](np.linspace(0, 0.85, 4)), strict=True))
    grid = np.linspace(0, 1.3 * max(item.details["gamma"] for item in shares) + 0.1, 41)
    for classes, colour in colours.items():
        axes[0].plot(grid, [multiclass(gamma, classes).mean_largest for gamma in grid], color=colour, lw=1, label=f"K = {classes}")
    for item in shares:
        classes, judges = item.details["classes"], item.details["judges"]
        colour = colours.get(classes, "black")
        axes[0].plot(grid, [one_wins_both(Correlation.of(gamma, judges), classes)[0] for gamma in grid], "--", color=colour, lw=0.6)
        bar = 5 * (item.standard_error or 0.0)
        axes[0].errorbar([item.details["gamma"]], [item.estimate], yerr=[bar], **{**POINTS, "color": colour})
    axes[0].set(xlabel=r"$\gamma$", ylabel="largest fraction", ylim=(0, 1))
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    for axis, (experiment, item) in zip(axes[1:], tallies, strict=False):
        seen, law = np.array(item.details["most_votes"]), np.array(item.details["law"])
        votes = np.arange(len(law))
        axis.bar(votes, seen / seen.sum(), color=DATA, alpha=0.55, linewidth=0)
        axis.plot(votes, law, "o", ms=1.8, color=THEORY)
        axis.set_title(f"{label(experiment.network)}, K = {item.details['classes']}, L = {item.details['depth']}", fontsize=6.5)
        axis.set_xlabel(f"most votes of {len(law) - 1}")
    return Drawn(
        save(figure, folder, "largest_fractions.pdf"),
        r"The largest of $K$ class fractions. First panel: its mean against $\gamma$ (lines), the mean share of the class that a few other samples judge to be the largest "
        r"(dashed), and that share in networks, extrapolated to infinite width (dots, five standard errors). Other panels: the most votes that a class receives, shares of networks (bars) and "
        r"the stated law (dots).",
    )


def _tallies(audit: Audit, claims: list[Claim]) -> list[tuple[StatisticLaw, list[Evidence]]]:
    """Laws of a standardised sample with what was drawn of them, where there is a density to draw."""
    rows = [
        (experiment, [item for item in items if _has_density(item)]) for experiment, items in experiments_of(audit, claims, StatisticLaw)
    ]
    return [(experiment, items) for experiment, items in rows if items]


def _has_density(item: Evidence) -> bool:
    return item.details.keys() >= {"batch", "values", "edges", "below", "largest"} and item.details["batch"] > 2


def _density(experiment: StatisticLaw, batch: int) -> Callable[[np.ndarray], np.ndarray]:
    """The stated density, zero beyond its support."""
    at = {s.nu: Integer(batch - 2)}
    support = float(sympify(experiment.support).subs(at))
    stated = lambdify(s.x, N(sympify(experiment.density).subs(at), 30), "numpy")
    return lambda x: np.where(np.abs(x) < support, stated(np.where(np.abs(x) < support, x, 0.0)), 0.0)


def _gaussian(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi))


def _batch_densities(audit: Audit, claims: list[Claim], folder: Path) -> Drawn | None:
    found = [(experiment, item) for experiment, items in _tallies(audit, claims) for item in items]
    if not found:
        return None
    figure, axes = _panels(len(found), 1.5)
    grid = np.linspace(-4, 4, 401)
    for axis, (experiment, item) in zip(axes, found, strict=False):
        edges, below = np.array(item.details["edges"]), np.array(item.details["below"])
        axis.stairs(np.diff(below) / np.diff(edges) / item.details["values"], edges, fill=True, color=DATA, alpha=0.55, label="drawn")
        axis.plot(grid, _density(experiment, item.details["batch"])(grid), color=THEORY, lw=0.9, label="stated density")
        axis.plot(grid, _gaussian(grid), "--", color="black", lw=0.6, label="full batch")
        axis.set(xlim=(-4, 4), ylim=(0, 0.65))
        axis.set_title(f"{STATISTICS.get(experiment.norm.name, experiment.norm.name)}, B = {item.details['batch']}", fontsize=7)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return Drawn(
        save(figure, folder, "batch_densities.pdf"),
        r"One standardised sample of a Gaussian batch of $B$ samples, after Figure E.1 of the paper: values drawn (bars), the stated density (line), the "
        r"full-batch limit (dashed). Leave one out: eqs (49)-(50) with $D = B-2$. Own batch: Thompson's law.",
    )


def _batch_tails(audit: Audit, claims: list[Claim], folder: Path) -> Drawn | None:
    found = _tallies(audit, claims)
    if not found:
        return None
    figure, axes = plt.subplots(len(found), 2, figsize=(7, 2.3 * len(found)), squeeze=False, layout="constrained")
    near, far, sizes = np.linspace(0, 8, 801), np.logspace(-2, 6, 4001), np.logspace(1, 8, 60)

    def reach(density: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """The x that one of n values is expected beyond, on either side: 2n P(X > x) = 1."""
        masses = np.diff(far) * (density(far[1:]) + density(far[:-1])) / 2
        beyond = np.append(np.cumsum(masses[::-1])[::-1], 0.0)
        return np.array([far[np.searchsorted(-beyond, -1 / (2 * n))] for n in sizes])

    for (tails, reaches), (experiment, items) in zip(axes, found, strict=True):
        colours = mpl.colormaps["viridis"](np.linspace(0, 0.85, len(items)))
        for colour, item in zip(colours, items, strict=True):
            density = _density(experiment, item.details["batch"])
            tails.plot(near, np.where(density(near) > 0, density(near), np.nan), color=colour, lw=0.9, label=f"B = {item.details['batch']}")
            reaches.plot(sizes, reach(density), color=colour, lw=0.9)
            reaches.plot([item.details["values"]], [item.details["largest"]], "o", ms=2.5, color=colour)
        tails.plot(near, _gaussian(near), "--", color="black", lw=0.7, label="full batch")
        reaches.plot(sizes, reach(_gaussian), "--", color="black", lw=0.7)
        tails.set(
            yscale="log", ylim=(1e-10, 1), xlabel="|s|", title=f"{STATISTICS.get(experiment.norm.name, experiment.norm.name)}: density"
        )
        reaches.set(xscale="log", ylim=(0, 12), xlabel="values n", ylabel="|s|", title="largest of n values")
        tails.legend(frameon=False, fontsize=6)
    return Drawn(
        save(figure, folder, "batch_tails.pdf"),
        r"Tails of the standardised sample, after Figure E.2 of the paper. Left: stated densities against the Gaussian. Right: how far $n$ values reach, "
        r"$2n\,P(s > x) = 1$ (lines), and the largest value drawn here (dots): beyond it the laws cannot be told apart by their data.",
    )


def _gamma_against_batch_size(audit: Audit, claims: list[Claim], folder: Path) -> Drawn | None:
    curves = {BatchNorm: batch_norm_pre_overlap, LeaveOneOutBatchNorm: leave_one_out_overlap}
    points: dict[Norm, list[tuple[int, Evidence]]] = {norm: [] for norm in curves}
    for experiment, items in experiments(audit, claims, Prejudice):
        network = experiment.network
        plain = isinstance(network, Network) and network.placement is Placement.PRE and network.activation is ACTIVATIONS["relu"]
        if plain and network.norm in curves:
            points[network.norm] += [(network.batch_size, item) for item in items if item.details.get("overlap") is not None]
    if not any(points.values()):
        return None
    figure, (axis, distances) = plt.subplots(1, 2, figsize=(7, 2.6), layout="constrained")
    for (norm, overlap), colour in zip(curves.items(), (THEORY, DATA), strict=True):
        sizes = [size for size in (2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24, 32, 48, 64, 96, 128, 256, 512) if norm is BatchNorm or size > 4]
        stated = [float(N(c / (1 - c))) for size in sizes for c in [overlap(Integer(size))]]
        axis.plot(sizes, stated, "-", color=colour, lw=1, label=f"{STATISTICS[norm.name]}: stated")
        shown = points[norm]
        if shown:
            axis.errorbar(
                [size for size, _ in shown],
                [item.estimate for _, item in shown],
                yerr=[5 * (item.standard_error or 0.0) for _, item in shown],
                **{**POINTS, "color": colour},
                label=f"{STATISTICS[norm.name]}: networks",
            )
    axis.axhline(1 / (math.pi - 1), ls="--", color="black", lw=0.7, label=r"full batch, $1/(\pi-1)$")
    axis.set(xscale="log", xlabel="samples per batch B", ylabel=r"$\gamma$", ylim=(0.2, 1.05))
    axis.legend(frameon=False, fontsize=6.5)
    _distances_to_gaussian(distances, _tallies(audit, claims))
    return Drawn(
        save(figure, folder, "gamma_against_batch_size.pdf"),
        r"Left: $\gamma$ behind a mini-batch norm and ReLU against the batch size, from above with the sample's own batch, from below with the leave-one-out "
        r"statistic; networks at several depths, bars of five standard errors. Right: distance of the stated law of one standardised sample to the standard Gaussian, "
        r"total variation (solid) and Kolmogorov (dashed): both fall like $1/B$.",
    )


def _distances_to_gaussian(axis: Any, tallies: list[tuple[StatisticLaw, list[Evidence]]]) -> None:
    grid, sizes = np.linspace(-60, 60, 240_001), (4, 6, 8, 12, 16, 24, 32, 64, 128, 256, 512)
    step = grid[1] - grid[0]
    for (experiment, _), colour in zip(tallies, (DATA, THEORY), strict=False):
        gaps = [_density(experiment, size)(grid) - _gaussian(grid) for size in sizes]
        name = STATISTICS.get(experiment.norm.name, experiment.norm.name)
        axis.plot(sizes, [np.abs(gap).sum() * step / 2 for gap in gaps], "-", color=colour, lw=1, label=f"{name}: total variation")
        axis.plot(sizes, [np.abs(np.cumsum(gap)).max() * step for gap in gaps], "--", color=colour, lw=1, label=f"{name}: Kolmogorov")
    axis.set(xscale="log", yscale="log", xlabel="samples per batch B", ylabel="distance")
    axis.legend(frameon=False, fontsize=6.5)


def _gamma_against_depth(audit: Audit, claims: list[Claim], folder: Path) -> Drawn | None:
    found = [
        (experiment, items)
        for experiment, items in experiments(audit, claims, Prejudice)
        if len(experiment.depths) > 1 and isinstance(experiment.network.inputs, Distribution)
    ]
    if not found:
        return None
    figure, axes = _panels(len(found), 1.55)
    for axis, (experiment, items) in zip(axes, found, strict=False):
        depths = range(1, max(experiment.depths) + 3)
        stated = [stated_gamma(experiment.maps, experiment.first, depth) for depth in depths]
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
        save(figure, folder, "gamma_against_depth.pdf"),
        r"$\gamma$ against depth: the stated map iterated (line), and random networks extrapolated to infinite width (dots, bars of five standard errors). "
        r"Panels with a constant prediction span $\pm2\,\%$ of it, or $\pm0.01$ around zero.",
    )


def _streams_against_depth(audit: Audit, claims: list[Claim], folder: Path) -> Drawn | None:
    found = [each for each in experiments(audit, claims, Prejudice) if isinstance(each[0].network, ResidualNetwork)]
    if not found:
        return None
    figure, axis = plt.subplots(figsize=(4.2, 2.8), layout="constrained")
    depths = np.unique(np.logspace(0, 3, 25).astype(int))
    for (experiment, items), colour in zip(found, mpl.colormaps["viridis"](np.linspace(0, 0.8, len(found))), strict=True):
        axis.plot(
            depths,
            [stated_gamma(experiment.maps, experiment.first, int(depth)) for depth in depths],
            "-",
            color=colour,
            lw=1,
            label=label(experiment.network),
        )
        points = [item for item in items if item.details.get("overlap") is not None]
        bars = [5 * (item.standard_error or 0.0) for item in points]
        axis.errorbar(
            [item.details["depth"] for item in points], [item.estimate for item in points], yerr=bars, **{**POINTS, "color": colour}
        )
    plain = [stated_gamma((kappa(s.c),), (0,), int(depth)) for depth in depths]
    axis.plot(depths, plain, "--", color="black", lw=0.7, label="no skip, no norm")
    axis.set(xscale="log", yscale="log", xlabel="blocks or layers", ylabel=r"$\gamma$")
    axis.legend(frameon=False, fontsize=6.5)
    return Drawn(
        save(figure, folder, "streams_against_depth.pdf"),
        r"Residual streams: $\gamma$ against depth, the stated recursions iterated (lines), and random networks extrapolated to infinite width (dots, bars of five standard "
        r"errors). Without a skip and along Post-LN streams $\gamma$ grows like $L^2$, along Pre-LN streams like $\log^2L$, along Pre-BN streams it is bounded.",
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
        gamma = stated_gamma(experiment.maps, experiment.first, item.details["depth"])
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
        save(figure, folder, "width_bias.pdf"),
        r"Finite-width bias of the overlap $c = \gamma/(1+\gamma)$ against $1/N$: networks (dots, five standard errors), a fit in $1/N$ and $1/N^2$ (line), and the "
        r"stated value at infinite width (diamond).",
    )


def outputs_label(model: Classifier) -> str:
    """A network with outputs in a few words."""
    hidden = [stage for block in model.blocks for stage in block]
    place = "on the outputs" if model.last.stages else "in hidden layers" if len(hidden) > model.layers - 1 else ""
    norm = model.last.name if model.last.stages else model.network.norm.name
    return f"{norm.replace('_', ' ')} {place}".strip() if place else "no norm"


def _spectra(audit: Audit, claims: list[Claim], folder: Path) -> Drawn | None:
    found = [
        (experiment, item)
        for kind in (SpectralExponent, SpectralBounds)
        for experiment, items in experiments_of(audit, claims, kind)
        for item in items
        if item.details
    ]
    grown = [(experiment, item) for experiment, item in found if isinstance(experiment, SpectralExponent)]
    if not grown:
        return None
    figure, axis = plt.subplots(figsize=(4.6, 3.2), layout="constrained")
    for number, (experiment, item) in enumerate(grown):
        ladder = item.details["ladder"]
        words = f"{outputs_label(experiment.model)}: $M^{{{item.estimate:.2f}}}$, stated $M^{{{item.predicted:g}}}$"
        axis.plot(
            [rung["width"] for rung in ladder], [rung["mean"] for rung in ladder], "os^vD<>"[number % 7] + "-", ms=3, lw=0.8, label=words
        )
    for experiment, item in found:
        if isinstance(experiment, SpectralBounds):
            width, low, high = (item.details[name] for name in ("width", "lower", "upper"))
            axis.plot([width, width], [low, high or item.estimate], color=BAND, lw=2.5, zorder=0)
            axis.plot(width, item.estimate, "_", color=THEORY, ms=8)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("width $M$")
    axis.set_ylabel(r"$\lambda_{\max}$, or the mean of the outliers")
    axis.legend(frameon=False, fontsize=6)
    return Drawn(
        save(figure, folder, "spectra.pdf"),
        r"The largest eigenvalue of the Fisher information against the width, with the exponent seen and the stated one. Grey: stated bounds of $\lambda_{\max}$, with what was measured between them.",
    )
