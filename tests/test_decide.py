"""Three-valued decisions: what is true holds, what is false fails at a point, what SymPy leaves open is undecided."""

import math
import threading
import time

import pytest
from sympy import (
    Abs,
    Derivative,
    Dummy,
    Function,
    Integral,
    Limit,
    Max,
    Rational,
    S,
    acos,
    asin,
    atan,
    cos,
    cosh,
    exp,
    gamma,
    log,
    oo,
    pi,
    sin,
    sqrt,
    sympify,
    tan,
)
from tiers import tiered

from proofs_checks.decide import IS_CONSTANT, SIMPLIFIES, decide, is_continuous
from proofs_checks.evidence import Verdict
from proofs_checks.exact import ExactWorker, decide_links
from theory import symbols as s
from theory.claim import Claim, Interval, Kind, Relation, Statement, Step, derived_here
from theory.gaussian_functions import expectation, kappa

UNKNOWN = Function("f")  # nothing is known of it
REAL, POSITIVE, OVERLAP = Interval(s.x, -oo, oo), Interval(s.u, 0, oo), Interval(s.c, -1, 1)
UNIT_SQUARE = Interval(s.t, 0, 1), Interval(s.r, 0, 1)


@pytest.mark.parametrize(
    "left, right, domain",
    [
        (sin(s.x) ** 2 + cos(s.x) ** 2, 1, (REAL,)),
        (Derivative(kappa(s.c), s.c), 1 - acos(s.c) / pi, (OVERLAP,)),
        (expectation(s.z**4), 3, ()),
        (gamma(s.u + 1), s.u * gamma(s.u), (POSITIVE,)),
        (Limit(sin(s.u) / s.u, s.u, 0), 1, ()),
        (sqrt(s.u**2), s.u, (POSITIVE,)),
    ],
)
def test_a_true_equality_holds(left, right, domain):
    decision = decide(sympify(left), Relation.EQUAL, sympify(right), domain)
    assert decision.verdict is Verdict.HOLDS
    assert decision.residual == 0


@pytest.mark.parametrize(
    "left, right, domain, where",
    [
        (sin(s.x) ** 2, s.x**2, (REAL,), "x = -7/2"),
        (kappa(s.c), s.c / pi, (OVERLAP,), "c = "),
        (expectation(s.z**4), 2, (), "every point"),
        (sqrt(s.u), s.u, (POSITIVE,), "u = "),
        (Max(0, s.x), s.x, (REAL,), "x = -7/2"),
        (pi + s.u * Rational(1, 10**15), pi, (POSITIVE,), "u = "),
    ],
)
def test_a_false_equality_fails_at_a_named_point(left, right, domain, where):
    decision = decide(sympify(left), Relation.EQUAL, sympify(right), domain)
    assert decision.verdict is Verdict.FAILS
    assert where in decision.sentence


@pytest.mark.parametrize(
    "left, right, domain",
    [
        (Integral(UNKNOWN(s.x), (s.x, 0, 1)), Integral(UNKNOWN(s.x) + 0 * s.x, (s.x, 0, 2)), ()),
        (Limit(UNKNOWN(s.u), s.u, oo), 0, ()),
        (Derivative(UNKNOWN(s.x), s.x), 0, (REAL,)),
        (UNKNOWN(s.x) ** 2, UNKNOWN(-s.x) ** 2, (REAL,)),
    ],
)
def test_what_is_left_unevaluated_is_undecided(left, right, domain):
    decision = decide(sympify(left), Relation.EQUAL, sympify(right), domain)
    assert decision.verdict is Verdict.UNDECIDED
    assert decision.sentence.startswith("could not decide")


#: Zero at the anchor and at every point that is looked at, without a slope wherever there is one, and not zero from u = 100 on.
JUMPS = (
    atan(s.u / 100 - 1) + atan(100 / (s.u - 100)) + pi / 2,
    log((s.u - 100) ** 2) - 2 * log(100 - s.u),
    sqrt((s.u - 100) ** 2) / (s.u - 100) + 1,
    atan(tan(pi * s.u / 200)) - pi * s.u / 200,
)


def test_the_sentence_says_by_which_rule():
    by_slope = decide(acos((1 - s.u**2) / (1 + s.u**2)), Relation.EQUAL, 2 * atan(s.u), (POSITIVE,))
    assert by_slope.sentence == IS_CONSTANT
    assert decide((s.u + 1) ** 2, Relation.EQUAL, s.u**2 + 2 * s.u + 1, (POSITIVE,)).sentence == SIMPLIFIES


@pytest.mark.parametrize("residual", JUMPS, ids=str)
def test_what_jumps_is_not_constant(residual):
    assert decide(residual, Relation.EQUAL, sympify(0), (POSITIVE,)).verdict is Verdict.UNDECIDED
    assert not is_continuous(residual, (POSITIVE,))


