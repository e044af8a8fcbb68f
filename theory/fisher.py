r"""Order parameters of the Fisher information: forward as laws of units, backward by the slopes of two-point moments, and what they add up to.

With $\hat q^{l}_t = E\phi(u)^2$, $\hat q^{l}_{st} = E\phi(u)\phi(v)$ of one sample and of two (the power and the overlap of a `Law`), and on the way back
$\tilde q^l_t = \sigma_w^2\tilde q^{l+1}_tE\phi'(u)^2$, $\tilde q^l_{st} = \sigma_w^2\tilde q^{l+1}_{st}E\phi'(u)\phi'(v)$ from $\tilde q^L = 1$,

$$\kappa_1 = \sum_{l=1}^L\frac{\alpha_{l-1}}\alpha\tilde q^l_t\hat q^{l-1}_t,\qquad \kappa_2 = \sum_{l=1}^L\frac{\alpha_{l-1}}\alpha\tilde q^l_{st}\hat q^{l-1}_{st},\qquad \alpha = \sum_{l=1}^{L-1}\alpha_l\alpha_{l-1}.$$
Gradients of one output on one sample have squared length $\alpha\kappa_1M$, on two samples inner product $\alpha\kappa_2M$, and those of two outputs none, each up to $O(\sqrt M)$.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from sympy import Dummy, Expr, Rational, S, Symbol, sqrt

from theory import symbols as s
from theory.activations import Elementwise, PiecewiseLinear
from theory.classifier import Classifier
from theory.gaussian_functions import Phi, gaussian_mean, rectified_mean, rectified_second_moment
from theory.law import Law, NoClosedForm, Shape, exact
from theory.network import apply_stages
from theory.stages import Averaging, Axis, Stage


@dataclass(frozen=True)
class Pair:
    """A moment of one sample with itself, and of two samples."""

    same: Expr
    other: Expr


@dataclass(frozen=True)
class OrderParameters:
    r"""Of a network of L layers, in the limit of infinite width and, where hidden norms couple samples, of infinitely many samples.

    Parameters
    ----------
    laws : tuple of Law
        Of the pre-activations $u^1, \ldots, u^L$.
    entering : tuple of Pair
        $\hat q^{l-1}$ for $l = 1, \ldots, L$.
    derivatives : tuple of Pair
        $\tilde q^l$ for the same l.
    ratios : tuple of Expr
        $\alpha_0, \ldots, \alpha_{L-1}$.
    named : tuple of (Symbol, Expr)
        Where laws are in symbols of their own: each symbol's value, in those before it.
    """

    laws: tuple[Law, ...]
    entering: tuple[Pair, ...]
    derivatives: tuple[Pair, ...]
    ratios: tuple[Expr, ...]
    named: tuple[tuple[Symbol, Expr], ...] = ()

    @property
    def widths(self) -> Expr:
        """α."""
        return sum((one * other for one, other in zip(self.ratios[:-1], self.ratios[1:], strict=True)), S.Zero)

    @property
    def kappa_1(self) -> Expr:
        """κ_1."""
        return self._summed("same") / self.widths

    @property
    def kappa_2(self) -> Expr:
        """κ_2."""
        return self._summed("other") / self.widths

    def _summed(self, which: str) -> Expr:
        terms = zip(self.ratios, self.derivatives, self.entering, strict=True)
        return sum((ratio * getattr(back, which) * getattr(ahead, which) for ratio, back, ahead in terms), S.Zero)

    def trace(self, scale: Expr, outputs: Expr) -> Expr:
        r"""$C\sum_l\tilde q^l_t(M_{l-1}\hat q^{l-1}_t + 1)$: tr F with finite widths and biases."""
        terms = zip(self.ratios, self.derivatives, self.entering, strict=True)
        return outputs * sum((back.same * (ratio * scale * ahead.same + 1) for ratio, back, ahead in terms), S.Zero)


@cache
def order_parameters(model: Classifier, *, by_name: bool = False) -> OrderParameters:
    """The order parameters of a network before the norm on its outputs; `by_name` gives every law symbols of its own, and deep networks short formulas.

    Raises
    ------
    NoClosedForm
        If a stage has no rule for the law it meets, or for gradients.
    """
    network = model.network
    inputs = network.input_law
    entering = [Pair(inputs.power, inputs.overlap)]
    before, factors = [network.dense.on_law(inputs)], []
    named: list[tuple[Symbol, Expr]] = []
    for block in model.blocks:
        if by_name:
            before[-1] = _in_symbols(before[-1], named)
        behind = apply_stages(block, before[-1])
        entering.append(Pair(behind.power, behind.overlap))
        factors.append(_factors(block, before[-1]))
        before.append(network.dense.on_law(behind))
    gain = exact(network.weight_variance)
    derivatives = [Pair(S.One, S.One)]
    for factor in reversed(factors):
        derivatives.append(Pair(gain * derivatives[-1].same * factor.same, gain * derivatives[-1].other * factor.other))
    ratios = tuple(Rational(each.numerator, each.denominator) for each in model.ratios) or (S.One,) * model.layers
    return OrderParameters(tuple(before), tuple(entering), tuple(reversed(derivatives)), ratios, tuple(named))


def _in_symbols(law: Law, named: list[tuple[Symbol, Expr]]) -> Law:
    """A law of the same power and overlap, each with a symbol for its name where it is no literal zero."""

    def name(value: Expr) -> Expr:
        if value == 0:
            return value
        symbol = Dummy("law", positive=True)
        named.append((symbol, value))
        return symbol

    return replace(law, power=name(law.power), overlap=name(law.overlap))


def _factors(block: tuple[Stage, ...], law: Law) -> Pair:
    """What a block multiplies products of derivatives by on the way back."""
    same = other = S.One
    for stage in block:
        same *= stage.on_gradient(law)
        other *= _on_other_samples(stage, law)
        law = stage.on_law(law)
    return Pair(same, other)


def _on_other_samples(stage: Stage, law: Law) -> Expr:
    """The same of two samples: a norm over the batch takes away what they have in common, one over features scales either."""
    if isinstance(stage, Elementwise):
        if law.shape is not Shape.GAUSSIAN:
            raise NoClosedForm(f"the product of two samples' slopes needs Gaussian inputs, and these are {law.shape.value}")
        return stage.slope_product(law.power, law.overlap)
    if stage.couples_samples:
        return S.Zero
    if isinstance(stage, Averaging) and stage.axis is Axis.FEATURES:
        return stage.on_gradient(law)
    raise NoClosedForm(f"the stage {type(stage).__name__} gives no rule for gradients of two samples")


# What fluctuates


@dataclass(frozen=True)
class Fluctuations:
    r"""$v_d$ and $v_o$: M times the variances of $\Theta^{kk}_{st}/M$ and $\Theta^{kk'}_{st}/M$, $s \ne t$, less what is common to a row or a column."""

    same_output: Expr
    other_output: Expr

    def constant(self, outputs: Expr) -> Expr:
        r"""$c_1 = Cv_d + C(C-1)v_o$."""
        return outputs * self.same_output + outputs * (outputs - 1) * self.other_output


@dataclass(frozen=True)
class _Conditional:
    r"""Of $u = \sqrt{q_{st}}z + \sqrt{q_t-q_{st}}\xi$ given z: variances of φ and φ′, $E\phi'^2$ and the covariance of φ and φ′."""

    value: Expr
    slope: Expr
    square_slope: Expr
    both: Expr


def _conditional(law: Law) -> _Conditional:
    """Behind a rectifier: closed forms in z."""
    centre, spread = sqrt(law.overlap) * s.z, sqrt(law.power - law.overlap)
    mean, on = rectified_mean(centre, spread), Phi(centre / spread)
    return _Conditional(rectified_second_moment(centre, spread) - mean**2, on * (1 - on), on, mean * (1 - on))


@cache
def fluctuations(model: Classifier, *, by_name: bool = False) -> Fluctuations:
    r"""First-order propagation of the independent noises of every layer's Gram matrices, in units of $M^{-1/2}$.

    With $g_l = \sigma_w^2E\phi'\phi'$ and $e_l = \sigma_w^4\tilde q^{l+1}_{st}E\phi''\phi''$: $\delta Q^0 = \xi$, $\delta Q^l = g_l\delta Q^{l-1} + n^l$;
    $\delta D^L = 0$, $\delta D^{l,kk'} = g_l\delta D^{l+1,kk'} + \delta_{kk'}e_l\delta Q^{l-1} + m^{l,kk'}$; and the entry is
    $\sum_l\alpha_{l-1}[\delta_{kk'}\tilde q^l_{st}\delta Q^{l-1} + \hat q^{l-1}_{st}\delta D^{l,kk'}]$.

    Raises
    ------
    NoClosedForm
        If the activation is no rectifier, a norm is in the way, or inputs are correlated.
    """
    stages = {stage for block in model.blocks for stage in block}
    if len(stages) != 1 or not isinstance(stage := stages.pop(), PiecewiseLinear) or stage.negative_slope != 0:
        raise NoClosedForm("the fluctuations of the tangent kernel are known behind rectifiers without a norm")
    if model.network.input_overlap != 0 or model.network.input_shift != 0:
        raise NoClosedForm("the fluctuations of the tangent kernel are known for uncorrelated inputs")
    found, gain, last = order_parameters(model, by_name=by_name), exact(model.network.weight_variance), model.layers
    inner = range(1, last)
    slopes = {layer: gain * _on_other_samples(stage, found.laws[layer - 1]) for layer in inner}
    curvatures = {layer: gain**2 * found.derivatives[layer].other * _curvature_product(stage, found.laws[layer - 1]) for layer in inner}
    entry, cross = propagated(
        found.ratios, slopes, curvatures, tuple(each.other for each in found.derivatives), tuple(each.other for each in found.entering)
    )
    variances, across, joint = {"x": 1 / found.ratios[0]}, {}, S.Zero
    for layer in inner:
        given, ratio, back = _conditional(found.laws[layer - 1]), found.ratios[layer], found.derivatives[layer]
        common, rest = gain * back.other, gain * (back.same - back.other)
        same = 3 * common**2 * given.slope**2 + 2 * common * rest * given.slope * given.square_slope + rest**2 * given.square_slope**2
        variances[f"n{layer}"] = gaussian_mean(given.value**2) / ratio
        variances[f"m{layer}"] = gaussian_mean(same) / ratio
        across[f"m{layer}"] = gaussian_mean((common * given.slope + rest * given.square_slope) ** 2) / ratio
        joint += 2 * entry[f"n{layer}"] * entry[f"m{layer}"] * common * gaussian_mean(given.both**2) / ratio
    return Fluctuations(entry.variance(variances) + joint, cross.variance(across))


def propagated(
    ratios: tuple[Expr, ...],
    slopes: dict[int, Expr],
    curvatures: dict[int, Expr],
    derivatives: tuple[Expr, ...],
    entering: tuple[Expr, ...],
) -> tuple[Linear, Linear]:
    r"""What noises make of an entry of one output's block, and of a block of two outputs'.

    $\xi$ is called x, $n^l$ and $m^l$ by their layers; `slopes` are $g_l$ and `curvatures` $e_l$ for $l = 1, \ldots, L-1$, `derivatives` $\tilde q^l_{st}$ and `entering` $\hat q^{l-1}_{st}$ for
    $l = 1, \ldots, L$.
    """
    last = len(ratios)
    forward = [Linear({"x": S.One})]
    for layer in range(1, last):
        forward.append(forward[-1].scaled(slopes[layer]).plus(Linear({f"n{layer}": S.One})))
    one, other, entry, cross = (Linear({}) for _ in range(4))
    for layer in range(last, 0, -1):
        if layer < last:
            own = Linear({f"m{layer}": S.One})
            one = one.scaled(slopes[layer]).plus(forward[layer - 1].scaled(curvatures[layer])).plus(own)
            other = other.scaled(slopes[layer]).plus(own)
        ratio, ahead = ratios[layer - 1], entering[layer - 1]
        entry = entry.plus(forward[layer - 1].scaled(ratio * derivatives[layer - 1])).plus(one.scaled(ratio * ahead))
        cross = cross.plus(other.scaled(ratio * ahead))
    return entry, cross


class Linear(dict[str, Expr]):
    """A linear combination of independent noises."""

    def __missing__(self, name: str) -> Expr:
        return S.Zero

    def scaled(self, factor: Expr) -> Linear:
        """Times a number."""
        return Linear({name: factor * weight for name, weight in self.items()})

    def plus(self, other: Linear) -> Linear:
        """The sum."""
        return Linear({name: self[name] + other[name] for name in {**self, **other}})

    def variance(self, variances: dict[str, Expr]) -> Expr:
        """Of independent noises of these variances."""
        return sum((weight**2 * variances[name] for name, weight in self.items() if weight != 0), S.Zero)


def _curvature_product(stage: Elementwise, law: Law) -> Expr:
    r"""$E\phi''(u)\phi''(v)$, by Price's theorem once more."""
    covariance = Dummy("p", real=True)
    return stage.slope_product(law.power, covariance).diff(covariance).subs(covariance, law.overlap)
