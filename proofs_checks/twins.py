r"""Twins that must fail: claims and code broken on purpose, and the witness that notices.

Six kinds of twin. A *statement*'s or an *experiment*'s stated formula is wrong by a sign, a factor, a π, an exponent, an index; the
*network* that is simulated is another one (placement, axis, batch); the *array code* of a stage, an *estimator* or a sampler, or an
*inequality* of a check has one operator changed. A twin is caught where a planned check that holds of the original is red. One that
no check catches is either the same statement in other words, and that is decided like any other statement, or a hole in the audit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial, reduce
from typing import Any

from sympy import Expr, S, oo, pi, sympify

from proofs_checks import decide, defaults, enclosed, observe_fractions, observed
from proofs_checks.design import Design
from proofs_checks.evidence import Verdict
from proofs_checks.exact import ExactWorker
from theory import symbols as s
from theory.activations import Elementwise
from theory.claim import Claim, Interval, Relation, Statement, Witness
from theory.distributions import DataSet
from theory.experiments import (
    ClassFraction,
    Expectation,
    Experiment,
    GramIdentity,
    LargestFraction,
    Neutral,
    Prejudice,
    SpectralBounds,
    SpectralExponent,
    SpectralRatio,
    StatisticLaw,
)
from theory.law import NoClosedForm, exact
from theory.network import Network, Placement
from theory.norms import BatchNormEvaluation, NoNorm, Norm
from theory.stages import Averaging, Axis, Pool, Stage
from theory.symbolic_arrays import of_window, symbolic

MOST = 2.0**24  #: units that a check of a twin may draw: those of the default audit draw up to 2^23
COARSE = Design(alpha=1e-9, resolution=0.1, most=MOST)  #: most twins are far off, and need few networks
FINE = Design(alpha=1e-9, resolution=defaults.RESOLUTION, most=MOST)
BATCH = 32  #: where a twin couples samples and its original does not
SEED = 1
RED = (Verdict.FAILS.value, Verdict.UNDECIDED.value)


Check = Callable[[], tuple[Verdict, str]]


@dataclass(frozen=True)
class Attempt:
    """A witness, and one check of it on the twin and on the original: a verdict and a sentence each."""

    witness: Witness
    on_twin: Check
    on_original: Check


@dataclass(frozen=True)
class Twin:
    """Something broken on purpose.

    Parameters
    ----------
    claim : str
        The claim, or the function, that it is a twin of.
    name : str
        What is broken.
    kind : str
        statement, experiment, network, array code, estimator or inequality.
    attempts : tuple of Attempt
        Checks that may catch it, cheapest first: of one witness the next is tried only where the one before did not catch it.
    proof : callable
        Why the twin says the same as its original, where that can be decided; empty where it cannot.
    """

    claim: str
    name: str
    kind: str
    attempts: tuple[Attempt, ...]
    proof: Callable[[], str] = lambda: ""


@dataclass(frozen=True)
class Outcome:
    """What became of a twin: the verdict of each witness that met it, and why it is no twin, if it is none.

    A witness that is UNDECIDED of a twin and holds of its original is red because of the twin; one that does not hold of the original
    either has nothing to say, and is NO CONTROL.
    """

    claim: str
    twin: str
    kind: str
    verdicts: dict[str, str]
    sentence: str
    equivalent: str
    seconds: float

    @property
    def by(self) -> str:
        """The first witness whose check is red; empty where none is."""
        return next((witness for witness, verdict in self.verdicts.items() if verdict in RED), "")

    @property
    def caught(self) -> bool:
        """Whether a check that holds of the original is red."""
        return bool(self.by)


def run(twin: Twin) -> Outcome:
    """Confront a twin with its witnesses; before a witness tries harder, and where none catches it, ask for a proof that it is none."""
    start = time.perf_counter()
    verdicts: dict[str, str] = {}
    sentence, proof = "", cache(twin.proof)
    for attempt in twin.attempts:
        witness = attempt.witness.value
        if verdicts.get(witness) in RED:
            continue
        if witness in verdicts and proof():
            break
        verdict, said = _carried_out(attempt.on_twin)
        controlled = verdict is not Verdict.UNDECIDED or _carried_out(attempt.on_original)[0] is Verdict.HOLDS
        verdicts[witness] = verdict.value if controlled else "NO CONTROL"
        if not sentence or verdicts[witness] in RED:
            sentence = said
    equivalent = "" if any(verdict in RED for verdict in verdicts.values()) else proof()
    return Outcome(twin.claim, twin.name, twin.kind, verdicts, sentence, equivalent, time.perf_counter() - start)


def _carried_out(check: Check) -> tuple[Verdict, str]:
    """What a check says; as in the audit, one that cannot be carried out is undecided."""
    try:
        return check()
    except Exception as error:
        return Verdict.UNDECIDED, f"{type(error).__name__}: {error}"


def of_claim(claim: Claim, worker: ExactWorker) -> Iterator[Twin]:
    """All twins of what a claim states, and of the networks it is about."""
    yield from of_statements(claim, worker)
    for number, experiment in enumerate(claim.experiments):
        yield from of_experiment(claim, number, experiment)
        yield from of_network(claim, number, experiment)


# Stated formulas


def wrong(formula: Expr, whole: Iterable[Interval] = ()) -> Iterator[tuple[str, Expr]]:
    """Wrong versions of a formula: sign, factor 2, π, exponent; zero becomes one; an index is off by one."""
    formula = sympify(formula)
    if formula == 0:
        yield "one for zero", formula + 1
    yield "sign", -formula
    yield "factor 2", 2 * formula
    yield "π", formula.subs(pi, 3) if formula.has(pi) else formula * pi / 3
    yield "exponent", formula**2
    for interval in whole:
        if interval.symbol.is_integer and interval.symbol in formula.free_symbols:
            yield f"{interval.symbol} + 1 for {interval.symbol}", formula.subs(interval.symbol, interval.symbol + 1)


def same(one: Expr, other: Expr, domain: tuple[Interval, ...]) -> str:
    """Why two formulas are one, where that can be decided."""
    found = decide.decide(sympify(one), Relation.EQUAL, sympify(other), domain)
    return f"both formulas are one: {found.sentence}" if found.verdict is Verdict.HOLDS else ""


def of_statements(claim: Claim, worker: ExactWorker) -> Iterator[Twin]:
    """Twins of the stated formulas, before the witnesses that are planned for them; the links before the last one are as they were."""
    for statement in claim.statements:
        if statement.relation is Relation.GREATER:
            broken = [("turned around", replace(statement, derived=statement.stated, stated=statement.derived, steps=()))]
        else:
            broken = [(name, replace(statement, stated=formula)) for name, formula in wrong(statement.stated, claim.domain)]
        for name, twin in broken:
            yield Twin(
                claim.id,
                f"{statement.name}: {name}",
                "statement",
                tuple(
                    Attempt(witness, *(partial(_confront, claim, each, witness, worker) for each in (twin, statement)))
                    for witness in (Witness.ENCLOSED, Witness.EXACT)
                    if witness in twin.witnesses
                ),
                partial(same, statement.stated, twin.stated, claim.domain),
            )


def _confront(claim: Claim, statement: Statement, witness: Witness, worker: ExactWorker) -> tuple[Verdict, str]:
    """One witness on a statement: on the last link of its derivation, where links are decided."""
    if witness is Witness.ENCLOSED:
        found = enclosed.compare(claim, statement)
        return found.verdict, found.sentence
    left, right, reason = statement.chain[-1]
    decided = worker.run(claim, Statement(statement.name, left, right, relation=statement.relation, reason=reason))[-1]
    return decided.verdict, decided.sentence


# Experiments


def of_experiment(claim: Claim, number: int, experiment: Experiment) -> Iterator[Twin]:
    """Twins of what an experiment states, before the networks of the original."""
    for name, twin in misstated(experiment):
        yield Twin(
            claim.id,
            f"experiment {number + 1}: {name}",
            "experiment",
            observations(twin, one_check(experiment), f"twin/{claim.id}/{number}"),
            partial(_same_statement, experiment, twin, claim),
        )


def _domain_of(claim: Claim) -> tuple[Interval, ...]:
    """The ranges of what experiments state formulas in, besides the claim's own."""
    mine = {interval.symbol for interval in claim.domain}
    usual = (Interval(s.c, 0, 1), Interval(s.q, 0, oo), Interval(s.gamma, 0, oo), Interval(s.nu, 1, oo), Interval(s.N, 1, oo))
    return (*claim.domain, *(interval for interval in usual if interval.symbol not in mine))


