r"""Gaussian lemmas: what a rectifier does to one Gaussian, and to two.

Lemma F.1 of arXiv 2505.11312 and the integrals behind it; then the two-point moment $\kappa$ that every
depth recursion of this project is made of.
"""

from sympy import Derivative, Expr, Integral, Max, acos, asin, atan, cos, exp, oo, pi, sin, sqrt

from theory import symbols as s
from theory.claim import (
    ENCLOSED,
    EXACT,
    PAPER,
    Claim,
    Interval,
    Kind,
    Relation,
    Source,
    Statement,
    Step,
    derived_here,
)
from theory.gaussian_functions import Phi, expectation, kappa, phi, rectified_mean, rectified_second_moment

ANY_MEAN = Interval(s.mu, -oo, oo)
ANY_DEVIATION = Interval(s.sigma, 0, oo)
OVERLAP = Interval(s.c, -1, 1)

# Steps from E f(ReLU(X)) to an integral over the half-line on which X > 0
_positive_part = -s.mu / s.sigma

RECTIFIED_MEAN = Claim(
    id="rectified_gaussian_mean",
    title="Mean of a rectified Gaussian",
    says=r"For $X \sim N(\mu, \sigma^2)$, $E\,\mathrm{ReLU}(X) = \mu\Phi(\mu/\sigma) + \sigma\varphi(\mu/\sigma)$; centred, $\sigma/\sqrt{2\pi}$.",
    kind=Kind.LEMMA,
    source=Source(PAPER, "eq. (85)"),
    domain=(ANY_MEAN, ANY_DEVIATION),
    statements=(
        Statement(
            "mean",
            derived=expectation(Max(0, s.mu + s.sigma * s.z)),
            stated=s.mu * Phi(s.mu / s.sigma) + s.sigma * phi(s.mu / s.sigma),
            steps=(
                Step(
                    expectation(s.mu + s.sigma * s.z, low=_positive_part),
                    r"the rectifier is zero for $z < -\mu/\sigma$ and the identity above",
                ),
            ),
            reason="Gaussian integrals of 1 and z over a half-line",
        ),
        Statement("centred", derived=rectified_mean(0, s.sigma), stated=s.sigma / sqrt(2 * pi)),
    ),
)

RECTIFIED_SECOND_MOMENT = Claim(
    id="rectified_gaussian_second_moment",
    title="Second moment of a rectified Gaussian",
    says=r"For $X \sim N(\mu, \sigma^2)$, $E\,\mathrm{ReLU}(X)^2 = (\mu^2+\sigma^2)\Phi(\mu/\sigma) + \mu\sigma\varphi(\mu/\sigma)$; "
    r"centred, the variance is $\sigma^2(\pi-1)/(2\pi)$.",
    kind=Kind.LEMMA,
    source=Source(PAPER, "eq. (86)"),
    domain=(ANY_MEAN, ANY_DEVIATION),
    rests_on=(RECTIFIED_MEAN,),
    statements=(
        Statement(
            "second_moment",
            derived=expectation(Max(0, s.mu + s.sigma * s.z) ** 2),
            stated=(s.mu**2 + s.sigma**2) * Phi(s.mu / s.sigma) + s.mu * s.sigma * phi(s.mu / s.sigma),
            steps=(
                Step(
                    expectation((s.mu + s.sigma * s.z) ** 2, low=_positive_part),
                    r"the rectifier is zero for $z < -\mu/\sigma$ and the identity above",
                ),
            ),
            reason="Gaussian integrals of 1, z and z² over a half-line",
        ),
        Statement(
            "centred_variance",
            derived=rectified_second_moment(0, s.sigma) - rectified_mean(0, s.sigma) ** 2,
            stated=s.sigma**2 * (pi - 1) / (2 * pi),
        ),
    ),
)

_variance: Expr = rectified_second_moment(s.mu, s.sigma) - rectified_mean(s.mu, s.sigma) ** 2
_scaled = {s.mu: s.mu / s.a, s.sigma: s.sigma / s.a}


def _homogeneous(slope: Expr, at: Expr) -> Expr:
    """max(x, 0) + slope·min(x, 0), the general positively homogeneous function up to a factor."""
    return Max(0, at) - slope * Max(0, -at)


SCALING = Claim(
    id="rectified_moments_scale",
    title="Lemma F.1: rectified moments scale",
    says=r"For $a > 0$, rectifying $X/a$ instead of $X \sim N(\mu,\sigma^2)$ divides the mean by $a$ and the variance by $a^2$. "
    r"The exact domain is positive homogeneity, $f(x/a) = f(x)/a$: it holds for every $\max(x,0) + \alpha\min(x,0)$, "
    r"and fails for others, as $\sin$ shows: $E\sin^2$ is bounded.",
    kind=Kind.LEMMA,
    source=Source(PAPER, "Lemma F.1, eqs (83)-(90)"),
    domain=(ANY_MEAN, ANY_DEVIATION, Interval(s.a, 0, oo), Interval(s.x, -oo, oo), Interval(s.alpha, -oo, oo), Interval(s.t, 0, 1)),
    rests_on=(RECTIFIED_MEAN, RECTIFIED_SECOND_MOMENT),
    statements=(
        Statement(
            "mean",
            derived=expectation(Max(0, (s.mu + s.sigma * s.z) / s.a)),
            stated=rectified_mean(s.mu, s.sigma) / s.a,
            steps=(Step(rectified_mean(s.mu / s.a, s.sigma / s.a), r"$X/a \sim N(\mu/a, \sigma^2/a^2)$ and the lemma on the mean"),),
        ),
        Statement(
            "variance",
            derived=_variance.subs(_scaled, simultaneous=True),
            stated=_variance / s.a**2,
        ),
        Statement(
            "homogeneous",
            derived=_homogeneous(s.alpha, s.x / s.a),
            stated=_homogeneous(s.alpha, s.x) / s.a,
            reason="a positive factor leaves a maximum with zero",
        ),
        Statement(
            "sine_power",
            derived=expectation(sin(s.sigma * s.z) ** 2),
            stated=(1 - exp(-2 * s.sigma**2)) / 2,
            reason="a Gaussian integral of a cosine",
        ),
        Statement(
            "sine_breaks_it",
            derived=(1 - s.t) / 2,
            stated=(1 - s.t**4) / 8,
            relation=Relation.GREATER,
            steps=(Step((1 - s.t) * ((1 - s.t) + (1 - s.t**2) + (1 - s.t**3)) / 8, "factor out 1 − t"),),
            reason=r"at $a = 2$, with $t = e^{-\sigma^2/2} \in (0, 1)$: $E\sin^2(X/a) > E\sin^2(X)/a^2$, so the lemma fails",
        ),
    ),
)

