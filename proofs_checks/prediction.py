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
from itertools import chain, cycle, islice, repeat

from flint import arb
from sympy import Expr, S, oo, simplify, sympify

from proofs_checks.balls import NotEnclosed, Values, enclose, known, precision
from theory import symbols as s
from theory.activations import PiecewiseLinear
from theory.class_fraction import fraction_variance, mean_largest
from theory.gaussian_functions import is_closed, tidy
from theory.law import Law, NoClosedForm, exact
from theory.network import Network, Stack
from theory.stream import ResidualNetwork

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
    variance, mean_largest, fraction_error : float or None
        Of the class fractions, and a bound of the error of both; None where γ < 0, which no infinite data set has.
    error_bound : float
        On γ, relative to max(1, γ).
    """

    gamma: float
    overlap: float
    variance: float | None
    mean_largest: float | None
    fraction_error: float | None
    method: str
    error_bound: float


def iterate(maps: tuple[Expr, ...], start: tuple[arb, ...], fixed: Values | None = None) -> Iterator[tuple[arb, ...]]:
    """States (c, q, …) from the start on, by maps of the symbols `STATE` and of symbols held fixed, as balls."""
    return iterate_in_turn((maps,), start, fixed)


def iterate_in_turn(turns: tuple[tuple[Expr, ...], ...], start: tuple[arb, ...], fixed: Values | None = None) -> Iterator[tuple[arb, ...]]:
    """The same by several tuples of maps in turn."""
    symbols = STATE[: len(start)]
    with_slopes = [[(f, [f.diff(symbol) for symbol in symbols] if is_closed(f) else None) for f in maps] for maps in turns]
    state = start
    for maps in cycle(with_slopes):
        yield state
        here = {**(fixed or {}), **dict(zip(symbols, state, strict=True))}
        middle = {**here, **{symbol: value.mid() for symbol, value in zip(symbols, state, strict=True)}}
        state = tuple(_image(f, row, here, middle, symbols) for f, row in maps)
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


def stated_gamma(maps: tuple[Expr, ...], start: tuple[float | Expr, ...], depth: int) -> float:
    r"""$\gamma_L = c_L/(1-c_L)$, $c_L$ by stated maps of c, or of c and q, applied L times: to double precision."""
    with precision(PRECISIONS[0]):
        states = list(islice(iterate(tuple(map(sympify, maps)), tuple(arb(enclose(exact(value))) for value in start)), depth + 1))
        if len(maps) == 1 and depth > 0 and states[1][0].contains(0) and simplify(maps[0].subs(s.c, exact(start[0]))) == 0:
            return 0.0
        overlap = states[depth][0]
        return known(overlap / (1 - overlap))


def predict(network: Stack, depth: int, classes: int = 2) -> Prediction:
    """γ, overlap and class fractions of a network with `depth` hidden layers, or blocks.

    Raises
    ------
    NoClosedForm
        If a stage has no exact rule for the law it meets.
    """
    symbolic, _ = _of_symbols(network)
    turns = _maps_in_turn(symbolic) if isinstance(symbolic, Network) and symbolic.then else (_maps(symbolic),)
    closed = all(map(is_closed, (*chain(*turns), *_pre_activations(symbolic, 2)))) if depth else True
    precisions, method = (PRECISIONS, "closed form") if closed else (PRECISIONS[:1], "quadrature")
    overlap = next(value for bits in precisions if settled(value := output_overlap(network, depth, bits)) or bits == precisions[-1])
    with precision(PRECISIONS[-1]):
        if overlap.contains(0) and overlap.rad() < SMALLEST_DOUBLE:
            overlap = arb(0)
        if overlap == 1:
            return Prediction(math.inf, 1.0, (classes - 1) / classes**2, 1.0, 0.0, method, 0.0)
        gamma = overlap / (1 - overlap)
        bound = float(gamma.rad()) + 2**-52 * abs(float(gamma.mid()))
        value, c = float(gamma.mid()), float(overlap.mid())
        if value < 0:
            fraction: tuple[float | None, float | None, float | None] = (None, None, None)
        elif classes == 2:
            spread, largest = (arb(enclose(f(s.gamma), {s.gamma: gamma})) for f in (fraction_variance, mean_largest))
            fraction = float(spread.mid()), float(largest.mid()), float(largest.rad()) + 2**-53
        else:
            many = multiclass(value, classes)
            fraction = many.variance, many.mean_largest, many.error_bound
    return Prediction(value, c, *fraction, method, bound / max(1.0, abs(value)))


def settled(overlap: arb) -> bool:
    """Whether γ = c/(1−c) follows to double precision: c and 1 − c are known to 64 bits, or exactly."""
    return all(value.rad() == 0 or value.rel_accuracy_bits() >= 64 for value in (overlap, 1 - overlap))


def output_overlap(network: Stack, depth: int, bits: int) -> arb:
    """The correlation of two samples at the outputs, as a ball."""
    with precision(bits):
        return _output_overlap(network, depth)


def _output_overlap(network: Stack, depth: int) -> arb:
    return next(islice(overlaps(network), depth, None))


@cache
def trajectory(network: Stack, depth: int) -> tuple[float, ...]:
    """γ of the outputs behind 1, 2, …, `depth` hidden layers or blocks, to nine digits, for a picture.

    Raises
    ------
    NoClosedForm, NotEnclosed
        If there is no prediction, or it is not known so well.
    """
    with precision(PRECISIONS[0]):
        states = [known(c, within=2.0**-30) for c in islice(overlaps(network), 1, depth + 1)]
    return tuple(c / (1 - c) if c < 1 else math.inf for c in states)


def _of_symbols(network: Stack) -> tuple[Stack, Values]:
    """The network with a symbol for a finite batch size, and its value: SymPy would write out Γ of half a million."""
    if network.batch_size == oo:
        return network, {}
    return replace(network, batch_size=s.B), {s.B: arb(int(network.batch_size))}


def overlaps(network: Stack) -> Iterator[arb]:
    """The correlation of two samples at the outputs of 0, 1, 2, … hidden layers or blocks, as balls of the precision that is set."""
    network, fixed = _of_symbols(network)
    if isinstance(network, ResidualNetwork) and network.bias_variance != 0:
        yield from _shifted_overlaps(network, fixed)
    if isinstance(network, Network) and network.then:
        yield from _overlaps_in_turn(network, fixed)
    (first, _), (correlation, power) = _pre_activations(network, 1), _pre_activations(network, 2)
    yield arb(enclose(first, fixed))
    settled_at = arb(enclose(correlation, fixed))
    yield settled_at
    if correlation in (0, 1) and correlation == first:  # a literal zero or one stays
        yield from repeat(settled_at)
    maps = _maps(network)
    if maps and not maps[0].has(*STATE):
        yield from repeat(arb(enclose(maps[0], fixed)))
    # From the second layer on: the first one's law is exact in the overlap given, where units that are alike need less.
    states = iterate(maps or _maps_of(network), (settled_at, arb(enclose(power, fixed))), fixed)
    yield from (state[0] for state in islice(states, 1, None))


def _overlaps_in_turn(network: Network, fixed: Values) -> Iterator[arb]:
    """The outputs' correlations where blocks take turns."""
    maps = _maps_in_turn(network)
    (first, _), second = _pre_activations(network, 1), _pre_activations(network, 2)
    yield arb(enclose(first, fixed))
    states = iterate_in_turn((*maps[1:], maps[0]), (arb(enclose(second[0], fixed)), arb(enclose(second[1], fixed))), fixed)
    yield from (state[0] for state in states)


