r"""The largest of many class fractions: its mean without bias, and the law of the most votes.

With finitely many samples the largest empirical fraction is too large on average, and no correction is exact. Two statistics have an
expectation, or a law, that the theory states for the samples at hand:

- the *share* of votes for the class that the other half of the samples judges to be the largest, whose mean is $K\,T_K(r)$ at the correlation r of an
  output with its own mean over the judging samples (`two_races`), with a proven error bound;
- the *most votes* that any class receives, a multinomial maximum mixed over $G(\mu)$. Its law has no formula of few dimensions; centres
  μ are drawn from their stated law, and both empirical distributions get a band of their own.

The share has a width bias of about 1/N, which is modelled: two widths are extrapolated, and what remains, of order 1/N², counts
against the claim. The most votes are those of the wide networks, whose bias counts against the claim.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from scipy import special
from sympy import sympify

from numerics import keys
from numerics.ensemble import Sampler, Size
from numerics.readout import Votes, votes
from proofs_checks.calibration import FitNull, TwoSampleNull
from proofs_checks.design import Design
from proofs_checks.evidence import Verdict
from proofs_checks.finding import Finding, Need, sup_distance, trailing_number
from proofs_checks.ladder import Sample, fit, parts_of_variance
from proofs_checks.prediction import stated_gamma
from proofs_checks.two_races import Correlation, one_wins_both
from theory import symbols as s
from theory.experiments import LargestFraction

WIDTHS = (64, 512)  #: of networks without batch statistics, narrow and wide
COUPLED_WIDTHS = (32, 256)  #: where every vote needs a batch of its own
NARROW_SHARE = 1 / 8  #: narrow networks, relative to wide ones: at these widths the extrapolation weighs them by 1/7 and 8/7
JUDGES = 16  #: samples of a network that judge the others, as many, and are judged by them
READOUTS = 128  #: behind one network: most of the variance of a share is theirs
RESOLUTION = 0.02  #: relative deviation of a share that each must show, or the audit's own where that is coarser
PILOT = 512  #: wide networks from which the spread of a share is estimated before sizes are solved
VOTES_DISTANCE = 0.17  #: between laws of the most votes: what a check of that law must see
DRAWN = 2**15  #: centres drawn for the stated law of the most votes
NODE_ERROR = 1e-6  #: of the fractions at drawn centres


def checks(experiment: LargestFraction) -> tuple[str, ...]:
    """Two for each depth."""
    return tuple(f"{statistic}_depth_{depth}" for depth in experiment.depths for statistic in ("share_of_the_largest", "most_votes"))


def stated_share(gamma: float, classes: int) -> float:
    """The expected share of votes for the judges' class."""
    value, error = one_wins_both(Correlation.of(gamma, JUDGES), classes)
    if error > 1e-9:
        raise ArithmeticError(f"the stated share is known to {error:.1e} only")
    return value


def class_fractions(centres: np.ndarray) -> np.ndarray:
    r"""$G_k(\mu) = \int \varphi(y-\mu_k)\prod_{j\ne k}\Phi(y-\mu_j)\,dy$ of centres (…, K), on a grid whose error falls as in `two_races`."""
    classes = centres.shape[-1]
    step = math.sqrt(2 * math.pi**2 / (classes * math.log(4 / NODE_ERROR)))
    # The winner is seldom below the largest centre less the tail, being at least that class, and no class is often above it plus the tail.
    tail = -float(special.ndtri(NODE_ERROR / (4 * classes)))
    fractions = np.zeros_like(centres)
    for y in np.arange(centres.max(axis=-1).min() - tail, centres.max() + tail + step, step):
        below = np.maximum(special.ndtr(y - centres), np.finfo(float).tiny)
        fractions += np.exp(-((y - centres) ** 2) / 2) / below * below.prod(axis=-1, keepdims=True)
    fractions *= step / math.sqrt(2 * math.pi)
    total = fractions.sum(axis=-1, keepdims=True)
    if np.abs(total - 1).max() > NODE_ERROR:
        raise ArithmeticError(f"class fractions add up to 1 within {np.abs(total - 1).max():.1e} only")
    return fractions / total


