"""Fisher information: the acceptance table of the specification, norms by their definitions, and code that is broken on purpose."""

from dataclasses import replace
from fractions import Fraction
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from mpmath import mp
from sympy import Rational, S
from tiers import tiered

from numerics import fisher, kernel, keys
from numerics.ensemble import Sampler
from numerics.fisher import Sample, both_paths, spectra
from proofs_checks import observe_grams, observe_spectra, observed
from proofs_checks.design import Design
from proofs_checks.evidence import Verdict
from proofs_checks.fisher_values import evaluate, noise_value, order_values
from proofs_checks.last_layer import Growth, behaviour
from theory import symbols as s
from theory.activations import ACTIVATIONS
from theory.classifier import Classifier, Where, classifier, on_layer
from theory.experiments import Rival, Spectral, SpectralRatio
from theory.fisher import fluctuations, order_parameters
from theory.fisher_kernel import GRAM, HIDDEN_GRAM, MeanOnlyLayerNorm
from theory.fisher_spectrum import BATCH_NORM, LAYER_NORM, MEAN_SUBTRACTED, NOT_THE_ROOT, WITHOUT_NORM
from theory.law import NoClosedForm
from theory.network import Network
from theory.norms import NORMS, BatchNorm, BatchNormEvaluation, LayerNorm, MeanOnlyBatchNorm, NoNorm

TANH = Network(activation=ACTIVATIONS["tanh"], weight_variance=3, bias_variance=Rational(16, 25))
DESIGN = Design(alpha=1e-8, resolution=0.05)

# Order parameters

RELU_TABLE = {  # layers: κ_2, v_d, v_o
    2: (0.3183098862, 1.4647, 0),
    3: (0.3428543181, 2.1768, 0.01716),
    4: (0.3534627023, 3.2689, 0.10253),
    5: (0.3575976243, None, None),
    6: (0.3584391934, None, None),
}


@pytest.mark.parametrize("layers", RELU_TABLE)
def test_the_table_of_relu(layers):
    values, (kappa_2, same, other) = order_values(Classifier(layers, 10)), RELU_TABLE[layers]
    assert values[s.kappa_1] == layers / (layers - 1)
    assert values[s.kappa_2] == pytest.approx(kappa_2, abs=5e-11)
    if same is not None:
        assert noise_value(Classifier(layers, 1)) == pytest.approx(same, abs=5e-5)
        assert noise_value(Classifier(layers, 10)) == pytest.approx(10 * same + 90 * other, abs=0.02)


def _by_quadrature(layers, activation, slope, gain, bias):
    """κ_1 and κ_2 in mpmath: nested integrals over what two samples share and what they do not."""
    cuts = [-9, -3, 0, 3, 9]

    def mean(f):
        return mp.quad(lambda z: f(z) * mp.npdf(z), cuts)

    def moments(f, q, p):
        """E f(X)² and E f(X)f(Y)."""
        shared, own = mp.sqrt(p), mp.sqrt(q - p)
        return mean(lambda z: f(mp.sqrt(q) * z) ** 2), mean(lambda z: mean(lambda x: f(shared * z + own * x)) ** 2)

    q, p, entering, factors = gain + bias, bias, [(1, 0)], []
    for _ in range(layers - 1):
        entering.append(moments(activation, q, p))
        factors.append(moments(slope, q, p))
        q, p = (gain * each + bias for each in entering[-1])
    back = [(mp.one, mp.one)]
    for same, other in reversed(factors):
        back.append((gain * back[-1][0] * same, gain * back[-1][1] * other))
    terms = list(zip(reversed(back), entering, strict=True))
    return [sum(one[k] * two[k] for one, two in terms) / (layers - 1) for k in (0, 1)]


@pytest.mark.long
@pytest.mark.parametrize("layers", [2, 3])
def test_the_table_of_tanh_by_another_quadrature(layers):
    """Ball arithmetic against mpmath: the sixth digit of κ_1 of the specification's table (1.422631, .955520) is off."""
    with mp.workdps(15):
        found = _by_quadrature(layers, mp.tanh, lambda x: mp.sech(x) ** 2, 3, mp.mpf("0.64"))
    values = order_values(Classifier(layers, 1, TANH))
    assert [values[s.kappa_1], values[s.kappa_2]] == pytest.approx([float(each) for each in found], rel=1e-9)


