r"""Eqs (51)-(61) of arXiv 2505.11312: networks behind the leave-one-out statistic, and how far it stands in for batch norm.

The paper propagates the leave-one-out statistic in place of the usual one. Both give one γ at every depth; the two differ at finite $B$,
in the sign of their first correction.
"""

from sympy import Derivative, Expr, Integer, Limit, Rational, exp, gamma, oo, pi, sqrt

from theory import symbols as s
from theory.claim import EXACT, PAPER, Claim, Interval, Kind, Relation, Source, Statement, derived_here
from theory.experiments import Prejudice, Rival
from theory.gaussian import OVERLAP
from theory.gaussian_functions import expectation, gamma_of, kappa, log_of
from theory.leave_one_out import DENSITY
from theory.minibatch import STUDENTISED, VALUES
from theory.network import Network, Placement
from theory.norms import GHOST, BatchNorm, BatchNormEvaluation, GhostBatchNorm, LeaveOneOutBatchNorm
from theory.placements import BATCH_NORM_PRE, GAIN, POWER, SIMULATED, batch_norm_pre_overlap

FINITE = 4 + s.u  #: B where the leave-one-out statistic has a second moment


def leave_one_out_overlap(batch: Expr | int) -> Expr:
    r"""$c = 2e^2/E s^2$ with $e = E\,\mathrm{ReLU}(s)$: $\frac{2(\nu-2)\Gamma((\nu+1)/2)^2}{\pi(\nu-1)^2\Gamma(\nu/2)^2}$, $\nu = B-2$."""
    degrees = Integer(batch) - 2 if isinstance(batch, int) else batch - 2
    return 2 * (degrees - 2) * gamma((degrees + 1) / 2) ** 2 / (pi * (degrees - 1) ** 2 * gamma(degrees / 2) ** 2)


def _relative_error(batch: int) -> Expr:
    """γ of the proxy over γ of batch norm, less one."""
    return gamma_of(leave_one_out_overlap(batch)) / gamma_of(batch_norm_pre_overlap(Integer(batch))) - 1


def _statistic(own: Expr, one: Expr, other: Expr) -> Expr:
    """The leave-one-out statistic of the first of three samples, by eqs (27)-(29)."""
    mean = (one + other) / 2
    return (own - mean) / sqrt(((one - mean) ** 2 + (other - mean) ** 2) / s.D)


_network = Network(LeaveOneOutBatchNorm, Placement.PRE, batch_size=FINITE, weight_variance=s.weight_variance)
_first = _network.layer_map()
_second = _network.dense.on_law(_network.apply_block(_first))
_activation = _network.apply_block(_network.symbolic_law)
_nu = s.u + 2
_mean = sqrt(FINITE * _nu / ((FINITE - 1) * _nu)) * sqrt(_nu) * gamma((_nu + 1) / 2) / (sqrt(pi) * gamma(_nu / 2) * (_nu - 1))
_power = FINITE * _nu / ((FINITE - 1) * (FINITE - 4))

