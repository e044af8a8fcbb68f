"""What a claim may say: no range, formula or domain from which a false statement would follow before anything is decided."""

from dataclasses import dataclass, replace

import pytest
from sympy import Abs, Eq, Float, I, Integer, Rational, Symbol, nan, oo, pi, sqrt, zoo

from proofs_checks import enclosed
from proofs_checks.evidence import Verdict
from theory import symbols as s
from theory.catalogue import CLAIMS
from theory.claim import BOTH, ENCLOSED, Claim, Interval, Kind, Relation, Statement, Step, derived_here
from theory.extension import claim_for
from theory.law import Law, exact
from theory.network import Placement
from theory.norms import Norm
from theory.stages import Stage


def symbol(**assumed):
    return Symbol("y", **assumed)


@pytest.mark.parametrize(
    "symbol, low, high",
    [
        (s.u, 0, oo),
        (s.u, 2, 3),
        (s.x, -oo, 5),
        (s.x, -oo, -2),
        (s.x, -oo, oo),
        (s.x, -1, 0),
        (s.x, 1 / pi, 1),
        (s.B, 1, 5),
        (symbol(integer=True), -oo, 0),
        (symbol(integer=True), -oo, oo),
        (s.B, 1, oo),
        (s.k, -1, oo),  # integers from 0 on
        (symbol(), -1, 1),
        (symbol(negative=True), -3, 0),
        (symbol(nonpositive=True, integer=True), -3, 1),
        (symbol(nonzero=True, real=True), 0, 1),
        (s.x, 2000, oo),
        (s.x, -oo, -2000),
    ],
)
def test_a_range(symbol, low, high):
    interval = Interval(symbol, low, high)
    assert (interval.low, interval.high) == (low, high)
    assert interval.low < interval.core[0] < interval.core[1] < interval.high
    assert interval.points() and all(interval.low < point < interval.high for point in (*interval.points(), interval.anchor))


@pytest.mark.parametrize(
    "symbol, low, high, reason",
    [
        (s.u, -1, oo, "positive"),
        (s.k, -2, oo, "nonnegative"),
        (s.B, -1, oo, "positive"),
        (symbol(negative=True), -1, 1, "negative"),
        (symbol(nonzero=True, real=True), -1, 1, "nonzero"),
        (symbol(rational=True), 0, 1, "rational"),
        (symbol(imaginary=True), 0, 1, "imaginary"),
        (s.x, 5, 1, "not below"),
        (s.x, 1, 1, "not below"),
        (s.x, s.c, 1, "not below"),
        (s.x, I, 1, "not below"),
        (s.x, nan, 1, "not below"),
        (s.B, Rational(3, 2), 5, "integer"),
        (s.B, 2, 3, "another one between"),
    ],
)
def test_no_range(symbol, low, high, reason):
    with pytest.raises(ValueError, match=reason):
        Interval(symbol, low, high)


def test_what_sympy_makes_of_such_symbols():
    """Each is false somewhere on the range that is refused."""
    assert sqrt(s.u**2) == s.u and Abs(symbol(nonzero=True, real=True)).is_positive


@pytest.mark.parametrize("wrong", ["a string", Eq(s.x, s.x + 1), nan, zoo, zoo * s.x, s.x / 2 + 0.5, Integer(2) ** 0.5])
@pytest.mark.parametrize("place", ["derived", "stated", "step"])
def test_no_formula(wrong, place):
    formulas = {"derived": s.x, "stated": s.x, "steps": (Step(s.x, "fine"),)}
    formulas |= {"steps": (Step(wrong, "wrong"),)} if place == "step" else {place: wrong}
    with pytest.raises(ValueError, match="statement one: "):
        Statement("one", **formulas)


def test_one_range_for_a_symbol():
    def claim(*domain):
        return Claim(
            "one", "t", "s", Kind.LEMMA, derived_here(), statements=(Statement("one", s.x, 3, relation=Relation.GREATER),), domain=domain
        )

    assert claim(Interval(s.x, 4, 5)).domain
    with pytest.raises(ValueError, match=r"two ranges among x in \(4, 5\), x in \(0, 1\)"):
        claim(Interval(s.x, 4, 5), Interval(s.x, 0, 1))


def test_decimals_of_a_rule_are_exact():
    """A module's rules for laws may be written as its array code is."""
    assert exact(0.1) == Rational(1, 10) and exact(s.x**0.5) == sqrt(s.x)
    longer = Float("0.1234567890123456789012345", 25)
    assert exact(longer) == Rational(longer) != exact(float(longer))
    law = Law(0.5 * s.q, s.q**0.5, 0.1 + s.q)
    assert (law.mean, law.overlap, law.power) == (s.q / 2, sqrt(s.q), Rational(1, 10) + s.q)


@dataclass(frozen=True)
class Halved(Stage):
    """A rule and array code in decimals."""

    def on_law(self, law):
        return replace(law, mean=0.5 * law.mean, overlap=0.25 * law.overlap, power=0.5**2 * law.power)

    def on_array(self, h, xp):
        return 0.5 * h


def test_a_norm_whose_rule_has_decimals_is_decided():
    claim = claim_for(Norm("halved", Halved()), Placement.PRE)
    (statement,) = claim.statements
    assert enclosed.compare(claim, statement).verdict is Verdict.HOLDS


@pytest.mark.parametrize("low, high", [(0, 1), (-oo, 1), (0, oo), (-oo, oo)])
def test_a_false_inequality_holds_on_no_range(low, high):
    statement = Statement("one", s.x, s.x + 1, relation=Relation.GREATER)
    claim = Claim("one", "t", "s", Kind.LEMMA, derived_here(), statements=(statement,), domain=(Interval(s.x, low, high),))
    assert enclosed.compare(claim, statement).verdict is Verdict.FAILS
    true = replace(statement, derived=s.x + 1, stated=s.x)
    assert enclosed.compare(replace(claim, statements=(true,)), true).verdict is Verdict.HOLDS


def test_points_prove_no_inequality_in_two_variables():
    """That of 1 and tr on the unit square, before balls at points; with a derivation planned, they are only asked whether they agree."""
    statement = Statement("one", 1, s.t * s.r, relation=Relation.GREATER, witnesses=ENCLOSED)
    claim = Claim("one", "t", "s", Kind.LEMMA, derived_here(), statements=(statement,), domain=(Interval(s.t, 0, 1), Interval(s.r, 0, 1)))
    found = enclosed.compare(claim, statement)
    assert found.verdict is Verdict.UNDECIDED and "proves no inequality in t, r" in found.sentence
    assert enclosed.compare(claim, replace(statement, witnesses=BOTH)).verdict is Verdict.HOLDS
    assert enclosed.compare(claim, replace(statement, derived=s.r / 10)).verdict is Verdict.FAILS


@pytest.mark.parametrize("factor", [1, 2])
def test_balls_around_zero_tell_nothing(factor):
    """E max(0, μ + σz) for σ below 1e-3 and μ far below zero: whatever is stated, its ball and that of the integral contain 0."""
    claim = CLAIMS["rectified_gaussian_mean"]
    (statement,) = (replace(each, stated=factor * each.stated) for each in claim.statements if each.name == "mean")
    far = replace(claim, domain=(Interval(s.mu, -200, -100), Interval(s.sigma, 0, Rational(1, 1000))))
    found = enclosed.compare(far, statement)
    assert found.verdict is Verdict.UNDECIDED and "narrower than 1e-12 of what is stated" in found.sentence
    assert enclosed.compare(claim, statement).verdict is (Verdict.HOLDS if factor == 1 else Verdict.FAILS)
