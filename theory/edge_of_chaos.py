r"""The edge of chaos: gains and biases at which gradients neither grow nor vanish, and the phases of prejudice beside it."""

from sympy import Derivative, Expr, Limit, Rational, S, asin, oo, pi, sqrt, tanh

from theory import symbols as s
from theory.activations import ACTIVATIONS, Activation
from theory.claim import ENCLOSED, EXACT, Claim, Interval, Kind, Relation, Source, Statement, Step
from theory.experiments import GradientGrowth, Rival
from theory.gaussian import KAPPA_SHAPE, OVERLAP
from theory.gaussian_functions import expectation, gamma_of, kappa
from theory.gradient_growth import BATCH_NORM, LAYER_NORM_AFTER, LAYER_NORM_BEFORE, WITHOUT_NORM
from theory.gradients import DEEP_INFORMATION, POINCARE, SIMULATED, factor_between, gradient_factor, squares
from theory.network import Network
from theory.placements import POWER

TRAINABILITY = "arXiv 2505.12096"


def critical_gain(activation: Activation, q: Expr) -> Expr:
    r"""σ_w² on the critical line, where the fixed power is q: $1/E f'(X)^2$."""
    return 1 / squares(activation, q)[1]


def critical_bias(activation: Activation, q: Expr) -> Expr:
    r"""σ_b² there: $q - E f(X)^2/E f'(X)^2$."""
    power, slope = squares(activation, q)
    return q - power / slope


def on_critical_line(activation: Activation, q: Expr) -> Network:
    """The network without a norm whose fixed power is q and whose gradients are kept."""
    return Network(activation=activation, weight_variance=critical_gain(activation, q), bias_variance=critical_bias(activation, q))


ERF, TANH = ACTIVATIONS["erf"], ACTIVATIONS["tanh"]
_edge = on_critical_line(ERF, s.q)
_erf_bias = s.q - sqrt(1 + 4 * s.q) / 2 * asin(2 * s.q / (1 + 2 * s.q))

EDGE = Claim(
    id="edge_of_chaos",
    title="The edge of chaos: a line of gains and biases, with or without a norm",
    says=r"Without a norm the critical line is $\sigma_w^2 = 1/E f'(X)^2$, $\sigma_b^2 = q - E f(X)^2/E f'(X)^2$ over the fixed powers q; for odd f it has a bias at every q by Poincaré's inequality. For erf it is "
    r"$\sigma_w^2 = \frac\pi4\sqrt{1+4q}$, $\sigma_b^2 = q - \frac12\sqrt{1+4q}\arcsin\frac{2q}{1+2q}$, from $(\frac\pi4, 0)$ on; for ReLU the one point (2, 0). With LN or RMSNorm before ReLU it is $\sigma_b = 0$, with LN after it "
    r"$\sigma_b^2 = \sigma_w^2/(\pi-1)$, and with batch norm there is none.",
    kind=Kind.THEOREM,
    source=Source(DEEP_INFORMATION, "Sec. 3; line of erf, and of norms, derived here"),
    domain=(POWER, OVERLAP),
    rests_on=(*SIMULATED, POINCARE, WITHOUT_NORM, LAYER_NORM_BEFORE, LAYER_NORM_AFTER, BATCH_NORM),
    statements=(
        Statement("erf_gain", derived=critical_gain(ERF, s.q), stated=pi / 4 * sqrt(1 + 4 * s.q)),
        Statement("erf_bias", derived=critical_bias(ERF, s.q), stated=_erf_bias),
        Statement("erf_power_is_fixed", derived=_edge.layer_map().power, stated=s.q),
        Statement("erf_gradients_are_kept", derived=gradient_factor(_edge, _edge.symbolic_law), stated=1),
        Statement(
            "erf_overlaps_touch",
            derived=_edge.layer_map().overlap.diff(s.c).subs(s.c, 1) / s.q,
            stated=1,
            reason="the slope of the map of overlaps at c = 1",
        ),
        Statement("erf_starts_without_bias", derived=Limit(_erf_bias, s.q, 0, "+"), stated=0, witnesses=EXACT, reason="limit"),
        Statement("erf_starts_at", derived=Limit(pi / 4 * sqrt(1 + 4 * s.q), s.q, 0, "+"), stated=pi / 4, witnesses=EXACT, reason="limit"),
        Statement(
            "erf_bias_is_positive",
            derived=critical_bias(ERF, s.q),
            stated=0,
            relation=Relation.GREATER,
            witnesses=ENCLOSED,
            reason="Poincaré's inequality, by the sign of the derivative of its gap",
        ),
        Statement("relu_gain", derived=critical_gain(ACTIVATIONS["relu"], s.q), stated=2),
        Statement("relu_bias", derived=critical_bias(ACTIVATIONS["relu"], s.q), stated=0),
        Statement(
            "tanh_gain",
            derived=critical_gain(TANH, S.One),
            stated=1 / (1 - 2 * expectation(tanh(s.z) ** 2) + expectation(tanh(s.z) ** 4)),
            witnesses=ENCLOSED,
            reason=r"$\tanh' = 1 - \tanh^2$, at q = 1",
        ),
        Statement(
            "tanh_bias_is_positive",
            derived=critical_bias(TANH, S.One),
            stated=0,
            relation=Relation.GREATER,
            witnesses=ENCLOSED,
            reason="Poincaré's inequality, at q = 1",
        ),
    ),
    experiments=(
        GradientGrowth(
            on_critical_line(ERF, S.One),
            (8, 13),
            factor=S.One,
            rival=Rival(r"erf is linear on the way back: $\chi = \frac4\pi\sigma_w^2$", sqrt(5)),
        ),
    ),
    long=True,
)

