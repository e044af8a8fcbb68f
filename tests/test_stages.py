"""Stages on arrays and on laws: what each norm's definition implies, and the law algebra against brute-force moments."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from arrays import NUMPY
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sympy import Rational, oo, pi, sympify

from numerics.namespace import XP
from proofs_checks.balls import enclose, precision
from theory.activations import ACTIVATIONS, Custom, PiecewiseLinear, ReLU, SiLU, Sine
from theory.law import Law, NoClosedForm, Shape, gaussian_data
from theory.norms import NORMS, BatchNorm, LayerNorm, RMSNorm
from theory.stages import Axis, Center, Group, Scale, ScaleByDeviation, ScaleByModulus, Switch

EPSILON = np.finfo(np.float64).eps
SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.tuples(st.integers(1, 3), st.integers(3, 9), st.integers(3, 9))
POWERS_OF_TWO = st.integers(-30, 30).map(lambda k: 2.0**k)


def draw(seed, shape):
    return np.random.default_rng(seed).normal(size=shape)


def apply(norm, h, xp=np):
    for stage in norm.stages:
        h = stage.on_array(h, xp)
    return h


def rounding(h, axis):
    """A bound on what rounding does to a normalised array.

    Sums of n terms err by n ε max|h| at most, in the mean and in the entries they are taken from; dividing by the deviation d makes
    that n ε max|h|/d, and the deviation's own error acts on outputs of at most √n: in all below 8 n^(3/2) ε (1 + max|h|/d).
    """
    n = h.shape[axis.value]
    spread = np.minimum(np.std(h, axis=axis.value), np.sqrt(np.mean(h**2, axis=axis.value))).min()
    return 8 * n**1.5 * EPSILON * (1 + np.abs(h).max() / spread)


CENTRING = [(BatchNorm, Axis.BATCH), (LayerNorm, Axis.FEATURES)]
SCALING = [*CENTRING, (RMSNorm, Axis.FEATURES)]


@pytest.mark.parametrize("norm, axis", CENTRING)
@given(seed=SEEDS, shape=SIZES)
def test_centred_norms_ignore_a_shift_along_their_axis(norm, axis, seed, shape):
    h = draw(seed, shape)
    shift = 3 * draw(seed + 1, shape).take([0], axis=axis.value)  # one number per feature (batch norm) or per sample (layer norm)
    tolerance = rounding(h, axis) + rounding(h + shift, axis)
    np.testing.assert_allclose(apply(norm, h + shift), apply(norm, h), rtol=0, atol=tolerance)


@given(seed=SEEDS, shape=SIZES)
def test_rms_norm_sees_a_shift(seed, shape):
    h = Center(Axis.FEATURES).on_array(draw(seed, shape), np)
    shifted = apply(RMSNorm, h + 3 * np.abs(h).max())
    # Entries lie between 2 and 4 times the largest modulus: their mean is at least half their root mean square, where h's is 0.
    assert np.all(shifted.mean(axis=-1) >= 0.5)
    assert np.all(np.abs(apply(RMSNorm, h).mean(axis=-1)) <= rounding(h, Axis.FEATURES))


@pytest.mark.parametrize("norm, axis", SCALING)
@given(seed=SEEDS, shape=SIZES, factor=POWERS_OF_TWO)
def test_norms_ignore_a_positive_factor_exactly(norm, axis, seed, shape, factor):
    h = draw(seed, shape)
    np.testing.assert_array_equal(apply(norm, factor * h), apply(norm, h))  # a power of two scales every rounding with it
    np.testing.assert_array_equal(apply(norm, -factor * h), -apply(norm, h))


@pytest.mark.parametrize("norm, axis", SCALING)
@given(seed=SEEDS, shape=SIZES)
def test_norms_ignore_one_positive_factor_per_statistic(norm, axis, seed, shape):
    h = draw(seed, shape)
    factors = np.exp(draw(seed + 1, shape).take([0], axis=axis.value))
    np.testing.assert_allclose(apply(norm, factors * h), apply(norm, h), rtol=0, atol=2 * rounding(h, axis))


@pytest.mark.parametrize("norm, axis", SCALING)
@given(seed=SEEDS, shape=SIZES)
def test_norms_commute_with_permutations(norm, axis, seed, shape):
    h, generator = draw(seed, shape), np.random.default_rng(seed + 1)
    samples, features = generator.permutation(shape[1]), generator.permutation(shape[2])
    np.testing.assert_allclose(
        apply(norm, h[:, samples][:, :, features]), apply(norm, h)[:, samples][:, :, features], rtol=0, atol=2 * rounding(h, axis)
    )


@pytest.mark.parametrize("norm, axis", SCALING)
@given(seed=SEEDS, shape=SIZES)
def test_norms_are_idempotent(norm, axis, seed, shape):
    once = apply(norm, draw(seed, shape))
    np.testing.assert_allclose(apply(norm, once), once, rtol=0, atol=rounding(draw(seed, shape), axis) + rounding(once, axis))


@pytest.mark.parametrize("norm, axis", SCALING)
@given(seed=SEEDS, shape=SIZES)
def test_norms_have_unit_power_and_centred_ones_mean_zero(norm, axis, seed, shape):
    h = draw(seed, shape)
    y = apply(norm, h)
    np.testing.assert_allclose(np.mean(y**2, axis=axis.value), 1, rtol=0, atol=2 * rounding(h, axis))
    if norm is not RMSNorm:
        np.testing.assert_allclose(np.mean(y, axis=axis.value), 0, rtol=0, atol=rounding(h, axis))
    assert y.shape == h.shape


@pytest.mark.parametrize("norm", [BatchNorm, LayerNorm, RMSNorm])
@given(seed=SEEDS, shape=SIZES)
def test_the_axis_is_the_one_that_is_named(norm, seed, shape):
    """A change to one sample reaches the others through a batch norm only; batches never reach each other."""
    h = draw(seed, (2, *shape[1:]))
    changed = h.copy()
    changed[0, 0] += draw(seed + 1, shape[-1])
    before, after = apply(norm, h), apply(norm, changed)
    np.testing.assert_array_equal(before[1], after[1])
    assert np.array_equal(before[0, 1:], after[0, 1:]) is (norm is not BatchNorm)
    assert any(stage.couples_samples for stage in norm.stages) is (norm is BatchNorm)


def test_no_norm_does_nothing():
    assert NORMS["none"].stages == ()


@given(seed=SEEDS, factor=POWERS_OF_TWO, slope=st.floats(-2, 2))
def test_piecewise_linear_is_positively_homogeneous(seed, factor, slope):
    h = draw(seed, (1, 4, 5))
    stage = PiecewiseLinear(slope)
    np.testing.assert_array_equal(stage.on_array(factor * h, np), factor * stage.on_array(h, np))


def test_sine_is_not_homogeneous():
    h = np.linspace(0.5, 2.5, 11)[None, None]
    gap = 2 * Sine().on_array(h, np) - Sine().on_array(2 * h, np)
    assert np.all(gap > 0.1)  # 2 sin h (1 − cos h), at least 2·0.479·0.122 on [0.5, 2.5]


@pytest.mark.parametrize(
    "stage",
    [
        *(kind(axis) for kind in (Center, Scale, ScaleByDeviation, ScaleByModulus) for axis in Axis),
        *(Scale(axis, 0.1) for axis in Axis),
        *(Switch(), Group(7), PiecewiseLinear(0.3)),
        *(activation.stage for activation in ACTIVATIONS.values()),
    ],
    ids=repr,
)
@given(seed=SEEDS)
def test_numpy_and_jax_run_the_same_stage(stage, seed):
    h = draw(seed, (2, 5, 7))  # one shape: JAX compiles for each
    ours, theirs = stage.on_array(h, NUMPY), np.asarray(stage.on_array(jnp.asarray(h), XP))
    assert theirs.dtype == np.float64
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=rounding(h, getattr(stage, "axis", Axis.FEATURES)))


# The law algebra against finite ensembles, whose moments are averages over all of their entries


def population(seed, samples=5, units=12):
    """A whole layer, (samples, units): every sample's activations are the same numbers in another order.

    Then layer mean and layer power are the same for every sample, as in a layer of infinite width, and moments are identities.
    """
    generator = np.random.default_rng(seed)
    values = generator.normal(loc=0.7, size=units)
    rows = [values]
    for _ in range(samples - 1):
        order = np.arange(units)
        order[:7] = generator.permutation(7)  # five units are shared by all samples, so that they overlap
        rows.append(values[order])
    return np.stack(rows)


def moments(h):
    """mean, overlap, power of a finite layer: centres and spreads over samples, averaged over units."""
    centre = h.mean(axis=0)
    return np.array([centre.mean(), np.mean(centre**2), np.mean(h**2)])


def law_of(h, **rest):
    return Law(*(Rational(float(value)) for value in moments(h)), shape=Shape.UNKNOWN, **rest)


def numbers(law):
    return np.array([float(law.mean), float(law.overlap), float(law.power)])


@pytest.mark.parametrize(
    "stages",
    [
        (Center(Axis.FEATURES),),
        (Scale(Axis.FEATURES),),
        (Center(Axis.FEATURES), Scale(Axis.FEATURES)),
        (Scale(Axis.FEATURES), Center(Axis.FEATURES)),
        (Center(Axis.BATCH),),
        (Center(Axis.BATCH), Scale(Axis.BATCH)),
        (Center(Axis.FEATURES), Center(Axis.BATCH)),
    ],
    ids=repr,
)
@given(seed=SEEDS)
def test_a_law_moves_as_its_finite_layer_does(stages, seed):
    h = population(seed)
    law = law_of(h)
    tolerance = rounding(h, Axis.FEATURES) * (1 + moments(h)[2])
    start = h.copy()
    if Scale(Axis.BATCH) in stages:
        start = start + draw(seed, start.shape)  # no unit is constant over the data
        law = law_of(start)
    array = start[None]
    for stage in stages:
        law, array = stage.on_law(law), stage.on_array(array, np)
    np.testing.assert_allclose(moments(array[0]), numbers(law), rtol=0, atol=tolerance)


@given(seed=SEEDS, batch=st.integers(2, 4))
def test_centring_a_finite_batch_by_enumeration(seed, batch):
    """Every batch that can be drawn from three samples: their mean is the expectation, and no sampling error is left."""
    h = draw(seed, (3, 6))
    batches = np.stack([h[list(members)] for members in itertools.product(range(3), repeat=batch)])
    centred = Center(Axis.BATCH).on_array(batches, np)
    law = Center(Axis.BATCH).on_law(law_of(h, batch=Rational(batch)))
    centres = centred.mean(axis=(0, 1))  # of a unit, over all data
    found = np.array([centres.mean(), np.mean(centres**2), np.mean(centred**2)])
    np.testing.assert_allclose(found, numbers(law), rtol=0, atol=1e-12)  # averages of at most 81·4·6 numbers below 5, of error 1e-13
    assert law.coupled


ALPHA = 1e-9  #: two-sided, of each Monte-Carlo comparison below; critical value of a normal law
CRITICAL = stats.norm.isf(ALPHA / 2)
DRAWS = 400_000


def assert_mean(values, expected):
    error = values.std(ddof=1) / np.sqrt(len(values))
    with precision(128):
        assert abs(values.mean() - float(enclose(sympify(expected)).mid())) <= CRITICAL * error + 1e-15


CUSTOM = Custom(lambda h, xp: xp.where(h > 0.5, h**2, xp.minimum(h, 0.25)))


@pytest.mark.parametrize("stage", [PiecewiseLinear(0.25), CUSTOM, *(activation.stage for activation in ACTIVATIONS.values())], ids=repr)
@pytest.mark.parametrize("overlap, power", [(0.0, 1.0), (0.5, 2.0), (1.2, 1.5)])
def test_activations_on_a_gaussian_node(stage, overlap, power):
    """Two samples of a node share its centre m ~ N(0, V) and differ in their noise."""
    generator = np.random.default_rng(7)
    centre = np.sqrt(overlap) * generator.normal(size=DRAWS)
    one, other = (stage.on_array(centre + np.sqrt(power - overlap) * generator.normal(size=DRAWS), NUMPY) for _ in range(2))
    law = stage.on_law(Law(Rational(0), Rational(overlap), Rational(power)))
    assert_mean(one, law.mean)
    assert_mean(one * other, law.overlap)
    assert_mean(one**2, law.power)


@pytest.mark.parametrize("batch", [2, 3, 4, 8, 32])
@pytest.mark.parametrize("activation", [PiecewiseLinear(0.25), SiLU(), CUSTOM], ids=repr)
def test_activations_behind_a_finite_batch(batch, activation):
    generator = np.random.default_rng(11)
    stages = (Center(Axis.BATCH), Scale(Axis.BATCH), activation)
    law, h = gaussian_data(batch=batch), generator.normal(size=(DRAWS // 4, batch, 1))
    for stage in stages:
        law, h = stage.on_law(law), stage.on_array(h, NUMPY)
    first = h[:, 0, 0]  # one sample of each batch: the batches are independent
    assert_mean(first, law.mean)
    assert_mean(first**2, law.power)
    half = len(first) // 2
    assert_mean(first[:half] * first[half:], law.overlap)


def test_a_wrong_law_is_seen():
    """The twin: one part in twenty of ReLU's overlap, where the comparison lets three in a hundred pass: 6.1·√((1/4 − 1/4π²)/400,000)·2π."""
    generator = np.random.default_rng(7)
    one, other = (np.maximum(generator.normal(size=DRAWS), 0) for _ in range(2))
    with pytest.raises(AssertionError):
        assert_mean(one * other, Rational(21, 20) / (2 * pi))


