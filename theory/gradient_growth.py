r"""The growth of squared gradients per layer, norm by norm and placement by placement."""

from sympy import Expr, Limit, Rational, S, asin, oo, pi, sqrt, tanh

from theory import symbols as s
from theory.activations import ACTIVATIONS, Activation, PiecewiseLinear
from theory.claim import ENCLOSED, EXACT, Claim, Interval, Kind, Relation, Source, Statement, Step, derived_here
from theory.depth import RECURSION
from theory.experiments import GradientGrowth, Rival
from theory.gaussian import OVERLAP
from theory.gaussian_functions import expectation, kappa
from theory.gradients import DEEP_INFORMATION, POINCARE, PROJECTOR, SIMULATED, factor_between, overlap_slope
from theory.layer_statistics import CONCENTRATION
from theory.network import Network, Placement
from theory.norms import BatchNorm, LayerNorm, RMSNorm, group_norm
from theory.placements import GAIN, LAYER_NORM_POST, LAYER_NORM_PRE, POWER

MEAN_FIELD_BATCH_NORM = "arXiv 1902.08129"

BIAS = Interval(s.bias_deviation, 0, oo)
_GAIN = {"weight_variance": s.weight_variance}
_BOTH = {**_GAIN, "bias_variance": s.bias_variance}
_LAYERS = (2, 7)
EXPLOSION = pi / (pi - 1)

_plain = Network(**_GAIN)

WITHOUT_NORM = Claim(
    id="gradient_without_norm",
    title="Gradients without a norm: critical at σ_w² = 2",
    says=r"Behind a ReLU layer the squared gradient is multiplied by $\chi = \sigma_w^2/2$ whatever the bias: it is kept at $\sigma_w^2 = 2$ alone. There the power is kept too if $\sigma_b = 0$, "
    r"and for $\sigma_w^2 < 2$ it tends to $q^* = \sigma_b^2/(1-\sigma_w^2/2)$, where the map of overlaps has slope χ at $c = 1$.",
    kind=Kind.THEOREM,
    source=Source(DEEP_INFORMATION, "for ReLU: arXiv 1502.01852, Sec. 2.2"),
    domain=(OVERLAP, POWER, GAIN, BIAS, Interval(s.t, 0, 1)),
    rests_on=(*SIMULATED, RECURSION),
    statements=(
        Statement("factor", derived=factor_between(Network(**_BOTH)), stated=s.weight_variance / 2),
        Statement("critical_gain", derived=factor_between(Network(weight_variance=2, bias_variance=s.bias_variance)), stated=1),
        Statement(
            "fixed_power",
            derived=Network(weight_variance=2 * s.t, bias_variance=s.bias_variance)
            .layer_map()
            .power.subs(s.q, s.bias_variance / (1 - s.t)),
            stated=s.bias_variance / (1 - s.t),
            reason=r"here $\sigma_w^2 = 2t$",
        ),
        Statement(
            "slope_of_overlaps",
            derived=Network(weight_variance=2 * s.t, bias_variance=s.bias_variance)
            .layer_map()
            .overlap.diff(s.c)
            .subs(s.c, 1)
            .subs(s.q, s.bias_variance / (1 - s.t))
            / (s.bias_variance / (1 - s.t)),
            stated=s.t,
            reason="at the fixed power",
        ),
        Statement(
            "slope_of_overlaps_without_bias",
            derived=overlap_slope(_plain),
            stated=1,
            reason="without a bias the map of overlaps does not depend on the gain, and the gradient does",
        ),
    ),
    experiments=(
        GradientGrowth(
            Network(weight_variance=Rational(3, 2)),
            _LAYERS,
            factor=Rational(3, 4),
            rival=Rival("no unit is switched off on the way back", Rational(3, 2)),
        ),
    ),
    long=True,
)

_ln_pre, _rms_pre, _rms_post = (
    Network(norm, place, **_BOTH) for norm, place in ((LayerNorm, Placement.PRE), (RMSNorm, Placement.PRE), (RMSNorm, Placement.POST))
)

