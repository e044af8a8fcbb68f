r"""Predictions in numbers, each with a radius: layer maps iterated in ball arithmetic.

A layer map in closed form is expanded in mean-value form, $f(X) \subseteq f(m) + f'(X)(X - m)$, so that rounding is carried from layer
to layer by the map's true slope and a thousand layers cost a thousand evaluations. A map with integrals left in it is evaluated on the
ball itself; its power series in the overlap has positive coefficients, so that there too rounding grows by the slope.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice

import numpy as np
from flint import arb
from scipy import special
from sympy import Expr, oo, simplify, sympify

from proofs_checks.balls import NotEnclosed, Values, enclose, precision
from theory import symbols as s
from theory.activations import PiecewiseLinear
from theory.class_fraction import fraction_variance, mean_largest
from theory.gaussian_functions import is_closed, tidy
from theory.law import NoClosedForm, exact
from theory.network import Network

PRECISIONS = (192, 768, 3072)  #: bits tried in turn until the overlap and its distance from one are known to double precision
SMALLEST_DOUBLE = 5e-324
STATE = (s.c, s.q)


@dataclass(frozen=True)
class Prediction:
    """What the theory says of a network's outputs.

    Parameters
    ----------
    gamma, overlap : float
        γ (infinite where all samples share one output) and c of the outputs.
    variance, mean_largest : float or None
        Of the class fractions; None where γ < 0, which no infinite data set has.
    error_bound : float
        On γ, relative to max(1, γ).
    """

    gamma: float
    overlap: float
    variance: float | None
    mean_largest: float | None
    method: str
    error_bound: float


def iterate(maps: tuple[Expr, ...], start: tuple[arb, ...], fixed: Values | None = None) -> Iterator[tuple[arb, ...]]:
    """States (c, q, …) from the start on, by maps of the symbols `STATE` and of symbols held fixed, as balls."""
    symbols = STATE[: len(maps)]
    slopes = [[f.diff(symbol) for symbol in symbols] if is_closed(f) else None for f in maps]
    state = start
    while True:
        yield state
        here = {**(fixed or {}), **dict(zip(symbols, state, strict=True))}
        middle = {**here, **{symbol: value.mid() for symbol, value in zip(symbols, state, strict=True)}}
        state = tuple(_image(f, row, here, middle, symbols) for f, row in zip(maps, slopes, strict=True))
        if not all(value.is_finite() for value in state):
            raise NotEnclosed(f"the layer map has no finite enclosure at {', '.join(f'{k} = {v.str(5)}' for k, v in here.items())}")
        state = (state[0].intersection(arb(0, 1)), *state[1:])


def _image(f: Expr, slopes: list[Expr] | None, here: dict[Expr, arb], middle: dict[Expr, arb], symbols: tuple[Expr, ...]) -> arb:
    if slopes is None:
        return arb(enclose(f, here))
    changes = (_change(slope, here, middle, symbol) for slope, symbol in zip(slopes, symbols, strict=True))
    return arb(enclose(f, middle)) + sum(changes, arb(0))


def _change(slope: Expr, here: dict[Expr, arb], middle: dict[Expr, arb], symbol: Expr) -> arb:
    difference = here[symbol] - middle[symbol]
    return arb(0) if slope == 0 or difference == 0 else enclose(slope, here) * difference


def stated_gamma(overlap_map: Expr, start: float | Expr, depth: int) -> arb:
    r"""$\gamma_L = c_L/(1-c_L)$ with $c_L$ a stated map of c applied L times."""
    with precision(PRECISIONS[0]):
        if simplify(overlap_map.subs(s.c, exact(start))) == 0 and depth > 0:
            return arb(0)
        states = iterate((sympify(overlap_map),), (enclose(exact(start)),))
        for _ in range(depth):
            next(states)
        (overlap,) = next(states)
        return overlap / (1 - overlap)


def predict(network: Network, depth: int, classes: int = 2) -> Prediction:
    """γ, overlap and class fractions of a network with `depth` hidden layers.

    Raises
    ------
    NoClosedForm
        If a stage has no exact rule for the law it meets.
    """
    closed = all(map(is_closed, (*_maps(network), *_pre_activations(network, 2)))) if depth else True
    precisions, method = (PRECISIONS, "closed form") if closed else (PRECISIONS[:1], "quadrature")
    overlap = next(value for bits in precisions if settled(value := output_overlap(network, depth, bits)) or bits == precisions[-1])
    with precision(PRECISIONS[-1]):
        if overlap.contains(0) and overlap.rad() < SMALLEST_DOUBLE:
            overlap = arb(0)
        if overlap == 1:
            return Prediction(math.inf, 1.0, 0.25 if classes == 2 else (classes - 1) / classes**2, 1.0, method, 0.0)
        gamma = overlap / (1 - overlap)
        bound = float(gamma.rad()) + 2**-52 * abs(float(gamma.mid()))
        value, c = float(gamma.mid()), float(overlap.mid())
        fraction: tuple[float | None, float | None] = (None, None)
        if value >= 0 and classes == 2:
            at = {s.gamma: gamma}
            spread, largest = (float(arb(enclose(f(s.gamma), at)).mid()) for f in (fraction_variance, mean_largest))
            fraction = spread, largest
        elif value >= 0:
            fraction = multiclass(value, classes)
    return Prediction(value, c, *fraction, method, bound / max(1.0, abs(value)))


def settled(overlap: arb) -> bool:
    """Whether γ = c/(1−c) follows to double precision: c and 1 − c are known to 64 bits, or exactly."""
    return all(value.rad() == 0 or value.rel_accuracy_bits() >= 64 for value in (overlap, 1 - overlap))


def output_overlap(network: Network, depth: int, bits: int) -> arb:
    """The correlation of two samples at the outputs, as a ball."""
    with precision(bits):
        return _output_overlap(network, depth)


def _output_overlap(network: Network, depth: int) -> arb:
    fixed: Values = {}
    if network.batch_size != oo:  # a symbol, whatever its value: SymPy would write out Γ of half a million
        fixed = {s.B: arb(int(network.batch_size))}
        network = replace(network, batch_size=s.B)
    (first, _), (correlation, power) = _pre_activations(network, 1), _pre_activations(network, 2)
    if depth == 0:
        return arb(enclose(first, fixed))
    if depth == 1 or (correlation in (0, 1) and correlation == first):  # a literal zero or one stays
        return arb(enclose(correlation, fixed))
    maps = _maps(network)
    if maps and not maps[0].has(*STATE):
        return arb(enclose(maps[0], fixed))
    # From the second layer on: the first one's law is exact in the overlap given, where units that are alike need less.
    start, depth = (arb(enclose(correlation, fixed)), arb(enclose(power, fixed))), depth - 1
    if not maps:
        _maps_of(network)
    for layer, state in enumerate(iterate(maps, start, fixed)):
        if layer == depth:
            return state[0]
    raise AssertionError("the iteration is endless")


@cache
def _pre_activations(network: Network, layer: int) -> tuple[Expr, Expr]:
    """Correlation and power of a layer's pre-activations, counted from one, exact."""
    law = next(islice(network.pre_activations(), layer - 1, None))
    return _short(law.correlation, network), law.power


