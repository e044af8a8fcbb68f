r"""The observed witness: random networks against stated values.

One function per kind of experiment. Each solves its sample sizes before it draws, compares with the stated
value at its share of the audit's error rate, states what deviation it would have seen, and rejects its rival
with the same numbers; if it cannot, the check is undecided.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import integrate, stats
from sympy import Expr, Integer, N, lambdify, sympify

from numerics import keys
from numerics.batch_means import batch_means
from numerics.batch_statistic import tally
from numerics.ensemble import Sampler, Size, moments
from numerics.layer_statistics import statistic
from numerics.readout import class_counts
from proofs_checks.design import Design
from proofs_checks.evidence import Verdict
from proofs_checks.ladder import RATES, Fit, Rung, fit, inflation
from proofs_checks.prediction import stated_gamma
from theory import symbols as s
from theory.experiments import ClassFraction, Expectation, Experiment, Neutral, Prejudice, SameLaw, StatisticLaw
from theory.network import Network

NARROW = (32, 128)  #: rungs drawn with all their weights: they carry the width bias
BETWEEN = 64  #: one more, where the rate of the bias is asserted
WIDE = 4096  #: the rung drawn from Gram matrices: it carries the value
NARROW_SHARE = 0.5  #: units (networks × width) of each narrow rung, relative to the wide one
SMALLEST = 2**17  #: units of the wide rung at least: 32 networks, for the freedom of their standard error
SEEN_RATE = 2**18  #: units of the wide rung at least, where the rate of the bias is to be seen
LARGEST = 2**23  #: units of the wide rung at most: a check that would need more is undecided, not run
PILOT = 512  #: networks of the widest narrow rung from which the spread is estimated before sizes are solved
SAMPLES = 16  #: samples of a network without batch statistics
MARGIN = 1.5  #: variance allowed above the pilot's, for its own error and its narrower networks
NEUTRAL_SCALE = 1 / (math.pi - 1)  #: where γ = 0, resolution is relative to the prejudice of one ReLU layer
FRACTION_SAMPLES = 16  #: samples that vote in a class fraction
FRACTION_WIDTH = 512  #: width of networks whose class fractions are counted; their width bias counts against the claim
COUPLED_FRACTION_WIDTH = 256  #: the same, where every vote needs a batch of its own
STATISTIC_DISTANCE = 0.02  #: between distribution functions of a standardised sample: what a check of its law must see
FIGURE_EDGES = 8  #: every so many of the edges is kept for figures
COMPARED_NETWORKS = 4096
FLOAT32 = 2.0**-24  #: unit roundoff
ROUNDING = 64 * FLOAT32  #: float32 rounding of an overlap, four roundings in each of up to 16 stages: no standard error is taken below it


class TooCostly(Exception):
    """A check would need more networks than an audit draws; the message says how many."""


@dataclass(frozen=True)
class Finding:
    """What one observed check found, before it becomes evidence."""

    verdict: Verdict
    sentence: str
    estimate: float | None = None
    standard_error: float | None = None
    predicted: float | None = None
    resolution: float | None = None
    rival: dict[str, Any] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)


def checks(experiment: Experiment) -> tuple[str, ...]:
    """The names of the checks that an experiment will make: known before any of them runs."""
    match experiment:
        case Prejudice():
            return (*(f"gamma_depth_{depth}" for depth in experiment.depths), *(("width_bias_rate",) if experiment.rate_depth else ()))
        case ClassFraction():
            return tuple(f"class_fraction_depth_{depth}" for depth in experiment.depths)
        case Neutral():
            return tuple(f"batch_means_depth_{depth}" for depth in experiment.depths)
        case Expectation():
            return tuple(f"width_{width}" for width in experiment.widths)
        case StatisticLaw():
            return tuple(f"distribution_batch_{batch}" for batch in experiment.batches)
        case SameLaw():
            return tuple(f"samplers_depth_{depth}" for depth in experiment.depths)


def run(experiment: Experiment, name: str, design: Design, seed: int, stream: str) -> Finding:
    """Run one named check of an experiment; draws shared by its checks are drawn once."""
    match experiment:
        case Prejudice():
            return _prejudice(experiment, name, design, seed, stream)
        case ClassFraction():
            return _class_fraction(experiment, name, design, seed, stream)
        case Neutral():
            return _neutral(experiment, name, seed, stream)
        case Expectation():
            return _expectation(experiment, name, design, seed, stream)
        case StatisticLaw():
            return _statistic_law(experiment, name, design, seed, stream)
        case SameLaw():
            return _same_law(experiment, name, design, seed, stream)


def prejudice_at(overlap_map: Expr, network: Network, depth: int) -> float:
    """The stated γ at a depth, to double precision."""
    return float(stated_gamma(overlap_map, network.input_overlap, depth).mid())


def trailing_number(name: str) -> int:
    """The depth or width that a check's name ends in."""
    return int(name.rsplit("_", 1)[1])