LAYER_NORM_BEFORE = Claim(
    id="gradient_of_layer_norm_before_relu",
    title="LN → ReLU and RMSNorm: critical at every gain",
    says=r"Layer norm before ReLU, and RMSNorm before or after, divide by the root of a power that the gain has made, and gradients with it: $\chi = \sigma_w^2/(\sigma_w^2 + 2\sigma_b^2)$ before and "
    r"$\sigma_w^2/(\sigma_w^2+\sigma_b^2)$ after. Without a bias χ = 1 at every gain, and with one χ < 1: the critical line is $\sigma_b = 0$.",
    kind=Kind.FINDING,
    source=derived_here(),
    domain=(OVERLAP, POWER, GAIN, BIAS),
    rests_on=(*SIMULATED, PROJECTOR, CONCENTRATION, LAYER_NORM_PRE),
    statements=(
        *(
            Statement(f"{name}_factor", derived=factor_between(network), stated=stated)
            for name, network, stated in (
                ("layer_norm_before", _ln_pre, s.weight_variance / (s.weight_variance + 2 * s.bias_variance)),
                ("rms_norm_before", _rms_pre, s.weight_variance / (s.weight_variance + 2 * s.bias_variance)),
                ("rms_norm_after", _rms_post, s.weight_variance / (s.weight_variance + s.bias_variance)),
            )
        ),
        Statement("every_gain_is_critical", derived=factor_between(Network(LayerNorm, Placement.PRE, **_GAIN)), stated=1),
        Statement(
            "slope_of_overlaps",
            derived=overlap_slope(_ln_pre),
            stated=s.weight_variance / (s.weight_variance + 2 * s.bias_variance),
            reason="the same number",
        ),
        Statement(
            "any_bias_is_ordered",
            derived=1,
            stated=s.weight_variance / (s.weight_variance + 2 * s.bias_variance),
            relation=Relation.GREATER,
            steps=(Step(2 * s.bias_variance / (s.weight_variance + 2 * s.bias_variance), "one fraction"),),
            reason="positive terms",
        ),
    ),
    experiments=(
        GradientGrowth(
            Network(LayerNorm, Placement.PRE, weight_variance=3),
            _LAYERS,
            factor=S.One,
            rival=Rival("the gain acts as without a norm", Rational(3, 2)),
        ),
    ),
    long=True,
)

_ln_post = Network(LayerNorm, Placement.POST, **_BOTH)
_ln_post_factor = EXPLOSION * s.weight_variance / (s.weight_variance + s.bias_variance)

LAYER_NORM_AFTER = Claim(
    id="gradient_of_layer_norm_after_relu",
    title="ReLU → LN: gradients explode as with batch norm, unless a bias stops them",
    says=r"Layer norm after ReLU divides by the deviation of a rectified Gaussian, smaller than the root mean square by $\sqrt{1-1/\pi}$: $\chi = \frac{\pi}{\pi-1}\frac{\sigma_w^2}{\sigma_w^2+\sigma_b^2}$, "
    r"the slope at $c = 1$ of its map of overlaps. Without a bias it is batch norm's $\pi/(\pi-1)$ at every gain; with one there is a critical line, $\sigma_b^2 = \sigma_w^2/(\pi-1)$.",
    kind=Kind.FINDING,
    source=derived_here(),
    domain=(OVERLAP, POWER, GAIN, BIAS),
    rests_on=(*SIMULATED, PROJECTOR, LAYER_NORM_POST),
    statements=(
        Statement("factor", derived=factor_between(_ln_post), stated=_ln_post_factor),
        Statement("without_bias", derived=factor_between(Network(LayerNorm, Placement.POST, **_GAIN)), stated=pi / (pi - 1)),
        Statement("slope_of_overlaps", derived=overlap_slope(_ln_post), stated=_ln_post_factor, witnesses=EXACT, reason="the same number"),
        Statement(
            "critical_bias",
            derived=factor_between(Network(LayerNorm, Placement.POST, **_GAIN, bias_variance=s.weight_variance / (pi - 1))),
            stated=1,
        ),
    ),
    experiments=(
        GradientGrowth(
            Network(LayerNorm, Placement.POST),
            _LAYERS,
            factor=pi / (pi - 1),
            rival=Rival("critical, as before the activation", S.One),
        ),
        GradientGrowth(
            Network(LayerNorm, Placement.POST, bias_variance=2 / (pi - 1)),
            _LAYERS,
            factor=S.One,
            rival=Rival("a bias does not matter, as with batch norm", pi / (pi - 1)),
        ),
    ),
    long=True,
)

