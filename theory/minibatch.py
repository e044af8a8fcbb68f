r"""A Gaussian sample standardised by its own batch: the law that batch normalisation produces.

With $\bar x$ and $\hat\sigma^2 = \frac1B\sum(x-\bar x)^2$ of a batch of $B$ Gaussian samples, $y = (x_i - \bar x)/\hat\sigma$ depends only on the
direction of the residual vector, which is uniform on a sphere in $B-1$ dimensions: $y^2/(B-1) \sim \mathrm{Beta}(\frac12, \frac{B-2}2)$,
Thompson's τ. The paper replaces it by the leave-one-out statistic $s$, a function of it. Throughout $\nu = B-2$.
"""

from sympy import Derivative, Expr, Integral, Limit, Rational, exp, gamma, log, oo, pi, sqrt

from theory import symbols as s
from theory.assumptions import NO_EPSILON
from theory.claim import ENCLOSED, EXACT, Claim, Interval, Kind, Relation, Statement, derived_here
from theory.experiments import Rival, StatisticLaw
from theory.gaussian_functions import expectation, gamma_of, log_of, phi, studentised_mean_modulus
from theory.leave_one_out import DENSITY, ESTIMATORS, spread, student_density
from theory.norms import BatchNorm


def thompson_density(y: Expr, degrees: Expr) -> Expr:
    r"""$\frac{\Gamma((\nu+1)/2)}{\sqrt{\pi(\nu+1)}\,\Gamma(\nu/2)}(1-\frac{y^2}{\nu+1})^{\nu/2-1}$ on $|y| < \sqrt{\nu+1}$."""
    return gamma((degrees + 1) / 2) / (sqrt(pi * (degrees + 1)) * gamma(degrees / 2)) * (1 - y**2 / (degrees + 1)) ** (degrees / 2 - 1)


def _moment(power: int) -> Expr:
    r"""$E|y|^k$ as an integral over the odds $r = t/(1-t)$ of $t = y^2/(B-1) \sim \mathrm{Beta}(\frac12, \frac\nu2)$."""
    beta = gamma((s.nu + 1) / 2) / (sqrt(pi) * gamma(s.nu / 2))
    order = Rational(power, 2)
    odds = s.r ** (order - Rational(1, 2)) * (1 + s.r) ** (-order - (s.nu + 1) / 2)
    return (s.nu + 1) ** order * beta * Integral(odds, (s.r, 0, oo))


# |y| = √((B−1)r/(1+r)) with odds r: the variable of the density below.
_y = sqrt((s.nu + 1) * s.r / (1 + s.r))
_leave_one_out = sqrt(spread(s.nu, s.D) * s.r)
_prefactor = thompson_density(0, s.ell - 2)  # B is written ℓ
_correction = -(s.x**4 - 6 * s.x**2 + 3) / 4
_root, _second_root = sqrt(3 - sqrt(6)), sqrt(3 + sqrt(6))