# γ against depth, on a ladder of widths


def samples_of(network: Network) -> int:
    """Samples per network: two batches where a norm couples samples, else `SAMPLES`."""
    return 2 * int(network.batch_size) if network.couples_samples else SAMPLES


def rung_size(network: Network, width: int, depth: int) -> Size:
    """The finite sizes of a rung."""
    sampler = Sampler.GRAM if width == WIDE else Sampler.WEIGHTS
    return Size(width, depth, samples_of(network), sampler=sampler)


@cache
def ladder(experiment: Prejudice, design: Design, seed: int, stream: str) -> dict[int, np.ndarray]:
    """The overlap c of every network of every rung, arrays (networks, depths), after a pilot has settled how many.

    The pilot's draws are its own: they fix sizes and enter no test.
    """
    network, deepest = experiment.network, max(experiment.depths)
    columns = [depth - 1 for depth in experiment.depths]

    def draw(width: int, networks: int, purpose: str) -> np.ndarray:
        key = keys.stream(seed, stream, purpose, width)
        gamma = np.asarray(moments(network, rung_size(network, width, deepest), key, networks).gamma(network))
        return (gamma / (1 + gamma))[:, columns]

    widths = tuple(sorted({*NARROW, WIDE, *((BETWEEN,) if experiment.rate_depth else ())}))
    shares = tuple(1.0 if width == WIDE else NARROW_SHARE for width in widths)
    pilot = draw(NARROW[-1], PILOT, "pilot")
    units = float(SEEN_RATE if experiment.rate_depth else SMALLEST)
    for depth, column in zip(experiment.depths, pilot.T, strict=True):
        unit_variance = MARGIN * column.var(ddof=1) * NARROW[-1]
        wanted = design.wanted_error * sensitivity(prejudice_at(experiment.overlap_map, network, depth))
        units = max(units, unit_variance * inflation(widths, shares) / wanted**2)
    return {width: draw(width, math.ceil(share * units / width), "ladder") for width, share in zip(widths, shares, strict=True)}


def sensitivity(gamma: float) -> float:
    r"""What a relative change of γ does to c: $dc = c(1-c)\,d\gamma/\gamma$; where γ = 0, relative to one ReLU layer's prejudice."""
    return gamma / (1 + gamma) ** 2 if gamma > 0 else NEUTRAL_SCALE


def _rungs(experiment: Prejudice, depth: int, design: Design, seed: int, stream: str) -> list[Rung]:
    column = experiment.depths.index(depth)
    return [Rung.of(width, c[:, column], ROUNDING) for width, c in ladder(experiment, design, seed, stream).items()]


