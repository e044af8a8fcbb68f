r"""γ of random networks against depth, on a ladder of widths: the value extrapolated to infinite width, and the rate of its bias.

A pilot's draws are its own and enter no mean: half of its networks settle what control variates are multiplied with, the other half
show the spread that is left, from which sizes are solved.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
from sympy import sympify

from numerics import keys
from numerics.control_variates import Adjustment, fitted
from numerics.datasets import gram
from numerics.ensemble import Precision, Sampler, Size, controlled_moments
from numerics.precision import control_drift, drift
from proofs_checks.calibration import FitNull, MisfitNull
from proofs_checks.design import Design
from proofs_checks.evidence import Verdict
from proofs_checks.finding import Finding, Need, trailing_number
from proofs_checks.ladder import RATES, Fit, Rung, Sample, fit, parts_of_variance
from proofs_checks.pairwise import PairMap, first_gram, gammas, mean_overlap
from proofs_checks.prediction import stated_gamma
from theory.distributions import DataSet, Distribution
from theory.experiments import Prejudice
from theory.network import Stack
from theory.stages import Pool
from theory.stream import ResidualNetwork


@dataclass(frozen=True)
class Rungs:
    """Widths, from narrow to wide, and the units (networks × width) of each relative to the widest; of the others `least` units at least."""

    widths: tuple[int, ...]
    shares: tuple[float, ...]
    least: int = 0


NARROW = 64  #: the widest that is drawn with all its weights where these are Gaussian: wider ones are drawn sooner from Gram matrices
#: The value extrapolated weighs the narrow rung by 1/15, and its share adds 7 % to its variance. What remains of the bias, b₂/(NW), counts against the claim.
TWO = Rungs((128, 2048), (1 / 16, 1))
SECOND = 12  #: the largest b₂ found, of overlaps of average pooling (11.1 ± 1.1)
#: Where that would be more than half the standard error that the resolution asks for: b₃/(LMN) remains, at a third more work.
THREE = Rungs((128, 512, 4096), (1 / 64, 1 / 6, 1))
#: Where the rate of the bias is asserted. Its rivals are as near at every resolution.
RATED = Rungs((32, 64, 128, 2048), (1 / 4, 1 / 4, 1 / 4, 1), least=2**18)
OTHER_WEIGHTS = Rungs((32, 64, 512), (1 / 4, 1 / 4, 1))  #: all of them drawn
SMALLEST = 2**16  #: units of the wide rung at least, for the freedom of its standard error
PILOT = 512  #: networks of the widest rung but one
WIDE_PILOT = 128  #: networks of the widest, where the other pilot asks for more than twice as many
SAMPLES = 8  #: samples of a network without batch statistics: of 4, 8, 16 and 32 what most of them reach an error soonest with
#: Of a data set, so that their overlaps have a distribution, and of a stream and behind pools, whose error falls with the pairs of samples.
MORE_SAMPLES = 16
NEUTRAL_SCALE = 1 / (math.pi - 1)  #: where γ = 0, resolution is relative to the prejudice of one ReLU layer


def checks(experiment: Prejudice) -> tuple[str, ...]:
    """One for each depth, and one for the rate of the bias."""
    return (*(f"gamma_depth_{depth}" for depth in experiment.depths), *(("width_bias_rate",) if experiment.rate_depth else ()))


def samples_of(network: Stack) -> int:
    """Samples per network: two batches where a norm couples samples, else `SAMPLES`, or `MORE_SAMPLES`."""
    if network.couples_samples:
        return 2 * int(network.batch_size)
    pooled = any(isinstance(stage, Pool) for stage in network.stages)
    return MORE_SAMPLES if pooled or isinstance(network.inputs, DataSet) or isinstance(network, ResidualNetwork) else SAMPLES


@cache
def rungs_of(experiment: Prejudice, design: Design) -> Rungs:
    """The ladder that is climbed: as many rungs as what remains of the bias asks for."""
    if experiment.network.weights is not Distribution.GAUSSIAN:
        return OTHER_WEIGHTS
    if experiment.rate_depth:
        return RATED
    narrow, wide = TWO.widths
    return TWO if all(SECOND / (narrow * wide) <= _asked(experiment, depth, design) / 2 for depth in experiment.depths) else THREE


def _asked(experiment: Prejudice, depth: int, design: Design) -> float:
    """The standard error of an overlap that the resolution asks for."""
    return design.resolution * sensitivity(stated_at(experiment, depth)) / design.deviations


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


def rung_size(network: Stack, width: int, depth: int, precision: Precision = Precision.SINGLE) -> Size:
    """The finite sizes of a rung."""
    sampler = Sampler.GRAM if width > NARROW and network.weights is Distribution.GAUSSIAN else Sampler.WEIGHTS
    return Size(width, depth, samples_of(network), sampler=sampler, precision=precision)


class _Ensemble:
    """Networks of one rung, drawn as they are asked for: the first ones are the same however many there are, whatever is stated of them."""

    def __init__(self, network: Stack, size: Size, key: Any) -> None:
        self.network, self.size, self.key = network, size, key
        self.parts: list[tuple[np.ndarray, np.ndarray]] = []

    def first(self, networks: int) -> tuple[np.ndarray, np.ndarray]:
        """The overlap c behind every layer, (networks, depth), and its control variates, (networks, depth, columns)."""
        have = sum(len(overlap) for overlap, _ in self.parts)
        if networks > have:
            # Whole calls of a kernel: it would be compiled once more for a part of one.
            more = self.size.networks_per_call * math.ceil((networks - have) / self.size.networks_per_call)
            found = controlled_moments(self.network, self.size, self.key, more, have)
            self.parts.append((np.asarray(found.moments.correlation(self.network)), found.controls))
        overlap, controls = (np.concatenate(each)[:networks] for each in zip(*self.parts, strict=True))
        return overlap, controls


@lru_cache(maxsize=8)
def _ensemble(network: Stack, size: Size, seed: int, stream: str, purpose: str) -> _Ensemble:
    return _Ensemble(network, size, keys.stream(seed, stream, purpose, size.width))


def _drawn(
    experiment: Prejudice, width: int, networks: int, seed: int, stream: str, purpose: str, precision: Precision = Precision.SINGLE
) -> tuple[np.ndarray, np.ndarray]:
    """The overlap c of networks at the experiment's depths, and its control variates."""
    size = rung_size(experiment.network, width, max(experiment.depths), precision)
    layers = [depth - 1 for depth in experiment.depths]
    overlap, controls = _ensemble(experiment.network, size, seed, stream, purpose).first(networks)
    return overlap[:, layers], controls[:, layers]


