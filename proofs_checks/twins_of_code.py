"""Twins of code: one operator changed in what a stage does to arrays, in what measures networks, or in what decides.

They are broken where simulations and checks run them; rules on laws, stated formulas and the reading of array code in symbols stay
as they are. Each is put before experiments and formulas whose verdict is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from functools import partial
from itertools import zip_longest
from typing import Any

import numpy as np
from sympy import Integer, acos, atan, oo, pi, sqrt, sympify

from numerics import batch_statistic, draws, ensemble, estimators, kernel, keys, layer_statistics, readout
from numerics.ensemble import Size
from numerics.namespace import XP
from proofs_checks import (
    audit,
    decide,
    enclosed,
    finding,
    ladder,
    mutants,
    observe_expectations,
    observe_identities,
    observe_prejudice,
    observed,
)
from proofs_checks.evidence import Evidence, Verdict
from proofs_checks.mutants import Mutant
from proofs_checks.twins import COARSE, SEED, Attempt, Twin, misstated, observations, one_check, same
from theory import symbols as s
from theory.activations import Activation
from theory.catalogue import CLAIMS
from theory.claim import ENCLOSED, Claim, Interval, Kind, Relation, Statement, Witness, derived_here
from theory.experiments import Agreement, ClassFraction, Experiment, LargestFraction, Neutral, Prejudice, Rival, SameLaw, StatisticLaw
from theory.gaussian_functions import expectation
from theory.law import NoClosedForm
from theory.network import Network, Placement
from theory.node import node_law
from theory.norms import Norm
from theory.stages import Stage

Claims = dict[str, Claim]
BOUNDED = (Interval(s.c, 0, 1),)


def of_code(claims: Claims) -> Iterator[Twin]:
    """All twins of code that these claims run through."""
    yield from of_stages(claims)
    yield from of_measures()
    yield from of_inequalities(claims)


# What stages do to arrays

PLACES = 3  #: experiments that a broken stage is put before


def of_stages(claims: Claims) -> Iterator[Twin]:
    """Twins of every stage's array code, before the claims whose networks or batches it runs in."""
    confronted: dict[type[Stage], list[tuple[str, Experiment, Stage]]] = {}
    for claim in claims.values():
        for experiment in claim.experiments:
            for stage in dict.fromkeys(experiment.stages):
                if not isinstance(experiment, SameLaw):  # one code on both sides
                    confronted.setdefault(type(stage), []).append((claim.id, experiment, stage))
    for kind, every in confronted.items():
        places = sorted(every, key=lambda place: _cost(place[1]))[:PLACES]
        method = "within" if hasattr(kind, "within") else "on_array"
        for mutant in mutants.arithmetic(getattr(kind, method)):
            checks = [
                observations(
                    _with(stage, broken(stage, method, mutant), one_check(experiment)),
                    one_check(experiment),
                    f"twin/{id}/{kind.__name__}/{mutant.change}",
                )
                for id, experiment, stage in places
            ]
            yield Twin(
                places[0][0],
                f"{kind.__name__}.{method}: {mutant.change}",
                "array code",
                tuple(attempt for attempts in zip_longest(*checks) for attempt in attempts if attempt),  # coarsely everywhere, then finely
                partial(_same_in_the_full_batch, places[0][2], method, mutant),
            )


def _cost(experiment: Experiment) -> int:
    """Single batches first, networks then, families of networks last."""
    order = (StatisticLaw, Neutral, Prejudice, ClassFraction, LargestFraction)
    return order.index(type(experiment)) if type(experiment) in order else len(order)


def broken(stage: Stage, method: str, mutant: Mutant, everywhere: bool = False) -> Stage:
    """The stage with a method that does something else where a simulation runs it; also where it is read in symbols, if `everywhere`."""
    kind = type(stage)
    original = getattr(kind, method)

    def run(self: Any, h: Any, xp: Any) -> Any:
        return (mutant.function if xp is XP or everywhere else original)(self, h, xp)

    twin = type(kind.__name__, (kind,), {method: run, "__module__": kind.__module__})
    found: Stage = twin(**{each.name: getattr(stage, each.name) for each in fields(stage)})  # type: ignore[arg-type]
    return found


def _with(stage: Stage, other: Stage, experiment: Any) -> Any:
    """The experiment with one stage for another in its networks."""

    def norm(before: Norm) -> Norm:
        return Norm(before.name, *(other if each == stage else each for each in before.stages))

    def network(before: Any) -> Any:
        activation = before.activation
        return replace(
            before, norm=norm(before.norm), activation=Activation(activation.name, other) if activation.stage == stage else activation
        )

    if isinstance(experiment, StatisticLaw):
        return replace(experiment, norm=norm(experiment.norm))
    if isinstance(experiment, Agreement):
        first = network(next(each for each in experiment.networks if stage in each.stages))
        return replace(experiment, networks=(first,), family=(first,))
    return replace(experiment, network=network(experiment.network))


