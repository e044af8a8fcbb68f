r"""The Fisher information of one described network: measured spectra beside stated values and bounds, and what its definition says of the norm on its outputs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from sympy import Expr, oo

from numerics import keys
from numerics.fisher import Sample, Spectrum, spectra
from proofs_checks.balls import NotEnclosed
from proofs_checks.fisher_values import evaluate, order_values
from proofs_checks.last_layer import Behaviour, behaviour
from proofs_checks.observe_spectra import REALISED
from theory import symbols as s
from theory.classifier import Classifier, Where
from theory.fisher_spectrum import bounds_of
from theory.law import NoClosedForm

RUNGS = (4, 2, 1)  #: the ladder's widths are the width over these; samples keep their share of it
SMALLEST = 16


@dataclass(frozen=True)
class Line:
    """One width: λ_max over networks, and its bounds where any are stated."""

    width: int
    samples: int
    largest: float
    standard_error: float | None
    lower: float | None
    upper: float | None


@dataclass(frozen=True)
class Seen:
    """What was measured, and what is stated of it.

    Parameters
    ----------
    width, samples, outputs, parameters, networks, seed : int
    mean, second_moment, largest : float
        m, s and λ_max over all P eigenvalues, on average over networks.
    standard_error : float or None
        Of λ_max; None from one network.
    rank : int
        Eigenvalues of the dual that are not zero, in the first network.
    kappa_1, kappa_2 : float or None
        None where there is no law.
    behaviour : Behaviour or None
        Of the norm on the outputs.
    """

    width: int
    samples: int
    outputs: int
    parameters: int
    networks: int
    seed: int
    mean: float
    second_moment: float
    largest: float
    standard_error: float | None
    lower: float | None
    upper: float | None
    rank: int
    kappa_1: float | None
    kappa_2: float | None
    no_law: str
    behaviour: Behaviour | None
    eigenvalues: list[float]
    ladder: list[Line]


def see(model: Classifier, where: Where, width: int, samples: int, networks: int, seed: int, ladder: bool) -> Seen:
    """Draw networks of the width, and of smaller ones with samples in proportion where a ladder is wanted."""
    found = _draw(model, width, samples, networks, seed)
    lines = [_line(model, where, width, samples, found)]
    if ladder:
        for by in RUNGS[:-1]:
            if width // by >= SMALLEST and samples // by >= 2:
                at = width // by, samples // by
                lines.append(_line(model, where, *at, _draw(model, *at, networks, seed)))
    eigenvalues = np.asarray(found.eigenvalues)[0]
    size = samples * model.outputs
    scale = float(np.max(np.abs(eigenvalues)))
    try:
        values, reason = order_values(model), ""
    except (NoClosedForm, NotEnclosed) as missing:
        values, reason = {}, str(missing)
    return Seen(
        width=width,
        samples=samples,
        outputs=model.outputs,
        parameters=(count := model.parameters(width)),
        networks=networks,
        seed=seed,
        mean=float(np.mean(found.trace)) / count,
        second_moment=float(np.mean(found.square)) / count,
        largest=lines[0].largest,
        standard_error=lines[0].standard_error,
        lower=lines[0].lower,
        upper=lines[0].upper,
        rank=int((eigenvalues > size * count * 2.0**-53 * max(scale, 1.0)).sum()),
        kappa_1=values.get(s.kappa_1),
        kappa_2=values.get(s.kappa_2),
        no_law=reason,
        behaviour=behaviour(model.last, min(samples, 4), min(model.outputs, 4)) if where is Where.LAST else None,
        eigenvalues=[float(each) for each in eigenvalues],
        ladder=sorted(lines, key=lambda line: line.width),
    )


def _draw(model: Classifier, width: int, samples: int, networks: int, seed: int) -> Spectrum:
    return spectra(model, Sample(width, samples), keys.stream(seed, "spectrum", width, samples), networks)


def _line(model: Classifier, where: Where, width: int, samples: int, found: Spectrum) -> Line:
    largest = np.asarray(found.eigenvalues)[:, 0]
    lower, upper = bounds_of(model, where)

    def value(formula: Expr | None) -> float | None:
        if formula is None or formula is oo:
            return None
        realised = {symbol: np.asarray(getattr(found, field)) for symbol, field in REALISED.items() if symbol in formula.free_symbols}
        try:
            mean = float(np.mean(evaluate(formula, model, width, samples, realised)))
        except (NoClosedForm, NotEnclosed):
            return None
        return mean if math.isfinite(mean) else None

    error = float(largest.std(ddof=1) / math.sqrt(len(largest))) if len(largest) > 1 else None
    return Line(width, samples, float(largest.mean()), error, value(lower), value(upper))
