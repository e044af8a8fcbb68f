r"""Appendix E.1.2 of arXiv 2505.11312, eqs (27)-(50): the leave-one-out statistic of a mini-batch.

Sample $x_i$ of a batch of $B$ is standardised by mean $\tilde\mu$ and deviation $\tilde\sigma$ of the other $B-1$ samples:
$s_i = (x_i-\tilde\mu)/\tilde\sigma$ with $\tilde\sigma^2 = \frac1D\sum_{j\ne i}(x_j-\tilde\mu)^2$. The text we have does not show the divisor, so
$D$ stays a parameter, and both candidates, $B-1$ and $B-2$, are put in. Throughout $\nu = B-2$, the degrees of freedom.
"""

from sympy import Derivative, Dummy, Expr, Integral, Limit, Rational, Sum, binomial, exp, factorial, gamma, latex, log, oo, pi, sqrt

from theory import symbols as s
from theory.assumptions import GAUSSIAN_DATA, NO_EPSILON, SAMPLE_MEAN_AND_VARIANCE
from theory.claim import EXACT, PAPER, Claim, Interval, Kind, Relation, Source, Statement
from theory.experiments import Rival, StatisticLaw
from theory.gaussian_functions import chi_squared, expectation, log_of, phi, student_mean_modulus
from theory.norms import LeaveOneOutBatchNorm

SAMPLES = s.nu + 2  #: B
DIVISORS = {"divisor_B_minus_1": s.nu + 1, "divisor_B_minus_2": s.nu}  #: the candidates for D
LINE = Interval(s.x, -oo, oo)


def spread(degrees: Expr, divisor: Expr) -> Expr:
    r"""$w = BD/(B-1)$: the statistic is $\sqrt{w/\nu}\,T_\nu$, Student's t scaled."""
    return (degrees + 2) * divisor / (degrees + 1)


def student_density(x: Expr, degrees: Expr, w: Expr) -> Expr:
    r"""$\frac{\Gamma((\nu+1)/2)}{\sqrt{\pi w}\,\Gamma(\nu/2)}(1+x^2/w)^{-(\nu+1)/2}$: the density of $\sqrt{w/\nu}\,T_\nu$."""
    return gamma((degrees + 1) / 2) / (sqrt(pi * w) * gamma(degrees / 2)) * (1 + x**2 / w) ** (-(degrees + 1) / 2)


# The estimators, eqs (27)-(40)

_index = Dummy("j", integer=True)
_square = s.mu**2 + s.sigma**2  # E x²
_product = s.mu**2 + s.sigma**2 / (s.nu + 1)  # E x_j μ̃, and E μ̃²


def _difference_of_variances(divisor: Expr) -> Expr:
    r"""$E(U/D - (U+W)/B)^2$ at $B = \ell$, from $E U = \nu$, $E U^2 = \nu(\nu+2)$, $E W = 1$, $E W^2 = 3$."""
    degrees, gap = s.ell - 2, 1 / divisor - 1 / s.ell
    return gap**2 * degrees * (degrees + 2) - 2 * gap * degrees / s.ell + 3 / s.ell**2


