r"""Residual streams: their recursions, and how prejudice grows along them.

A block adds a branch of gain $\beta$ to a stream of power $q$ and correlation $c$. With $b = \beta/(q+\beta)$, the branch's share of the power behind it,

$$1 - c' = (1-c) - b\,(\kappa(c) - c),$$

the step of the network without a norm, $b = 1$, taken in part. As $\epsilon = 1-c$ vanishes every block adds $b\sqrt2/(3\pi)$ to
$\epsilon^{-1/2}$: Post-LN holds $q = 1$ and $\gamma$ grows like $L^2$; Pre-LN lets $q$ grow, $b$ falls like $1/l$, and $\gamma$ grows like $\log^2L$.
"""

from sympy import Expr, Limit, Rational, log, oo, pi, sqrt

from theory import symbols as s
from theory.claim import ENCLOSED, EXACT, Claim, Interval, Kind, Relation, Statement, Step, derived_here
from theory.depth import GROWTH, NODE_LAW_MIXTURE
from theory.experiments import Prejudice, Rival
from theory.gaussian import KAPPA_SHAPE, OVERLAP, TWO_POINT
from theory.gaussian_functions import expectation, gamma_of, kappa
from theory.layer_statistics import CONCENTRATION
from theory.network import Placement
from theory.norms import BatchNorm, LayerNorm, NoNorm, Norm, RMSNorm
from theory.placements import GAIN, POWER, SIMULATED
from theory.stream import ResidualNetwork

BRANCH_GAIN = Interval(s.beta, 0, oo)
STREAM = (OVERLAP, POWER, BRANCH_GAIN)
BELOW_ONE = Interval(s.t, 0, 1)
REST = (*SIMULATED, CONCENTRATION, TWO_POINT, NODE_LAW_MIXTURE)

pre_ln_overlap = (s.q * s.c + s.beta * kappa(s.c)) / (s.q + s.beta)
post_ln_overlap = (s.c + s.beta * kappa(s.c)) / (1 + s.beta)
pre_power = s.q + s.beta


def _block(norm: Norm, placement: Placement) -> ResidualNetwork:
    return ResidualNetwork(norm, placement, branch_gain=s.beta, weight_variance=s.weight_variance)


_pre, _post = (_block(LayerNorm, placement).layer_map() for placement in (Placement.PRE, Placement.POST))
_unit = {s.beta: 1}

PRE_LN = Claim(
    id="pre_ln_stream",
    title="Pre-LN residual stream",
    says=r"Along $x + W_2\,\mathrm{ReLU}(W_1\,\mathrm{LN}(x))$ with $\beta = \sigma_1^2\sigma_2^2/2$, layer norm acting as a scaling: $q' = q + \beta$ and "
    r"$c' = (qc + \beta\kappa(c))/(q+\beta)$. RMSNorm in its place gives the same stream.",
    kind=Kind.THEOREM,
    source=derived_here(),
    domain=(*STREAM, GAIN),
    rests_on=REST,
    statements=(
        Statement("power", derived=_pre.power, stated=s.q + s.beta, reason=r"the branch sees power 1, and adds $\beta$"),
        Statement(
            "variance_of_centres", derived=_pre.overlap, stated=s.q * s.c + s.beta * kappa(s.c), reason="independent parts: overlaps add"
        ),
        Statement("overlap", derived=_pre.correlation, stated=(s.q * s.c + s.beta * kappa(s.c)) / (s.q + s.beta)),
        Statement(
            "gamma",
            derived=_pre.gamma,
            stated=(s.q * s.c + s.beta * kappa(s.c)) / (s.q * (1 - s.c) + s.beta * (1 - kappa(s.c))),
        ),
        Statement(
            "branch_power_from_integral",
            derived=2 * s.beta * expectation(s.z**2, low=0),
            stated=s.beta,
            reason=r"$\sigma_2^2\,E\,\mathrm{ReLU}(\sigma_1z)^2$ with $\sigma_1^2\sigma_2^2 = 2\beta$",
        ),
        Statement(
            "branch_overlap_from_integral",
            derived=2 * s.beta * expectation(s.z, low=0) ** 2,
            stated=s.beta / pi,
            reason=r"of unrelated samples: $\beta\kappa(0)$",
        ),
        Statement(
            "rms_norm",
            derived=_block(RMSNorm, Placement.PRE).layer_map().correlation,
            stated=(s.q * s.c + s.beta * kappa(s.c)) / (s.q + s.beta),
            reason="the layer mean of a stream is null",
        ),
    ),
    experiments=(
        Prejudice(
            ResidualNetwork(LayerNorm, Placement.PRE),
            depths=(2, 4),
            overlap_map=pre_ln_overlap.subs(_unit),
            power_map=pre_power.subs(_unit),
            rival=Rival("the power of the stream does not grow, as in Post-LN", post_ln_overlap.subs(_unit)),
            rival_depth=4,
        ),
    ),
)

