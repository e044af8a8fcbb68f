r"""Two samplers, one law."""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from numerics import keys
from numerics.ensemble import Sampler, Size, moments
from numerics.gradients import squared_gradients
from proofs_checks.calibration import TwoSampleNull
from proofs_checks.design import Design
from proofs_checks.finding import Finding, Need, at_distance, sup_distance, trailing_number
from proofs_checks.observe_prejudice import samples_of
from theory.experiments import Compared, SameLaw
from theory.network import Network

COMPARED_NETWORKS = 4096


def checks(experiment: SameLaw) -> tuple[str, ...]:
    """One for each depth."""
    return tuple(f"samplers_depth_{depth}" for depth in experiment.depths)


def needs(experiment: SameLaw, name: str, design: Design) -> Need:
    """A distance between two laws."""
    draws = f"{COMPARED_NETWORKS} networks of width {experiment.width} by each sampler, and of the rival"
    return Need(draws, design.two_bands_resolved(COMPARED_NETWORKS, COMPARED_NETWORKS))


def run(experiment: SameLaw, name: str, design: Design, seed: int, stream: str) -> Finding:
    """Two-sample Kolmogorov-Smirnov band on γ or on gradients: each empirical law is within its own band of one common law."""
    depth = trailing_number(name)
    rival_network = experiment.rival.instead
    assert isinstance(rival_network, Network)
    draw = partial(_sampled, compared=experiment.compared, deepest=max(experiment.depths), width=experiment.width, seed=seed, stream=stream)
    weights = draw(experiment.network, Sampler.WEIGHTS)[:, depth - 1]
    gram = draw(experiment.network, Sampler.GRAM)[:, depth - 1]
    rival = draw(rival_network, Sampler.GRAM)[:, depth - 1]
    counts, rival_counts = (tallies(weights, other) for other in (gram, rival))
    distance, rival_distance = (sup_distance(*(each / COMPARED_NETWORKS)) for each in (counts, rival_counts))
    return at_distance(
        distance,
        design.two_bands(COMPARED_NETWORKS, COMPARED_NETWORKS),
        f"between the laws of {experiment.compared.value} of {COMPARED_NETWORKS} networks by each sampler",
        design.two_bands_resolved(COMPARED_NETWORKS, COMPARED_NETWORKS),
        (experiment.rival.says, rival_distance),
        {"depth": depth, "networks": COMPARED_NETWORKS},
        TwoSampleNull(counts),
    )


def tallies(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How often each value that either sample takes, in increasing order, occurs in one and in the other, (2, values)."""
    values, cells = np.unique(np.concatenate([one, other]), return_inverse=True)
    return np.stack([np.bincount(each, minlength=len(values)) for each in (cells[: len(one)], cells[len(one) :])])


@cache
def _sampled(network: Network, sampler: Sampler, compared: Compared, deepest: int, width: int, seed: int, stream: str) -> np.ndarray:
    size = Size(width, deepest, samples_of(network), sampler=sampler)
    key = keys.stream(seed, stream, "samplers", sampler.value)
    if compared is Compared.GRADIENTS:
        squares = squared_gradients(network, size, key, COMPARED_NETWORKS)
        return squares[:, :1] / squares
    return np.asarray(moments(network, size, key, COMPARED_NETWORKS).gamma(network))
