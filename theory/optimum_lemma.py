r"""Lemma 4.5 of arXiv 1805.11604, that batch norm moves the nearest optimum closer, and its refutation (arXiv 2502.17913).

Let $W^*$ and $\hat W^*$ be the closest optima of a network without and with batch norm. *The lemma*: if $\langle W_0, W^*\rangle > 0$, then
$\|W_0-\hat W^*\|^2 \le \|W_0-W^*\|^2 - (\|W^*\|^2 - \langle W^*, W_0\rangle)^2/\|W^*\|^2$. *Its refutation* puts $W_0 = W^*$: the bound is zero, so $W^*$ would
have to be an optimum with batch norm, and of one neuron that learns from three points it is not. *Ours* is the learning set (that of the refutation was
not at hand; its half-line of optima, $3w_1 = 5w_2$, $w_1 > 0$, was), the exact condition under which the lemma holds for this network, how often it fails
where it fails, that almost every learning set refutes it, and the smallest sets of integers that do.

Derivations are written for two inputs, which are no fewer than any number: $W^*$, the half-line's $v$ and $m = \Sigma_x^{-1}\bar x$ lie in one plane, and so do $v$ and
any other weights.
"""

from sympy import Expr, Integer, Integral, Rational, atan, cos, diff, oo, pi, sin, sqrt
from sympy import ImmutableDenseMatrix as Matrix

from theory import symbols as s
from theory.assumptions import NO_AFFINE, NO_EPSILON
from theory.claim import ENCLOSED, Claim, Interval, Kind, Relation, Source, Statement, Step, derived_here
from theory.gaussian_functions import Phi, expectation
from theory.learning_set import LearningSet, Moments, Sample, average, batch_normalised, learning_set, smallest, vector

STATED, REFUTED = "arXiv 1805.11604", "arXiv 2502.17913"
W = vector(s.w_1, s.w_2)
OURS = LearningSet(((1, 0), (0, 1), (0, 0)), (3, 1, -2))  #: ours, with the half-line that the refutation prints


def reals(*symbols: Expr) -> tuple[Interval, ...]:
    """Ranges of symbols that take every real value."""
    return tuple(Interval(symbol, -oo, oo) for symbol in symbols)


def square(a: Matrix) -> Expr:
    r"""$\|a\|^2$."""
    return a.dot(a)


# The lemma as stated


def bound(start: Matrix, optimum: Matrix) -> Expr:
    r"""The right-hand side of the lemma, as printed: $\|W_0-W^*\|^2 - (\|W^*\|^2-\langle W^*, W_0\rangle)^2/\|W^*\|^2$."""
    return square(start - optimum) - (square(optimum) - optimum.dot(start)) ** 2 / square(optimum)


_start, _optimum = vector(*s.initial), vector(*s.optimum)
_nearest = _optimum * (_optimum.dot(_start) / square(_optimum))

AS_STATED = Claim(
    id="optimum_lemma_bound",
    title="Lemma 4.5 of 1805.11604: its bound is the distance to the ray of the plain optimum",
    says=r"As stated there: let $W^*$ and $\hat W^*$ be the closest optima of the plain network and of that with batch norm; if $\langle W_0, W^*\rangle > 0$, then $\|W_0-\hat W^*\|^2 \le "
    r"\|W_0-W^*\|^2 - (\|W^*\|^2-\langle W^*, W_0\rangle)^2/\|W^*\|^2$. It is not the lemma that holds here, but what its bound is: the squared distance of $W_0$ to the ray "
    r"$\{kW^* : k > 0\}$. So the lemma says that batch norm has optima no farther away than that ray, and at $W_0 = W^*$, which it admits, that $\hat W^* = W^*$.",
    kind=Kind.LEMMA,
    source=Source(STATED, "Lemma 4.5 as stated; what its bound is, derived here"),
    domain=reals(*s.initial, *s.optimum, s.x),
    statements=(
        Statement(
            "distance_to_the_ray",
            derived=square(_start - _nearest),
            stated=square(_start - _optimum) - (square(_optimum) - _optimum.dot(_start)) ** 2 / square(_optimum),
            reason=r"the point $kW^*$ with $k = \langle W_0, W^*\rangle/\|W^*\|^2 > 0$",
        ),
        Statement(
            "nearest_point",
            derived=square(_start - _nearest - s.x * _optimum) - square(_start - _nearest),
            stated=s.x**2 * square(_optimum),
            reason=r"Pythagoras: no other $(k+x)W^*$ is as near",
        ),
        Statement("at_the_plain_optimum", derived=bound(_optimum, _optimum), stated=0, reason=r"$W_0 = W^*$"),
    ),
)