POST_LN = Claim(
    id="post_ln_stream",
    title="Post-LN residual stream",
    says=r"Along $\mathrm{LN}(x + W_2\,\mathrm{ReLU}(W_1x))$: $q = 1$ and $c' = (c + \beta\kappa(c))/(1+\beta)$. So it is with RMSNorm, and, but for the power, "
    r"without any norm.",
    kind=Kind.THEOREM,
    source=derived_here(),
    domain=(*STREAM, GAIN),
    rests_on=REST,
    statements=(
        Statement("power", derived=_post.power, stated=1, reason="a scaling to power 1"),
        Statement(
            "overlap", derived=_post.correlation, stated=(s.c + s.beta * kappa(s.c)) / (1 + s.beta), reason="whatever the power before"
        ),
        Statement("gamma", derived=_post.gamma, stated=(s.c + s.beta * kappa(s.c)) / (1 - s.c + s.beta * (1 - kappa(s.c)))),
        Statement(
            "rms_norm",
            derived=_block(RMSNorm, Placement.POST).layer_map().correlation,
            stated=(s.c + s.beta * kappa(s.c)) / (1 + s.beta),
            reason="the layer mean of a stream is null",
        ),
        Statement(
            "without_a_norm",
            derived=_block(NoNorm, Placement.POST).layer_map().correlation,
            stated=(s.c + s.beta * kappa(s.c)) / (1 + s.beta),
            reason="stream and branch scale alike",
        ),
    ),
    experiments=(
        Prejudice(
            ResidualNetwork(LayerNorm, Placement.POST),
            depths=(2, 4),
            overlap_map=post_ln_overlap.subs(_unit),
            rival=Rival(r"the skip changes nothing: $c' = \kappa(c)$", kappa(s.c)),
            rival_depth=4,
        ),
    ),
)

_bn_pre, _bn_post = (_block(BatchNorm, placement).layer_map() for placement in (Placement.PRE, Placement.POST))
_in_batches = ResidualNetwork(BatchNorm, Placement.PRE, branch_gain=s.beta, weight_variance=s.weight_variance, batch_size=s.B).layer_map()


def _bn_centres(depth: Expr) -> Expr:
    """Variance of the centres of a Pre-BN stream from power 1 and overlap t, as stated."""
    return s.t + depth * s.beta / pi


def _bn_power(depth: Expr) -> Expr:
    """Its power, as stated."""
    return 1 + depth * s.beta


_at_depth = {s.c: _bn_centres(s.ell) / _bn_power(s.ell), s.q: _bn_power(s.ell)}

BN_STREAMS = Claim(
    id="batch_norm_streams",
    title="Residual streams with batch norm: bounded prejudice before the branch, none on the sum",
    says=r"Pre-BN: every branch adds the prejudice of one rectifier, $V_L = c_0 + L\beta/\pi$ and $q_L = 1 + L\beta$, whatever the batch size, so $\gamma_L \to 1/(\pi-1)$. "
    r"Post-BN: the sum is centred, and $\gamma = 0$.",
    kind=Kind.THEOREM,
    source=derived_here(),
    domain=(*STREAM, GAIN, BELOW_ONE, Interval(s.ell, 0, oo), Interval(s.B, 1, oo)),
    rests_on=(*SIMULATED, TWO_POINT),
    statements=(
        Statement(
            "overlap_before", derived=_bn_pre.correlation, stated=(s.q * s.c + s.beta / pi) / (s.q + s.beta), reason=r"$\kappa(0) = 1/\pi$"
        ),
        Statement(
            "overlap_in_batches",
            derived=_in_batches.correlation,
            stated=(s.q * s.c + s.beta / pi) / (s.q + s.beta),
            witnesses=EXACT,
            reason="samples of different batches are unrelated behind the norm, and a dense layer makes each Gaussian again",
        ),
        Statement(
            "centres_at_depth",
            derived=_bn_pre.overlap.subs(_at_depth, simultaneous=True),
            stated=s.t + (s.ell + 1) * s.beta / pi,
            reason=r"one block more, from $c_0 = t$",
        ),
        Statement("power_at_depth", derived=_bn_pre.power.subs(_at_depth, simultaneous=True), stated=1 + (s.ell + 1) * s.beta),
        Statement(
            "limit",
            derived=Limit(gamma_of(_bn_centres(s.ell) / _bn_power(s.ell)), s.ell, oo),
            stated=1 / (pi - 1),
            witnesses=EXACT,
            reason="one rectifier's",
        ),
        Statement("overlap_after", derived=_bn_post.correlation, stated=0, reason="the norm centres every unit"),
    ),
    experiments=(
        Prejudice(
            ResidualNetwork(BatchNorm, Placement.PRE, batch_size=8),
            depths=(2, 3),
            overlap_map=(s.q * s.c + 1 / pi) / (s.q + 1),
            power_map=pre_power.subs(_unit),
            rival=Rival("a Pre-BN stream grows like a Pre-LN stream", pre_ln_overlap.subs(_unit)),
            rival_depth=3,
        ),
    ),
    long=True,
)