# Refusals


GAUSSIAN, UNKNOWN = gaussian_data(batch=8), Law(Rational(0), Rational(1, 3), Rational(1), shape=Shape.UNKNOWN)
RESIDUAL = Center(Axis.BATCH).on_law(GAUSSIAN)
CENTRED = Center(Axis.BATCH).on_law(ReLU.on_law(GAUSSIAN))


@pytest.mark.parametrize(
    "stage, law, missing",
    [
        (Scale(Axis.BATCH), gaussian_data(overlap=Rational(1, 2)), "mean zero"),
        (Scale(Axis.BATCH), UNKNOWN, "mean zero"),
        (Scale(Axis.BATCH), GAUSSIAN, "centred first"),
        (Scale(Axis.FEATURES), Law(Rational(0), Rational(0), Rational(0)), "zero"),
        (Scale(Axis.BATCH), Law(Rational(0), Rational(0), Rational(0)), "zero"),
        (ReLU, CENTRED, "otherwise unknown"),
        (ReLU, UNKNOWN, "unknown"),
        (Sine(), CENTRED, "otherwise unknown"),
        (SiLU(), Group(8).on_law(gaussian_data(overlap=Rational(1, 2))), "rectifiers only"),
        (Group(8), UNKNOWN, "before the activation only"),
        (Scale(Axis.BATCH, 0.1), RESIDUAL, "its own spread"),
        (ScaleByDeviation(Axis.BATCH), UNKNOWN, "variance"),
        (ScaleByModulus(Axis.BATCH), UNKNOWN, "alike"),
        (Switch(), GAUSSIAN, "no rule"),
    ],
)
def test_a_rule_outside_its_domain_is_refused_in_a_sentence(stage, law, missing):
    with pytest.raises(NoClosedForm, match=missing) as refused:
        stage.on_law(law)
    assert len(str(refused.value).split()) >= 8


def test_a_batch_of_one_has_no_spread():
    with pytest.raises(ValueError, match="at least 2"):
        gaussian_data(batch=1)
    assert gaussian_data(batch=oo).batch == oo