@cache
def most_votes_law(gamma: float, classes: int, seed: int, stream: str) -> np.ndarray:
    """Shares of `DRAWN` stated networks in which the most-voted class of all samples receives 0, 1, … votes."""
    draw = keys.generator(seed, stream, "centres", classes, gamma)
    fractions = class_fractions(math.sqrt(gamma) * draw.standard_normal((DRAWN, classes)))
    most = draw.multinomial(2 * JUDGES, fractions).max(axis=-1)
    return np.bincount(most, minlength=2 * JUDGES + 1) / DRAWN


def _gammas(experiment: LargestFraction, depth: int) -> tuple[float, float]:
    """γ at a depth, as stated and as the rival has it."""
    gamma = stated_gamma((experiment.overlap_map,), (experiment.network.input_overlap,), depth)
    return gamma, float(sympify(experiment.rival.instead).subs(s.gamma, gamma))


def _draw(experiment: LargestFraction, width: int, networks: int, seed: int, stream: str, purpose: str) -> Votes:
    """Votes of networks of one width."""
    network = experiment.network
    samples = 2 * JUDGES * (int(network.batch_size) if network.couples_samples else 1)
    sampler = Sampler.WEIGHTS if network.couples_samples else Sampler.GRAM
    size = Size(width, max(experiment.depths), samples, sampler=sampler)
    return votes(network, size, experiment.classes, READOUTS, keys.stream(seed, stream, purpose, width), networks)


def _widths(experiment: LargestFraction) -> tuple[int, int]:
    return COUPLED_WIDTHS if experiment.network.couples_samples else WIDTHS


@cache
def _pilot(experiment: LargestFraction, seed: int, stream: str) -> np.ndarray:
    """Shares (networks, depths) of a pilot's wide networks, which settle sizes and enter no test."""
    return _draw(experiment, _widths(experiment)[1], PILOT, seed, stream, "pilot").share


@cache
def _votes(experiment: LargestFraction, design: Design, seed: int, stream: str) -> dict[int, Votes]:
    """Votes by width, of as many networks as the wanted resolution of the share and of the law of the most votes need."""
    narrow, wide = _widths(experiment)
    pilot = _pilot(experiment, seed, stream)
    stated, instead = (most_votes_law(gamma, experiment.classes, seed, stream) for gamma in _gammas(experiment, experiment.rival_depth))
    drawn = design.half.band_resolved(DRAWN)
    networks = design.half.band_needed(max(min(VOTES_DISTANCE, 0.9 * sup_distance(stated, instead)) - drawn, drawn))
    inflation = float(parts_of_variance((narrow, wide), (NARROW_SHARE, 1.0)).sum())
    for depth in experiment.depths:
        wanted = design.resolution * stated_share(_gammas(experiment, depth)[0], experiment.classes)
        shares = pilot[:, depth - 1]
        networks = max(
            networks, math.ceil(design.needed(shares, wanted, math.ceil(NARROW_SHARE * networks), design.miss, inflation, 1 / NARROW_SHARE))
        )
    sizes = {narrow: math.ceil(NARROW_SHARE * networks), wide: networks}
    return {width: _draw(experiment, width, each, seed, stream, "votes") for width, each in sizes.items()}


def needs(experiment: LargestFraction, name: str, design: Design) -> Need:
    """Networks of two widths: relative to the share, or a distance between two laws."""
    widths = " and ".join(map(str, COUPLED_WIDTHS if experiment.network.couples_samples else WIDTHS))
    return Need(
        f"networks of widths {widths}, as many as a pilot of {PILOT} and the rival's distance ask for",
        VOTES_DISTANCE if name.startswith("most_votes") else design.no_finer_than(RESOLUTION).resolution,
    )


