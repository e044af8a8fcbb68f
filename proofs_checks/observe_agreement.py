r"""Every norm with every activation: predicted prejudice against networks, extrapolated in width and in batch size.

A prediction is about infinite width and the full batch. Where samples see each other, networks of several batch sizes carry the bias
in 1/B as those of several widths carry that in 1/N; the terms left out, of third order, count against the claim.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from numerics import keys
from numerics.ensemble import Sampler, Size, moments_within
from numerics.precision import drift
from proofs_checks.balls import NotEnclosed
from proofs_checks.calibration import FitNull
from proofs_checks.design import Design
from proofs_checks.evidence import Verdict
from proofs_checks.finding import Finding, Need
from proofs_checks.ladder import Fit, Rung, Sample, fit, fit_width_and_batch
from proofs_checks.observe_prejudice import sensitivity
from proofs_checks.prediction import Prediction, predict
from theory.experiments import LISTING, Agreement, combination
from theory.law import NoClosedForm
from theory.network import Network, Placement
from theory.stages import Axis, Center

RESOLUTION = 0.05  #: relative deviation of γ that each combination must show, or the audit's own where that is coarser
FROM_GRAM = 2048  #: widths from here on are drawn from Gram matrices
#: (width, batch) of the rungs: 0 where samples do not see each other.
UNCOUPLED = ((128, 0), (512, 0), (4096, 0))
COUPLED = ((128, 16), (512, 16), (2048, 16), (2048, 32), (2048, 64))
BATCHED = COUPLED[:3]  #: where the theory predicts for that batch size
IDENTICAL = ((256, 64), (2048, 64))  #: each batch is centred last: γ is zero at every size, and there is no bias
SAMPLES = 16  #: of a network without batch statistics
PILOT = 64  #: networks of each rung from which sizes are solved
MARGIN = 2.5  #: variance allowed above the pilot's: one pilot is further off with probability 5e-6, and there are seven hundred
FEWEST = 32  #: networks of a rung at least, for the freedom of its standard error
MOST = 4096


Shapes = tuple[tuple[int, int], ...]


def checks(experiment: Agreement) -> tuple[str, ...]:
    """One for each network with a law and a value in finite batches, and the listing of all."""
    return (*(combination(network) for network in experiment.networks if reason_against(experiment, network) is None), LISTING)


@cache
def answer(network: Network, depth: int) -> Prediction | str:
    """The theory's prediction, or why there is none."""
    try:
        return predict(network, depth)
    except (NoClosedForm, NotEnclosed) as reason:
        return str(reason)


def reason_against(experiment: Agreement, network: Network) -> str | None:
    """Why a combination is not confronted; None if it is."""
    for each, reason in experiment.undefined:
        if each == network:
            return reason
    found = answer(network, experiment.depth)
    return found if isinstance(found, str) else None


def needs(experiment: Agreement, name: str, design: Design) -> Need:
    """Networks of every rung, relative to γ."""
    if name == LISTING:
        return Need("nothing", None)
    shapes = (
        ", ".join(str(width) for width, _ in UNCOUPLED if not experiment.networks[0].couples_samples)
        or "128 to 2048 in batches of 16 to 64"
    )
    draws = f"networks of widths {shapes}, of each {FEWEST} to {MOST}, as pilots of {PILOT} ask for"
    return Need(draws, design.no_finer_than(RESOLUTION).resolution)


def run(experiment: Agreement, name: str, design: Design, seed: int, stream: str) -> Finding:
    """Compare the extrapolated overlap of one network with its prediction."""
    if name == LISTING:
        return _listing(experiment)
    network = next(each for each in experiment.networks if combination(each) == name)
    prediction, shapes = _confrontation(network, experiment.depth)
    stated = prediction.gamma
    design = design.no_finer_than(RESOLUTION)
    says, instead = _rival(experiment, stated, design)
    sampled = _Sampled(experiment, network, seed, f"{stream}/{name}")
    samples = _samples(sampled, stated, shapes, design)
    best = _fit([sample.rung for sample in samples])

    def deviations(gamma: float) -> float:
        return float(best.deviations(gamma / (1 + gamma)))

    resolution = design.resolved(best.standard_error, best.freedom) / sensitivity(stated)
    rejected = design.rejects(deviations(instead), best.freedom)
    estimate = best.intercept / (1 - best.intercept)
    return Finding(
        Verdict.of(agrees=design.accepts(deviations(stated), best.freedom), conclusive=resolution <= design.resolution and rejected),
        f"γ = {estimate:.5f} extrapolated; predicted {stated:.5f} ({prediction.method}); {deviations(stated):+.1f} standard errors "
        f"(critical {design.critical(best.freedom):.1f}); resolves {resolution:.2%}; rival {instead:.5f} {'rejected' if rejected else 'not rejected'}",
        estimate=estimate,
        standard_error=best.standard_error / (1 - best.intercept) ** 2,
        predicted=stated,
        resolution=resolution,
        rival={"says": says, "predicted": instead, "deviations": deviations(instead), "rejected": rejected},
        details={"norm": network.norm.name, "method": prediction.method, "error_bound": prediction.error_bound, "depth": experiment.depth},
        null=FitNull(samples, _fit, stated / (1 + stated)),
    )


