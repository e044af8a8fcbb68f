r"""Statistics of one network whose expectation over networks is known at every width."""

from __future__ import annotations

import math
from functools import partial

from sympy import Integer, N, sympify

from numerics import keys
from numerics.layer_statistics import per_call, statistic
from proofs_checks.calibration import FitNull
from proofs_checks.design import Design
from proofs_checks.evidence import Verdict
from proofs_checks.finding import Finding, Need, trailing_number
from proofs_checks.ladder import Fit, Rung, Sample, fit
from theory import symbols as s
from theory.experiments import Expectation

RESOLUTION = 0.02  #: relative deviation that each must show, or the audit's own where that is coarser
PILOT = 512  #: networks, or those of one compiled call where these are more, from which the spread is estimated before sizes are solved


def pilot_of(experiment: Expectation) -> int:
    """Networks of its pilot."""
    return max(PILOT, per_call(experiment.quantity))


def checks(experiment: Expectation) -> tuple[str, ...]:
    """One for each width."""
    return tuple(f"width_{width}" for width in experiment.widths)


def needs(experiment: Expectation, name: str, design: Design) -> Need:
    """Networks of the width, relative to the stated expectation."""
    return Need(
        f"networks of width {trailing_number(name)}, as many as a pilot of {pilot_of(experiment)} asks for, and no fewer",
        design.no_finer_than(RESOLUTION).resolution,
    )


def run(experiment: Expectation, name: str, design: Design, seed: int, stream: str) -> Finding:
    """Compare the mean over networks with the stated expectation at one width."""
    design, width = design.no_finer_than(RESOLUTION).half, trailing_number(name)
    predicted, instead = (
        float(N(sympify(formula).subs(s.N, Integer(width)), 30)) for formula in (experiment.stated, experiment.rival.instead)
    )
    sample = _sample(experiment, width, predicted, design, seed, stream)
    mean, resolution, networks = _mean([sample.rung]), _resolved(sample, predicted, design), len(sample.values)
    deviation, distance = (mean.deviations(value) for value in (predicted, instead))
    rejected = design.rejects(distance, mean.freedom)
    return Finding(
        Verdict.of(agrees=design.accepts(deviation, mean.freedom), conclusive=rejected and resolution <= design.resolution),
        f"mean {mean.intercept:.6g} over {networks} networks, stated {predicted:.6g}: {deviation:+.1f} standard errors "
        f"(critical {design.critical(mean.freedom):.1f}); resolves {resolution:.2%}; rival {instead:.6g} {'rejected' if rejected else 'not rejected'}",
        estimate=mean.intercept,
        standard_error=mean.standard_error,
        predicted=predicted,
        resolution=resolution,
        rival={"says": experiment.rival.says, "predicted": instead, "deviations": distance, "rejected": rejected},
        details={"width": width, "networks": networks},
        null=FitNull((sample,), _mean, predicted),
    )


def _sample(experiment: Expectation, width: int, predicted: float, design: Design, seed: int, stream: str) -> Sample:
    """The quantity of every network, as many as a pilot settles for the look that resolves enough."""
    draw, few = partial(statistic, experiment.quantity, width), pilot_of(experiment)
    pilot = draw(keys.stream(seed, stream, "pilot", width), few)

    def drawn(short: float) -> Sample:
        networks = max(few, math.ceil(design.needed(pilot, design.resolution * abs(predicted), few, short)))
        return Sample(width, draw(keys.stream(seed, stream, "expectation", width), networks), pilot)

    return design.looked(drawn, lambda sample: _resolved(sample, predicted, design) <= design.resolution)


def _resolved(sample: Sample, predicted: float, design: Design) -> float:
    """The relative deviation that would be seen."""
    mean = _mean([sample.rung])
    return design.resolved(mean.standard_error, mean.freedom) / abs(predicted)


def _mean(rungs: list[Rung]) -> Fit:
    """One rung has no dependence on width to fit."""
    return fit(rungs, "none")
