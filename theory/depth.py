r"""Depth without a norm: the overlap recursion, its growth, and why two moments suffice.

One dense layer and one ReLU send the correlation $c$ of two samples to $\kappa(c)$; the prejudice at the outputs of
$L$ hidden layers is $\gamma_L = c_L/(1-c_L)$.
"""

from sympy import Expr, Integral, Limit, Rational, acos, atan, oo, pi, sqrt

from theory import symbols as s
from theory.assumptions import GAUSSIAN_DATA, INDEPENDENCE, MEAN_FIELD_LIMIT
from theory.claim import ENCLOSED, EXACT, IGB, PAPER, Claim, Interval, Kind, Relation, Source, Statement, Step, derived_here
from theory.class_fraction import LAW as CLASS_FRACTION_LAW
from theory.clt import GRAM_SAMPLER, LYAPUNOV
from theory.experiments import ClassFraction, Prejudice, Rival
from theory.gaussian import KAPPA_SHAPE, OVERLAP, RECTIFIED_MEAN, RECTIFIED_SECOND_MOMENT, TWO_POINT
from theory.gaussian_functions import expectation, gamma_of, kappa, rectified_mean, rectified_second_moment
from theory.network import Network

SETTING = (MEAN_FIELD_LIMIT, INDEPENDENCE, GAUSSIAN_DATA)


def pair_moment(product: Expr) -> Integral:
    """E over two independent standard Gaussians w (weights) and z (data), left as integrals."""
    return expectation(expectation(product), over=s.w)


NODE_LAW_MIXTURE = Claim(
    id="node_law_mixture",
    title="Eq. (115): the mixture over nodes is a two-point moment",
    says=r"Over the nodes of a layer, pre-activations are a mixture of $N(m, v)$ with $m \sim N(0, V)$. The squared node means after a ReLU "
    r"average to $E_m[(E_z\mathrm{ReLU}(m+\sqrt v z))^2] = \frac q2\kappa(V/q)$, $q = V + v$: two moments close the recursion.",
    kind=Kind.LEMMA,
    source=Source(PAPER, "eq. (115); identity derived here"),
    domain=(Interval(s.V, 0, oo), Interval(s.v, 0, oo)),
    rests_on=(RECTIFIED_MEAN, RECTIFIED_SECOND_MOMENT, TWO_POINT, MEAN_FIELD_LIMIT),
    statements=(
        Statement(
            "overlap",
            derived=expectation(rectified_mean(sqrt(s.V) * s.w, sqrt(s.v)) ** 2, over=s.w),
            stated=(s.V + s.v) / 2 * kappa(s.V / (s.V + s.v)),
            witnesses=ENCLOSED,
            reason="two samples of one node share m and are otherwise independent: a Gaussian pair of variance q and covariance V, "
            "to which the two-point lemma applies",
        ),
        Statement(
            "power",
            derived=expectation(rectified_second_moment(sqrt(s.V) * s.w, sqrt(s.v)), over=s.w),
            stated=(s.V + s.v) / 2,
            witnesses=ENCLOSED,
            reason="over nodes and data a unit is N(0, V + v)",
        ),
        Statement(
            "pair_covariance",
            derived=pair_moment((sqrt(s.V) * s.w + sqrt(s.v) * s.z) * sqrt(s.V) * s.w),
            stated=s.V,
            witnesses=EXACT,
            reason="the second sample's own noise is independent of all else and averages to zero",
        ),
        Statement(
            "pair_variance",
            derived=pair_moment((sqrt(s.V) * s.w + sqrt(s.v) * s.z) ** 2),
            stated=s.V + s.v,
            witnesses=EXACT,
            reason="independent Gaussians",
        ),
    ),
)

_general = Network(weight_variance=s.weight_variance, bias_variance=s.bias_variance)
_unbiased = Network(weight_variance=s.weight_variance)
_first_output = Network().dense.on_law(Network().apply_block(next(Network().states())))