_bn_pre, _bn_post = (Network(BatchNorm, place, **_GAIN) for place in (Placement.PRE, Placement.POST))
_linear, _sine, _erf = (Network(BatchNorm, Placement.PRE, ACTIVATIONS[name], **_GAIN) for name in ("identity", "sine", "erf"))

BATCH_NORM = Claim(
    id="gradient_of_batch_norm",
    title="BN → ReLU: gradients explode at every gain",
    says=r"In the full batch the squared gradient is multiplied by $\chi = E f'(Z)^2/\mathrm{Var} f(Z)$, for ReLU by $\pi/(\pi-1)$, whatever the gain and the bias: batch norm divides by the deviation that the gain "
    r"has made from $\mathrm{Var} f$, while gradients see $E f'^2$. By Poincaré's inequality χ > 1 for every activation that is not affine: there is no edge of chaos.",
    kind=Kind.THEOREM,
    source=Source(MEAN_FIELD_BATCH_NORM, "gradient explosion of BN → ReLU; by Poincaré's inequality derived here"),
    domain=(GAIN, BIAS),
    rests_on=(*SIMULATED, PROJECTOR, POINCARE),
    statements=(
        Statement("factor", derived=factor_between(_bn_pre), stated=pi / (pi - 1)),
        Statement("with_bias", derived=factor_between(Network(BatchNorm, Placement.PRE, **_BOTH)), stated=pi / (pi - 1)),
        Statement(
            "from_integrals",
            derived=expectation(S.One, low=0) / (expectation(s.z**2, low=0) - expectation(s.z, low=0) ** 2),
            stated=pi / (pi - 1),
            reason=r"$E f'(Z)^2/\mathrm{Var} f(Z)$ of a rectifier",
        ),
        Statement("identity", derived=factor_between(_linear), stated=1, reason="affine: equality in Poincaré's inequality"),
        Statement(
            "erf",
            derived=factor_between(_erf),
            stated=2 / (sqrt(5) * asin(Rational(2, 3))),
            reason=r"$E f'^2$ and $E f^2$ at unit variance",
        ),
        Statement(
            "sine", derived=factor_between(_sine), stated=1 / tanh(1), witnesses=ENCLOSED, reason=r"$e^{-1}\cosh 1$ over $e^{-1}\sinh 1$"
        ),
        Statement("rectifier_explodes", derived=pi / (pi - 1), stated=1, relation=Relation.GREATER, reason=r"$1/(\pi-1) > 0$"),
    ),
    experiments=(
        GradientGrowth(
            Network(BatchNorm, Placement.PRE, weight_variance=1),
            _LAYERS,
            factor=pi / (pi - 1),
            rival=Rival("the norm keeps gradients as it keeps activations", S.One),
        ),
    ),
    long=True,
)

_ANY_SLOPE = Activation("any", PiecewiseLinear(s.alpha))
_kappa = kappa(-1 / (s.B - 1))
_in_batches = (
    s.B
    / ((s.B - 1) * (s.B - 3))
    * (s.B - 3 + 2 / s.B + (s.B - 1) / s.B * (Rational(1, 2) - asin(1 / (s.B - 1)) / pi + _kappa))
    / (1 - _kappa)
)
_EIGHT = 8


def batch_norm_factor(batch: int) -> Expr:
    """χ_B of BN → ReLU in batches of B."""
    return _in_batches.subs(s.B, batch)


