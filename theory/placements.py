r"""The four placement theorems of arXiv 2505.11312, and what follows from comparing them.

Each stated map is typed from the paper; each derived map comes from the stage algebra applied to the norm's
definition. The correlation $c$ of two samples is followed from one pre-activation to the next;
$\gamma = c/(1-c)$.
"""

from sympy import Expr, Limit, Max, Rational, exp, gamma, oo, pi, sin, sqrt

from theory import symbols as s
from theory.activations import ACTIVATIONS, Activation, PiecewiseLinear
from theory.assumptions import GAUSSIAN_DATA, INDEPENDENCE, MEAN_FIELD_LIMIT, NO_AFFINE, NO_EPSILON
from theory.claim import BOTH, ENCLOSED, EXACT, PAPER, Claim, Interval, Kind, Relation, Source, Statement, Step, derived_here
from theory.class_fraction import LAW as CLASS_FRACTION_LAW
from theory.clt import GRAM_SAMPLER, LYAPUNOV
from theory.depth import MONOTONE, RECURSION
from theory.experiments import ClassFraction, Neutral, Prejudice, Rival
from theory.gaussian import KAPPA_SHAPE, OVERLAP, SCALING, TWO_POINT
from theory.gaussian_functions import expectation, gamma_of, kappa, log_of, studentised_mean_modulus
from theory.law import Law
from theory.layer_statistics import CONCENTRATION
from theory.minibatch import STUDENTISED
from theory.network import Network, Placement
from theory.norms import BatchNorm, LayerNorm, Norm, RMSNorm

SETTING = (MEAN_FIELD_LIMIT, INDEPENDENCE, GAUSSIAN_DATA, NO_EPSILON, NO_AFFINE, LYAPUNOV)
SIMULATED = (*SETTING, GRAM_SAMPLER)
COUNTED = (*SIMULATED, CLASS_FRACTION_LAW)
DEPTHS = (1, 2, 3, 4)
POWER = Interval(s.q, 0, oo)
GAIN = Interval(s.weight_deviation, 0, oo)

BATCH = 32
_GAIN_ONLY = {"weight_variance": s.weight_variance}


def batch_norm_pre_overlap(batch: Expr) -> Expr:
    r"""$c = 2e^2$ with $e = E|y|/2$: the correlation behind BN → ReLU in batches of B."""
    return studentised_mean_modulus(batch) ** 2 / 2


def after_norm(norm: Norm, law: Law) -> Law:
    """A law taken through a norm's stages only."""
    for stage in norm.stages:
        law = stage.on_law(law)
    return law


_bn_pre = Network(BatchNorm, Placement.PRE, **_GAIN_ONLY).layer_map()
_bn_pre_batched = Network(BatchNorm, Placement.PRE, batch_size=s.nu + 2).layer_map()
_normalised = after_norm(BatchNorm, Network().layer_map())
_e = sqrt(s.nu + 1) * gamma((s.nu + 1) / 2) / (2 * sqrt(pi) * gamma(s.nu / 2 + 1))
_limit_of_e = exp(Limit(log_of(_e), s.nu, oo))