def _prejudice(experiment: Prejudice, name: str, design: Design, seed: int, stream: str) -> Finding:
    """Compare extrapolated overlaps c = γ/(1+γ): unlike γ, a bounded statistic with an almost symmetric law."""
    if name == "width_bias_rate":
        return _rate(experiment, design, seed, stream)
    depth = trailing_number(name)
    predicted = prejudice_at(experiment.overlap_map, experiment.network, depth)
    rungs = _rungs(experiment, depth, design, seed, stream)
    best = fit(rungs)
    critical = design.critical(best.freedom)

    def deviations(gamma: float) -> float:
        return (best.intercept - gamma / (1 + gamma)) / best.standard_error

    resolution = design.resolved(best.standard_error, best.freedom) / sensitivity(predicted)
    rival: dict[str, Any] = {}
    if depth == experiment.rival_depth:
        instead = prejudice_at(sympify(experiment.rival.instead), experiment.network, depth)
        distance = deviations(instead)
        rival = {
            "says": experiment.rival.says,
            "predicted": instead,
            "deviations": distance,
            "rejected": abs(distance) > critical,
        }
    verdict = Verdict.of(
        agrees=abs(deviations(predicted)) <= critical,
        conclusive=resolution <= design.resolution and rival.get("rejected", True),
    )
    estimate = best.intercept / (1 - best.intercept)
    return Finding(
        verdict,
        f"γ = {estimate:.5f} extrapolated from widths {', '.join(str(r.width) for r in rungs)}; stated {predicted:.5f}; "
        f"{deviations(predicted):+.1f} standard errors (critical {critical:.1f}); resolves {resolution:.2%}"
        + (f"; rival {rival['predicted']:.5f} {'rejected' if rival['rejected'] else 'not rejected'}" if rival else ""),
        estimate=estimate,
        standard_error=best.standard_error / (1 - best.intercept) ** 2,
        predicted=predicted,
        resolution=resolution,
        rival=rival,
        details={"depth": depth, "ladder": _ladder_table(rungs), "overlap": best.intercept},
    )


def _ladder_table(rungs: list[Rung]) -> list[dict[str, float]]:
    return [{"width": r.width, "networks": r.networks, "mean": r.mean, "standard_error": r.standard_error} for r in rungs]


def _rate(experiment: Prejudice, design: Design, seed: int, stream: str) -> Finding:
    """The bias falls like 1/N: that fit is not rejected, and the rates on either side of it are."""
    depth = experiment.rate_depth
    assert depth is not None
    rungs = _rungs(experiment, depth, design, seed, stream)
    fits: dict[str, Fit] = {rate: fit(rungs, rate) for rate in RATES}
    others = [rate for rate in RATES if rate != "1/N"]
    rejected = {rate: fits[rate].misfit < design.alpha for rate in others}
    verdict = Verdict.of(agrees=fits["1/N"].misfit >= design.alpha, conclusive=all(rejected.values()))
    misfits = ", ".join(f"{rate}: p = {fits[rate].misfit:.1e}" for rate in RATES)
    return Finding(
        verdict,
        f"bias at depth {depth} fitted by {misfits}",
        rival={"says": r"the bias falls like $N^{-1/2}$, or like $N^{-2}$", "rejected": all(rejected.values())},
        details={
            "depth": depth,
            "misfit": {rate: fits[rate].misfit for rate in RATES},
            "ladder": _ladder_table(rungs),
            "coefficients": list(fits["1/N"].coefficients),
        },
    )


# The law of the class fraction


def count_law(deviation: float, samples: int) -> np.ndarray:
    r"""Law of the number of samples given to class 0: Binomial(n, f_0) mixed over $f_0 = \Phi(\text{deviation}\cdot Z)$."""
    if deviation == 0:
        return np.asarray(stats.binom.pmf(np.arange(samples + 1), samples, 0.5))
    masses = [
        integrate.quad(
            lambda z, k=k: stats.binom.pmf(k, samples, stats.norm.cdf(deviation * z)) * stats.norm.pdf(z),
            -12,
            12,
            points=(-3, -1, 0, 1, 3),
            epsabs=1e-12,
            limit=400,
        )
        for k in range(samples + 1)
    ]
    error = sum(error for _, error in masses)
    if error > 1e-6:
        raise ArithmeticError(f"the law of class counts is known to {error:.1e} only")
    return np.array([mass for mass, _ in masses])


