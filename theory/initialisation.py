r"""Inputs that are not standardised, gains and biases that are not Kaiming's, and numbers that are not Gaussian.

The first shift the overlap that the recursion starts from, the second change its map, the third change nothing but how fast the limit is
reached.
"""

from sympy import Expr, Integral, Rational, S, asin, pi, sqrt

from theory import symbols as s
from theory.activations import ACTIVATIONS
from theory.assumptions import GAUSSIAN_DATA, INDEPENDENCE, MEAN_FIELD_LIMIT
from theory.claim import EXACT, IGB, Claim, Interval, Kind, Source, Statement, derived_here
from theory.clt import GRAM_SAMPLER, LYAPUNOV
from theory.depth import RECURSION, pair_moment
from theory.distributions import HALVINGS, Distribution
from theory.experiments import Prejudice, Rival
from theory.gaussian import KAPPA_SHAPE, OVERLAP
from theory.gaussian_functions import expectation, gamma_of, kappa
from theory.law import gaussian_data
from theory.network import Network, Placement
from theory.norms import BatchNorm, LayerNorm
from theory.placements import BATCH, BATCH_NORM_PRE, LAYER_NORM_POST, batch_norm_pre_overlap
from theory.smooth_activations import TWO_POINT_MOMENTS

SETTING = (MEAN_FIELD_LIMIT, INDEPENDENCE, GAUSSIAN_DATA, LYAPUNOV, GRAM_SAMPLER)
DELTA = Rational(1, 2)

_shifted = gaussian_data(shift=s.delta)
_overlap_of_shift = s.delta**2 / (1 + s.delta**2)
_start = _overlap_of_shift.subs(s.delta, DELTA)
_after_layer_norm = (pi * kappa(s.c) - 1) / (pi - 1)

SHIFT = Claim(
    id="standardisation_shift",
    title="A mean left in the inputs is an overlap",
    says=r"Inputs $N(\delta, 1)$ have overlap $c_0 = \delta^2/(1+\delta^2)$, that is $\gamma_0 = \delta^2$. Without a norm the recursion $c_{l+1} = \kappa(c_l)$ starts "
    r"there; ReLU → LN damps it by at most $\pi/(2(\pi-1))$ per layer near zero and does not remove it; BN → ReLU forgets it at once.",
    kind=Kind.THEOREM,
    source=Source(IGB, "standardisation shift; overlap derived here"),
    domain=(Interval(s.delta, -5, 5),),
    rests_on=(*SETTING, RECURSION, LAYER_NORM_POST, BATCH_NORM_PRE),
    statements=(
        Statement(
            "overlap",
            derived=pair_moment((s.delta + s.w) * (s.delta + s.z)),
            stated=s.delta**2,
            witnesses=EXACT,
            reason="one coordinate of two samples",
        ),
        Statement("power", derived=expectation((s.delta + s.z) ** 2), stated=1 + s.delta**2, reason="one coordinate of one sample"),
        Statement("correlation", derived=_shifted.correlation, stated=s.delta**2 / (1 + s.delta**2), reason="of the input's law"),
        Statement("gamma_of_the_inputs", derived=_shifted.gamma, stated=s.delta**2),
        Statement(
            "gamma_without_hidden_layers",
            derived=gamma_of(Network(input_shift=s.delta).dense.on_law(_shifted).correlation),
            stated=s.delta**2,
            reason="a dense layer without bias keeps c",
        ),
    ),
    experiments=(
        Prejudice(
            Network(input_shift=0.5),
            depths=(1, 2),
            overlap_map=kappa(s.c),
            rival=Rival("the shift is ignored", kappa(s.c)),
            rival_depth=2,
            start=(_start,),
        ),
        Prejudice(
            Network(LayerNorm, Placement.POST, input_shift=0.5),
            depths=(1,),
            overlap_map=_after_layer_norm,
            rival=Rival("layer norm after the activation removes the shift", s.c * 0),
            rival_depth=1,
            start=(_start,),
        ),
        Prejudice(
            Network(BatchNorm, Placement.PRE, batch_size=BATCH, input_shift=0.5),
            depths=(1,),
            overlap_map=batch_norm_pre_overlap(BATCH),
            rival=Rival("the shift passes batch norm", kappa(_start)),
            rival_depth=1,
            start=(_start,),
        ),
    ),
)