BATCH_NORM_PRE = Claim(
    id="batch_norm_before_relu",
    title="Theorem 4.1 = E.1: BN → ReLU does not amplify prejudice with depth",
    says=r"After batch norm each node is $N(0,1)$ over the data at every layer, so $\gamma = 1/(\pi-1)$ at every depth, whatever the input. "
    r"With batches of $B$, $\gamma_B = e^2/(\frac12-e^2)$, $e = \frac12E|y|$, at every depth, and $\gamma_B \to 1/(\pi-1)$.",
    kind=Kind.THEOREM,
    source=Source(PAPER, "Th. 4.1 = E.1, eqs (16)-(26)"),
    domain=(OVERLAP, POWER, GAIN, Interval(s.nu, 0, oo)),
    rests_on=(*COUNTED, SCALING, TWO_POINT, STUDENTISED),
    statements=(
        Statement("node_mean_after_norm", derived=_normalised.overlap, stated=0, reason="eq. (22): each node is centred over the data"),
        Statement("node_power_after_norm", derived=_normalised.power, stated=1, reason="eq. (22): each node has unit variance"),
        Statement("overlap", derived=_bn_pre.correlation, stated=1 / pi, reason="eqs (23)-(26): every layer starts from N(0, 1)"),
        Statement("gamma", derived=_bn_pre.gamma, stated=1 / (pi - 1)),
        Statement(
            "variance_of_centres", derived=_bn_pre.overlap, stated=s.weight_variance / (2 * pi), reason="eqs (17), (19) with m = 1/√(2π)"
        ),
        Statement(
            "gamma_from_integrals",
            derived=expectation(s.z, low=0) ** 2 / (expectation(s.z**2, low=0) - expectation(s.z, low=0) ** 2),
            stated=1 / (pi - 1),
            reason=r"$m^2/\mathrm{Var}\,a(Z)$ of a rectified standard Gaussian",
        ),
        Statement("gamma_in_batches", derived=_bn_pre_batched.gamma, stated=_e**2 / (Rational(1, 2) - _e**2), reason=r"here $B = \nu + 2$"),
        Statement(
            "full_batch_limit",
            derived=_limit_of_e**2 / (Rational(1, 2) - _limit_of_e**2),
            stated=1 / (pi - 1),
            witnesses=EXACT,
            reason=r"$e \to 1/\sqrt{2\pi}$, by the lemma on the standardised sample",
        ),
    ),
    experiments=(
        Prejudice(
            Network(BatchNorm, Placement.PRE, batch_size=BATCH),
            depths=DEPTHS,
            overlap_map=batch_norm_pre_overlap(BATCH),
            rival=Rival("batch norm before the activation amplifies like no norm", kappa(s.c)),
            rival_depth=3,
            rate_depth=4,
        ),
        Prejudice(
            Network(BatchNorm, Placement.PRE, batch_size=BATCH, input_overlap=0.2),
            depths=(1, 3),
            overlap_map=batch_norm_pre_overlap(BATCH),
            rival=Rival("the input overlap survives the norm", kappa(s.c)),
            rival_depth=1,
        ),
        ClassFraction(
            Network(BatchNorm, Placement.PRE, batch_size=8),
            depths=(1, 2, 3),
            overlap_map=batch_norm_pre_overlap(8),
            deviation=sqrt(s.gamma),
            rival=Rival("class fractions are neutral, as after the activation", s.gamma * 0),
            rival_depth=3,
        ),
    ),
)

_sloped = Network(BatchNorm, Placement.PRE, Activation("any", PiecewiseLinear(s.alpha)), **_GAIN_ONLY).layer_map()
_squared_mean = (1 - s.alpha) ** 2 / (2 * pi)
_sine = Network(BatchNorm, Placement.PRE, ACTIVATIONS["sine"], batch_size=BATCH)