def _listing(experiment: Agreement) -> Finding:
    """Every combination is confronted, or it is said why not."""
    reasons = {combination(network): reason_against(experiment, network) for network in experiment.networks}
    without = {name: reason for name, reason in reasons.items() if reason is not None}
    return Finding(
        Verdict.of(agrees=all(without.values()), conclusive=True),
        f"{len(reasons) - len(without)} of {len(reasons)} combinations are confronted with networks; for the others there is no law in the "
        "full batch, or no value in a finite one",
        details={"norm": experiment.networks[0].norm.name, "without_law": without},
    )


def _rival(experiment: Agreement, stated: float, design: Design) -> tuple[str, float]:
    """The first rival further away than the check must resolve, twice over."""
    for rival in experiment.rivals:
        found = answer(rival, experiment.depth)
        if isinstance(found, Prediction):
            apart = abs(found.overlap - stated / (1 + stated))
            if apart > 2 * design.resolution * sensitivity(stated):
                return f"{rival.activation.name} without a norm", found.gamma
    raise ValueError(f"no rival differs from γ = {stated}")


@dataclass(frozen=True)
class _Sampled:
    """Overlaps of networks of one combination."""

    experiment: Agreement
    network: Network
    seed: int
    stream: str

    def overlaps(self, width: int, batch: int, networks: int, purpose: str) -> np.ndarray:
        """C of every network behind its last layer."""
        sized = tuple(replace(each, batch_size=batch) for each in self.experiment.family) if batch else self.experiment.family
        which = self.experiment.family.index(self.network)
        size = Size(width, self.experiment.depth, 2 * batch or SAMPLES, sampler=Sampler.GRAM if width >= FROM_GRAM else Sampler.WEIGHTS)
        key = keys.stream(self.seed, self.stream, purpose, width, batch)
        return np.asarray(moments_within(sized, which, size, key, networks).correlation(self.network))[:, -1]

    def rounding(self, batch: int) -> float:
        """Below it no standard error is taken."""
        sized = replace(self.network, batch_size=batch) if batch else self.network
        return drift(sized, self.experiment.depth, 2 * batch or SAMPLES)


def _confrontation(network: Network, depth: int) -> tuple[Prediction, Shapes]:
    """What is predicted, and the sizes of networks that approach it: a batch of the ladder's size, where the theory has a law for it."""
    full = answer(network, depth)
    assert isinstance(full, Prediction)
    if not network.couples_samples:
        return full, UNCOUPLED
    if network.placement is Placement.POST and Center(Axis.BATCH) in network.norm.stages:
        return full, IDENTICAL
    batched = answer(replace(network, batch_size=BATCHED[0][1]), depth)
    return (batched, BATCHED) if isinstance(batched, Prediction) else (full, COUPLED)


def _samples(sampled: _Sampled, stated: float, shapes: Shapes, design: Design) -> tuple[Sample, ...]:
    """Overlaps of the networks of every rung, as many as its pilot has settled."""
    pilots = [sampled.overlaps(width, batch, PILOT, "pilot") for width, batch in shapes]
    spreads = [float(pilot.std(ddof=1)) for pilot in pilots]
    wanted = design.resolution * sensitivity(stated)
    for networks in _doubled(FEWEST, MOST):
        trial = [
            Rung(width, networks, 0.0, max(math.sqrt(MARGIN / networks) * spread, sampled.rounding(batch)), batch or np.inf)
            for (width, batch), spread in zip(shapes, spreads, strict=True)
        ]
        planned = _fit(trial)
        if design.resolved(planned.standard_error, planned.freedom) <= wanted:
            break
    # One pilot has too few networks to show a tail: those of all rungs, standardised, stand for the shape of each.
    shape = np.concatenate([(pilot - pilot.mean()) / (pilot.std() or 1.0) for pilot in pilots])
    return tuple(
        Sample(width, sampled.overlaps(width, batch, networks, "rung"), shape, sampled.rounding(batch), batch or np.inf)
        for width, batch in shapes
    )


def _fit(rungs: list[Rung]) -> Fit:
    """The overlap at infinite width, and in the full batch where the batch grows."""
    if len(rungs) == len(IDENTICAL):
        return fit(rungs, "none")
    return fit(rungs) if len({rung.batch for rung in rungs}) == 1 else fit_width_and_batch(rungs)


def _doubled(low: int, high: int) -> Iterable[int]:
    while low <= high:
        yield low
        low *= 2
