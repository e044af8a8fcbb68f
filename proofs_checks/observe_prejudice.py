r"""γ of random networks against depth, on a ladder of widths: the value extrapolated to infinite width, and the rate of its bias."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from sympy import sympify

from numerics import keys
from numerics.datasets import gram
from numerics.ensemble import Sampler, Size, moments
from proofs_checks.calibration import FitNull, MisfitNull
from proofs_checks.design import Design
from proofs_checks.evidence import Verdict
from proofs_checks.finding import Finding, Need, trailing_number
from proofs_checks.ladder import RATES, Fit, Rung, Sample, fit, inflation
from proofs_checks.pairwise import PairMap, first_gram, gammas, mean_overlap
from proofs_checks.precision import drift
from proofs_checks.prediction import stated_gamma
from theory.distributions import DataSet, Distribution
from theory.experiments import Prejudice
from theory.network import Stack

NARROW = (32, 128)  #: rungs drawn with all their weights: they carry the width bias
BETWEEN = 64  #: one more, where the rate of the bias is asserted
WIDE = 4096  #: the rung drawn from Gram matrices: it carries the value
DRAWN = (32, 64, 512)  #: the rungs of weights that are not Gaussian, all of them drawn
#: Units (networks × width) of each narrow rung, relative to the wide one, where the rate of the bias is asserted, or the widest rung is not wide.
NARROW_SHARE = 0.5
#: The same elsewhere: the value extrapolated weighs them by 0.04 and 0.003, and their share adds 2.4 % to its variance.
CORRECTION_SHARE = 1 / 16
SMALLEST = 2**17  #: units of the wide rung at least: 32 networks, for the freedom of their standard error
SEEN_RATE = 2**18  #: units of the wide rung at least, where the rate of the bias is to be seen
PILOT = 512  #: networks of the widest rung but one, from which the spread is estimated before sizes are solved
SAMPLES = 16  #: samples of a network without batch statistics
DATA_SAMPLES = 32  #: the same of a data set, so that their overlaps have a distribution
NEUTRAL_SCALE = 1 / (math.pi - 1)  #: where γ = 0, resolution is relative to the prejudice of one ReLU layer


def checks(experiment: Prejudice) -> tuple[str, ...]:
    """One for each depth, and one for the rate of the bias."""
    return (*(f"gamma_depth_{depth}" for depth in experiment.depths), *(("width_bias_rate",) if experiment.rate_depth else ()))


def samples_of(network: Stack) -> int:
    """Samples per network: two batches where a norm couples samples, else `SAMPLES`, or `DATA_SAMPLES` of a data set."""
    if network.couples_samples:
        return 2 * int(network.batch_size)
    return DATA_SAMPLES if isinstance(network.inputs, DataSet) else SAMPLES


def widths_of(experiment: Prejudice) -> tuple[int, ...]:
    """The widths of the ladder."""
    if experiment.network.weights is not Distribution.GAUSSIAN:
        return DRAWN
    return tuple(sorted({*NARROW, WIDE, *((BETWEEN,) if experiment.rate_depth else ())}))


def stated_at(experiment: Prejudice, depth: int) -> float:
    """The stated γ at a depth; on a data set from the measured overlap of every pair of samples."""
    if not isinstance(experiment.network.inputs, DataSet):
        return stated_gamma(experiment.maps, experiment.first, depth)
    assert experiment.power_map is not None
    stated = PairMap(experiment.overlap_map * experiment.power_map, experiment.power_map)
    return gammas(stated, _first_gram(experiment.network), depth)[-1]


def rival_at(experiment: Prejudice, depth: int) -> float:
    """The rival's γ at a depth; on a data set from the mean overlap of the samples."""
    network, instead = experiment.network, sympify(experiment.rival.instead)
    if isinstance(network.inputs, DataSet):
        return stated_gamma((instead,), (mean_overlap(_first_gram(network)),), depth)
    return stated_gamma((instead, *experiment.maps[1:]), experiment.ignoring_inputs, depth)


def _first_gram(network: Stack) -> np.ndarray:
    assert isinstance(network.inputs, DataSet)
    return first_gram(network, gram(network.inputs, samples_of(network)))


def rung_size(network: Stack, width: int, depth: int) -> Size:
    """The finite sizes of a rung."""
    sampler = Sampler.GRAM if width == WIDE else Sampler.WEIGHTS
    return Size(width, depth, samples_of(network), sampler=sampler)


def _overlaps(experiment: Prejudice, width: int, networks: int, seed: int, stream: str, purpose: str) -> np.ndarray:
    """The overlap c of networks, an array (networks, depths)."""
    network = experiment.network
    key = keys.stream(seed, stream, purpose, width)
    gamma = np.asarray(moments(network, rung_size(network, width, max(experiment.depths)), key, networks).gamma(network))
    return (gamma / (1 + gamma))[:, [depth - 1 for depth in experiment.depths]]


@cache
def pilot_of(experiment: Prejudice, seed: int, stream: str) -> np.ndarray:
    """The overlap c of a pilot's networks, an array (networks, depths): its draws are its own, fix sizes and enter no test."""
    return _overlaps(experiment, widths_of(experiment)[-2], PILOT, seed, stream, "pilot")


