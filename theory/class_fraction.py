r"""Theorem C.1: from γ to the law of the class fraction.

With two classes, output $k$ at fixed weights is $N(\mu_k, \sigma_y^2)$ over the data and $\mu_k \sim N(0, \sigma_\mu^2)$ over
the weights, $\gamma = \sigma_\mu^2/\sigma_y^2$. Class 0 receives the fraction $f_0 = P(Y_0 > Y_1 \mid W)$.
"""

from sympy import Derivative, Expr, Limit, Rational, asin, atan, erfinv, exp, oo, pi, sqrt

from theory import symbols as s
from theory.assumptions import GAUSSIAN_DATA, INDEPENDENCE, MEAN_FIELD_LIMIT
from theory.claim import ENCLOSED, EXACT, PAPER, Claim, Interval, Kind, Source, Statement, Step
from theory.experiments import ClassFraction, Rival
from theory.gaussian_functions import Phi, expectation, kappa, phi
from theory.network import Network

HALF = Rational(1, 2)
THEOREM_C1 = Source(PAPER, "Theorem C.1, Def. C.2 (from arXiv 2306.00809)")
GAMMA = Interval(s.gamma, 0, oo)


def normal_quantile(t: Expr) -> Expr:
    r"""$\Phi^{-1}(t) = \sqrt2\,\mathrm{erf}^{-1}(2t-1)$."""
    return sqrt(2) * erfinv(2 * t - 1)


def fraction_cdf(t: Expr, gamma: Expr) -> Expr:
    r"""$P(f_0 \le t) = \Phi(\Phi^{-1}(t)/\sqrt\gamma)$."""
    return Phi(normal_quantile(t) / sqrt(gamma))


def fraction_density(t: Expr, gamma: Expr) -> Expr:
    r"""$p(t) = \gamma^{-1/2}\exp(\tfrac12\zeta^2(1 - 1/\gamma))$, $\zeta = \Phi^{-1}(t)$."""
    return exp(normal_quantile(t) ** 2 * (1 - 1 / gamma) / 2) / sqrt(gamma)


def fraction_variance(gamma: Expr) -> Expr:
    r"""$\mathrm{Var} f_0 = \arcsin(c)/2\pi$, $c = \gamma/(1+\gamma)$."""
    return asin(gamma / (1 + gamma)) / (2 * pi)


def mean_largest(gamma: Expr) -> Expr:
    r"""$E\max(f_0, 1-f_0) = \tfrac12 + \arctan(\sqrt\gamma)/\pi$."""
    return HALF + atan(sqrt(gamma)) / pi


LAW = Claim(
    id="class_fraction_law",
    title="Theorem C.1: law of the class fraction",
    says=r"$f_0 = \Phi(\sqrt\gamma Z)$ with $Z \sim N(0,1)$: $P(f_0 \le t) = \Phi(\Phi^{-1}(t)/\sqrt\gamma)$, with density "
    r"$\gamma^{-1/2}\exp(\frac12\zeta^2(1-1/\gamma))$, $\zeta = \Phi^{-1}(t)$; exactly uniform at $\gamma = 1$.",
    kind=Kind.THEOREM,
    source=THEOREM_C1,
    domain=(Interval(s.t, 0, 1), GAMMA, Interval(s.mu, -oo, oo)),
    rests_on=(MEAN_FIELD_LIMIT, INDEPENDENCE, GAUSSIAN_DATA),
    statements=(
        Statement(
            "fraction_at_fixed_weights",
            derived=expectation(1, low=-s.mu),
            stated=Phi(s.mu),
            reason=r"$Y_0 - Y_1 > 0$, its centre over its deviation being $\mu = (\mu_0-\mu_1)/(\sqrt2\sigma_y) \sim N(0, \gamma)$",
        ),
        Statement(
            "cdf",
            derived=expectation(1, high=normal_quantile(s.t) / sqrt(s.gamma)),
            stated=Phi(normal_quantile(s.t) / sqrt(s.gamma)),
            reason=r"$\Phi$ increases, so $\Phi(\sqrt\gamma Z) \le t$ is $Z \le \Phi^{-1}(t)/\sqrt\gamma$",
        ),
        Statement(
            "density",
            derived=Derivative(fraction_cdf(s.t, s.gamma), s.t),
            stated=exp(normal_quantile(s.t) ** 2 * (1 - 1 / s.gamma) / 2) / sqrt(s.gamma),
            witnesses=EXACT,
            reason="derivative of the inverse error function",
        ),
        Statement("uniform_at_one", derived=fraction_cdf(s.t, 1), stated=s.t, reason="a function and its inverse"),
    ),
    experiments=(
        ClassFraction(
            Network(),
            depths=(1,),
            overlap_map=kappa(s.c),
            deviation=sqrt(s.gamma),
            rival=Rival(r"$f_0 = \Phi(\gamma Z)$: γ read as a ratio of deviations", s.gamma),
            rival_depth=1,
        ),
    ),
)