_gain, _bias = s.weight_variance, s.bias_variance
_general = {"weight_variance": _gain, "bias_variance": _bias}
_erf = ACTIVATIONS["erf"]
_relu_map = (_gain * s.q / 2 * kappa(s.c) + _bias) / (_gain * s.q / 2 + _bias)
_relu_power = _gain * s.q / 2 + _bias
_norm_map = (_gain * (pi * kappa(s.c) - 1) / (pi - 1) + _bias) / (_gain + _bias)
_erf_power = 2 * _gain / pi * asin(2 * s.q / (1 + 2 * s.q)) + _bias
_erf_map = (2 * _gain / pi * asin(2 * s.c * s.q / (1 + 2 * s.q)) + _bias) / _erf_power
_first_overlap, _first_power = (_gain * s.c + _bias) / (_gain + _bias), _gain + _bias
_fixed_power = _bias / (1 - _gain / 2)
_first_layer = Network(**_general).dense.on_law(gaussian_data(s.c))
_relu, _norm = Network(**_general).layer_map(), Network(LayerNorm, Placement.POST, **_general).layer_map()
_erf_layer = Network(activation=_erf, **_general).layer_map()

RELU_GAIN, RELU_BIAS = 1.5, 0.3
ERF_GAIN, ERF_BIAS = 3.0, 0.2


def at(f: Expr, gain: float, bias: float, overlap: Expr = s.c) -> Expr:
    """A map at numbers for the gain, the bias variance and, of the inputs, the overlap."""
    numbers = {s.weight_deviation: sqrt(Rational(repr(gain))), s.bias_deviation: sqrt(Rational(repr(bias))), s.c: overlap}
    return f.subs(numbers)


def first(gain: float, bias: float, overlap: Expr) -> tuple[Expr, Expr]:
    """Stated c and q of the first pre-activations."""
    return at(_first_overlap, gain, bias, overlap), at(_first_power, gain, bias)