def _same_in_the_full_batch(stage: Stage, method: str, mutant: Mutant) -> str:
    """Why other code gives the same prejudice: read in symbols it leaves the same overlap, by itself and on either side of a rectifier."""
    other, relu, start = broken(stage, method, mutant, everywhere=True), Network().block, Network().symbolic_law
    reasons = []
    for before, after in (((), ()), ((), relu), (relu, ())):
        try:
            overlaps = [node_law((*before, each, *after), start).correlation for each in (stage, other)]
        except NoClosedForm:
            return ""
        reasons.append(same(overlaps[0], overlaps[1], (*BOUNDED, Interval(s.q, 0, oo))))
    return reasons[0] if all(reasons) else ""


# What measures networks

#: Functions that draw, measure and extrapolate; the claims and the numbers of the experiments that they are put before.
MEASURES: tuple[tuple[Callable[..., Any], str, int], ...] = (
    (estimators.sums, "layer_norm_before_relu", 0),
    (estimators.moments_of, "layer_norm_before_relu", 0),
    (estimators.groups, "batch_norm_before_relu", 0),
    (estimators.expected, "gain_and_bias", 2),
    (estimators.differences, "gain_and_bias", 2),
    (estimators.controls_of_inputs, "gain_and_bias", 2),
    (ensemble.dense, "layer_norm_before_relu", 0),
    (ensemble.scaled, "gain_and_bias", 2),
    (ensemble.inputs, "gain_and_bias", 2),
    (ensemble.parts_of_inputs, "layer_norm_after_relu", 1),
    (readout.class_counts, "layer_norm_before_relu", 1),
    (readout.votes, "largest_class_fraction", 0),
    (batch_statistic.tally, "batch_standardised_gaussian", 0),
    (layer_statistics._layer_mean_square, "layer_statistics_concentrate", 0),
    (layer_statistics._layer_variance_fluctuation, "layer_statistics_concentrate", 1),
    (layer_statistics._lyapunov_ratio, "lyapunov_ratio_of_relu", 0),
    (ladder._design_matrix, "layer_norm_before_relu", 0),
)


def of_measures() -> Iterator[Twin]:
    """Twins of estimators, their bias corrections and samplers."""
    for function, id, number in MEASURES:
        one = one_check(CLAIMS[id].experiments[number])
        originals = observations(one, one, f"twin/{id}/{function.__name__}")
        for mutant in mutants.operations(function):
            # Streams of their own: what is drawn is kept by its stream.
            broken = observations(one, one, f"twin/{id}/{function.__name__}/{mutant.change}")
            yield Twin(
                id,
                f"{function.__name__.strip('_')}: {mutant.change}",
                "estimator",
                tuple(
                    Attempt(each.witness, partial(_instead, function, mutant, each.on_twin), original.on_original)
                    for each, original in zip(broken, originals, strict=True)
                ),
                partial(_same_of_mirrored_draws, function, mutant, one),
            )


def _same_of_mirrored_draws(function: Callable[..., Any], mutant: Mutant, experiment: Any) -> str:
    """Why a sampler draws from the same law: of draws of the other sign, which are as likely, it makes the same numbers."""
    key, draw = keys.stream(SEED, "mirrored"), draws.draw
    given: dict[Callable[..., Any], Callable[[], tuple[Any, ...]]] = {
        ensemble.inputs: lambda: (experiment.network, Size(32, 1, 8), key),
        ensemble.scaled: lambda: (np.ones((8, 32), np.float32), key, experiment.network.dense, 32),
    }
    if function not in given:
        return ""
    before = np.asarray(function(*given[function]()))
    with mutants.in_place_of(draw, lambda *drawn: -draw(*drawn)):
        after = np.asarray(mutant.function(*given[function]()))
    return "the same law: of draws of the other sign it makes the same numbers, bit for bit" if np.array_equal(before, after) else ""


def _instead(function: Callable[..., Any], mutant: Mutant, check: Callable[[], Any]) -> Any:
    """What a check says with a mutant in a function's place, in kernels compiled anew."""
    before = dict(kernel._KERNELS)
    kernel._KERNELS.clear()
    try:
        with mutants.in_place_of(function, mutant.function):
            return check()
    finally:
        kernel._KERNELS.clear()
        kernel._KERNELS.update(before)


# What decides

