r"""The law of one standardised sample of a Gaussian batch, by distribution functions."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy import integrate
from sympy import Expr, Integer, N, lambdify, sympify

from numerics import keys
from numerics.batch_statistic import tally
from proofs_checks.calibration import BandNull
from proofs_checks.design import Design
from proofs_checks.finding import Finding, Need, at_distance, sup_distance, trailing_number
from theory import symbols as s
from theory.experiments import StatisticLaw

STATISTIC_DISTANCE = 0.02  #: between distribution functions of a standardised sample: what a check of its law must see
FIGURE_EDGES = 8  #: every so many of the edges is kept for figures

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
    masses, error = np.zeros(len(EDGES)), 0.0
    for number, (low, high) in enumerate(pairwise(ends)):
        if low < high:
            masses[number], piece, _, *doubts = integrate.quad(function, low, high, epsabs=1e-12, limit=200, full_output=1)
            if doubts:  # with its full output quad returns what it would warn of: its error need not cover that
                raise ArithmeticError(
                    f"the stated density could not be integrated from {low:.4g} to {high:.4g}: {' '.join(doubts[0].split())}"
                )
            error += piece
    if not error < 1e-6:
        raise ArithmeticError(f"the stated distribution function is known to {error:.1e} only")
    return np.cumsum(masses)


def checks(experiment: StatisticLaw) -> tuple[str, ...]:
    """One for each batch size."""
    return tuple(f"distribution_batch_{batch}" for batch in experiment.batches)


def _laws(experiment: StatisticLaw, batch: int) -> tuple[np.ndarray, np.ndarray | None, float]:
    """The stated law and, at its batch, the rival's, as masses between edges; and the distance that a check must see."""
    law = np.diff(distribution_at_edges(experiment.density, experiment.support, batch), prepend=0)
    if batch != experiment.rival_batch:
        return law, None, STATISTIC_DISTANCE
    rival = np.diff(distribution_at_edges(sympify(experiment.rival.instead), experiment.support, batch), prepend=0)
    return law, rival, min(STATISTIC_DISTANCE, 0.9 * sup_distance(law, rival))


def needs(experiment: StatisticLaw, name: str, design: Design) -> Need:
    """A distance between two laws."""
    batch = trailing_number(name)
    batches = design.band_needed(_laws(experiment, batch)[2])
    return Need(f"{batches} batches of {batch}", design.band_resolved(batches))


def run(experiment: StatisticLaw, name: str, design: Design, seed: int, stream: str) -> Finding:
    """DKWM at fixed edges: a supremum over fewer points is never larger."""
    batch = trailing_number(name)
    law, rival_law, separation = _laws(experiment, batch)
    found = tally(experiment.norm, batch, EDGES, keys.stream(seed, stream, "statistic", batch), design.band_needed(separation))
    empirical = np.diff(found.below, prepend=0) / found.values
    distance, band = sup_distance(empirical, law), design.band(found.values)
    rival = (experiment.rival.says, sup_distance(empirical, rival_law)) if rival_law is not None else None
    return at_distance(
        distance,
        band,
        f"from the stated distribution over {found.values} batches of {batch}",
        design.band_resolved(found.values),
        rival,
        {
            "batch": batch,
            "values": found.values,
            "largest": found.largest,
            "edges": EDGES[:-1:FIGURE_EDGES].tolist(),
            "below": found.below[:-1:FIGURE_EDGES].tolist(),
        },
        BandNull(law, found.values),
    )
