"""Random networks against predictions, over the product of norms, placements, depths, gains, overlaps, widths and samplers."""

from functools import partial

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiers import usually

from numerics import kernel, keys
from numerics.ensemble import NotFinite, Sampler, Size, moments, propagate
from numerics.estimators import two_moments
from numerics.kernel import Replicates
from numerics.prejudice import simulate
from proofs_checks.design import Design
from proofs_checks.ladder import Rung
from proofs_checks.prediction import predict
from theory.network import Network, Placement
from theory.norms import NORMS, BatchNorm, LayerNorm

EXAMPLES = 8
DEPTHS = 4
COMPARED = (1, 2, DEPTHS)  #: measured in one sweep
#: α of the whole property is 1e-6, split over all comparisons; each must resolve a tenth of c, and shows that it does.
DESIGN = Design(alpha=1e-6 / (EXAMPLES * len(COMPARED)), resolution=0.1)
BATCH = 16
NETWORKS = {"narrow": 1024, "wide": 512}
FLOAT32 = 2.0**-24


def overlaps(network, width, networks, stream, depth=DEPTHS, **sizes):
    """c = γ/(1+γ) of each network at each depth: bounded, and of an almost symmetric law, as Student's t wants it."""
    size = Size(width, depth, 2 * BATCH, **sizes)
    return np.asarray(moments(network, size, keys.stream(2, *stream), networks).correlation(network))


def extrapolated(narrow, wide):
    """Richardson's value from widths N and 3N, c_∞ = (3c_{3N} − c_N)/2, free of the bias b/N; its standard error and Welch's freedom.

    What remains is b₂/(3N²), below 1e-4·b₂ at N ≥ 64: small against the resolution, and counted against the prediction.
    """
    rungs, weights = (Rung.of(1, narrow), Rung.of(3, wide)), (-1 / 2, 3 / 2)
    shares = [(weight * rung.standard_error) ** 2 for weight, rung in zip(weights, rungs, strict=True)]
    freedom = sum(shares) ** 2 / sum(share**2 / (rung.networks - 1) for share, rung in zip(shares, rungs, strict=True))
    return sum(weight * rung.mean for weight, rung in zip(weights, rungs, strict=True)), np.sqrt(sum(shares)), freedom


def deviations(narrow, wide, c):
    """Standard errors between extrapolated overlaps and c, the critical value, and the resolution of c."""
    value, error, freedom = extrapolated(narrow, wide)
    return (value - c) / error, DESIGN.critical(freedom), DESIGN.resolved(error, freedom)


PAIRS = [
    (NORMS["none"], Placement.NONE),
    *((NORMS[name], place) for name in ("layer_norm", "rms_norm") for place in (Placement.PRE, Placement.POST)),
]
PAIRS += [(BatchNorm, Placement.PRE)]


@settings(max_examples=usually(3, with_long=EXAMPLES))
@given(
    pair=st.sampled_from(PAIRS),
    gain=st.sampled_from([(2.0, 0.0), (1.0, 0.0), (1.5, 0.3), (3.0, 0.1)]),
    overlap=st.sampled_from([0.0, 0.2, 0.5, 0.8]),
    width=st.sampled_from([64, 80]),
    sampler=st.sampled_from(Sampler),
)
def test_networks_do_as_predicted(pair, gain, overlap, width, sampler):
    norm, placement = pair
    network = Network(norm, placement, weight_variance=gain[0], bias_variance=gain[1], input_overlap=overlap, batch_size=BATCH)
    draw = partial(overlaps, network, stream=("property", norm.name, placement, gain, overlap, width), sampler=sampler)
    narrow, wide = draw(width, NETWORKS["narrow"]), draw(3 * width, NETWORKS["wide"])
    for depth in COMPARED:
        found = predict(network, depth)
        off, critical, resolution = deviations(narrow[:, depth - 1], wide[:, depth - 1], found.overlap)
        assert abs(off) <= critical, (depth, off, critical)
        # relative to one rectifier's overlap 1/π, where c is smaller
        assert resolution <= DESIGN.resolution * max(found.overlap, 1 / np.pi)


