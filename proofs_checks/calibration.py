r"""Calibration: how often every statistical decision errs where its null is true, and where it is false by what should be seen.

A check's share of $\alpha$ is about $10^{-8}$, a rate that no number of replicates can measure. What is measured is the *procedure*, run by
the very code that decides, at nominal rates that can be: `NOMINAL`. At the audit's own rates nothing is measured. There a band
(Dvoretzky-Kiefer-Wolfowitz-Massart) holds by proof at every rate and size, and a Student t as far as means of networks are Gaussian.

Replicates are cheap because no network runs again: every finding carries the data from which its decision can be replicated in a
world where its null is exactly true (`Null`). Each count of errors has an exact confidence interval (Clopper-Pearson), and is
red where so many errors would have a probability below a stated level at the nominal rate (exact binomial tail).
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from scipy import optimize, special

from proofs_checks.design import Design
from proofs_checks.evidence import Evidence
from proofs_checks.finding import sup_distance
from proofs_checks.ladder import Fit, Rung, Sample

NOMINAL = (1e-2, 1e-3)  #: rates at which a procedure is replicated: its false alarms, and its misses of what they resolve
REPLICATES = 10_000  #: by default; they tell a rate of 1e-3 from one of 4e-3
CONFIDENCE = 0.99  #: of one printed interval; no verdict depends on it
CELLS = 256  #: of the law of a network's value: more values than these are drawn as means of cells that divide their range
NUMBERS_AT_ONCE = 2**21  #: drawn values, or cells of drawn histograms, in memory

Fitting = Callable[[list[Rung]], Fit]


class Errors(NamedTuple):
    """Of as many replicates: alarms where the null is true, misses of a deviation that should be seen, and that deviation."""

    false_alarms: int
    misses: int
    deviation: float


class Null(abc.ABC):
    """A world in which a check's null is exactly true."""

    @property
    @abc.abstractmethod
    def procedure(self) -> str:
        """How the check decides."""

    @abc.abstractmethod
    def errors(self, designs: tuple[Design, ...], replicates: int, generator: np.random.Generator) -> tuple[Errors, ...]:
        """Decide as many replicates by each design; the deviation is the one that the design says is missed with probability `miss`."""


@dataclass(frozen=True)
class FitNull(Null):
    r"""Means on a fitted curve whose intercept is the stated value.

    The law of one network's value is the empirical law of the networks drawn, standardised, with the rung's spread and the mean that the
    curve has there. Of the rung's own values and those of the pilot the more plentiful stand for that law: 32 values have no tail. A
    pilot's networks are narrower than the widest, which carry the value and are fewest, so that their law is more skewed: that errs
    towards red. A statement that is off by a deviation and true networks miss each other exactly as a true statement and networks that
    are off.

    Parameters
    ----------
    samples : tuple of Sample
    fit : function of rungs
        The fit that the check decides by.
    stated : float
        The intercept under the null.
    """

    samples: tuple[Sample, ...]
    fit: Fitting
    stated: float

    @property
    def procedure(self) -> str:
        return "Student t of a mean" if len(self.samples) == 1 else "Student t of an intercept"

    def errors(self, designs: tuple[Design, ...], replicates: int, generator: np.random.Generator) -> tuple[Errors, ...]:
        real = self.fit([sample.rung for sample in self.samples])
        found = self.fit(replicated(self.samples, real.fitted + (self.stated - real.intercept), replicates, generator))
        # Skewed values err more often to one side: deviations go up and down in turn.
        signs = np.where(np.arange(replicates) % 2, 1.0, -1.0)
        errors = []
        for design in designs:
            deviation = design.resolved(real.standard_error, real.freedom)
            agrees = design.accepts(found.deviations(self.stated), found.freedom)
            missed = design.accepts(found.deviations(self.stated + deviation * signs), found.freedom)
            errors.append(Errors(int((~agrees).sum()), int(missed.sum()), deviation))
        return tuple(errors)


