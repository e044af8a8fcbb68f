r"""Appendix F, eqs (98)-(99) of arXiv 2505.11312: the mean and the variance over a layer's units concentrate as it widens."""

from sympy import Expr, Integral, Limit, oo

from theory import symbols as s
from theory.assumptions import INDEPENDENCE
from theory.claim import EXACT, PAPER, Claim, Interval, Kind, Source, Statement
from theory.experiments import Expectation, Quantity, Rival
from theory.gaussian_functions import chi_squared, expectation


def _chi_squared_mean(f: Expr) -> Expr:
    r"""$E f(X)$ for $X \sim \chi^2_\nu$."""
    return Integral(f * chi_squared(s.r, s.nu), (s.r, 0, oo))


CONCENTRATION = Claim(
    id="layer_statistics_concentrate",
    title="Eqs (98)-(99): layer mean and layer variance concentrate",
    says=r"Given the layer below, the $N$ pre-activations of one sample are independent $N(0, q)$: the squared layer mean has expectation $q/N$, "
    r"and the layer variance deviates from $q$ by $q^2(2N-1)/N^2$ in mean square. Both vanish like $1/N$.",
    kind=Kind.LEMMA,
    source=Source(PAPER, "eqs (98), (99); rates derived here"),
    domain=(Interval(s.q, 0, oo), Interval(s.nu, 0, oo), Interval(s.ell, 0, oo)),
    rests_on=(INDEPENDENCE,),
    statements=(
        Statement(
            "layer_mean",
            derived=s.ell * expectation(s.q * s.z**2) / s.ell**2,
            stated=s.q / s.ell,
            reason="the mean of N independent centred variables; here N is written ℓ",
        ),
        Statement(
            "layer_variance",
            derived=_chi_squared_mean(s.r**2) / (s.nu + 1) ** 2 - 2 * _chi_squared_mean(s.r) / (s.nu + 1) + _chi_squared_mean(1),
            stated=(2 * s.nu + 1) / (s.nu + 1) ** 2,
            witnesses=EXACT,
            reason=r"$N$ times the layer variance over $q$ is $\chi^2_{N-1}$; here $N = \nu + 1$, and $E(X/N-1)^2 = (2N-1)/N^2$",
        ),
        Statement("limit_of_mean", derived=Limit(s.q / s.ell, s.ell, oo), stated=0, witnesses=EXACT),
        Statement("limit_of_variance", derived=Limit((2 * s.ell - 1) / s.ell**2, s.ell, oo), stated=0, witnesses=EXACT),
    ),
    experiments=(
        Expectation(
            Quantity.LAYER_MEAN_SQUARE,
            widths=(8, 32),
            stated=1 / s.N,
            rival=Rival(r"the layer mean vanishes like $N^{-1}$", 1 / s.N**2),
        ),
        Expectation(
            Quantity.LAYER_VARIANCE_FLUCTUATION,
            widths=(8, 32),
            stated=(2 * s.N - 1) / s.N**2,
            rival=Rival("nodes are so dependent that the variance fluctuates half as much", (2 * s.N - 1) / (2 * s.N**2)),
        ),
    ),
)

CLAIMS = (CONCENTRATION,)
