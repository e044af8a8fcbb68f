r"""The functions that Gaussian integrals are written in.

Only definitions and the closed forms that stages use; each closed form is a claim of `theory.gaussian`,
where it is derived.
"""

from sympy import Expr, Integral, Rational, acos, erf, exp, expand_log, gamma, log, loggamma, oo, pi, sqrt, sympify

from theory import symbols as s


def phi(x: Expr) -> Expr:
    r"""Standard normal density, $\varphi(x) = e^{-x^2/2}/\sqrt{2\pi}$."""
    return exp(-(x**2) / 2) / sqrt(2 * pi)


def Phi(x: Expr) -> Expr:
    r"""Standard normal distribution function, $\Phi(x) = (1 + \mathrm{erf}(x/\sqrt2))/2$."""
    return (1 + erf(x / sqrt(2))) / 2


def expectation(f: Expr, over: Expr = s.z, low: Expr = -oo, high: Expr = oo) -> Integral:
    r"""$E[f(Z);\ low < Z < high]$ for $Z \sim N(0,1)$, left as an integral."""
    return Integral(f * phi(over), (over, low, high))


def rectified_mean(mean: Expr, deviation: Expr) -> Expr:
    r"""$E\,\mathrm{ReLU}(X) = \mu\Phi(\mu/\sigma) + \sigma\varphi(\mu/\sigma)$ for $X \sim N(\mu, \sigma^2)$."""
    return mean * Phi(mean / deviation) + deviation * phi(mean / deviation)


def rectified_second_moment(mean: Expr, deviation: Expr) -> Expr:
    r"""$E\,\mathrm{ReLU}(X)^2 = (\mu^2+\sigma^2)\Phi(\mu/\sigma) + \mu\sigma\varphi(\mu/\sigma)$."""
    return (mean**2 + deviation**2) * Phi(mean / deviation) + mean * deviation * phi(mean / deviation)


def kappa(c: Expr) -> Expr:
    r"""$\kappa(c) = [\sqrt{1-c^2} + c(\pi - \arccos c)]/\pi$: twice the two-point ReLU moment at unit variance."""
    return (sqrt(1 - c**2) + c * (pi - acos(c))) / pi


def gamma_of(overlap: Expr) -> Expr:
    r"""$\gamma = c/(1-c)$, the IGB ratio."""
    return overlap / (1 - overlap)


def chi_squared(x: Expr, degrees: Expr) -> Expr:
    r"""The density of $\chi^2_\nu$ at x > 0."""
    return x ** (degrees / 2 - 1) * exp(-x / 2) / (2 ** (degrees / 2) * gamma(degrees / 2))


def studentised_mean_modulus(batch: Expr | int) -> Expr:
    r"""$E|y| = \sqrt{B-1}\,\Gamma(\frac{B-1}2) / (\sqrt\pi\,\Gamma(\frac B2))$ of a Gaussian sample standardised by its batch."""
    half = sympify(batch) / 2
    return sqrt(batch - 1) * gamma(half - Rational(1, 2)) / (sqrt(pi) * gamma(half))


def student_mean_modulus(degrees: Expr, spread: Expr) -> Expr:
    r"""$E|s| = \frac{2\sqrt w}{\sqrt\pi}\frac{\Gamma((\nu+1)/2)}{\Gamma(\nu/2)(\nu-1)}$ of $s = \sqrt{w/\nu}\,T_\nu$, Student's t scaled: ν > 1."""
    return 2 * sqrt(spread / pi) * gamma((degrees + 1) / 2) / (gamma(degrees / 2) * (degrees - 1))


def log_of(product: Expr) -> Expr:
    r"""$\ln$ of a product of powers and Γ-functions of positive arguments, as a sum of $\ln$ and $\ln\Gamma$."""
    expanded: Expr = expand_log(log(product), force=True)
    return expanded.replace(lambda e: isinstance(e, log) and isinstance(e.args[0], gamma), lambda e: loggamma(e.args[0].args[0]))
