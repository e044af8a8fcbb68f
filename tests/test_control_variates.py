"""Control variates: their expectation is zero at every width, whatever the network; what they explain is taken from a spread, never from a mean."""

from dataclasses import replace
from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from tiers import tiered

from numerics import ensemble, kernel, keys
from numerics.control_variates import fitted
from numerics.ensemble import Precision, Sampler, Size, apply_stages, controlled_moments, moments
from numerics.estimators import Draw, controls, expected, two_moments
from numerics.precision import control_drift, drift
from proofs_checks import observe_prejudice
from proofs_checks.audit import Settings, plan, run
from proofs_checks.design import Design, TooMany
from proofs_checks.evidence import Verdict
from theory.activations import ACTIVATIONS
from theory.catalogue import CLAIMS
from theory.distributions import DataSet, Distribution
from theory.network import Block, Dense, Network, Placement
from theory.norms import NORMS, BatchNorm, LayerNorm, RMSNorm
from theory.stream import ResidualNetwork

PRE, POST = Placement.PRE, Placement.POST
BATCH = 8
NETWORKS = {
    "no norm": Network(),
    "biases and overlap": Network(bias_variance=0.3, weight_variance=1.5, input_overlap=0.5),
    "shifted inputs": Network(input_shift=0.5),
    "layer norm before": Network(LayerNorm, PRE, bias_variance=0.1),
    "layer norm after": Network(LayerNorm, POST, ACTIVATIONS["gelu"]),
    "batch norm before": Network(BatchNorm, PRE, batch_size=BATCH),
    "batch norm after": Network(BatchNorm, POST, ACTIVATIONS["erf"], batch_size=BATCH),
    "blocks in turn": Network(RMSNorm, POST, then=(Block(LayerNorm, PRE),)),
    "max pooling": Network(NORMS["max_pool"], POST),
    "other weights": Network(LayerNorm, PRE, weights=Distribution.RADEMACHER),
    "sparse weights": Network(weights=Distribution.SPARSE, inputs=Distribution.UNIFORM),
    "stream, norm before": ResidualNetwork(LayerNorm, PRE, branch_gain=0.5),
    "stream, norm after": ResidualNetwork(LayerNorm, POST),
    "real data": Network(LayerNorm, POST, inputs=next(iter(DataSet))),
}
WIDTH, DEPTH, COUNT = 32, 3, 1024
FROM_GRAM = ("biases and overlap", "batch norm before", "stream, norm after")
SAMPLERS = [*((name, Sampler.WEIGHTS) for name in NETWORKS), *((name, Sampler.GRAM) for name in FROM_GRAM)]
OFTEN = [
    *((name, Sampler.WEIGHTS) for name in ("biases and overlap", "layer norm after", "sparse weights", "stream, norm before")),
    ("batch norm before", Sampler.GRAM),
]


def drawn(network, sampler, stream):
    size = Size(WIDTH, DEPTH, 2 * BATCH, sampler=sampler)
    return controlled_moments(network, size, keys.stream(1, "controls", stream, sampler.value), COUNT)


def standard_errors(network, columns):
    """From zero to the mean of every column; of one that varies by less than its rounding, roundings take the place of its standard error."""
    return columns.mean(axis=0) / np.maximum(columns.std(axis=0, ddof=1) / np.sqrt(len(columns)), control_drift(network))


def critical(columns):
    """At an error rate of 1e-6 for all columns of all networks here."""
    return stats.t.isf(1e-6 / 2 / columns / len(SAMPLERS), COUNT - 1)


@pytest.mark.parametrize("name, sampler", tiered(SAMPLERS, OFTEN))
def test_their_expectation_is_zero(name, sampler):
    found = drawn(NETWORKS[name], sampler, name)
    last = found.controls[:, -1]
    assert np.isfinite(last).all() and np.abs(standard_errors(NETWORKS[name], last)).max() <= critical(last.shape[1])
    assert np.count_nonzero(last.std(axis=0) > control_drift(NETWORKS[name])) >= 4  # most of them say something
    # Those of the layers behind are left out: they have no part in what came before.
    per_layer = 8 if isinstance(NETWORKS[name], ResidualNetwork) else 4
    opening = last.shape[1] - DEPTH * per_layer
    assert not found.controls[:, 0, opening + per_layer :].any() and np.array_equal(
        found.controls[:, 0, : opening + per_layer], last[:, : opening + per_layer]
    )