Case = tuple[str, Verdict, Callable[[], Verdict]]  #: what it is, its verdict, and how that is found


def of_inequalities(claims: Claims) -> Iterator[Twin]:
    """Twins of the comparisons in what decides: a true statement does not hold any more, or a false one does."""
    for function, witness, cases in deciders(claims):
        for mutant in mutants.inequalities(function):
            yield Twin(
                f"{function.__module__.split('.')[-1]}.{function.__qualname__}",
                mutant.change,
                "inequality",
                (Attempt(witness, partial(_put_to, cases, function, mutant.function), partial(_put_to, cases, function, function)),),
            )


def _put_to(cases: list[Case], function: Callable[..., Any], other: Callable[..., Any]) -> tuple[Verdict, str]:
    """FAILS where a case does not have its verdict any more."""
    with mutants.in_place_of(function, other):
        for name, expected, case in cases:
            found = case()
            if found is not expected:
                return Verdict.FAILS, f"{name} is {found.value if isinstance(found, Verdict) else found}, not {expected.value}"
    return Verdict.HOLDS, f"{len(cases)} cases have the verdicts they had"


#: Functions that decide about experiments; the claim and the number of the experiment that they are put before.
JUDGES: tuple[tuple[Callable[..., Any], str, int], ...] = (
    (observe_prejudice.run, "layer_norm_before_relu", 0),
    (observe_prejudice._rate, "layer_norm_before_relu", 0),
    (finding.at_distance, "layer_norm_before_relu", 1),
    (observe_expectations.run, "layer_statistics_concentrate", 0),
    (observe_identities.run, "batch_norm_after_relu", 0),
)


def deciders(claims: Claims) -> Iterator[tuple[Callable[..., Any], Witness, list[Case]]]:
    """Functions that decide, with cases of known verdict."""
    table: list[tuple[Callable[..., Any], Witness, list[Case]]] = [
        (decide.decide, Witness.EXACT, decisions()),
        (decide._counterexample, Witness.EXACT, decisions()),
        (decide._simplifies, Witness.EXACT, decisions()),
        (decide._is_constantly_zero, Witness.EXACT, decisions()),
        (enclosed.compare, Witness.ENCLOSED, comparisons()),
        (enclosed._narrow, Witness.ENCLOSED, comparisons()),
        (enclosed._positive_between, Witness.ENCLOSED, comparisons()),
        (audit.Audit.verdict_of, Witness.EXACT, verdicts()),
        (Verdict.of_all, Witness.EXACT, verdicts()),
    ]
    yield from table
    for function, id, number in JUDGES:
        if id in claims:
            yield function, Witness.OBSERVED, judgements(claims[id].experiments[number], f"twin/{id}/{number}/cases")


def decisions() -> list[Case]:
    """Formulas for the exact witness."""
    c, little = s.c, Integer(10) ** -12
    late = 1 - Integer(10) ** -7  # behind the last point that is looked at
    cases: list[tuple[str, Verdict, Any, Relation, Any]] = [
        ("one formula", Verdict.HOLDS, c, Relation.EQUAL, c),
        ("an identity", Verdict.HOLDS, (c + 1) ** 2, Relation.EQUAL, c**2 + 2 * c + 1),
        ("an identity by its slope", Verdict.HOLDS, acos(c), Relation.EQUAL, 2 * atan(sqrt((1 - c) / (1 + c)))),
        ("an identity that jumps", Verdict.UNDECIDED, atan(c / late - 1) + atan(late / (c - late)), Relation.EQUAL, -pi / 2),
        ("a factor", Verdict.FAILS, 2 * c, Relation.EQUAL, c),
        ("a small difference", Verdict.FAILS, c + little, Relation.EQUAL, c),
        ("a smaller one", Verdict.UNDECIDED, acos(c) + little**2, Relation.EQUAL, 2 * atan(sqrt((1 - c) / (1 + c)))),
        ("an inequality", Verdict.HOLDS, c + 1, Relation.GREATER, c),
        ("a wrong inequality", Verdict.FAILS, c, Relation.GREATER, c + 1),
        ("a small wrong inequality", Verdict.FAILS, c, Relation.GREATER, c + little),
    ]

    def decided(left: Any, relation: Relation, right: Any) -> Verdict:
        return decide.decide(sympify(left), relation, sympify(right), BOUNDED).verdict

    return [(name, expected, partial(decided, left, relation, right)) for name, expected, left, relation, right in cases]


