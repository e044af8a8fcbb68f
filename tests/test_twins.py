"""The twins themselves: what breaks is what is said to break, what is caught is caught by a check, and what is not is said."""

import json
from dataclasses import replace
from itertools import groupby, islice

import pytest
from sympy import Integer, Rational, Symbol, oo, pi
from tiers import tiered, usually

from numerics import estimators
from proofs_checks import decide, enclosed, kill_matrix, mutants, twins, twins_of_code
from proofs_checks.evidence import UnreadableEvidence, Verdict
from proofs_checks.exact import ExactWorker
from proofs_checks.twins import Attempt, Twin
from theory.catalogue import CLAIMS
from theory.claim import Interval, Witness
from theory.stages import Axis, Center, Scale

AUDITED = {id: claim for id, claim in CLAIMS.items() if not claim.long}


def test_a_mutant_differs_in_one_operator():
    changes = [mutant.change for mutant in mutants.arithmetic(Scale.on_array)]
    assert len(changes) == len(set(changes)) == 3
    assert sum(" * " in change for change in changes) == 1  # the product for the quotient
    centred = next(mutants.arithmetic(Center.on_array)).function
    import numpy as np

    h = np.array([[1.0, 2.0], [3.0, 6.0]])
    assert np.array_equal(centred(Center(Axis.BATCH), h, np), h + h.mean(axis=0))


def test_of_what_counts_or_names_only_operands_are_changed():
    changes = [mutant.change for mutant in mutants.operations(estimators.moments_of)]
    assert "groups - 1 → groups + 1" in changes and "1 → 2" in changes
    assert len(list(mutants.operations(estimators.sums))) < len(list(mutants.arithmetic(estimators.sums)))  # an axis is a name


@pytest.mark.parametrize("function, change, proved", [("scaled", "z + ", True), ("inputs", " + ", True), ("scaled", "root * ", False)])
def test_draws_of_the_other_sign_are_as_likely(function, change, proved):
    """A sum of what is given and what is drawn may be a difference; nothing else may."""
    found = [
        twin.proof() for twin in twins_of_code.of_measures() if twin.name.startswith(f"{function}: ") and change in twin.name.split("→")[0]
    ]
    assert found and any(found) is proved


def test_comparisons_turn_around():
    changes = {mutant.change for mutant in mutants.inequalities(Verdict.of_all)} | {
        mutant.change for mutant in mutants.inequalities(enclosed.compare)
    }
    assert {"radius < WIDTH → radius >= WIDTH", "derived > stated → derived <= stated"} <= changes


@pytest.mark.parametrize("original", [estimators.two_moments, decide.decide, enclosed.compare])
def test_a_mutant_takes_every_place_and_gives_it_back(original):
    def other(*_):
        return "other"

    import numerics.ensemble
    import proofs_checks.exact

    places = [numerics.ensemble.two_moments, proofs_checks.exact.decide, enclosed.compare]
    with mutants.in_place_of(original, other):
        inside = [numerics.ensemble.two_moments, proofs_checks.exact.decide, enclosed.compare]
        assert sum(each is other for each in inside) == 1
    assert [numerics.ensemble.two_moments, proofs_checks.exact.decide, enclosed.compare] == places


def test_a_name_that_nothing_has_is_refused():
    with pytest.raises(ValueError, match="no name means"), mutants.in_place_of(lambda: 0, lambda: 1):
        pass


def test_formulas_are_wrong_in_every_way():
    k = Symbol("k", integer=True, positive=True)
    found = dict(twins.wrong(2 / pi**2 + k, (Interval(k, 1, oo),)))
    assert found["sign"] == -2 / pi**2 - k and found["factor 2"] == 4 / pi**2 + 2 * k
    assert found["π"] == Rational(2, 9) + k and found["exponent"] == (2 / pi**2 + k) ** 2
    assert found["k + 1 for k"] == 2 / pi**2 + k + 1
    assert dict(twins.wrong(Integer(0)))["one for zero"] == 1


def outcome(on_twin, on_original=Verdict.HOLDS, proof=""):
    def check(verdict):
        def carried_out():
            if verdict is None:
                raise OSError("the machine is on fire")
            return verdict, "said"

        return carried_out

    return twins.run(Twin("claim", "twin", "statement", (Attempt(Witness.EXACT, check(on_twin), check(on_original)),), lambda: proof))


@pytest.mark.parametrize("id, proved", [("max_pooling", True), ("average_pooling", False)])
def test_pooling_on_either_side_of_a_rectifier(id, proved):
    """The largest of rectified units is the largest unit, rectified; of their mean that is not so."""
    claim = CLAIMS[id]
    swapped = next(twin for twin in twins.of_network(claim, 0, claim.experiments[0]) if "other side" in twin.name)
    assert ("of a window of 2 units" in swapped.proof()) is proved
    left_out = next(twin for twin in twins.of_network(claim, 0, claim.experiments[0]) if "left out" in twin.name)
    assert not left_out.proof()


