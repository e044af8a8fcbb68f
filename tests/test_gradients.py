"""Gradients: the factor of every norm, placement and activation, the sampler, the differentiated networks, and twins that are red."""

from dataclasses import dataclass, replace
from itertools import islice

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from mpmath import mp, mpf, quad
from sympy import Rational, S, lambdify, oo, pi, simplify
from tiers import tiered

from numerics import gradients, keys
from numerics.ensemble import Sampler, Size
from numerics.gradients import gram_product, squared_gradients
from numerics.namespace import XP
from proofs_checks import observed
from proofs_checks.balls import enclose, precision
from proofs_checks.design import Design
from proofs_checks.evidence import Verdict
from theory import symbols as s
from theory.activations import ACTIVATIONS
from theory.edge_of_chaos import on_critical_line
from theory.experiments import GradientGrowth
from theory.gradient_growth import BATCH_NORM, BATCHES, GROUPS, LAYER_NORM_AFTER, LAYER_NORM_BEFORE, WITHOUT_NORM
from theory.gradients import factor_between, gradient_factor
from theory.law import NoClosedForm
from theory.network import Network, Placement
from theory.norms import NORMS, BatchNorm, LayerNorm, Norm, RMSNorm, ghost_batch_norm, group_norm
from theory.stages import Axis, Stage

PRE, POST = Placement.PRE, Placement.POST
DESIGN = Design(alpha=1e-8, resolution=0.05)  #: all twins are farther off


def value(formula):
    with precision(64):
        return float(enclose(S(formula)).mid())


# The rule


EXPLODES = np.pi / (np.pi - 1)
FACTORS = {
    ("none", PRE): 1.5,
    ("batch_norm", PRE): EXPLODES,
    ("batch_norm", POST): EXPLODES,
    ("layer_norm", PRE): 1,
    ("layer_norm", POST): EXPLODES,
    ("rms_norm", PRE): 1,
    ("rms_norm", POST): 1,
    ("instance_norm", POST): EXPLODES,
    ("leave_one_out_batch_norm", PRE): None,
    ("l1_batch_norm", PRE): EXPLODES,
    ("batch_norm_evaluation", PRE): 1.5,
    ("mean_only_batch_norm", PRE): 1.5,
    ("group_norm", PRE): 14 / 13,
    ("switchable_norm", PRE): None,
    ("batch_rms_norm", PRE): None,
    ("dynamic_tanh", PRE): None,
}


@pytest.mark.parametrize("norm, placement", FACTORS)
def test_the_factor_at_gain_three(norm, placement):
    """From the stages alone; where one has no rule it says so, and no number is made up."""
    network, expected = Network(NORMS[norm], placement, weight_variance=3), FACTORS[norm, placement]
    if expected is None:
        with pytest.raises(NoClosedForm):
            factor_between(network)
    else:
        assert value(factor_between(network)) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    "network, missing",
    [
        (Network(BatchNorm, POST, bias_variance=0.1), "units whose means differ"),
        (Network(BatchNorm, POST, batch_size=32), "finite batch"),
        (Network(BatchNorm, PRE, ACTIVATIONS["erf"], batch_size=32), "finite batch"),
        (Network(BatchNorm, PRE, batch_size=3), "infinite"),
        (Network(ghost_batch_norm(2), PRE), "infinite"),
        (Network(group_norm(8), POST), "Group gives no rule"),
    ],
)
def test_what_has_no_rule_says_why(network, missing):
    with pytest.raises(NoClosedForm, match=missing):
        factor_between(network)


def test_a_ghost_batch_is_a_batch():
    assert value(factor_between(Network(ghost_batch_norm(16), PRE))) == value(factor_between(Network(BatchNorm, PRE, batch_size=16)))


def test_the_first_layer_sees_the_inputs():
    """Inputs of unit power have a spread that rectified ones have not: π/(π−1) from the second layer on, ½ before."""
    network = Network(BatchNorm, PRE)
    first, second, third = (gradient_factor(network, law) for law in islice(network.states(), 3))
    assert first == Rational(1, 2) and second == third and simplify(second - pi / (pi - 1)) == 0


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("q", [Rational(1, 4), S(1), Rational(7, 2)])
def test_mean_square_slopes(name, q):
    """E f'(X)² against quadrature of a difference quotient's limit, in mpmath."""
    stage = ACTIVATIONS[name].stage
    f = lambdify(s.x, stage.of(s.x), "mpmath")
    deviation = mp.sqrt(mpf(q.p) / q.q)
    mean = quad(
        lambda z: mp.diff(f, deviation * z) ** 2 * mp.npdf(z), [-12, -4, -1, 0, 1, 4, 12] if name in SMOOTH else [-12, -1e-9, 1e-9, 12]
    )
    assert value(stage.slope_square(q)) == pytest.approx(float(mean), rel=1e-6)


SMOOTH = ("sine", "erf", "gelu", "silu", "tanh")


