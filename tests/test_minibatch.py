"""The mini-batch statistics: their array code against the definitions, and twins of the density that every witness rejects."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sympy import Rational, sqrt

from proofs_checks import observe_statistics, observed
from proofs_checks.decide import decide
from proofs_checks.design import Design
from proofs_checks.evidence import Verdict
from theory import symbols as s
from theory.leave_one_out import DENSITY, spread, student_density
from theory.minibatch import STUDENTISED, thompson_density
from theory.network import Network, Placement
from theory.norms import GHOST, BatchNorm, GhostBatchNorm, LeaveOneOutBatchNorm
from theory.stages import Ghost, LeaveOneOut

DESIGN = Design(alpha=1e-8, resolution=0.02)
ROUNDOFF = 2.0**-53


def by_definition(h, lost):
    """Eqs (27)-(29), sample by sample."""
    batch = h.shape[0]
    rows = []
    for i in range(batch):
        others = np.delete(h, i, axis=0)
        mean = others.mean(axis=0)
        rows.append((h[i] - mean) / np.sqrt(((others - mean) ** 2).sum(axis=0) / (batch - lost)))
    return np.stack(rows)


@given(seed=st.integers(0, 2**32 - 1), batch=st.integers(3, 12), lost=st.sampled_from([1, 2]), shift=st.sampled_from([0.0, 3.0, -20.0]))
def test_the_statistic_is_that_of_its_definition(seed, batch, lost, shift):
    h = np.random.default_rng(seed).normal(size=(batch, 4)) + shift
    wanted = by_definition(h, lost)
    found = LeaveOneOut(lost).on_array(h, np)
    # The others' sum of squares is what is left of the batch's, a share 1/(1 + s²/w) with w = BD/(B−1): its rounding is magnified by 1 + s²/w,
    # and that of the subtracted mean by |shift|; a few tens of roundings enter.
    magnified = (1 + wanted**2) * (1 + abs(shift)) * (1 + np.abs(wanted))
    assert np.all(np.abs(found - wanted) <= 64 * batch * ROUNDOFF * magnified)


def test_ghost_batches_are_batches_of_their_own():
    h = np.random.default_rng(3).normal(size=(2, 3 * 4, 5))
    norm = Ghost(4, BatchNorm.stages)
    parts = [h[:, first : first + 4] for first in (0, 4, 8)]
    for stage in BatchNorm.stages:
        parts = [stage.on_array(part, np) for part in parts]
    np.testing.assert_array_equal(norm.on_array(h, np), np.concatenate(parts, axis=1))


@pytest.mark.parametrize(
    "norm, batch, words",
    [(LeaveOneOutBatchNorm, 4, "B ≤ 4"), (GhostBatchNorm, GHOST + 1, "do not divide"), (GhostBatchNorm, 8, "do not divide")],
)
def test_batches_of_no_use_are_refused(norm, batch, words):
    with pytest.raises(ValueError, match=words):
        Network(norm, Placement.PRE, batch_size=batch)


# Twins of the density, before the exact and the observed witness each

RIGHT = student_density(s.x, s.nu, spread(s.nu, s.nu))
TWINS = {
    "chi-squared of B−1 degrees": student_density(s.x, s.nu + 1, spread(s.nu, s.nu)),
    "the other divisor": student_density(s.x, s.nu, spread(s.nu, s.nu + 1)),
    "B for B−1 in the prefactor": RIGHT * sqrt((s.nu + 2) / (s.nu + 1)),
    "a tail exponent of −B": RIGHT / sqrt(1 + s.x**2 / spread(s.nu, s.nu)),
}
BATCH = 5


def _exact(stated):
    statement = next(each for each in DENSITY.statements if each.name == "density_divisor_B_minus_2")
    left, right, _ = replace(statement, stated=stated.subs(s.x, s.u)).chain[-1]
    return decide(left, statement.relation, right, DENSITY.domain).verdict


def _observed(claim, density, batch):
    experiment = replace(claim.experiments[0], density=density, batches=(batch, 32))
    return observed.run(experiment, f"distribution_batch_{batch}", DESIGN, 1, "twin/density").verdict


@pytest.mark.parametrize("twin", TWINS)
def test_a_broken_density_is_red_before_both_witnesses(twin):
    assert _exact(TWINS[twin]) is Verdict.FAILS
    assert _observed(DENSITY, TWINS[twin], BATCH) is Verdict.FAILS


def test_the_right_density_holds_before_both():
    assert _exact(RIGHT) is Verdict.HOLDS
    assert _observed(DENSITY, RIGHT, BATCH) is Verdict.HOLDS


def test_the_two_statistics_are_told_apart():
    """Thompson's law fails for the leave-one-out statistic, and Student's for the canonical one."""
    swapped = replace(DENSITY.experiments[0], support=STUDENTISED.experiments[0].support)
    assert _observed(replace(DENSITY, experiments=(swapped,)), thompson_density(s.x, s.nu), BATCH) is Verdict.FAILS
    assert _observed(STUDENTISED, RIGHT, BATCH) is Verdict.FAILS


def test_a_batch_of_two_is_plus_or_minus_one():
    assert _observed(STUDENTISED, thompson_density(s.x, s.nu), 2) is Verdict.HOLDS
    np.testing.assert_array_equal(
        np.unique(observe_statistics.distribution_at_edges(thompson_density(s.x, s.nu), sqrt(s.nu + 1), 2)), [0, 0.5, 1]
    )


def test_a_density_that_cannot_be_integrated_is_refused_and_not_warned_of():
    with pytest.raises(ArithmeticError, match="stated density could not be integrated from "):
        observe_statistics.distribution_at_edges(1 / (s.x - Rational(3, 10)) ** 2, sqrt(s.nu + 1), 4)