def without_a_mirror(draw, coupled):
    """Moments of what pre-activations become, less nothing."""
    moments = two_moments(draw.becomes(draw.drawn), coupled)
    return controls(draw, coupled).at[2:].set(jnp.stack(moments) / expected(draw, coupled).power)


WRONG = {
    "a gain that is off by 5 %": lambda draw, coupled: controls(replace(draw, layer=replace(draw.layer, weight_variance=2.1)), coupled),
    "no bias": lambda draw, coupled: controls(replace(draw, layer=replace(draw.layer, bias_variance=0.0)), coupled),
    "no mirror": without_a_mirror,
}


@pytest.mark.parametrize("name", WRONG)
def test_what_has_another_expectation_is_seen(name, monkeypatch):
    network = Network(bias_variance=0.3)

    def furthest():
        last = drawn(network, Sampler.WEIGHTS, name).controls[:, -1]
        return np.abs(standard_errors(network, last)).max(), critical(last.shape[1])

    right, allowed = furthest()
    monkeypatch.setattr(kernel, "_KERNELS", {})
    monkeypatch.setattr(ensemble, "controls", WRONG[name])
    wrong, _ = furthest()
    assert right <= allowed < wrong


@pytest.mark.parametrize("coupled", [False, True])
@pytest.mark.parametrize("block", [(), LayerNorm.stages, (ACTIVATIONS["relu"].stage,)], ids=["nothing", "layer norm", "relu"])
def test_over_all_signs_of_the_weights_they_cancel(coupled, block):
    """No sampling: every matrix of signs once, and the mean of each control is zero but for the rounding of float64."""
    entered = np.random.default_rng(1).normal(size=(2, 2, 3))
    layer = Dense(2.0, 0.0, Distribution.RADEMACHER)
    becomes = partial(apply_stages, tuple(block))

    @jax.jit
    @jax.vmap
    def of(weights):
        return controls(Draw(layer, jnp.asarray(entered), entered @ weights * np.sqrt(2 / 3), becomes), coupled)

    found = np.asarray(of(np.array(list(product((-1.0, 1.0), repeat=12))).reshape(-1, 3, 4)))
    found = found[np.isfinite(found).all(axis=1)]  # a layer norm of four equal numbers divides by zero, for z and −z alike
    assert len(found) > 3000
    even, odd = found[:, :2].mean(axis=0), found[:, 2:].mean(axis=0)
    # A moment has fewer than 50 additions and products in a row, the mean over all signs 12 of pairs: relative to the power each moves it by 2^-53.
    rounding = 64 * 2.0**-53 * np.abs(found).max()
    assert np.abs(odd).max() <= rounding
    if len(found) == 2**12:
        assert np.abs(even).max() <= rounding
        assert np.abs(found).max() > 0.1


def overlaps(network, found):
    return np.asarray(found.moments.correlation(network))


def test_the_moments_are_those_without_control_variates():
    network = NETWORKS["layer norm before"]
    size, key = Size(WIDTH, DEPTH, 2 * BATCH), keys.stream(1, "same")
    one, other = controlled_moments(network, size, key, 64).moments, moments(network, size, key, 64)
    assert np.abs(one.overlap - other.overlap).max() <= drift(network, DEPTH, 2 * BATCH)


@pytest.mark.parametrize(
    "name, left",
    tiered(
        [("no norm", 0.3), ("layer norm before", 0.3), ("layer norm after", 0.5), ("batch norm before", 0.8)], [("layer norm after", 0.5)]
    ),
)
def test_most_of_the_spread_is_explained(name, left):
    """Of networks that had no part in the multipliers, a share below `left` remains: more is rejected at α = 1e-6."""
    network = NETWORKS[name]
    found = drawn(network, Sampler.WEIGHTS, name)
    c, x, half = overlaps(network, found)[:, -1], found.controls[:, -1], COUNT // 2
    adjustment = fitted(c[:half], x[:half], control_drift(network), 64)
    adjusted = adjustment.of(c, x)[half:]
    ratio = adjusted.var(ddof=1) / c[half:].var(ddof=1)
    assert ratio / left <= stats.f.ppf(1e-6, half - 1, half - 1)
    assert abs(adjusted.mean() - c.mean()) <= stats.t.isf(5e-7, half - 1) * np.sqrt(c.var() / half + adjusted.var() / half)