def _same_statement(experiment: Any, twin: Any, claim: Claim) -> str:
    """Why two experiments state one thing: one formula, or formulas of one value where they are evaluated."""
    if isinstance(experiment, Prejudice):
        return _same_overlap(experiment, twin.overlap_map, twin.first, experiment.rival_depth)
    if isinstance(experiment, LargestFraction):
        return _same_overlap(experiment, twin.overlap_map, (exact(experiment.network.input_overlap),), experiment.rival_depth)
    if isinstance(experiment, ClassFraction):
        return _same_fractions(experiment, twin.deviation)
    if isinstance(experiment, GramIdentity):
        at = {s.C: experiment.models[0].outputs, s.T: experiment.samples}
        own, other = (sympify(one_check(each).ranks[0]).subs(at) for each in (experiment, twin))
        return same(own, other, ())
    return same(_formula(experiment), _formula(twin), _domain_of(claim))


def _same_fractions(experiment: ClassFraction, deviation: Expr) -> str:
    """Why another factor of a symmetric variable gives the stated law: at the stated γ its square is the stated one's."""
    overlap = _iterated(experiment.overlap_map, exact(experiment.network.input_overlap), experiment.rival_depth)
    squares = [(sympify(each) ** 2).subs(s.gamma, overlap / (1 - overlap)) for each in (experiment.deviation, deviation)]
    return same(squares[0], squares[1], ())


