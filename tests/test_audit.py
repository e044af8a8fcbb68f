"""The audit as tests: one item per planned check.

The checks that pytest selected (`-k CLAIM` works) run once, formulas beside simulations, as in `normproof audit`; each
item then asserts its own evidence. Shares of α are those of the whole plan, whatever was selected.
"""

from dataclasses import replace

import pytest

from proofs_checks import observed
from proofs_checks.audit import Settings, plan, run
from proofs_checks.evidence import Verdict, fingerprint
from proofs_checks.finding import Finding
from theory.catalogue import CLAIMS
from theory.claim import Kind, Step, Witness
from theory.experiments import GramIdentity, Neutral, Prejudice, SpectralBounds

SETTINGS = Settings()
AUDITED = [claim for claim in CLAIMS.values() if not claim.long]
PLAN = plan(AUDITED, SETTINGS)
IDS = [check.id for check in PLAN]


@pytest.fixture(scope="session")
def evidence(request):
    selected = {item.callspec.params["check_id"] for item in request.session.items if item.originalname == "test_check"}
    found = {}
    run(AUDITED, SETTINGS, lambda check, item: found.__setitem__(check.id, item), only=selected)
    return found


@pytest.mark.parametrize("check_id", IDS)
def test_check(check_id, evidence):
    item = evidence[check_id]
    assert item.verdict is Verdict.HOLDS, item.sentence
    if item.witness is Witness.OBSERVED and item.standard_error is not None:
        check = next(check for check in PLAN if check.id == check_id)
        wanted = observed.needs(check.subject, check.name.rsplit("/", 1)[-1], check.design).resolution
        assert wanted is None or item.resolution <= (wanted if "gamma" not in check.name else SETTINGS.resolution)
        known = isinstance(check.subject, Prejudice) and item.predicted  # where γ is 0, spreads may be roundings
        for rung in item.details["ladder"] if known else ():
            assert item.details["rounding"] < rung["standard_error"], "a floor under standard errors decides this check"
    if item.rival:
        assert item.rival["rejected"] is True


def test_ids_are_unique():
    assert len(set(IDS)) == len(IDS)


def test_every_theorem_has_two_kinds_of_witness():
    kinds = {
        claim.id: {witness for statement in claim.statements for witness in statement.witnesses}
        | ({Witness.OBSERVED} if claim.experiments else set())
        for claim in CLAIMS.values()
        if claim.kind is Kind.THEOREM
    }
    assert kinds and all(len(witnesses) >= 2 for witnesses in kinds.values()), kinds


def test_every_observed_claim_has_a_rival():
    experiments = [experiment for claim in CLAIMS.values() for experiment in claim.experiments]
    assert experiments and all(experiment.rival.says for experiment in experiments)


def test_alpha_is_split_over_all_random_checks():
    certain = [
        check.id
        for check in PLAN
        if isinstance(check.subject, Neutral | GramIdentity) or (isinstance(check.subject, SpectralBounds) and check.subject.certain)
    ]
    shares = [check.design.alpha for check in PLAN if check.design is not None and check.id not in certain]
    assert sum(shares) == pytest.approx(SETTINGS.alpha, rel=1e-12)  # a sum of floats, exact up to rounding


def test_assumptions_have_no_evidence_and_are_rested_on():
    assumptions = [claim for claim in CLAIMS.values() if claim.kind is Kind.ASSUMPTION]
    used = {below.id for claim in CLAIMS.values() for below in claim.rests_on}
    assert len(assumptions) == 8
    for claim in assumptions:
        assert claim.id in used and not claim.statements and not claim.experiments


def test_a_fingerprint_is_of_one_claim_and_of_all_of_it():
    claim = CLAIMS["layer_norm_after_relu"]
    first, *others = claim.statements
    changed = [
        replace(claim, says="another"),
        replace(claim, statements=(replace(first, stated=first.stated + 1), *others)),
        replace(claim, statements=(replace(first, steps=(Step(first.stated, "one more"),)), *others)),
        replace(claim, experiments=(replace(claim.experiments[0], depths=(1, 3, 4)), *claim.experiments[1:])),
        replace(claim, domain=(replace(claim.domain[0], low=0), *claim.domain[1:])),
    ]
    prints = [fingerprint(each) for each in (*CLAIMS.values(), *changed)]
    assert len(set(prints)) == len(prints)
    assert fingerprint(replace(claim, rests_on=())) == fingerprint(claim)


def test_what_is_no_number_is_no_evidence(monkeypatch):
    """It could not be written, and would take all other evidence with it."""
    monkeypatch.setattr(observed, "run", lambda *given: Finding(Verdict.HOLDS, "fine", details={"largest": float("nan")}))
    claim = next(claim for claim in AUDITED if claim.experiments)
    id = next(check.id for check in PLAN if check.claim is claim and check.witness is Witness.OBSERVED)
    (item,) = run([claim], SETTINGS, only={id}).evidence[claim.id]
    assert item.verdict is Verdict.UNDECIDED and "ValueError" in item.sentence
