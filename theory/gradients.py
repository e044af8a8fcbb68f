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

from itertools import accumulate, islice

from sympy import Derivative, Expr, Integral, Rational, S, asin, cos, exp, oo, pi, sinh, sqrt

from theory import symbols as s
from theory.activations import ACTIVATIONS, Activation, Elementwise, PiecewiseLinear
from theory.assumptions import GRADIENT_INDEPENDENCE
from theory.claim import ENCLOSED, EXACT, Claim, Interval, Kind, Relation, Source, Statement, Step, derived_here
from theory.clt import GRAM_SAMPLER
from theory.experiments import Compared, Rival, SameLaw
from theory.gaussian import OVERLAP, TWO_POINT
from theory.gaussian_functions import Phi, chi_squared, expectation, kappa
from theory.law import Law, NoClosedForm, Shape, exact
from theory.network import Network, Placement
from theory.norms import BatchNorm, LayerNorm
from theory.placements import SETTING
from theory.stages import Ghost, Group

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
    met = accumulate(network.block, lambda before, stage: stage.on_law(before), initial=law)
    for stage, here in zip(network.block, met, strict=False):  # the law that the block leaves is not asked for: it takes longest
        if stage.couples_samples and here.shape is not Shape.GAUSSIAN and law.overlap != 0:
            raise NoClosedForm(
                "behind an activation, units whose means differ have different variances over the batch, and different gradients"
            )
        factor *= stage.on_gradient(here)
    return factor


def factor_between(network: Network) -> Expr:
    """χ of the second hidden layer: a norm has then made the law that it meets at every later one."""
    return gradient_factor(network, next(islice(network.states(), 1, None)))


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
    return network.layer_map().correlation.diff(s.c).subs(s.c, 1)


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

CLAIMS = (GRADIENT_SAMPLER, PROJECTOR, SLOPES, POINCARE)