def _distance(law: np.ndarray, other: np.ndarray) -> float:
    return float(np.max(np.abs(np.cumsum(law) - np.cumsum(other))))


def _deviations(experiment: ClassFraction, depth: int) -> tuple[float, float]:
    """The factor of Z in f_0 = Φ(factor·Z) at a depth, as stated and as the rival has it."""
    gamma = prejudice_at(experiment.overlap_map, experiment.network, depth)
    stated, rival = (float(sympify(formula).subs(s.gamma, gamma)) for formula in (experiment.deviation, experiment.rival.instead))
    return stated, rival


@cache
def _class_counts(experiment: ClassFraction, design: Design, seed: int, stream: str) -> np.ndarray:
    """Histograms (depth, 0 … n) of class counts, over as many networks as tell the rival from the stated law at its depth."""
    network, deepest = experiment.network, max(experiment.depths)
    stated, rival = (count_law(deviation, FRACTION_SAMPLES) for deviation in _deviations(experiment, experiment.rival_depth))
    if network.couples_samples:
        size = Size(COUPLED_FRACTION_WIDTH, deepest, FRACTION_SAMPLES * int(network.batch_size))
    else:
        size = Size(FRACTION_WIDTH, deepest, FRACTION_SAMPLES, sampler=Sampler.GRAM)
    networks = design.band_needed(0.9 * _distance(stated, rival))
    counts = class_counts(network, size, keys.stream(seed, stream, "class fraction"), networks)
    return np.stack([np.bincount(layer, minlength=FRACTION_SAMPLES + 1) for layer in counts.T])


def _class_fraction(experiment: ClassFraction, name: str, design: Design, seed: int, stream: str) -> Finding:
    depth = trailing_number(name)
    deviation, rival_deviation = _deviations(experiment, depth)
    law = count_law(deviation, FRACTION_SAMPLES)
    histogram = _class_counts(experiment, design, seed, stream)[depth - 1]
    networks = int(histogram.sum())
    distance, band = _distance(histogram / networks, law), design.band(networks)
    rival: dict[str, Any] = {}
    if depth == experiment.rival_depth:
        rival_distance = _distance(histogram / networks, count_law(rival_deviation, FRACTION_SAMPLES))
        rival = {"says": experiment.rival.says, "distance": rival_distance, "rejected": rival_distance > band}
    return Finding(
        Verdict.of(agrees=distance <= band, conclusive=rival.get("rejected", True)),
        f"sup-distance {distance:.4f} from the stated law of class counts over {networks} networks (band {band:.4f})"
        + (f"; rival at {rival['distance']:.4f} {'rejected' if rival['rejected'] else 'not rejected'}" if rival else ""),
        estimate=distance,
        predicted=0.0,
        resolution=design.band_resolved(networks),
        rival=rival,
        details={
            "depth": depth,
            "deviation": deviation,
            "networks": networks,
            "counts": histogram.tolist(),
            "law": law.tolist(),
        },
    )


# Degenerate cases: identities