# The loss with batch norm

_answers = s.units(3)
_mean = average(_answers)
_variance = average([(h - _mean) ** 2 for h in _answers])
_with_targets = average([(h - _mean) * y for h, y in zip(_answers, s.targets, strict=True)])
_squares = average([y**2 for y in s.targets])


def _loss_of(answers: tuple[Expr, ...]) -> Expr:
    """The mean square of what batch norm makes of these answers, less the targets."""
    return average([(each - y) ** 2 for each, y in zip(batch_normalised(answers), s.targets, strict=True)])


V, M = vector(*s.slopes), vector(*s.centre)
SIGMA = Matrix([[s.sigma_1**2, s.rho * s.sigma_1 * s.sigma_2], [s.rho * s.sigma_1 * s.sigma_2, s.sigma_2**2]])
MOMENTS = Moments(SIGMA * M, SIGMA, s.mean_target, SIGMA * V)  #: any of two inputs: Cov(x, y) = Σv and x̄ = Σm
ANY = (
    *reals(s.mean_target, *s.slopes, *s.centre),
    Interval(s.rho, -1, 1),
    Interval(s.sigma_1, 0, oo),
    Interval(s.sigma_2, 0, oo),
)
_determinant = (1 - s.rho**2) * s.sigma_1**2 * s.sigma_2**2


def inner(a: Matrix, b: Matrix) -> Expr:
    r"""$a^{\mathsf T}\Sigma_xb$."""
    return a.dot(SIGMA * b)


def reduced_loss(w: Matrix) -> Expr:
    r"""$1 + \overline{y^2} - 2\langle w, \mathrm{Cov}(x,y)\rangle/\sqrt{w^{\mathsf T}\Sigma_xw}$."""
    return 1 + s.q - 2 * w.dot(MOMENTS.cross) / sqrt(inner(w, w))