ESTIMATORS = Claim(
    id="leave_one_out_estimators",
    title="Eqs (27)-(40): the leave-one-out estimators",
    says=r"Mean and variance of the other $B-1$ samples: $E\tilde\mu = \mu$ and $E\tilde\sigma^2 = \frac{B-2}D\sigma^2$, unbiased for $D = B-2$ only. They approach "
    r"the canonical estimators in mean square, hence in probability: $E(\tilde\mu-\hat\mu)^2 = \sigma^2/(B(B-1))$, and "
    r"$B^2E(\tilde\sigma^2-\hat\sigma^2)^2 \to 3\sigma^4$ for $D = B-2$, $2\sigma^4$ for $D = B-1$.",
    kind=Kind.LEMMA,
    source=Source(PAPER, "App. E.1.2, eqs (27)-(40); rates derived here"),
    domain=(
        *(Interval(symbol, -oo, oo) for symbol in (s.mu, s.x, s.total, s.squares)),
        *(Interval(symbol, 0, oo) for symbol in (s.sigma, s.nu, s.D, s.epsilon)),
        Interval(s.ell, 2, oo),
        Interval(s.k, -1, oo),
    ),
    rests_on=(SAMPLE_MEAN_AND_VARIANCE,),
    statements=(
        Statement(
            "mean_is_unbiased",
            derived=Sum(s.mu, (_index, 1, s.k + 1)) / (s.k + 1),
            stated=s.mu,
            witnesses=EXACT,
            equations=(28, 30),
            reason=r"$B - 1 = k + 1$ terms, each of mean μ",
        ),
        Statement("term_a", derived=expectation((s.mu + s.sigma * s.z) ** 2), stated=_square, equations=(34,), reason=r"$A = E\,x_j^2$"),
        Statement(
            "term_b",
            derived=(expectation((s.mu + s.sigma * s.z) ** 2) + s.nu * s.mu**2) / (s.nu + 1),
            stated=_product,
            equations=(35,),
            reason=r"$B = E\,x_j\tilde\mu$: one of the $B-1$ terms of $\tilde\mu$ is $x_j$, the others are independent of it",
        ),
        Statement(
            "term_c",
            derived=((s.nu + 1) * _square + (s.nu + 1) * s.nu * s.mu**2) / (s.nu + 1) ** 2,
            stated=_product,
            equations=(36,),
            reason=r"$C = E\,\tilde\mu^2$: $B-1$ squares and $(B-1)(B-2)$ products of independent samples",
        ),
        Statement(
            "expected_variance",
            derived=(s.nu + 1) / s.D * (_square - 2 * _product + _product),
            stated=s.nu * s.sigma**2 / s.D,
            equations=(29, 31, 32, 33),
            reason=r"$E\tilde\sigma^2 = \frac{B-1}D(A - 2B + C)$: equal to $\sigma^2$ if and only if $D = B-2$",
        ),
        Statement(
            "difference_of_means",
            derived=(s.total - s.x) / (s.nu + 1) - s.total / SAMPLES,
            stated=(s.total / SAMPLES - s.x) / (s.nu + 1),
            equations=(38,),
            reason=r"with $S = \sum x_j$: $\tilde\mu - \hat\mu = (\hat\mu - x_i)/(B-1)$",
        ),
        Statement(
            "sums_of_squares",
            derived=(s.squares - s.x**2) - (s.total - s.x) ** 2 / (s.nu + 1),
            stated=(s.squares - s.total**2 / SAMPLES) - SAMPLES / (s.nu + 1) * (s.x - s.total / SAMPLES) ** 2,
            reason=r"with $Q = \sum x_j^2$: $D\tilde\sigma^2 = B\hat\sigma^2 - \frac B{B-1}(x_i-\hat\mu)^2$",
        ),
        Statement(
            "mean_square_difference",
            derived=s.sigma**2 * ((1 - 1 / SAMPLES) ** 2 + (s.nu + 1) / SAMPLES**2) / (s.nu + 1) ** 2,
            stated=s.sigma**2 / (SAMPLES * (s.nu + 1)),
            equations=(39,),
            reason=r"$\hat\mu - x_i = \frac1B\sum_{j\ne i}x_j - (1-\frac1B)x_i$ is a sum of independent terms, divided by $B-1$",
        ),
        Statement(
            "means_agree_in_probability",
            derived=Limit(s.sigma**2 / (s.epsilon**2 * s.ell * (s.ell - 1)), s.ell, oo),
            stated=0,
            witnesses=EXACT,
            equations=(40,),
            reason=r"Chebyshev: at $B = \ell$ this bounds $P(|\tilde\mu-\hat\mu| > \epsilon)$",
        ),
        *(
            Statement(
                f"variances_agree_{name}",
                derived=Limit(s.ell**2 * _difference_of_variances(DIVISORS[name].subs(s.nu, s.ell - 2)), s.ell, oo),
                stated=rate,
                witnesses=EXACT,
                reason=r"$\tilde\sigma^2 = U/D$ and $\hat\sigma^2 = (U+W)/B$ at $B = \ell$, σ = 1, with $U \sim \chi^2_{B-2}$ and $W \sim \chi^2_1$ independent",
            )
            for name, rate in (("divisor_B_minus_1", 2), ("divisor_B_minus_2", 3))
        ),
    ),
)

# Their laws, eqs (41)-(48)

_scaled = s.D / s.sigma**2  # X = D σ̃²/σ² is χ²

