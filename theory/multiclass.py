r"""Many classes: the law of the class fractions, and the largest of them.

At fixed weights output $k$ of K is $N(\mu_k, 1)$ over the data, in units of $\sigma_y$, and $\mu_k \sim N(0, \gamma)$ over the weights. Class k receives
the fraction $G_k(\mu) = P(Y_k > Y_j\ \text{for all}\ j \ne k)$. Means over weights of what these fractions do are about two *races* of K standard
Gaussians in which the two entries of one class have correlation r and different classes are independent: with $T_K(r)$ the probability that one given
class wins both,

$$T_K(r) = E[\Phi_2(X, Y)^{K-1}], \qquad E[G_k^2] = T_K(c), \qquad E \max_k G_k = K\,T_K(\sqrt c), \qquad c = \gamma/(1+\gamma),$$

$\Phi_2$ being the distribution function of one class's pair (X, Y): two samples' outputs, or a centre and an output.
"""

from itertools import combinations

from sympy import Derivative, Expr, Integral, Limit, Matrix, Rational, S, asin, atan, cancel, cos, diff, exp, oo, pi, sqrt

from theory import symbols as s
from theory.assumptions import GAUSSIAN_DATA, INDEPENDENCE, MEAN_FIELD_LIMIT
from theory.claim import ENCLOSED, EXACT, PAPER, Claim, Interval, Kind, Relation, Source, Statement, Step, derived_here
from theory.class_fraction import GAMMA, HALF, normal_quantile
from theory.class_fraction import LAW as TWO_CLASS_LAW
from theory.class_fraction import MOMENTS as TWO_CLASS_MOMENTS
from theory.depth import RECURSION, pair_moment
from theory.experiments import LargestFraction, Rival
from theory.gaussian import RECTIFIED_MEAN, TWO_POINT
from theory.gaussian_functions import Phi, expectation, kappa, phi
from theory.network import Network, Placement
from theory.norms import LayerNorm
from theory.placements import LAYER_NORM_POST

MANY = 10  #: classes, where a statement about any number of them is evaluated
THIRD = Rational(1, 3)


def _density_of_winner(own: Expr, *others: Expr) -> Expr:
    r"""$\varphi(y-\mu_k)\prod_{j \ne k}\Phi(y-\mu_j)$, whose integral over y is $G_k(\mu)$."""
    density = phi(s.y - own)
    for other in others:
        density *= Phi(s.y - other)
    return density


_hazard = phi(s.x) / Phi(s.x)
_below_first, _below_second = s.y - s.mu_0, s.y - s.mu_1