GAIN_AND_BIAS = Claim(
    id="gain_and_bias",
    title="Gain and bias variance: all samples share the biases",
    says=r"A bias is one number for all samples, so it adds σ_b² to the covariance and to the power. ReLU: $c' = (\frac{\sigma_w^2q}2\kappa(c) + \sigma_b^2)/q'$, "
    r"$q' = \frac{\sigma_w^2q}2 + \sigma_b^2$; with $\sigma_w^2 < 2$, $1 - c$ falls by $\sigma_w^2/2$ per layer in the end: γ grows geometrically, not like L². "
    r"ReLU → LN: $c' = (\sigma_w^2\frac{\pi\kappa(c)-1}{\pi-1} + \sigma_b^2)/(\sigma_w^2+\sigma_b^2)$: no longer neutral, and for $\sigma_b^2 > \sigma_w^2/(\pi-1)$ deeply "
    r"prejudiced ($c = 1$ attracts). erf: $q' = \frac{2\sigma_w^2}\pi\arcsin\frac{2q}{1+2q} + \sigma_b^2$, and $c'q'$ the same of $cq$.",
    long=True,
    kind=Kind.THEOREM,
    source=derived_here("derived here; the ReLU recursion is arXiv 2306.00809's"),
    domain=(OVERLAP, *(Interval(symbol, 0, S.Infinity) for symbol in (s.q, s.weight_deviation, s.bias_deviation))),
    rests_on=(*SETTING, RECURSION, LAYER_NORM_POST, TWO_POINT_MOMENTS, KAPPA_SHAPE),
    statements=(
        Statement("first_overlap", derived=_first_layer.correlation, stated=_first_overlap, reason="of inputs of overlap c"),
        Statement("first_power", derived=_first_layer.power, stated=_first_power),
        Statement("relu_overlap", derived=_relu.correlation, stated=_relu_map),
        Statement("relu_power", derived=_relu.power, stated=_relu_power),
        Statement(
            "relu_power_settles",
            derived=_relu.power.subs(s.q, _fixed_power),
            stated=_fixed_power,
            reason=r"attracting for $\sigma_w^2 < 2$",
        ),
        Statement(
            "relu_slope_at_one",
            derived=_relu_map.diff(s.c).subs(s.q, _fixed_power).subs(s.c, 1),
            stated=_gain / 2,
            reason=r"$\kappa'(1) = 1$, at the settled power: $1 - c$ falls geometrically",
        ),
        Statement("layer_norm_overlap", derived=_norm.correlation, stated=_norm_map),
        Statement("layer_norm_power", derived=_norm.power, stated=_gain + _bias, reason="the norm's power is one"),
        Statement(
            "layer_norm_slope_at_one",
            derived=_norm_map.diff(s.c).subs(s.c, 1),
            stated=_gain / (_gain + _bias) * pi / (pi - 1),
            reason=r"$\kappa'(1) = 1$",
        ),
        Statement(
            "layer_norm_threshold",
            derived=_norm_map.diff(s.c).subs(s.c, 1).subs(s.bias_deviation, s.weight_deviation / sqrt(pi - 1)),
            stated=1,
            reason=r"at $\sigma_b^2 = \sigma_w^2/(\pi-1)$; with more bias the slope is below one and $c = 1$ attracts",
        ),
        Statement("erf_overlap", derived=_erf_layer.overlap, stated=_erf_map * _erf_power),
        Statement("erf_power", derived=_erf_layer.power, stated=_erf_power),
    ),
    experiments=(
        Prejudice(
            Network(weight_variance=RELU_GAIN, bias_variance=RELU_BIAS),
            depths=(1, 2),
            overlap_map=at(_relu_map, RELU_GAIN, RELU_BIAS),
            rival=Rival("the biases are ignored", kappa(s.c)),
            rival_depth=2,
            power_map=at(_relu_power, RELU_GAIN, RELU_BIAS),
            start=first(RELU_GAIN, RELU_BIAS, S.Zero),
        ),
        Prejudice(
            Network(LayerNorm, Placement.POST, weight_variance=RELU_GAIN, bias_variance=RELU_BIAS),
            depths=(1, 2),
            overlap_map=at(_norm_map, RELU_GAIN, RELU_BIAS),
            rival=Rival("layer norm after the activation is neutral with biases too", s.c * 0),
            rival_depth=2,
            start=first(RELU_GAIN, RELU_BIAS, S.Zero)[:1],
        ),
        Prejudice(
            Network(activation=_erf, weight_variance=ERF_GAIN, bias_variance=ERF_BIAS, input_overlap=0.5),
            depths=(1, 2),
            overlap_map=at(_erf_map, ERF_GAIN, ERF_BIAS),
            rival=Rival("the biases are ignored", asin(2 * s.c * s.q / (1 + 2 * s.q)) / asin(2 * s.q / (1 + 2 * s.q))),
            rival_depth=2,
            power_map=at(_erf_power, ERF_GAIN, ERF_BIAS),
            start=first(ERF_GAIN, ERF_BIAS, Rational(1, 2)),
        ),
    ),
)


def moment(distribution: Distribution, order: int) -> Expr:
    """E of an even power of one number, from the distribution's definition."""
    match distribution:
        case Distribution.GAUSSIAN:
            return expectation(s.z**order)
        case Distribution.UNIFORM:
            return Integral(s.x**order / (2 * sqrt(3)), (s.x, -sqrt(3), sqrt(3)))
        case Distribution.RADEMACHER:
            return (S(1) ** order + S(-1) ** order) / 2
        case Distribution.SPARSE:
            return S(2) ** -HALVINGS * (sqrt(S(2) ** HALVINGS)) ** order