def test_tanh_is_centred_without_a_bias_alone():
    assert order_parameters(Classifier(3, 1, replace(TANH, bias_variance=0))).kappa_2 == 0
    assert order_values(Classifier(3, 1, TANH))[s.kappa_2] > 0.1


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "erf", "gelu", "sine", "identity", "abs"])
def test_slopes_of_two_point_moments_by_differences(name):
    stage, q, p, h = ACTIVATIONS[name].stage, Rational(3, 2), Rational(1, 2), Rational(1, 10**6)
    difference = (stage.gaussian(q, p + h)[1] - stage.gaussian(q, p - h)[1]) / (2 * h)
    assert float(stage.slope_product(q, p)) == pytest.approx(float(difference.evalf(30)), rel=1e-9)


def test_exact_formulas_and_those_with_names_agree():
    model = Classifier(4, 3)
    assert order_values(model)[s.kappa_2] == pytest.approx(float(order_parameters(model).kappa_2.evalf(15)), rel=1e-13)


@pytest.mark.parametrize(
    "model, outlier",
    [
        (classifier(BatchNorm, Where.HIDDEN, 3, 1), 0.1592),
        (classifier(MeanOnlyBatchNorm, Where.HIDDEN, 3, 1), 0.2170),
        (on_layer(MeanOnlyBatchNorm, 2, 3, 1), 0.2170),
        (on_layer(MeanOnlyBatchNorm, 1, 3, 1), 0.6857),
        (classifier(BatchNorm, Where.HIDDEN, 3, 1, TANH), 0),
        (on_layer(MeanOnlyBatchNorm, 1, 3, 1, TANH), 0.1291),
        (classifier(LayerNorm, Where.HIDDEN, 3, 1), 0.6857 / 2),
    ],
)
def test_outliers_behind_hidden_norms(model, outlier):
    values = order_values(model)
    assert values[s.kappa_2] * values[s.widths] == pytest.approx(outlier, abs=5e-5)


def test_unequal_widths():
    model = Classifier(3, 2, ratios=(Fraction(1), Fraction(2), Fraction(1, 2)))
    values = order_values(model)
    assert values[s.widths] == 3 and values[s.kappa_1] == pytest.approx(3.5 / 3)
    assert model.parameters(10) == 20 * 11 + 5 * 21 + 2 * 6


def test_what_has_no_fluctuations_says_so():
    with pytest.raises(NoClosedForm, match="rectifiers"):
        fluctuations(Classifier(3, 1, TANH))
    with pytest.raises(NoClosedForm, match="uncorrelated"):
        fluctuations(Classifier(3, 1, Network(input_overlap=0.5)))


# The identity, with unequal widths, biases and smooth activations


@pytest.mark.parametrize("network", [pytest.param(Network(), marks=pytest.mark.long), TANH], ids=["relu", "tanh"])
def test_by_layers_and_by_differentiation(network):
    """The specification's sizes, 11-13-12-4 with 6 samples: 1e-12, and the ranks of all five norms."""
    norms = (NoNorm, MeanOnlyBatchNorm, BatchNorm, MeanOnlyLayerNorm, LayerNorm)
    models = tuple(Classifier(3, 4, network, norm, (Fraction(11), Fraction(13), Fraction(12))) for norm in norms)
    for which, rank in enumerate((24, 20, 16, 18, 12)):
        found = both_paths(models, which, Sample(1, 6), keys.stream(1, "identity"), 3)
        assert np.max(found.apart / np.abs(found.matrix).max(axis=(1, 2))) < 1e-12
        assert ((found.eigenvalues > 1e-12 * found.eigenvalues[:, :1]).sum(axis=1) == rank).all()


# Twins of the code: each is red


def _broken(monkeypatch, **others):
    monkeypatch.setattr(kernel, "_KERNELS", {})
    for name, other in others.items():
        monkeypatch.setattr(fisher, name, other)
    observe_grams._drawn.cache_clear()
    observe_spectra._drawn.cache_clear()