LAW = Claim(
    id="multiclass_fraction_law",
    title="Class fractions of K classes",
    says=r"At fixed weights class k receives $G_k(\mu) = \int \varphi(y-\mu_k)\prod_{j\ne k}\Phi(y-\mu_j)\,dy$ with $\mu_k \sim N(0, \gamma)$ independent. The fractions "
    r"sum to one, each has mean $1/K$, and $G_i > G_j$ if and only if $\mu_i > \mu_j$: the largest fraction belongs to the largest centre.",
    kind=Kind.THEOREM,
    source=Source(PAPER, "Theorem C.1 for K classes (from arXiv 2306.00809); order of the fractions derived here"),
    domain=(
        *(Interval(symbol, -oo, oo) for symbol in (s.mu, s.mu_0, s.mu_1, s.mu_2, s.x, s.y, s.z)),
        Interval(s.C, 1, oo),
    ),
    rests_on=(MEAN_FIELD_LIMIT, INDEPENDENCE, GAUSSIAN_DATA, TWO_CLASS_LAW, RECTIFIED_MEAN),
    statements=(
        Statement(
            "fractions_sum_to_one",
            derived=Derivative(Phi(s.y - s.mu_0) * Phi(s.y - s.mu_1) * Phi(s.y - s.mu_2), s.y),
            stated=_density_of_winner(s.mu_0, s.mu_1, s.mu_2)
            + _density_of_winner(s.mu_1, s.mu_2, s.mu_0)
            + _density_of_winner(s.mu_2, s.mu_0, s.mu_1),
            witnesses=EXACT,
            reason=r"the product rule, here for K = 3: the densities of the winners add up to that of the largest output, "
            r"$\prod_j\Phi(y-\mu_j)$, which rises from 0 to 1",
        ),
        Statement(
            "two_classes",
            derived=expectation(Phi(s.z + sqrt(2) * s.mu)),
            stated=Phi(s.mu),
            witnesses=ENCLOSED,
            reason=r"$G_0 = \Phi((\mu_0-\mu_1)/\sqrt2)$, the law of two classes: equal slopes in $\mu$, and both sides vanish for $\mu \to -\infty$",
        ),
        Statement(
            "two_classes_slope",
            derived=expectation(sqrt(2) * phi(s.z + sqrt(2) * s.mu)),
            stated=phi(s.mu),
            reason="a Gaussian integral",
        ),
        Statement(
            "mean_fraction",
            derived=Derivative(Phi(s.z) ** s.C / s.C, s.z),
            stated=Phi(s.z) ** (s.C - 1) * phi(s.z),
            witnesses=EXACT,
            reason=r"over weights and data the outputs are alike and independent, so $E\,G_k = E\,\Phi(Z)^{K-1}$; its integrand is the derivative of $\Phi^K/K$",
        ),
        Statement(
            "mean_fraction_of_many",
            derived=expectation(Phi(s.z) ** (MANY - 1)),
            stated=Rational(1, MANY),
            witnesses=ENCLOSED,
            reason=f"the same at K = {MANY}",
        ),
        Statement(
            "difference_of_two_fractions",
            derived=_density_of_winner(s.mu_0, s.mu_1) - _density_of_winner(s.mu_1, s.mu_0),
            stated=Phi(_below_first)
            * Phi(_below_second)
            * (phi(_below_first) / Phi(_below_first) - phi(_below_second) / Phi(_below_second)),
            witnesses=EXACT,
            reason=r"$G_0 - G_1$ is the integral of this times $\prod_{j>1}\Phi(y-\mu_j) > 0$. For $\mu_0 > \mu_1$ it is positive at every y, "
            r"because $\varphi/\Phi$ falls, by the next three statements",
        ),
        Statement(
            "reversed_hazard_slope",
            derived=Derivative(_hazard, s.x),
            stated=-phi(s.x) * (s.x * Phi(s.x) + phi(s.x)) / Phi(s.x) ** 2,
            witnesses=EXACT,
            reason=r"derivative of a quotient; $x\Phi(x) + \varphi(x)$ is the mean of a rectified Gaussian",
        ),
        Statement(
            "rectified_mean_rises",
            derived=Derivative(s.x * Phi(s.x) + phi(s.x), s.x),
            stated=Phi(s.x),
            witnesses=EXACT,
            reason=r"positive, so $x\Phi + \varphi$ rises from its limit at $-\infty$, and is positive",
        ),
        Statement(
            "rectified_mean_from_zero",
            derived=Limit(s.x * Phi(s.x) + phi(s.x), s.x, -oo),
            stated=0,
            witnesses=EXACT,
            reason="the Gaussian tail beats x",
        ),
    ),
)

# Over weights (w) and data (z): a class's centre, and its output for one sample
_centre, _output = sqrt(s.gamma) * s.w, sqrt(s.gamma) * s.w + s.z
_sharpest = expectation(phi(s.z) * Phi(s.z) ** (MANY - 2))