def test_what_varies_less_than_its_rounding_is_left_out():
    draw = np.random.default_rng(2).normal(size=(512, 3))
    x = draw * (1.0, 1e-5, 0.0)
    t = 3.0 + 2 * draw[:, 0] + draw[:, 1]
    adjustment = fitted(t, x, rounding=1e-3, networks=1024)
    assert adjustment.multipliers[0] == pytest.approx(2, abs=0.2) and np.abs(adjustment.multipliers[1:] * 1e-5).max() < 1e-4
    # β·rounding of a control of spread s is at most rounding·s/(s² + K·rounding²), and that at most 1/(2√K).
    assert adjustment.drift(1e-3) <= 2.2e-3 + 2 * t.std() / 2 / np.sqrt(1024)
    free = fitted(t, x, rounding=0.0, networks=1024)  # nothing is rounded: all is explained
    assert free.multipliers[1] == pytest.approx(1e5, rel=1e-6) and free.multipliers[2] == 0
    assert np.ptp(free.of(t, x)) < 1e-6


def test_the_pilot_that_settles_multipliers_enters_nothing():
    experiment = CLAIMS["layer_norm_before_relu"].experiments[0]
    width = observe_prejudice.NARROW
    pilot = observe_prejudice.pilot_of(experiment, width, 1, "test")
    assert pilot.overlap.shape == (observe_prejudice.PILOT // 2, len(experiment.depths))
    other = observe_prejudice._drawn(experiment, width, 64, 1, "test", "ladder")[0]
    mine = observe_prejudice._drawn(experiment, width, 64, 1, "test", "pilot")[0]
    assert not np.isin(other, mine).any()


def test_the_first_networks_are_the_same_however_many_there_are(monkeypatch):
    """And one kernel draws them: part of a call would be compiled anew."""
    monkeypatch.setattr(kernel, "_KERNELS", {})
    draw = partial(observe_prejudice._Ensemble, NETWORKS["layer norm before"], Size(WIDTH, 2, 4), keys.stream(1, "grown"))
    at_once, grown = draw().first(700), draw()
    for count in (10, 300, 299, 700):
        for one, other in zip(grown.first(count), at_once, strict=True):
            np.testing.assert_array_equal(one, other[:count])
    assert len(kernel._KERNELS) == 1


def test_more_than_may_be_drawn_is_undecided_and_says_so():
    with pytest.raises(TooMany, match="give a coarser --resolution"):
        Design(1e-8, 1e-9).needed(np.random.default_rng(1).normal(size=64), 1e-9, 32, 1e-6)
    claim = CLAIMS["layer_norm_before_relu"]
    (check,) = (check for check in plan([claim], Settings(resolution=1e-9)) if check.name == "experiment_1/gamma_depth_1")
    item = run([claim], Settings(resolution=1e-9), only={check.id}).evidence[claim.id][0]
    assert item.verdict is Verdict.UNDECIDED and "TooMany" in item.sentence


def test_float64_where_rounding_would_rule():
    """At the audit's resolution networks are float32; where half the standard error asked for is less than their drift, float64, whose drift is less."""
    experiment = CLAIMS["layer_norm_basin"].experiments[0]
    pilot = observe_prejudice.pilot_of(experiment, observe_prejudice.NARROW, 1, "precision")
    single, double = (observe_prejudice._drift(experiment, 0, pilot, each) for each in Precision)
    assert double < single / 2
    for resolution, precision in ((0.01, Precision.SINGLE), (0.0005, Precision.DOUBLE)):
        asked = observe_prejudice._asked(experiment, experiment.depths[0], Design(1e-8, resolution))
        assert (single if precision is Precision.SINGLE else double) <= asked / 2
        assert observe_prejudice._precision(experiment, Design(1e-8, resolution), pilot) is precision
    assert observe_prejudice.rung_size(experiment.network, 128, 2, Precision.DOUBLE).precision is Precision.DOUBLE
