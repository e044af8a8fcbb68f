r"""Activations that are no rectifiers: their two-point moments, and which of them are prejudiced without a norm.

$E f(X)f(Y)$ over two samples of a node that share its centre $m = \sqrt{cq}\,w$ is $E_w[a(m)^2]$, $a(m) = E_z f(m + \sqrt{(1-c)q}\,z)$: one
integral for the centre and one for its square.
"""

from sympy import Derivative, Expr, Rational, asin, diff, erf, exp, pi, sin, sqrt

from theory import symbols as s
from theory.activations import ACTIVATIONS, GELU, Erf, Sine
from theory.assumptions import GAUSSIAN_DATA, INDEPENDENCE, MEAN_FIELD_LIMIT
from theory.claim import BOTH, ENCLOSED, EXACT, Claim, Interval, Kind, Relation, Source, Statement, derived_here
from theory.clt import GRAM_SAMPLER, LYAPUNOV
from theory.depth import NODE_LAW_MIXTURE
from theory.experiments import Prejudice, Rival
from theory.gaussian_functions import Phi, expectation, kappa, phi
from theory.network import Network

REAL = Interval(s.m, -3, 3)
POWER = Interval(s.q, 0, 4)
UNIT = Interval(s.c, 0, 1)
SETTING = (MEAN_FIELD_LIMIT, INDEPENDENCE, GAUSSIAN_DATA, LYAPUNOV, GRAM_SAMPLER)

_spread = (1 - s.c) * s.q
_centre = sqrt(s.c * s.q) * s.w


def _pair(activation: Expr) -> Expr:
    """E f(X)f(Y) as the activation states it."""
    return activation.gaussian(s.q, s.c * s.q)[1]


def _gelu_mean(m: Expr, v: Expr) -> Expr:
    r"""$E\,x\Phi(x) = m\Phi(m/\sqrt{1+v}) + \frac{v}{\sqrt{1+v}}\varphi(m/\sqrt{1+v})$ over $x \sim N(m, v)$."""
    scaled = m / sqrt(1 + v)
    return m * Phi(scaled) + v / sqrt(1 + v) * phi(scaled)


TWO_POINT_MOMENTS = Claim(
    id="two_point_moments_of_smooth_activations",
    title="Two-point moments of erf, GELU and sine",
    says=r"On a Gaussian pair of variance $q$ and covariance $p = cq$: $E\,\mathrm{erf}X\,\mathrm{erf}Y = \frac2\pi\arcsin\frac{2p}{1+2q}$, $E\sin X\sin Y = e^{-q}\sinh p$ and, for "
    r"$x\Phi(x)$, $\frac p4 + \frac p{2\pi}\arcsin\frac p{1+q} + \frac{q^2+p^2(1-q)/(1+q)}{2\pi\sqrt{(1+q)^2-p^2}}$.",
    kind=Kind.LEMMA,
    source=Source("Williams 1997; Tsuchida et al. 2021", "erf and GELU kernels; derived here by one integral per sample"),
    domain=(REAL, Interval(s.v, 0, 4), POWER, UNIT),
    rests_on=(NODE_LAW_MIXTURE,),
    statements=(
        Statement(
            "centre_of_erf",
            derived=expectation(erf(s.m + sqrt(s.v) * s.z)),
            stated=erf(s.m / sqrt(1 + 2 * s.v)),
            witnesses=ENCLOSED,
            reason=r"$P(N < \sqrt2x)$ over $x$ and an independent normal $N$: one normal variable below another",
        ),
        Statement(
            "erf",
            derived=expectation(erf(_centre / sqrt(1 + 2 * _spread)) ** 2, over=s.w),
            stated=_pair(Erf()),
            witnesses=ENCLOSED,
            reason="the square of the centre, over the units",
        ),
        Statement("centre_of_sine", derived=expectation(sin(s.m + sqrt(s.v) * s.z)), stated=sin(s.m) * exp(-s.v / 2), witnesses=ENCLOSED),
        Statement(
            "sine",
            derived=expectation((sin(_centre) * exp(-_spread / 2)) ** 2, over=s.w),
            stated=_pair(Sine()),
            witnesses=ENCLOSED,
            reason="the square of the centre, over the units",
        ),
        Statement(
            "centre_of_gelu",
            derived=expectation((s.m + sqrt(s.v) * s.z) * Phi(s.m + sqrt(s.v) * s.z)),
            stated=_gelu_mean(s.m, s.v),
            witnesses=ENCLOSED,
            reason=r"Stein's identity: $E\,x\Phi(x) = m\,E\Phi(x) + v\,E\varphi(x)$",
        ),
        Statement(
            "gelu",
            derived=expectation(_gelu_mean(_centre, _spread) ** 2, over=s.w),
            stated=_pair(GELU()),
            witnesses=ENCLOSED,
            reason="the square of the centre, over the units",
        ),
        Statement(
            "gelu_square",
            derived=expectation((sqrt(s.q) * s.z * Phi(sqrt(s.q) * s.z)) ** 2),
            stated=GELU().square(s.q),
            witnesses=ENCLOSED,
            reason="the pair at correlation one",
        ),
        Statement(
            "gelu_square_is_the_pair_at_one",
            derived=GELU().gaussian(s.q, s.q)[1],
            stated=GELU().square(s.q),
            witnesses=BOTH,
            reason="covariance q",
        ),
    ),
)

