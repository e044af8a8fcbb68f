r"""The law over networks of the number of samples that class 0 receives."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
from scipy import integrate, special
from sympy import Expr, sympify

from numerics import keys
from numerics.ensemble import Sampler, Size
from numerics.readout import class_counts
from proofs_checks.calibration import BandNull
from proofs_checks.design import Design
from proofs_checks.finding import Finding, Need, at_distance, sup_distance, trailing_number
from proofs_checks.prediction import stated_gamma
from theory import symbols as s
from theory.experiments import ClassFraction, Rival

FRACTION_SAMPLES = 16  #: samples that vote in a class fraction
FRACTION_WIDTH = 512  #: width of networks whose class fractions are counted; their width bias counts against the claim
COUPLED_FRACTION_WIDTH = 128  #: the same, where every vote needs a batch of its own


def checks(experiment: ClassFraction) -> tuple[str, ...]:
    """One for each depth."""
    return tuple(f"class_fraction_depth_{depth}" for depth in experiment.depths)


def _binomial(samples: int, p: float) -> np.ndarray:
    """Masses of 0 … n, from the distribution function."""
    return np.diff(special.bdtr(np.arange(samples + 1), samples, p), prepend=0.0)


@cache
def count_law(deviation: float, samples: int) -> np.ndarray:
    r"""Law of the number of samples given to class 0: Binomial(n, f_0) mixed over $f_0 = \Phi(\text{deviation}\cdot Z)$."""
    if deviation == 0:
        return _binomial(samples, 0.5)
    masses, error = integrate.quad_vec(
        lambda z: _binomial(samples, special.ndtr(deviation * z)) * math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi),
        -12,
        12,
        points=(-3, -1, 0, 1, 3),
        epsabs=1e-12,
        norm="max",
    )
    if error > 1e-6 / samples:
        raise ArithmeticError(f"the law of class counts is known to {error:.1e} only")
    return np.asarray(masses)


def _deviations(experiment: ClassFraction, depth: int) -> tuple[float, float]:
    """The factor of Z in f_0 = Φ(factor·Z) at a depth, as stated and as the rival has it."""
    gamma = stated_gamma((experiment.overlap_map,), (experiment.network.input_overlap,), depth)
    stated, rival = (float(sympify(formula).subs(s.gamma, gamma)) for formula in (experiment.deviation, experiment.rival.instead))
    return stated, rival


def _networks(experiment: ClassFraction, design: Design) -> int:
    """As many as tell the rival's law from the stated one at its depth."""
    stated, rival = (count_law(deviation, FRACTION_SAMPLES) for deviation in _deviations(experiment, experiment.rival_depth))
    return design.band_needed(0.9 * sup_distance(stated, rival))


def distance_to(experiment: ClassFraction, other: Expr) -> float:
    """How far another factor of Z moves the stated law of counts at the rival's depth."""
    instead = replace(experiment, rival=Rival("another factor", other))
    stated, wrong = (count_law(deviation, FRACTION_SAMPLES) for deviation in _deviations(instead, experiment.rival_depth))
    return sup_distance(stated, wrong)


@cache
def _class_counts(experiment: ClassFraction, design: Design, seed: int, stream: str) -> np.ndarray:
    """Histograms (depth, 0 … n) of class counts."""
    network, deepest = experiment.network, max(experiment.depths)
    if network.couples_samples:
        size = Size(COUPLED_FRACTION_WIDTH, deepest, FRACTION_SAMPLES * int(network.batch_size))
    else:
        size = Size(FRACTION_WIDTH, deepest, FRACTION_SAMPLES, sampler=Sampler.GRAM)
    counts = class_counts(network, size, keys.stream(seed, stream, "class fraction"), _networks(experiment, design))
    return np.stack([np.bincount(layer, minlength=FRACTION_SAMPLES + 1) for layer in counts.T])


def needs(experiment: ClassFraction, name: str, design: Design) -> Need:
    """A distance between two laws."""
    networks = _networks(experiment, design)
    width = COUPLED_FRACTION_WIDTH if experiment.network.couples_samples else FRACTION_WIDTH
    return Need(f"{networks} networks of width {width}", design.band_resolved(networks))


def run(experiment: ClassFraction, name: str, design: Design, seed: int, stream: str) -> Finding:
    """Compare the histogram of class counts at one depth with its stated law."""
    depth = trailing_number(name)
    deviation, rival_deviation = _deviations(experiment, depth)
    law = count_law(deviation, FRACTION_SAMPLES)
    histogram = _class_counts(experiment, design, seed, stream)[depth - 1]
    networks = int(histogram.sum())
    distance, band = sup_distance(histogram / networks, law), design.band(networks)
    rival = None
    if depth == experiment.rival_depth:
        rival = experiment.rival.says, sup_distance(histogram / networks, count_law(rival_deviation, FRACTION_SAMPLES))
    return at_distance(
        distance,
        band,
        f"from the stated law of class counts over {networks} networks",
        design.band_resolved(networks),
        rival,
        {"depth": depth, "deviation": deviation, "networks": networks, "counts": histogram.tolist(), "law": law.tolist()},
        BandNull(law, networks),
    )
