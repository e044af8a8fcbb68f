"""Every norm with every activation: nothing is missing, one kernel serves a family, and a wrong prediction is red."""

from dataclasses import replace

import numpy as np
import pytest
from tiers import tiered

from numerics import keys
from numerics.ensemble import Size, moments, moments_within
from proofs_checks import observe_agreement
from proofs_checks.design import Design
from proofs_checks.evidence import Verdict
from proofs_checks.prediction import predict
from theory.activations import ACTIVATIONS
from theory.experiments import LISTING, Agreement, combination
from theory.network import Network, Placement
from theory.norms import NORMS
from theory.survey import CLAIMS, FAMILIES, NETWORKS

DESIGN = Design(alpha=1e-9, resolution=0.1)
ELSEWHERE = {
    "leave_one_out_batch_norm",
    "ghost_batch_norm",
    "batch_norm_evaluation",
    "average_pool",
    "max_pool",
}  #: other statistics of batch norm, and pooling windows: claims of their own


def experiment_of(norm):
    (claim,) = [claim for claim in CLAIMS if claim.id == f"{norm}_with_every_activation"]
    return claim.experiments[0]


def test_no_combination_is_missing():
    surveyed = {(network.norm.name, network.placement, network.activation.name) for network in NETWORKS}
    expected = {
        (norm, placement, activation)
        for norm in set(NORMS) - ELSEWHERE
        for placement in ([Placement.NONE] if norm == "none" else [Placement.PRE, Placement.POST])
        for activation in ACTIVATIONS
    }
    assert surveyed == expected
    assert len(surveyed) == len(NETWORKS) == 261
    assert all(claim.long for claim in CLAIMS)


@pytest.mark.parametrize("norm", ["layer_norm", "batch_rms_norm", "group_norm"])
def test_every_combination_is_checked_or_listed_with_a_reason(norm):
    experiment = experiment_of(norm)
    checked = set(observe_agreement.checks(experiment)) - {LISTING}
    listed = observe_agreement.run(experiment, LISTING, DESIGN, 1, "survey").details["without_law"]
    assert checked.isdisjoint(listed)
    assert checked | set(listed) == {combination(network) for network in experiment.networks}
    assert all(len(reason.split()) >= 8 for reason in listed.values())


@pytest.mark.parametrize("coupled", tiered((False, True), (True,)))
def test_a_kernel_of_a_family_is_that_of_each_member(coupled):
    family = tuple(replace(network, batch_size=4) for network in FAMILIES[coupled][::17])
    size, key = Size(32, 2, 8), keys.stream(1, "family")
    for which in (0, len(family) // 2, len(family) - 1):
        within, alone = moments_within(family, which, size, key, 4), moments(family[which], size, key, 4)
        # The same keys and operations in two compiled programs: sums may be taken in another order, in float32 products of 32 terms.
        for one, other in zip(within, alone, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=64 * 32 * 2.0**-24 * max(1.0, float(np.max(np.abs(other)))))


def small(network):
    """The survey's experiment on one network alone."""
    return Agreement((network,), (network,), 2, tuple(Network(activation=each) for each in ACTIVATIONS.values()))


@pytest.mark.long
@pytest.mark.parametrize(
    "norm, placement, activation",
    [("dynamic_tanh", "pre", "silu"), ("batch_rms_norm", "pre", "relu"), ("batch_norm", "pre", "gelu"), ("l1_batch_norm", "post", "tanh")],
)
def test_agreement_and_its_twin(norm, placement, activation, monkeypatch):
    network = Network(NORMS[norm], Placement(placement), ACTIVATIONS[activation])
    experiment = small(network)
    name = combination(network)
    found = observe_agreement.run(experiment, name, DESIGN, 1, "survey")
    assert found.verdict is Verdict.HOLDS, found.sentence
    assert found.rival["rejected"] and found.resolution <= 0.1

    def wrong(network, depth):
        """A tenth of a rectifier's prejudice too much."""
        right = predict(network, depth)
        return replace(right, gamma=right.gamma + 0.1)

    monkeypatch.setattr(observe_agreement, "predict", wrong)
    observe_agreement.answer.cache_clear()
    try:
        assert observe_agreement.run(experiment, name, DESIGN, 1, "survey").verdict is Verdict.FAILS
    finally:
        observe_agreement.answer.cache_clear()