LAWS = Claim(
    id="leave_one_out_laws",
    title="Eqs (41)-(48): the laws of the leave-one-out estimators",
    says=r"For Gaussian samples $\tilde\mu \sim N(\mu, \sigma^2/(B-1))$ and $D\tilde\sigma^2/\sigma^2 \sim \chi^2_{B-2}$, independent of each other and of $x_i$; so $E\,s = 0$ and "
    r"$E\,s^2 = \frac{BD}{(B-1)(B-4)}$ for $B > 4$, infinite for $B \le 4$.",
    kind=Kind.LEMMA,
    source=Source(PAPER, "App. E.1.2, eqs (41)-(48)"),
    domain=(
        *(Interval(symbol, 0, oo) for symbol in (s.sigma, s.nu, s.D, s.u, s.r, s.tau)),
        *(Interval(symbol, -oo, oo) for symbol in (s.mu, s.x)),
    ),
    rests_on=(GAUSSIAN_DATA, SAMPLE_MEAN_AND_VARIANCE, ESTIMATORS),
    statements=(
        Statement(
            "law_of_the_mean",
            derived=expectation(exp(s.x * s.sigma * s.z / (s.nu + 1))) ** (s.nu + 1),
            stated=exp(s.x**2 * s.sigma**2 / (2 * (s.nu + 1))),
            witnesses=EXACT,
            equations=(41, 42),
            reason=r"moment generating function at $x$ of $\tilde\mu-\mu$, a mean of $B-1$ independent centred samples",
        ),
        Statement(
            "sum_of_squares",
            derived=(1 + 2 * s.u) ** (-(s.nu + 1) / 2) / expectation(exp(-s.u * s.z**2)),
            stated=Integral(exp(-s.u * s.r) * chi_squared(s.r, s.nu), (s.r, 0, oo)),
            witnesses=EXACT,
            equations=(43,),
            reason=r"Laplace transforms at $u$: $\sum(x_j-\mu)^2 = \sum(x_j-\tilde\mu)^2 + (B-1)(\tilde\mu-\mu)^2$ with independent terms, the left side $\chi^2_{B-1}$, the last $\chi^2_1$",
        ),
        Statement(
            "law_of_the_variance",
            derived=chi_squared(_scaled * s.r, s.nu) * Derivative(_scaled * s.r, s.r),
            stated=(s.D / (2 * s.sigma**2)) ** (s.nu / 2) * s.r ** (s.nu / 2 - 1) * exp(-s.D * s.r / (2 * s.sigma**2)) / gamma(s.nu / 2),
            witnesses=EXACT,
            equations=(44,),
            reason=r"change of variables $\chi^2 = D\tilde\sigma^2/\sigma^2$, at $\tilde\sigma^2 = r$",
        ),
        Statement(
            "law_of_the_deviation",
            derived=chi_squared(_scaled * s.tau**2, s.nu) * Derivative(_scaled * s.tau**2, s.tau),
            stated=2
            * (s.D / (2 * s.sigma**2)) ** (s.nu / 2)
            * s.tau ** (s.nu - 1)
            * exp(-s.D * s.tau**2 / (2 * s.sigma**2))
            / gamma(s.nu / 2),
            witnesses=EXACT,
            equations=(45,),
            reason=r"change of variables $\tilde\sigma^2 = \tau^2$",
        ),
        Statement(
            "mean_of_the_statistic",
            derived=expectation(sqrt(1 + 1 / (s.u + 2)) * s.z) * sqrt(s.D) * Integral(chi_squared(s.r, s.u + 1) / sqrt(s.r), (s.r, 0, oo)),
            stated=0,
            witnesses=EXACT,
            equations=(46,),
            reason=r"$E(x_i-\tilde\mu)\,E\tilde\sigma^{-1}$ by independence, the second factor finite for $B = u + 3 > 3$",
        ),
        Statement(
            "inverse_chi_squared",
            derived=Integral(chi_squared(s.r, s.u + 2) / s.r, (s.r, 0, oo)),
            stated=1 / s.u,
            witnesses=EXACT,
            equations=(48,),
            reason=r"$E\,1/\chi^2_\nu = 1/(\nu-2)$, with $\nu = u + 2 > 2$",
        ),
        Statement(
            "second_moment",
            derived=(1 + 1 / (s.u + 3)) * s.D * Integral(chi_squared(s.r, s.u + 2) / s.r, (s.r, 0, oo)),
            stated=(s.u + 4) * s.D / ((s.u + 3) * s.u),
            witnesses=EXACT,
            equations=(47,),
            reason=r"$E(x_i-\tilde\mu)^2\,E\tilde\sigma^{-2}$ by independence; $B = u + 4$",
        ),
    ),
)

