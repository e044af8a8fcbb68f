r"""Pooling windows between activation and dense layer: one number for each window of k units."""

from sympy import Limit, Rational, oo, pi, sqrt

from theory import symbols as s
from theory.activations import ACTIVATIONS
from theory.claim import EXACT, IGB, Claim, Interval, Kind, Source, Statement
from theory.experiments import Prejudice, Rival
from theory.gaussian import OVERLAP, TWO_POINT
from theory.gaussian_functions import Phi, expectation, gamma_of, kappa
from theory.network import Network, Placement
from theory.norms import average_pool, max_pool
from theory.placements import POWER, SIMULATED
from theory.smooth_activations import TWO_POINT_MOMENTS

WINDOW = 4
_pooled = Network(average_pool(s.window), Placement.POST).layer_map()
_averaged = (pi * kappa(s.c) + s.window - 1) / (pi + s.window - 1)
_erf = Network(average_pool(WINDOW), Placement.POST, ACTIVATIONS["erf"]).layer_map()
_erf_alone = Network(activation=ACTIVATIONS["erf"]).layer_map()
_source = Source(IGB, "max-pooling raises prejudice; formulas derived here")

AVERAGE_POOLING = Claim(
    id="average_pooling",
    title="Average pooling adds prejudice behind ReLU, and none behind odd activations",
    says=r"Units of a window are independent, so that products of different ones have mean $E^2$, E the mean of a unit: a window of K units keeps $\frac1K$ of the overlap and of the power and adds "
    r"$\frac{K-1}K E^2$ to both. Behind ReLU $c_{l+1} = \frac{\pi\kappa(c_l)+K-1}{\pi+K-1}$, closer to one than $\kappa(c_l)$; behind an odd activation nothing changes, for $E = 0$.",
    kind=Kind.THEOREM,
    source=_source,
    domain=(OVERLAP, POWER, Interval(s.window, 1, oo)),
    rests_on=(*SIMULATED, TWO_POINT, TWO_POINT_MOMENTS),
    statements=(
        Statement(
            "relu",
            derived=_pooled.correlation,
            stated=_averaged,
            reason=r"$E = \sqrt{q/(2\pi)}$",
        ),
        Statement(
            "power", derived=_pooled.power, stated=s.q * (pi + s.window - 1) / (pi * s.window), reason="the same of one sample with itself"
        ),
        Statement("unrelated_samples", derived=gamma_of(_averaged.subs(s.c, 0)), stated=s.window / (pi - 1), reason=r"$\kappa(0) = 1/\pi$"),
        Statement("odd", derived=_erf.correlation, stated=_erf_alone.correlation, reason="erf: the mean of a unit is zero"),
        Statement(
            "wide_windows", derived=Limit(_averaged, s.window, oo), stated=1, witnesses=EXACT, reason="of many units only the mean is left"
        ),
    ),
    experiments=(
        Prejudice(
            Network(average_pool(WINDOW), Placement.POST),
            depths=(1, 3),
            overlap_map=_averaged.subs(s.window, WINDOW),
            rival=Rival("windows change nothing", kappa(s.c)),
            rival_depth=3,
        ),
    ),
)

_mean = expectation(2 * s.z * Phi(s.z), low=0)
_square = expectation(2 * s.z**2 * Phi(s.z), low=0)
_stated_mean, _stated_square = 1 / sqrt(2 * pi) + 1 / (2 * sqrt(pi)), Rational(3, 4) + 1 / (2 * pi)
_maximal = (3 + 2 * sqrt(2)) / (3 * pi + 2)

MAX_POOLING = Claim(
    id="max_pooling",
    title="Max pooling behind ReLU more than doubles the prejudice of one layer",
    says=r"The largest of two rectified units, $\max(0, z_1, z_2)$, has density $2\varphi\Phi$ above zero. Unrelated samples: $c_1 = (E\max)^2/E\max^2 = \frac{3+2\sqrt2}{3\pi+2}$ and "
    r"$\gamma_1 = \frac{3+2\sqrt2}{3\pi-1-2\sqrt2} \approx 1.04$, where ReLU alone has $\frac1{\pi-1} \approx 0.47$ and a mean over the window $\frac2{\pi-1} \approx 0.93$. Deeper layers need the law of the largest of two "
    r"correlated pairs: there is no closed form here, and `predict` says so.",
    kind=Kind.THEOREM,
    source=_source,
    rests_on=(*SIMULATED, AVERAGE_POOLING),
    statements=(
        Statement(
            "mean",
            derived=_mean,
            stated=_stated_mean,
            reason=r"$\int_0^\infty 2z\varphi\Phi = \varphi(0) + 2\int_0^\infty\varphi^2$",
        ),
        Statement(
            "mean_square",
            derived=_square,
            stated=_stated_square,
            reason=r"$\int_0^\infty 2z^2\varphi\Phi = 2\int_0^\infty\varphi\Phi + 2\int_0^\infty z\varphi^2$",
        ),
        Statement("overlap", derived=_stated_mean**2 / _stated_square, stated=_maximal),
        Statement("gamma", derived=gamma_of(_maximal), stated=(3 + 2 * sqrt(2)) / (3 * pi - 1 - 2 * sqrt(2))),
    ),
    experiments=(
        Prejudice(
            Network(max_pool(2), Placement.POST),
            depths=(1,),
            overlap_map=_maximal,
            rival=Rival("the largest of two is as prejudiced as their mean", _averaged.subs({s.window: 2, s.c: 0})),
            rival_depth=1,
        ),
    ),
)

CLAIMS = (AVERAGE_POOLING, MAX_POOLING)
