r"""Gradients on their way back through random layers, and the edge of chaos.

Let $g_l = \partial\mathcal L/\partial z_l$ be the gradient in the pre-activations of layer $l$, an array of samples × units, and δ that in the
activations below, $\delta = g_{l+1}W$. Under gradient independence δ is, unit by unit and independently, Gaussian over the samples
with covariance $\frac{\sigma_w^2}{N}g_{l+1}g_{l+1}^{\mathsf T}$: a dense layer multiplies the expected square by $\sigma_w^2$, and a block by

$$\chi = \sigma_w^2\prod_{\text{stages}}\texttt{on\_gradient}.$$

An activation gives $E f'(X)^2$; a scaling the inverse square of what it divides by. The derivatives of averages are projections, onto the mean
and onto the normalised vector: one direction each, of N units or of B samples. Over the features, where δ has independent entries, their
share is 2/N; over a batch too it is $O(1/B)$, because the centring of one block leaves gradients that add up to zero over the batch, so
that nothing common to the samples reaches the next. At finite B, and in groups of finitely many units, the share is computed.
"""

from collections.abc import Iterator
from itertools import islice

from sympy import Derivative, Expr, Integral, Limit, Rational, S, asin, cos, exp, oo, pi, simplify, sinh, sqrt, tanh

from theory import symbols as s
from theory.activations import ACTIVATIONS, Activation, Elementwise, PiecewiseLinear
from theory.assumptions import GRADIENT_INDEPENDENCE
from theory.claim import ENCLOSED, EXACT, Claim, Interval, Kind, Relation, Source, Statement, Step, derived_here
from theory.clt import GRAM_SAMPLER
from theory.depth import RECURSION
from theory.experiments import Compared, GradientGrowth, Rival, SameLaw
from theory.gaussian import KAPPA_SHAPE, OVERLAP, TWO_POINT
from theory.gaussian_functions import Phi, chi_squared, expectation, gamma_of, kappa
from theory.law import Law, NoClosedForm, Shape, exact
from theory.layer_statistics import CONCENTRATION
from theory.network import Network, Placement
from theory.norms import BatchNorm, LayerNorm, RMSNorm, group_norm
from theory.placements import GAIN, LAYER_NORM_POST, LAYER_NORM_PRE, POWER, SETTING
from theory.stages import Ghost, Group

MEAN_FIELD_BATCH_NORM = "arXiv 1902.08129"
TRAINABILITY = "arXiv 2505.12096"
DEEP_INFORMATION = "arXiv 1611.01232"

# The factor


def gradient_factor(network: Network, law: Law) -> Expr:
    r"""χ: the expected squared gradient in pre-activations of this law, over that in the next ones.

    Raises
    ------
    NoClosedForm
        If a stage has no rule for gradients at the law it meets.
    """
    factor = exact(network.weight_variance)
    if (together := _standardised_together(network)) is not None:
        return factor * _behind_sets(*together, network, law)
    before = law
    for stage in network.block:
        if stage.couples_samples and law.shape is not Shape.GAUSSIAN and before.overlap != 0:
            raise NoClosedForm(
                "behind an activation, units whose means differ have different variances over the batch, and different gradients"
            )
        factor *= stage.on_gradient(law)
        law = stage.on_law(law)
    return factor


def gradient_factors(network: Network) -> Iterator[Expr]:
    """χ of the first hidden layer, the second, …"""
    return (gradient_factor(network, law) for law in network.states())


def factor_between(network: Network) -> Expr:
    """χ of the second hidden layer: a norm has then made the law that it meets at every later one."""
    return next(islice(gradient_factors(network), 1, None))


def _standardised_together(network: Network) -> tuple[Expr, PiecewiseLinear] | None:
    """How many samples of a unit, or units of a sample, are standardised together in front of a piecewise linear activation; None if not finitely many."""
    activation = network.activation.stage
    if network.placement is not Placement.PRE or not isinstance(activation, PiecewiseLinear):
        return None
    match network.norm.stages:
        case (Group(size),):
            return S(size), activation
        case (Ghost(size, BatchNorm.stages),):
            return S(size), activation
        case BatchNorm.stages if network.batch_size != oo:
            return exact(network.batch_size), activation
    return None