RECURSION = Claim(
    id="overlap_recursion",
    title="Depth recursion without a norm",
    says=r"$c_{l+1} = \kappa(c_l)$ whatever the gain, $\gamma_L = c_L/(1-c_L)$, and from unrelated inputs $\gamma_1 = 1/(\pi-1)$. With gain and bias, "
    r"$V' = \sigma_w^2\frac q2\kappa(c) + \sigma_b^2$ and $q' = \sigma_w^2\frac q2 + \sigma_b^2$.",
    kind=Kind.THEOREM,
    source=Source(IGB, "MLP with ReLU, depth"),
    domain=(OVERLAP, Interval(s.q, 0, oo), *(Interval(symbol, 0, oo) for symbol in (s.weight_deviation, s.bias_deviation))),
    rests_on=(*SETTING, LYAPUNOV, TWO_POINT, NODE_LAW_MIXTURE, CLASS_FRACTION_LAW, GRAM_SAMPLER),
    statements=(
        Statement("overlap", derived=_unbiased.layer_map().correlation, stated=kappa(s.c), reason="the gain cancels"),
        Statement(
            "variance_of_centres",
            derived=_general.layer_map().overlap,
            stated=s.weight_variance * s.q / 2 * kappa(s.c) + s.bias_variance,
        ),
        Statement("power", derived=_general.layer_map().power, stated=s.weight_variance * s.q / 2 + s.bias_variance),
        Statement("gamma", derived=_unbiased.layer_map().gamma, stated=gamma_of(kappa(s.c))),
        Statement("gamma_at_depth_one", derived=_first_output.gamma, stated=1 / (pi - 1)),
        Statement(
            "gamma_at_depth_one_from_integrals",
            derived=expectation(s.z, low=0) ** 2 / (expectation(s.z**2, low=0) - expectation(s.z, low=0) ** 2),
            stated=1 / (pi - 1),
            reason="first-layer nodes are alike: squared mean over variance of a rectified Gaussian",
        ),
    ),
    experiments=(
        Prejudice(
            Network(),
            depths=(1, 2, 3, 4),
            overlap_map=kappa(s.c),
            rival=Rival(r"the prejudice does not grow with depth: $c_{l+1} = 1/\pi$", 1 / pi),
            rival_depth=3,
            rate_depth=4,
        ),
        ClassFraction(
            Network(),
            depths=(1, 2, 3),
            overlap_map=kappa(s.c),
            deviation=sqrt(s.gamma),
            rival=Rival("class fractions stay at depth one's law", 1 / sqrt(pi - 1)),
            rival_depth=3,
        ),
    ),
)

# By the lemma on κ: κ(c) = 1 − r with r > 0, and c = κ(c) − u with u > 0.
_after, _before = 1 - s.r, 1 - s.r - s.u

MONOTONE = Claim(
    id="prejudice_grows_with_depth",
    title="Without a norm γ increases strictly with depth",
    says=r"$\gamma_{L+1} > \gamma_L$ for every $c_0 \in [0, 1)$.",
    kind=Kind.THEOREM,
    source=Source(IGB, "amplification with depth"),
    domain=(Interval(s.c, 0, 1), Interval(s.r, 0, oo), Interval(s.u, 0, oo)),
    rests_on=(RECURSION, KAPPA_SHAPE),
    statements=(
        Statement(
            "one_layer",
            derived=gamma_of(_after),
            stated=gamma_of(_before),
            relation=Relation.GREATER,
            steps=(Step(s.u / (s.r * (s.r + s.u)), r"write $\kappa(c) = 1 - r$ and $c = 1 - r - u$"),),
            witnesses=EXACT,
            reason=r"$u = \kappa(c) - c > 0$ and $r = 1 - \kappa(c) > 0$ on $[-1, 1)$, by the lemma on the shape of κ",
        ),
        Statement(
            "one_layer_enclosed",
            derived=gamma_of(kappa(s.c)),
            stated=gamma_of(s.c),
            relation=Relation.GREATER,
            witnesses=ENCLOSED,
            reason="the same inequality, evaluated",
        ),
    ),
)