LOSS = Claim(
    id="batch_norm_loss_of_one_neuron",
    title="One neuron with batch norm: its loss depends on the direction of the weights, and its optima are a half-line",
    says=r"With identity activation, gain one, shift zero and mean squared error, $\hat L(w) = 1 + \overline{y^2} - 2\langle w, \mathrm{Cov}(x,y)\rangle/\sqrt{w^{\mathsf T}\Sigma_xw}$. It does not change with the scale of $w$, and is stationary "
    r"where $\Sigma_xw \parallel \mathrm{Cov}(x,y)$ and nowhere else: on the half-line $w = tv$, $t > 0$, $v = \Sigma_x^{-1}\mathrm{Cov}(x,y)$, all of it minima, and on $-tv$, all maxima. No other point is an optimum, not even a local one. "
    r"(For $\mathrm{Cov}(x,y) = 0$ it is constant.)",
    kind=Kind.LEMMA,
    source=derived_here(f"derived here; setting: {REFUTED}"),
    domain=(*reals(*_answers, *s.targets, *W), *ANY, Interval(s.a, 0, oo), Interval(s.q, 0, oo)),
    rests_on=(NO_EPSILON, NO_AFFINE),
    statements=(
        Statement(
            "loss",
            derived=_loss_of(_answers),
            stated=1 + _squares - 2 * _with_targets / sqrt(_variance),
            reason=r"answers $h_i = \langle w, x_i\rangle$ through batch norm's array code have mean 0 and mean square 1, and $\overline{\mathrm{BN}(h)y} = \mathrm{Cov}(h,y)/\sqrt{\mathrm{Var}\,h}$; three samples, any number alike",
        ),
        Statement(
            "scale_invariance",
            derived=batch_normalised(tuple(s.a * h for h in _answers))[0],
            stated=(_answers[0] - _mean) / sqrt(_variance),
            reason=r"weights $aw$ make answers $ah_i$, $a > 0$, and batch norm makes of these what it makes of $h_i$",
        ),
        Statement(
            "mirrored",
            derived=batch_normalised(tuple(-h for h in _answers))[0],
            stated=(_mean - _answers[0]) / sqrt(_variance),
            reason=r"$-w$ makes the opposite answers, so that minima at $v$ are maxima at $-v$",
        ),
        *(
            Statement(
                f"gradient_{number}",
                derived=diff(reduced_loss(W), symbol),
                stated=stated,
                reason=r"with $\mathrm{Cov}(x,y) = \Sigma_xv$ the gradient is $2\det\Sigma_x(v_1w_2-v_2w_1)\,(-w_2, w_1)/(w^{\mathsf T}\Sigma_xw)^{3/2}$: zero where $w \parallel v$ and nowhere else",
            )
            for number, symbol, stated in (
                (1, s.w_1, -2 * _determinant * (V[0] * W[1] - V[1] * W[0]) * s.w_2 / inner(W, W) ** Rational(3, 2)),
                (2, s.w_2, 2 * _determinant * (V[0] * W[1] - V[1] * W[0]) * s.w_1 / inner(W, W) ** Rational(3, 2)),
            )
        ),
        Statement(
            "cauchy_schwarz",
            derived=inner(W, W) * inner(V, V) - inner(W, V) ** 2,
            stated=_determinant * (V[0] * W[1] - V[1] * W[0]) ** 2,
            reason=r"Lagrange's identity: never negative, so that $\langle w, \mathrm{Cov}(x,y)\rangle/\sqrt{w^{\mathsf T}\Sigma_xw}$ is largest on the half-line of $v$",
        ),
        Statement("minimum", derived=reduced_loss(s.a * V), stated=1 + s.q - 2 * sqrt(inner(V, V)), reason=r"$w = av$, $a > 0$"),
    ),
)

# A learning set that refutes it

_batch_norm_loss = OURS.batch_norm_loss(W)
_plain_optimum, _direction = OURS.moments.plain_optimum, OURS.moments.direction
_away = s.w_1**2 - s.w_1 * s.w_2 + s.w_2**2
_reduced = Rational(17, 3) - sqrt(2) * (7 * s.w_1 + s.w_2) / (3 * sqrt(_away))


def _at(formula: Expr, *weights: Expr) -> Expr:
    return formula.subs(dict(zip(W, weights, strict=True)))


def _gradient(name: str, loss: Expr, point: tuple[Expr, ...], stated: tuple[Expr, Expr], reason: str) -> tuple[Statement, ...]:
    """Both components of the gradient of a loss at a point."""
    return tuple(
        Statement(f"{name}_{number}", derived=_at(diff(loss, symbol), *point), stated=value, reason=reason)
        for number, (symbol, value) in enumerate(zip(W, stated, strict=True), 1)
    )