def _behind_sets(size: Expr, activation: PiecewiseLinear, network: Network, law: Law) -> Expr:
    r"""χ/σ_w² behind a finite set of standardised numbers.

    Units of a group have independent gradients, and only the trace of the projector counts. Samples of a batch have what the batch norm
    above has left of theirs.
    """
    if size.is_number and not size > 3:
        raise NoClosedForm(f"of {size} numbers standardised together the mean of 1/σ̂² is infinite, and with it the squared gradient")
    slope = exact(activation.negative_slope)
    if not network.couples_samples:
        return (1 + slope**2) / 2 * mean_inverse_square(size, law.power) * (size - 2) / size
    spread = law.power * (1 - same_batch_moment(slope, size) / activation.square(S.One)) if law.coupled else law.power - law.overlap
    return mean_inverse_square(size, spread) * projected_share(slope, size)


def mean_inverse_square(size: Expr, spread: Expr) -> Expr:
    r"""$E\,1/\hat\sigma^2 = B/(v(B-3))$ of B Gaussian numbers of variance v, $B\hat\sigma^2/v \sim \chi^2_{B-1}$."""
    return size / (spread * (size - 3))


def same_batch_moment(slope: Expr, size: Expr) -> Expr:
    r"""$K = E f(y_i)f(y_j) = \frac12(1-\alpha)^2\kappa(c) + \alpha c$ of two samples standardised together, as of a Gaussian pair with $c = -1/(B-1)$."""
    c = -1 / (size - 1)
    return (1 - slope) ** 2 / 2 * kappa(c) + slope * c


def same_batch_slopes(slope: Expr, size: Expr) -> Expr:
    r"""$J = E f'(y_i)f'(y_j)$ of the same two samples."""
    return slope + (1 - slope) ** 2 * (Rational(1, 4) - asin(1 / (size - 1)) / (2 * pi))


def projected_share(slope: Expr, size: Expr) -> Expr:
    r"""$\frac1{B-1}E\,\mathrm{tr}\,P D Q D$: what $D = \mathrm{diag} f'(y_i)$ and the projector $Q = I - \frac1B11^{\mathsf T} - \frac1Byy^{\mathsf T}$ leave of a gradient.

    The gradient adds up to zero over the batch: its covariance is a multiple of $P = I - \frac1B11^{\mathsf T}$. For a positively
    homogeneous f, $\sum_iy_if'(y_i) = \sum_if(y_i)$, and with $m = E f'^2$
    $E\,\mathrm{tr}\,PDQD = m(B-3) + \frac{2m}{B} + \frac{B-1}{B}(J + K)$.
    """
    m = (1 + slope**2) / 2
    both = same_batch_slopes(slope, size) + same_batch_moment(slope, size)
    return (m * (size - 3) + 2 * m / size + (size - 1) / size * both) / (size - 1)


def overlap_slope(network: Network) -> Expr:
    """Slope at c = 1 of the map of overlaps, as a function of the power."""
    return simplify(network.overlap_map().diff(s.c)).subs(s.c, 1)


def squares(activation: Activation, q: Expr) -> tuple[Expr, Expr]:
    """E f(X)² and E f'(X)² at variance q."""
    stage = activation.stage
    if not isinstance(stage, Elementwise):
        raise NoClosedForm(f"{activation.name} is no function of one number")
    return stage.square(q), stage.slope_square(q)


# What the rules rest on

_LENGTH = s.x**2 + s.y**2
_ANY = tuple(Interval(symbol, -oo, oo) for symbol in (s.x, s.y, s.z))