# The density, eqs (49)-(50)

_given_deviation = sqrt((s.nu + 1) / (2 * pi * SAMPLES)) / s.sigma * exp(-(s.u**2) * s.tau**2 * (s.nu + 1) / (2 * SAMPLES * s.sigma**2))
_deviation_density = LAWS.statements[3].stated
_w = spread(s.nu, s.D)
_moment_domain = r"with $\nu = u + 1 > 1$, that is $B > 3$"


def _over_odds(power: int, degrees: Expr) -> Expr:
    r"""$E[s^k; s > 0]$ with $s^2 = wr$: $\frac{\Gamma((\nu+1)/2)}{2\sqrt\pi\,\Gamma(\nu/2)}w^{k/2}\int r^{(k-1)/2}(1+r)^{-(\nu+1)/2}dr$."""
    order = Rational(power, 2)
    constant = gamma((degrees + 1) / 2) / (2 * sqrt(pi) * gamma(degrees / 2))
    integral = Integral(s.r ** (order - Rational(1, 2)) * (1 + s.r) ** (-(degrees + 1) / 2), (s.r, 0, oo))
    return constant * spread(degrees, s.D) ** order * integral


DENSITY = Claim(
    id="leave_one_out_density",
    title="Eqs (49)-(50): the density of the leave-one-out statistic",
    says=r"$s = \sqrt{w/\nu}\,T_\nu$, Student's t with $\nu = B-2$ degrees of freedom, $w = BD/(B-1)$, for $B > 2$ and whatever μ and σ. Its tail is $|s|^{-(B-1)}$: $E|s|^k$ is finite if and only "
    r"if $k < B-2$.",
    kind=Kind.THEOREM,
    source=Source(PAPER, "App. E.1.2, eqs (49)-(50); moments and tail derived here"),
    domain=tuple(Interval(symbol, 0, oo) for symbol in (s.sigma, s.nu, s.D, s.u, s.r, s.tau)),
    rests_on=(LAWS, SAMPLE_MEAN_AND_VARIANCE, NO_EPSILON),
    statements=(
        *(
            Statement(
                f"density_{name}",
                derived=Integral((s.tau * _given_deviation * _deviation_density).subs(s.D, divisor), (s.tau, 0, oo)),
                stated=stated,
                witnesses=EXACT,
                equations=(27, 49, 50),
                reason=r"given $\tilde\sigma = \tau$, $s$ is $N(0, \frac B{B-1}\sigma^2/\tau^2)$: integrate τ out; at $s = u > 0$, since the density is even",
            )
            for name, divisor, stated in (
                (
                    "divisor_B_minus_2",
                    s.nu,
                    sqrt((s.nu + 1) / (pi * (s.nu + 2) * s.nu))
                    * gamma((s.nu + 1) / 2)
                    / gamma(s.nu / 2)
                    * (1 + (s.nu + 1) * s.u**2 / ((s.nu + 2) * s.nu)) ** (-(s.nu + 1) / 2),
                ),
                (
                    "divisor_B_minus_1",
                    s.nu + 1,
                    gamma((s.nu + 1) / 2) / (sqrt(pi * (s.nu + 2)) * gamma(s.nu / 2)) * (1 + s.u**2 / (s.nu + 2)) ** (-(s.nu + 1) / 2),
                ),
            )
        ),
        Statement(
            "density_for_any_divisor",
            derived=Integral(s.tau * _given_deviation * _deviation_density, (s.tau, 0, oo)),
            stated=student_density(s.u, s.nu, (s.nu + 2) * s.D / (s.nu + 1)),
            witnesses=EXACT,
            reason="the same integral with the divisor kept",
        ),
        Statement("normalised", derived=2 * _over_odds(0, s.nu), stated=1, witnesses=EXACT, reason=r"a Beta integral over $r = s^2/w$"),
        Statement(
            "tail",
            derived=Limit(student_density(s.u, s.nu, _w) * s.u ** (s.nu + 1), s.u, oo),
            stated=gamma((s.nu + 1) / 2) * _w ** (s.nu / 2) / (sqrt(pi) * gamma(s.nu / 2)),
            witnesses=EXACT,
            reason=r"$p(s) \sim$ constant $\cdot\,s^{-(B-1)}$, so $\int s^kp(s)\,ds$ converges at infinity if and only if $k < B-2$",
        ),
        Statement(
            "rectified_mean",
            derived=_over_odds(1, s.u + 1),
            stated=student_mean_modulus(s.u + 1, spread(s.u + 1, s.D)) / 2,
            witnesses=EXACT,
            equations=(57,),
            reason=_moment_domain,
        ),
        Statement(
            "rectified_second_moment",
            derived=_over_odds(2, s.u + 2),
            stated=(s.u + 4) * s.D / (2 * (s.u + 3) * s.u),
            witnesses=EXACT,
            equations=(58,),
            reason=r"half of eq. (47), by symmetry; with $\nu = u + 2 > 2$, that is $B > 4$",
        ),
        Statement(
            "rectified_variance",
            derived=_over_odds(2, s.u + 2) - _over_odds(1, s.u + 2) ** 2,
            stated=(s.u + 4) * s.D / (2 * (s.u + 3) * s.u)
            - (s.u + 4) * s.D * gamma((s.u + 3) / 2) ** 2 / (pi * (s.u + 3) * (s.u + 1) ** 2 * gamma((s.u + 2) / 2) ** 2),
            witnesses=EXACT,
            equations=(59,),
            reason=r"eq. (58) less the square of eq. (57); with $B = u + 4$",
        ),
    ),
    experiments=(
        StatisticLaw(
            LeaveOneOutBatchNorm,
            batches=(3, 5, 8, 32, 256),
            density=student_density(s.x, s.nu, spread(s.nu, s.nu)),
            support=oo,
            rival=Rival("a standard Gaussian, as in the full batch", phi(s.x)),
            rival_batch=32,
        ),
    ),
)