PROPAGATION = Claim(
    id="leave_one_out_propagation",
    title="Eqs (51)-(61): the leave-one-out statistic through a network",
    says=r"Gaussian data stay Gaussian through a dense layer; the leave-one-out statistic forgets their mean and variance; so behind LOO → ReLU every layer has "
    r"$\gamma = m^2/\mathrm{Var}$ with $m = E\,\mathrm{ReLU}(s)$, whatever the depth: prejudice does not grow. Here $D = B-2$ and $B = u + 4 > 4$.",
    kind=Kind.THEOREM,
    source=Source(PAPER, "App. E.1.2, steps I-VII, eqs (51)-(61)"),
    domain=(
        OVERLAP,
        POWER,
        GAIN,
        *(Interval(symbol, 0, oo) for symbol in (s.a, s.u, s.sigma, s.D)),
        *(Interval(symbol, -oo, oo) for symbol in (s.x, s.y, s.w, s.m, s.t)),
    ),
    rests_on=(*SIMULATED, DENSITY),
    statements=(
        Statement(
            "dense_layer",
            derived=expectation(exp(s.t * s.x * s.sigma * s.z)) * expectation(exp(s.t * s.y * s.sigma * s.z)),
            stated=exp(s.t**2 * s.sigma**2 * (s.x**2 + s.y**2) / 2),
            witnesses=EXACT,
            equations=(51, 52, 53, 54),
            reason=r"at weights $x, y$: moment generating functions at $t$; a sum of independent Gaussians, about its mean, is Gaussian",
        ),
        Statement(
            "forgets_mean_and_variance",
            derived=_statistic(s.a * s.x + s.m, s.a * s.y + s.m, s.a * s.w + s.m),
            stated=_statistic(s.x, s.y, s.w),
            witnesses=EXACT,
            equations=(55,),
            reason=r"in a batch of three, $a > 0$: the statistic is that of standard Gaussians, whose density is eq. (49)",
        ),
        Statement(
            "mean_after_relu",
            derived=_activation.mean,
            stated=_mean,
            witnesses=EXACT,
            equations=(56, 57),
            reason=r"$k\sqrt\nu\,\Gamma(\frac{\nu+1}2)/(\sqrt\pi\,\Gamma(\frac\nu2)(\nu-1))$, $k^2 = BD/((B-1)(B-2))$",
        ),
        Statement("power_after_relu", derived=_activation.power, stated=_power / 2, witnesses=EXACT, equations=(58,), reason="by symmetry"),
        Statement(
            "variance_after_relu",
            derived=_activation.power - _activation.mean**2,
            stated=_power / 2 - _mean**2,
            witnesses=EXACT,
            equations=(59,),
            reason="eq. (58) less the square of eq. (57)",
        ),
        Statement(
            "variance_of_centres",
            derived=_first.overlap,
            stated=s.weight_variance * _mean**2,
            witnesses=EXACT,
            equations=(60,),
            reason=r"centres of the next pre-activations: $\sigma_w^2m^2$",
        ),
        Statement(
            "variance_over_the_data",
            derived=_first.power - _first.overlap,
            stated=s.weight_variance * (_power / 2 - _mean**2),
            witnesses=EXACT,
            equations=(61,),
            reason=r"and their variance over the data: $\sigma_w^2\mathrm{Var}$",
        ),
        Statement("gamma", derived=_first.gamma, stated=gamma_of(leave_one_out_overlap(FINITE)), witnesses=EXACT, reason="the ratio"),
        Statement(
            "same_at_the_next_layer",
            derived=_second.gamma,
            stated=_first.gamma,
            witnesses=EXACT,
            reason=r"and so at every depth, by induction: the map does not depend on $c$ and $q$",
        ),
    ),
    experiments=(
        Prejudice(
            Network(LeaveOneOutBatchNorm, Placement.PRE, batch_size=16),
            depths=(1, 3),
            overlap_map=leave_one_out_overlap(16),
            rival=Rival("the usual statistic gives the same prejudice", batch_norm_pre_overlap(16)),
            rival_depth=3,
        ),
    ),
)

# To first order in 1/B, c = (1 ± 1/(2B))/π; and dγ/γ = dc/(c(1−c)).
_relative_slope = (Derivative(gamma_of(s.u), s.u).doit() / gamma_of(s.u)).subs(s.u, 1 / pi)
_first_order = Statement(
    "first_order",
    derived=Limit(s.ell * log_of(pi * leave_one_out_overlap(s.ell)), s.ell, oo),
    stated=-Rational(1, 2),
    witnesses=EXACT,
    reason=r"$\ln\pi c$ at $B = \ell$, by Stirling: $c = \frac1\pi(1 - \frac1{2B}) + o(\frac1B)$, the sign opposite to batch norm's",
)
_first_order_of_batch_norm = next(statement.stated for statement in VALUES.statements if statement.name == "first_order")