GRADIENT_SAMPLER = Claim(
    id="gradients_from_gram_matrices",
    title="Gradients can be drawn from Gram matrices, and what gradient independence leaves out",
    says=r"Given pre-activations $RG$ of activations $H = RQ$, rows of Q orthonormal, the weights have the law of $G^{\mathsf T}Q + W'(I - Q^{\mathsf T}Q)$, $W'$ another draw of them. "
    r"So a gradient g becomes $gG^{\mathsf T}Q + gW'(I - Q^{\mathsf T}Q)$, and $gW'$ has the law of $R_gG'$, $R_gR_g^{\mathsf T} = gg^{\mathsf T}$. Gradient independence keeps $gW'$ alone: it "
    r"leaves out n directions of N, as many as there are samples, in which the gradient is $gG^{\mathsf T}$.",
    kind=Kind.LEMMA,
    source=derived_here(),
    domain=_ANY,
    rests_on=(GRAM_SAMPLER,),
    statements=(
        Statement(
            "variance_of_a_weight",
            derived=(s.x**2 + (_LENGTH - s.x**2) ** 2 / _LENGTH + s.x**2 * s.y**2 / _LENGTH) / _LENGTH,
            stated=1,
            reason=r"one sample $(x, y)$ on two features, $Q = (x, y)/\sqrt{x^2+y^2}$: the squares of what $G$ and the two entries of $W'$ contribute",
        ),
        Statement(
            "covariance_of_two_weights",
            derived=(s.x * s.y - (_LENGTH - s.x**2) * s.x * s.y / _LENGTH - (_LENGTH - s.y**2) * s.x * s.y / _LENGTH) / _LENGTH,
            stated=0,
            reason="products of the same: independent, as the weights are",
        ),
        Statement(
            "covariance_with_the_pre_activation",
            derived=(s.x * s.x + s.y * s.y) / sqrt(_LENGTH),
            stated=sqrt(_LENGTH),
            reason=r"the weights times $(x, y)$ are the pre-activation $RG$ again, $R = \sqrt{x^2+y^2}$: the projected $W'$ adds nothing",
        ),
    ),
    experiments=tuple(
        SameLaw(network, depths=(3,), width=32, rival=Rival(says, rival), compared=Compared.GRADIENTS)
        for network, says, rival in (
            (
                Network(BatchNorm, Placement.PRE, batch_size=8),
                "the norm's statistics are over the features",
                Network(LayerNorm, Placement.PRE, batch_size=8),
            ),
        )
    ),
    long=True,
)

_mean = (s.x + s.y + s.z) / 3
_deviation = sqrt(((s.x - _mean) ** 2 + (s.y - _mean) ** 2 + (s.z - _mean) ** 2) / 3)
_y = tuple((each - _mean) / _deviation for each in (s.x, s.y, s.z))
_m = (1 + s.alpha**2) / 2

PROJECTOR = Claim(
    id="gradient_of_standardising",
    title="Standardising projects gradients",
    says=r"For $y = (z - \bar z)/\hat\sigma$ over B numbers, $\partial y/\partial z = \frac1{\hat\sigma}(I - \frac1B11^{\mathsf T} - \frac1Byy^{\mathsf T})$, here at B = 3: a projector of rank $B-2$ that removes what is common to "
    r"all and what lies along y. Gaussian numbers have $y$ independent of $\hat\sigma$ and $E\,1/\hat\sigma^2 = B/(v(B-3))$, finite for B > 3. Centred by the norm of the layer above, "
    r"gradients leave $E\,\mathrm{tr}\,PDQD$ behind an activation of slopes $D$.",
    kind=Kind.LEMMA,
    source=derived_here(),
    domain=(*_ANY, Interval(s.r, 0, oo), Interval(s.B, 3, oo), OVERLAP, Interval(s.alpha, -oo, oo)),
    rests_on=(TWO_POINT,),
    statements=(
        Statement(
            "own_derivative",
            derived=Derivative(_y[0], s.x),
            stated=(1 - Rational(1, 3) - _y[0] ** 2 / 3) / _deviation,
            witnesses=EXACT,
            reason="quotient rule",
        ),
        Statement(
            "other_derivative",
            derived=Derivative(_y[0], s.y),
            stated=(-Rational(1, 3) - _y[0] * _y[1] / 3) / _deviation,
            witnesses=EXACT,
            reason="quotient rule",
        ),
        Statement(
            "rank",
            derived=sum(1 - Rational(1, 3) - each**2 / 3 for each in _y),
            stated=1,
            reason=r"the trace of the projector, $B - 2$: $\sum y_i^2 = B$",
        ),
        Statement(
            "mean_inverse_square",
            derived=Integral(chi_squared(s.u, s.r + 2) / s.u, (s.u, 0, oo)),
            stated=1 / s.r,
            witnesses=EXACT,
            reason=r"a Gamma integral, $r = B - 3$: $B\hat\sigma^2/v$ is $\chi^2$ with $B - 1$ degrees of freedom",
        ),
        Statement(
            "both_positive",
            derived=expectation(Phi(s.c * s.z / sqrt(1 - s.c**2)), low=0),
            stated=Rational(1, 4) + asin(s.c) / (2 * pi),
            witnesses=ENCLOSED,
            reason=r"Sheppard: $P(X > 0, Y > 0)$ at correlation c, here $-1/(B-1)$; given $X = z$, $Y \sim N(cz, 1-c^2)$",
        ),
        Statement(
            "same_batch_moment",
            derived=PiecewiseLinear(s.alpha).gaussian(S.One, s.c)[1],
            stated=(1 - s.alpha) ** 2 / 2 * kappa(s.c) + s.alpha * s.c,
            witnesses=ENCLOSED,
            reason=r"a direction on the sphere of standardised batches is a Gaussian one, of correlation $-1/(B-1)$, and f is homogeneous; $\kappa(c) - \kappa(-c) = c$",
        ),
        Statement(
            "trace",
            derived=_m * s.B
            - _m
            - _m
            - (_m * s.B - (_m * s.B + s.B * (s.B - 1) * s.x) / s.B - (_m * s.B + s.B * (s.B - 1) * s.y) / s.B) / s.B,
            stated=_m * (s.B - 3) + 2 * _m / s.B + (s.B - 1) / s.B * (s.x + s.y),
            reason=r"$E\,\mathrm{tr}DQD - \frac1BE\,1^{\mathsf T}DQD1$ with $E\sum f'^2 = mB = E\sum y^2f'^2$, $E(\sum f')^2 = mB + B(B-1)J$ and $E(\sum yf')^2 = mB + B(B-1)K$; here $J = x$, $K = y$",
        ),
    ),
)

