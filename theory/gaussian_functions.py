r"""The functions that Gaussian integrals are written in.

Only definitions and the closed forms that stages use; each closed form is a claim of `theory.gaussian`,
where it is derived.
"""

from __future__ import annotations

from typing import Any

from sympy import (
    Expr,
    Function,
    Integral,
    Lambda,
    Rational,
    S,
    acos,
    cos,
    erf,
    exp,
    expand_log,
    gamma,
    hyper,
    log,
    loggamma,
    oo,
    pi,
    simplify,
    sin,
    sqrt,
    sympify,
)

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


class Mean(Function):
    r"""`Mean(expectation(f))` is $E f(Z)$, Z standard Gaussian, unevaluated, and to SymPy one real number: it evaluates integrals to settle signs."""

    nargs = 1
    is_real = True

    def doit(self, **hints: Any) -> Expr:
        """SymPy's value of the integral."""
        return self.args[0].doit(**hints)

    def _latex(self, printer: Any, exp: Any = None) -> str:
        found = printer._print(self.args[0])
        return found if exp is None else rf"\left({found}\right)^{{{exp}}}"


def gaussian_mean(f: Expr, over: Expr = s.z) -> Expr:
    """$E f(Z)$, unevaluated; zero of an odd function, and f itself if it is constant."""
    if not f.has(over):
        return f
    return S.Zero if f.subs(over, -over) + f == 0 else Mean(expectation(f, over=over))


class TwoPoint(Function):
    r"""$E f(X)f(Y)$ for a standard Gaussian pair of correlation c, unevaluated: `TwoPoint(Lambda(z, f), c)`.

    With $f = \sum_k a_k\mathrm{he}_k$ in orthonormal Hermite polynomials it is $\sum_ka_k^2c^k$.
    """

    nargs = 2

    @classmethod
    def eval(cls, f: Expr, c: Expr) -> Expr | None:
        """At correlation 0 and 1 one-dimensional integrals suffice."""
        (variable,) = f.variables
        if c == 0:
            return gaussian_mean(f.expr, over=variable) ** 2
        return gaussian_mean(f.expr**2, over=variable) if c == 1 else None

    @classmethod
    def of(cls, f: Expr, c: Expr) -> Expr:
        """For f an expression in `symbols.z`."""
        return cls(Lambda(s.z, f), c)

    def _latex(self, printer: Any, exp: Any = None) -> str:
        f, c = self.args
        body = printer._print(f(s.x)), printer._print(f(s.y)), printer._print(c)
        found = rf"E_{{{body[2]}}}\left[\left({body[0]}\right)\left({body[1]}\right)\right]"
        return found if exp is None else rf"\left({found}\right)^{{{exp}}}"


class NormalCDF(Function):
    r"""$\Phi(x)$, unevaluated."""

    nargs = 1

    def _latex(self, printer: Any, exp: Any = None) -> str:
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"\Phi{power}\left({printer._print(self.args[0])}\right)"


class Bounded(Function):
    r"""`Bounded(Lambda(w, f), K)` is $E f(W)$, W standard Gaussian, unevaluated, where $|f| \le K$ is known."""

    nargs = 2

    def _latex(self, printer: Any, exp: Any = None) -> str:
        found = printer._print(expectation(self.args[0](s.w), over=s.w))
        return found if exp is None else rf"\left({found}\right)^{{{exp}}}"


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


def sample_correlation_mean(c: Expr, pairs: int) -> Expr:
    r"""$E r = \frac{2c}{g-1}\frac{\Gamma(g/2)^2}{\Gamma((g-1)/2)^2}\,{}_2F_1(\tfrac12,\tfrac12;\tfrac{g+1}2;c^2)$ of the sample correlation of g Gaussian pairs (Hotelling 1953)."""
    half, g = Rational(1, 2), sympify(pairs)
    return 2 * c / (g - 1) * (gamma(g / 2) / gamma((g - 1) / 2)) ** 2 * hyper([half, half], [(g + 1) / 2], c**2)


def over_sample_correlation(f: Expr, c: Expr, pairs: int) -> Expr:
    r"""$E f$ over the sample correlation $r = \sin\vartheta$ of g Gaussian pairs of correlation c (Hotelling 1953), f an expression in ϑ:

    $\frac{(g-2)\Gamma(g-1)}{\sqrt{2\pi}\,\Gamma(g-\frac12)}(1-c^2)^{\frac{g-1}2}\int f\,\cos^{g-3}\vartheta\,(1-c\sin\vartheta)^{\frac32-g}\,{}_2F_1(\tfrac12,\tfrac12;g-\tfrac12;\tfrac{1+c\sin\vartheta}2)\,d\vartheta$.
    """
    half, g = Rational(1, 2), sympify(pairs)
    constant = (g - 2) * gamma(g - 1) / (sqrt(2 * pi) * gamma(g - half)) * (1 - c**2) ** ((g - 1) / 2)
    tilt = (1 - c * sin(s.angle)) ** (3 * half - g) * hyper([half, half], [g - half], (1 + c * sin(s.angle)) / 2)
    return constant * Integral(f * cos(s.angle) ** (g - 3) * tilt, (s.angle, -pi / 2, pi / 2))


def is_closed(e: Expr) -> bool:
    """Whether no integral is left in it."""
    return not e.has(Integral, Mean, TwoPoint, Bounded)


def tidy(e: Expr) -> Expr:
    """Simplified, if closed: SymPy's search for a simpler form of an integral does not end."""
    return simplify(e) if is_closed(e) else e


def log_of(product: Expr) -> Expr:
    r"""$\ln$ of a product of powers and Γ-functions of positive arguments, as a sum of $\ln$ and $\ln\Gamma$."""
    expanded: Expr = expand_log(log(product), force=True)
    return expanded.replace(lambda e: isinstance(e, log) and isinstance(e.args[0], gamma), lambda e: loggamma(e.args[0].args[0]))
