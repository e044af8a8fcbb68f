r"""The observed witness: random networks against stated values.

One module per kind of experiment, each with `checks`, the names of its checks, known before any of them runs, `needs`, what it would draw, and `run`. Each
solves its sample sizes before it draws, compares with the stated value at its share of the audit's error rate, states what
deviation it would have seen, and rejects its rival with the same numbers; if it cannot, the check is undecided. Draws shared by
the checks of an experiment are drawn once.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from types import ModuleType

from numerics import keys
from proofs_checks import (
    observe_agreement,
    observe_expectations,
    observe_fractions,
    observe_gradients,
    observe_grams,
    observe_identities,
    observe_largest,
    observe_prejudice,
    observe_samplers,
    observe_spectra,
    observe_statistics,
)
from proofs_checks.calibration import calibrate
from proofs_checks.design import Design
from proofs_checks.evidence import Verdict
from proofs_checks.finding import Finding, Need
from theory.experiments import (
    LISTING,
    Agreement,
    ClassFraction,
    Expectation,
    Experiment,
    GradientGrowth,
    GramIdentity,
    LargestFraction,
    Neutral,
    OnNetwork,
    OnSpectrum,
    Prejudice,
    SameLaw,
    SpectralBounds,
    SpectralExponent,
    SpectralRatio,
    StatisticLaw,
)

OBSERVERS: dict[type, ModuleType] = {
    Prejudice: observe_prejudice,
    GradientGrowth: observe_gradients,
    ClassFraction: observe_fractions,
    LargestFraction: observe_largest,
    Neutral: observe_identities,
    Expectation: observe_expectations,
    StatisticLaw: observe_statistics,
    SameLaw: observe_samplers,
    Agreement: observe_agreement,
    GramIdentity: observe_grams,
    SpectralRatio: observe_spectra,
    SpectralBounds: observe_spectra,
    SpectralExponent: observe_spectra,
}


def checks(experiment: Experiment) -> tuple[str, ...]:
    """The names of the checks that an experiment will make."""
    names: tuple[str, ...] = OBSERVERS[type(experiment)].checks(experiment)
    return names


def needs(experiment: Experiment, name: str, design: Design) -> Need:
    """What a check would draw, and the deviation that it would see."""
    found: Need = OBSERVERS[type(experiment)].needs(experiment, name, design)
    return found


def is_random(experiment: Experiment, name: str) -> bool:
    """Whether a check of a true claim can fail by chance: identities, bounds that are certain and listings cannot."""
    certain = isinstance(experiment, Neutral | GramIdentity) or (isinstance(experiment, SpectralBounds) and experiment.certain)
    return not certain and not name.endswith(LISTING)


def run(experiment: Experiment, name: str, design: Design, seed: int, stream: str) -> Finding:
    """Run one named check of an experiment."""
    found: Finding = OBSERVERS[type(experiment)].run(experiment, name, design, seed, stream)
    return found


def subject_of(experiment: Experiment) -> Hashable:
    """What is simulated: experiments on one network share its kernels, and often its draws."""
    match experiment:
        case OnNetwork():
            return experiment.network
        case OnSpectrum():
            return OnSpectrum, experiment.model.network
        case _:
            return experiment


def calibrated(finding: Finding, design: Design, replicates: int, seed: int, stream: str) -> Finding:
    """The finding with its procedure's measured error rates; FAILS if one is above its nominal rate beyond chance."""
    if finding.null is None:
        raise ValueError("a check that can fail by chance has no null to replicate it from")
    found = calibrate(finding.null, replicates, design.alpha, keys.generator(seed, stream, "calibration"))
    return replace(
        finding,
        verdict=Verdict.FAILS if found.red else finding.verdict,
        sentence="; ".join((finding.sentence, *(f"not calibrated: {each}" for each in found.red))),
        details={**finding.details, "calibration": found.to_json()},
    )
