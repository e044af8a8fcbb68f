r"""Degenerate cases: γ that vanishes identically, checked as an identity with a rounding bound."""

from __future__ import annotations

import math
from functools import cache, partial
from typing import Any

import numpy as np

from numerics import keys
from numerics.batch_means import batch_means
from numerics.ensemble import Size
from numerics.precision import FLOAT32
from proofs_checks.design import Design
from proofs_checks.evidence import Verdict
from proofs_checks.finding import Finding, Need, trailing_number
from theory.experiments import Neutral
from theory.network import Network

WIDTH, NETWORKS = 512, 16


def checks(experiment: Neutral) -> tuple[str, ...]:
    """One for each depth."""
    return tuple(f"batch_means_depth_{depth}" for depth in experiment.depths)


def needs(experiment: Neutral, name: str, design: Design) -> Need:
    """An identity: rounding alone is allowed."""
    return Need(f"{NETWORKS} networks of width {WIDTH}, and as many of the rival's", None)


def run(experiment: Neutral, name: str, design: Design, seed: int, stream: str) -> Finding:
    """Batch means vanish up to rounding.

    Subtracting a float32 mean of B numbers, whose own error is at most B·u·mean|x|, leaves a batch mean of at most
    (B + 2)u·max|x − x̄| + (B + 1)u·mean|x|; for a rectified unit mean|x| is its mean, at most √B deviations. After scaling the
    bound is (2B + 6)·u·(max|y| + √B), u = 2⁻²⁴.
    """
    depth = trailing_number(name)
    batch = int(experiment.network.batch_size)
    measure = partial(_batch_means, depth=max(experiment.depths), seed=seed, stream=stream)
    found = measure(experiment.network)
    largest = float(np.max(found.largest_mean[:, depth - 1]))
    bound = (2 * batch + 6) * FLOAT32 * (float(np.max(found.largest_activation[:, depth - 1])) + math.sqrt(batch))
    rival_network = experiment.rival.instead
    assert isinstance(rival_network, Network)
    rival_largest = float(np.min(measure(rival_network).largest_mean[:, depth - 1]))
    rejected = rival_largest > bound
    return Finding(
        Verdict.of(agrees=largest <= bound, conclusive=rejected),
        f"largest batch mean {largest:.1e}, rounding bound {bound:.1e}: γ is zero identically; "
        f"rival's batch means reach {rival_largest:.2f} in every network",
        estimate=largest,
        predicted=0.0,
        resolution=bound,
        rival={"says": experiment.rival.says, "largest_mean": rival_largest, "rejected": rejected},
        details={"depth": depth, "bound": bound},
    )


@cache
def _batch_means(network: Network, depth: int, seed: int, stream: str) -> Any:
    size = Size(WIDTH, depth, 2 * int(network.batch_size))
    return batch_means(network, size, keys.stream(seed, stream, "batch means"), NETWORKS)