@pytest.fixture(autouse=True)
def _as_it_was():
    yield
    observe_grams._drawn.cache_clear()
    observe_spectra._drawn.cache_clear()


def _without_other_outputs(passed):
    gram = fisher_gram(passed)
    return gram * jnp.eye(gram.shape[1])[None, :, None, :]


fisher_gram = fisher.gram_of_outputs


def _without_biases(passed):
    samples, outputs = passed.outputs.shape
    return fisher_gram(passed) - jnp.einsum("kl,st->sktl", jnp.eye(outputs), jnp.ones((samples, samples)))


def _jacobian_once(norm, outputs, gram):
    samples, count = outputs.shape
    if not norm:
        return gram
    _, jacobian = jax.linearize(partial(fisher.apply_stages, norm), outputs)
    return jax.vmap(jacobian)(gram.reshape(-1, samples, count)).reshape(gram.shape)


def _constant_statistics(norm, outputs, gram):
    if not norm:
        return gram
    scale = 1 / jnp.std(outputs, axis=0)
    return gram * scale[None, :, None, None] * scale[None, None, None, :]


CODE_TWINS = {
    "blocks of different outputs left out": {"gram_of_outputs": _without_other_outputs},
    "the last layer's biases left out": {"gram_of_outputs": _without_biases},
    "the norm's Jacobian on one side only": {"behind": _jacobian_once},
    "statistics that are not differentiated": {"behind": _constant_statistics},
    "the norm left out": {"behind": lambda norm, outputs, gram: gram},
}


@pytest.mark.parametrize("name", tiered(CODE_TWINS, ("the norm's Jacobian on one side only",)))
def test_broken_code_is_red(name, monkeypatch):
    _broken(monkeypatch, **CODE_TWINS[name])
    experiment = GRAM.experiments[0]
    verdicts = [observed.run(experiment, check, DESIGN, 1, "twin/fisher").verdict for check in observed.checks(experiment)[1:]]
    assert Verdict.FAILS in verdicts


def test_the_code_as_it_is_is_green():
    experiment = GRAM.experiments[0]
    for check in observed.checks(experiment):
        found = observed.run(experiment, check, DESIGN, 1, "twin/fisher")
        assert found.verdict is Verdict.HOLDS, found.sentence


@pytest.mark.long
@pytest.mark.parametrize("number", range(len(HIDDEN_GRAM.experiments)))
def test_hidden_norms(number):
    experiment = HIDDEN_GRAM.experiments[number]
    for check in observed.checks(experiment):
        found = observed.run(experiment, check, DESIGN, 1, "twin/fisher")
        assert found.verdict is Verdict.HOLDS, found.sentence


STATED_TWINS = {
    "κ_1 and κ_2 swapped": (
        WITHOUT_NORM,
        1,
        {"stated": WITHOUT_NORM.experiments[1].stated.subs({s.kappa_1: s.kappa_2, s.kappa_2: s.kappa_1}, simultaneous=True)},
    ),
    "T for T − 1": (MEAN_SUBTRACTED, 0, {"stated": MEAN_SUBTRACTED.experiments[0].stated * s.T / (s.T - 1)}),
    "T − 1 for T − 2": (BATCH_NORM, 0, {"stated": BATCH_NORM.experiments[0].stated * (s.T - 1) / (s.T - 2)}),
    "the norm of evaluation": (BATCH_NORM, 0, {"model": Classifier(3, 4, last=BatchNormEvaluation)}),
    "the projector dropped": (BATCH_NORM, 0, {"model": Classifier(3, 4)}),
    "layer norm for batch norm": (BATCH_NORM, 0, {"model": Classifier(3, 4, last=LayerNorm)}),
    "C − 1 for C − 2": (LAYER_NORM, 0, {"stated": LAYER_NORM.experiments[0].stated * (s.C - 1) / (s.C - 2)}),
    "the root of the width": (NOT_THE_ROOT, 0, {"exponent": S.Half}),
    "fluctuations of all samples": (WITHOUT_NORM, 2, {"stated": WITHOUT_NORM.experiments[2].stated * s.T / (s.T - 1)}),
    "bounds exchanged": (LAYER_NORM, 1, {"lower": LAYER_NORM.experiments[1].upper, "upper": LAYER_NORM.experiments[1].lower}),
}


