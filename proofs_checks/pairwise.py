r"""γ of networks on given samples: the layer map applied to every pair.

At infinite width the Gram matrix $K_{ij}$ of a layer's pre-activations determines the next one. Where stages act on each sample alone and scale with
it (rectifiers, and norms over features with ε = 0), samples of powers $q_i$ and $q_j$ do as two of power $\sqrt{q_iq_j}$:
$K'_{ij} = F(c_{ij}, \sqrt{q_iq_j})$ with $F$ the covariance that the layer map gives a pair of equal powers. Then
$\gamma = \bar K/(\bar q - \bar K)$, $\bar K$ the mean over pairs $i \ne j$ and $\bar q$ over samples. The two-moment theory is the same map at
the one overlap $\bar K/\bar q$.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from sympy import Expr, lambdify

from numerics.datasets import gram
from theory import symbols as s
from theory.activations import PiecewiseLinear
from theory.distributions import DataSet
from theory.law import NoClosedForm
from theory.network import Network, Stack
from theory.stages import Axis, Center, Scale

ROUNDING = 64 * 2.0**-53  #: of one layer's overlap, and of the mean over all pairs, in float64: some thirty operations each


@dataclass(frozen=True)
class PairMap:
    """One layer on pairs: covariance as a function of c and q, and power as a function of q."""

    covariance: Expr
    power: Expr

    def iterate(self, gram: np.ndarray) -> Iterator[np.ndarray]:
        """Gram matrices of the pre-activations from the first on."""
        covariance, power = (_function(f) for f in (self.covariance, self.power))
        while True:
            yield gram
            powers = np.diag(gram)
            pairs = np.sqrt(np.outer(powers, powers))
            overlaps = np.clip(gram / pairs, -1, 1)
            gram = covariance(overlaps, pairs)
            np.fill_diagonal(gram, power(np.ones_like(powers), powers))


def _function(f: Expr) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    # 1 − c² has lost its digits where two samples are almost equal; 1 − c is exact there.
    evaluate: Any = lambdify((s.c, s.q), f.subs(1 - s.c**2, (1 - s.c) * (1 + s.c)), "numpy")
    return lambda c, q: np.broadcast_to(evaluate(c, q), c.shape).astype(float)


def mean_overlap(gram: np.ndarray) -> float:
    r"""$\bar K/\bar q$: the correlation that the two-moment theory knows of these samples."""
    count, power = len(gram), float(np.diag(gram).sum())
    return float((gram.sum() - power) / (count - 1) / power)


def gammas(pair_map: PairMap, first: np.ndarray, depth: int) -> list[float]:
    """γ of the outputs behind 0, 1, …, `depth` hidden layers, from the Gram matrix of the first pre-activations."""
    overlaps = [mean_overlap(gram) for gram in islice(pair_map.iterate(first), depth + 1)]
    return [c / (1 - c) for c in overlaps]


def first_gram(network: Stack, inputs: np.ndarray) -> np.ndarray:
    """The Gram matrix of the first pre-activations from that of the inputs."""
    return float(network.weight_variance) * inputs + float(network.bias_variance)


def pair_map(network: Stack) -> PairMap:
    """The network's own, from its stages.

    Raises
    ------
    NoClosedForm
        If a stage sees other samples or does not scale with a sample, or in a residual stack.
    """
    if not isinstance(network, Network) or network.then:
        raise NoClosedForm(
            "pairs of samples are followed through layers that are alike, not through a residual stream or blocks that take turns"
        )
    for stage in network.block:
        if stage.couples_samples:
            raise NoClosedForm(
                f"{network.norm.name} divides each unit by its own deviation over the batch, which the Gram matrix of finitely many samples does not determine"
            )
        match stage:
            case PiecewiseLinear() | Center(Axis.FEATURES) | Scale(Axis.FEATURES, epsilon=0):
                pass
            case _:
                raise NoClosedForm(
                    f"samples of a data set differ in power, and {type(stage).__name__} does not scale with them: on data sets the theory covers "
                    "rectifiers, and norms over features with ε = 0"
                )
    law = network.layer_map()
    return PairMap(law.overlap, law.power)


def slope(network: Stack) -> float:
    r"""The largest slope of the overlap map: by how much a layer magnifies rounding.

    The map of a rectifier $f$ has slopes up to $E f'^2/E f^2 = 1$, at $c = 1$; centring takes $(E f)^2$ from the denominator.
    """
    rectified = False
    found = 1.0
    for stage in network.block:
        if isinstance(stage, PiecewiseLinear):
            alpha, rectified = float(stage.negative_slope), True
        elif rectified and isinstance(stage, Center):
            found = 1 / (1 - (1 - alpha) ** 2 / (np.pi * (1 + alpha**2)))
    return found


@dataclass(frozen=True)
class OnData:
    """What the theory says of a network on given samples.

    Parameters
    ----------
    gamma, overlap : float
        Of the outputs, from all pairs of samples.
    error_bound : float
        Rounding of γ given the Gram matrix, relative to max(1, γ).
    input_overlap, gamma_from_mean_overlap : float
        The mean overlap of the samples, and γ by the two-moment theory, which knows nothing else.
    """

    gamma: float
    overlap: float
    error_bound: float
    input_overlap: float
    gamma_from_mean_overlap: float


def predict_on(network: Stack, depth: int, inputs: np.ndarray) -> OnData:
    """The prediction from the Gram matrix of the inputs.

    Raises
    ------
    NoClosedForm
        See `pair_map`.
    """
    layer, first = pair_map(network), first_gram(network, inputs)
    gamma = gammas(layer, first, depth)[-1]
    mean = gammas(layer, np.diag(first).mean() * alike(mean_overlap(first)), depth)[-1]
    error = sum(slope(network) ** layers for layers in range(depth + 1)) * ROUNDING * (1 + gamma) ** 2 / max(1.0, abs(gamma))
    return OnData(gamma, gamma / (1 + gamma), error, mean_overlap(inputs), mean)


def predict_on_dataset(network: Stack, depth: int, dataset: DataSet, count: int | None) -> OnData:
    """The prediction on the first `count` samples of a data set, or on all.

    Raises
    ------
    NoClosedForm, numerics.datasets.MissingData
        See `pair_map` and `numerics.datasets.samples`.
    """
    return predict_on(network, depth, gram(dataset, count))


def alike(overlap: float) -> np.ndarray:
    """The Gram matrix of two samples of power one."""
    return np.array([[1.0, overlap], [overlap, 1.0]])