STUDENTISED = Claim(
    id="batch_standardised_gaussian",
    title="A Gaussian sample standardised by its own batch",
    says=r"$y = (x_i-\bar x)/\hat\sigma$ has density $\frac{\Gamma((B-1)/2)}{\sqrt{\pi(B-1)}\,\Gamma((B-2)/2)}(1-\frac{y^2}{B-1})^{(B-4)/2}$ on $|y| < \sqrt{B-1}$, $y = \pm1$ at $B = 2$; $E y^2 = 1$ exactly and "
    r"$E|y| = \sqrt{B-1}\,\Gamma(\frac{B-1}2)/(\sqrt\pi\,\Gamma(\frac B2)) \to \sqrt{2/\pi}$. As $B$ grows $p_B = \varphi(1+h/B) + o(1/B)$ uniformly, $h = -(y^4-6y^2+3)/4$: "
    r"the densities are $\frac{3}{4\sqrt{2\pi}}/B$ apart.",
    kind=Kind.LEMMA,
    source=derived_here("derived here (Thompson's τ)"),
    domain=(*(Interval(symbol, 0, oo) for symbol in (s.nu, s.r, s.D)), Interval(s.x, -oo, oo), Interval(s.ell, 4, oo)),
    rests_on=(NO_EPSILON, ESTIMATORS, DENSITY),
    statements=(
        Statement(
            "leave_one_out_from_own_batch",
            derived=sqrt((s.nu + 2) * s.D) / (s.nu + 1) * _y / sqrt(1 - _y**2 / (s.nu + 1)),
            stated=_leave_one_out,
            witnesses=EXACT,
            reason=r"by the lemma on the estimators $s = \frac{\sqrt{BD}}{B-1}\,y/\sqrt{1-y^2/(B-1)}$: with $y^2/(B-1) = r/(1+r)$, $s^2 = wr$",
        ),
        Statement(
            "density",
            derived=student_density(_leave_one_out, s.nu, spread(s.nu, s.D)) * Derivative(_leave_one_out, s.r) / Derivative(_y, s.r),
            stated=thompson_density(_y, s.nu),
            witnesses=EXACT,
            reason=r"change of variables from the leave-one-out statistic: $p(s)\,\frac{ds}{dr}/\frac{dy}{dr}$, for any divisor",
        ),
        Statement("normalised", derived=_moment(0), stated=1, witnesses=EXACT, reason="a Beta integral"),
        Statement("second_moment", derived=_moment(2), stated=1, witnesses=EXACT, reason="a Beta integral"),
        Statement(
            "fourth_moment",
            derived=_moment(4),
            stated=3 * (s.nu + 1) / (s.nu + 3),
            witnesses=EXACT,
            reason="a Beta integral: tails lighter than Gaussian, by 6/(B+1)",
        ),
        Statement(
            "mean_modulus",
            derived=_moment(1),
            stated=sqrt(s.nu + 1) * gamma((s.nu + 1) / 2) / (sqrt(pi) * gamma(s.nu / 2 + 1)),
            witnesses=EXACT,
            reason="a Beta integral",
        ),
        Statement(
            "full_batch",
            derived=exp(Limit(log_of(sqrt(s.nu + 1) * gamma((s.nu + 1) / 2) / (sqrt(pi) * gamma(s.nu / 2 + 1))), s.nu, oo)),
            stated=sqrt(2 / pi),
            witnesses=EXACT,
            reason="Stirling",
        ),
        Statement(
            "gaussian_limit",
            derived=exp(Limit(log_of(_prefactor), s.ell, oo)) * Limit((1 - s.x**2 / (s.ell - 1)) ** (s.ell / 2 - 2), s.ell, oo),
            stated=phi(s.x),
            witnesses=EXACT,
            reason="Stirling, and the exponential's limit",
        ),
        Statement(
            "first_order",
            derived=Limit(s.ell * log_of(sqrt(2 * pi) * _prefactor), s.ell, oo)
            + Limit(s.ell * ((s.ell / 2 - 2) * log(1 - s.x**2 / (s.ell - 1)) + s.x**2 / 2), s.ell, oo),
            stated=_correction,
            witnesses=EXACT,
            reason=r"$B\ln(p_B/\varphi) \to h$: the fourth Hermite polynomial, from the fourth moment alone",
        ),
        Statement(
            "critical_points",
            derived=Derivative(phi(s.x) * _correction, s.x),
            stated=phi(s.x) * s.x * (s.x**4 - 10 * s.x**2 + 15) / 4,
            witnesses=EXACT,
            reason=r"$\varphi h$ is extremal at 0 and at $y^2 = 5\pm\sqrt{10}$",
        ),
        Statement(
            "value_at_zero_is_the_largest",
            derived=3 * phi(0) / 4,
            stated=phi(sqrt(5 - sqrt(10))) * _correction.subs(s.x, sqrt(5 - sqrt(10))),
            relation=Relation.GREATER,
            reason=r"so $C = \frac34\varphi(0)$",
        ),
        Statement(
            "value_at_zero_exceeds_the_outer_one",
            derived=3 * phi(0) / 4,
            stated=-phi(sqrt(5 + sqrt(10))) * _correction.subs(s.x, sqrt(5 + sqrt(10))),
            relation=Relation.GREATER,
            reason=r"where $h < 0$, as at 0",
        ),
        Statement(
            "kolmogorov_constant",
            derived=expectation(-_correction.subs(s.x, s.z), low=0, high=_root),
            stated=phi(_root) * _root * sqrt(6) / 4,
            reason=r"$\int_0^{y_1}\varphi h$ up to the first zero of $h$, $y_1^2 = 3-\sqrt6$: the distribution functions are $K/B$ apart",
        ),
        Statement(
            "total_variation_constant",
            derived=expectation(-_correction.subs(s.x, s.z), low=0, high=_root)
            + expectation(_correction.subs(s.x, s.z), low=_root, high=_second_root)
            + expectation(-_correction.subs(s.x, s.z), low=_second_root),
            stated=sqrt(6) / 2 * (phi(_root) * _root + phi(_second_root) * _second_root),
            witnesses=ENCLOSED,
            reason=r"$\frac12\int|\varphi h|$, with the zeros $y^2 = 3\pm\sqrt6$ of $h$: the total variation distance is this over $B$",
        ),
    ),
    experiments=(
        StatisticLaw(
            BatchNorm,
            batches=(2, 3, 8, 32, 256),
            density=thompson_density(s.x, s.nu),
            support=sqrt(s.nu + 1),
            rival=Rival("a standard Gaussian, as in the full batch", phi(s.x)),
            rival_batch=32,
        ),
    ),
)