DICHOTOMY = Claim(
    id="prejudice_dichotomy",
    title="Eqs (18)-(19): behind BN, prejudice exists exactly where E a(Z) ≠ 0",
    says=r"With $m = E\,a(Z)$, the centres of the outputs have variance $\sigma_w^2m^2$ and $\gamma = m^2/\mathrm{Var}\,a(Z)$: zero for odd activations, "
    r"finite otherwise. For $\max(z,0) + \alpha\min(z,0)$, $m = (1-\alpha)/\sqrt{2\pi}$.",
    kind=Kind.THEOREM,
    source=Source(PAPER, "Th. E.1, eqs (18), (19)"),
    domain=(GAIN, Interval(s.alpha, -oo, oo), Interval(s.sigma, 0, oo), OVERLAP, POWER),
    rests_on=(*SIMULATED, BATCH_NORM_PRE),
    statements=(
        Statement("variance_of_centres", derived=_sloped.overlap, stated=s.weight_variance * _squared_mean, reason="eq. (19)"),
        Statement("gamma", derived=_sloped.gamma, stated=_squared_mean / ((1 + s.alpha**2) / 2 - _squared_mean)),
        Statement("identity_is_neutral", derived=_sloped.gamma.subs(s.alpha, 1), stated=0, reason="eq. (18): the identity is odd"),
        Statement(
            "odd_is_neutral", derived=expectation(sin(s.sigma * s.z)), stated=0, reason="eq. (18): an odd function of a symmetric variable"
        ),
        Statement(
            "sine_power",
            derived=expectation(sin(s.sigma * s.z) ** 2),
            stated=(1 - exp(-2 * s.sigma**2)) / 2,
            reason="the variance does not vanish, so γ = 0",
        ),
        Statement("sine_overlap", derived=Network(BatchNorm, Placement.PRE, ACTIVATIONS["sine"]).overlap_map(), stated=0),
    ),
    experiments=(
        Prejudice(
            _sine,
            depths=(1, 3),
            overlap_map=s.c * 0,
            rival=Rival("an odd activation is prejudiced like a rectifier", batch_norm_pre_overlap(BATCH)),
            rival_depth=3,
        ),
        Prejudice(
            Network(BatchNorm, Placement.PRE, ACTIVATIONS["abs"], batch_size=BATCH),
            depths=(1, 3),
            overlap_map=4 * batch_norm_pre_overlap(BATCH) / 2,
            rival=Rival("the modulus is prejudiced like a rectifier", batch_norm_pre_overlap(BATCH)),
            rival_depth=3,
        ),
    ),
)

_relu_mean, _relu_deviation = 1 / sqrt(2 * pi), sqrt((pi - 1) / (2 * pi))
_bn_post = Network(BatchNorm, Placement.POST, **_GAIN_ONLY).layer_map()
_bn_post_batched = Network(BatchNorm, Placement.POST, batch_size=s.nu + 2).layer_map()