@cache
def ladder(experiment: Prejudice, design: Design, seed: int, stream: str) -> dict[int, np.ndarray]:
    """The overlap c of every network of every rung, arrays (networks, depths), after a pilot has settled how many."""
    widths = widths_of(experiment)
    narrow_share = NARROW_SHARE if experiment.rate_depth or widths == DRAWN else CORRECTION_SHARE
    shares = tuple(1.0 if width == widths[-1] else narrow_share for width in widths)
    second = widths[-2]
    units = float(SEEN_RATE if experiment.rate_depth else SMALLEST)
    for depth, column in zip(experiment.depths, pilot_of(experiment, seed, stream).T, strict=True):
        wanted = design.resolution * sensitivity(stated_at(experiment, depth))
        units = max(units, design.needed(column, wanted, SMALLEST // WIDE, second * inflation(widths, shares), widths[-1]))
    sizes = {width: math.ceil(share * units / width) for width, share in zip(widths, shares, strict=True)}
    return {width: _overlaps(experiment, width, networks, seed, stream, "ladder") for width, networks in sizes.items()}


def sensitivity(gamma: float) -> float:
    r"""What a relative change of γ does to c: $dc = c(1-c)\,d\gamma/\gamma$; where γ = 0, relative to one ReLU layer's prejudice."""
    return gamma / (1 + gamma) ** 2 if gamma > 0 else NEUTRAL_SCALE


def _samples(experiment: Prejudice, depth: int, design: Design, seed: int, stream: str) -> tuple[Sample, ...]:
    column = experiment.depths.index(depth)
    rounding = drift(experiment.network, depth, samples_of(experiment.network))
    pilot = pilot_of(experiment, seed, stream)[:, column]
    return tuple(Sample(width, c[:, column], pilot, rounding) for width, c in ladder(experiment, design, seed, stream).items())


def needs(experiment: Prejudice, name: str, design: Design) -> Need:
    """Networks of every rung, relative to γ; the rate of the bias has no resolution of its own."""
    widths = ", ".join(map(str, widths_of(experiment)))
    draws = f"networks of widths {widths}, as many as a pilot of {PILOT} asks for, and units of the widest 2^{SMALLEST.bit_length() - 1} at least"
    return Need(draws, None if name == "width_bias_rate" else design.resolution)


def run(experiment: Prejudice, name: str, design: Design, seed: int, stream: str) -> Finding:
    """Compare extrapolated overlaps c = γ/(1+γ): unlike γ, a bounded statistic with an almost symmetric law."""
    if name == "width_bias_rate":
        return _rate(experiment, design, seed, stream)
    depth = trailing_number(name)
    predicted = stated_at(experiment, depth)
    samples = _samples(experiment, depth, design, seed, stream)
    rungs = [sample.rung for sample in samples]
    best = fit(rungs)

    def deviations(gamma: float) -> float:
        return float(best.deviations(gamma / (1 + gamma)))

    resolution = design.resolved(best.standard_error, best.freedom) / sensitivity(predicted)
    rival: dict[str, Any] = {}
    if depth == experiment.rival_depth:
        instead = rival_at(experiment, depth)
        distance = deviations(instead)
        rival = {
            "says": experiment.rival.says,
            "predicted": instead,
            "deviations": distance,
            "rejected": design.rejects(distance, best.freedom),
        }
    verdict = Verdict.of(
        agrees=design.accepts(deviations(predicted), best.freedom),
        conclusive=resolution <= design.resolution and rival.get("rejected", True),
    )
    estimate = best.intercept / (1 - best.intercept)
    return Finding(
        verdict,
        f"γ = {estimate:.5f} extrapolated from widths {', '.join(str(r.width) for r in rungs)}; stated {predicted:.5f}; "
        f"{deviations(predicted):+.1f} standard errors (critical {design.critical(best.freedom):.1f}); resolves {resolution:.2%}"
        + (f"; rival {rival['predicted']:.5f} {'rejected' if rival['rejected'] else 'not rejected'}" if rival else ""),
        estimate=estimate,
        standard_error=best.standard_error / (1 - best.intercept) ** 2,
        predicted=predicted,
        resolution=resolution,
        rival=rival,
        details={"depth": depth, "ladder": _ladder_table(rungs), "overlap": best.intercept},
        null=FitNull(samples, fit, predicted / (1 + predicted)),
    )


def _ladder_table(rungs: list[Rung]) -> list[dict[str, float]]:
    return [{"width": r.width, "networks": r.networks, "mean": r.mean, "standard_error": r.standard_error} for r in rungs]


def _rate(experiment: Prejudice, design: Design, seed: int, stream: str) -> Finding:
    """The bias falls like 1/N: that fit is not rejected, and the rates on either side of it are."""
    depth = experiment.rate_depth
    assert depth is not None
    samples = _samples(experiment, depth, design, seed, stream)
    rungs = [sample.rung for sample in samples]
    others = [rate for rate in RATES if rate not in ("none", "1/N")]
    fits: dict[str, Fit] = {rate: fit(rungs, rate) for rate in ("1/N", *others)}
    rejected = {rate: fits[rate].misfit < design.alpha for rate in others}
    verdict = Verdict.of(agrees=fits["1/N"].misfit >= design.alpha, conclusive=all(rejected.values()))
    misfits = ", ".join(f"{rate}: p = {fits[rate].misfit:.1e}" for rate in fits)
    return Finding(
        verdict,
        f"bias at depth {depth} fitted by {misfits}",
        rival={"says": r"the bias falls like $N^{-1/2}$, or like $N^{-2}$", "rejected": all(rejected.values())},
        details={
            "depth": depth,
            "misfit": {rate: fits[rate].misfit for rate in fits},
            "ladder": _ladder_table(rungs),
            "coefficients": fits["1/N"].coefficients.tolist(),
        },
        null=MisfitNull(samples, fit),
    )