@dataclass(frozen=True)
class Pilot:
    """For each depth how overlaps are adjusted, and the adjusted overlaps of networks that had no part in it: (networks, depths)."""

    adjustments: tuple[Adjustment, ...]
    overlap: np.ndarray


def _adjusted(adjustments: tuple[Adjustment, ...], overlap: np.ndarray, controls: np.ndarray) -> np.ndarray:
    return np.stack([each.of(overlap[:, number], controls[:, number]) for number, each in enumerate(adjustments)], axis=1)


@cache
def pilot_of(experiment: Prejudice, width: int, seed: int, stream: str) -> Pilot:
    """The pilot of an experiment: networks of a width, the second widest of its ladder."""
    overlap, controls = _drawn(experiment, width, PILOT, seed, stream, "pilot")
    half, drifted = PILOT // 2, control_drift(experiment.network)
    adjustments = tuple(
        fitted(overlap[:half, number], controls[:half, number], drifted, SMALLEST / width) for number in range(len(experiment.depths))
    )
    return Pilot(adjustments, _adjusted(adjustments, overlap[half:], controls[half:]))


@cache
def ladder(experiment: Prejudice, design: Design, seed: int, stream: str) -> dict[int, tuple[Sample, ...]]:
    """The adjusted overlap of every network, by depth one sample for each rung, after a pilot has settled how many; `design` is that of a look."""
    rungs = rungs_of(experiment, design)
    *_, second, widest = rungs.widths
    pilot = pilot_of(experiment, second, seed, stream)
    precision = _precision(experiment, design, pilot)
    least = {width: rungs.least if width < widest else 0 for width in rungs.widths}

    def drawn(short: float) -> dict[int, tuple[Sample, ...]]:
        units = _units(experiment, design, rungs, short, pilot.overlap)
        if units > 2 * WIDE_PILOT * widest:
            wide = _adjusted(pilot.adjustments, *_drawn(experiment, widest, WIDE_PILOT, seed, stream, "pilot"))
            units = min(units, _units(experiment, design, rungs, short, pilot.overlap, wide))
        networks = {
            width: math.ceil(max(share * units, least[width]) / width) for width, share in zip(rungs.widths, rungs.shares, strict=True)
        }
        overlap = {
            width: _adjusted(pilot.adjustments, *_drawn(experiment, width, count, seed, stream, "ladder", precision))
            for width, count in networks.items()
        }
        return {
            depth: tuple(
                Sample(width, c[:, column], pilot.overlap[:, column], _drift(experiment, column, pilot, precision))
                for width, c in overlap.items()
            )
            for column, depth in enumerate(experiment.depths)
        }

    def resolves(found: dict[int, tuple[Sample, ...]]) -> bool:
        return all(_resolved(samples, stated_at(experiment, depth), design) <= design.resolution for depth, samples in found.items())

    return design.looked(drawn, resolves)