REFUTATION = Claim(
    id="optimum_lemma_refuted",
    title="Lemma 4.5 of 1805.11604 is refuted by three points in the plane",
    says=r"One neuron, identity activation. The learning set is ours (the refutation's own was not at hand, its half-line was): $x = (1,0), (0,1), (0,0)$ and $y = 3, 1, -2$. Without batch norm the only optimum is $W^* = (3,1)$. With batch norm "
    r"the loss has gradient $(4,-12)/(7\sqrt{14}) \neq 0$ at $W^*$, and its optima are the half-line $3w_1 = 5w_2$, $w_1 > 0$. At $W_0 = W^*$ the lemma says that $W^*$ is one of them; its squared distance to them is $\frac8{17} > 0$.",
    kind=Kind.THEOREM,
    source=derived_here(f"derived here, after {REFUTED}; the learning set is ours"),
    domain=(Interval(s.u, 0, oo), *reals(s.w_1, s.w_2, s.x)),
    rests_on=(AS_STATED, LOSS),
    statements=(
        Statement("plain_optimum_1", derived=_plain_optimum[0], stated=3, reason=r"$W^* = (X^{\mathsf T}X)^{-1}X^{\mathsf T}y$"),
        Statement("plain_optimum_2", derived=_plain_optimum[1], stated=1, reason=r"$W^* = (X^{\mathsf T}X)^{-1}X^{\mathsf T}y$"),
        Statement(
            "plain_loss",
            derived=OURS.plain_loss(W),
            stated=((s.w_1 - 3) ** 2 + (s.w_2 - 1) ** 2 + 4) / 3,
            reason=r"so $(3,1)$ is its only optimum",
        ),
        *_gradient("plain_gradient", OURS.plain_loss(W), (3, 1), (0, 0), r"at $W^*$"),
        Statement(
            "batch_norm_loss",
            derived=_batch_norm_loss,
            stated=_reduced,
            reason=r"by batch norm's array code; $\mathrm{Cov}(x,y) = (7,1)/9$",
        ),
        *_gradient(
            "batch_norm_gradient",
            _reduced,
            (s.w_1, s.w_2),
            (
                s.w_2 * (3 * s.w_1 - 5 * s.w_2) / (sqrt(2) * _away ** Rational(3, 2)),
                -s.w_1 * (3 * s.w_1 - 5 * s.w_2) / (sqrt(2) * _away ** Rational(3, 2)),
            ),
            r"zero on the line $3w_1 = 5w_2$ and nowhere else",
        ),
        *_gradient(
            "gradient_at_the_plain_optimum",
            _batch_norm_loss,
            (3, 1),
            (4 / (7 * sqrt(14)), -12 / (7 * sqrt(14))),
            r"at $W^*$: not zero, so $W^*$ is no optimum with batch norm",
        ),
        *_gradient("gradient_on_the_half_line", _batch_norm_loss, (5 * s.u, 3 * s.u), (0, 0), r"at $(5u, 3u)$, $u > 0$"),
        Statement(
            "loss_at_the_plain_optimum",
            derived=_at(_batch_norm_loss, 3, 1),
            stated=Rational(17, 3) - 44 / (3 * sqrt(14)),
            reason=r"at $W^*$, about 1.747",
        ),
        Statement(
            "loss_on_the_half_line",
            derived=_at(_batch_norm_loss, 5 * s.u, 3 * s.u),
            stated=(17 - 2 * sqrt(38)) / 3,
            reason=r"at $(5u, 3u)$, about 1.557",
        ),
        Statement(
            "loss_on_the_other_half_line",
            derived=_at(_batch_norm_loss, -5 * s.u, -3 * s.u),
            stated=(17 + 2 * sqrt(38)) / 3,
            reason=r"at $-(5u, 3u)$ the gradient is zero too: the largest loss",
        ),
        Statement(
            "worse_than_the_half_line",
            derived=_at(_batch_norm_loss, 3, 1),
            stated=(17 - 2 * sqrt(38)) / 3,
            relation=Relation.GREATER,
            steps=(Step((2 * sqrt(38) - 22 * sqrt(14) / 7) / 3, r"$44/\sqrt{14} = 22\sqrt{14}/7$"),),
            reason=r"$W^*$ does not minimise the loss with batch norm: $38 \cdot 7 = 266 > 242$",
        ),
        Statement(
            "distance",
            derived=square(_plain_optimum - s.x * _direction),
            stated=Rational(8, 17) + 34 * (s.x - Rational(9, 17)) ** 2,
            reason=r"$\|W^*-xv\|^2$, $v = (5,3)$: the lemma bounds its smallest value, $\frac8{17}$, by zero",
        ),
    ),
)

# When the lemma holds

_pull = (s.mean_target - inner(V, M)) / (1 + inner(M, M))
_polar = s.r * vector(cos(s.angle), sin(s.angle))