SLOPES = Claim(
    id="slope_of_two_point_moments",
    title="Gradients multiply by the slope of the map of overlaps",
    says=r"$\frac{d}{dp}E f(X)f(Y) = E f'(X)f'(Y)$ for a Gaussian pair of covariance p (Price). At $p = q$ it is the $E f'(X)^2$ of a gradient's way back: where nothing "
    r"but the activation and a scaling by constants acts, χ is the slope of the map of overlaps at $c = 1$.",
    kind=Kind.LEMMA,
    source=Source(DEEP_INFORMATION, "Sec. 4, after Price 1958"),
    domain=(OVERLAP, Interval(s.q, 0, oo), *(Interval(symbol, -oo, oo) for symbol in (s.x, s.y, s.mu))),
    rests_on=(TWO_POINT,),
    statements=(
        Statement(
            "exponentials",
            derived=Derivative(exp(s.q * (s.x**2 + s.y**2) / 2 + s.x * s.y * s.mu), s.mu),
            stated=s.x * s.y * exp(s.q * (s.x**2 + s.y**2) / 2 + s.x * s.y * s.mu),
            witnesses=EXACT,
            reason=r"$E e^{xX+yY}$ at covariance μ, whose derivatives in $X$ and $Y$ bring down $xy$; exponentials generate all others",
        ),
        Statement(
            "rectifier",
            derived=Derivative(kappa(s.c) / 2, s.c),
            stated=Rational(1, 4) + asin(s.c) / (2 * pi),
            witnesses=EXACT,
            reason=r"$E f'(X)f'(Y) = P(X > 0, Y > 0)$; at $c = 1$ it is ½",
        ),
        *(
            Statement(
                f"{name}_mean_square_slope",
                derived=expectation(slope**2),
                stated=squares(ACTIVATIONS[name], s.q)[1],
                reason="a Gaussian integral",
            )
            for name, slope in (
                ("erf", 2 / sqrt(pi) * exp(-s.q * s.z**2)),
                ("sine", cos(sqrt(s.q) * s.z)),
            )
        ),
        Statement(
            "erf",
            derived=Derivative(2 / pi * asin(2 * s.mu / (1 + 2 * s.q)), s.mu).doit().subs(s.mu, s.q),
            stated=4 / (pi * sqrt(1 + 4 * s.q)),
            reason=r"the slope of $\frac2\pi\arcsin\frac{2p}{1+2q}$ at $p = q$",
        ),
        Statement(
            "sine",
            derived=Derivative(exp(-s.q) * sinh(s.mu), s.mu).doit().subs(s.mu, s.q),
            stated=expectation(cos(sqrt(s.q) * s.z) ** 2),
            reason=r"the slope of $e^{-q}\sinh p$ at $p = q$",
        ),
    ),
)

_generating = exp(s.t * s.z - s.t**2 / 2), exp(s.u * s.z - s.u**2 / 2)
_erf_power, _erf_slope = squares(ACTIVATIONS["erf"], s.q)