# With c = (1 − u²)/(1 + u²), half-angle u = tan(θ/2): ε = 1 − c = 2u²/(1 + u²).
_c = (1 - s.u**2) / (1 + s.u**2)
_kappa_half_angle = (2 * s.u + (pi - 2 * atan(s.u)) * (1 - s.u**2)) / (pi * (1 + s.u**2))
_gap, _next_gap = 2 * s.u**2 / (1 + s.u**2), 1 - _kappa_half_angle
_rate = sqrt(2) / (3 * pi)

GROWTH = Claim(
    id="quadratic_growth",
    title="Without a norm γ grows like L²",
    says=r"$\kappa(1-\epsilon) = 1 - \epsilon + \frac{2\sqrt2}{3\pi}\epsilon^{3/2} + \ldots$; hence $1 - c_L \sim 9\pi^2/(2L^2)$ and "
    r"$\gamma_L \sim 2L^2/(9\pi^2)$.",
    kind=Kind.THEOREM,
    source=derived_here(),
    domain=(Interval(s.u, 0, oo), Interval(s.c, 0, 1)),
    rests_on=(RECURSION, KAPPA_SHAPE),
    statements=(
        Statement(
            "half_angle",
            derived=acos(_c),
            stated=2 * atan(s.u),
            reason=r"$c = (1-u^2)/(1+u^2)$ with $u = \tan(\theta/2)$: equal slopes, and equal at $u = 1$",
        ),
        Statement(
            "kappa_at_half_angle",
            derived=kappa(_c).subs(acos(_c), 2 * atan(s.u)),
            stated=_kappa_half_angle,
            reason=r"the statement above, and $\sqrt{1-c^2} = 2u/(1+u^2)$",
        ),
        Statement(
            "expansion",
            derived=Limit((_gap - _next_gap) / _gap ** Rational(3, 2), s.u, 0, "+"),
            stated=2 * sqrt(2) / (3 * pi),
            witnesses=EXACT,
            reason=r"limit at $c \to 1$, that is $u \to 0$",
        ),
        Statement(
            "increment",
            derived=Limit(1 / sqrt(_next_gap) - 1 / sqrt(_gap), s.u, 0, "+"),
            stated=sqrt(2) / (3 * pi),
            witnesses=EXACT,
            reason=r"each layer adds this to $\epsilon^{-1/2}$ in the limit; by Stolz and Cesàro $\epsilon_L^{-1/2} \sim L\sqrt2/(3\pi)$",
        ),
        Statement(
            "growth",
            derived=Limit(gamma_of(1 - 1 / (_rate * s.ell) ** 2) / s.ell**2, s.ell, oo),
            stated=2 / (9 * pi**2),
            witnesses=EXACT,
            reason=r"$\gamma = (1-\epsilon)/\epsilon$ at $\epsilon^{-1/2} = L\sqrt2/(3\pi)$",
        ),
        Statement(
            "increment_from_below",
            derived=1 / sqrt(1 - kappa(s.c)) - 1 / sqrt(1 - s.c),
            stated=sqrt(2) / (3 * pi),
            relation=Relation.GREATER,
            witnesses=ENCLOSED,
            reason="so the growth is at least this fast at every depth",
        ),
        Statement(
            "increment_from_above",
            derived=sqrt(2) / (3 * pi) + sqrt(1 - s.c) / 3,
            stated=1 / sqrt(1 - kappa(s.c)) - 1 / sqrt(1 - s.c),
            relation=Relation.GREATER,
            witnesses=ENCLOSED,
            reason=r"so the correction is $O(\sqrt\epsilon) = O(1/L)$ a layer, logarithmic in all",
        ),
    ),
)

CLAIMS = (NODE_LAW_MIXTURE, RECURSION, MONOTONE, GROWTH)
