"""Every equation of Appendix E is encoded by a checked statement, or named with the reason why not."""

from theory.catalogue import CLAIMS
from theory.equations import FIRST, LAST, NOT_ENCODED, encoded


def test_every_equation_is_encoded_or_excused():
    found = encoded(CLAIMS.values())
    assert set(found) | set(NOT_ENCODED) == set(range(FIRST, LAST + 1))
    assert not set(found) & set(NOT_ENCODED)
    assert all(len(reason.split()) >= 5 for reason in NOT_ENCODED.values())


def test_an_equation_that_is_left_out_would_show():
    without = [claim for claim in CLAIMS.values() if claim.id != "leave_one_out_density"]
    assert {27, 49, 50} <= set(range(FIRST, LAST + 1)) - set(encoded(without)) - set(NOT_ENCODED)
