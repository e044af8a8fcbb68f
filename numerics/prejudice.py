"""γ of an ensemble of random networks, with its standard error: what `normproof simulate` prints."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from numerics import keys
from numerics.ensemble import Sampler, Size, moments
from numerics.kernel import Stopwatch
from theory.network import Stack


def simulate(
    network: Stack,
    *,
    width: int,
    depth: int,
    samples: int,
    networks: int,
    seed: int,
    input_dimension: int = 0,
    sampler: Sampler = Sampler.WEIGHTS,
) -> dict[str, Any]:
    """Mean of γ over networks and its standard error (None for one network), with the readout integrated out.

    Where a norm couples all samples in one batch, a second, independent batch of as many samples is drawn: γ needs pairs of
    independent samples.

    Raises
    ------
    ValueError
        If the batch size does not divide the samples, one sample alone is to have an overlap, or the sampler has no such weights.
    NotFinite
        If a norm divided by zero.
    """
    for stage in network.stages:
        if reason := stage.refuses_width(width):
            raise ValueError(f"a width of {width} does not do for {network.norm.name}: {reason}")
    drawn = samples
    if network.couples_samples and network.batch_size in (float("inf"), samples):
        network, drawn = replace(network, batch_size=samples), 2 * samples
    stopwatch = Stopwatch()
    size = Size(width, depth, drawn, input_dimension, sampler)
    key = keys.stream(seed, "simulate")
    gamma = np.asarray(moments(network, size, key, networks, stopwatch).gamma(network))[:, -1]
    return {
        "gamma": float(gamma.mean()),
        "standard_error": float(gamma.std(ddof=1) / np.sqrt(networks)) if networks > 1 else None,
        "networks": networks,
        "width": width,
        "samples": samples,
        "seed": seed,
        "seconds": stopwatch.running,
        "compile_seconds": stopwatch.compiling,
    }