@pytest.mark.parametrize(
    "residual",
    [
        atan(s.u) + atan(1 / s.u) - pi / 2,
        log(s.u**2 + s.u) - log(s.u) - log(1 + s.u),
        acos((1 - s.u**2) / (1 + s.u**2)) - 2 * atan(s.u),
        Abs(s.u - 1) / (s.u + 1) ** 2,
        gamma(s.u + 1) / (-1 - s.u) ** 3,
    ],
    ids=str,
)
def test_continuity_is_read_off(residual):
    assert is_continuous(residual, (POSITIVE,))


LATE = s.u / 100 - 1  #: changes its sign behind the last point that is looked at
#: Formulas of y, and what they are for some y only, or for all.
IDENTITIES = {
    "√y²": (lambda y: sqrt(y**2), lambda y: y, lambda y: -y, Abs, lambda y: sqrt(y) ** 2),
    "y/|y|": (lambda y: y / Abs(y), lambda y: Abs(y) / y, lambda y: S.One, lambda y: -S.One, lambda y: sqrt(y) / sqrt(-y)),
    "log y²": (lambda y: log(y**2), lambda y: 2 * log(y), lambda y: 2 * log(-y), lambda y: 2 * log(Abs(y)), lambda y: log(-y) + log(y)),
    "atan y": (
        atan,
        lambda y: pi / 2 - atan(1 / y),
        lambda y: -pi / 2 - atan(1 / y),
        lambda y: 2 * atan(y / (1 + sqrt(1 + y**2))),
        lambda y: asin(y / sqrt(1 + y**2)),
        lambda y: acos(1 / sqrt(1 + y**2)),
        lambda y: -acos(1 / sqrt(1 + y**2)),
    ),
    "acos": (
        lambda y: acos(y / (1 + y**2)),
        lambda y: pi / 2 - asin(y / (1 + y**2)),
        lambda y: atan(sqrt((1 + y**2) ** 2 - y**2) / y),
        lambda y: pi + atan(sqrt((1 + y**2) ** 2 - y**2) / y),
    ),
}
PAIRS = [(name, number) for name, (_, *others) in IDENTITIES.items() for number in range(len(others))]


ROUNDING = 1e-9  #: of values of order one, computed to 15 digits; those that differ do so by 2π, or by twice what they are


def wrong_at(left, right):
    """Of points u = 1/4, 3/4, …, 200 those where two formulas have values, and not the same."""
    return [
        at
        for at in (Rational(step, 4) for step in range(1, 800, 2))
        for here, there in [[complex(each.subs(s.u, at)) for each in (left, right)]]
        if math.isfinite(abs(here)) and math.isfinite(abs(there)) and abs(here - there) > ROUNDING
    ]


@pytest.mark.parametrize("y", tiered((LATE, -LATE, 1 / LATE, s.u * LATE), (LATE,)), ids=str)
@pytest.mark.parametrize("name, number", PAIRS)
def test_nothing_holds_that_is_wrong_somewhere(name, number, y):
    left, right = (IDENTITIES[name][each](y) for each in (0, number + 1))
    verdict = decide(left, Relation.EQUAL, right, (POSITIVE,)).verdict
    assert verdict is not Verdict.HOLDS or wrong_at(left, right) == []


def test_equal_to_thirty_digits_at_all_points_is_not_equal():
    """A difference below what the counterexample search sees is undecided, never true."""
    decision = decide(s.u + Rational(1, 10**40), Relation.EQUAL, s.u, (POSITIVE,))
    assert decision.verdict is not Verdict.HOLDS


@pytest.mark.parametrize(
    "left, right, domain, verdict",
    [
        (s.u + 1, s.u, (POSITIVE,), Verdict.HOLDS),
        (exp(s.x), 0, (REAL,), Verdict.HOLDS),
        (1 - s.c, 0, (OVERLAP,), Verdict.HOLDS),
        (log(s.u), s.u**2, (POSITIVE,), Verdict.FAILS),
        (s.c, 0, (OVERLAP,), Verdict.FAILS),
        (s.u, s.u, (POSITIVE,), Verdict.UNDECIDED),  # equal: no point is negative, and no sign is positive
        (s.u - log(s.u), 0, (POSITIVE,), Verdict.UNDECIDED),  # true, but no sign that SymPy reads off
        (UNKNOWN(s.x), 0, (REAL,), Verdict.UNDECIDED),
        (1, s.t * s.r, UNIT_SQUARE, Verdict.HOLDS),
        (1 / sqrt(1 - s.t**2), 1 / sqrt(1 - s.t**2 * s.r**2), UNIT_SQUARE, Verdict.UNDECIDED),  # true, but a difference of roots
        (Rational(3, 2), s.t + s.r, UNIT_SQUARE, Verdict.FAILS),
        (2 - Rational(1, 10**7), s.t + s.r, UNIT_SQUARE, Verdict.UNDECIDED),  # wrong in a corner that is not looked at
    ],
)
def test_inequalities(left, right, domain, verdict):
    assert decide(sympify(left), Relation.GREATER, sympify(right), domain).verdict is verdict