@dataclass(frozen=True)
class MisfitNull(Null):
    r"""Means on a fitted curve, judged by the misfit of that fit; the law of the values is that of `FitNull`.

    The check states no resolution. The deviation here is the distance from the curve, in standard errors, at which a $\chi^2$ of as many
    spare rungs is missed with the designed probability.
    """

    samples: tuple[Sample, ...]
    fit: Fitting

    @property
    def procedure(self) -> str:
        return "chi-square of a misfit"

    def errors(self, designs: tuple[Design, ...], replicates: int, generator: np.random.Generator) -> tuple[Errors, ...]:
        rungs = [sample.rung for sample in self.samples]
        real = self.fit(rungs)
        drawn = replicated(self.samples, real.fitted, replicates, generator)
        misfits = self.fit(drawn).misfit
        off = self._off_the_curve(rungs)
        found = []
        for design in designs:
            deviation = _seen_misfit(design, real.spare)
            moved = self.fit([_raised(rung, deviation * by) for rung, by in zip(drawn, off, strict=True)]).misfit
            found.append(Errors(int((~(misfits >= design.alpha)).sum()), int((moved >= design.alpha).sum()), deviation))
        return tuple(found)

    def _off_the_curve(self, rungs: list[Rung]) -> np.ndarray:
        """Moves of the rungs' means that no curve follows, together one standard error."""
        means = np.zeros(len(rungs))
        means[-1] = rungs[-1].standard_error
        rest = means - self.fit([_at(rung, mean) for rung, mean in zip(rungs, means, strict=True)]).fitted
        return np.asarray(rest / np.linalg.norm(rest / [rung.standard_error for rung in rungs]))


@dataclass(frozen=True)
class BandNull(Null):
    """Draws from the stated law itself, masses (cells,); it is missed where a law at exactly the resolved distance is stated instead."""

    law: np.ndarray
    draws: int

    @property
    def procedure(self) -> str:
        return "band around a stated law"

    def errors(self, designs: tuple[Design, ...], replicates: int, generator: np.random.Generator) -> tuple[Errors, ...]:
        law = self.law / self.law.sum()  # a stated law is known up to its quadrature
        resolved = [design.band_resolved(self.draws) for design in designs]
        laws = (law, *(at_sup_distance(law, distance) for distance in resolved))

        def draw(count: int) -> list[np.ndarray]:
            drawn = generator.multinomial(self.draws, law, count) / self.draws
            return [sup_distance(drawn, each) for each in laws]

        distances = _in_chunks(replicates, len(law), draw)
        return tuple(
            Errors(int((~(distances[0] <= design.band(self.draws))).sum()), int((moved <= design.band(self.draws)).sum()), distance)
            for design, moved, distance in zip(designs, distances[1:], resolved, strict=True)
        )


@dataclass(frozen=True)
class TwoSampleNull(Null):
    """Two samples from one law, the pooled empirical one of the two that were compared, counts (2, cells).

    Misses are counted at the one cell where the two laws are furthest apart, which can only be more: over all cells the distance of the
    samples is never smaller.
    """

    counts: np.ndarray

    @property
    def procedure(self) -> str:
        return "bands around two samples"

    def errors(self, designs: tuple[Design, ...], replicates: int, generator: np.random.Generator) -> tuple[Errors, ...]:
        pooled = self.counts.sum(axis=0)
        law = pooled / pooled.sum()
        middle = _middle(law)
        one, other = map(int, self.counts.sum(axis=1))

        def draw(count: int) -> list[np.ndarray]:
            first, second = (_histograms(pooled, draws, count, generator) / draws for draws in (one, other))
            return [sup_distance(first, second), first[:, : middle + 1].sum(axis=-1)]

        distances, below = _in_chunks(replicates, len(pooled), draw)
        found = []
        for design in designs:
            band, resolved = design.two_bands(one, other), design.two_bands_resolved(one, other)
            moved = generator.binomial(other, at_sup_distance(law, resolved)[: middle + 1].sum(), replicates) / other
            found.append(Errors(int((~(distances <= band)).sum()), int((abs(below - moved) <= band).sum()), resolved))
        return tuple(found)


def replicated(samples: tuple[Sample, ...], means: np.ndarray, replicates: int, generator: np.random.Generator) -> list[Rung]:
    """Rungs of as many replicates, their networks drawn with replacement from laws of these means."""
    rungs = []
    for sample, mean in zip(samples, means, strict=True):
        atoms, masses = _centred_law(sample)
        networks = len(sample.values)

        def draw(count: int, atoms: np.ndarray = atoms, masses: np.ndarray = masses, networks: int = networks) -> list[np.ndarray]:
            counts = generator.multinomial(networks, masses, count).astype(float)
            return [counts @ atoms / networks, counts @ atoms**2]

        centre, squares = _in_chunks(replicates, len(atoms), draw)
        # About a mean of zero: no digits are lost.
        about = np.maximum(squares - networks * centre**2, 0.0)
        rungs.append(Rung.of_sums(sample.width, networks, mean + centre, about, sample.rounding, sample.batch))
    return rungs