def _neutral(experiment: Neutral, name: str, seed: int, stream: str) -> Finding:
    """Batch means vanish up to rounding.

    Subtracting a float32 mean of B numbers, whose own error is at most B·u·mean|x|, leaves a batch mean of at most
    (B + 2)u·max|x − x̄| + (B + 1)u·mean|x|; for a rectified unit mean|x| is its mean, at most √B deviations. After scaling the
    bound is (2B + 6)·u·(max|y| + √B), u = 2⁻²⁴.
    """
    depth = trailing_number(name)
    batch = int(experiment.network.batch_size)
    measure = partial(_batch_means, depth=max(experiment.depths), seed=seed, stream=stream)
    found = measure(experiment.network)
    largest = float(np.max(found.largest_mean[:, depth - 1]))
    bound = (2 * batch + 6) * FLOAT32 * (float(np.max(found.largest_activation[:, depth - 1])) + math.sqrt(batch))
    rival_network = experiment.rival.instead
    assert isinstance(rival_network, Network)
    rival_largest = float(np.min(measure(rival_network).largest_mean[:, depth - 1]))
    rejected = rival_largest > bound
    return Finding(
        Verdict.of(agrees=largest <= bound, conclusive=rejected),
        f"largest batch mean {largest:.1e}, rounding bound {bound:.1e}: γ is zero identically; "
        f"rival's batch means reach {rival_largest:.2f} in every network",
        estimate=largest,
        predicted=0.0,
        resolution=bound,
        rival={"says": experiment.rival.says, "largest_mean": rival_largest, "rejected": rejected},
        details={"depth": depth, "bound": bound},
    )


@cache
def _batch_means(network: Network, depth: int, seed: int, stream: str) -> Any:
    size = Size(512, depth, 2 * int(network.batch_size))
    return batch_means(network, size, keys.stream(seed, stream, "batch means"), 16)


# Expectations known at every width


def _expectation(experiment: Expectation, name: str, design: Design, seed: int, stream: str) -> Finding:
    width = trailing_number(name)
    predicted, instead = (
        float(N(sympify(formula).subs(s.N, Integer(width)), 30)) for formula in (experiment.stated, experiment.rival.instead)
    )
    draw = partial(statistic, experiment.quantity, width)
    pilot = draw(keys.stream(seed, stream, "pilot", width), PILOT)
    spread = math.sqrt(MARGIN) * pilot.std(ddof=1) / predicted
    networks = max(PILOT, math.ceil((spread / design.wanted_error) ** 2))
    values = draw(keys.stream(seed, stream, "expectation", width), networks)
    rung = Rung.of(width, values)
    deviation, distance = ((rung.mean - value) / rung.standard_error for value in (predicted, instead))
    critical = design.critical(networks - 1)
    resolution = design.resolved(rung.standard_error, networks - 1) / predicted
    rejected = abs(distance) > critical
    return Finding(
        Verdict.of(agrees=abs(deviation) <= critical, conclusive=rejected and resolution <= design.resolution),
        f"mean {rung.mean:.6g} over {networks} networks, stated {predicted:.6g}: {deviation:+.1f} standard errors "
        f"(critical {critical:.1f}); resolves {resolution:.2%}; rival {instead:.6g} {'rejected' if rejected else 'not rejected'}",
        estimate=rung.mean,
        standard_error=rung.standard_error,
        predicted=predicted,
        resolution=resolution,
        rival={"says": experiment.rival.says, "predicted": instead, "deviations": distance, "rejected": rejected},
        details={"width": width, "networks": networks},
    )


# The law of one standardised sample

#: Where distribution functions are compared; none at ±1, where the law of B = 2 has its two masses.
EDGES = np.append(1.1 * np.tan(np.pi * (np.arange(1, 1024) / 1024 - 0.5)), np.inf)


def distribution_at_edges(density: Expr, support: Expr, batch: int) -> np.ndarray:
    """The distribution function of a stated density, integrated piece by piece up to each edge."""
    if batch == 2:
        return (np.heaviside(EDGES + 1, 1) + np.heaviside(EDGES - 1, 1)) / 2
    at = {s.nu: Integer(batch - 2)}
    bound = float(sympify(support).subs(at))
    function = lambdify(s.x, N(sympify(density).subs(at), 30), "scipy")
    ends = np.clip(np.append(-np.inf, EDGES), -bound, bound)
    masses = [integrate.quad(function, low, high, epsabs=1e-12, limit=200) if low < high else (0.0, 0.0) for low, high in pairwise(ends)]
    error = sum(error for _, error in masses)
    if not error < 1e-6:
        raise ArithmeticError(f"the stated distribution function is known to {error:.1e} only")
    return np.cumsum([mass for mass, _ in masses])


