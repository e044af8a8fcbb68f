r"""Spectra of Fisher informations: against stated values on a ladder of widths, between bounds, and against powers of the width.

A ratio of a measured number to the stated one is fitted over widths, with the rate at which it is stated to tend to one; a pilot at every width, which enters
no test, settles how many networks resolve the intercept. An exponent θ is a multiple of ½: it is told apart from its neighbours where $\ln$ of the
measured number over $\ln M$ extrapolates to within ¼ of θ beyond chance. A bound in the limit holds where the mean of $\ln$ of the ratio to it is on its side
beyond chance; one that is certain holds in every network, up to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
from sympy import Expr, oo, sympify

from numerics import keys
from numerics.ensemble import Sampler
from numerics.fisher import FEW, Spectrum, may_be_drawn_from_gram_matrices, spectra
from numerics.fisher import Sample as Size
from proofs_checks.calibration import FitNull
from proofs_checks.design import Design
from proofs_checks.evidence import Verdict
from proofs_checks.finding import Finding, Need
from proofs_checks.fisher_values import evaluate
from proofs_checks.ladder import RATES as LADDER_RATES
from proofs_checks.ladder import Fit, Rung, Sample, least_squares
from theory import symbols as s
from theory.classifier import Classifier
from theory.experiments import OnSpectrum, Spectral, SpectralBounds, SpectralExponent, SpectralRatio

RESOLUTION = 0.05  #: relative deviation that a ratio must show, or the audit's own where that is coarser
SLOPE_RESOLUTION = 0.15  #: that of an exponent
HALF_STEP = 0.25  #: half the distance between exponents that are told apart
PILOT, LARGE_PILOT = 96, 64  #: networks of every width from which the spread is estimated before sizes are solved; of large matrices fewer
PER_UNIT = 16  #: derivatives of a network that are one unit: they cost less than drawing its weights
UNIT = 2.0**-53
RATES = {**LADDER_RATES, "1/sqrt(N), 1/N": (0.5, 1.0)}  #: level repulsion moves an edge of a spectrum by the root of 1/M

#: What a spectrum's realised numbers are called in formulas.
REALISED = {
    s.inverse_squares: "inverse_squares",
    s.inverse_fourths: "inverse_fourths",
    s.largest_inverse: "largest_inverse",
    s.layer_inverse: "layer_inverse",
    s.largest_layer_inverse: "largest_layer_inverse",
    s.mean_activation: "mean_activation",
    s.trace: "trace",
    s.square: "square",
}


def checks(experiment: OnSpectrum) -> tuple[str, ...]:
    """One; of bounds one for each width."""
    match experiment:
        case SpectralRatio():
            return (f"{experiment.measured.name.lower()}_ratio",)
        case SpectralExponent():
            return (f"{experiment.measured.name.lower()}_exponent",)
    return tuple(f"bounds_width_{width}" for width in experiment.widths)


def needs(experiment: OnSpectrum, name: str, design: Design) -> Need:
    """Networks of every width."""
    widths = ", ".join(map(str, experiment.widths))
    match experiment:
        case SpectralRatio():
            return Need(
                f"networks of widths {widths}, as many as pilots of {pilot_of(experiment)} ask for",
                design.no_finer_than(RESOLUTION).resolution,
            )
        case SpectralExponent():
            return Need(f"networks of widths {widths}, as many as pilots of {pilot_of(experiment)} ask for", HALF_STEP)
    return Need(f"{pilot_of(experiment)} networks of width {name.rsplit('_', 1)[1]}", None)


def run(experiment: OnSpectrum, name: str, design: Design, seed: int, stream: str) -> Finding:
    """One check."""
    match experiment:
        case SpectralRatio():
            return _ratio(experiment, design.no_finer_than(RESOLUTION).half, seed, stream)
        case SpectralExponent():
            return _exponent(experiment, design.half, seed, stream)
    assert isinstance(experiment, SpectralBounds)
    width = int(name.rsplit("_", 1)[1])
    return (_certain_bounds if experiment.certain else _bounds)(experiment, width, design, seed, stream)


# What is measured


def samples_at(experiment: OnSpectrum, width: int) -> int:
    """T at a width."""
    return int(sympify(experiment.samples).subs(s.N, width))


def drawn(experiment: OnSpectrum, width: int, networks: int, purpose: str, seed: int, stream: str) -> Spectrum:
    """The spectra of networks of one width; wide ones, where samples stay few, from Gram matrices. Experiments of one claim on one network share them."""
    claim = stream.split("/")[0] if stream.count("/") == 1 else stream
    return _drawn(experiment.model, Size(width, samples_at(experiment, width)), networks, purpose, seed, claim)


@cache
def _drawn(model: Classifier, size: Size, networks: int, purpose: str, seed: int, stream: str) -> Spectrum:
    wide = replace(size, sampler=Sampler.GRAM)
    if may_be_drawn_from_gram_matrices(model, wide):
        size = wide
    return spectra(model, size, keys.stream(seed, stream, "spectra", purpose, size.width, size.samples), networks)


def number(measured: Spectral, found: Spectrum, outputs: int, samples: int) -> np.ndarray:
    """The measured number of every network."""
    largest = np.asarray(found.eigenvalues)
    match measured:
        case Spectral.TRACE:
            return np.asarray(found.trace)
        case Spectral.SQUARE:
            return np.asarray(found.square)
        case Spectral.LARGEST:
            return largest[:, 0]
        case Spectral.OUTLIERS:
            return np.asarray(largest[:, :outputs].mean(axis=1))
    # λ = αM(κ_1 + (T − 1)κ_2)/T and tr F/C = ακ_1M, solved for κ_2 and κ_1 − κ_2
    mean, own = largest[:, :outputs].mean(axis=1), np.asarray(found.trace) / outputs
    common = (samples * mean - own) / (samples - 1)
    return np.asarray(common / (own - common))


def stated(formula: Expr, experiment: OnSpectrum, width: int, found: Spectrum) -> Any:
    """The stated number of every network."""
    realised = {symbol: np.asarray(getattr(found, field)) for symbol, field in REALISED.items() if symbol in sympify(formula).free_symbols}
    return evaluate(formula, experiment.model, width, samples_at(experiment, width), realised)


def pilot_of(experiment: OnSpectrum) -> int:
    """Networks of a pilot, and of a rung at least."""
    return PILOT if experiment.model.outputs * samples_at(experiment, experiment.widths[-1]) <= FEW else LARGE_PILOT


# Ladders


Fitting = Callable[[list[Rung]], Fit]


def _fit(columns: Callable[[np.ndarray], np.ndarray], rungs: list[Rung]) -> Fit:
    return least_squares(rungs, columns(np.array([rung.width for rung in rungs], dtype=float)))


def _rate_columns(rate: str, widths: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones_like(widths), *(widths**-power for power in RATES[rate][: len(widths) - 1])])


def _exponent_columns(widths: np.ndarray) -> np.ndarray:
    r"""$\ln y/\ln M = \theta + b/\ln M$."""
    return np.column_stack([np.ones_like(widths), 1 / np.log(widths)])


def ladder(
    experiment: OnSpectrum,
    value: Callable[[Spectrum, int], np.ndarray],
    columns: Callable[[np.ndarray], np.ndarray],
    wanted: float,
    design: Design,
    seed: int,
    stream: str,
) -> tuple[Sample, ...]:
    """A value of every network at each width, of as many networks as resolve the intercept of its fit."""
    widths, few = np.array(experiment.widths, dtype=float), pilot_of(experiment)
    pilots = [value(drawn(experiment, width, few, "pilot", seed, stream), width) for width in experiment.widths]
    weights = np.linalg.pinv(columns(widths))[0]
    intercepts = sum(weight * pilot for weight, pilot in zip(weights, pilots, strict=True))
    # Of units, numbers that a wide network's derivatives are, a check may draw so many and no more.
    widest = experiment.widths[-1]
    entries = widest * experiment.model.outputs * samples_at(experiment, widest) / PER_UNIT

    def networks_drawn(short: float) -> tuple[Sample, ...]:
        needed = max(few, design.needed(np.asarray(intercepts), wanted, few, short, entries, entries) / entries)
        networks = few * math.ceil(needed / few)  # whole calls of a kernel, so that experiments on one network often share them
        return tuple(
            Sample(width, value(drawn(experiment, width, networks, "ladder", seed, stream), width), pilot)
            for width, pilot in zip(experiment.widths, pilots, strict=True)
        )

    def resolves(samples: tuple[Sample, ...]) -> bool:
        best = _fit(columns, [sample.rung for sample in samples])
        return design.resolved(best.standard_error, best.freedom) <= wanted

    return design.looked(networks_drawn, resolves)


def _ratio(experiment: SpectralRatio, design: Design, seed: int, stream: str) -> Finding:
    def value(formula: Expr, found: Spectrum, width: int) -> np.ndarray:
        measured = number(experiment.measured, found, experiment.model.outputs, samples_at(experiment, width))
        return np.asarray(measured / stated(formula, experiment, width, found))

    columns = partial(_rate_columns, experiment.rate)
    fit = partial(_fit, columns)
    samples = ladder(experiment, partial(value, experiment.stated), columns, design.resolution, design, seed, stream)
    best = fit([sample.rung for sample in samples])
    # The same networks over what the rival states.
    instead = experiment.rival.instead
    assert isinstance(instead, Expr)
    networks = len(samples[0].values)
    against = [
        Rung.of(width, value(instead, drawn(experiment, width, networks, "ladder", seed, stream), width)) for width in experiment.widths
    ]
    other = fit(against)
    deviation, distance = best.deviations(1.0), other.deviations(1.0)
    resolution = design.resolved(best.standard_error, best.freedom)
    rejected = design.rejects(distance, other.freedom)
    where = (
        f"extrapolated from widths {', '.join(map(str, experiment.widths))}"
        if experiment.rate != "none"
        else f"at width {experiment.widths[0]}"
    )
    return Finding(
        Verdict.of(agrees=design.accepts(deviation, best.freedom), conclusive=rejected and resolution <= design.resolution),
        f"{experiment.measured.value} over the stated value is {best.intercept:.4f} {where}, {networks} networks each: {deviation:+.1f} standard errors from one "
        f"(critical {design.critical(best.freedom):.1f}); resolves {resolution:.2%}; over the rival's it is {other.intercept:.4f}, "
        f"{'rejected' if rejected else 'not rejected'}",
        estimate=best.intercept,
        standard_error=best.standard_error,
        predicted=1.0,
        resolution=resolution,
        rival={"says": experiment.rival.says, "predicted": 1.0, "deviations": distance, "rejected": rejected},
        details={"rate": experiment.rate, "ladder": _rows(samples)},
        null=FitNull(samples, fit, 1.0),
    )


def _rows(samples: tuple[Sample, ...]) -> list[dict[str, float]]:
    rungs = [sample.rung for sample in samples]
    return [{"width": r.width, "networks": r.networks, "mean": r.mean, "standard_error": r.standard_error} for r in rungs]


def _exponent(experiment: SpectralExponent, design: Design, seed: int, stream: str) -> Finding:
    def value(found: Spectrum, width: int) -> np.ndarray:
        measured = number(experiment.measured, found, experiment.model.outputs, samples_at(experiment, width))
        return np.asarray(np.log(measured) / math.log(width))

    fit = partial(_fit, _exponent_columns)
    # Most of what tells two exponents apart is left for what finite widths do to a slope.
    samples = ladder(experiment, value, _exponent_columns, SLOPE_RESOLUTION, design, seed, stream)
    best = fit([sample.rung for sample in samples])
    theta, other = (float(sympify(each)) for each in (experiment.exponent, experiment.rival.instead))
    margin = design.critical(best.freedom) * best.standard_error
    off, from_rival = abs(best.intercept - theta), abs(best.intercept - other)
    rejected = from_rival - margin > HALF_STEP
    edge = theta + math.copysign(HALF_STEP, best.intercept - theta)
    return Finding(
        Verdict.of(agrees=not off - margin > HALF_STEP, conclusive=rejected and off + margin < HALF_STEP),
        f"{experiment.measured.value} grows like M^{best.intercept:.3f} from widths {', '.join(map(str, experiment.widths))}, stated M^{theta:g}: within "
        f"{off:.3f} ± {margin:.3f} of {HALF_STEP:g}, half a step between exponents; rival M^{other:g} {'rejected' if rejected else 'not rejected'}",
        estimate=best.intercept,
        standard_error=best.standard_error,
        predicted=theta,
        resolution=HALF_STEP,
        rival={"says": experiment.rival.says, "predicted": other, "deviations": from_rival / best.standard_error, "rejected": rejected},
        details={
            "measured": experiment.measured.value,
            "ladder": [
                {
                    "width": sample.width,
                    "samples": samples_at(experiment, sample.width),
                    "mean": float(np.exp(sample.values * math.log(sample.width)).mean()),
                }
                for sample in samples
            ],
        },
        null=FitNull(samples, fit, edge),
    )


# Bounds


def _bounds(experiment: SpectralBounds, width: int, design: Design, seed: int, stream: str) -> Finding:
    found = drawn(experiment, width, pilot_of(experiment), "bounds", seed, stream)
    largest = np.asarray(found.eigenvalues)[:, 0]
    bound = partial(stated, experiment=experiment, width=width, found=found)
    sides = {"lower": np.log(largest / bound(experiment.lower))}
    if experiment.upper is not oo:
        sides["upper"] = np.log(bound(experiment.upper) / largest)
    instead = experiment.rival.instead
    assert isinstance(instead, Expr)
    means = {name: Rung.of(width, values) for name, values in sides.items()}
    rival = Rung.of(width, np.log(largest / bound(instead)))
    critical = design.critical(len(largest) - 1)
    inside = all(rung.mean > critical * rung.standard_error for rung in means.values())
    outside = any(rung.mean < -critical * rung.standard_error for rung in means.values())
    rejected = rival.mean < -critical * rival.standard_error
    nearest = min(means.values(), key=lambda rung: rung.mean)
    values = sides[min(means, key=lambda name: means[name].mean)]
    return Finding(
        Verdict.of(agrees=not outside, conclusive=inside and rejected),
        f"λ_max {largest.mean():.4g} on average over {len(largest)} networks: "
        + ", ".join(f"{math.exp(rung.mean):.3f} times from the {name} bound" for name, rung in means.items())
        + f", nearest {nearest.mean / nearest.standard_error:.1f} standard errors away (critical {critical:.1f}); rival "
        + ("violated" if rejected else "not violated"),
        estimate=float(largest.mean()),
        standard_error=float(largest.std(ddof=1) / math.sqrt(len(largest))),
        predicted=float(np.mean(bound(experiment.lower))),
        resolution=float(critical * nearest.standard_error),
        rival={"says": experiment.rival.says, "predicted": float(np.mean(bound(instead))), "rejected": rejected},
        details={
            "width": width,
            "samples": samples_at(experiment, width),
            "lower": float(np.mean(bound(experiment.lower))),
            "upper": float(np.mean(bound(experiment.upper))) if experiment.upper is not oo else None,
        },
        null=FitNull((Sample(width, values, values),), partial(_fit, partial(_rate_columns, "none")), 0.0),
    )


def _certain_bounds(experiment: SpectralBounds, width: int, design: Design, seed: int, stream: str) -> Finding:
    """In every network, up to what rounding does to an eigenvalue of a matrix of CT rows."""
    found = drawn(experiment, width, pilot_of(experiment), "bounds", seed, stream)
    largest = np.asarray(found.eigenvalues)[:, 0]
    lower = stated(experiment.lower, experiment, width, found)
    upper = stated(experiment.upper, experiment, width, found) if experiment.upper is not oo else np.full_like(largest, np.inf)
    instead = experiment.rival.instead
    assert isinstance(instead, Expr)
    allowed = UNIT * (samples_at(experiment, width) * experiment.model.outputs) * width
    slack = float(min(np.min(1 - lower / largest), np.min(upper / largest - 1)))
    violations = int(np.sum(stated(instead, experiment, width, found) > largest * (1 + allowed)))  # one refutes what is certain
    return Finding(
        Verdict.of(agrees=slack >= -allowed, conclusive=violations > 0),
        f"in each of {len(largest)} networks λ_max is within its bounds: nearest by {slack:.2e}, relatively, rounding {allowed:.1e}; rival "
        f"violated in {violations}",
        estimate=float(largest.mean()),
        predicted=float(np.mean(lower)),
        resolution=allowed,
        rival={
            "says": experiment.rival.says,
            "predicted": float(np.mean(stated(instead, experiment, width, found))),
            "rejected": violations > 0,
        },
        details={"width": width, "samples": samples_at(experiment, width), "lower": float(np.mean(lower)), "upper": None},
    )