@pytest.mark.parametrize("name", ["erf", "tanh", "sine"])
@pytest.mark.parametrize("q", [Rational(1, 3), S(2)])
def test_gradients_are_kept_on_the_critical_line(name, q):
    network = on_critical_line(ACTIVATIONS[name], q)
    law = network.symbolic_law
    law = replace(law, overlap=law.overlap.subs(s.q, q), power=q)
    assert value(network.bias_variance) > 0
    assert value(gradient_factor(network, law)) == pytest.approx(1, rel=1e-14)


# Drawing gradients without weights

SAMPLES, FAN_IN, WIDTH, DRAWS = 2, 5, 3, 200_000


def _memory(product):
    """Mean over draws of z_ia δ_jb, and of δ_ia δ_jb, for fixed activations and cotangents; and the standard errors."""
    rng = np.random.default_rng(1)
    h, g = (jnp.asarray(rng.normal(size=(SAMPLES, n)), jnp.float32) for n in (FAN_IN, WIDTH))

    def draw(key):
        z, pull_back = jax.vjp(lambda each: product(each, key, WIDTH), h)
        (delta,) = pull_back(g)
        return jnp.einsum("ia,jb->iajb", z, delta), jnp.einsum("ia,jb->iajb", delta, delta)

    drawn = jax.jit(jax.vmap(draw))(keys.members(keys.stream(1, "memory"), 0, DRAWS))
    return h, g, [(np.asarray(each.mean(0)), np.asarray(each.std(0)) / np.sqrt(DRAWS)) for each in drawn]


def _expected(h, g):
    """With standard Gaussian W, E[(h_i·W_a)(Σ_c g_jc W_cb)] = h_ib g_ja, and E δ_ia δ_jb = δ_ab g_i·g_j."""
    return np.einsum("ib,ja->iajb", h, g), np.einsum("ij,ab->iajb", g @ g.T, np.eye(FAN_IN))


def _off(found, expected):
    mean, error = found
    return float(np.max(np.abs(mean - expected) / error))


def test_drawn_gradients_remember_their_pre_activations():
    """Moments of weights that exist: the largest of 75 deviations, at 1e-9 each two-sided."""
    h, g, found = _memory(gram_product)
    assert max(_off(each, expected) for each, expected in zip(found, _expected(h, g), strict=True)) < 6.2


@jax.custom_vjp
def _forgetful(h, key):
    return gradients.gram_forward(h, key, WIDTH)[0]


_forgetful.defvjp(
    lambda h, key: (gradients.gram_forward(h, key, WIDTH)[0], key),
    lambda key, g: (g @ jax.random.normal(jax.random.fold_in(key, 1), (WIDTH, FAN_IN), jnp.float32), None),
)


def test_gradient_independence_forgets_them():
    """The twin: fresh weights on the way back have the right gradients and no memory."""
    h, g, (memory, power) = _memory(lambda h, key, width: _forgetful(h, key))
    assert _off(memory, _expected(h, g)[0]) > 50 and _off(power, _expected(h, g)[1]) < 6.2


@pytest.mark.parametrize("sampler", tiered(Sampler, (Sampler.GRAM,)))
def test_gradients_that_follow_the_outputs_are_larger(sampler):
    """The known limit of gradient independence: behind z = Wh the gradient Wᵀz has twice the square that it has for an independent g."""
    width, networks = 256, 256

    def square(key):
        h = jax.random.normal(key, (1, width), jnp.float32)
        weights = jax.random.normal(jax.random.fold_in(key, 1), (width, width), jnp.float32)
        forward = (lambda h: h @ weights.T) if sampler is Sampler.WEIGHTS else (lambda h: gram_product(h, key, width))
        z, pull_back = jax.vjp(lambda h: forward(h) / np.sqrt(width), h)
        return jnp.sum(pull_back(z)[0] ** 2) / jnp.sum(z**2)

    ratios = np.asarray(jax.vmap(square)(keys.members(keys.stream(1, "follow", sampler), 0, networks)))
    error = ratios.std() / np.sqrt(networks)
    assert abs(ratios.mean() - 2) < 6.2 * error + 2 / width and 6.2 * error < 0.1


# Differentiating a batch norm


def _standardise(z):
    h = z
    for stage in BatchNorm.stages:
        h = stage.on_array(h, XP)
    return h


def _projected(z, g, *directions):
    """g without its components along the directions, over the deviation: the backward pass of batch norm, by hand."""
    for direction in directions:
        g = g - direction * (g * direction).mean(axis=0) / (direction**2).mean(axis=0)
    return g / z.std(axis=0)


def test_batch_norm_projects_gradients():
    rng = np.random.default_rng(1)
    z, g = rng.normal(2, 3, size=(8, 5)), rng.normal(size=(8, 5))
    y, pull_back = jax.vjp(_standardise, jnp.asarray(z))
    (found,) = pull_back(jnp.asarray(g))
    ones, y = np.ones_like(z), np.asarray(y)
    np.testing.assert_allclose(found, _projected(z, g, ones, y), rtol=0, atol=1e-13)
    for wrong in ((), (ones,), (y,), (np.abs(y),)):
        assert np.abs(found - _projected(z, g, *wrong)).max() > 1e-3