@cache
def _maps(network: Network) -> tuple[Expr, ...]:
    """Correlation and power behind one more layer, as functions of `STATE`; none where the map is known at its fixed points only."""
    try:
        return _maps_of(network)
    except NoClosedForm:
        return ()


def _maps_of(network: Network) -> tuple[Expr, Expr]:
    law = network.layer_map()
    return _short(law.correlation, network), _short(law.power, network)


def _short(formula: Expr, network: Network) -> Expr:
    """Simplified where that takes no time: behind a rectifier."""
    return tidy(formula) if isinstance(network.activation.stage, PiecewiseLinear) else formula


def multiclass(gamma: float, classes: int, nodes: int = 64) -> tuple[float, float]:
    r"""Variance of one class fraction and mean of the largest, for C classes.

    With $\Phi_2$ the distribution function of a Gaussian pair, $E[G_0^2] = E[\Phi_2(y, y')^{C-1}]$ for two samples' outputs
    $(y, y')$ and $E\max_k G_k = C\,E[\Phi_2(\mu, y)^{C-1}]$ for centre and output of one class: the largest fraction is that of the largest
    centre. Composite Gauss-Legendre in both variables.
    """
    pair = np.array([[1 + gamma, gamma], [gamma, 1 + gamma]])
    own = np.array([[gamma, gamma], [gamma, 1 + gamma]])
    second_moment = _power_of_cdf(pair, classes - 1, nodes)
    if gamma == 0:
        return second_moment - 1 / classes**2, 1 / classes
    return second_moment - 1 / classes**2, classes * _power_of_cdf(own, classes - 1, nodes)


def _power_of_cdf(covariance: np.ndarray, power: int, nodes: int) -> float:
    r"""$E[\Phi_2(x, y)^k]$ over a Gaussian pair (x, y) with distribution function $\Phi_2$."""
    first, second = np.sqrt(np.diag(covariance))
    correlation = covariance[0, 1] / (first * second)
    rest = math.sqrt(1 - correlation**2)
    edges = np.linspace(-9, 9, 37)
    points, weights = np.polynomial.legendre.leggauss(nodes // 4)
    half = (edges[1] - edges[0]) / 2
    grid = (edges[:-1, None] + half * (1 + points)).ravel()
    mass = np.tile(half * weights, len(edges) - 1) * np.exp(-(grid**2) / 2) / math.sqrt(2 * math.pi)
    # Rows: x; columns: noise ξ of y = ρx + √(1−ρ²)ξ.
    y = correlation * grid[:, None] + rest * grid[None, :]
    inner_points, inner_weights = np.polynomial.legendre.leggauss(nodes)
    total = 0.0
    for row, x in enumerate(grid):
        span = (x + 9.5) / 2
        t = -9.5 + span * (1 + inner_points)
        density = span * inner_weights * np.exp(-(t**2) / 2) / math.sqrt(2 * math.pi)
        cdf = special.ndtr((y[row][:, None] - correlation * t) / rest) @ density
        total += mass[row] * (mass @ cdf**power)
    return float(total)
