r"""The growth of squared gradients on their way back, on a ladder of two widths: the factor per layer extrapolated to infinite width.

Every network gives $\frac1k\ln$ of the ratio of the squared gradients k layers apart; its mean over networks is $\ln\chi + O(1/N)$, and two widths
N and W remove the first order. What remains, of order 1/(NW), counts against the claim. Where a claim is about the full batch, batches
grow with the width, so that 1/B is 1/N up to a factor, and goes with it.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
from flint import arb
from sympy import Expr, oo, sympify

from numerics import keys
from numerics.ensemble import Sampler, Size
from numerics.gradients import squared_gradients
from proofs_checks.balls import enclose, known, precision
from proofs_checks.calibration import FitNull
from proofs_checks.design import Design
from proofs_checks.evidence import Verdict
from proofs_checks.finding import Finding, Need
from proofs_checks.ladder import Sample, fit, parts_of_variance
from theory.experiments import GradientGrowth
from theory.network import Network

NARROW, WIDE = 128, 1024  #: drawn with all their weights, and from Gram matrices
RESOLUTION = 0.02  #: relative deviation of the factor that each must show, or the audit's own where that is coarser
NARROW_SHARE = 0.25  #: units (networks × width × samples) of the narrow rung, relative to the wide one
SAMPLES = 16  #: of a network without batch statistics
PILOT = 128  #: networks of the narrow rung from which the spread is estimated before sizes are solved
FULL = (256, 512)  #: widths where batches grow with them
UNITS_PER_SAMPLE = 4  #: the width over the batch there
SMALLEST = 32  #: networks of a rung at least, for the freedom of their standard error, and of one compiled call
NAME = "factor_per_layer"


def checks(experiment: GradientGrowth) -> tuple[str, ...]:
    """One."""
    return (NAME,)


def rungs_of(network: Network, depth: int) -> tuple[tuple[Network, Size], tuple[Network, Size]]:
    """The narrow and the wide rung: a network, with its batch, and its finite sizes."""
    if network.couples_samples and network.batch_size == oo:
        narrow, wide = (
            (replace(network, batch_size=width // UNITS_PER_SAMPLE), Size(width, depth, width // UNITS_PER_SAMPLE)) for width in FULL
        )
        return narrow, wide
    samples = int(network.batch_size) if network.couples_samples else SAMPLES
    return (network, Size(NARROW, depth, samples)), (network, Size(WIDE, depth, samples, sampler=Sampler.GRAM))


@cache
def ladder(network: Network, layers: tuple[int, int], design: Design, seed: int, stream: str) -> tuple[Sample, ...]:
    """The logarithm of the factor of every network at each width, after a pilot has settled how many networks; its draws enter no test."""
    first, last = layers
    rungs = rungs_of(network, last + 1)

    def draw(rung: tuple[Network, Size], networks: int, purpose: str) -> np.ndarray:
        key = keys.stream(seed, stream, "gradients", purpose, rung[1].width)
        squares = squared_gradients(*rung, key, networks)
        return np.asarray(np.log(squares[:, first - 1] / squares[:, last - 1]) / (last - first))

    entries = [size.width * size.samples for _, size in rungs]
    widths = tuple(size.width for _, size in rungs)
    shares = (1.0 if widths == FULL else NARROW_SHARE, 1.0)
    pilot = draw(rungs[0], PILOT, "pilot")
    scale = entries[0] * float(parts_of_variance(widths, shares).sum())
    largest = max(entry / share for share, entry in zip(shares, entries, strict=True))

    def drawn(short: float) -> tuple[Sample, ...]:
        units = design.needed(pilot, design.resolution, SMALLEST, short, scale, largest)
        counts = [max(SMALLEST, math.ceil(share * units / entry)) for share, entry in zip(shares, entries, strict=True)]
        return tuple(Sample(width, draw(rung, count, "ladder"), pilot) for width, rung, count in zip(widths, rungs, counts, strict=True))

    return design.looked(drawn, lambda samples: _resolved(samples, design) <= design.resolution)


def _resolved(samples: tuple[Sample, ...], design: Design) -> float:
    """The deviation of the logarithm that would be seen."""
    best = fit([sample.rung for sample in samples])
    return design.resolved(best.standard_error, best.freedom)


def log_of(factor: Expr) -> float:
    """The logarithm of χ, to double precision."""
    with precision(128):
        return known(arb(enclose(sympify(factor))).log())


def needs(experiment: GradientGrowth, name: str, design: Design) -> Need:
    """Networks of two widths, relative to the factor."""
    widths = " and ".join(str(size.width) for _, size in rungs_of(experiment.network, experiment.layers[1] + 1))
    return Need(
        f"networks of widths {widths}, as many as a pilot of {PILOT} asks for, of each {SMALLEST} at least",
        design.no_finer_than(RESOLUTION).resolution,
    )


def run(experiment: GradientGrowth, name: str, design: Design, seed: int, stream: str) -> Finding:
    """Compare ln of the factor: a relative deviation of the factor is a deviation of its logarithm."""
    design = design.no_finer_than(RESOLUTION).half
    samples = ladder(experiment.network, experiment.layers, design, seed, stream)
    rungs = [sample.rung for sample in samples]
    best = fit(rungs)
    instead = experiment.rival.instead
    assert isinstance(instead, Expr)
    stated, rival = log_of(experiment.factor), log_of(instead)
    deviation, distance = (best.deviations(value) for value in (stated, rival))
    resolution = _resolved(samples, design)
    rejected = design.rejects(distance, best.freedom)
    estimate = math.exp(best.intercept)
    return Finding(
        Verdict.of(agrees=design.accepts(deviation, best.freedom), conclusive=rejected and resolution <= design.resolution),
        f"χ = {estimate:.5f} a layer extrapolated from widths {', '.join(str(rung.width) for rung in rungs)}; stated {math.exp(stated):.5f}; "
        f"{deviation:+.1f} standard errors (critical {design.critical(best.freedom):.1f}); resolves {resolution:.2%}; "
        f"rival {math.exp(rival):.5f} {'rejected' if rejected else 'not rejected'}",
        estimate=estimate,
        standard_error=best.standard_error * estimate,
        predicted=math.exp(stated),
        resolution=resolution,
        rival={"says": experiment.rival.says, "predicted": math.exp(rival), "deviations": distance, "rejected": rejected},
        details={
            "layers": list(experiment.layers),
            "ladder": [{"width": r.width, "networks": r.networks, "mean": r.mean, "standard_error": r.standard_error} for r in rungs],
        },
        null=FitNull(samples, fit, stated),
    )