def _statistic_law(experiment: StatisticLaw, name: str, design: Design, seed: int, stream: str) -> Finding:
    """DKWM at fixed edges: a supremum over fewer points is never larger."""
    batch = trailing_number(name)
    law = distribution_at_edges(experiment.density, experiment.support, batch)
    against_rival = batch == experiment.rival_batch
    rival_law = distribution_at_edges(sympify(experiment.rival.instead), experiment.support, batch) if against_rival else law
    separation = min(STATISTIC_DISTANCE, 0.9 * float(np.max(np.abs(law - rival_law)))) if against_rival else STATISTIC_DISTANCE
    found = tally(experiment.norm, batch, EDGES, keys.stream(seed, stream, "statistic", batch), design.band_needed(separation))
    empirical = found.below / found.values
    distance, band = float(np.max(np.abs(empirical - law))), design.band(found.values)
    rival: dict[str, Any] = {}
    if against_rival:
        rival_distance = float(np.max(np.abs(empirical - rival_law)))
        rival = {"says": experiment.rival.says, "distance": rival_distance, "rejected": rival_distance > band}
    return Finding(
        Verdict.of(agrees=distance <= band, conclusive=rival.get("rejected", True)),
        f"sup-distance {distance:.5f} from the stated distribution over {found.values} batches of {batch} (band {band:.5f})"
        + (f"; rival at {rival['distance']:.5f} {'rejected' if rival['rejected'] else 'not rejected'}" if rival else ""),
        estimate=distance,
        predicted=0.0,
        resolution=design.band_resolved(found.values),
        rival=rival,
        details={
            "batch": batch,
            "values": found.values,
            "largest": found.largest,
            "edges": EDGES[:-1:FIGURE_EDGES].tolist(),
            "below": found.below[:-1:FIGURE_EDGES].tolist(),
        },
    )


# Two samplers, one law


def _same_law(experiment: SameLaw, name: str, design: Design, seed: int, stream: str) -> Finding:
    """Two-sample Kolmogorov-Smirnov band on γ: each empirical law is within its own band of one common law."""
    depth = trailing_number(name)
    rival_network = experiment.rival.instead
    assert isinstance(rival_network, Network)
    draw = partial(_sampled_gamma, deepest=max(experiment.depths), width=experiment.width, seed=seed, stream=stream)
    weights = draw(experiment.network, Sampler.WEIGHTS)[:, depth - 1]
    gram = draw(experiment.network, Sampler.GRAM)[:, depth - 1]
    rival = draw(rival_network, Sampler.GRAM)[:, depth - 1]
    half = Design(design.alpha / 2, design.resolution)
    band = 2 * half.band(COMPARED_NETWORKS)
    distance, rival_distance = (float(stats.ks_2samp(weights, other).statistic) for other in (gram, rival))
    rejected = rival_distance > band
    return Finding(
        Verdict.of(agrees=distance <= band, conclusive=rejected),
        f"sup-distance {distance:.4f} between the laws of γ of {COMPARED_NETWORKS} networks by each sampler (band {band:.4f}); "
        f"rival at {rival_distance:.3f} {'rejected' if rejected else 'not rejected'}",
        estimate=distance,
        predicted=0.0,
        resolution=2 * half.band_resolved(COMPARED_NETWORKS),
        rival={"says": experiment.rival.says, "distance": rival_distance, "rejected": rejected},
        details={"depth": depth, "networks": COMPARED_NETWORKS},
    )


@cache
def _sampled_gamma(network: Network, sampler: Sampler, deepest: int, width: int, seed: int, stream: str) -> np.ndarray:
    size = Size(width, deepest, samples_of(network), sampler=sampler)
    key = keys.stream(seed, stream, "samplers", sampler.value)
    return np.asarray(moments(network, size, key, COMPARED_NETWORKS).gamma(network))