def _iterated(overlap_map: Expr, overlap: Expr, depth: int) -> Expr:
    for _ in range(depth):
        overlap = overlap_map.subs(s.c, overlap)
    return overlap


def _same_overlap(experiment: Any, other: Expr, start: tuple[Expr, ...], depth: int) -> str:
    """Why another map gives the stated overlap at a depth."""
    network = experiment.network
    if not any(sympify(each).has(s.c, s.q) for each in (experiment.overlap_map, other)):  # wherever they start from
        return same(experiment.overlap_map, other, ())
    starts_elsewhere = isinstance(experiment, Prejudice) and experiment.start is not None
    if len(start) > 1 or starts_elsewhere or network.input_shift != 0 or isinstance(network.inputs, DataSet):
        return ""  # not decided: what such maps start from is not the overlap of the inputs alone
    if other.has(s.q):  # the power varies from layer to layer: an overlap that stays where it is at every power does not ask for it
        if not same(other.subs(s.c, start[0]), start[0], (Interval(s.q, 0, oo),)):
            return ""
        other = s.c
    stated = _iterated(experiment.overlap_map, exact(network.input_overlap), depth)
    found = same(stated, _iterated(other, start[0], depth), ())
    return found and f"the same overlap at depth {depth}: {found}"


def _formula(experiment: Any) -> Expr:
    if isinstance(experiment, GramIdentity):
        return experiment.ranks[0]
    if isinstance(experiment, SpectralBounds | SpectralExponent):
        return experiment.lower if isinstance(experiment, SpectralBounds) else experiment.exponent
    return experiment.stated if isinstance(experiment, Expectation | SpectralRatio) else experiment.density