def _resolved(samples: tuple[Sample, ...], gamma: float, design: Design) -> float:
    """The relative deviation of γ that would be seen."""
    best = fit([sample.rung for sample in samples])
    return design.resolved(best.standard_error, best.freedom) / sensitivity(gamma)


def _units(experiment: Prejudice, design: Design, rungs: Rungs, short: float, narrow: np.ndarray, wide: np.ndarray | None = None) -> float:
    """Units of the widest rung for the wanted resolution at every depth, but for a probability of `short`, from overlaps of the widest rung but one and, if there are some, of the widest.

    Control variates leave chance of second order, which falls faster than 1/N: a unit of a wide network has less of it than one of a narrow network.
    """
    widths = rungs.widths
    parts, second, fewest = parts_of_variance(widths, rungs.shares), widths[-2], SMALLEST // widths[-1]
    of_narrow = sum(part * second**2 / min(width, second) for part, width in zip(parts[:-1], widths[:-1], strict=True))
    of_wide = parts[-1] * (second if wide is None else widths[-1])
    units = float(SMALLEST)
    for number, depth in enumerate(experiment.depths):
        wanted = design.resolution * sensitivity(stated_at(experiment, depth))
        judged = ((narrow, of_narrow), (wide, of_wide)) if wide is not None else ((narrow, of_narrow + of_wide),)
        units = max(units, sum(design.needed(pilot[:, number], wanted, fewest, short, scale, widths[-1]) for pilot, scale in judged))
    return units


def _precision(experiment: Prejudice, design: Design, pilot: Pilot) -> Precision:
    """Float32, unless its drift may be more than half the standard error that the resolution asks for.

    Half, to draw few networks twice as long: whatever is settled here, no standard error is taken below the drift.
    """
    for number, depth in enumerate(experiment.depths):
        if _drift(experiment, number, pilot, Precision.SINGLE) > _asked(experiment, depth, design) / 2:
            return Precision.DOUBLE
    return Precision.SINGLE


def _drift(experiment: Prejudice, column: int, pilot: Pilot, precision: Precision) -> float:
    """What roundings that are alike in all networks can do to an adjusted overlap, at most."""
    network = experiment.network
    of_overlap = drift(network, experiment.depths[column], samples_of(network), precision)
    return of_overlap + pilot.adjustments[column].drift(control_drift(network, precision))


def sensitivity(gamma: float) -> float:
    r"""What a relative change of γ does to c: $dc = c(1-c)\,d\gamma/\gamma$; where γ = 0, relative to one ReLU layer's prejudice."""
    return gamma / (1 + gamma) ** 2 if gamma > 0 else NEUTRAL_SCALE


def needs(experiment: Prejudice, name: str, design: Design) -> Need:
    """Networks of every rung, relative to γ; the rate of the bias has no resolution of its own."""
    widths = ", ".join(map(str, rungs_of(experiment, design).widths))
    draws = f"networks of widths {widths}, as many as a pilot of {PILOT} asks for, and units of the widest 2^{SMALLEST.bit_length() - 1} at least"
    return Need(draws, None if name == "width_bias_rate" else design.resolution)


def run(experiment: Prejudice, name: str, design: Design, seed: int, stream: str) -> Finding:
    """Compare extrapolated overlaps c = γ/(1+γ): unlike γ, a bounded statistic with an almost symmetric law."""
    design = design.half
    if name == "width_bias_rate":
        return _rate(experiment, design, seed, stream)
    depth = trailing_number(name)
    predicted = stated_at(experiment, depth)
    samples = ladder(experiment, design, seed, stream)[depth]
    rungs = [sample.rung for sample in samples]
    best = fit(rungs)

    def deviations(gamma: float) -> float:
        return float(best.deviations(gamma / (1 + gamma)))

    resolution = _resolved(samples, predicted, design)
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
        details={"depth": depth, "ladder": _ladder_table(rungs), "overlap": best.intercept, "rounding": samples[0].rounding},
        null=FitNull(samples, fit, predicted / (1 + predicted)),
    )


def _ladder_table(rungs: list[Rung]) -> list[dict[str, float]]:
    return [{"width": r.width, "networks": r.networks, "mean": r.mean, "standard_error": r.standard_error} for r in rungs]


def _rate(experiment: Prejudice, design: Design, seed: int, stream: str) -> Finding:
    """The bias falls like 1/N: that fit is not rejected, and the rates on either side of it are."""
    depth = experiment.rate_depth
    assert depth is not None
    samples = ladder(experiment, design, seed, stream)[depth]
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