def _centred_law(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """Atoms and masses of mean zero and of the rung's spread, in the shape of the more plentiful sample."""
    plentiful = sample.values if len(sample.values) >= len(sample.pilot) else sample.pilot
    atoms, masses = plentiful, np.full(len(plentiful), 1 / len(plentiful))
    if len(plentiful) > CELLS:
        counts, edges = np.histogram(plentiful, CELLS)
        sums, _ = np.histogram(plentiful, edges, weights=plentiful)
        atoms, masses = sums[counts > 0] / counts[counts > 0], counts[counts > 0] / len(plentiful)
    centred = atoms - masses @ atoms
    spread = np.sqrt(masses @ centred**2)
    return (centred * (sample.values.std(ddof=1) / spread) if spread > 0 else centred), masses


def at_sup_distance(law: np.ndarray, distance: float) -> np.ndarray:
    """A mixture of a law with its own part on one side of the middle, where an empirical law varies most, at this sup-distance.

    Raises
    ------
    ValueError
        If no such mixture is so far away.
    """
    middle = _middle(law)
    low, below = np.arange(len(law)) <= middle, float(law[: middle + 1].sum())
    kept, room = (low, 1 - below) if below <= 1 / 2 else (~low, below)
    if distance > room:
        raise ValueError(f"no mixture of the law with its own half is {distance:.3f} away: draw more")
    part = np.where(kept, law, 0.0)
    return np.asarray(law + distance / room * (part / part.sum() - law))


def _middle(law: np.ndarray) -> int:
    """The cell up to which the law has about half of its mass, and beyond which it has some."""
    return int(np.argmin(abs(np.cumsum(law)[:-1] - 1 / 2)))


def _histograms(pooled: np.ndarray, draws: int, count: int, generator: np.random.Generator) -> np.ndarray:
    """Histograms (count, cells) of draws from a pooled sample: cell by cell, or draw by draw where there are more cells than draws."""
    cells, total = len(pooled), int(pooled.sum())
    if cells <= draws:
        return generator.multinomial(draws, pooled / total, count)
    drawn = np.repeat(np.arange(cells), pooled)[generator.integers(total, size=(count, draws))] + cells * np.arange(count)[:, None]
    return np.bincount(drawn.ravel(), minlength=count * cells).reshape(count, cells)


def _in_chunks(replicates: int, numbers: int, draw: Callable[[int], list[np.ndarray]]) -> list[np.ndarray]:
    """Arrays of one value per replicate, drawn a few at a time."""
    at_once = max(1, NUMBERS_AT_ONCE // numbers)
    chunks = [draw(min(at_once, replicates - start)) for start in range(0, replicates, at_once)]
    return [np.concatenate(each) for each in zip(*chunks, strict=True)]


def _at(rung: Rung, mean: float) -> Rung:
    return Rung(rung.width, rung.networks, mean, rung.standard_error, rung.batch)


def _raised(rung: Rung, by: float) -> Rung:
    return Rung(rung.width, rung.networks, rung.mean + by, rung.standard_error, rung.batch)


def _seen_misfit(design: Design, spare: int) -> float:
    """The distance, in standard errors, at which a misfit is missed with the designed probability."""
    critical = special.chdtri(spare, design.alpha)
    enough = (np.sqrt(critical) + np.sqrt(special.chdtri(spare, design.miss))) ** 2
    return float(np.sqrt(optimize.brentq(lambda square: special.chndtr(critical, spare, square) - design.miss, 0.0, enough)))


@dataclass(frozen=True)
class Count:
    """Errors among replicates."""

    errors: int
    replicates: int

    @property
    def rate(self) -> float:
        """Their share."""
        return self.errors / self.replicates

    @cached_property
    def interval(self) -> tuple[float, float]:
        """Clopper-Pearson, at `CONFIDENCE`."""
        tail, others = (1 - CONFIDENCE) / 2, self.replicates - self.errors
        low = special.betaincinv(self.errors, others + 1, tail) if self.errors else 0.0
        high = special.betainccinv(self.errors + 1, others, tail) if others else 1.0
        return float(low), float(high)

    def tail(self, nominal: float) -> float:
        """The probability of so many errors, or more, at a nominal rate."""
        return float(special.bdtrc(self.errors - 1, self.replicates, nominal))


@dataclass(frozen=True)
class Measured:
    """Both error rates of one check at one nominal rate."""

    nominal: float
    false_alarms: Count
    misses: Count
    deviation: float

    def to_json(self) -> dict[str, Any]:
        """Plain data: rates as measured, and their intervals."""
        return {
            "nominal": self.nominal,
            "false_alarms": self.false_alarms.errors,
            "measured": self.false_alarms.rate,
            "interval": list(self.false_alarms.interval),
            "misses": self.misses.errors,
            "missed": self.misses.rate,
            "missed_interval": list(self.misses.interval),
            "deviation": self.deviation,
        }


@dataclass(frozen=True)
class Calibration:
    """What one check's replicates found."""

    procedure: str
    replicates: int
    level: float  #: below this probability, given a nominal rate, a count of errors is red
    rates: tuple[Measured, ...]

    @property
    def red(self) -> tuple[str, ...]:
        """One sentence for every measured rate that is above its nominal one beyond chance."""
        return tuple(
            f"{kind} {count.errors} times in {count.replicates} replicates at a nominal rate of {each.nominal:g}, "
            f"which has probability {count.tail(each.nominal):.1e} (level {self.level:.1e})"
            for each in self.rates
            for kind, count in (("false alarm", each.false_alarms), ("miss", each.misses))
            if count.tail(each.nominal) < self.level
        )

    def to_json(self) -> dict[str, Any]:
        """What evidence records."""
        return {
            "procedure": self.procedure,
            "replicates": self.replicates,
            "level": self.level,
            "confidence": CONFIDENCE,
            "rates": [each.to_json() for each in self.rates],
            "red": list(self.red),
        }


def calibrate(null: Null, replicates: int, alpha: float, generator: np.random.Generator) -> Calibration:
    """Measure both error rates of a check's procedure at the `NOMINAL` rates.

    Parameters
    ----------
    null : Null
    replicates : int
    alpha : float
        Probability that a procedure which keeps its nominal rates is red, split evenly over false alarms and misses at each of them.
    generator : numpy.random.Generator
    """
    designs = tuple(Design(rate, resolution=1.0, miss=rate) for rate in NOMINAL)
    rates = tuple(
        Measured(rate, Count(found.false_alarms, replicates), Count(found.misses, replicates), found.deviation)
        for rate, found in zip(NOMINAL, null.errors(designs, replicates, generator), strict=True)
    )
    return Calibration(null.procedure, replicates, alpha / (2 * len(NOMINAL)), rates)


@dataclass(frozen=True)
class Pooled:
    """Errors of a group of checks at one nominal rate, and those of the check with the highest rate among them."""

    all: Count
    worst: Count
    check: str

    @staticmethod
    def of(found: list[Evidence], number: int, name: str) -> Pooled:
        """From recorded errors of one kind."""
        recorded = [item.details["calibration"] for item in found]
        counts = [Count(each["rates"][number][name], each["replicates"]) for each in recorded]
        which = max(range(len(counts)), key=lambda each: counts[each].rate)
        whole = Count(sum(count.errors for count in counts), sum(count.replicates for count in counts))
        return Pooled(whole, counts[which], f"{found[which].claim}/{found[which].check}")


@dataclass(frozen=True)
class Row:
    """One line of a table of calibrations: a group of checks at one nominal rate."""

    group: str
    procedure: str
    checks: int
    red: int
    nominal: float
    false_alarms: Pooled
    misses: Pooled


def table(evidence: Iterable[Evidence], group: Callable[[Evidence], str] = lambda item: "") -> list[Row]:
    """Lines by group, procedure and nominal rate, of all evidence that records a calibration."""
    found: dict[tuple[str, str], list[Evidence]] = {}
    for item in evidence:
        if "calibration" in item.details:
            found.setdefault((group(item), item.details["calibration"]["procedure"]), []).append(item)
    return [
        Row(
            *key,
            checks=len(items),
            red=sum(bool(item.details["calibration"]["red"]) for item in items),
            nominal=rate["nominal"],
            false_alarms=Pooled.of(items, number, "false_alarms"),
            misses=Pooled.of(items, number, "misses"),
        )
        for key, items in sorted(found.items(), key=lambda each: each[0])
        for number, rate in enumerate(items[0].details["calibration"]["rates"])
    ]