BATCH_NORM_POST = Claim(
    id="batch_norm_after_relu",
    title="Theorem 4.2 = E.2: ReLU → BN is neutral",
    says=r"Every node has data mean 0 and variance 1 after the norm, so the outputs are $N(0, \sigma_w^2)$ with centre 0: $\gamma = 0$ at every depth, "
    r"for every input and every batch size, since each batch is centred.",
    kind=Kind.THEOREM,
    source=Source(PAPER, "Th. 4.2 = E.2, eqs (62)-(81)"),
    domain=(
        OVERLAP,
        POWER,
        GAIN,
        *(Interval(symbol, 0, oo) for symbol in (s.nu, s.sigma)),
        *(Interval(symbol, -oo, oo) for symbol in (s.x, s.y)),
    ),
    rests_on=(*COUNTED, TWO_POINT),
    statements=(
        Statement(
            "dense_mean",
            derived=expectation(s.x * s.sigma * s.z),
            stated=0,
            equations=(64, 65, 66),
            reason=r"one term of $\sum_jW_jx_j$ over the data, at the weight $x$: every term vanishes",
        ),
        Statement(
            "dense_variance",
            derived=expectation((s.x * s.sigma * s.z) ** 2),
            stated=s.x**2 * s.sigma**2,
            equations=(67,),
            reason="one term: the variance of a sum of independent terms is the sum of these",
        ),
        Statement(
            "dense_law",
            derived=expectation(exp(s.x * s.sigma * s.z)) * expectation(exp(s.y * s.sigma * s.z)),
            stated=exp(s.sigma**2 * (s.x**2 + s.y**2) / 2),
            witnesses=EXACT,
            equations=(68,),
            reason=r"moment generating functions, at weights times argument $x, y$: Gaussian with the variance above",
        ),
        Statement(
            "rectified_mean",
            derived=expectation(Max(0, s.sigma * s.z)),
            stated=s.sigma / sqrt(2 * pi),
            equations=(69, 71, 72),
            reason="ReLU of a centred Gaussian",
        ),
        Statement(
            "rectified_variance",
            derived=expectation(Max(0, s.sigma * s.z) ** 2) - expectation(Max(0, s.sigma * s.z)) ** 2,
            stated=s.sigma**2 * (pi - 1) / (2 * pi),
            equations=(73,),
            reason="second moment less squared mean",
        ),
        Statement(
            "standardised_mean",
            derived=expectation(Max(0, s.z)) / _relu_deviation - _relu_mean / _relu_deviation,
            stated=0,
            equations=(70, 74, 79),
            reason=r"batch norm subtracts the mean $\sigma/\sqrt{2\pi}$ and divides by the deviation; σ cancels",
        ),
        Statement(
            "standardised_variance",
            derived=expectation((Max(0, s.z) - _relu_mean) ** 2) / _relu_deviation**2,
            stated=1,
            equations=(74,),
            reason="and unit variance",
        ),
        Statement(
            "variance_of_centres",
            derived=_bn_post.overlap,
            stated=0,
            equations=(75, 77),
            reason="a sum of centred nodes: the output is centred over the data",
        ),
        Statement(
            "output_power",
            derived=_bn_post.power,
            stated=s.weight_variance,
            equations=(76, 78),
            reason="unit variance of every node, times the gain; Gaussian by App. D",
        ),
        Statement("gamma", derived=_bn_post.gamma, stated=0, equations=(80,), reason=r"the outputs are $N(0, \sigma_w^2)$ with centre 0"),
        Statement(
            "gamma_in_batches",
            derived=_bn_post_batched.gamma,
            stated=0,
            equations=(81,),
            reason="each batch is centred, so their union is",
        ),
    ),
    experiments=(
        Neutral(
            Network(BatchNorm, Placement.POST, batch_size=64),
            depths=DEPTHS,
            rival=Rival("without the norm, batch means are as small", Network(batch_size=64)),
        ),
        ClassFraction(
            Network(BatchNorm, Placement.POST, batch_size=64),
            depths=(1, 2, 3),
            overlap_map=s.c * 0,
            deviation=sqrt(s.gamma),
            rival=Rival(r"prejudiced as before the activation, $\gamma = 1/(\pi-1)$", 1 / sqrt(pi - 1)),
            rival_depth=3,
        ),
    ),
)

_none = Network(**_GAIN_ONLY).layer_map()
_ln_pre = Network(LayerNorm, Placement.PRE, **_GAIN_ONLY).layer_map()

LAYER_NORM_PRE = Claim(
    id="layer_norm_before_relu",
    title="Theorem 4.3 = F.2: LN → ReLU leaves prejudice unchanged",
    says=r"Layer norm multiplies all nodes by one constant, $1/\sqrt q$; by Lemma F.1 both variances scale alike, and γ is that of the network without a "
    r"norm at every depth: $c_{l+1} = \kappa(c_l)$.",
    kind=Kind.THEOREM,
    source=Source(PAPER, "Th. 4.3 = F.2, eqs (91)-(126)"),
    domain=(OVERLAP, POWER, GAIN),
    rests_on=(*COUNTED, SCALING, RECURSION),
    statements=(
        Statement("overlap", derived=_ln_pre.correlation, stated=kappa(s.c), reason="eqs (114), (124)"),
        Statement(
            "centres_scale", derived=_ln_pre.overlap * s.q, stated=_none.overlap, reason=r"eqs (104), (122): divided by $q = (\sqrt q)^2$"
        ),
        Statement(
            "spreads_scale", derived=(_ln_pre.power - _ln_pre.overlap) * s.q, stated=_none.power - _none.overlap, reason="eqs (105), (123)"
        ),
        Statement("gamma", derived=_ln_pre.gamma, stated=gamma_of(kappa(s.c))),
    ),
    experiments=(
        Prejudice(
            Network(LayerNorm, Placement.PRE),
            depths=DEPTHS,
            overlap_map=kappa(s.c),
            rival=Rival("layer norm stops the growth, as batch norm does", 1 / pi),
            rival_depth=3,
            rate_depth=1,
        ),
        ClassFraction(
            Network(LayerNorm, Placement.PRE),
            depths=(1, 2, 3),
            overlap_map=kappa(s.c),
            deviation=sqrt(s.gamma),
            rival=Rival("class fractions stay at depth one's law", 1 / sqrt(pi - 1)),
            rival_depth=3,
        ),
    ),
)