def test_formulas_of_one_value_are_proved_one_where_they_are_evaluated():
    claim = CLAIMS["largest_class_fraction"]
    neutral = {twin.name.split(": ")[1]: twin.proof() for twin in twins.of_experiment(claim, 1, claim.experiments[1])}
    assert neutral.keys() == {"sign", "factor 2", "π", "exponent"} and all(neutral.values())  # of nothing
    growing = [twin.proof() for twin in twins.of_experiment(claim, 0, claim.experiments[0])]
    assert growing and not any(growing)


def test_what_counts_as_caught():
    assert outcome(Verdict.FAILS).caught
    assert outcome(Verdict.UNDECIDED).caught  # red because of the twin: the original holds
    assert not outcome(Verdict.HOLDS).caught


@pytest.mark.parametrize("on_twin", [Verdict.UNDECIDED, None])
@pytest.mark.parametrize("on_original", [Verdict.UNDECIDED, None])
def test_a_check_that_says_nothing_of_the_original_catches_nothing(on_twin, on_original):
    """Twice in the making of this an error of the machinery looked like a hundred twins caught."""
    found = outcome(on_twin, on_original)
    assert not found.caught and found.verdicts == {"exact": "NO CONTROL"}


def test_equivalence_needs_a_proof():
    matrix = kill_matrix.KillMatrix((outcome(Verdict.HOLDS, proof="they are one"), outcome(Verdict.HOLDS), outcome(Verdict.FAILS)), "", 0.0)
    assert [len(each) for each in (matrix.twins, matrix.equivalent, matrix.survivors)] == [2, 1, 1]
    assert matrix.verdict is Verdict.FAILS
    assert kill_matrix.KillMatrix(matrix.outcomes[::2], "", 0.0).verdict is Verdict.HOLDS
    assert kill_matrix.KillMatrix((), "", 0.0).verdict is Verdict.UNDECIDED


def by_the_cheapest(twin):
    """The same twin before its first witness: enclosed where that is planned. `normproof audit --twins` puts it before all."""
    return replace(twin, attempts=twin.attempts[:1])


@pytest.fixture(scope="module")
def worker():
    with ExactWorker() as found:
        yield found


@pytest.mark.parametrize("id", CLAIMS)
def test_broken_formulas_are_red(id, worker):
    """One of every statement, and with --long all."""
    for _, of_one in groupby(twins.of_statements(CLAIMS[id], worker), key=lambda twin: twin.name.split(":")[0]):
        for twin in islice(of_one, usually(1, with_long=None)):
            found = twins.run(by_the_cheapest(twin))
            assert "FAILS" in found.verdicts.values() or found.equivalent, (found.twin, found.sentence)


def test_there_are_enough_formula_twins(worker):
    assert sum(1 for claim in CLAIMS.values() for _ in twins.of_statements(claim, worker)) >= 1000


TURNED = list(twins_of_code.of_inequalities(AUDITED))
INEQUALITIES = {f"{twin.claim} {twin.name}": twin for twin in TURNED}
assert len(INEQUALITIES) == len(TURNED)
DRAWN_LONG = [name for name in INEQUALITIES if name.startswith(("observe_prejudice.run", "observe_prejudice._rate"))]  #: whole ladders


@pytest.mark.parametrize("name", tiered(INEQUALITIES, INEQUALITIES.keys() - DRAWN_LONG))
def test_a_comparison_that_is_turned_around_is_noticed(name):
    found = twins.run(INEQUALITIES[name])
    assert found.caught, found.sentence


@pytest.mark.parametrize("name, expected, case", twins_of_code.decisions() + twins_of_code.comparisons() + twins_of_code.verdicts())
def test_the_cases_have_their_verdicts(name, expected, case):
    assert case() is expected, name


def test_the_matrix_is_written_and_read(tmp_path):
    matrix = kill_matrix.run([CLAIMS["class_fraction_limits"]], code=False)
    assert len(matrix.twins) >= 5 and not matrix.survivors
    path = matrix.write(tmp_path)
    again = kill_matrix.read(tmp_path)
    assert (again.twins, again.equivalent, again.seconds) == (matrix.twins, matrix.equivalent, matrix.seconds)
    data = json.loads(path.read_text())
    assert {"claim", "twin", "caught", "by"} <= set(data["twins"][0])
    assert all(entry["caught"] is True and entry["by"] in ("exact", "enclosed", "observed") for entry in data["twins"])
    data["twins"][0]["verdicts"] = {"exact": "FAILS", "enclosed": "FAILS"}
    path.write_text(json.dumps(data))
    for content in (path.read_text(), "{", "[]", "{}"):
        path.write_text(content)
        with pytest.raises(UnreadableEvidence, match=r"twins\.json"):
            kill_matrix.read(tmp_path)
    assert kill_matrix.read(tmp_path / "nowhere") is None
    replace(matrix, code="of another day").write(tmp_path)
    assert kill_matrix.read(tmp_path) is None
