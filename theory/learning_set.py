r"""One neuron with identity activation and the learning set it is trained on: losses, optima and the search for small sets, exactly.

A learning set is n inputs $x_i \in \mathbb{R}^d$ with targets $y_i$. The plain network answers $\langle w, x_i\rangle$; with batch norm of gain one and
shift zero it answers $\mathrm{BN}(\langle w, x\rangle)_i$, the norm over the whole learning set. Both losses are mean squares. Numbers are SymPy's: rational
and algebraic, never floating.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, pairwise, permutations, product
from typing import Any

from sympy import Add, Dummy, Expr, sympify
from sympy import ImmutableDenseMatrix as Matrix

from theory.law import NoClosedForm
from theory.norms import BatchNorm
from theory.stages import Axis
from theory.symbolic_arrays import symbolic


def vector(*entries: object) -> Matrix:
    """A column."""
    return Matrix(entries)


def average(values: Sequence[Any]) -> Any:
    """The mean over the samples, of numbers or of matrices."""
    return sum(values[1:], values[0]) / len(values)


def batch_normalised(h: Sequence[Expr]) -> tuple[Expr, ...]:
    """What batch norm makes of one unit over a batch: the array code that networks run, read in symbols."""
    one = Dummy("h", real=True)
    for stage in BatchNorm.stages:

        def mean(e: Expr, axis: int, batch: Sequence[Expr] = h) -> Expr:
            if axis != Axis.BATCH.value:
                raise NoClosedForm("one unit alone has no average over units")
            return average([e.xreplace({one: each}) for each in batch])

        made = symbolic(stage, one, mean)
        h = [made.xreplace({one: each}) for each in h]
    return tuple(h)


@dataclass(frozen=True)
class Moments:
    r"""All that either loss depends on, but for the mean square of the targets.

    Parameters
    ----------
    mean : sympy.Matrix
        $\bar x$, one column of length d.
    covariance : sympy.Matrix
        $\Sigma_x$, d × d, of full rank: otherwise the loss with batch norm is not defined at every weight but zero.
    mean_target : sympy.Expr
        $\bar y$.
    cross : sympy.Matrix
        $\mathrm{Cov}(x, y)$, one column of length d.
    """

    mean: Matrix
    covariance: Matrix
    mean_target: Expr
    cross: Matrix

    @property
    def plain_optimum(self) -> Matrix:
        r"""$W^* = (X^{\mathsf T}X)^{-1}X^{\mathsf T}y$, by the normal equations."""
        second, product_mean = self.covariance + self.mean * self.mean.T, self.cross + self.mean_target * self.mean
        return second.adjugate() * product_mean / second.det()

    @property
    def direction(self) -> Matrix:
        r"""$v = \Sigma_x^{-1}\mathrm{Cov}(x, y)$: the half-line of batch norm's optima is $\{tv : t > 0\}$."""
        return self.covariance.adjugate() * self.cross / self.covariance.det()

    def stationarity(self, w: Matrix) -> tuple[Expr, ...]:
        r"""The minors of $(\mathrm{Cov}(x, y), \Sigma_xw)$: all are zero where the loss with batch norm is stationary, and nowhere else."""
        along = self.covariance * w
        return tuple(self.cross[i] * along[j] - self.cross[j] * along[i] for i in range(len(along)) for j in range(i + 1, len(along)))