_ln_post_map = (pi * kappa(s.c) - 1) / (pi - 1)
_ln_post = Network(LayerNorm, Placement.POST, **_GAIN_ONLY).layer_map()

LAYER_NORM_POST = Claim(
    id="layer_norm_after_relu",
    title="Theorem 4.4 = F.3: ReLU → LN is neutral for unrelated inputs",
    says=r"First-layer nodes are alike, so layer norm acts as batch norm: centres 0, power 1, $\gamma = 0$, and so on for every layer. "
    r"For inputs of overlap $c_0$ (derived here), $c_{l+1} = (\pi\kappa(c_l)-1)/(\pi-1)$: damped by $\pi/(2(\pi-1)) = 0.7335$ per layer near 0, not removed.",
    kind=Kind.THEOREM,
    source=Source(PAPER, "Th. 4.4 = F.3, eqs (127)-(139); overlap map derived here"),
    domain=(OVERLAP, POWER, GAIN),
    rests_on=(*COUNTED, TWO_POINT, KAPPA_SHAPE),
    statements=(
        Statement("overlap", derived=_ln_post.correlation, stated=(pi * kappa(s.c) - 1) / (pi - 1)),
        Statement("gamma_for_unrelated_inputs", derived=_ln_post.gamma.subs(s.c, 0), stated=0, reason="eqs (135)-(139)"),
        Statement("output_power", derived=_ln_post.power, stated=s.weight_variance, reason="eq. (136): unit power, times the gain"),
        Statement("fixed_point_zero", derived=_ln_post_map.subs(s.c, 0), stated=0),
        Statement("fixed_point_one", derived=_ln_post_map.subs(s.c, 1), stated=1),
        Statement("slope_at_zero", derived=_ln_post_map.diff(s.c).subs(s.c, 0), stated=pi / (2 * (pi - 1)), reason="below 1: stable"),
        Statement(
            "slope_at_one",
            derived=_ln_post_map.diff(s.c).subs(s.c, 1),
            stated=pi / (pi - 1),
            reason="above 1: unstable",
        ),
    ),
    experiments=(
        Prejudice(
            Network(LayerNorm, Placement.POST),
            depths=DEPTHS,
            overlap_map=_ln_post_map,
            rival=Rival("prejudiced as before the activation", kappa(s.c)),
            rival_depth=3,
            rate_depth=4,
        ),
        Prejudice(
            Network(LayerNorm, Placement.POST, input_overlap=0.2),
            depths=(1, 2),
            overlap_map=_ln_post_map,
            rival=Rival("an input overlap is removed at once", s.c * 0),
            rival_depth=2,
        ),
        ClassFraction(
            Network(LayerNorm, Placement.POST),
            depths=(1, 2, 3),
            overlap_map=_ln_post_map,
            deviation=sqrt(s.gamma),
            rival=Rival(r"prejudiced as before the activation, $\gamma = 1/(\pi-1)$", 1 / sqrt(pi - 1)),
            rival_depth=3,
        ),
    ),
)

_apart = s.c - _ln_post_map

