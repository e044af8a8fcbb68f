r"""Statistics of one network whose expectation over networks is known at every width."""

from __future__ import annotations

import math
from functools import partial

from sympy import Integer, N, sympify

from numerics import keys
from numerics.layer_statistics import statistic
from proofs_checks.design import Design
from proofs_checks.evidence import Verdict
from proofs_checks.finding import Finding, trailing_number
from proofs_checks.ladder import Rung
from proofs_checks.observe_prejudice import MARGIN, PILOT
from theory import symbols as s
from theory.experiments import Expectation


def checks(experiment: Expectation) -> tuple[str, ...]:
    """One for each width."""
    return tuple(f"width_{width}" for width in experiment.widths)


def run(experiment: Expectation, name: str, design: Design, seed: int, stream: str) -> Finding:
    """Compare the mean over networks with the stated expectation at one width."""
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