CONDITION = Claim(
    id="optimum_lemma_condition",
    title="One neuron: exactly when Lemma 4.5 of 1805.11604 holds",
    says=r"The regression of $y$ on $x$ with an intercept has slopes $v = \Sigma_x^{-1}\mathrm{Cov}(x,y)$ and intercept $b = \bar y - \langle\bar x, v\rangle$; that without one is $W^* = v + \frac{b}{1+\langle\bar x,m\rangle}m$, $m = \Sigma_x^{-1}\bar x$, in any dimension. Where $\mathrm{Cov}(x,y)$ and $W^*$ are not zero (else the loss with batch "
    r"norm is constant and every $W_0$ an optimum, or the lemma admits no $W_0$) these are equivalent: the lemma's inequality holds at every $W_0$ it admits; it holds at $W_0 = W^*$; $W^*$ lies on the half-line of $v$; $b = 0$, or $\bar x = \tau\,\mathrm{Cov}(x,y)$ with $1+\tau\bar y > 0$ (centred inputs: $\tau = 0$). Then both its sides are "
    r"equal at every $W_0$: the lemma gains nothing over the ray. Otherwise, with $W^*$ and $v$ an angle $\theta$ apart and $W_0$, projected on their plane, of length $r$ at an angle $\vartheta$ from $W^*$ towards $v$, they differ by $r^2\sin\theta\sin(\theta-2\vartheta)$: the inequality fails wherever $W_0$ is closer in direction to $W^*$ than to $v$.",
    kind=Kind.THEOREM,
    source=derived_here(),
    domain=(*ANY, *reals(s.x), Interval(s.u, 0, oo), Interval(s.r, 0, oo), Interval(s.theta, 0, oo), *reals(s.angle)),
    rests_on=(AS_STATED, LOSS),
    statements=(
        *(
            Statement(
                f"plain_optimum_{number + 1}",
                derived=MOMENTS.plain_optimum[number],
                stated=V[number] + _pull * M[number],
                reason=r"$(\Sigma_x + \bar x\bar x^{\mathsf T})(v + \beta m) = \mathrm{Cov}(x,y) + \bar x(\langle\bar x,v\rangle + \beta(1+\langle\bar x,m\rangle)) = \mathrm{Cov}(x,y) + \bar y\bar x$",
            )
            for number in range(2)
        ),
        Statement(
            "stationarity",
            derived=MOMENTS.stationarity(V + s.x * M)[0],
            stated=s.x * _determinant * (V[0] * M[1] - V[1] * M[0]),
            reason=r"$\det(\mathrm{Cov}(x,y), \Sigma_xw)$, of which the gradient is a multiple, at $w = v + xm$: zero at $W^*$ where the intercept is, or $m \parallel v$, that is $\bar x \parallel \mathrm{Cov}(x,y)$",
        ),
        Statement(
            "parallel_mean",
            derived=1 + s.x * _pull.subs(dict(zip(M, s.x * V, strict=True)), simultaneous=True),
            stated=(1 + s.x * s.mean_target) / (1 + s.x**2 * inner(V, V)),
            reason=r"$\bar x = x\,\mathrm{Cov}(x,y)$, so that $m = xv$ and $W^*$ is this multiple of $v$: on the half-line where $1 + x\bar y > 0$, on the opposite one, of maxima, where it is negative",
        ),
        Statement(
            "distance_to_the_half_line",
            derived=square(_polar - s.x * vector(cos(s.theta), sin(s.theta))),
            stated=s.r**2 * sin(s.angle - s.theta) ** 2 + (s.x - s.r * cos(s.angle - s.theta)) ** 2,
            reason=r"$W^*$ along the first axis, $v$ at the angle $\theta$: nearest at $x = r\cos(\vartheta-\theta)$ where that is positive",
        ),
        Statement(
            "excess",
            derived=s.r**2 * sin(s.angle - s.theta) ** 2 - bound(_polar, vector(s.u, 0)),
            stated=s.r**2 * sin(s.theta) * sin(s.theta - 2 * s.angle),
            reason=r"left side less right side, for $|\vartheta-\theta| < \frac\pi2$. Elsewhere optima come arbitrarily close to zero and none is closest: the left side is at least $r^2$, the right side less",
        ),
    ),
)

