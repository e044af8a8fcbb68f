r"""Appendix D: why pre-activations are Gaussian, and how fast.

At fixed weights $z_i = \sum_j W_{ij}h_j$ is a sum of independent, differently scaled terms. Lyapunov's condition asks that
$\Lambda_N = \sum_j E|W_{ij}(h_j - Eh_j)|^3 / (\sum_j \mathrm{Var}\,W_{ij}h_j)^{3/2}$ vanish; it implies Lindeberg's.
"""

from dataclasses import replace

from sympy import Abs, Expr, Integral, Limit, Max, Rational, erf, exp, gamma, oo, pi, sqrt

from theory import symbols as s
from theory.assumptions import GAUSSIAN_DATA, INDEPENDENCE
from theory.claim import EXACT, PAPER, Claim, Interval, Kind, Relation, Source, Statement, Step, derived_here
from theory.experiments import Expectation, Quantity, Rival, SameLaw
from theory.gaussian import RECTIFIED_MEAN, RECTIFIED_SECOND_MOMENT
from theory.gaussian_functions import expectation, log_of
from theory.network import Network, Placement
from theory.norms import BatchNorm, LayerNorm, NoNorm

LINDEBERG = Claim(
    id="lyapunov_implies_lindeberg",
    title="App. D: Lyapunov's condition implies Lindeberg's",
    says=r"With variances normalised to one, $\sum E[X_j^2;\,|X_j| > \epsilon] \le \frac1\epsilon\sum E|X_j|^3$: if the Lyapunov ratio vanishes, "
    r"so does Lindeberg's sum for every $\epsilon > 0$.",
    kind=Kind.LEMMA,
    source=Source(PAPER, "App. D.1.2-D.3"),
    domain=(Interval(s.epsilon, 0, oo), Interval(s.u, 0, oo)),
    statements=(
        Statement(
            "termwise",
            derived=(s.epsilon + s.u) ** 3 / s.epsilon,
            stated=(s.epsilon + s.u) ** 2,
            relation=Relation.GREATER,
            steps=(Step((s.epsilon + s.u) ** 2 * s.u / s.epsilon, r"write $|X_j| = \epsilon + u$ with $u > 0$"),),
            reason="a product of positive factors",
        ),
    ),
)

_MEAN = 1 / sqrt(2 * pi)
_THIRD_MOMENT = (
    sqrt(2) / (4 * pi ** Rational(3, 2)) * ((6 * pi + 1) * erf(1 / (2 * sqrt(pi))) + (8 * pi + 2) * exp(-1 / (4 * pi)) - 7 * pi - 3)
)
_SKEW = _THIRD_MOMENT / ((pi - 1) / (2 * pi)) ** Rational(3, 2)


def lyapunov_ratio(width: Expr) -> Expr:
    r"""$E_W\Lambda_N = \rho\,N\Gamma(\frac N2)/(\sqrt\pi\,\Gamma(\frac{N+3}2))$: exact at every width, for Gaussian weights and alike ReLU nodes."""
    return _SKEW * width * gamma(width / 2) / (sqrt(pi) * gamma((width + 3) / 2))


def _sphere_third_moment() -> Expr:
    r"""$N E|u_1|^3$ for $u$ uniform on the sphere in $N = \nu + 1$ dimensions, over the odds r of $u_1^2 \sim \mathrm{Beta}(\frac12, \frac\nu2)$."""
    beta = gamma((s.nu + 1) / 2) / (sqrt(pi) * gamma(s.nu / 2))
    return (s.nu + 1) * beta * Integral(s.r * (1 + s.r) ** (-2 - s.nu / 2), (s.r, 0, oo))