LARGEST = Claim(
    id="largest_class_fraction",
    title="Mean of the largest class fraction",
    says=r"$E\max_k G_k = K\,E[\Phi_2(\mu, y)^{K-1}]$ over $(\mu, y) \sim N(0, [[\gamma, \gamma], [\gamma, 1+\gamma]])$ with distribution function $\Phi_2$: some class has the "
    r"largest centre and wins one sample as well. Likewise $E\sum_k G_k^2 = K\,E[\Phi_2(y, y')^{K-1}]$ for two samples, of covariance γ. At K = 2 "
    r"the first is $\frac12 + \arctan(\sqrt\gamma)/\pi$, and the largest fraction has $P(\max_k G_k \le t) = 2\Phi(\Phi^{-1}(t)/\sqrt\gamma) - 1$ on $[\frac12, 1]$. "
    r"From $1/K$ at γ = 0 the mean rises with slope $(E M_K)^2/(K-1)$ in $\sqrt\gamma$, $M_K$ the largest of K standard Gaussians. "
    r"A norm after the activation is neutral: every class receives $1/K$.",
    kind=Kind.THEOREM,
    source=derived_here("derived here; the statistic of Fig. G.9 of arXiv 2505.11312"),
    domain=(GAMMA, Interval(s.c, -1, 1), Interval(s.t, HALF, 1), Interval(s.C, 1, oo), Interval(s.m, -oo, oo)),
    rests_on=(LAW, TWO_CLASS_MOMENTS, RECURSION, LAYER_NORM_POST),
    statements=(
        Statement(
            "centre_variance",
            derived=pair_moment(_centre**2),
            stated=s.gamma,
            witnesses=EXACT,
            reason=r"$\mu_k \sim N(0, \gamma)$",
        ),
        Statement(
            "centre_and_output",
            derived=pair_moment(_centre * _output),
            stated=s.gamma,
            witnesses=EXACT,
            reason=r"the data's noise is independent of the centre: correlation $\sqrt c$",
        ),
        Statement(
            "output_variance",
            derived=pair_moment(_output**2),
            stated=1 + s.gamma,
            witnesses=EXACT,
            reason="independent Gaussians: two samples, of covariance γ, have correlation c",
        ),
        Statement(
            "pair_orthant",
            derived=expectation(Phi(s.c * s.z / sqrt(1 - s.c**2)), low=0),
            stated=Rational(1, 4) + asin(s.c) / (2 * pi),
            witnesses=ENCLOSED,
            reason="Sheppard's formula for two standard Gaussians to be positive, of correlation c: given one of them, the other is $N(cz, 1-c^2)$",
        ),
        Statement(
            "two_classes",
            derived=2 * (Rational(1, 4) + asin(sqrt(s.gamma / (1 + s.gamma))) / (2 * pi)),
            stated=HALF + atan(sqrt(s.gamma)) / pi,
            reason=r"at K = 2 the differences $\mu_0 - \mu_1$ and $y_0 - y_1$ are positive with Sheppard's probability at $r = \sqrt c$; as in the two-class lemma",
        ),
        Statement(
            "two_classes_distribution",
            derived=expectation(1, low=-normal_quantile(s.t) / sqrt(s.gamma), high=normal_quantile(s.t) / sqrt(s.gamma)),
            stated=2 * Phi(normal_quantile(s.t) / sqrt(s.gamma)) - 1,
            reason=r"$\max(f_0, 1-f_0) = \Phi(\sqrt\gamma|Z|) \le t$ is $|Z| \le \Phi^{-1}(t)/\sqrt\gamma$",
        ),
        Statement(
            "no_prejudice",
            derived=MANY * expectation(Phi(s.z) ** (MANY - 1)) ** 2,
            stated=Rational(1, MANY),
            witnesses=ENCLOSED,
            reason=rf"at $r = 0$ the two races are independent, here of K = {MANY}",
        ),
        Statement(
            "full_prejudice",
            derived=MANY * expectation(Phi(s.z) ** (MANY - 1)),
            stated=1,
            witnesses=ENCLOSED,
            reason=rf"at $r = 1$ they are one race, here of K = {MANY}",
        ),
        Statement(
            "winner_by_parts",
            derived=expectation(s.z * Phi(s.z) ** (MANY - 1)),
            stated=(MANY - 1) * _sharpest,
            witnesses=ENCLOSED,
            reason=rf"$E[Zg(Z)] = E[g'(Z)]$; the left side is $E\,M_K/K$, the mean of an entry where it wins, here at K = {MANY}",
        ),
        Statement(
            "slope_at_zero",
            derived=s.C * ((s.m / s.C) ** 2 + (s.C - 1) * (s.m / (s.C * (s.C - 1))) ** 2),
            stated=s.m**2 / (s.C - 1),
            reason=r"Price's theorem at r = 0: $T_K'(0) = \sum_i E[X_i;\,0\text{ wins}]^2$, which is $(m/K)^2$ for $i = 0$ with $m = E\,M_K$; the others share minus that, "
            r"because $\sum_i X_i$ is independent of who wins",
        ),
    ),
    experiments=(
        LargestFraction(
            Network(),
            classes=MANY,
            depths=(1, 2, 3),
            overlap_map=kappa(s.c),
            rival=Rival("class fractions stay at depth one's law", 1 / (pi - 1)),
            rival_depth=3,
        ),
        LargestFraction(
            Network(LayerNorm, Placement.POST),
            classes=MANY,
            depths=(1,),
            overlap_map=(pi * kappa(s.c) - 1) / (pi - 1),
            rival=Rival("a norm after the activation leaves the prejudice of one ReLU layer", 1 / (pi - 1)),
            rival_depth=1,
        ),
    ),
)