BATCHES = Claim(
    id="gradient_of_batch_norm_in_batches",
    title="BN → ReLU in batches: gradients explode faster the smaller the batch",
    says=r"In batches of B > 3, $\chi_B = \frac{B}{(B-1)(B-3)}\frac{B-3+\frac2B+\frac{B-1}B(\frac12-\frac1\pi\arcsin\frac1{B-1}+\kappa_B)}{1-\kappa_B}$, $\kappa_B = \kappa(-\frac1{B-1})$, at every gain: 1.788 at 8, "
    r"1.590 at 16, and $\pi/(\pi-1)$ for B → ∞; infinite for B ≤ 3. For the identity it is $(B-2)/(B-3)$. Left out, the projections would make it 2.134 at 8.",
    kind=Kind.FINDING,
    source=derived_here("derived here; full batch in " + MEAN_FIELD_BATCH_NORM),
    domain=(GAIN, Interval(s.B, 3, oo), Interval(s.alpha, -oo, oo), Interval(s.epsilon, 0, 1)),
    rests_on=(*SIMULATED, PROJECTOR, BATCH_NORM),
    statements=(
        Statement("factor", derived=factor_between(Network(BatchNorm, Placement.PRE, **_GAIN, batch_size=s.B)), stated=_in_batches),
        Statement(
            "identity",
            derived=factor_between(Network(BatchNorm, Placement.PRE, ACTIVATIONS["identity"], **_GAIN, batch_size=s.B)),
            stated=(s.B - 2) / (s.B - 3),
        ),
        Statement(
            "full_batch",
            derived=Limit(_in_batches.subs(s.B, 1 + 1 / s.epsilon), s.epsilon, 0, "+"),
            stated=pi / (pi - 1),
            witnesses=EXACT,
            reason=r"$\epsilon = 1/(B-1)$",
        ),
    ),
    experiments=(
        GradientGrowth(
            Network(BatchNorm, Placement.PRE, batch_size=_EIGHT),
            _LAYERS,
            factor=batch_norm_factor(_EIGHT),
            rival=Rival(
                "the norm's statistics are not differentiated",
                Rational(_EIGHT, _EIGHT - 3) / (1 - kappa(-Rational(1, _EIGHT - 1))),
            ),
        ),
        GradientGrowth(
            Network(BatchNorm, Placement.PRE, batch_size=16, weight_variance=1),
            _LAYERS,
            factor=batch_norm_factor(16),
            rival=Rival("as in the full batch", pi / (pi - 1)),
        ),
    ),
    long=True,
)

BATCH_NORM_AFTER = Claim(
    id="gradient_of_batch_norm_after_relu",
    title="ReLU → BN: gradients explode at the same rate",
    says=r"After the activation batch norm divides by the deviation of a rectified Gaussian, which is what it meets before it: $\chi = \pi/(\pi-1)$ in the full batch, at every gain. So the norm that is neutral "
    r"(γ = 0) explodes as the one that is prejudiced.",
    kind=Kind.FINDING,
    source=derived_here(),
    domain=(GAIN,),
    rests_on=(*SIMULATED, PROJECTOR, BATCH_NORM),
    statements=(
        Statement("factor", derived=factor_between(_bn_post), stated=pi / (pi - 1)),
        Statement("same_as_before", derived=factor_between(_bn_post) - factor_between(_bn_pre), stated=0),
    ),
    experiments=(
        GradientGrowth(
            Network(BatchNorm, Placement.POST),
            _LAYERS,
            factor=pi / (pi - 1),
            rival=Rival("neutral networks keep their gradients", S.One),
        ),
    ),
    long=True,
)

GROUPS = Claim(
    id="gradient_of_group_norm",
    title="Group norm before ReLU: (g − 2)/(g − 3)",
    says=r"Group norm standardises g units, whose gradients are independent: the projector leaves $g - 2$ of g, $E\,1/\hat\sigma^2 = g/(q(g-3))$, and so $\chi = (g-2)/(g-3)$ at every gain, for every piecewise linear "
    r"activation: layer norm's 1 as g → ∞, and infinite for g ≤ 3.",
    kind=Kind.FINDING,
    source=derived_here(),
    domain=(GAIN, Interval(s.alpha, -oo, oo)),
    rests_on=(*SIMULATED, PROJECTOR),
    statements=tuple(
        Statement(
            f"groups_of_{size}",
            derived=factor_between(Network(group_norm(size), Placement.PRE, _ANY_SLOPE, **_GAIN)),
            stated=Rational(size - 2, size - 3),
        )
        for size in (4, 8, 16)
    ),
    experiments=(
        GradientGrowth(
            Network(group_norm(8), Placement.PRE),
            _LAYERS,
            factor=Rational(6, 5),
            rival=Rival("critical, as layer norm", S.One),
        ),
    ),
    long=True,
)

CLAIMS = (WITHOUT_NORM, LAYER_NORM_BEFORE, LAYER_NORM_AFTER, BATCH_NORM, BATCHES, BATCH_NORM_AFTER, GROUPS)