def comparisons() -> list[Case]:
    """Formulas for the enclosed witness; one of them needs more than the first precision."""
    c, half, far = s.c, expectation(s.z**2, s.z) / 2, Integer(10) ** 20
    root = sqrt(far**2 + c)
    statements: list[tuple[str, Verdict, Any, Relation, Any]] = [
        ("an integral", Verdict.HOLDS, half * c, Relation.EQUAL, c / 2),
        ("a factor", Verdict.FAILS, half * c, Relation.EQUAL, c),
        ("a small difference", Verdict.FAILS, half * c, Relation.EQUAL, c * (1 + Integer(10) ** -9) / 2),
        ("a cancellation", Verdict.HOLDS, root - far, Relation.EQUAL, c / (root + far)),
        ("a zero", Verdict.HOLDS, expectation(s.z, s.z) * c, Relation.EQUAL, 0),
        ("balls around zero", Verdict.UNDECIDED, expectation(s.z, s.z) * c, Relation.EQUAL, expectation(s.z**3, s.z)),
        ("an inequality", Verdict.HOLDS, half + c, Relation.GREATER, c),
        ("a close inequality", Verdict.HOLDS, (c - Integer(1) / 4) ** 2 + Integer(10) ** -3, Relation.GREATER, 0),
        ("a wrong inequality", Verdict.FAILS, c, Relation.GREATER, half + c),
        (
            "an inequality that is wrong between the points",
            Verdict.UNDECIDED,
            (c - Integer(1) / 4) ** 2,
            Relation.GREATER,
            Integer(10) ** -6,
        ),
    ]
    claim = Claim("battery", "", "", Kind.FINDING, derived_here(), (Statement("one", derived=1, stated=1),), BOUNDED)

    def compared(left: Any, relation: Relation, right: Any) -> Verdict:
        return enclosed.compare(claim, Statement("case", left, right, relation=relation, witnesses=ENCLOSED)).verdict

    def subdivided(expression: Any) -> Verdict:
        proof = enclosed._positive_between(expression, c, Integer(1) / 4, Integer(3) / 4)
        return Verdict.UNDECIDED if proof is None else Verdict.HOLDS

    return [
        *((name, expected, partial(compared, left, relation, right)) for name, expected, left, relation, right in statements),
        ("positive on a whole interval", Verdict.HOLDS, partial(subdivided, c)),
        ("negative on a whole interval", Verdict.UNDECIDED, partial(subdivided, -c)),
    ]


def verdicts() -> list[Case]:
    """Audits whose checks held, did not, or did not run."""
    claim = Claim("battery", "", "", Kind.FINDING, derived_here(), (Statement("one", derived=1, stated=1),))

    def audited(found: list[Verdict], planned: int) -> Callable[[], Verdict]:
        items = [Evidence(claim.id, "one", Witness.EXACT, verdict, "") for verdict in found]
        return lambda: audit.Audit(audit.Settings(), [claim], {claim.id: items}, {claim.id: planned}).verdict

    return [
        ("all held", Verdict.HOLDS, audited([Verdict.HOLDS] * 2, 2)),
        ("one did not run", Verdict.UNDECIDED, audited([Verdict.HOLDS], 2)),
        ("none was planned", Verdict.UNDECIDED, audited([], 0)),
        ("one is undecided", Verdict.UNDECIDED, audited([Verdict.HOLDS, Verdict.UNDECIDED], 2)),
        ("one failed", Verdict.FAILS, audited([Verdict.HOLDS, Verdict.FAILS], 3)),
    ]


def judgements(experiment: Any, stream: str) -> list[Case]:
    """The experiment as it is, misstated, and with a rival that says what it says itself; its rate, where one is asserted."""

    def judged(case: Any, name: str = "") -> Callable[[], Verdict]:
        return lambda: observed.run(case, name or observed.checks(case)[0], COARSE, SEED, stream).verdict

    one = one_check(experiment)
    if isinstance(experiment, Neutral):
        false = replace(one, network=replace(one.network, placement=Placement.PRE))
        itself: Any = one.network
    else:
        wrong = "factor 2" if isinstance(experiment, ClassFraction) else "exponent"
        false = next(twin for name, twin in misstated(experiment) if name == wrong)
        itself = {Prejudice: "overlap_map", ClassFraction: "deviation"}.get(type(experiment), "stated")
        itself = getattr(experiment, itself)
    cases = [("true", Verdict.HOLDS, judged(one)), ("false", Verdict.FAILS, judged(false))]
    if not isinstance(experiment, ClassFraction):  # its sample is as large as its rival is near
        cases.append(("a rival that is none", Verdict.UNDECIDED, judged(replace(one, rival=Rival("what the claim says", itself)))))
    if getattr(experiment, "rate_depth", None):
        cases.append(("its rate", Verdict.HOLDS, judged(experiment, "width_bias_rate")))
    return cases