# By the lemma on κ: κ(c) = 1 − r with r > 0, and c = κ(c) − u with u > 0.
_before = 1 - s.r - s.u
_after = (s.q * _before + s.beta * (1 - s.r)) / (s.q + s.beta)

STREAMS_GROW = Claim(
    id="streams_grow_with_depth",
    title="Along both streams γ increases strictly with depth",
    says=r"$\gamma' > \gamma$ for every $c \in [0, 1)$, $q$ and $\beta$: Post-LN is $q = 1$.",
    kind=Kind.THEOREM,
    source=derived_here(),
    domain=(Interval(s.c, 0, 1), POWER, BRANCH_GAIN, Interval(s.r, 0, oo), Interval(s.u, 0, oo)),
    rests_on=(PRE_LN, POST_LN, KAPPA_SHAPE),
    statements=(
        Statement(
            "one_block",
            derived=gamma_of(_after),
            stated=gamma_of(_before),
            relation=Relation.GREATER,
            steps=(
                Step(s.beta * s.u / ((s.r + s.u) * ((s.q + s.beta) * s.r + s.q * s.u)), r"write $\kappa(c) = 1 - r$ and $c = 1 - r - u$"),
            ),
            witnesses=EXACT,
            reason=r"$u = \kappa(c) - c > 0$ and $r = 1 - \kappa(c) > 0$ on $[-1, 1)$, by the lemma on the shape of κ",
        ),
        Statement(
            "one_block_enclosed",
            derived=gamma_of(post_ln_overlap.subs(_unit)),
            stated=gamma_of(s.c),
            relation=Relation.GREATER,
            witnesses=ENCLOSED,
            reason=r"the same inequality at $q = \beta$, evaluated",
        ),
    ),
)

_share = s.beta / (s.q + s.beta)
_rate = sqrt(2) / (3 * pi)
# Square roots of gaps over the gap before: 1/(1 + u) behind the block, 1/(1 + u + r) where the whole step is taken.
_root, _whole = 1 / (1 + s.u), 1 / (1 + s.u + s.r)
_share_of_roots = (1 - _root**2) / (1 - _whole**2)
_chord_gap = s.u * s.r * ((1 + s.u) * (3 + s.u + s.r) + s.r) / ((1 + s.u) ** 2 * (2 + s.u + s.r))