def two_races_of_three(r: Expr) -> Expr:
    r"""$T_3(r) = \frac19 + \frac1{4\pi}(\arcsin r + \arcsin\frac r2) + \frac1{4\pi^2}(\arcsin^2 r - \arcsin^2\frac r2)$."""
    whole, half = asin(r), asin(r / 2)
    return Rational(1, 9) + (whole + half) / (4 * pi) + (whole**2 - half**2) / (4 * pi**2)


def _orthant_slope(covariance: Matrix, by: Expr) -> Expr:
    r"""The slope of the probability that four standard Gaussians are positive, by Plackett's identity.

    $\partial_{\sigma_{ij}} P = \varphi_2(0, 0; \sigma_{ij})\,P(\text{the other two} > 0 \mid \text{these two are } 0)$. The other two have one conditional variance, by the symmetry of
    the races, so that their conditional correlation is a ratio of two entries.
    """
    slope = Rational(0)
    for pair in combinations(range(4), 2):
        others = [k for k in range(4) if k not in pair]
        correlation = covariance[pair]
        cross = covariance.extract(others, list(pair))
        conditional = covariance.extract(others, others) - cross * Matrix([[1, correlation], [correlation, 1]]).inv() * cross.T
        given = cancel(conditional[0, 1] / conditional[0, 0])
        slope += diff(correlation, by) / (2 * pi * sqrt(1 - correlation**2)) * (Rational(1, 4) + asin(given) / (2 * pi))
    return slope


# Differences of class 0 to the other two, over √2: (first race: 1, 2; second race: 1, 2)
_within, _between = Matrix([[1, HALF], [HALF, 1]]), Matrix([[s.c, s.c / 2], [s.c / 2, s.c]])
_differences = Matrix([[_within, _between], [_between, _within]])

_pair_density = exp(-(s.x**2 - 2 * s.c * s.x * s.y + s.y**2) / (2 * (1 - s.c**2))) / (2 * pi * sqrt(1 - s.c**2))
_cosine = s.c * cos(s.theta)
#: Density of the angle between two plane Gaussian vectors whose components have correlation c
_angle_density = (1 - s.c**2) * kappa(_cosine) / (2 * sqrt(1 - _cosine**2) ** 3)
_root_overlap = sqrt(s.gamma / (1 + s.gamma))
_largest_of_three = 3 * two_races_of_three(_root_overlap)
_least_mean = 3 * expectation(s.z * Phi(s.z) ** 2)

