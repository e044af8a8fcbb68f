"""How many rungs a ladder has: what it leaves of a bias that it does not model."""

import math

import numpy as np
import pytest

from proofs_checks.design import Design
from proofs_checks.ladder import Rung, fit
from proofs_checks.observe_prejudice import OTHER_WEIGHTS, RATED, SECOND, THREE, TWO, rungs_of, sensitivity, stated_at
from theory.catalogue import CLAIMS
from theory.distributions import Distribution
from theory.experiments import Prejudice


def extrapolated(widths, bias):
    """The intercept fitted to means without chance, less the value that they tend to."""
    return fit([Rung(width, 64, 0.5 + bias(width), 1e-3) for width in widths]).intercept - 0.5


@pytest.mark.parametrize("rungs, orders", [(TWO, 1), (THREE, 2)])
def test_the_first_order_that_is_not_fitted_remains(rungs, orders):
    """A bias of the orders that are fitted leaves nothing, b/N^(k+1) behind k of them leaves b over the product of all widths."""
    assert len(rungs.widths) == orders + 1
    powers = np.vander(1 / np.array(rungs.widths), increasing=True)
    rounding = 2.0**-53 * np.linalg.cond(powers)  # of means below one, that is of their fit
    for order in range(1, orders + 1):
        assert abs(extrapolated(rungs.widths, lambda width, order=order: 7 / width**order)) <= rounding
    remains = extrapolated(rungs.widths, lambda width: 7 / width ** (orders + 1))
    assert abs(remains - (-1) ** orders * 7 / math.prod(rungs.widths)) <= rounding < abs(remains) / 1000


def test_the_bias_that_remains_is_small_against_the_error_asked_for():
    """At the audit's resolution two rungs do for all overlaps but one, at a tenth of it for none."""
    experiments = [(claim.id, each) for claim in CLAIMS.values() for each in claim.experiments if isinstance(each, Prejudice)]
    for design, three in ((Design(1e-8, 0.01), {"average_pooling"}), (Design(1e-8, 0.001), {claim for claim, _ in experiments})):
        for claim, experiment in experiments:
            rungs = rungs_of(experiment, design)
            if experiment.network.weights is not Distribution.GAUSSIAN or experiment.rate_depth:
                assert rungs is (RATED if experiment.rate_depth else OTHER_WEIGHTS)
                continue
            assert rungs is (THREE if claim in three else TWO), claim
            errors = [design.resolution * sensitivity(stated_at(experiment, depth)) / design.deviations for depth in experiment.depths]
            assert rungs is THREE or SECOND / math.prod(rungs.widths) <= min(errors) / 2


def test_narrow_rungs_add_little_to_the_variance():
    """By the shares of units: below twice the variance of a wide rung alone, and most of the work is the wide rung's."""
    for rungs in (TWO, THREE):
        errors = [1e-3 / np.sqrt(share) for share in rungs.shares]
        best = fit([Rung(width, 10**6, 0.5, error) for width, error in zip(rungs.widths, errors, strict=True)])
        assert best.standard_error**2 < 2 * 1e-6 and rungs.shares[-1] == 1 and sum(rungs.shares) < 1.25


def test_a_coarser_resolution_asks_for_fewer_rungs():
    experiment = CLAIMS["average_pooling"].experiments[0]
    assert [rungs_of(experiment, Design(1e-8, resolution)) for resolution in (0.1, 0.01)] == [TWO, THREE]
