"""Data and initialisation: shift, gain, distributions, data sets; and twins of their checks that must fail."""

import json
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flint import arb
from jax.extend.random import threefry_2x32
from scipy import stats
from sympy import S, pi
from test_command_line import assert_refused, call  # noqa: F401 - a fixture
from tiers import tiered

from numerics import datasets, draws, ensemble, kernel, keys
from numerics.ensemble import Sampler, Size, moments
from numerics.precision import DRAWN, FLOAT32
from proofs_checks import observe_prejudice, observed
from proofs_checks.balls import enclose, precision
from proofs_checks.design import Design
from proofs_checks.evidence import Verdict
from proofs_checks.pairwise import PairMap, alike, first_gram, gammas, mean_overlap, pair_map, predict_on, slope
from proofs_checks.prediction import predict, stated_gamma
from theory import symbols as s
from theory.activations import ACTIVATIONS, leaky_relu
from theory.distributions import DataSet, Distribution
from theory.experiments import Prejudice, Rival
from theory.gaussian_functions import kappa
from theory.initialisation import GAIN_AND_BIAS, SHIFT, UNIVERSALITY
from theory.law import NoClosedForm
from theory.network import Network, Placement
from theory.norms import BatchNorm, LayerNorm, RMSNorm, layer_norm_epsilon
from theory.structured_data import STRUCTURED_DATA

DESIGN = Design(alpha=1e-8, resolution=0.02)
PORTRAIT = DataSet.PORTRAIT

# Predictions


def test_shift_as_measured_once():
    """THEORY.md section 7, δ = 0.5."""
    for depth, none, after in ((1, 0.7382, 0.18492), (3, 1.8534, 0.10073), (5, 3.1634, 0.05461)):
        assert predict(Network(input_shift=0.5), depth).gamma == pytest.approx(none, abs=5e-5)
        assert predict(Network(LayerNorm, Placement.POST, input_shift=0.5), depth).gamma == pytest.approx(after, abs=5e-6)
    assert predict(Network(input_shift=-0.5), 0).gamma == 0.25


def test_a_shift_is_an_overlap_up_to_the_power():
    """Rectifiers do not see the power 1 + δ² of shifted inputs; with biases, or for erf, they do."""
    shifted, overlapping = ({"input_shift": 0.5}, {"input_overlap": 0.2})
    for norm, placement in ((LayerNorm, Placement.POST), (LayerNorm, Placement.PRE), (RMSNorm, Placement.POST)):
        one, other = (predict(Network(norm, placement, **given), 3).gamma for given in (shifted, overlapping))
        assert one == pytest.approx(other, rel=1e-14)
    for rest in ({"bias_variance": 0.3}, {"activation": ACTIVATIONS["erf"]}):
        one, other = (predict(Network(**given, **rest), 2).gamma for given in (shifted, overlapping))
        assert abs(one / other - 1) > 0.01


@pytest.mark.parametrize("number", range(3))
def test_stated_maps_of_gain_and_bias_are_the_networks_own(number):
    experiment = GAIN_AND_BIAS.experiments[number]
    for depth in (1, 2, 6):
        stated = stated_gamma(experiment.maps, experiment.start, depth)
        assert stated == pytest.approx(predict(experiment.network, depth).gamma, rel=1e-12)


def test_biases_end_in_deep_prejudice_above_the_threshold():
    """ReLU → LN: σ_b² on either side of σ_w²/(π−1)."""
    threshold = 2 / (float(pi) - 1)
    below, above = (
        [predict(Network(LayerNorm, Placement.POST, bias_variance=factor * threshold), depth).gamma for depth in (100, 200)]
        for factor in (0.5, 1.5)
    )
    assert below[1] == pytest.approx(below[0], rel=1e-3)
    assert above[1] > 100 * above[0]


def test_a_law_does_not_depend_on_the_distributions():
    for each in Distribution:
        network = Network(LayerNorm, Placement.POST, input_shift=0.3, weights=each, inputs=each)
        assert predict(network, 2) == predict(Network(LayerNorm, Placement.POST, input_shift=0.3), 2)


