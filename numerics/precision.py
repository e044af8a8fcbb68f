r"""How far float32 moves a measured overlap: what is proved of it, what is likely, and what is only measured.

With $c$ = overlap/power over units k, samples i, and $t_i$ the mean of the m samples that i is paired with, errors $e_{ik}$ of the activations $h_{ik}$
move c by the mean over units and samples of $2e_{ik}(t_{ik} - ch_{ik})/$power, to first order. Samples alike have
$E(t-ch)^2 = (1-c)(c + 1/m)\,$power, at most $\frac14(1+1/m)^2\,$power: errors of root mean square ρ, relative to that of h, move c by at most
$(1 + 1/m)\rho$ (Cauchy and Schwarz). With $u = 2^{-24}$ the errors are of two kinds.

*Of one number*: each rounding changes it by a factor within $1 \pm u$; $r$ of them in a layer, whatever their signs, move c by at most
$(1+1/m)\,ru$. They can be alike in all networks (a library's function errs in the same direction each time), and do not average out: the *drift*.
Networks that compute in float64 keep that of the numbers they draw, which are float32. With x a Gaussian's mean on the level that is drawn as
$x + a$, a mean feels $E|ax|$ to first order, a power $1 - E(x+a)^2$: over all levels 1.8u and 1.7u. What is drawn has the law of its negative:
means of odd functions feel nothing.

*Of a sum* of M terms, of the dense layer or of an average, in any order: M − 1 additions of partial sums and M roundings of terms. Weights of mean
zero make the mean square of a partial sum at most that of the whole sum, so that
- ρ ≤ Mu + √M u for every behaviour of the roundings (Minkowski): *certain*, in mean square over the weights;
- ρ ≤ √(2M/3) u if roundings are uncorrelated, of mean zero and evenly spread (the model of Higham and Mary, SIAM J. Sci. Comput. 41, 2019).
In that model errors of different units are uncorrelated, and of N units move c by $(1+1/m)\rho/\sqrt N$: as M ≤ N mostly, by about u, whatever
the width. An average is shared, over features by all units of a sample, but then it scales the sample, and $\sum_k h_{ik}(t_{ik} - ch_{ik})$ is itself of
order $1/\sqrt N$; over a batch by all samples of a unit, and units are independent.

*Depth*: a layer multiplies a mean square relative error by $g = E f'^2/E f^2$, and by the reciprocal of what is left where a mean is taken away; the next
weights spread it over new units, where it moves c afresh; what moved c already is multiplied by the slope of the overlap map, at most g. The model gives
every network, by Azuma, a probability of at most $2e^{-\lambda^2/2}$ to be moved further than λ root mean squares and the drift.

Not derived: products of first-order terms (u² is 4e-15), samples of unequal power or overlap (of data sets), and networks drawn from Gram matrices,
whose triangular factor is as ill-conditioned as the samples are alike; of the last it is measured that they stay within.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from numerics.ensemble import Precision, Size, batches
from theory.activations import Elementwise, PiecewiseLinear
from theory.network import Network, Stack
from theory.stages import Dividing, Ghost, Group, Pool, Scale, Stage
from theory.stream import ResidualNetwork

FLOAT32 = 2.0**-24  #: unit roundoff
FLOAT64 = 2.0**-53
DRAWN = 2 * FLOAT32  #: what the levels of drawn numbers do to a mean, at most
PER_STEP = 4  #: roundings of one number in a dense layer or a stage, or a library's function that errs by two units in the last place
DEVIATIONS = 6.0  #: λ: probability 3e-8 of a network
#: g of the catalogue's activations that are no rectifiers, at the powers they meet; √g is a layer's factor for errors. Their squared slopes are below 1.3.
STEEPEST = 3.0


class Rounding(NamedTuple):
    r"""Bounds on what float32 does to one network behind its last layer.

    Parameters
    ----------
    correlation : float
        On the change of c, at probability $2e^{-\lambda^2/2}$ in the model of uncorrelated roundings.
    power : float
        The same on the relative change of the power.
    certain : float
        On the change of c, in mean square over the weights, whatever roundings do.
    """

    correlation: float
    power: float
    certain: float

    def gamma(self, c: float, bias: float = 0.0) -> float:
        r"""On the change of $\gamma = (c + b)/(1-c)$, $b = \sigma_b^2/(\sigma_w^2\,\mathrm{power})$ the `bias`."""
        return (1 + bias) * self.correlation / (1 - c) ** 2 + bias * self.power / (1 - c)


def magnification(network: Stack) -> float:
    r"""g, the largest factor of a layer for mean square relative errors, and the largest slope of its overlap map.

    Sets of S numbers that are standardised together have $E\,1/\hat\sigma^2 \le \frac{S-1}{S-3}/\sigma^2$, which is infinite for S ≤ 3: so then is every bound.
    """
    blocks = network.blocks if isinstance(network, Network) else (network.block,)
    found = max(map(_block_magnification, blocks))
    sets = [stage.size for stage in network.stages if isinstance(stage, Ghost | Group)]
    if network.couples_samples:
        shift = float(network.input_shift) ** 2
        found = max(found, (1 + shift) / (1 - float(network.input_overlap)))  # what is common to a batch is taken from the inputs
        sets.append(int(network.batch_size))
    return found * max(((size - 1) / (size - 3) if size > 3 else math.inf for size in sets), default=1.0)


def _block_magnification(block: tuple[Stage, ...]) -> float:
    activation = next((stage for stage in block if isinstance(stage, PiecewiseLinear)), None)
    if activation is None or any(isinstance(stage, Elementwise) and not isinstance(stage, PiecewiseLinear) for stage in block):
        return STEEPEST
    behind = block[block.index(activation) + 1 :]
    takes_a_mean = any(not isinstance(stage, Scale | Dividing | Pool) for stage in behind) or any(stage.couples_samples for stage in block)
    alpha = float(activation.negative_slope)
    return 1 / (1 - (1 - alpha) ** 2 / (math.pi * (1 + alpha**2))) if takes_a_mean else 1.0


def _steps(network: Stack) -> int:
    """Dense layers, stages and sums of the layer that has most of them."""
    if isinstance(network, ResidualNetwork):
        return len(network.block) + 3
    assert isinstance(network, Network)
    return 1 + max(map(len, network.blocks))


def _pairing(network: Stack, samples: int) -> float:
    """1 + 1/m, of m samples that each one is paired with."""
    count, batch = batches(network, samples)
    return 1 + 1 / ((count - 1) * batch if network.couples_samples else samples - 1)


def drift(network: Stack, depth: int, samples: int, precision: Precision = Precision.SINGLE) -> float:
    """What roundings that are alike in all networks can do to c, at most: no standard error of a mean is taken below it."""
    g = magnification(network)
    dense_layers = 2 if isinstance(network, ResidualNetwork) else 1
    steps = PER_STEP * _steps(network)
    of_layer = FLOAT32 * steps if precision is Precision.SINGLE else DRAWN * dense_layers + FLOAT64 * steps
    of_inputs = DRAWN * g**depth
    return _pairing(network, samples) * (of_layer * sum(g**behind for behind in range(depth)) + of_inputs)


def control_drift(network: Stack, precision: Precision = Precision.SINGLE) -> float:
    """What such roundings can do to a control variate: its two sides are moments of numbers that each moved by a factor within 1 ± ru, so of 2ru of their power each.

    A control is relative to the power of pre-activations. Behind a norm the power is one; an activation makes as much of it as its slope squared.
    In float64 the power of what is drawn is left.
    """
    activations = [stage for stage in network.stages if isinstance(stage, Elementwise)]
    slopes = [max(1.0, float(each.negative_slope) ** 2) if isinstance(each, PiecewiseLinear) else STEEPEST for each in activations]
    unit, drawn = (FLOAT32, 0.0) if precision is Precision.SINGLE else (FLOAT64, DRAWN)
    return drawn + unit * 4 * PER_STEP * _steps(network) * max(1.0, *slopes, 1 / float(network.weight_variance))


def rounding(network: Stack, size: Size) -> Rounding:
    """The bounds on one network."""
    g, steps, pairing = magnification(network), _steps(network), _pairing(network, size.samples)
    noise = variance = shared = amplitude = 0.0  # in units of u, and of u²
    for layer in range(size.depth):
        fan_in = size.input_dimension if layer == 0 and size.input_dimension else size.width
        terms = max(fan_in, size.width, batches(network, size.samples)[1] if network.couples_samples else 0)
        square = steps * 2 * terms / 3
        noise = g * (noise + square)
        variance = g**2 * variance + noise / size.width
        shared += square / size.samples  # an average over features scales a sample: c does not see it, the power does
        amplitude = math.sqrt(g) * (amplitude + steps * (terms + math.sqrt(terms) + PER_STEP))
    drifted = drift(network, size.depth, size.samples)
    return Rounding(
        correlation=drifted + FLOAT32 * DEVIATIONS * pairing * math.sqrt(variance),
        power=2 * (drifted + FLOAT32 * DEVIATIONS * math.sqrt(variance + shared)),
        certain=FLOAT32 * pairing * amplitude,
    )