LYAPUNOV = Claim(
    id="lyapunov_ratio_of_relu",
    title="App. D: Lyapunov's ratio behind a ReLU layer vanishes",
    says=r"Behind a first ReLU layer, $E_W\Lambda_N = \rho\,\frac{N\Gamma(N/2)}{\sqrt\pi\,\Gamma((N+3)/2)} \sim 2\sqrt{2/\pi}\,\rho\,N^{-1/2}$, where "
    r"$\rho = E|h-Eh|^3/(\mathrm{Var}\,h)^{3/2}$ of a rectified standard Gaussian, in closed form.",
    kind=Kind.THEOREM,
    source=Source(PAPER, "App. D; rate and constant derived here"),
    domain=(Interval(s.nu, 0, oo), Interval(s.ell, 0, oo)),
    rests_on=(INDEPENDENCE, GAUSSIAN_DATA, LINDEBERG, RECTIFIED_MEAN, RECTIFIED_SECOND_MOMENT),
    statements=(
        Statement(
            "third_absolute_moment",
            derived=expectation(Abs(Max(0, s.z) - _MEAN) ** 3),
            stated=_THIRD_MOMENT,
            steps=(
                Step(
                    _MEAN**3 / 2 + expectation((_MEAN - s.z) ** 3, low=0, high=_MEAN) + expectation((s.z - _MEAN) ** 3, low=_MEAN),
                    r"split at the kinks $z = 0$ and $z = 1/\sqrt{2\pi}$",
                ),
            ),
            reason="Gaussian integrals of polynomials",
        ),
        Statement(
            "direction_of_the_weights",
            derived=_sphere_third_moment(),
            stated=(s.nu + 1) * gamma((s.nu + 1) / 2) / (sqrt(pi) * gamma(s.nu / 2 + 2)),
            witnesses=EXACT,
            reason=r"$\sum|W_j|^3/(\sum W_j^2)^{3/2}$ depends on the direction of W only, which is uniform on the sphere",
        ),
        Statement(
            "rate",
            derived=exp(Limit(log_of(sqrt(s.ell) * lyapunov_ratio(s.ell) / _SKEW), s.ell, oo)),
            stated=2 * sqrt(2) / sqrt(pi),
            witnesses=EXACT,
            reason="Stirling",
        ),
    ),
    experiments=(
        Expectation(
            Quantity.LYAPUNOV_RATIO,
            widths=(16, 64, 256),
            stated=lyapunov_ratio(s.N),
            rival=Rival(r"the ratio falls like $N^{-1}$", lyapunov_ratio(s.N) / sqrt(s.N)),
        ),
    ),
)

# Two samples a = (x, y), b = (mu, m) on two features: with H = R Q and Q orthogonal, R Rᵀ is H's Gram matrix.
_LENGTH = sqrt(s.x**2 + s.y**2)
_ALONG = (s.x * s.mu + s.y * s.m) / _LENGTH
_ACROSS = (s.x * s.m - s.y * s.mu) / _LENGTH

_BATCH = Network(BatchNorm, Placement.PRE, batch_size=16)
_SHIFTED = Network(LayerNorm, Placement.POST, input_overlap=0.2)

GRAM_SAMPLER = Claim(
    id="gram_sampler_equal_in_law",
    title="A layer can be drawn from its Gram matrix",
    says=r"Given activations $H$ ($n \times N$), the pre-activations $HW^{\mathsf T}$ of a layer of Gaussian weights are independent over its nodes, each "
    r"Gaussian over the samples with covariance $\frac{\sigma_w^2}{N}HH^{\mathsf T}$. So they have the law of $\frac{\sigma_w}{\sqrt N}RG$ with $H^{\mathsf T} = QR^{\mathsf T}$ and "
    r"$G$ standard normal: no weight needs to be drawn.",
    kind=Kind.LEMMA,
    source=derived_here(),
    domain=tuple(Interval(symbol, -oo, oo) for symbol in (s.x, s.y, s.mu, s.m)),
    rests_on=(INDEPENDENCE,),
    statements=(
        Statement("own_power", derived=_LENGTH**2, stated=s.x**2 + s.y**2, reason="first row of R"),
        Statement("overlap", derived=_LENGTH * _ALONG, stated=s.x * s.mu + s.y * s.m, reason="first row times second row"),
        Statement("other_power", derived=_ALONG**2 + _ACROSS**2, stated=s.mu**2 + s.m**2, reason="second row of R; Lagrange's identity"),
    ),
    experiments=tuple(
        SameLaw(network, depths=(1, 3), width=32, rival=Rival(says, rival))
        for network, says, rival in (
            (Network(), "a layer norm after the activation changes nothing", Network(LayerNorm, Placement.POST)),
            (_BATCH, "the batch norm is left out", Network()),
            (_SHIFTED, "a layer norm after the activation changes nothing", replace(_SHIFTED, norm=NoNorm)),
        )
    ),
)

CLAIMS = (LINDEBERG, LYAPUNOV, GRAM_SAMPLER)