POINCARE = Claim(
    id="gaussian_poincare_inequality",
    title="Poincaré's inequality: slopes exceed variances",
    says=r"$q\,E f'(X)^2 \ge \mathrm{Var} f(X)$ for $X \sim N(0, q)$, with equality for affine f alone: in Hermite coefficients, $\sum ka_k^2 \ge \sum_{k\ge1}a_k^2$.",
    kind=Kind.LEMMA,
    source=Source("Nash 1958, Chernoff 1981", "Gaussian Poincaré inequality"),
    domain=(Interval(s.t, 0, 1), Interval(s.u, 0, oo), Interval(s.q, 0, oo)),
    statements=(
        Statement(
            "orthogonality",
            derived=expectation(_generating[0] * _generating[1]),
            stated=exp(s.t * s.u),
            witnesses=EXACT,
            reason=r"$e^{tz-t^2/2} = \sum_k\frac{t^k}{\sqrt{k!}}\mathrm{he}_k(z)$: coefficients of $t^ku^k/k!$ are one, for $\mathrm{he}_k$ are orthonormal",
        ),
        Statement(
            "slopes",
            derived=expectation(_generating[0].diff(s.z) * _generating[1].diff(s.z)),
            stated=s.t * s.u * exp(s.t * s.u),
            witnesses=EXACT,
            reason=r"now they are k: $E f'^2 = \sum_kka_k^2$, against $\mathrm{Var} f = \sum_{k\ge1}a_k^2$",
        ),
        Statement(
            "erf_derivative_of_the_gap",
            derived=Derivative(pi / 2 * (s.q * _erf_slope - _erf_power), s.q),
            stated=0,
            relation=Relation.GREATER,
            steps=(Step(8 * s.q**2 / ((1 + 4 * s.q) ** Rational(3, 2) * (1 + 2 * s.q)), "from 0 at q = 0"),),
            witnesses=EXACT,
            reason="a product of positive factors: for erf the inequality is strict at every q",
        ),
    ),
)

MEAN_FIELD = (*SETTING, GRADIENT_INDEPENDENCE, SLOPES)
SIMULATED = (*MEAN_FIELD, GRADIENT_SAMPLER)

# Norm by norm

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

# The edge of chaos


def critical_gain(activation: Activation, q: Expr) -> Expr:
    r"""σ_w² on the critical line, where the fixed power is q: $1/E f'(X)^2$."""
    return 1 / squares(activation, q)[1]


def critical_bias(activation: Activation, q: Expr) -> Expr:
    r"""σ_b² there: $q - E f(X)^2/E f'(X)^2$."""
    power, slope = squares(activation, q)
    return q - power / slope


def on_critical_line(activation: Activation, q: Expr) -> Network:
    """The network without a norm whose fixed power is q and whose gradients are kept."""
    return Network(activation=activation, weight_variance=critical_gain(activation, q), bias_variance=critical_bias(activation, q))


ERF, TANH = ACTIVATIONS["erf"], ACTIVATIONS["tanh"]
_edge = on_critical_line(ERF, s.q)
_erf_bias = s.q - sqrt(1 + 4 * s.q) / 2 * asin(2 * s.q / (1 + 2 * s.q))