_tangent = _at(s.w_1 * _direction[1] - s.w_2 * _direction[0], *_plain_optimum) / _plain_optimum.dot(_direction)
_half_angle = (sqrt(1 + _tangent**2) - 1) / _tangent

SHARE = Claim(
    id="optimum_lemma_fails_mostly",
    title="Where Lemma 4.5 of 1805.11604 fails, it fails for more than half of the initialisations it admits",
    says=r"One neuron, $W_0$ of a law without preferred direction (Gaussian, say), and $W^*$ and $v$ an angle $\theta > 0$ apart: of the $W_0$ with $\langle W_0, W^*\rangle > 0$ a share of $\frac12 + \frac\theta{2\pi}$ violates the lemma's inequality, however small $\theta$ is. "
    r"(The violations themselves are small with it.) Below $u = \tan\frac\theta2$. For our learning set $\tan\theta = \frac29$ and the share is 0.535.",
    kind=Kind.FINDING,
    source=derived_here(),
    domain=(Interval(s.u, 0, oo),),
    rests_on=(CONDITION, REFUTATION),
    statements=(
        Statement(
            "share",
            derived=Integral(1 / pi, (s.angle, -pi / 2, atan(s.u))),
            stated=Rational(1, 2) + atan(s.u) / pi,
            reason=r"the angle $\vartheta$ from $W^*$ to $W_0$ is uniform on $(-\frac\pi2, \frac\pi2)$, and the inequality fails for $\vartheta < \frac\theta2$",
        ),
        Statement(
            "share_by_gaussian_weights",
            derived=expectation(2 * Phi(s.z * s.u), low=0),
            stated=Rational(1, 2) + atan(s.u) / pi,
            witnesses=ENCLOSED,
            reason=r"$P(g_2 < ug_1 \mid g_1 > 0)$, $g_1$ along $W^*$ and $g_2$ across, towards $v$",
        ),
        Statement(
            "more_than_half",
            derived=Rational(1, 2) + atan(s.u) / pi,
            stated=Rational(1, 2),
            relation=Relation.GREATER,
            reason=r"$\theta > 0$",
        ),
        Statement("tangent_of_ours", derived=_tangent, stated=Rational(2, 9), reason=r"$W^* = (3,1)$, $v = (5,3)$"),
        Statement(
            "half_angle_of_ours",
            derived=_half_angle,
            stated=(sqrt(85) - 9) / 2,
            reason=r"$\tan\frac\theta2 = (\sqrt{1+\tan^2\theta}-1)/\tan\theta$",
        ),
        Statement(
            "share_of_ours",
            derived=expectation(2 * Phi(s.z * _half_angle), low=0),
            stated=Rational(1, 2) + atan(Rational(2, 9)) / (2 * pi),
            witnesses=ENCLOSED,
            reason=r"$\theta = \arctan\frac29$",
        ),
    ),
)

# Almost every learning set refutes it

THREE = LearningSet(s.inputs, s.targets)  #: any three points in the plane


def factors(rows: tuple[tuple[Expr, ...], ...]) -> tuple[Expr, Expr, Expr]:
    r"""T, D and K of three samples $(x_{i1}, x_{i2}, y_i)$: the lemma is refuted where their product is not zero; plain arithmetic, on integers too."""
    (a, b, y), (c, d, z), (e, f, t) = rows
    fits = y * (c * f - d * e) - z * (a * f - b * e) + t * (a * d - b * c)
    area = (c - a) * (f - b) - (d - b) * (e - a)
    products, sums = (a * y + c * z + e * t, b * y + d * z + f * t), (a + c + e, b + d + f)
    return fits, area, products[0] * sums[1] - products[1] * sums[0]


def refutes(rows: tuple[Sample, ...]) -> bool:
    """Whether three samples of two inputs refute the lemma: their points are no line's, and the loss with batch norm has a gradient at W*."""
    return all(factors(rows))