# erf with a fixed point (q, c) chosen first: two equations, linear in gain and bias


def _erf_moment(c: Expr) -> Expr:
    return 2 / pi * asin(2 * s.q * c / (1 + 2 * s.q))


def _slope_root(c: Expr) -> Expr:
    return sqrt((1 + 2 * s.q) ** 2 - (2 * s.q * c) ** 2)


def _erf_slope(c: Expr) -> Expr:
    return 4 * s.q / (pi * _slope_root(c))


_chaotic_gain = s.q * (1 - s.c) / (_erf_moment(1) - _erf_moment(s.c))
_chaotic_bias = s.q - _chaotic_gain * _erf_moment(1)
_chaotic = Network(activation=ERF, weight_variance=_chaotic_gain, bias_variance=_chaotic_bias)
_chaotic_factor = _chaotic_gain * 4 / (pi * sqrt(1 + 4 * s.q))
_UNIFORM = {s.q: 1, s.c: Rational(1, 2)}  #: c = 1/2 is γ = 1: uniform class fractions
_after, _before = 1 - s.r, 1 - s.r - s.u

PHASES = Claim(
    id="chaos_and_prejudice",
    title="Order is deep prejudice: phases by γ = c/(1 − c)",
    says=r"At a fixed power the overlap tends to a fixed point $c^*$, and γ to $c^*/(1-c^*)$. In the ordered phase $\chi < 1$ and at its edge $c^* = 1$: γ → ∞, deep prejudice. A fixed point $c^* < 1$ exists where χ > 1, in the chaotic phase, "
    r"and γ stays finite: the map of overlaps is convex on [0, 1], so its slope at 1 exceeds, and at $c^*$ falls short of, its mean slope 1 between them. Gradients are kept only at the edge, where prejudice is deep. "
    r"Without a fixed power the two part (derived here): ReLU with $\sigma_w^2 > 2$ and no bias explodes, and is deeply prejudiced.",
    kind=Kind.THEOREM,
    source=Source(TRAINABILITY, "phases by γ; derived here"),
    domain=(Interval(s.c, 0, 1), POWER, Interval(s.t, 0, 1), *(Interval(symbol, 0, oo) for symbol in (s.r, s.u, s.a))),
    rests_on=(*SIMULATED, EDGE, KAPPA_SHAPE),
    statements=(
        Statement(
            "deep_prejudice", derived=Limit(1 / gamma_of(s.c), s.c, 1, "-"), stated=0, witnesses=EXACT, reason=r"$1/\gamma$ at $c \to 1$"
        ),
        Statement(
            "erf_is_convex",
            derived=Derivative(asin(s.t), s.t, 2),
            stated=0,
            relation=Relation.GREATER,
            steps=(Step(s.t / (1 - s.t**2) ** Rational(3, 2), r"the map is affine in the arc sine of $t = 2qc/(1+2q)$"),),
            witnesses=EXACT,
            reason=r"positive factors; for any f, $\sum_ka_k^2c^k$ is convex on [0, 1]",
        ),
        Statement(
            "chosen_power_is_fixed", derived=_chaotic.layer_map().power, stated=s.q, reason="the gain and the bias that keep q and c"
        ),
        Statement(
            "chosen_overlap_is_fixed", derived=_chaotic.layer_map().overlap, stated=s.c * s.q, reason="for erf, any $c^* < 1$ can be had"
        ),
        Statement("chosen_gradients", derived=gradient_factor(_chaotic, _chaotic.symbolic_law), stated=_chaotic_factor),
        Statement(
            "slopes_over_the_mean_slope",
            derived=_chaotic_factor,
            stated=(1 - s.c) * _erf_slope(1) / (_erf_moment(1) - _erf_moment(s.c)),
            reason=r"χ is the slope at 1 of the map of overlaps, over its mean slope 1 between $c^*$ and 1",
        ),
        Statement(
            "slope_at_one_exceeds_mean_slope",
            derived=-Derivative((1 - s.c) * _erf_slope(1) - (_erf_moment(1) - _erf_moment(s.c)), s.c),
            stated=0,
            relation=Relation.GREATER,
            steps=(
                Step(_erf_slope(1) - _erf_slope(s.c), "the derivative"),
                Step(
                    16 * s.q**3 * (1 - s.c**2) / (pi * _slope_root(1) * _slope_root(s.c) * (_slope_root(1) + _slope_root(s.c))),
                    "one fraction",
                ),
            ),
            witnesses=EXACT,
            reason=r"positive factors; what is derived falls to 0 at $c^* = 1$, so it is positive before, and χ > 1",
        ),
        Statement(
            "mean_slope_exceeds_slope_at_fixed_point",
            derived=-Derivative(_erf_moment(1) - _erf_moment(s.c) - (1 - s.c) * _erf_slope(s.c), s.c),
            stated=0,
            relation=Relation.GREATER,
            steps=(Step(16 * s.q**3 * s.c * (1 - s.c) / (pi * _slope_root(s.c) ** 3), "the derivative"),),
            witnesses=EXACT,
            reason=r"positive factors; so the mean slope exceeds the slope at $c^*$ in the same way, which is below 1 there",
        ),
        Statement(
            "order_moves_to_one",
            derived=(_after + s.a) / (1 + s.a),
            stated=_before,
            relation=Relation.GREATER,
            steps=(
                Step(
                    s.u + s.r * s.a / (1 + s.a),
                    r"ReLU with $\sigma_w^2 = 2/(1+a) < 2$ and a bias, $c' = (\kappa(c) + a)/(1 + a)$; $\kappa(c) = 1 - r$, $c = 1 - r - u$",
                ),
            ),
            witnesses=EXACT,
            reason=r"$r = 1 - \kappa(c) > 0$ and $u = \kappa(c) - c > 0$: $c$ grows at every layer, to 1",
        ),
        Statement(
            "growing_power_explodes",
            derived=factor_between(Network(weight_variance=2 * (1 + s.a))),
            stated=1,
            relation=Relation.GREATER,
            reason=r"ReLU with $\sigma_w^2 = 2(1+a) > 2$",
        ),
        Statement(
            "and_is_deeply_prejudiced",
            derived=Network(weight_variance=2 * (1 + s.a)).overlap_map(),
            stated=kappa(s.c),
            reason=r"whose only fixed point is $c^* = 1$: a map of slope 1 there, though gradients grow",
        ),
        Statement(
            "uniform_fractions_explode",
            derived=_chaotic_factor.subs(_UNIFORM),
            stated=1 / (sqrt(5) * (asin(Rational(2, 3)) - asin(Rational(1, 3)))),
            reason=r"$c^* = \frac12$ at $q = 1$: γ = 1, and χ = 1.147",
        ),
    ),
    experiments=(
        GradientGrowth(
            Network(activation=ERF, weight_variance=_chaotic_gain.subs(_UNIFORM), bias_variance=_chaotic_bias.subs(_UNIFORM)),
            (8, 13),
            factor=1 / (sqrt(5) * (asin(Rational(2, 3)) - asin(Rational(1, 3)))),
            rival=Rival("gradients are kept", S.One),
        ),
    ),
    long=True,
)

CLAIMS = (EDGE, PHASES)