def misstated(experiment: Experiment) -> Iterator[tuple[str, Experiment]]:
    """An experiment's stated formula, or the depth it is for, got wrong; one check each.

    The law of class fractions is a statement of `class_fraction_law`, where each of its misprints is a twin. Counts of votes see it roughly:
    a misprint that moves it, but by less than a check's resolution, is not put before that check.
    """
    one: Any = one_check(experiment)
    match one:
        case Prejudice():
            for name, formula in wrong(one.overlap_map):
                yield name, replace(one, overlap_map=formula)
            if len(one.first) == 1 and not isinstance(one.network.inputs, DataSet):
                yield "depth + 1 for depth", replace(one, start=(one.overlap_map.subs(s.c, one.first[0]),))
        case ClassFraction():
            resolved = observed.needs(one, observed.checks(one)[0], FINE).resolution
            assert resolved is not None  # of counts it is known before they are drawn
            for name, formula in wrong(one.deviation):
                if observe_fractions.distance_to(one, formula) >= resolved or _same_fractions(one, formula):
                    yield name, replace(one, deviation=formula)
        case LargestFraction():
            for name, formula in wrong(one.overlap_map):
                yield name, replace(one, overlap_map=formula)
        case Expectation():
            for name, formula in wrong(one.stated):
                yield name, replace(one, stated=formula)
        case StatisticLaw():
            for name, formula in wrong(one.density):
                yield name, replace(one, density=formula)
            yield "a degree of freedom more", replace(one, density=one.density.subs(s.nu, s.nu + 1))
        case SpectralRatio():
            for name, formula in (*wrong(one.stated), *_misread(one.stated)):
                yield name, replace(one, stated=formula)
        case SpectralBounds():
            yield "the bounds are exchanged", replace(one, lower=one.upper if one.upper is not oo else 2 * one.lower, upper=one.lower)
        case SpectralExponent():
            for name, formula in (("half a power more", one.exponent + S.Half), ("a power less", one.exponent - 1)):
                yield name, replace(one, exponent=formula)
        case GramIdentity():
            for name, formula in wrong(one.ranks[0], (Interval(s.T, 1, oo), Interval(s.C, 0, oo))):
                yield name, replace(one, ranks=(formula,))


def _misread(formula: Expr) -> Iterator[tuple[str, Expr]]:
    """A formula about Fisher information with one of its symbols taken for another."""
    if {s.kappa_1, s.kappa_2} & formula.free_symbols:
        yield "κ_1 and κ_2 swapped", formula.subs({s.kappa_1: s.kappa_2, s.kappa_2: s.kappa_1}, simultaneous=True)
    if s.T in formula.free_symbols:
        yield "T + 1 for T", formula.subs(s.T, s.T + 1)
    if s.noise in formula.free_symbols:
        yield "no fluctuations", formula.subs(s.noise, 0)


def one_check(experiment: Any) -> Any:
    """The experiment at a single depth or width: the rival's, where it has one; or in the two smallest batches."""
    match experiment:
        case Prejudice():
            return replace(experiment, depths=(experiment.rival_depth,), rate_depth=None)
        case ClassFraction() | LargestFraction():
            return replace(experiment, depths=(experiment.rival_depth,))
        case Neutral():
            return replace(experiment, depths=experiment.depths[:1])
        case Expectation():
            return replace(experiment, widths=experiment.widths[:1])
        case StatisticLaw():
            small = tuple(sorted(batch for batch in experiment.batches if batch > 2)[:2])  # where a degree of freedom is not lost in many
            return replace(experiment, batches=small, rival_batch=small[0])
        case GramIdentity():
            last = max(range(len(experiment.models)), key=lambda each: len(experiment.models[each].last.stages))  # that most is asked of
            return replace(experiment, models=experiment.models[last : last + 1], ranks=experiment.ranks[last : last + 1])
    return experiment


def observations(twin: Experiment, original: Experiment, stream: str) -> tuple[Attempt, ...]:
    """The checks of an experiment, coarsely and then at the default audit's resolution."""
    return tuple(
        Attempt(Witness.OBSERVED, *(partial(_observe, each, name, design, stream) for each in (twin, original)))
        for design in (COARSE, FINE)
        for name in observed.checks(original)
    )


def _observe(experiment: Experiment, name: str, design: Design, stream: str) -> tuple[Verdict, str]:
    found = observed.run(experiment, name, design, SEED, stream)
    return found.verdict, found.sentence


# Networks