LAYER_NORM_BASIN = Claim(
    id="layer_norm_basin",
    title="ReLU → LN: every overlap below one is damped to zero",
    says=r"The map of ReLU → LN lies below the diagonal on $(0, 1)$ and above it on $[-1, 0)$, so $c_l \to 0$ from every $c_0 < 1$: the basin of the neutral state is all "
    r"but equal inputs. A layer keeps at least the share $\pi/(2(\pi-1)) = 0.7335$ of a positive overlap, and nearly all of one close to 1.",
    kind=Kind.THEOREM,
    source=derived_here(),
    domain=(Interval(s.c, 0, 1), Interval(s.t, 0, 1)),
    rests_on=(LAYER_NORM_POST, KAPPA_SHAPE),
    statements=(
        Statement("on_the_diagonal_at_zero", derived=_apart.subs(s.c, 0), stated=0),
        Statement("on_the_diagonal_at_one", derived=_apart.subs(s.c, 1), stated=0),
        Statement(
            "concave",
            derived=-_apart.diff(s.c, 2),
            stated=0,
            relation=Relation.GREATER,
            steps=(Step(1 / ((pi - 1) * sqrt(1 - s.c**2)), r"$\pi\kappa''/(\pi-1)$"),),
            witnesses=EXACT,
            reason=r"$c - f(c)$ is concave with zeros at 0 and 1: positive between them, negative below 0",
        ),
        Statement(
            "below_the_diagonal",
            derived=s.c,
            stated=_ln_post_map,
            relation=Relation.GREATER,
            witnesses=ENCLOSED,
            reason="the same inequality, evaluated",
        ),
        Statement(
            "above_the_diagonal_below_zero",
            derived=_ln_post_map.subs(s.c, -s.t),
            stated=-s.t,
            relation=Relation.GREATER,
            witnesses=ENCLOSED,
            reason=r"here $c = -t$; the map increases and vanishes at 0, so overlaps rise to 0 and do not cross it",
        ),
        Statement(
            "least_share",
            derived=_ln_post_map / s.c,
            stated=pi / (2 * (pi - 1)),
            relation=Relation.GREATER,
            witnesses=ENCLOSED,
            reason="the slope at 0, of a convex map",
        ),
    ),
    experiments=(
        Prejudice(
            Network(LayerNorm, Placement.POST, input_overlap=0.8),
            depths=(2,),
            overlap_map=_ln_post_map,
            rival=Rival("every overlap is damped by 0.7335 per layer", pi / (2 * (pi - 1)) * s.c),
            rival_depth=2,
        ),
    ),
)

_rms_pre = Network(RMSNorm, Placement.PRE, **_GAIN_ONLY).layer_map()
_rms_post = Network(RMSNorm, Placement.POST, **_GAIN_ONLY).layer_map()

RMS_NORM_PRE = Claim(
    id="rms_norm_equals_layer_norm_before_relu",
    title="§4.1.3: before the activation LN and RMSNorm are one",
    says=r"Before the activation the layer mean is null, so centring changes nothing: layer norm and RMSNorm give one law, $c_{l+1} = \kappa(c_l)$.",
    kind=Kind.THEOREM,
    source=Source(PAPER, "Sec. 4.1.3"),
    domain=(OVERLAP, POWER, GAIN),
    rests_on=(*SIMULATED, CONCENTRATION, LAYER_NORM_PRE),
    statements=(
        Statement("overlap", derived=_rms_pre.correlation, stated=kappa(s.c)),
        Statement("same_centres", derived=_rms_pre.overlap - _ln_pre.overlap, stated=0, reason="the two laws agree"),
        Statement("same_power", derived=_rms_pre.power - _ln_pre.power, stated=0, reason="the two laws agree"),
    ),
    experiments=(
        Prejudice(
            Network(RMSNorm, Placement.PRE),
            depths=(1, 3),
            overlap_map=kappa(s.c),
            rival=Rival("layer norm's map after the activation", _ln_post_map),
            rival_depth=3,
        ),
    ),
)