LIMITS = Claim(
    id="class_fraction_limits",
    title="Limits of the class fraction",
    says=r"$\gamma \to 0$: a point mass at $\frac12$. $\gamma \to \infty$: point masses $\frac12$ at 0 and at 1.",
    kind=Kind.LEMMA,
    source=THEOREM_C1,
    domain=(Interval(s.u, 0, oo), Interval(s.x, -oo, oo)),
    rests_on=(LAW,),
    statements=(
        Statement(
            "neutral_below_half",
            derived=Limit(Phi(-s.u / sqrt(s.gamma)), s.gamma, 0, "+"),
            stated=0,
            witnesses=EXACT,
            reason=r"for $t < \frac12$, $\Phi^{-1}(t) = -u < 0$",
        ),
        Statement(
            "neutral_above_half",
            derived=Limit(Phi(s.u / sqrt(s.gamma)), s.gamma, 0, "+"),
            stated=1,
            witnesses=EXACT,
            reason=r"for $t > \frac12$, $\Phi^{-1}(t) = u > 0$",
        ),
        Statement(
            "deep_prejudice",
            derived=Limit(Phi(s.x / sqrt(s.gamma)), s.gamma, oo),
            stated=HALF,
            witnesses=EXACT,
            reason=r"at every $t$ inside $(0, 1)$, $\Phi^{-1}(t) = x$ is finite",
        ),
    ),
)

_arcsine_slope = 1 / (2 * pi * (1 + s.gamma) * sqrt(1 + 2 * s.gamma))

MOMENTS = Claim(
    id="class_fraction_moments",
    title="Moments of the class fraction",
    says=r"$\mathrm{Var} f_0 = \arcsin(c)/2\pi$ with $c = \gamma/(1+\gamma)$, and $E\max(f_0, 1-f_0) = \frac12 + \arctan(\sqrt\gamma)/\pi$.",
    kind=Kind.LEMMA,
    source=Source(PAPER, "Theorem C.1; moments derived here"),
    domain=(GAMMA, Interval(s.sigma, 0, oo), Interval(s.z, -oo, oo)),
    rests_on=(LAW,),
    statements=(
        Statement(
            "variance",
            derived=expectation(Phi(sqrt(s.gamma) * s.z) ** 2) - Rational(1, 4),
            stated=asin(s.gamma / (1 + s.gamma)) / (2 * pi),
            witnesses=ENCLOSED,
            reason="equal slopes in γ, by the next three statements, and both sides vanish at γ = 0",
        ),
        Statement(
            "by_parts",
            derived=Derivative(Phi(s.sigma * s.z) * phi(s.sigma * s.z), s.z),
            stated=s.sigma * phi(s.sigma * s.z) ** 2 - s.sigma**2 * s.z * Phi(s.sigma * s.z) * phi(s.sigma * s.z),
            witnesses=EXACT,
            reason=r"with $E[Zg(Z)] = E[g'(Z)]$: $(1+\gamma)\,E[Z\Phi\varphi] = \sqrt\gamma\,E[\varphi(\sqrt\gamma Z)^2]$",
        ),
        Statement(
            "squared_density",
            derived=expectation(phi(sqrt(s.gamma) * s.z) ** 2),
            stated=1 / (2 * pi * sqrt(1 + 2 * s.gamma)),
            reason=r"a Gaussian integral; the slope of $E\Phi^2$ is therefore $1/(2\pi(1+\gamma)\sqrt{1+2\gamma})$",
        ),
        Statement(
            "variance_slope",
            derived=Derivative(fraction_variance(s.gamma), s.gamma),
            stated=_arcsine_slope,
            witnesses=EXACT,
            reason="derivative of the arc sine",
        ),
        Statement("variance_at_zero", derived=fraction_variance(0), stated=0),
        Statement(
            "mean_largest",
            derived=2 * expectation(Phi(sqrt(s.gamma) * s.z), low=0),
            stated=HALF + atan(sqrt(s.gamma)) / pi,
            witnesses=ENCLOSED,
            reason=r"$\max(f_0, 1-f_0) = \Phi(\sqrt\gamma|Z|)$; equal slopes in $\sigma = \sqrt\gamma$, and both sides are $\frac12$ at 0",
        ),
        Statement(
            "mean_largest_slope",
            derived=2 * expectation(s.z * phi(s.sigma * s.z), low=0),
            stated=Derivative(atan(s.sigma) / pi, s.sigma),
            steps=(Step(1 / (pi * (1 + s.sigma**2)), "a Gaussian integral"),),
            witnesses=EXACT,
            reason="derivative of the arc tangent",
        ),
    ),
)

CLAIMS = (LAW, LIMITS, MOMENTS)