EDGE = Claim(
    id="edge_of_chaos",
    title="The edge of chaos: a line of gains and biases, with or without a norm",
    says=r"Without a norm the critical line is $\sigma_w^2 = 1/E f'(X)^2$, $\sigma_b^2 = q - E f(X)^2/E f'(X)^2$ over the fixed powers q; for odd f it has a bias at every q by Poincaré's inequality. For erf it is "
    r"$\sigma_w^2 = \frac\pi4\sqrt{1+4q}$, $\sigma_b^2 = q - \frac12\sqrt{1+4q}\arcsin\frac{2q}{1+2q}$, from $(\frac\pi4, 0)$ on; for ReLU the one point (2, 0). With LN or RMSNorm before ReLU it is $\sigma_b = 0$, with LN after it "
    r"$\sigma_b^2 = \sigma_w^2/(\pi-1)$, and with batch norm there is none.",
    kind=Kind.THEOREM,
    source=Source(DEEP_INFORMATION, "Sec. 3; line of erf, and of norms, derived here"),
    domain=(POWER, OVERLAP),
    rests_on=(*SIMULATED, POINCARE, WITHOUT_NORM, LAYER_NORM_BEFORE, LAYER_NORM_AFTER, BATCH_NORM),
    statements=(
        Statement("erf_gain", derived=critical_gain(ERF, s.q), stated=pi / 4 * sqrt(1 + 4 * s.q)),
        Statement("erf_bias", derived=critical_bias(ERF, s.q), stated=_erf_bias),
        Statement("erf_power_is_fixed", derived=_edge.layer_map().power, stated=s.q),
        Statement("erf_gradients_are_kept", derived=gradient_factor(_edge, _edge.symbolic_law), stated=1),
        Statement(
            "erf_overlaps_touch",
            derived=_edge.layer_map().overlap.diff(s.c).subs(s.c, 1) / s.q,
            stated=1,
            reason="the slope of the map of overlaps at c = 1",
        ),
        Statement("erf_starts_without_bias", derived=Limit(_erf_bias, s.q, 0, "+"), stated=0, witnesses=EXACT, reason="limit"),
        Statement("erf_starts_at", derived=Limit(pi / 4 * sqrt(1 + 4 * s.q), s.q, 0, "+"), stated=pi / 4, witnesses=EXACT, reason="limit"),
        Statement(
            "erf_bias_is_positive",
            derived=critical_bias(ERF, s.q),
            stated=0,
            relation=Relation.GREATER,
            witnesses=ENCLOSED,
            reason="Poincaré's inequality, by the sign of the derivative of its gap",
        ),
        Statement("relu_gain", derived=critical_gain(ACTIVATIONS["relu"], s.q), stated=2),
        Statement("relu_bias", derived=critical_bias(ACTIVATIONS["relu"], s.q), stated=0),
        Statement(
            "tanh_gain",
            derived=critical_gain(TANH, S.One),
            stated=1 / (1 - 2 * expectation(tanh(s.z) ** 2) + expectation(tanh(s.z) ** 4)),
            witnesses=ENCLOSED,
            reason=r"$\tanh' = 1 - \tanh^2$, at q = 1",
        ),
        Statement(
            "tanh_bias_is_positive",
            derived=critical_bias(TANH, S.One),
            stated=0,
            relation=Relation.GREATER,
            witnesses=ENCLOSED,
            reason="Poincaré's inequality, at q = 1",
        ),
    ),
    experiments=(
        GradientGrowth(
            on_critical_line(ERF, S.One),
            (8, 13),
            factor=S.One,
            rival=Rival(r"erf is linear on the way back: $\chi = \frac4\pi\sigma_w^2$", sqrt(5)),
        ),
    ),
    long=True,
)

# erf with a fixed point (q, c) chosen first: two equations, linear in gain and bias


def _erf_moment(c: Expr) -> Expr:
    return 2 / pi * asin(2 * s.q * c / (1 + 2 * s.q))


_chaotic_gain = s.q * (1 - s.c) / (_erf_moment(1) - _erf_moment(s.c))
_chaotic_bias = s.q - _chaotic_gain * _erf_moment(1)
_chaotic = Network(activation=ERF, weight_variance=_chaotic_gain, bias_variance=_chaotic_bias)
_chaotic_factor = _chaotic_gain * 4 / (pi * sqrt(1 + 4 * s.q))
_UNIFORM = {s.q: 1, s.c: Rational(1, 2)}  #: c = 1/2 is γ = 1: uniform class fractions
_after, _before = 1 - s.r, 1 - s.r - s.u