# The Gaussian limit

# B is written ℓ where it is a real variable.
_divisors = {"divisor_B_minus_1": s.ell - 1, "divisor_B_minus_2": s.ell - 2}
_corrections = {
    "divisor_B_minus_1": s.x**4 / 4 + s.x**2 / 2 - Rational(5, 4),
    "divisor_B_minus_2": s.x**4 / 4 - Rational(3, 4),
}
_extremes = {  # where φh is extremal apart from 0: x², and what φ'h + φh' is besides −φx/4
    "divisor_B_minus_1": (1 + sqrt(10), s.x**4 - 2 * s.x**2 - 9),
    "divisor_B_minus_2": (2 + sqrt(7), s.x**4 - 4 * s.x**2 - 3),
}
_exponent = (s.ell - 1) / 2
_kolmogorov = {  # the distribution function's correction: ∫ φh from −∞
    "divisor_B_minus_1": -phi(s.x) * (s.x**3 + 5 * s.x) / 4,
    "divisor_B_minus_2": -phi(s.x) * (s.x**3 + 3 * s.x) / 4,
}


def _limit_statements(name: str) -> tuple[Statement, ...]:
    w = spread(s.ell - 2, _divisors[name])
    correction, (farther, slope) = _corrections[name], _extremes[name]
    prefactor = student_density(0, s.ell - 2, w)
    kernel = -_exponent * log(1 + s.x**2 / w)
    return (
        Statement(
            f"next_term_{name}",
            derived=Limit(-(_exponent + s.k) / (s.k + 1) * s.x**2 / w, s.ell, oo),
            stated=-(s.x**2) / (2 * (s.k + 1)),
            witnesses=EXACT,
            reason=r"binomial series of $(1+s^2/w)^{-(B-1)/2}$: the ratio of term $k+1$ to term $k$; the limit is that of $e^{-s^2/2} = \sum(-s^2/2)^k/k!$, and term 0 is 1 in both",
        ),
        Statement(
            f"prefactor_{name}",
            derived=exp(Limit(log_of(prefactor), s.ell, oo)),
            stated=1 / sqrt(2 * pi),
            witnesses=EXACT,
            reason="Stirling",
        ),
        Statement(
            f"kernel_{name}",
            derived=Limit((1 + s.x**2 / w) ** (-_exponent), s.ell, oo),
            stated=exp(-(s.x**2) / 2),
            witnesses=EXACT,
            reason=r"with the prefactor: $p_B(s) \to \varphi(s)$ at every $s$",
        ),
        Statement(
            f"first_order_{name}",
            derived=Limit(s.ell * log_of(sqrt(2 * pi) * prefactor), s.ell, oo) + Limit(s.ell * (kernel + s.x**2 / 2), s.ell, oo),
            stated=correction,
            witnesses=EXACT,
            reason=r"$B\ln(p_B/\varphi) \to h$: prefactor and exponent",
        ),
        Statement(
            f"distribution_{name}",
            derived=Derivative(_kolmogorov[name], s.x),
            stated=phi(s.x) * correction,
            witnesses=EXACT,
            reason=r"$B(F_B - \Phi) \to \int_{-\infty}^x\varphi h$, which vanishes at $\pm\infty$ and at 0",
        ),
        Statement(
            f"critical_points_{name}",
            derived=Derivative(phi(s.x) * correction, s.x),
            stated=-phi(s.x) * s.x * slope / 4,
            witnesses=EXACT,
            reason=rf"$\varphi h$ is extremal at 0 and at $s^2 = {latex(farther)}$",
        ),
        Statement(
            f"value_at_zero_is_the_largest_{name}",
            derived=-phi(0) * correction.subs(s.x, 0),
            stated=phi(sqrt(farther)) * correction.subs(s.x, sqrt(farther)),
            relation=Relation.GREATER,
            reason=rf"so $C = -h(0)\varphi(0)$, $h(0) = {latex(correction.subs(s.x, 0))}$",
        ),
    )