def test_gradients_of_a_batch_add_up_to_zero():
    """A batch is differentiated whole: in every unit, what a norm's centring lets through vanishes in the mean over the batch."""
    network = Network(BatchNorm, PRE, batch_size=8)
    x = jax.random.normal(keys.stream(1, "x"), (8, 64))
    _, pull_back = jax.vjp(lambda z: network.block[-1].on_array(_standardise(z), XP), x)
    (found,) = pull_back(jax.random.normal(keys.stream(1, "g"), (8, 64)))
    assert np.abs(np.asarray(found).mean(axis=0)).max() < 64 * np.finfo(float).eps


def test_squared_gradients_are_those_of_finite_differences():
    """The last layer by hand: the cotangent through the rectifier, one half of whose units are off."""
    squares = squared_gradients(Network(), Size(512, 2, 8), keys.stream(1, "last"), 32)
    assert squares.shape == (32, 2) and squares.dtype == np.float64
    assert abs(squares[:, 1].mean() - 0.5) < 6.2 * squares[:, 1].std() / np.sqrt(32)


def test_narrower_inputs_are_refused():
    with pytest.raises(ValueError, match="as wide as their layers"):
        squared_gradients(Network(), Size(8, 2, 4, input_dimension=4), keys.stream(1, "narrow"), 2)


# Twins that must be red


@dataclass(frozen=True)
class FrozenStandardise(Stage):
    """Batch norm on the way forward, whose statistics are constants on the way back."""

    @property
    def couples_samples(self):
        return True

    def on_array(self, h, xp):
        fixed = jax.lax.stop_gradient(h)
        return (h - xp.mean(fixed, axis=Axis.BATCH.value, keepdims=True)) / xp.std(fixed, axis=Axis.BATCH.value, keepdims=True)


def _first(claim, **changes):
    experiment = claim.experiments[0]
    return replace(experiment, network=replace(experiment.network, **changes))


FACTOR_TWINS = {
    "half the units are not switched off": replace(_first(WITHOUT_NORM), factor=Rational(3, 2)),
    "no norm, other gain": _first(WITHOUT_NORM, weight_variance=2),
    "layer norm before, gain left in": replace(_first(LAYER_NORM_BEFORE), factor=Rational(3, 2)),
    "layer norm before, placed after": _first(LAYER_NORM_BEFORE, placement=POST),
    "layer norm after, scaled by the root mean square": _first(LAYER_NORM_AFTER, norm=RMSNorm),
    "layer norm after, scale of RMSNorm stated": replace(_first(LAYER_NORM_AFTER), factor=S(1)),
    "batch norm, gradients kept": replace(_first(BATCHES), factor=S(1)),
    "batch norm, full batch's factor in batches of eight": replace(_first(BATCHES), factor=pi / (pi - 1)),
    "batch norm, statistics not differentiated": _first(BATCHES, norm=Norm("frozen", FrozenStandardise())),
    "batch norm, projections left out": replace(_first(BATCHES), factor=_first(BATCHES).rival.instead),
    "group norm, other groups": _first(GROUPS, norm=group_norm(16)),
    "group norm, layer norm's factor": replace(_first(GROUPS), factor=S(1)),
}


@pytest.mark.long
@pytest.mark.parametrize("name", FACTOR_TWINS)
def test_broken_factor_or_network_is_red(name):
    found = observed.run(FACTOR_TWINS[name], "factor_per_layer", DESIGN, 1, "twin/gradients")
    assert found.verdict is Verdict.FAILS, found.sentence


@pytest.mark.long
def test_full_batch_factor_replaced_by_one_is_red():
    found = observed.run(replace(_first(BATCH_NORM), factor=S(1)), "factor_per_layer", DESIGN, 1, "twin/gradients")
    assert found.verdict is Verdict.FAILS, found.sentence


@pytest.mark.long
def test_a_rival_too_near_to_be_rejected_is_undecided():
    experiment = replace(_first(LAYER_NORM_BEFORE), rival=replace(_first(LAYER_NORM_BEFORE).rival, instead=Rational(1001, 1000)))
    found = observed.run(experiment, "factor_per_layer", DESIGN, 1, "twin/gradients")
    assert found.verdict is Verdict.UNDECIDED and not found.rival["rejected"], found.sentence


def test_layers_in_the_wrong_order_are_refused():
    with pytest.raises(ValueError, match="two layers in order"):
        GradientGrowth(Network(LayerNorm, PRE), (5, 5), S(1), _first(LAYER_NORM_BEFORE).rival)


def test_poincare_bounds_every_activation_behind_batch_norm():
    """χ = E f'²/Var f ≥ 1, with equality for the identity alone."""
    for name, activation in ACTIVATIONS.items():
        factor = value(factor_between(Network(BatchNorm, PRE, activation, batch_size=oo)))
        assert factor == 1 if name == "identity" else factor > 1 + 1e-6, (name, factor)
