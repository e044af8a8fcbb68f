r"""A Gaussian sample standardised by its own batch: the law that batch normalisation produces.

With $\bar x$ and $\hat\sigma^2 = \frac1B\sum(x-\bar x)^2$ of a batch of $B$ Gaussian samples, $y = (x_i - \bar x)/\hat\sigma$ depends only on the
direction of the residual vector, which is uniform on a sphere in $B-1$ dimensions: $y^2/(B-1) \sim \mathrm{Beta}(\frac12, \frac{B-2}2)$,
Thompson's τ.
"""

from sympy import Expr, Integral, Limit, Rational, gamma, oo, pi, sqrt

from theory import symbols as s
from theory.assumptions import NO_EPSILON
from theory.claim import EXACT, Claim, Interval, Kind, Statement, derived_here


def _moment(power: int) -> Expr:
    r"""$E|y|^k$ as an integral over the odds $r = t/(1-t)$ of $t = y^2/(B-1) \sim \mathrm{Beta}(\frac12, \frac\nu2)$."""
    beta = gamma((s.nu + 1) / 2) / (sqrt(pi) * gamma(s.nu / 2))
    order = Rational(power, 2)
    odds = s.r ** (order - Rational(1, 2)) * (1 + s.r) ** (-order - (s.nu + 1) / 2)
    return (s.nu + 1) ** order * beta * Integral(odds, (s.r, 0, oo))


STUDENTISED = Claim(
    id="batch_standardised_gaussian",
    title="A Gaussian sample standardised by its own batch",
    says=r"$y = (x_i-\bar x)/\hat\sigma$ has $E y^2 = 1$ exactly and $E|y| = \sqrt{B-1}\,\Gamma(\frac{B-1}2)/(\sqrt\pi\,\Gamma(\frac B2)) \to \sqrt{2/\pi}$; "
    r"below, $\nu = B - 2$.",
    kind=Kind.LEMMA,
    source=derived_here("derived here (Thompson's τ)"),
    domain=(Interval(s.nu, 0, oo),),
    rests_on=(NO_EPSILON,),
    statements=(
        Statement("normalised", derived=_moment(0), stated=1, witnesses=EXACT, reason="a Beta integral"),
        Statement("second_moment", derived=_moment(2), stated=1, witnesses=EXACT, reason="a Beta integral"),
        Statement(
            "mean_modulus",
            derived=_moment(1),
            stated=sqrt(s.nu + 1) * gamma((s.nu + 1) / 2) / (sqrt(pi) * gamma(s.nu / 2 + 1)),
            witnesses=EXACT,
            reason="a Beta integral",
        ),
        Statement(
            "full_batch",
            derived=Limit(sqrt(s.nu + 1) * gamma((s.nu + 1) / 2) / (sqrt(pi) * gamma(s.nu / 2 + 1)), s.nu, oo),
            stated=sqrt(2 / pi),
            witnesses=EXACT,
            reason="Stirling",
        ),
    ),
)

CLAIMS = (STUDENTISED,)