_fits, _area, _cross = factors(tuple((*row, y) for row, y in zip(s.inputs, s.targets, strict=True)))
_three = THREE.moments
_pairs = ((s.inputs[0], s.inputs[1]), (s.inputs[0], s.inputs[2]), (s.inputs[1], s.inputs[2]))
_gram = sum((one[0] * other[1] - one[1] * other[0]) ** 2 for one, other in _pairs)
_y1, _y2, _y3 = s.targets


def _padded() -> Moments:
    """The moments of B samples: (1, 0) and (0, 1) with targets y₁ and y₂, and the origin with target y₃ all other times."""
    mean, mean_target = vector(1 / s.B, 1 / s.B), (_y1 + _y2 + (s.B - 2) * _y3) / s.B
    second = Matrix([[1 / s.B, 0], [0, 1 / s.B]])
    return Moments(mean, second - mean * mean.T, mean_target, vector(_y1, _y2) / s.B - mean_target * mean)


GENERIC = Claim(
    id="optimum_lemma_generic_refutation",
    title="Almost every learning set refutes Lemma 4.5 of 1805.11604",
    says=r"Three points in the plane: $\det(\mathrm{Cov}(x,y), \Sigma_xW^*) = \frac{TDK}{27\det X^{\mathsf T}X}$, polynomials in the learning set. $D = 0$: the points are on one line; $T = 0$: the plain network fits all targets; $K = 0$: $\sum x_iy_i \parallel \sum x_i$. "
    r"Everything else refutes the lemma (and so does $K = 0$ where $W^*$ is on the half-line of maxima). The product is not zero at our learning set, so it is not the zero polynomial, and zeros of any other have measure zero: of learning sets drawn from any law with a density, every one refutes the lemma with probability one. So it is with $n$ "
    r"samples of $d$ inputs, $n > d \ge 2$: there too the numerators of the minors of $(\mathrm{Cov}(x,y), \Sigma_xW^*)$ are polynomials, and at the inputs $e_1, \ldots, e_d$ and else nought, with targets $y_1, \ldots, y_d$ and else $y_0$, they are $\frac{n-d}{n^3}y_0(y_i-y_j)$. (For $n \le d$ the covariance has no full rank, and the loss "
    r"with batch norm is not defined at all weights.)",
    kind=Kind.THEOREM,
    source=derived_here(),
    # In this order the learning sets at which balls are compared are not degenerate: values are dealt out in turn, four to a symbol.
    domain=(
        *reals(s.inputs[0][0], s.inputs[1][0], s.inputs[0][1], s.inputs[2][0], s.inputs[1][1], s.inputs[2][1], *s.targets),
        *reals(s.intercept, *s.slopes),
        Interval(s.B, 2, oo),
    ),
    rests_on=(CONDITION,),
    statements=(
        Statement("spread", derived=_three.covariance.det(), stated=_area**2 / 27, reason=r"$\det\Sigma_x = D^2/27$"),
        Statement(
            "parallel_mean",
            derived=_three.cross[0] * _three.mean[1] - _three.cross[1] * _three.mean[0],
            stated=_cross / 9,
            reason=r"$\det(\mathrm{Cov}(x,y), \bar x) = K/9$",
        ),
        Statement(
            "intercept",
            derived=factors(tuple((*row, s.intercept + s.slopes[0] * row[0] + s.slopes[1] * row[1]) for row in s.inputs))[0],
            stated=s.intercept * _area,
            reason=r"three points off one line are met by a regression with an intercept, $y_i = b + \langle v, x_i\rangle$, and then $T = bD$",
        ),
        Statement(
            "second_moments",
            derived=(_three.covariance + _three.mean * _three.mean.T).det(),
            stated=_gram / 9,
            reason=r"$\det\Sigma_x\,(1+\langle\bar x,m\rangle) = \det(X^{\mathsf T}X)/9$: so $\frac{b}{1+\langle\bar x,m\rangle}\det(\mathrm{Cov}(x,y),\bar x) = \frac{TDK}{27\det X^{\mathsf T}X}$",
        ),
        Statement(
            "not_the_zero_polynomial",
            derived=OURS.moments.stationarity(OURS.moments.plain_optimum)[0],
            stated=-Rational(4, 27),
            reason=r"our learning set: $T = -2$, $D = 1$, $K = 2$, $\det X^{\mathsf T}X = 1$",
        ),
        Statement(
            "any_number_of_samples",
            derived=_padded().stationarity(_padded().plain_optimum)[0],
            stated=(s.B - 2) * _y3 * (_y1 - _y2) / s.B**3,
            reason=r"$B$ samples: $(1,0)$ and $(0,1)$ with targets $y_1, y_2$, else the origin with target $y_3$",
        ),
    ),
)

