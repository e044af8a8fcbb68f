"""Twins that must fail: every stated formula, broken on purpose, is red."""

from dataclasses import replace

import pytest
from sympy import pi

from proofs_checks import enclosed
from proofs_checks.decide import decide
from proofs_checks.evidence import Verdict
from theory.catalogue import CLAIMS
from theory.claim import Relation, Witness


def _mutations(statement):
    """Wrong statements: sign, factors, an offset; an inequality turned around."""
    if statement.relation is Relation.GREATER:
        yield "turned_around", replace(statement, derived=statement.stated, stated=statement.derived, steps=())
        return
    stated = statement.stated
    if stated == 0:
        yield "one_for_zero", replace(statement, stated=stated + 1)
        return
    yield "sign", replace(statement, stated=-stated)
    yield "times_pi", replace(statement, stated=pi * stated)
    yield "half", replace(statement, stated=stated / 2)


FORMULA_TWINS = {
    f"{claim.id}/{statement.name}/{mutation}": (claim, twin)
    for claim in CLAIMS.values()
    for statement in claim.statements
    for mutation, twin in _mutations(statement)
}


@pytest.mark.parametrize("name", FORMULA_TWINS)
def test_broken_formula_is_red(name):
    claim, twin = FORMULA_TWINS[name]
    if Witness.ENCLOSED in twin.witnesses:
        verdict = enclosed.compare(claim, twin).verdict
    else:
        left, right, _ = twin.chain[-1]
        verdict = decide(left, twin.relation, right, claim.domain).verdict
    assert verdict is Verdict.FAILS


def test_there_are_enough_formula_twins():
    assert len(FORMULA_TWINS) >= 100