INCREMENT = Claim(
    id="stream_increment",
    title="What a block adds to 1/√(1−c)",
    says=r"With $\epsilon = 1-c$ and $b = \beta/(q+\beta)$, every block adds to $\epsilon^{-1/2}$ more than $b\frac{\sqrt2}{3\pi}$, and less than $b$ times what a layer "
    r"without a norm adds, that is less than $b(\frac{\sqrt2}{3\pi} + \frac13\sqrt\epsilon)$.",
    kind=Kind.LEMMA,
    source=derived_here(),
    domain=(Interval(s.c, 0, 1), POWER, BRANCH_GAIN, BELOW_ONE, *(Interval(symbol, 0, oo) for symbol in (s.u, s.r, s.a, s.v))),
    rests_on=(PRE_LN, POST_LN, KAPPA_SHAPE, GROWTH),
    statements=(
        Statement(
            "gap",
            derived=1 - _pre.correlation,
            stated=(1 - s.c) - s.beta / (s.q + s.beta) * (kappa(s.c) - s.c),
            reason="the step without a norm, taken in part",
        ),
        Statement(
            "below_the_tangent",
            derived=1 / s.t - 1,
            stated=(1 - s.t**2) / 2,
            relation=Relation.GREATER,
            steps=(Step((1 - s.t) ** 2 * (2 + s.t) / (2 * s.t), r"here $t^2 = \epsilon'/\epsilon$"),),
            reason=r"so $\epsilon'^{-1/2} - \epsilon^{-1/2} > b\,(\kappa(c)-c)/(2\epsilon^{3/2})$",
        ),
        Statement(
            "least_step",
            derived=(kappa(s.c) - s.c) / (1 - s.c) ** Rational(3, 2),
            stated=2 * sqrt(2) / (3 * pi),
            relation=Relation.GREATER,
            witnesses=ENCLOSED,
            reason=r"and it falls to this value at $c = 1$, by the expansion of κ there",
        ),
        Statement(
            "below_the_chord",
            derived=_share_of_roots * (1 / _whole - 1),
            stated=1 / _root - 1,
            relation=Relation.GREATER,
            steps=(
                Step(
                    _chord_gap,
                    r"$1/(1+u)$ and $1/(1+u+r)$ are $\sqrt{\epsilon'/\epsilon}$ for the share $b$ and for $b = 1$",
                ),
            ),
            reason=r"$\epsilon'^{-1/2}$ is convex in $b$",
        ),
        Statement(
            "from_below",
            derived=(1 / s.t - 1) / s.a,
            stated=(1 - s.t**2) / (s.a * (2 * _rate + s.u)) * _rate,
            relation=Relation.GREATER,
            steps=(
                Step(
                    (1 - s.t) * (s.u + _rate * (1 - s.t) * (2 + s.t)) / (s.t * s.a * (2 * _rate + s.u)),
                    r"$a^2 = \epsilon$, and $b = (1-t^2)\,\epsilon/(\kappa(c)-c)$ with $(\kappa(c)-c)/\epsilon^{3/2} = \frac{2\sqrt2}{3\pi} + u$",
                ),
            ),
            witnesses=EXACT,
            reason=r"$u > 0$ by the least step: the two lower bounds together",
        ),
        Statement(
            "from_above",
            derived=_share_of_roots * ((1 / _whole - 1) / s.a + s.v),
            stated=(1 / _root - 1) / s.a,
            relation=Relation.GREATER,
            steps=(
                Step(
                    _chord_gap / s.a + _share_of_roots * s.v,
                    r"$a^2 = \epsilon$, and a layer without a norm adds $\frac{\sqrt2}{3\pi} + \frac13\sqrt\epsilon - v$",
                ),
            ),
            witnesses=EXACT,
            reason=r"$v > 0$ by the increment of a layer without a norm: that and the chord together",
        ),
    ),
)

_post_share = s.beta / (1 + s.beta)

POST_LN_GROWTH = Claim(
    id="post_ln_quadratic_growth",
    title="Along a Post-LN stream γ grows like L²",
    says=r"$\epsilon' = \epsilon - \frac{\beta}{1+\beta}\frac{2\sqrt2}{3\pi}\epsilon^{3/2} + \ldots$, hence $\gamma_L \sim \bigl(\frac{\beta}{1+\beta}\bigr)^2\frac{2L^2}{9\pi^2}$; "
    r"and from $c_0 = 0$, $1 + \gamma_L > \bigl(1 + \frac{\beta}{1+\beta}\frac{\sqrt2}{3\pi}L\bigr)^2$ at every depth.",
    kind=Kind.THEOREM,
    source=derived_here(),
    domain=(Interval(s.c, 0, 1), POWER, BRANCH_GAIN, Interval(s.ell, 0, oo)),
    rests_on=(POST_LN, STREAMS_GROW, INCREMENT),
    statements=(
        Statement(
            "share",
            derived=(_post.correlation - s.c) / (kappa(s.c) - s.c),
            stated=s.beta / (1 + s.beta),
            reason="a fixed share of the step without a norm, at every block",
        ),
        Statement(
            "growth",
            derived=Limit(gamma_of(1 - 1 / (_post_share * _rate * s.ell) ** 2) / s.ell**2, s.ell, oo),
            stated=s.beta**2 / (1 + s.beta) ** 2 * 2 / (9 * pi**2),
            witnesses=EXACT,
            reason=r"$\gamma = (1-\epsilon)/\epsilon$; increments of $\epsilon^{-1/2}$ tend to $b\sqrt2/(3\pi)$, and so by Stolz and Cesàro does their mean",
        ),
        Statement(
            "at_every_depth",
            derived=1 + gamma_of(1 - 1 / (1 + _post_share * _rate * s.ell) ** 2),
            stated=(1 + s.beta / (1 + s.beta) * sqrt(2) / (3 * pi) * s.ell) ** 2,
            reason=r"$1 + \gamma = 1/\epsilon$, with the lower bound of every increment",
        ),
    ),
)

