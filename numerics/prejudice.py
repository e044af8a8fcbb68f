"""γ of an ensemble of random networks, with its standard error: what `normproof simulate` prints."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from numerics import keys
from numerics.control_variates import fitted
from numerics.ensemble import Sampler, Size, controlled_moments, moments
from numerics.kernel import Stopwatch
from numerics.precision import control_drift
from numerics.streamed import block_of, streamed_moments
from theory.network import Network, Stack

PILOT = (64, 256)  #: networks whose control variates settle the multipliers: as many as are averaged, within these limits
NARROW = 128  #: and their width at most


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
    control_variates: bool = False,
) -> dict[str, Any]:
    """Mean of γ over networks and its standard error (None for one network), with the readout integrated out.

    Where a norm couples all samples in one batch, a second, independent batch of as many samples is drawn: γ needs pairs of
    independent samples. With `control_variates` each network's γ is taken less what chance is known to have added to it, with
    multipliers from other, narrow networks: `variance_left` is what remains of its variance. Layers drawn from Gram matrices are
    drawn in blocks of units where they are too wide to be kept.

    Raises
    ------
    ValueError
        If the batch size does not divide the samples, one sample alone is to have an overlap, the sampler has no such weights, or
        layers that are drawn in blocks are to have control variates.
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
    left = None
    if block_of(network, size):
        if control_variates:
            raise ValueError(f"layers of {width} units are drawn in blocks, and control variates need them whole")
        assert isinstance(network, Network)
        gamma = np.asarray(streamed_moments(network, size, key, networks, stopwatch).gamma(network))[:, -1]
    elif control_variates:
        plain, controls = _controlled(network, size, key, networks, stopwatch)
        others = min(max(networks, PILOT[0]), PILOT[1])
        pilot = _controlled(network, _narrow(network, size), keys.stream(seed, "simulate", "pilot"), others, stopwatch)
        gamma = fitted(*pilot, control_drift(network), networks).of(plain, controls)
        left = float(gamma.var() / plain.var()) if plain.var() > 0 else None
    else:
        gamma = np.asarray(moments(network, size, key, networks, stopwatch).gamma(network))[:, -1]
    return {
        "gamma": float(gamma.mean()),
        "standard_error": float(gamma.std(ddof=1) / np.sqrt(networks)) if networks > 1 else None,
        "variance_left": left,
        "networks": networks,
        "width": width,
        "samples": samples,
        "seed": seed,
        "seconds": stopwatch.running,
        "compile_seconds": stopwatch.compiling,
    }


def _controlled(network: Stack, size: Size, key: Any, networks: int, stopwatch: Stopwatch) -> tuple[np.ndarray, np.ndarray]:
    """γ behind the last layer, (networks,), and its control variates, (networks, columns)."""
    found = controlled_moments(network, size, key, networks, stopwatch=stopwatch)
    return np.asarray(found.moments.gamma(network))[:, -1], found.controls[:, -1]


def _narrow(network: Stack, size: Size) -> Size:
    """Sizes of a pilot: its multipliers need not be those of least variance, and change no mean."""
    fits = size.width > NARROW and not any(stage.refuses_width(NARROW) for stage in network.stages)
    return replace(size, width=NARROW if fits else size.width)
