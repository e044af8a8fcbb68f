r"""γ of an ensemble of random networks, with its standard error: what `normproof simulate` prints.

Networks are averaged by their correlations c = γ/(1+γ), and $\gamma = \bar c/(1-\bar c)$: γ of one network is a ratio with a long tail, whose mean is several
times as far from the value at infinite width.
"""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from numerics import keys
from numerics.control_variates import fitted
from numerics.ensemble import (
    Measured,
    NotFinite,
    Sampler,
    Size,
    finite,
    not_finite,
    number_of_controls,
    of_controlled,
    of_moments,
    refuse,
)
from numerics.estimators import Moments
from numerics.kernel import Stopwatch
from numerics.precision import control_drift
from numerics.running import Running
from numerics.sampled import of_parts, part_of
from numerics.streamed import block_of, of_blocks
from theory.network import Network, Stack

#: Networks whose control variates settle the multipliers: as many as are averaged, within these multiples of the number of controls. With
#: p multipliers fitted to m networks, the variance left is about p/(m − p) of itself above the least.
PILOT = (3, 12)
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
    r"""γ of the mean c over networks and its standard error, that of c over $(1-\bar c)^2$ (None for one network), with the readout integrated out.

    Where a norm couples all samples in one batch, a second, independent batch of as many samples is drawn: γ needs pairs of
    independent samples. With `control_variates` each network's c is taken less what chance is known to have added to it, with
    multipliers from other, narrow networks: `variance_left` is what remains of its variance. Layers drawn from Gram matrices are
    drawn in blocks of units where they are too wide to be kept, samples go through all weights in parts where they are too many, and of
    networks the mean and the spread are kept: memory grows with neither.

    Raises
    ------
    ValueError
        If the batch size does not divide the samples, one sample alone is to have an overlap, all inputs are to be one, the sampler
        has no such weights, or layers that are drawn in blocks are to have control variates.
    NotFinite
        If a norm divided by zero, or no number tells outputs of different samples apart.
    """
    if network.input_overlap == 1:
        raise ValueError("inputs of overlap 1 are one input, and γ is infinite: an overlap below 1 is needed")
    for stage in network.stages:
        if reason := stage.refuses_width(width):
            raise ValueError(f"a width of {width} does not do for {network.norm.name}: {reason}")
    drawn = samples
    if network.couples_samples and network.batch_size in (float("inf"), samples):
        network, drawn = replace(network, batch_size=samples), 2 * samples
    stopwatch = Stopwatch()
    size = Size(width, depth, drawn, input_dimension, sampler)
    key = keys.stream(seed, "simulate")
    adjustment = None
    if block_of(network, size):
        if control_variates:
            raise ValueError(f"layers of {width} units are drawn in blocks, and control variates need them whole")
        assert isinstance(network, Network)
        replicates = of_blocks(network, size)
    elif control_variates:
        others, narrow = pilot_networks(networks, number_of_controls(network, depth)), _narrow(network, size)
        pilot: Measured = of_controlled(network, narrow).drawn(keys.stream(seed, "simulate", "pilot"), others, stopwatch)
        finite(pilot, network, narrow)
        adjustment = fitted(_correlation(pilot.moments, network), pilot.controls, control_drift(network), networks)
        replicates = of_controlled(network, size)
    else:
        replicates = of_parts(network, size) if part_of(network, size) else of_moments(network, size)

    def of_block(measured: Any) -> Found:
        with np.errstate(invalid="ignore"):  # what is not finite is counted
            plain = _correlation(measured.moments if adjustment else measured, network)
            c = adjustment.of(plain, measured.controls) if adjustment else plain
            return Found(not_finite(measured), Running.of(c), Running.of(plain))

    found = functools.reduce(Found.merged, replicates.in_blocks(of_block, key, networks, stopwatch))
    refuse(found.bad, network, size)
    mean = float(found.c.mean)
    if not mean < 1:
        raise NotFinite(f"outputs of different samples have a correlation of {mean:.17g}, and γ = c/(1 − c) is no number")
    return {
        "gamma": mean / (1 - mean),
        "standard_error": math.sqrt(found.c.variance / networks) / (1 - mean) ** 2 if networks > 1 else None,
        "variance_left": found.c.squares / found.plain.squares if adjustment and found.plain.squares > 0 else None,
        "networks": networks,
        "width": width,
        "samples": samples,
        "seed": seed,
        "seconds": stopwatch.running,
        "compile_seconds": stopwatch.compiling,
    }


class Found(NamedTuple):
    """Of some networks: how many of their numbers are not finite, c behind the last layer with chance taken out, and as it was."""

    bad: int
    c: Running
    plain: Running

    def merged(self, other: Found) -> Found:
        """Of both."""
        return Found(self.bad + other.bad, self.c.merged(other.c), self.plain.merged(other.plain))


def _correlation(found: Moments, network: Stack) -> np.ndarray:
    """The correlation c behind the last layer, (networks,)."""
    return np.asarray(found.correlation(network))[:, -1]


def pilot_networks(networks: int, controls: int) -> int:
    """Networks of the pilot of an ensemble."""
    fewest, most = (times * controls for times in PILOT)
    return min(max(networks, fewest), most)


def _narrow(network: Stack, size: Size) -> Size:
    """Sizes of a pilot: its multipliers need not be those of least variance, and change no mean."""
    fits = size.width > NARROW and not any(stage.refuses_width(NARROW) for stage in network.stages)
    return replace(size, width=NARROW if fits else size.width)