@pytest.mark.long
@pytest.mark.parametrize("name", STATED_TWINS)
def test_broken_statement_or_network_is_red(name):
    claim, number, changes = STATED_TWINS[name]
    experiment = replace(claim.experiments[number], **changes)
    check = observed.checks(experiment)[0]
    found = observed.run(experiment, check, Design(1e-8, 0.1), 1, "twin/fisher/stated")
    assert found.verdict is Verdict.FAILS, found.sentence


def test_a_rival_that_is_none_is_undecided():
    experiment = replace(BATCH_NORM.experiments[0], rival=Rival("what the claim says", BATCH_NORM.experiments[0].stated))
    found = observed.run(experiment, "trace_ratio", Design(1e-8, 0.1), 1, "twin/fisher/rival")
    assert found.verdict is Verdict.UNDECIDED and not found.rival["rejected"]


# Spectra


def test_lanczos_finds_the_largest_eigenvalues(monkeypatch):
    matrix = np.random.default_rng(1).normal(size=(300, 400))
    matrix = matrix @ matrix.T
    exact = np.linalg.eigvalsh(matrix)[::-1]
    monkeypatch.setattr(fisher, "DENSE", 100)
    found = np.asarray(fisher.eigenvalues(jnp.asarray(matrix), keys.stream(1, "lanczos")))
    assert len(found) == fisher.STEPS
    np.testing.assert_allclose(found[:5], exact[:5], rtol=1e-10)


def test_layers_from_gram_matrices_have_the_same_spectra():
    """Two samplers of one law: the mean trace, in standard errors."""
    model = Classifier(3, 2)
    found = [np.asarray(spectra(model, Sample(64, 4, sampler), keys.stream(1, "samplers", sampler), 1024).trace) for sampler in Sampler]
    error = np.sqrt(sum(each.var() / len(each) for each in found))
    assert abs(found[0].mean() - found[1].mean()) < 6.2 * error and 6.2 * error < 0.06 * found[0].mean()


def test_gram_matrices_do_not_do_for_hidden_norms():
    with pytest.raises(ValueError, match="no hidden layer has a norm"):
        spectra(classifier(BatchNorm, Where.HIDDEN, 3, 1), Sample(64, 4, Sampler.GRAM), keys.stream(1, "hidden"), 1)


@pytest.mark.parametrize("width", tiered((32, 96), (32,)))
def test_bounds_that_are_certain(width):
    """λ_max is between tr F²/tr F and the root of tr F², and above the squared mean activation, in every network."""
    found = spectra(Classifier(3, 2), Sample(width, 8), keys.stream(1, "certain", width), 32)
    largest = found.eigenvalues[:, 0]
    for lower in (found.square / found.trace, found.mean_activation, found.trace / 16):
        assert (largest >= lower * (1 - 1e-12)).all()
    assert (largest <= np.sqrt(found.square)).all()


# Norms by their definitions

REMOVES = (
    "batch_norm",
    "mean_only_batch_norm",
    "l1_batch_norm",
    "leave_one_out_batch_norm",
    "ghost_batch_norm",
    "batch_norm_epsilon",
)
RANKS = {"none": 16, "batch_norm": 8, "mean_only_batch_norm": 12, "layer_norm": 8, "rms_norm": 12, "batch_rms_norm": 12}


@pytest.mark.parametrize("name", [name for name in NORMS if "pool" not in name and name != "switchable_norm"])
def test_what_a_definition_says_of_the_outliers(name):
    found = behaviour(NORMS[name])
    assert found.growth is (Growth.BELOW_ITS_ROOT if name in REMOVES else Growth.LIKE_THE_WIDTH), found
    if name in RANKS:
        assert (found.samples, found.outputs, found.rank) == (4, 4, RANKS[name])