_peak = Rational(3) ** Rational(1, 4)

GAUSSIAN_LIMIT = Claim(
    id="leave_one_out_gaussian_limit",
    title="App. E.1.2: the leave-one-out density becomes Gaussian, at the rate 1/B",
    says=r"Term by term, and with Stirling's formula for the prefactor, $p_B \to \varphi$. Derived here: $p_B = \varphi\,(1 + h/B) + o(1/B)$ uniformly, $h = (s^4-3)/4$ for $D = B-2$ and "
    r"$(s^4+2s^2-5)/4$ for $D = B-1$, so that $\sup|p_B-\varphi| = C/B + o(1/B)$ with $C = \frac{3}{4\sqrt{2\pi}}$ and $\frac{5}{4\sqrt{2\pi}}$, at $s = 0$. For $D = B-2$ the distribution functions "
    r"are $K/B$ apart, $K = \varphi(3^{1/4})\,3^{1/4}(3+\sqrt3)/4$, and the total variation distance is $2K/B$.",
    kind=Kind.THEOREM,
    source=Source(PAPER, "App. E.1.2, after eq. (50); rate and constants derived here"),
    domain=(LINE, Interval(s.k, -1, oo), Interval(s.ell, 2, oo), Interval(s.u, 0, oo)),
    rests_on=(DENSITY,),
    statements=(
        *(
            Statement(
                f"binomial_term_{order}",
                derived=Limit(binomial(-_exponent, order).expand(func=True) * (s.x**2 / s.ell) ** order, s.ell, oo),
                stated=(-(s.x**2) / 2) ** order / factorial(order),
                witnesses=EXACT,
                reason=r"the term as printed, $D = B - 1$",
            )
            for order in (1, 2, 3)
        ),
        *_limit_statements("divisor_B_minus_1"),
        *_limit_statements("divisor_B_minus_2"),
        Statement(
            "kolmogorov_constant",
            derived=expectation((3 - s.z**4) / 4, low=0, high=_peak),
            stated=phi(_peak) * _peak * (3 + sqrt(3)) / 4,
            reason=r"$D = B-2$: $\varphi h$ changes sign at $\pm3^{1/4}$ only, so $K = |\int_0^{3^{1/4}}\varphi h|$",
        ),
        Statement(
            "total_variation_constant",
            derived=expectation((3 - s.z**4) / 4, low=0, high=_peak) + expectation((s.z**4 - 3) / 4, low=_peak),
            stated=2 * phi(_peak) * _peak * (3 + sqrt(3)) / 4,
            reason=r"$\frac12\int|\varphi h|$ over the whole line",
        ),
    ),
)

CLAIMS = (ESTIMATORS, LAWS, DENSITY, GAUSSIAN_LIMIT)