def test_the_same_comparison_rejects_what_is_wrong():
    network = Network(LayerNorm, Placement.POST, input_overlap=0.5, batch_size=BATCH)
    narrow, wide = (overlaps(network, width, count, ("twin", width)) for width, count in ((64, 1024), (192, 512)))
    right = predict(network, 2).overlap
    wrong = {
        "one layer more": predict(network, 3).overlap,
        "the other placement": predict(Network(LayerNorm, Placement.PRE, input_overlap=0.5), 2).overlap,
        "a value off by the resolution": (1 + DESIGN.resolution) * right,
    }
    accepted = {}
    for name, c in {"right": right, **wrong}.items():
        off, critical, _ = deviations(narrow[:, 1], wide[:, 1], c)
        accepted[name] = bool(abs(off) <= critical)
    assert accepted == {"right": True, **dict.fromkeys(wrong, False)}


def _with_the_diagonal(h, coupled):
    """The overlap with every sample paired with itself, too: V̂ of order v/n too large."""
    good = two_moments(h, coupled)
    n = h.shape[0] * h.shape[1]
    return good._replace(overlap=good.overlap + (good.power - good.overlap) / n)


def test_pairing_samples_with_themselves_is_rejected():
    """γ of unrelated inputs behind one layer is 1/(π−1); with the pairs i = j it reads about 1/n high, and the same data say so."""
    network = Network(batch_size=BATCH)

    def rungs(width):
        def both(layer):
            return [estimator(layer.activations, coupled=False) for estimator in (two_moments, _with_the_diagonal)]

        def measure(key):
            return propagate(network, Size(width, 1, 2 * BATCH), key, both).observed

        found = Replicates(measure, ("diagonal", width), 256).drawn(keys.stream(3, "diagonal", width), 1024)
        return [np.asarray(estimate.overlap / estimate.power)[:, 0] for estimate in found]

    for narrow, wide, agrees in zip(rungs(64), rungs(192), (True, False), strict=True):
        off, critical, _ = deviations(narrow, wide, 1 / np.pi)
        assert bool(abs(off) <= critical) is agrees


def test_batch_norm_after_the_activation_is_an_identity():
    """Batch means vanish up to float32 rounding, and the overlap with them: no standard error enters."""
    batch, network = 64, Network(BatchNorm, Placement.POST, batch_size=64)
    found = moments(network, Size(64, DEPTHS, 2 * batch), keys.stream(2, "identity"), 64)
    # Each batch mean is at most (2B + 6) u (max|y| + √B), as in `observe_identities`, and |y| ≤ √B; overlaps average products of two.
    bound = ((2 * batch + 6) * FLOAT32 * 2 * np.sqrt(batch)) ** 2
    assert np.abs(found.gamma(network)).max() <= 2 * bound < 1e-7  # the power is one
    assert [predict(network, depth).gamma for depth in (1, 4)] == [0, 0]


def test_a_unit_that_is_constant_over_its_batch_is_an_error():
    """Behind a rectifier, and for overlapping inputs, a batch of four is now and then zero in a unit: no number is made up."""
    network = Network(BatchNorm, Placement.POST, batch_size=4, input_overlap=0.5)
    with pytest.raises(NotFinite, match="constant over its batch"):
        moments(network, Size(64, 2, 8), keys.stream(2, "constant"), 8)


def test_splitting_an_ensemble_into_calls_changes_nothing():
    network, size, key = Network(LayerNorm, Placement.POST), Size(16, 2, 4), keys.stream(4, "split")

    def measure(network_key):
        return propagate(network, size, network_key, lambda layer: two_moments(layer.activations, coupled=False)).observed

    whole = Replicates(measure, ("split", "whole"), 12).drawn(key, 12)
    parts = Replicates(measure, ("split", "parts"), 5).drawn(key, 12)  # five, five and two of five
    np.testing.assert_array_equal(parts.overlap, whole.overlap)
    np.testing.assert_array_equal(parts.power, whole.power)
    assert len(np.unique(whole.overlap[:, -1])) == 12  # networks differ