# In polar coordinates X = r cos φ, Y = r (c cos φ + √(1−c²) sin φ); both are positive for −arcsin c < φ < π/2.
_angular = cos(s.theta) * (s.c * cos(s.theta) + sqrt(1 - s.c**2) * sin(s.theta))

TWO_POINT = Claim(
    id="two_point_relu_moment",
    title="Two-point ReLU moment",
    says=r"For centred Gaussians of variance $q$ and correlation $c$, $E\,\mathrm{ReLU}(X)\mathrm{ReLU}(Y) = \frac q2\kappa(c)$ with "
    r"$\kappa(c) = [\sqrt{1-c^2} + c(\pi - \arccos c)]/\pi$.",
    kind=Kind.LEMMA,
    source=Source("Cho and Saul 2009", "arc-cosine kernel of degree one"),
    domain=(OVERLAP, Interval(s.q, 0, oo)),
    rests_on=(RECTIFIED_MEAN,),
    statements=(
        Statement(
            "in_polar_coordinates",
            derived=s.q
            * Integral(s.r**3 * exp(-(s.r**2) / 2), (s.r, 0, oo))
            * Integral(_angular, (s.theta, -asin(s.c), pi / 2))
            / (2 * pi),
            stated=s.q / 2 * (sqrt(1 - s.c**2) + s.c * (pi - acos(s.c))) / pi,
            steps=(Step(s.q / pi * Integral(_angular, (s.theta, -asin(s.c), pi / 2)), "the radial integral is 2"),),
            witnesses=EXACT,
            reason="the angular integral of products of sines and cosines",
        ),
        Statement(
            "by_conditioning",
            derived=s.q * expectation(s.z * rectified_mean(s.c * s.z, sqrt(1 - s.c**2)), low=0),
            stated=s.q / 2 * kappa(s.c),
            witnesses=ENCLOSED,
            reason=r"given $X = \sqrt q z$, $Y/\sqrt q \sim N(cz, 1-c^2)$, and the lemma on the rectified mean",
        ),
    ),
)

_slope = 1 - acos(s.c) / pi

KAPPA_SHAPE = Claim(
    id="kappa_shape",
    title="Shape of κ",
    says=r"$\kappa(0) = 1/\pi$, $\kappa(1) = 1$, $\kappa'(c) = 1 - \arccos(c)/\pi$; $\kappa$ is increasing and convex, and "
    r"$\kappa(c) > c$ on $[-1, 1)$.",
    kind=Kind.LEMMA,
    source=derived_here(),
    domain=(OVERLAP,),
    rests_on=(TWO_POINT,),
    statements=(
        Statement("at_zero", derived=kappa(0), stated=1 / pi),
        Statement("at_one", derived=kappa(1), stated=1),
        Statement("at_minus_one", derived=kappa(-1), stated=0),
        Statement("derivative", derived=Derivative(kappa(s.c), s.c), stated=_slope, witnesses=EXACT),
        Statement(
            "increasing",
            derived=_slope,
            stated=0,
            relation=Relation.GREATER,
            steps=(Step(2 * atan(sqrt((1 + s.c) / (1 - s.c))) / pi, r"$\arccos c = \pi - 2\arctan\sqrt{(1+c)/(1-c)}$"),),
            reason="an arc tangent of a positive number",
        ),
        Statement(
            "convex",
            derived=Derivative(_slope, s.c),
            stated=0,
            relation=Relation.GREATER,
            steps=(Step(1 / (pi * sqrt(1 - s.c**2)), "derivative of the arc cosine"),),
            witnesses=EXACT,
            reason="a positive square root",
        ),
        Statement(
            "gap_decreases",
            derived=-Derivative(kappa(s.c) - s.c, s.c),
            stated=0,
            relation=Relation.GREATER,
            steps=(
                Step(acos(s.c) / pi, "the derivative above"),
                Step(2 * atan(sqrt((1 - s.c) / (1 + s.c))) / pi, r"$\arccos c = 2\arctan\sqrt{(1-c)/(1+c)}$"),
            ),
            witnesses=EXACT,
            reason=r"an arc tangent of a positive number: $\kappa(c) - c$ falls to its value $\kappa(1) - 1 = 0$, so it is positive before",
        ),
        Statement(
            "above_the_diagonal",
            derived=kappa(s.c),
            stated=s.c,
            relation=Relation.GREATER,
            witnesses=ENCLOSED,
            reason=r"$\kappa(c) - c$ decreases to 0 at $c = 1$",
        ),
    ),
)

CLAIMS = (RECTIFIED_MEAN, RECTIFIED_SECOND_MOMENT, SCALING, TWO_POINT, KAPPA_SHAPE)