@pytest.mark.parametrize(
    "positive",
    [
        *(
            -LATE,
            -(LATE**3),
            1 - LATE,
            1 - LATE**2,
            atan(-LATE),
            exp(-LATE) - 1,
            log(1 - LATE) + log(2),
            -LATE / (1 + LATE**2),
        ),
        *(LATE**2, Abs(LATE), sqrt(LATE**2), cosh(LATE) - 1, 1 - exp(-(LATE**2)), LATE * atan(LATE), 1 - Abs(LATE)),
    ],
    ids=str,
)
def test_nothing_is_positive_that_is_not_somewhere(positive):
    """Beyond u = 100, or at u = 100 itself, of which no point is tried."""
    assert decide(positive, Relation.GREATER, S.Zero, (POSITIVE,)).verdict is Verdict.UNDECIDED
    assert any(not positive.subs(s.u, at) > 0 for at in (100, 150, 300))


# The process that can be killed


def _claim(*statements):
    return Claim("tested_claim", "t", "s", Kind.LEMMA, derived_here(), statements=statements, domain=(REAL, POSITIVE))


QUICK = Statement("quick", sin(s.x) ** 2 + cos(s.x) ** 2, 1)
SLOW = Statement("slow", Integral(exp(-((1 + s.u) ** s.u) * sin(s.u) ** log(1 + s.u)) * gamma(s.u) ** s.u, (s.u, 0, oo)), 1)
LONG = Statement("long", (s.x + 1) ** 2, s.x**2 + 2 * s.x + 1, steps=(Step(s.x**2 + s.x + 1, "wrong"), Step(s.x, "not reached")))


@pytest.fixture(scope="module")
def worker():
    with ExactWorker() as worker:
        yield worker


def test_the_worker_decides_as_this_process_does(worker):
    (there,) = worker.run(_claim(QUICK), QUICK)
    (here,) = decide_links(QUICK, _claim(QUICK).domain)
    assert (there.verdict, there.sentence) == (here.verdict, here.sentence) == (Verdict.HOLDS, "the residual simplifies to 0")


def test_a_chain_stops_at_its_first_link_that_does_not_hold(worker):
    results = worker.run(_claim(LONG), LONG)
    assert [result.verdict for result in results] == [Verdict.FAILS]
    assert "x" in results[0].residual


def test_an_overrun_budget_is_undecided_and_the_worker_lives_on(worker, monkeypatch):
    worker.run(_claim(QUICK), QUICK)
    monkeypatch.setattr(worker, "budget", 0.2)
    start = time.perf_counter()
    (slow,) = worker.run(_claim(SLOW), SLOW)
    assert slow.verdict is Verdict.UNDECIDED
    assert slow.sentence == "timed out after 0.2 s"
    assert time.perf_counter() - start < 5  # the budget, and the time to end a process
    monkeypatch.setattr(worker, "budget", 60)
    assert [result.verdict for result in worker.run(_claim(QUICK), QUICK)] == [Verdict.HOLDS]


def test_an_error_while_deciding_is_undecided(worker):
    statement = Statement("divides", 1, 0)
    object.__setattr__(statement, "steps", (Step("not an expression", "a string slipped in"),))  # past the constructor, which refuses it
    (result,) = worker.run(_claim(QUICK), statement)
    assert result.verdict is Verdict.UNDECIDED
    assert "Error" in result.sentence
    assert [result.verdict for result in worker.run(_claim(QUICK), QUICK)] == [Verdict.HOLDS]


def test_a_worker_that_dies_at_work_is_undecided_and_replaced(worker):
    worker.run(_claim(QUICK), QUICK)
    threading.Timer(0.3, worker._process.kill).start()
    (result,) = worker.run(_claim(SLOW), SLOW)
    assert (result.verdict, result.sentence) == (Verdict.UNDECIDED, "the process that decides it ended")
    assert [result.verdict for result in worker.run(_claim(QUICK), QUICK)] == [Verdict.HOLDS]


def test_a_worker_that_died_between_statements_is_replaced(worker):
    worker.run(_claim(QUICK), QUICK)
    worker._process.kill()
    worker._process.join()
    assert [result.verdict for result in worker.run(_claim(QUICK), QUICK)] == [Verdict.HOLDS]


def test_a_worker_that_cannot_start_is_undecided(monkeypatch):
    def refuse(process):
        raise OSError("no more processes")

    with ExactWorker() as worker:
        monkeypatch.setattr(worker._context.Process, "start", refuse)
        assert [result.verdict for result in worker.run(_claim(QUICK), QUICK)] == [Verdict.UNDECIDED]
        monkeypatch.undo()
        assert [result.verdict for result in worker.run(_claim(QUICK), QUICK)] == [Verdict.HOLDS]


def test_dummies_need_no_range_and_are_decided():
    bound = Dummy("t", real=True)
    assert decide(Integral(bound, (bound, 0, 2)), Relation.EQUAL, sympify(2), ()).verdict is Verdict.HOLDS