def test_kernels_give_way_to_newer_ones(monkeypatch):
    """Compiled code takes memory maps, of which a process has only so many."""
    monkeypatch.setattr(kernel, "_KERNELS", {})
    monkeypatch.setattr(kernel, "KEPT", 2)
    key = keys.stream(4, "kept")

    def number(name):
        return Replicates(jax.random.uniform, name, 4).drawn(key, 6)

    first = number("one")
    number("two"), number("one"), number("three")
    assert list(kernel._KERNELS) == [("one", 4), ("three", 4)]
    np.testing.assert_array_equal(number("one"), first)
    assert len(np.unique(first)) == 6


def test_another_name_is_another_stream():
    assert not np.array_equal(*(overlaps(Network(batch_size=BATCH), 16, 8, (name,), depth=1) for name in ("one", "other")))


@pytest.mark.parametrize("dimension", [40, 512])
def test_an_input_dimension_of_its_own(dimension):
    """Behind one layer E overlap = 1/π and E power = 1 at every width N, and at every d up to 1/d²: below 2e-4 at d = 40.

    (q = |x|²/d has E√q ≈ 1 − 1/(4d), and κ(c) on average κ''(0)/(2d) more: the terms 1/(2πd) cancel.)
    """
    network, networks = Network(batch_size=BATCH), 512
    found = moments(network, Size(64, 2, 2 * BATCH, input_dimension=dimension), keys.stream(2, "dimension", dimension), networks)
    assert found.overlap.shape == (networks, 2)
    for values, expected in ((found.overlap[:, 0], 1 / np.pi), (found.power[:, 0], 1)):
        rung = Rung.of(64, np.asarray(values))
        assert abs(rung.mean - expected) <= DESIGN.critical(networks - 1) * rung.standard_error + 2e-4


def test_the_width_is_the_default_input_dimension():
    default, given_ = (overlaps(Network(), 16, 8, ("default",), depth=2, input_dimension=d) for d in (0, 16))
    np.testing.assert_array_equal(default, given_)


def test_a_seed_gives_one_gamma_and_another_seed_another():
    run = partial(simulate, Network(), width=16, depth=2, samples=4, networks=4)
    assert run(seed=1)["gamma"] == run(seed=1)["gamma"] != run(seed=2)["gamma"]


@pytest.mark.parametrize("controlled", [False, True])
def test_networks_are_averaged_by_their_correlations(controlled):
    """γ of the mean c is nearer to infinite width than the mean of γ, whose bias has the variance of c in it as well."""
    network, sizes = Network(LayerNorm, Placement.PRE), {"width": 64, "depth": 3, "samples": 8}
    found = simulate(network, **sizes, networks=256, seed=1, control_variates=controlled)
    each = moments(network, Size(**sizes), keys.stream(1, "simulate"), 256)
    c, gammas = (np.asarray(value)[:, -1] for value in (each.correlation(network), each.gamma(network)))
    np.testing.assert_allclose(c, gammas / (1 + gammas), rtol=1e-12)
    if not controlled:
        assert found["gamma"] == pytest.approx(c.mean() / (1 - c.mean()), rel=1e-12)
        assert found["standard_error"] == pytest.approx(c.std(ddof=1) / 16 / (1 - c.mean()) ** 2, rel=1e-12)
    off = (gammas.mean() - found["gamma"]) / np.hypot(gammas.std() / 16, found["standard_error"])
    assert predict(network, 3).gamma < found["gamma"] < gammas.mean() and off > 1


def test_inputs_that_are_one_have_no_gamma():
    with pytest.raises(ValueError, match="below 1"):
        simulate(Network(input_overlap=1), width=16, depth=1, samples=4, networks=2, seed=1)


def test_one_group_of_samples_has_no_overlap():
    with pytest.raises(ValueError, match="two independent groups"):
        simulate(Network(), width=16, depth=1, samples=1, networks=2, seed=1)