PHASES = Claim(
    id="chaos_and_prejudice",
    title="Order is deep prejudice: phases by γ = c/(1 − c)",
    says=r"At a fixed power the overlap tends to a fixed point $c^*$, and γ to $c^*/(1-c^*)$. In the ordered phase $\chi < 1$ and at its edge $c^* = 1$: γ → ∞, deep prejudice. A fixed point $c^* < 1$ exists where χ > 1, in the chaotic phase, "
    r"and γ stays finite: the map of overlaps is convex on [0, 1], so its slope at 1 exceeds, and at $c^*$ falls short of, its mean slope 1 between them. Gradients are kept only at the edge, where prejudice is deep. "
    r"Without a fixed power the two part (derived here): ReLU with $\sigma_w^2 > 2$ and no bias explodes, and is deeply prejudiced.",
    kind=Kind.THEOREM,
    source=Source(TRAINABILITY, "phases by γ; derived here"),
    domain=(Interval(s.c, 0, 1), POWER, Interval(s.t, 0, 1), *(Interval(symbol, 0, oo) for symbol in (s.r, s.u, s.a))),
    rests_on=(*SIMULATED, EDGE, KAPPA_SHAPE),
    statements=(
        Statement(
            "deep_prejudice", derived=Limit(1 / gamma_of(s.c), s.c, 1, "-"), stated=0, witnesses=EXACT, reason=r"$1/\gamma$ at $c \to 1$"
        ),
        Statement(
            "erf_is_convex",
            derived=Derivative(asin(s.t), s.t, 2),
            stated=0,
            relation=Relation.GREATER,
            steps=(Step(s.t / (1 - s.t**2) ** Rational(3, 2), r"the map is affine in the arc sine of $t = 2qc/(1+2q)$"),),
            witnesses=EXACT,
            reason=r"positive factors; for any f, $\sum_ka_k^2c^k$ is convex on [0, 1]",
        ),
        Statement(
            "chosen_power_is_fixed", derived=_chaotic.layer_map().power, stated=s.q, reason="the gain and the bias that keep q and c"
        ),
        Statement(
            "chosen_overlap_is_fixed", derived=_chaotic.layer_map().overlap, stated=s.c * s.q, reason="for erf, any $c^* < 1$ can be had"
        ),
        Statement("chosen_gradients", derived=gradient_factor(_chaotic, _chaotic.symbolic_law), stated=_chaotic_factor),
        Statement(
            "finite_prejudice_is_chaotic",
            derived=_chaotic_factor,
            stated=1,
            relation=Relation.GREATER,
            witnesses=ENCLOSED,
            reason=r"slope at the end against mean slope between $c^*$ and 1, of a convex function",
        ),
        Statement(
            "finite_prejudice_is_stable",
            derived=1,
            stated=_chaotic_gain / s.q * _erf_moment(s.c).diff(s.c),
            relation=Relation.GREATER,
            witnesses=ENCLOSED,
            reason=r"slope at $c^*$ against the same mean slope",
        ),
        Statement(
            "order_moves_to_one",
            derived=(_after + s.a) / (1 + s.a),
            stated=_before,
            relation=Relation.GREATER,
            steps=(
                Step(
                    s.u + s.r * s.a / (1 + s.a),
                    r"ReLU with $\sigma_w^2 = 2/(1+a) < 2$ and a bias, $c' = (\kappa(c) + a)/(1 + a)$; $\kappa(c) = 1 - r$, $c = 1 - r - u$",
                ),
            ),
            witnesses=EXACT,
            reason=r"$r = 1 - \kappa(c) > 0$ and $u = \kappa(c) - c > 0$: $c$ grows at every layer, to 1",
        ),
        Statement(
            "growing_power_explodes",
            derived=factor_between(Network(weight_variance=2 * (1 + s.a))),
            stated=1,
            relation=Relation.GREATER,
            reason=r"ReLU with $\sigma_w^2 = 2(1+a) > 2$",
        ),
        Statement(
            "and_is_deeply_prejudiced",
            derived=Network(weight_variance=2 * (1 + s.a)).overlap_map(),
            stated=kappa(s.c),
            reason=r"whose only fixed point is $c^* = 1$: a map of slope 1 there, though gradients grow",
        ),
        Statement(
            "uniform_fractions_explode",
            derived=_chaotic_factor.subs(_UNIFORM),
            stated=1 / (sqrt(5) * (asin(Rational(2, 3)) - asin(Rational(1, 3)))),
            reason=r"$c^* = \frac12$ at $q = 1$: γ = 1, and χ = 1.147",
        ),
    ),
    experiments=(
        GradientGrowth(
            Network(activation=ERF, weight_variance=_chaotic_gain.subs(_UNIFORM), bias_variance=_chaotic_bias.subs(_UNIFORM)),
            (8, 13),
            factor=1 / (sqrt(5) * (asin(Rational(2, 3)) - asin(Rational(1, 3)))),
            rival=Rival("gradients are kept", S.One),
        ),
    ),
    long=True,
)

CLAIMS = (
    GRADIENT_SAMPLER,
    PROJECTOR,
    SLOPES,
    POINCARE,
    WITHOUT_NORM,
    LAYER_NORM_BEFORE,
    LAYER_NORM_AFTER,
    BATCH_NORM,
    BATCHES,
    BATCH_NORM_AFTER,
    GROUPS,
    EDGE,
    PHASES,
)