_FOURTH = {Distribution.GAUSSIAN: 3, Distribution.UNIFORM: Rational(9, 5), Distribution.RADEMACHER: 1, Distribution.SPARSE: 4}
_edgeworth = 1 + s.x / 24 * (s.z**4 - 6 * s.z**2 + 3)
_UNIFORM = Network(LayerNorm, Placement.POST, bias_variance=0.5, weights=Distribution.UNIFORM, inputs=Distribution.UNIFORM)
_SPARSE = Network(bias_variance=0.5, weights=Distribution.SPARSE, inputs=Distribution.SPARSE)


def narrowed(network: Network, factor: Expr) -> tuple[float, float]:
    """Gain and bias of a network whose weights have a variance that is off by a factor."""
    return float(factor * network.weight_variance), float(network.bias_variance)


UNIVERSALITY = Claim(
    id="universality_of_weights_and_inputs",
    title="Only the variance of weights and inputs matters",
    says=r"Independent weights and input coordinates of mean zero and matched variance give the Gaussian network's γ in the limit of infinite width: uniform, "
    r"Rademacher or sparse. A pre-activation is a sum of N such terms, its fourth cumulant $(\mu_4-3)/N$ of the squared variance, so what is left is O(1/N). "
    r"Biases are no sums: their law would matter.",
    long=True,
    kind=Kind.THEOREM,
    source=derived_here("derived here: central limit theorem, with its rate"),
    domain=(Interval(s.N, 0, S.Infinity), Interval(s.fourth, 1, S.Infinity), Interval(s.x, -1, 1)),
    rests_on=(MEAN_FIELD_LIMIT, LYAPUNOV, RECURSION, LAYER_NORM_POST, GAIN_AND_BIAS),
    statements=(
        *(
            Statement(f"{each.value}_variance", derived=moment(each, 2), stated=1, witnesses=EXACT, reason="its definition")
            for each in Distribution
        ),
        *(
            Statement(
                f"{each.value}_fourth_moment", derived=moment(each, 4), stated=_FOURTH[each], witnesses=EXACT, reason="its definition"
            )
            for each in Distribution
        ),
        Statement(
            "fourth_moment_of_a_sum",
            derived=(s.N * s.fourth + 3 * s.N * (s.N - 1)) / s.N**2,
            stated=3 + (s.fourth - 3) / s.N,
            reason=r"$(\sum_jx_j)^4/N^2$: N fourth powers and 3N(N−1) products of two squares have a mean, all others vanish",
        ),
        Statement(
            "first_correction",
            derived=2 * expectation(s.z * _edgeworth, low=0),
            stated=sqrt(2 / pi) * (1 - s.x / 24),
            reason=r"$E|Z|$ under the density $\varphi(z)(1 + \frac{x}{24}(z^4-6z^2+3))$ of excess kurtosis x: linear in $x = (\mu_4-3)/N$",
        ),
    ),
    experiments=(
        Prejudice(
            _UNIFORM,
            depths=(1,),
            overlap_map=at(_norm_map, 2.0, 0.5),
            rival=Rival(r"weights on $(-1, 1)$: a variance of 1/3, not matched", at(_norm_map, *narrowed(_UNIFORM, Rational(1, 3)))),
            rival_depth=1,
            start=first(2.0, 0.5, S.Zero)[:1],
        ),
        Prejudice(
            Network(weights=Distribution.RADEMACHER, inputs=Distribution.RADEMACHER),
            depths=(1, 2),
            overlap_map=kappa(s.c),
            rival=Rival(r"signs are not prejudiced further by depth: $c_{l+1} = 1/\pi$", 1 / pi),
            rival_depth=2,
        ),
        Prejudice(
            _SPARSE,
            depths=(1, 2),
            overlap_map=at(_relu_map, 2.0, 0.5),
            rival=Rival("weights are cut without rescaling those kept", at(_relu_map, *narrowed(_SPARSE, S(2) ** -HALVINGS))),
            rival_depth=2,
            power_map=at(_relu_power, 2.0, 0.5),
            start=first(2.0, 0.5, S.Zero),
        ),
    ),
)

CLAIMS = (SHIFT, GAIN_AND_BIAS, UNIVERSALITY)