_pre_sum_below, _pre_sum_above = log((s.ell + 1 + s.r) / (1 + s.r)), log((s.ell + s.r) / s.r)

PRE_LN_GROWTH = Claim(
    id="pre_ln_logarithmic_growth",
    title="Along a Pre-LN stream γ grows like log² L",
    says=r"From power $q_0$ the share of block $l$ is $b_l = 1/(l + q_0/\beta)$, and $\log\frac{L+1+q_0/\beta}{1+q_0/\beta} < \sum_{l \le L} b_l < \log\frac{L+q_0/\beta}{q_0/\beta}$: "
    r"$\gamma_L \sim \frac2{9\pi^2}\log^2L$ whatever $\beta$, and from $c_0 = 0$, $1 + \gamma_L > \bigl(1 + \frac{\sqrt2}{3\pi}\log\frac{L+1+q_0/\beta}{1+q_0/\beta}\bigr)^2$ at every depth. "
    r"The limit is out of reach: a constant and a term in $\log\log L$ stand beside $\log L$ in $\epsilon_L^{-1/2}$, and at $\beta = 1$ and $L = 10^4$ γ is still 2.4 times its asymptote.",
    kind=Kind.THEOREM,
    source=derived_here(),
    domain=(POWER, BRANCH_GAIN, BELOW_ONE, Interval(s.ell, 1, oo), Interval(s.r, 0, oo)),
    rests_on=(PRE_LN, STREAMS_GROW, INCREMENT),
    statements=(
        Statement(
            "share",
            derived=_share.subs(s.q, s.q + (s.ell - 1) * s.beta),
            stated=1 / (s.ell + s.q / s.beta),
            reason=r"the power before block $l$ is $q_0 + (l-1)\beta$; here $q_0 = q$",
        ),
        Statement(
            "share_from_below",
            derived=s.t,
            stated=log(1 + s.t),
            relation=Relation.GREATER,
            witnesses=ENCLOSED,
            reason=r"$b_l = t > \log(1+t) = \log\frac{l+1+q_0/\beta}{l+q_0/\beta}$, and these telescope",
        ),
        Statement(
            "share_from_above",
            derived=-log(1 - s.t),
            stated=s.t,
            relation=Relation.GREATER,
            witnesses=ENCLOSED,
            reason=r"$b_l = t < -\log(1-t) = \log\frac{l+q_0/\beta}{l-1+q_0/\beta}$, and these telescope",
        ),
        Statement(
            "sum_from_below",
            derived=Limit(_pre_sum_below / log(s.ell), s.ell, oo),
            stated=1,
            witnesses=EXACT,
            reason=r"here $r = q_0/\beta$",
        ),
        Statement(
            "sum_from_above",
            derived=Limit(_pre_sum_above / log(s.ell), s.ell, oo),
            stated=1,
            witnesses=EXACT,
            reason=r"here $r = q_0/\beta$",
        ),
        Statement(
            "growth",
            derived=Limit(gamma_of(1 - 1 / (_rate * log(s.ell)) ** 2) / log(s.ell) ** 2, s.ell, oo),
            stated=2 / (9 * pi**2),
            witnesses=EXACT,
            reason=r"$\gamma = (1-\epsilon)/\epsilon$ at $\epsilon^{-1/2} \sim \frac{\sqrt2}{3\pi}\log L$: increments over $b_l$ tend to $\sqrt2/(3\pi)$ (Stolz and Cesàro)",
        ),
        Statement(
            "correction",
            derived=log(log(s.ell)).diff(s.ell),
            stated=1 / (s.ell * log(s.ell)),
            reason=r"what the upper bound adds, $\frac13b_l\sqrt{\epsilon_l} = O(1/(l\log l))$, sums to $O(\log\log L)$",
        ),
    ),
)

CLAIMS = (PRE_LN, POST_LN, BN_STREAMS, STREAMS_GROW, INCREMENT, POST_LN_GROWTH, PRE_LN_GROWTH)