def test_inputs_are_described_once():
    for given in (
        {"input_shift": 0.5, "input_overlap": 0.2},
        {"inputs": PORTRAIT, "input_shift": 1.0},
        {"inputs": PORTRAIT, "input_overlap": 0.1},
    ):
        with pytest.raises(ValueError, match="one of them"):
            Network(**given)
    with pytest.raises(NoClosedForm, match="measured"):
        predict(Network(inputs=PORTRAIT), 1)


# Draws

COUNT = 2**20


@pytest.mark.parametrize("distribution", Distribution)
def test_draws_have_their_moments(distribution):
    """Means of h, h², h⁴ and of products of neighbours, at six standard errors; support and distinct values exactly."""
    h = np.asarray(draws.draw(distribution, keys.stream(1, distribution.value), (1024, COUNT // 1024)), float)
    fourth = {"gaussian": 3, "uniform": 1.8, "rademacher": 1, "sparse": 4}[distribution.value]
    for values, mean in ((h, 0), (h**2, 1), (h**4, fourth), (h[:, 1:] * h[:, :-1], 0), (h[1:] * h[:-1], 0)):
        assert abs(values.mean() - mean) <= 6 * values.std() / np.sqrt(values.size) + 1e-6
    levels = {"rademacher": {-1, 1}, "sparse": {-2, 0, 2}}.get(distribution.value)
    assert levels is None or set(np.unique(h)) == levels
    assert distribution is not Distribution.UNIFORM or (np.abs(h).max() < np.sqrt(3) and len(np.unique(h)) > 60_000)


def test_random_words_are_threefry():
    """The same as JAX's own of the same key and counter, bit for bit: of an odd number of them, and of keys side by side."""
    for name in range(3):
        key = keys.stream(name, "words")
        for count in (1, 7, 4096):
            half = -(-count // 2)
            counter = jnp.concatenate([jnp.zeros(half, jnp.uint32), jnp.arange(half, dtype=jnp.uint32)])
            np.testing.assert_array_equal(draws.words(key, count), threefry_2x32(jax.random.key_data(key), counter)[:count])
    several = jax.random.split(keys.stream(1, "words"), 5)
    np.testing.assert_array_equal(jax.vmap(lambda key: draws.words(key, 6))(several), [draws.words(key, 6) for key in several])


def test_gaussian_draws_follow_their_law():
    """The empirical law is within the Dvoretzky-Kiefer-Wolfowitz-Massart band that is left with probability 1e-9; Student's with 30 degrees of freedom is not."""
    drawn = np.sort(np.asarray(draws.gaussian(keys.stream(1, "law"), (COUNT,)), float))
    band = np.sqrt(np.log(2e9) / (2 * COUNT))

    def distance(law):
        stated = law.cdf(drawn)
        return max(np.max(np.arange(1, COUNT + 1) / COUNT - stated), np.max(stated - np.arange(COUNT) / COUNT))

    assert distance(stats.norm) <= band < distance(stats.t(30))


def test_gaussian_numbers_are_as_likely_as_their_negatives(monkeypatch):
    """Of a word and its complement: bit for bit; and neither end of the scale is infinite."""
    extreme = jnp.array([0, 2**31 - 1, 2**31, 2**32 - 1, 123456789], jnp.uint32)
    monkeypatch.setattr(draws, "words", lambda key, count: extreme)
    drawn = np.asarray(draws.gaussian(keys.stream(1, "ends"), (5,)))
    monkeypatch.setattr(draws, "words", lambda key, count: ~extreme)
    np.testing.assert_array_equal(drawn, -np.asarray(draws.gaussian(keys.stream(1, "ends"), (5,))))
    assert np.isfinite(drawn).all() and 5 < np.abs(drawn).max() < 6


def test_gaussian_levels_are_within_their_roundings(monkeypatch):
    """Over all 2^24 levels, in their absolute value: how far a level is from a Gaussian's mean on it, weighed with its size, and what is left of the variance; no level is off by more than 6 u of it."""
    off = power = worst = worst_of_jax = 0.0
    for part in np.split(np.arange(2 ** (draws.MANTISSA - 1)), 8):
        positive = jnp.asarray(part.astype(np.uint32) << (draws.WORD - draws.MANTISSA))
        monkeypatch.setattr(draws, "words", lambda key, count, positive=positive: positive)
        x = np.asarray(draws.gaussian(keys.stream(1, "levels"), part.shape), float)
        middle, low, high = (-stats.norm.ppf(0.5 - (part + shift) / 2**draws.MANTISSA) for shift in (0.5, 0, 1))
        # The mean of a level is the difference of densities at its ends, which cancel near zero: there it is its middle, up to 1e-9 of it.
        mean = np.where(middle < 3, middle, (stats.norm.pdf(low) - stats.norm.pdf(high)) * 2**draws.MANTISSA)
        off += np.sum(np.abs(x - mean) * mean) / 2 ** (draws.MANTISSA - 1)
        power += np.sum(x**2) / 2 ** (draws.MANTISSA - 1)
        of_jax = np.sqrt(2) * np.asarray(jax.lax.erf_inv(jnp.asarray((part + 0.5) / 2 ** (draws.MANTISSA - 1), jnp.float32)), float)
        worst, worst_of_jax = (max(known, np.max(np.abs(y / middle - 1))) for known, y in ((worst, x), (worst_of_jax, of_jax)))
    assert DRAWN / 2 < off <= DRAWN and DRAWN / 2 < 1 - power <= DRAWN
    assert worst <= 6 * FLOAT32 < worst_of_jax  # or JAX's would do


def test_draws_of_any_shape():
    for distribution in Distribution:
        assert draws.draw(distribution, keys.stream(1, "shape"), (3, 7)).shape == (3, 7)


@pytest.mark.parametrize("distribution", [each for each in Distribution if each is not Distribution.GAUSSIAN])
def test_the_gram_sampler_is_for_gaussian_weights(distribution):
    with pytest.raises(ValueError, match=distribution.value):
        moments(Network(weights=distribution), Size(8, 1, 4, sampler=Sampler.GRAM), keys.stream(1, "refused"), 2)


# Data sets


def test_pixels_are_standardised_and_always_alike():
    x = datasets.samples(PORTRAIT)
    assert abs(x.mean()) < 1e-12 and x.std() == pytest.approx(1, rel=1e-12)
    assert x.shape[1] == 3 * datasets.PATCH**2
    np.testing.assert_array_equal(datasets.samples(PORTRAIT, 5), x[:5])
    with pytest.raises(datasets.MissingData, match="fewer than the 100000"):
        datasets.samples(PORTRAIT, 100_000)


def test_patches_are_squares_of_the_photograph():
    photograph = np.arange(20 * 27 * 3).reshape(20, 27, 3)
    side = datasets.PATCH
    patches = datasets._patches(photograph)
    assert patches.shape == (2 * 3, 3 * side**2)
    np.testing.assert_array_equal(patches[4], photograph[side : 2 * side, side : 2 * side].ravel())


def test_networks_see_the_data():
    network = Network(inputs=PORTRAIT)
    seen = ensemble.inputs(network, Size(16, 1, 6), keys.stream(1, "seen"))
    np.testing.assert_array_equal(seen[0], datasets.samples(PORTRAIT, 6).astype(np.float32))


def test_digits_where_scikit_learn_is_installed():
    pytest.importorskip("sklearn")
    assert datasets.samples(DataSet.DIGITS).shape == (1797, 64)
    assert len(datasets.samples(DataSet.PHOTOGRAPHS)) == 2 * (427 // datasets.PATCH) * (640 // datasets.PATCH)


@pytest.mark.parametrize("dataset", [DataSet.DIGITS, DataSet.PHOTOGRAPHS])
def test_without_scikit_learn_one_sentence(dataset, monkeypatch):
    monkeypatch.setattr(datasets, "find_spec", lambda name: None)
    with pytest.raises(datasets.MissingData, match="scikit-learn, which is not installed"):
        datasets._read(dataset)


# The theory of pairs

COVERED = [
    Network(),
    Network(LayerNorm, Placement.PRE),
    Network(LayerNorm, Placement.POST),
    Network(RMSNorm, Placement.POST, bias_variance=0.3),
    Network(LayerNorm, Placement.POST, leaky_relu(0.2), weight_variance=1.3),
    Network(activation=ACTIVATIONS["abs"], bias_variance=0.2),
]


@pytest.mark.parametrize("network", COVERED, ids=str)
@pytest.mark.parametrize("overlap", [0.0, 0.3, 0.9])
def test_on_samples_that_are_alike_pairs_are_the_two_moment_theory(network, overlap):
    found = predict_on(replace(network, inputs=PORTRAIT), 3, alike(overlap))
    right = predict(replace(network, input_overlap=overlap), 3).gamma
    assert found.gamma == pytest.approx(right, abs=found.error_bound * max(1, right))
    assert found.gamma_from_mean_overlap == pytest.approx(right, rel=1e-10, abs=1e-12)


def test_rounding_is_bounded_for_samples_that_are_almost_equal():
    for network in (Network(), Network(LayerNorm, Placement.POST)):
        for gap in (1e-4, 1e-9, 1e-13):
            overlap = 1 - gap
            found = predict_on(network, 4, alike(overlap))
            with precision(256):
                c = arb(overlap)
                for _ in range(4):
                    c = enclose(network.overlap_map(), {s.c: c})
                right = float((c / (1 - c)).mid())
            assert abs(found.gamma - right) <= found.error_bound * right


def test_slopes_are_those_of_the_maps():
    for network in COVERED:
        if not network.bias_variance:
            below, above = (float(network.overlap_map().subs(s.c, c).n(30)) for c in (1 - 1e-8, 1))
            assert (above - below) / 1e-8 == pytest.approx(slope(network), rel=1e-3)


def test_samples_of_unequal_power():
    """E ReLU(3X) ReLU(Y), X and Y independent, is 3/(2π): the covariance of two samples of power 3."""
    (_, second) = np.array([[9.0, 0.0], [0.0, 1.0]]), next(_after(np.diag([9.0, 1.0])))
    np.testing.assert_allclose(second, [[9, 3 / np.pi], [3 / np.pi, 1]], rtol=1e-14)


def _after(gram):
    states = pair_map(Network()).iterate(gram)
    next(states)
    yield from states


@pytest.mark.parametrize(
    ("network", "named"),
    [
        (Network(BatchNorm, Placement.PRE), "own deviation over the batch"),
        (Network(BatchNorm, Placement.POST, batch_size=8), "own deviation over the batch"),
        (Network(activation=ACTIVATIONS["erf"]), "Erf"),
        (Network(layer_norm_epsilon(0.1), Placement.PRE), "Scale"),
    ],
)
def test_what_pairs_do_not_settle_is_refused(network, named):
    with pytest.raises(NoClosedForm, match=named):
        pair_map(network)


def test_what_the_mean_overlap_misses():
    """The finding in numbers: far beyond the 2 % that a check resolves, and neither sign alone."""
    gram = datasets.gram(PORTRAIT, observe_prejudice.MORE_SAMPLES)
    found = {
        (norm.name, placement): predict_on(Network(norm, placement), 1, gram)
        for norm, placement in ((Network().norm, Placement.NONE), (LayerNorm, Placement.PRE), (LayerNorm, Placement.POST))
    }
    none, before, after = found.values()
    assert none.gamma > 1.1 * none.gamma_from_mean_overlap
    assert before.gamma > 1.1 * none.gamma  # Theorem 4.3's equality needs samples of equal power
    assert after.gamma > 0.1 > abs(after.gamma_from_mean_overlap)
    scale = 1 / np.sqrt(np.diag(gram))
    equal = gram * np.outer(scale, scale)
    off = equal[~np.eye(len(equal), dtype=bool)]
    jensen = mean_overlap(next(_after(equal))) - float(kappa(S(float(off.mean()))))
    assert jensen >= off.var() / (2 * np.pi)


# Twins: what is stated stays, what is simulated is broken


def _one_depth(experiment, **changes):
    depth = experiment.rival_depth
    return replace(experiment, network=replace(experiment.network, **changes), depths=(depth,))


def _without_power(law):
    """The same statement with every sample of power one."""
    return replace(law, power_map=S.One)


TWINS = {
    "shift left out": _one_depth(SHIFT.experiments[0], input_shift=0),
    "shift of the other size": _one_depth(SHIFT.experiments[1], input_shift=0.6),
    "shift read as overlap": _one_depth(SHIFT.experiments[0], input_shift=0, input_overlap=0.5),
    "bias left out": _one_depth(GAIN_AND_BIAS.experiments[0], bias_variance=0),
    "bias deviation for variance": _one_depth(GAIN_AND_BIAS.experiments[1], bias_variance=0.3**0.5),
    "gain two": _one_depth(GAIN_AND_BIAS.experiments[2], weight_variance=2.0),
    "uniform weights, other gain": _one_depth(UNIVERSALITY.experiments[0], weight_variance=2 / 3),
    "sign weights behind another activation": _one_depth(
        UNIVERSALITY.experiments[1], activation=ACTIVATIONS["leaky_relu"], input_shift=0.3
    ),
    "patches without a norm, norm before": _one_depth(STRUCTURED_DATA.experiments[0], norm=LayerNorm, placement=Placement.PRE),
    "patches with a norm, norm left out": _one_depth(STRUCTURED_DATA.experiments[1], placement=Placement.NONE),
    "powers of patches forgotten": _without_power(_one_depth(STRUCTURED_DATA.experiments[0])),
}


@pytest.mark.parametrize("name", tiered(TWINS, ("shift left out", "patches with a norm, norm left out", "powers of patches forgotten")))
def test_broken_experiment_is_red(name):
    experiment = TWINS[name]
    found = observed.run(experiment, f"gamma_depth_{experiment.rival_depth}", DESIGN, 1, f"twin/{name}")
    assert found.verdict is Verdict.FAILS, found.sentence


@pytest.mark.long
def test_weights_of_unmatched_variance_are_red(monkeypatch):
    """Uniform weights on (−1, 1), as a careless sampler would draw them."""
    monkeypatch.setattr(ensemble, "draw", lambda distribution, key, shape: draws.draw(distribution, key, shape) / np.float32(np.sqrt(3)))
    monkeypatch.setattr(kernel, "_KERNELS", {})
    found = observed.run(UNIVERSALITY.experiments[0], "gamma_depth_1", DESIGN, 1, "twin/unmatched")
    assert found.verdict is Verdict.FAILS, found.sentence


def test_other_samples_of_the_same_set_are_red(monkeypatch):
    """The networks see the next samples, the theory the first ones: 32 patches are not the set."""
    monkeypatch.setattr(ensemble.datasets, "samples", lambda dataset, count, of=datasets.samples: of(dataset, 2 * count)[count:])
    monkeypatch.setattr(observe_prejudice, "gram", partial(_gram_of, datasets.pixels(PORTRAIT)))
    monkeypatch.setattr(kernel, "_KERNELS", {})
    experiment = _one_depth(STRUCTURED_DATA.experiments[2])
    found = observed.run(experiment, "gamma_depth_1", DESIGN, 1, "twin/other samples")
    assert found.verdict is Verdict.FAILS, found.sentence


def _gram_of(x, dataset, count):
    return x[:count] @ x[:count].T / x.shape[1]


def test_a_map_of_powers_needs_a_start():
    with pytest.raises(ValueError, match="power"):
        Prejudice(Network(), (1,), kappa(s.c), Rival("none", s.c), 1, power_map=s.q)
    with pytest.raises(ValueError, match="power"):
        Prejudice(Network(), (1,), kappa(s.c), Rival("none", s.c), 1, start=(S.Zero, S.One))


def test_a_wrong_pair_map_is_seen():
    """γ of pairs is no function of the mean overlap: two Gram matrices of one mean, two γ."""
    even, uneven = np.full((3, 3), 0.3) + 0.7 * np.eye(3), np.eye(3)
    uneven[0, 1] = uneven[1, 0] = 0.9
    assert mean_overlap(even) == pytest.approx(mean_overlap(uneven))
    one, other = (gammas(PairMap(kappa(s.c) * s.q, s.q), first_gram(Network(), gram), 1)[1] for gram in (even, uneven))
    assert other > 1.02 * one


# The command line

WORDS = "--norm layer_norm --placement post --depth 2"
SIZES = "--width 16 --samples 4 --networks 2 --seed 1"
REFUSED = {
    f"predict {WORDS} --shift 0.5 --input-overlap 0.2": ("--shift 0.5", "--input-overlap 0.2", "one of them"),
    f"predict {WORDS} --shift 0 --input-overlap 0": ("--shift 0.0", "--input-overlap 0.0"),
    f"simulate {WORDS} {SIZES} --shift 0.5 --input-overlap 0.2": ("--shift 0.5", "--input-overlap 0.2"),
    f"predict {WORDS} --inputs portrait --shift 0.5": ("--inputs portrait", "--shift 0.5"),
    f"predict {WORDS} --shift much": ("'much'", "a number"),
    f"predict {WORDS} --shift inf": ("'inf'", "--shift"),
    f"predict {WORDS} --inputs portrit": ("'portrit'", "nearest is 'portrait'"),
    f"simulate {WORDS} {SIZES} --weights rademaher": ("'rademaher'", "nearest is 'rademacher'"),
    f"simulate {WORDS} {SIZES} --weights digits": ("'digits'", "allowed are gaussian, uniform, rademacher, sparse"),
    f"simulate {WORDS} {SIZES} --inputs portrait --input-dimension 8": ("8", "portrait"),
    f"simulate {WORDS} --width 16 --samples 100000 --networks 2 --seed 1 --inputs portrait": ("100000", "portrait"),
    f"predict {WORDS} --inputs portrait --samples 100000": ("100000", "portrait"),
    f"predict {WORDS} --inputs portrait --samples 1": ("'1'", "at least 2"),
    f"predict {WORDS} --samples 8": ("8", "data set"),
    f"predict {WORDS} --inputs portrait --classes 3": ("'3'", "--classes"),
    f"predict {WORDS} --inputs portrait --plot x.pdf": ("'x.pdf'", "--plot"),
    "predict --norm batch_norm --placement pre --depth 2 --inputs portrait": ("batch_norm", "Gram matrix"),
}


@pytest.mark.parametrize("words", REFUSED)
def test_words_that_are_off(call, words):  # noqa: F811
    assert_refused(call(words), *REFUSED[words])


def test_shift_is_read(call):  # noqa: F811
    one, other, none = (
        json.loads(call(f"predict {WORDS} {more} --json")[1])["gamma"] for more in ("--shift 0.5", "--input-overlap 0.2", "")
    )
    assert one == pytest.approx(other, rel=1e-14) and none == 0 < one
    seen = [
        json.loads(call(f"simulate {WORDS} {SIZES} {more} --json")[1])["gamma"]
        for more in ("", "--shift 2", "--weights sparse", "--inputs uniform", "--inputs portrait")
    ]
    assert len(set(seen)) == len(seen)


def test_predict_on_data(call):  # noqa: F811
    code, out, err = call(f"predict {WORDS} --inputs portrait --samples 32 --json")
    data = json.loads(out)
    assert (code, err) == (0, "")
    right = predict_on(Network(LayerNorm, Placement.POST), 2, datasets.gram(PORTRAIT, 32))
    assert (data["gamma"], data["gamma_from_mean_overlap"]) == (right.gamma, right.gamma_from_mean_overlap)
    assert data["class_fraction"]["variance"] is None and data["method"] == "pairs of samples"
    assert "two-moment theory" in call(f"predict {WORDS} --inputs portrait")[1]