def of_network(claim: Claim, number: int, experiment: Experiment) -> Iterator[Twin]:
    """Twins whose networks are others than the claim is about."""
    if isinstance(experiment, SpectralRatio | SpectralExponent | GramIdentity):  # between bounds there is room for other networks too
        yield from _of_outputs(claim, number, one_check(experiment))
    if not isinstance(experiment, Prejudice | ClassFraction | LargestFraction | Neutral):
        return
    others = list(_others(experiment.network))
    size = experiment.network.batch_size
    if isinstance(experiment, Prejudice) and experiment.network.couples_samples and size != oo and size >= 8:
        # A change of order 1/B: γ is resolved to that, counts of votes are not.
        others.append(("half the batch", replace(experiment.network, batch_size=size // 2)))
    for name, network in others:
        yield Twin(
            claim.id,
            f"experiment {number + 1}: {name}",
            "network",
            observations(replace(one_check(experiment), network=network), one_check(experiment), f"twin/{claim.id}/{number}/{name}"),
            partial(_same_map, experiment, network, claim),
        )


def _of_outputs(claim: Claim, number: int, one: Any) -> Iterator[Twin]:
    """Twins whose outputs have another norm: none, along the other axis, or with statistics that are not differentiated."""
    model = one.models[0] if isinstance(one, GramIdentity) else one.model
    others = []
    if model.last.stages:
        others = [("the norm on the outputs left out", NoNorm), ("the statistics of evaluation", BatchNormEvaluation)]
        if any(isinstance(stage, Averaging) for stage in model.last.stages):
            others.append(("the norm on the outputs along the other axis", Norm(model.last.name, *map(_other_axis, model.last.stages))))
    for name, norm in others:
        changed = replace(model, last=Norm(model.last.name, *norm.stages))
        twin = replace(one, models=(changed,)) if isinstance(one, GramIdentity) else replace(one, model=changed)
        yield Twin(
            claim.id, f"experiment {number + 1}: {name}", "network", observations(twin, one, f"twin/{claim.id}/{number}/{name}"), lambda: ""
        )


def _others(network: Any) -> Iterator[tuple[str, Any]]:
    """Networks with the norm in the wrong place, left out, or along the wrong axis."""
    if not network.norm.stages:
        return
    if network.placement is not Placement.NONE:
        swapped = Placement.POST if network.placement is Placement.PRE else Placement.PRE
        yield "the norm on the other side of the activation", replace(network, placement=swapped)
    if isinstance(network, Network):
        yield "the norm left out", replace(network, norm=NoNorm, placement=Placement.NONE)
    if any(isinstance(stage, Averaging) for stage in network.norm.stages):
        turned = Norm(network.norm.name, *map(_other_axis, network.norm.stages))
        batch = BATCH if network.batch_size == oo and not network.couples_samples else network.batch_size
        yield "the norm along the other axis", replace(network, norm=turned, batch_size=batch)


def _other_axis(stage: Stage) -> Stage:
    if not isinstance(stage, Averaging):
        return stage
    return replace(stage, axis=Axis.FEATURES if stage.axis is Axis.BATCH else Axis.BATCH)


def _same_window(one: Network, other: Network) -> str:
    """Why two blocks are one: of a window of units, in symbols, both make the same."""
    stages = (*one.stages, *other.stages)
    pools = {stage for stage in stages if isinstance(stage, Pool)}
    if len(pools) != 1 or not all(isinstance(stage, Pool | Elementwise) for stage in stages):
        return ""
    window = s.units(pools.pop().window)
    try:
        made = [reduce(_through, network.block, window) for network in (one, other)]
    except NoClosedForm:
        return ""
    found = same(made[0][0], made[1][0], ()) if len(made[0]) == len(made[1]) == 1 else ""
    return found and f"of a window of {len(window)} units: {found}"


def _through(units: tuple[Expr, ...], stage: Stage) -> tuple[Expr, ...]:
    return (of_window(stage, units),) if isinstance(stage, Pool) else tuple(symbolic(stage, unit) for unit in units)


def _same_map(experiment: Any, network: Any, claim: Claim) -> str:
    """Why another network has the stated prejudice: its block or its map is the stated one, or has its value at the rival's depth."""
    try:
        own = network.overlap_map()
    except NoClosedForm:
        return _same_window(experiment.network, network) if isinstance(network, Network) else ""
    if isinstance(experiment, Neutral):
        return same(own, S.Zero, _domain_of(claim))
    return same(own, experiment.overlap_map, _domain_of(claim)) or _same_overlap(
        experiment, own, (exact(network.input_overlap),), experiment.rival_depth
    )