_erf_map = asin(4 * s.c / 5) / asin(Rational(4, 5))

WITHOUT_NORM = Claim(
    id="prejudice_without_norm_by_activation",
    title="Which activations are prejudiced without a norm",
    says=r"From unrelated inputs $\gamma_1 = m^2/\mathrm{Var}f$, $m = E f(\sqrt q Z)$: zero for odd $f$ (sine, erf, tanh, the identity), and then at every depth; "
    r"$\frac1{\pi-1}$ for ReLU, $\frac2{\pi-2}$ for the modulus. Odd activations still keep an overlap of their inputs: $c = 0$ is a fixed point, attracting where $q(E f')^2 < E f^2$.",
    kind=Kind.FINDING,
    source=derived_here("derived here; dichotomy of arXiv 2505.11312, Th. E.1"),
    domain=(Interval(s.c, 0, 1), POWER),
    rests_on=(*SETTING, TWO_POINT_MOMENTS),
    statements=(
        *(
            Statement(
                f"{name}_at_depth_one",
                derived=Network(activation=ACTIVATIONS[name])
                .dense.on_law(Network(activation=ACTIVATIONS[name]).apply_block(next(Network(activation=ACTIVATIONS[name]).states())))
                .gamma,
                stated=stated,
                witnesses=EXACT if stated == 0 else BOTH,
                reason="unrelated inputs: units are alike",
            )
            for name, stated in (("relu", 1 / (pi - 1)), ("abs", 2 / (pi - 2)), ("erf", 0), ("sine", 0), ("identity", 0))
        ),
        Statement(
            "erf_slope_at_zero",
            derived=diff(asin(2 * s.c * s.q / (1 + 2 * s.q)), s.c).subs(s.c, 0),
            stated=2 * s.q / (1 + 2 * s.q),
            reason=r"$c' = \arcsin(\frac{2cq}{1+2q})/\arcsin(\frac{2q}{1+2q})$: numerator",
        ),
        Statement(
            "erf_forgets",
            derived=asin(2 * s.q / (1 + 2 * s.q)),
            stated=2 * s.q / (1 + 2 * s.q),
            relation=Relation.GREATER,
            witnesses=ENCLOSED,
            reason=r"the slope at 0 is $x/\arcsin x < 1$, $x = \frac{2q}{1+2q}$: overlap of the inputs is forgotten, whatever the gain",
        ),
        Statement(
            "erf_slope_at_one",
            derived=Derivative(_erf_map, s.c).doit().subs(s.c, 1),
            stated=Rational(4, 3) / asin(Rational(4, 5)),
            reason=r"at $q = 2$: $\frac45/\sqrt{1-\frac{16}{25}} = \frac43$ over $\arcsin\frac45$, above one: the fixed point $c = 1$ repels",
        ),
    ),
    experiments=(
        Prejudice(
            Network(activation=ACTIVATIONS["erf"], input_overlap=0.5),
            depths=(1,),
            overlap_map=_erf_map,
            rival=Rival("as behind a rectifier", kappa(s.c)),
            rival_depth=1,
        ),
    ),
)

CLAIMS = (TWO_POINT_MOMENTS, WITHOUT_NORM)