# The prejudice behind it


def _gamma_of_batch(batch: int) -> Expr:
    """γ_B = e²/(½ − e²) with e = E|y|/2."""
    return gamma_of(studentised_mean_modulus(batch) ** 2 / 2)


VALUES = Claim(
    id="batch_size_and_prejudice",
    title="γ behind batch norm and ReLU, for every batch size",
    says=r"$\gamma_B = e^2/(\frac12-e^2)$ with $e = \frac12E|y|$: $\gamma_2 = 1$, so that $f_0$ is exactly uniform, $\gamma_3 = \frac{4}{\pi^2-4}$, $\gamma_4 = \frac35$, $\gamma_5 = \frac{32}{9\pi^2-32}$, "
    r"$\gamma_6 = \frac{45}{83}$; decreasing in $B$, to $\frac1{\pi-1}$, as $\gamma_B = \frac1{\pi-1} + \frac{\pi}{2(\pi-1)^2B} + o(\frac1B)$.",
    kind=Kind.FINDING,
    source=derived_here(),
    domain=(Interval(s.ell, 2, oo), Interval(s.u, 0, oo)),
    rests_on=(STUDENTISED,),
    statements=(
        *(
            Statement(f"gamma_{batch}", derived=_gamma_of_batch(batch), stated=stated, reason="the Gamma function at half integers")
            for batch, stated in (
                (2, 1),
                (3, 4 / (pi**2 - 4)),
                (4, Rational(3, 5)),
                (5, 32 / (9 * pi**2 - 32)),
                (6, Rational(45, 83)),
                (8, Rational(175, 337)),
            )
        ),
        Statement(
            "two_steps_in_batch_size",
            derived=(studentised_mean_modulus(s.ell + 2) / studentised_mean_modulus(s.ell)) ** 2,
            stated=1 - 1 / s.ell**2,
            witnesses=EXACT,
            reason=r"here $B = \ell$: $E|y|$ falls from $B$ to $B + 2$, and γ with it",
        ),
        Statement(
            "one_step_in_batch_size",
            derived=1 / (1 + 1 / (1 + s.u)),
            stated=Rational(1, 2),
            relation=Relation.GREATER,
            witnesses=EXACT,
            reason=r"$\frac{d}{dx}\ln\frac{x\Gamma(x)^2}{\Gamma(x+\frac12)^2} = -2\int_0^\infty e^{-xt}(\frac1{1+e^{-t/2}}-\frac12)\,dt < 0$, $x = \frac{B-1}2$, by the integral of the digamma function; $e^{-t/2} = 1/(1+u)$",
        ),
        Statement(
            "first_order",
            derived=Limit(s.ell * log_of(pi / 2 * studentised_mean_modulus(s.ell) ** 2), s.ell, oo),
            stated=Rational(1, 2),
            witnesses=EXACT,
            reason=r"$\ln\pi c_B$, $c_B = \frac12(E|y|)^2$ and $B = \ell$, by Stirling: $c_B = \frac1\pi(1 + \frac1{2B}) + o(\frac1B)$",
        ),
        Statement(
            "first_order_of_gamma",
            derived=Derivative(s.u / (1 - s.u), s.u).doit().subs(s.u, 1 / pi) / (2 * pi),
            stated=pi / (2 * (pi - 1) ** 2),
            reason=r"$\gamma = c/(1-c)$, so $d\gamma = dc/(1-c)^2$ at $c = \frac1\pi$",
        ),
    ),
)

CLAIMS = (STUDENTISED, VALUES)