THREE = Claim(
    id="largest_of_three_fractions",
    title="Three classes in closed form",
    says=r"$T_3(r) = \frac19 + \frac1{4\pi}(\arcsin r + \arcsin\frac r2) + \frac1{4\pi^2}(\arcsin^2 r - \arcsin^2\frac r2)$: the largest of three fractions has mean "
    r"$3\,T_3(\sqrt c)$, which rises with γ from $\frac13$ to 1, and one fraction has variance $T_3(c) - \frac19$.",
    kind=Kind.THEOREM,
    source=derived_here("derived here, with Plackett 1954"),
    domain=(Interval(s.c, 0, 1), GAMMA, Interval(s.x, -oo, oo), Interval(s.y, -oo, oo)),
    rests_on=(LARGEST, TWO_POINT),
    statements=(
        Statement(
            "plackett",
            derived=Derivative(_pair_density, s.c),
            stated=Derivative(_pair_density, s.x, s.y),
            steps=(
                Step(
                    _pair_density * (s.c + s.x * s.y - s.c * (s.x**2 - 2 * s.c * s.x * s.y + s.y**2) / (1 - s.c**2)) / (1 - s.c**2),
                    "derivative in the correlation",
                ),
            ),
            witnesses=EXACT,
            reason="integrated over a quadrant, the slope in a correlation is the density at its corner; the same identity holds in every dimension",
        ),
        Statement(
            "slope",
            derived=_orthant_slope(_differences, s.c),
            stated=(1 + 2 * asin(s.c) / pi) / (4 * pi * sqrt(1 - s.c**2)) + (1 - 2 * asin(s.c / 2) / pi) / (4 * pi * sqrt(4 - s.c**2)),
            reason=r"Plackett's identity for the four differences $X_0 - X_1, X_0 - X_2, Y_0 - Y_1, Y_0 - Y_2$: given that the two of one rival are zero, the others have correlation r; "
            r"given two crossed ones, −r/2",
        ),
        Statement(
            "slope_of_the_closed_form",
            derived=Derivative(two_races_of_three(s.c), s.c),
            stated=_orthant_slope(_differences, s.c),
            witnesses=EXACT,
        ),
        Statement(
            "independent_races",
            derived=expectation(Phi(s.z) ** 2) ** 2,
            stated=two_races_of_three(S.Zero),
            witnesses=ENCLOSED,
            reason="at r = 0, where the slopes are integrated from",
        ),
        Statement("one_race", derived=two_races_of_three(S.One), stated=THIRD, reason="at r = 1 one of three alike wins"),
        Statement(
            "by_angles",
            derived=2 * Integral((1 - 3 * s.theta / (2 * pi)) * _angle_density, (s.theta, 0, 2 * pi / 3)),
            stated=3 * two_races_of_three(s.c),
            witnesses=ENCLOSED,
            reason="a second derivation: the three differences to the mean are a plane Gaussian vector, the winner is the third of the circle that it points to, and two directions "
            r"at the angle $\delta$ share a third with probability $1 - 3\delta/2\pi$; the density of $\delta$ is a two-point moment of the radii, with $\kappa(r\cos\delta)$",
        ),
        Statement(
            "rises",
            derived=(1 + 2 * asin(s.c) / pi) / (4 * pi * sqrt(1 - s.c**2)) + (1 - 2 * asin(s.c / 2) / pi) / (4 * pi * sqrt(4 - s.c**2)),
            stated=0,
            relation=Relation.GREATER,
            witnesses=ENCLOSED,
            reason=r"the arc sine of $r/2$ is at most $\pi/6$",
        ),
        Statement(
            "no_prejudice",
            derived=Limit(_largest_of_three, s.gamma, 0, "+"),
            stated=THIRD,
            witnesses=EXACT,
            reason="all arc sines vanish",
        ),
        Statement(
            "full_prejudice",
            derived=Limit(_largest_of_three, s.gamma, oo),
            stated=1,
            witnesses=EXACT,
            reason=r"$r \to 1$",
        ),
        Statement(
            "slope_at_zero",
            derived=_least_mean**2 / 2,
            stated=9 / (8 * pi),
            witnesses=ENCLOSED,
            reason=r"the slope in $\sqrt\gamma$ by the largest of three Gaussians, $(E M_3)^2/2$",
        ),
        Statement(
            "slope_at_zero_of_the_closed_form",
            derived=Limit(Derivative(3 * two_races_of_three(s.c), s.c).doit(), s.c, 0, "+"),
            stated=9 / (8 * pi),
            witnesses=EXACT,
            reason="derivative of the closed form",
        ),
    ),
    experiments=(
        LargestFraction(
            Network(),
            classes=3,
            depths=(1,),
            overlap_map=kappa(s.c),
            rival=Rival("γ read as a ratio of deviations: γ² in the place of γ", s.gamma**2),
            rival_depth=1,
        ),
    ),
    long=True,
)

CLAIMS = (LAW, LARGEST, THREE)