def run(experiment: LargestFraction, name: str, design: Design, seed: int, stream: str) -> Finding:
    """Compare one of the two statistics at one depth."""
    design = design.no_finer_than(RESOLUTION)
    found = _votes(experiment, design, seed, stream)
    if name.startswith("most_votes"):
        return _most_votes(experiment, trailing_number(name), found[max(found)], design, seed, stream)
    return _share(experiment, trailing_number(name), found, _pilot(experiment, seed, stream), design)


def _share(experiment: LargestFraction, depth: int, found: dict[int, Votes], pilot: np.ndarray, design: Design) -> Finding:
    gammas = _gammas(experiment, depth)
    predicted, instead = (stated_share(gamma, experiment.classes) for gamma in gammas)
    samples = tuple(Sample(width, votes.share[:, depth - 1], pilot[:, depth - 1]) for width, votes in found.items())
    rungs = [sample.rung for sample in samples]
    best = fit(rungs)
    resolution = design.resolved(best.standard_error, best.freedom) / predicted
    deviation, distance = (best.deviations(value) for value in (predicted, instead))
    rejected = design.rejects(distance, best.freedom)
    rival: dict[str, Any] = {}
    if depth == experiment.rival_depth:
        rival = {"says": experiment.rival.says, "predicted": instead, "deviations": distance, "rejected": rejected}
    return Finding(
        Verdict.of(
            agrees=design.accepts(deviation, best.freedom), conclusive=resolution <= design.resolution and rival.get("rejected", True)
        ),
        f"of {experiment.classes} classes the one with the largest mean over {JUDGES} samples receives {best.intercept:.5f} of other votes, extrapolated from "
        f"widths {', '.join(str(rung.width) for rung in rungs)}; stated {predicted:.5f}: {deviation:+.1f} standard errors (critical {design.critical(best.freedom):.1f}); "
        f"resolves {resolution:.2%}" + (f"; rival {instead:.5f} {'rejected' if rival['rejected'] else 'not rejected'}" if rival else ""),
        estimate=best.intercept,
        standard_error=best.standard_error,
        predicted=predicted,
        resolution=resolution,
        rival=rival,
        details={
            "depth": depth,
            "classes": experiment.classes,
            "judges": JUDGES,
            "gamma": gammas[0],
            "ladder": [{"width": rung.width, "networks": rung.networks, "mean": rung.mean} for rung in rungs],
        },
        null=FitNull(samples, fit, predicted),
    )


def _most_votes(experiment: LargestFraction, depth: int, found: Votes, design: Design, seed: int, stream: str) -> Finding:
    stated, instead = (most_votes_law(gamma, experiment.classes, seed, stream) for gamma in _gammas(experiment, depth))
    histogram = np.bincount(found.most[:, depth - 1], minlength=len(stated))
    networks = int(histogram.sum())
    band = design.two_bands(networks, DRAWN)
    distance, rival_distance = (sup_distance(histogram / networks, law) for law in (stated, instead))
    rival: dict[str, Any] = {}
    if depth == experiment.rival_depth:
        rival = {"says": experiment.rival.says, "distance": rival_distance, "rejected": rival_distance > band}
    return Finding(
        Verdict.of(agrees=distance <= band, conclusive=rival.get("rejected", True)),
        f"sup-distance {distance:.4f} between the laws of the most votes of {2 * JUDGES} for one of {experiment.classes} classes, in {networks} networks and at "
        f"{DRAWN} drawn centres (band {band:.4f})"
        + (f"; rival at {rival_distance:.4f} {'rejected' if rival['rejected'] else 'not rejected'}" if rival else ""),
        estimate=distance,
        predicted=0.0,
        resolution=design.two_bands_resolved(networks, DRAWN),
        rival=rival,
        details={
            "depth": depth,
            "classes": experiment.classes,
            "networks": networks,
            "most_votes": histogram.tolist(),
            "law": stated.tolist(),
        },
        null=TwoSampleNull(np.stack([histogram, np.rint(DRAWN * stated).astype(int)])),
    )