@cache
def _maps_in_turn(network: Network) -> tuple[tuple[Expr, Expr], ...]:
    """Correlation and power behind one more layer, for each block."""
    return tuple((_short(law.correlation, network), _short(law.power, network)) for law in network.layer_maps())


def _shifted_overlaps(network: ResidualNetwork, fixed: Values) -> Iterator[arb]:
    """The outputs' correlations where the readout shifts those of the stream by its bias."""
    outputs = network.dense.on_law(Law(S.Zero, overlap=s.c * s.q, power=s.q)).correlation
    embedded, first = (tuple(arb(enclose(value, fixed)) for value in _pre_activations(network, layer)) for layer in (1, 2))
    for state in (embedded, first):
        yield arb(enclose(outputs, dict(zip(STATE, state, strict=True))))
    for state in islice(iterate(_maps_of(network), first, fixed), 1, None):
        yield arb(enclose(outputs, dict(zip(STATE, state, strict=True))))


@cache
def _pre_activations(network: Stack, layer: int) -> tuple[Expr, Expr]:
    """Correlation and power of a layer's pre-activations, or of a stream behind all but one of as many blocks, counted from one, exact."""
    law = next(islice(network.states(), layer - 1, None))
    return _short(law.correlation, network), law.power


@cache
def _maps(network: Stack) -> tuple[Expr, ...]:
    """Correlation and power behind one more layer, as functions of `STATE`; none where the map is known at its fixed points only."""
    try:
        return _maps_of(network)
    except NoClosedForm:
        return ()


def layer_correlation(network: Stack) -> tuple[Expr, Values]:
    """The correlation behind one more layer as a function of `STATE`, and values of the symbols held fixed.

    Raises
    ------
    NoClosedForm
        If there is none, or blocks take turns.
    """
    if isinstance(network, Network) and network.then:
        raise NoClosedForm("blocks take turns, and each has a map of its own")
    network, fixed = _of_symbols(network)
    return _maps_of(network)[0], fixed


def _maps_of(network: Stack) -> tuple[Expr, Expr]:
    law = network.layer_map()
    return _short(law.correlation, network), _short(law.power, network)


def _short(formula: Expr, network: Stack) -> Expr:
    """Simplified where that takes no time: behind a rectifier."""
    return tidy(formula) if isinstance(network.activation.stage, PiecewiseLinear) else formula


@dataclass(frozen=True)
class Fractions:
    """Variance of one class fraction, mean of the largest, and a bound of the error of each."""

    variance: float
    mean_largest: float
    error_bound: float


def multiclass(gamma: float, classes: int) -> Fractions:
    r"""Class fractions of K classes, by claim `largest_class_fraction`: $E\sum_k G_k^2 = K\,T_K(c)$ and $E\max_k G_k = K\,T_K(\sqrt c)$."""
    if gamma == 0:
        return Fractions(0.0, 1 / classes, 0.0)
    from proofs_checks.two_races import Correlation, one_wins_both  # SciPy is loaded where it is asked for

    (same, _), (largest, error) = (one_wins_both(Correlation.of(gamma, judges), classes) for judges in (1, math.inf))
    return Fractions((same - 1 / classes) / classes, largest, error)