RMS_NORM_POST = Claim(
    id="rms_norm_differs_after_relu",
    title="Finding: after the activation LN and RMSNorm differ",
    says=r"RMSNorm does not centre: ReLU → RMSNorm has the γ of no norm, $c_{l+1} = \kappa(c_l)$, while ReLU → LN has 0. "
    r"The paper's “our LN results directly extend to RMSNorm” holds for norm → activation only.",
    kind=Kind.FINDING,
    source=derived_here("derived here, against arXiv 2505.11312, Secs 2 and 4.1.3"),
    domain=(OVERLAP, POWER, GAIN),
    rests_on=(*SIMULATED, LAYER_NORM_POST, RMS_NORM_PRE, KAPPA_SHAPE),
    statements=(
        Statement("overlap", derived=_rms_post.correlation, stated=kappa(s.c)),
        Statement(
            "gap",
            derived=_rms_post.correlation - _ln_post.correlation,
            stated=(1 - kappa(s.c)) / (pi - 1),
            reason=r"positive for $c < 1$, since $\kappa < 1$ there",
        ),
        Statement("gamma_at_depth_one", derived=_rms_post.gamma.subs(s.c, 0), stated=1 / (pi - 1), reason="LN gives 0 here"),
    ),
    experiments=(
        Prejudice(
            Network(RMSNorm, Placement.POST),
            depths=(1, 3),
            overlap_map=kappa(s.c),
            rival=Rival("RMSNorm after the activation is neutral, as layer norm is", _ln_post_map),
            rival_depth=3,
        ),
    ),
)

_second_layer = kappa(1 / pi)

BATCH_IS_NOT_LAYER = Claim(
    id="batch_norm_is_not_layer_norm",
    title="§2: BN is not LN, even in the full-batch limit",
    says=r"Under prejudice the nodes of a layer are not identically distributed, and averaging over samples is not averaging over nodes: before the "
    r"activation both give $1/(\pi-1)$ at depth 1, but from depth 2 on LN is the more prejudiced.",
    kind=Kind.THEOREM,
    source=Source(PAPER, "Secs 2, 4.1.4"),
    domain=(Interval(s.c, 1 / pi, 1), POWER),
    rests_on=(BATCH_NORM_PRE, LAYER_NORM_PRE, MONOTONE),
    statements=(
        Statement(
            "alike_at_depth_one",
            derived=Network(LayerNorm, Placement.PRE).layer_map().gamma.subs(s.c, 0),
            stated=Network(BatchNorm, Placement.PRE).layer_map().gamma,
            witnesses=BOTH,
            reason="unrelated inputs: first-layer nodes are alike",
        ),
        Statement(
            "apart_from_depth_two",
            derived=gamma_of(_second_layer),
            stated=1 / (pi - 1),
            relation=Relation.GREATER,
            steps=(Step(gamma_of(_second_layer) - gamma_of(1 / pi), r"$1/(\pi-1) = \gamma$ at $c = 1/\pi$"),),
            reason="and γ grows with every further layer under LN, while BN's stays",
        ),
    ),
    experiments=(
        Prejudice(
            Network(BatchNorm, Placement.PRE, batch_size=128),
            depths=(2,),
            overlap_map=batch_norm_pre_overlap(128),
            rival=Rival("layer norm's γ at depth two", kappa(s.c)),
            rival_depth=2,
        ),
        Prejudice(
            Network(LayerNorm, Placement.PRE),
            depths=(2,),
            overlap_map=kappa(s.c),
            rival=Rival("batch norm's γ at depth two", 1 / pi),
            rival_depth=2,
        ),
    ),
)

CLAIMS = (
    BATCH_NORM_PRE,
    DICHOTOMY,
    BATCH_NORM_POST,
    LAYER_NORM_PRE,
    LAYER_NORM_POST,
    LAYER_NORM_BASIN,
    RMS_NORM_PRE,
    RMS_NORM_POST,
    BATCH_IS_NOT_LAYER,
)
