"""Twins that must fail: the stated value stays, what is simulated is broken on purpose, and the audit turns red."""

from dataclasses import dataclass, replace

import jax.numpy as jnp
import pytest
from sympy import oo
from tiers import tiered

from numerics import ensemble, kernel
from numerics.estimators import Moments, two_moments
from proofs_checks import observe_prejudice, observed
from proofs_checks.design import Design
from proofs_checks.evidence import Verdict
from proofs_checks.prediction import stated_gamma
from theory.activations import ACTIVATIONS
from theory.experiments import ClassFraction, Prejudice
from theory.law import Law
from theory.network import Network, Placement
from theory.norms import BatchNorm, LayerNorm, Norm, RMSNorm
from theory.placements import BATCH_NORM_POST, BATCH_NORM_PRE, LAYER_NORM_POST, LAYER_NORM_PRE, RMS_NORM_PRE
from theory.stages import Axis, Center, Scale, Stage


@dataclass(frozen=True)
class BrokenCenter(Stage):
    """A centring along `axis` by its law, whose array code subtracts a share of the mean along another."""

    axis: Axis
    averaged: Axis
    share: float = 1.0

    @property
    def couples_samples(self):
        return self.axis is Axis.BATCH

    def on_law(self, law: Law) -> Law:
        return Center(self.axis).on_law(law)

    def on_array(self, h, xp):
        return h - self.share * xp.mean(h, axis=self.averaged.value, keepdims=True)


def _half_mean(axis):
    return Norm("half", BrokenCenter(axis, axis, 0.5), Scale(axis))


def _broken(claim, **changes):
    experiment = next(each for each in claim.experiments if isinstance(each, Prejudice))
    depth = experiment.rival_depth
    return replace(experiment, network=replace(experiment.network, **changes), depths=(depth,), rate_depth=None)


KERNEL_TWINS = {
    "batch norm before, placed after": _broken(BATCH_NORM_PRE, placement=Placement.POST),
    "batch norm before, left out": _broken(BATCH_NORM_PRE, placement=Placement.NONE, batch_size=oo),
    "batch norm before, layer norm's axis": _broken(BATCH_NORM_PRE, norm=LayerNorm),
    "batch norm before, half the mean": _broken(BATCH_NORM_PRE, norm=_half_mean(Axis.BATCH), input_overlap=0.5),
    "batch norm before, half the batch": _broken(BATCH_NORM_PRE, batch_size=16),
    "batch norm before, leaky activation": _broken(BATCH_NORM_PRE, activation=ACTIVATIONS["leaky_relu"]),
    "layer norm before, placed after": _broken(LAYER_NORM_PRE, placement=Placement.POST),
    "layer norm before, batch norm's axis": _broken(LAYER_NORM_PRE, norm=BatchNorm, batch_size=32),
    "layer norm before, modulus for ReLU": _broken(LAYER_NORM_PRE, activation=ACTIVATIONS["abs"]),
    "layer norm after, placed before": _broken(LAYER_NORM_POST, placement=Placement.PRE),
    "layer norm after, centring left out": _broken(LAYER_NORM_POST, norm=RMSNorm),
    "layer norm after, half the mean": _broken(LAYER_NORM_POST, norm=_half_mean(Axis.FEATURES)),
    "rms norm before, placed nowhere but biased": _broken(RMS_NORM_PRE, bias_variance=0.2),
}
DESIGN = Design(alpha=1e-8, resolution=0.02)


#: One of each kind; `normproof audit --twins` puts hundreds before the default audit's own checks.
OFTEN = ("batch norm before, placed after", "layer norm before, batch norm's axis")


@pytest.mark.parametrize("name", tiered(KERNEL_TWINS, OFTEN))
def test_broken_network_is_red(name):
    experiment = KERNEL_TWINS[name]
    found = observed.run(experiment, f"gamma_depth_{experiment.rival_depth}", DESIGN, 1, f"twin/{name}")
    assert found.verdict is Verdict.FAILS, found.sentence


def _with_diagonal(h, coupled):
    """The overlap with each sample paired with itself too."""
    exact = h.astype(jnp.float64).reshape(-1, h.shape[-1])
    return Moments(jnp.mean(exact.mean(axis=0) ** 2), jnp.mean(exact**2))


def _spread_for_power(h, coupled):
    """Overlap counted twice: power taken for spread."""
    good = two_moments(h, coupled)
    return Moments(good.overlap, good.power + good.overlap)


@pytest.mark.parametrize("estimator", [_with_diagonal, _spread_for_power])
def test_broken_estimator_is_red(estimator, monkeypatch):
    monkeypatch.setattr(ensemble, "two_moments", estimator)
    monkeypatch.setattr(kernel, "_KERNELS", {})
    found = observed.run(_broken(LAYER_NORM_PRE), "gamma_depth_3", DESIGN, 1, f"twin/{estimator.__name__}")
    assert found.verdict is Verdict.FAILS, found.sentence


@pytest.mark.parametrize("shift", [-1, 1])
def test_depth_off_by_one_is_red(shift, monkeypatch):
    monkeypatch.setattr(observe_prejudice, "stated_gamma", lambda maps, start, depth: stated_gamma(maps, start, depth + shift))
    found = observed.run(_broken(LAYER_NORM_PRE), "gamma_depth_3", DESIGN, 1, "twin/off by one")
    assert found.verdict is Verdict.FAILS, found.sentence


def test_broken_centring_is_not_neutral():
    """A batch norm that centres over the wrong axis leaves batch means far above rounding."""
    neutral = BATCH_NORM_POST.experiments[0]
    wrong = Norm("wrong", BrokenCenter(Axis.BATCH, averaged=Axis.FEATURES), Scale(Axis.BATCH))
    twin = replace(neutral, network=replace(neutral.network, norm=wrong))
    assert observed.run(twin, "batch_means_depth_1", DESIGN, 1, "twin/wrong axis").verdict is Verdict.FAILS


@pytest.mark.parametrize("claim", tiered((BATCH_NORM_PRE, LAYER_NORM_PRE), (LAYER_NORM_PRE,)), ids=lambda claim: claim.id)
def test_class_fractions_of_a_swapped_placement_are_red(claim):
    experiment = next(each for each in claim.experiments if isinstance(each, ClassFraction))
    size = {"batch_size": 64} if experiment.network.couples_samples else {}
    twin = replace(experiment, network=replace(experiment.network, placement=Placement.POST, **size))
    found = observed.run(twin, f"class_fraction_depth_{experiment.rival_depth}", DESIGN, 1, f"twin/{claim.id}/fractions")
    assert found.verdict is Verdict.FAILS, found.sentence


def test_a_statement_of_the_claim_that_is_not_reached_is_undecided(monkeypatch):
    """Coarse data cannot confirm: the same networks that hold at 2 % are undecided at a resolution they do not have."""
    experiment = replace(_broken(LAYER_NORM_PRE), network=Network(LayerNorm, Placement.PRE))
    found = observed.run(experiment, "gamma_depth_3", Design(alpha=1e-8, resolution=0.02), 1, "twin/resolution")
    assert found.verdict is Verdict.HOLDS, found.sentence
    monkeypatch.setattr(Design, "needed", lambda *_: 0.0)
    coarse = observed.run(experiment, "gamma_depth_3", Design(alpha=1e-8, resolution=0.001), 1, "twin/resolution")
    assert coarse.verdict is Verdict.UNDECIDED, coarse.sentence