def test_two_numbers_leave_nothing():
    assert behaviour(BatchNorm, 2, 3).growth is Growth.NOTHING and behaviour(LayerNorm, 3, 2).growth is Growth.NOTHING
    assert behaviour(MeanOnlyBatchNorm, 2, 3).rank == 3 and behaviour(MeanOnlyLayerNorm, 3, 2).rank == 3


@pytest.mark.parametrize(
    "name", tiered(("batch_norm", "layer_norm", "rms_norm", "batch_rms_norm", "l1_batch_norm"), ("batch_norm", "layer_norm"))
)
def test_ranks_of_definitions_are_ranks_of_networks(name):
    norm = NORMS[name]
    model = Classifier(3, 4, last=norm)
    found = spectra(model, Sample(32, 4), keys.stream(1, "ranks", name), 2)
    ranks = (found.eigenvalues > 1e-11 * found.eigenvalues[:, :1]).sum(axis=1)
    assert (ranks == behaviour(norm).rank).all()


# The acceptance table, at sizes solved by the design


def _table(experiment, name, seed=1):
    return observed.run(experiment, name, DESIGN, seed, "table")


EXPERIMENTS = {
    "second moment behind the batch mean": SpectralRatio(
        Classifier(3, 4, last=MeanOnlyBatchNorm),
        S(6),
        (512, 4096),
        Spectral.SQUARE,
        stated=s.C * (s.T - 1) * (s.widths * s.N * (s.kappa_1 - s.kappa_2) / s.T) ** 2,
        rival=Rival("T for T − 1", s.C * s.T * (s.widths * s.N * (s.kappa_1 - s.kappa_2) / s.T) ** 2),
    ),
    "tanh without a norm": SpectralRatio(
        Classifier(3, 4, TANH),
        S(6),
        (512, 4096),
        Spectral.OUTLIERS,
        stated=s.widths * s.N * ((s.T - 1) / s.T * s.kappa_2 + s.kappa_1 / s.T),
        rival=Rival("all samples alike", s.widths * s.N * s.kappa_1),
    ),
    "tanh behind batch norm": SpectralRatio(
        Classifier(3, 4, TANH, BatchNorm),
        S(6),
        (512, 4096),
        Spectral.TRACE,
        stated=s.widths * s.N * (1 - 2 / s.T) * (s.kappa_1 - s.kappa_2) * s.inverse_squares,
        rival=Rival("T − 1 for T − 2", s.widths * s.N * (1 - 1 / s.T) * (s.kappa_1 - s.kappa_2) * s.inverse_squares),
    ),
    "hidden layer norm": SpectralRatio(
        classifier(LayerNorm, Where.HIDDEN, 3, 2),
        S(8),
        (32, 64, 128),
        Spectral.OUTLIERS,
        stated=s.widths * s.N * ((s.T - 1) / s.T * s.kappa_2 + s.kappa_1 / s.T),
        rival=Rival("as without a norm", 2 * s.widths * s.N * ((s.T - 1) / s.T * s.kappa_2 + s.kappa_1 / s.T)),
    ),
}


@pytest.mark.long
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_acceptance_ratios(name):
    experiment = EXPERIMENTS[name]
    found = _table(experiment, observed.checks(experiment)[0])
    assert found.verdict is Verdict.HOLDS, found.sentence


@pytest.mark.long
@pytest.mark.parametrize("name", ["tanh", "erf"])
def test_odd_activations_behind_hidden_batch_norm(name):
    """λ_max below 12, and not growing, with as many samples as units."""
    network = replace(TANH, activation=ACTIVATIONS[name])
    for width in (48, 96):
        found = spectra(classifier(BatchNorm, Where.HIDDEN, 3, 1, network), Sample(width, width), keys.stream(1, "odd", name, width), 4)
        assert (found.eigenvalues[:, 0] < 12).all()


def test_evaluation_knows_what_it_is_not_given():
    with pytest.raises(ValueError, match="nothing gives"):
        evaluate(s.a, Classifier(3, 1), 8, 4)
    assert evaluate(s.aspect * s.C, Classifier(3, 5), 8, 4) == 10