# The smallest

SIZE, SMALLEST = smallest(3, 2, refutes)


def _wrong_way(rows: tuple[Sample, ...]) -> bool:
    """Whether two samples of one input have regressions of opposite slopes with and without intercept."""
    (a, y), (b, z) = rows
    return (a * y + b * z) * (a - b) * (y - z) < 0


WRONG_WAY_SIZE, WRONG_WAY = smallest(2, 1, _wrong_way)
_simplest, _two = learning_set(SMALLEST[0]), learning_set(WRONG_WAY[-1])

LEAST = Claim(
    id="optimum_lemma_smallest_refutations",
    title="The smallest sets of integers that refute Lemma 4.5 of 1805.11604",
    says=r"Refuted means that the loss with batch norm is not stationary at $W^*$; size is the sum of the absolute values of all integers of the set, inputs and targets. Two samples do not suffice, nor does one input: what batch norm makes of the answers then depends on the weights through a sign alone. Of three samples of two inputs none of size less than four "
    r"refutes the lemma, and of size four, up to the order of samples and inputs and the sign of an input or of the target, exactly three do: $x = (1,0), (0,1), (0,0)$ with $y = 1, 0, 1$ or $y = 1, 0, -1$, and $x = (1,0), (0,1), (-1,0)$ with $y = 1, 0, 0$. If an optimum has to be a global one, one input and two samples suffice, the smallest of size four again: $x = 1, 0$ with $y = 1, 2$, and $x = 2, 1$ with $y = 0, 1$, "
    r"where batch norm wants a negative weight and the plain network a positive one.",
    kind=Kind.FINDING,
    source=derived_here("derived here, by exhaustive search over integers"),
    domain=(Interval(s.u, 0, oo), *reals(s.x)),
    rests_on=(LOSS, GENERIC),
    statements=(
        Statement("size", derived=Integer(SIZE), stated=4, reason="every set of three samples of a smaller size was looked at"),
        Statement("how_many", derived=Integer(len(SMALLEST)), stated=3, reason="all of this size, up to symmetry"),
        *_gradient(
            "gradient_of_the_first",
            _simplest.batch_norm_loss(W),
            tuple(_simplest.moments.plain_optimum),
            (0, 1 / sqrt(2)),
            r"$y = 1, 0, 1$, at $W^* = (1, 0)$, by batch norm's array code",
        ),
        Statement(
            "two_samples",
            derived=batch_normalised((s.x, s.x + s.u))[1],
            stated=1,
            reason=r"$\mathrm{BN}$ of two answers is $\pm1$, whatever they are: the loss does not change with the weights until their order does",
        ),
        Statement(
            "size_of_two_samples",
            derived=Integer(WRONG_WAY_SIZE),
            stated=4,
            reason=r"every smaller set of two samples of one input was looked at",
        ),
        Statement("right_way", derived=_two.batch_norm_loss((-1,)), stated=Rational(5, 2), reason="at a negative weight"),
        Statement(
            "wrong_way",
            derived=_two.batch_norm_loss(tuple(_two.moments.plain_optimum)),
            stated=Rational(5, 2),
            relation=Relation.GREATER,
            reason=r"$x = 1, 0$ with $y = 1, 2$: with batch norm the loss is $\frac92$ at $W^* = 1$, and $\frac52$ at $-1$",
        ),
    ),
)

CLAIMS = (AS_STATED, LOSS, REFUTATION, CONDITION, SHARE, GENERIC, LEAST)