PROXY = Claim(
    id="leave_one_out_errs_to_the_other_side",
    title="Finding: the leave-one-out proxy errs to the other side",
    says=r"Both statistics give $\gamma \to \frac1{\pi-1}$: batch norm itself from above, by $\frac{\pi}{2(\pi-1)^2B}$ to first order, the leave-one-out proxy from below, by as much. The proxy's relative "
    r"error is $\gamma_{\mathrm{LOO}}/\gamma_B - 1 = -\frac{\pi}{(\pi-1)B} + o(\frac1B)$, an exact ratio of Gamma functions at every $B > 4$: $-24.6\,\%$ at $B = 8$; above $2\,\%$ at $B = 75$, below at $B = 76$.",
    kind=Kind.FINDING,
    source=derived_here("derived here, against arXiv 2505.11312, App. E.1.2"),
    domain=(Interval(s.ell, 4, oo),),
    rests_on=(PROPAGATION, BATCH_NORM_PRE, VALUES),
    statements=(
        Statement(
            "proxy_at_8", derived=gamma_of(leave_one_out_overlap(8)), stated=Rational(9, 23), reason="the Gamma function at half integers"
        ),
        Statement(
            "error_at_8",
            derived=_relative_error(8),
            stated=Rational(9, 23) / Rational(175, 337) - 1,
            reason=r"$-992/4025$: a quarter too low",
        ),
        _first_order,
        Statement(
            "first_order_of_the_error",
            derived=_relative_slope * (_first_order.stated - _first_order_of_batch_norm) / pi,
            stated=-pi / (pi - 1),
            reason=r"$d\gamma/\gamma = dc/(c(1-c))$ at $c = \frac1\pi$, with $-\frac1{2\pi B}$ of the proxy less $\frac1{2\pi B}$ of batch norm",
        ),
        Statement(
            "two_per_cent_at_76", derived=_relative_error(76), stated=-Rational(2, 100), relation=Relation.GREATER, reason="an exact number"
        ),
        Statement("not_at_75", derived=-Rational(2, 100), stated=_relative_error(75), relation=Relation.GREATER, reason="an exact number"),
    ),
    experiments=(
        Prejudice(
            Network(BatchNorm, Placement.PRE, batch_size=8),
            depths=(1, 3),
            overlap_map=batch_norm_pre_overlap(8),
            rival=Rival("the leave-one-out proxy's prejudice", leave_one_out_overlap(8)),
            rival_depth=3,
        ),
    ),
)

_ghost = Network(GhostBatchNorm, Placement.PRE, batch_size=2 * GHOST)
_fresh = Network(BatchNormEvaluation, Placement.PRE, weight_variance=s.weight_variance)

VARIANTS = Claim(
    id="other_batch_statistics",
    title="Ghost batches, and running statistics before training",
    says=r"Ghost (virtual) batch norm has the prejudice of batch norm at the ghost batch's size, whatever the batch. In evaluation mode before the first training step the running mean "
    r"is 0 and the running variance 1: no norm at all, and $c_{l+1} = \kappa(c_l)$. For running statistics of finitely many batches there is no law here.",
    kind=Kind.FINDING,
    source=derived_here("derived here; ghost batches: arXiv 1705.08741"),
    domain=(OVERLAP, POWER, GAIN),
    rests_on=(*SIMULATED, STUDENTISED),
    statements=(
        Statement(
            "ghost_overlap",
            derived=_ghost.layer_map().correlation,
            stated=batch_norm_pre_overlap(GHOST),
            reason="the law of the ghost batch",
        ),
        Statement("fresh_overlap", derived=_fresh.layer_map().correlation, stated=kappa(s.c), reason="the identity, then ReLU"),
    ),
    experiments=(
        Prejudice(
            _ghost,
            depths=(1, 2),
            overlap_map=batch_norm_pre_overlap(GHOST),
            rival=Rival("batch norm over the whole batch", batch_norm_pre_overlap(2 * GHOST)),
            rival_depth=2,
        ),
    ),
)

CLAIMS = (PROPAGATION, PROXY, VARIANTS)