@dataclass(frozen=True)
class LearningSet:
    """Inputs and targets of one neuron.

    Parameters
    ----------
    inputs : tuple of tuple of sympy.Expr
        n rows of d numbers.
    targets : tuple of sympy.Expr
        n numbers.

    Raises
    ------
    ValueError
        If there is no sample, or inputs and targets do not match.
    """

    inputs: tuple[tuple[Expr, ...], ...]
    targets: tuple[Expr, ...]

    def __post_init__(self) -> None:
        if not self.inputs or len(self.inputs) != len(self.targets) or len({len(row) for row in self.inputs}) != 1:
            raise ValueError("a learning set is at least one sample: inputs of one length, and a target for each")
        object.__setattr__(self, "inputs", tuple(tuple(map(sympify, row)) for row in self.inputs))
        object.__setattr__(self, "targets", tuple(map(sympify, self.targets)))

    @property
    def moments(self) -> Moments:
        """Means and covariances over the samples."""
        rows = [vector(*row) for row in self.inputs]
        mean, mean_target = average(rows), average(self.targets)
        second, products = average([row * row.T for row in rows]), average([row * y for row, y in zip(rows, self.targets, strict=True)])
        return Moments(mean, second - mean * mean.T, mean_target, products - mean_target * mean)

    def answers(self, w: Sequence[Expr]) -> tuple[Expr, ...]:
        r"""$\langle w, x_i\rangle$ of every sample."""
        return tuple(Add(*(weight * entry for weight, entry in zip(w, row, strict=True))) for row in self.inputs)

    def _loss(self, answers: Sequence[Expr]) -> Expr:
        return average([(answer - y) ** 2 for answer, y in zip(answers, self.targets, strict=True)])

    def plain_loss(self, w: Sequence[Expr]) -> Expr:
        r"""$\frac1n\sum(\langle w, x_i\rangle - y_i)^2$."""
        return self._loss(self.answers(w))

    def batch_norm_loss(self, w: Sequence[Expr]) -> Expr:
        r"""$\frac1n\sum(\mathrm{BN}(\langle w, x\rangle)_i - y_i)^2$, by batch norm's array code."""
        return self._loss(batch_normalised(self.answers(w)))


# Small sets of integers

Sample = tuple[int, ...]  #: inputs, then the target


def integer_vectors(length: int, size: int) -> Iterator[tuple[int, ...]]:
    """All vectors of integers whose absolute values add up to `size`."""
    if length == 0:
        if size == 0:
            yield ()
        return
    for first in range(-size, size + 1):
        for rest in integer_vectors(length - 1, size - abs(first)):
            yield (first, *rest)


def integer_sets(samples: int, inputs: int, size: int) -> Iterator[tuple[Sample, ...]]:
    """All sets of so many samples whose integers, inputs and targets, have absolute values that add up to `size`; each once, whatever the order of its samples."""
    width = inputs + 1
    for entries in integer_vectors(samples * width, size):
        found = tuple(entries[start : start + width] for start in range(0, samples * width, width))
        if all(one >= other for one, other in pairwise(found)):
            yield found


def up_to_symmetry(found: tuple[Sample, ...]) -> tuple[Sample, ...]:
    """One of the sets that differ in the order of samples or of inputs, or in the sign of an input or of the target."""
    inputs = len(found[0]) - 1
    return max(
        tuple(sorted((tuple(sign * sample[k] for sign, k in zip(signs, (*order, inputs), strict=True)) for sample in found), reverse=True))
        for order in permutations(range(inputs))
        for signs in product((1, -1), repeat=inputs + 1)
    )


def smallest(samples: int, inputs: int, wanted: Callable[[tuple[Sample, ...]], object]) -> tuple[int, tuple[tuple[Sample, ...], ...]]:
    """The smallest size at which a set of integers is as wanted, and all such sets of that size, up to symmetry.

    Sizes are tried from nothing upwards and every set of a size is looked at, so that what is found is the smallest. It does not return
    if no set is as wanted.
    """
    for size in count():
        if found := {up_to_symmetry(each) for each in integer_sets(samples, inputs, size) if wanted(each)}:
            return size, tuple(sorted(found, reverse=True))
    raise AssertionError("unreachable")


def learning_set(samples: Sequence[Sample]) -> LearningSet:
    """The learning set of rows (inputs, target)."""
    return LearningSet(tuple(sample[:-1] for sample in samples), tuple(sample[-1] for sample in samples))
