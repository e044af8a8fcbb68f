r"""Networks: dense layers and blocks of stages, unrolled on laws.

An MLP with $L$ hidden layers, eqs (1)-(3) of arXiv 2505.11312: $z = W h$ with $W_{ij} \sim N(0, \sigma_w^2/N)$ and
$b_i \sim N(0, \sigma_b^2)$, then a block, *norm → activation* (PRE) or *activation → norm* (POST), and a last dense
layer for the outputs. Everything here is the mean-field limit: infinite width and input dimension.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import reduce

from sympy import Expr, S, oo

from theory import symbols as s
from theory.activations import ACTIVATIONS, Activation
from theory.gaussian_functions import tidy
from theory.law import Law, NoClosedForm, Shape, exact, gaussian_data
from theory.node import node_law
from theory.norms import NoNorm, Norm
from theory.stages import Stage


class Placement(Enum):
    """Where the norm stands: before the activation, after it, or nowhere."""

    NONE = "none"
    PRE = "pre"
    POST = "post"


@dataclass(frozen=True)
class Dense:
    r"""A dense layer $h \mapsto Wh + b$, $W_{ij} \sim N(0, \sigma_w^2/N)$ and $b_i \sim N(0, \sigma_b^2)$: the two variances."""

    weight_variance: float | Expr = 1
    bias_variance: float | Expr = 0

    def on_law(self, law: Law) -> Law:
        r"""$V' = \sigma_w^2 E_W[a^2] + \sigma_b^2$ and the same for the power; Gaussian by the central limit theorem (App. D)."""
        gain, bias = exact(self.weight_variance), exact(self.bias_variance)
        return replace(law, mean=S.Zero, overlap=gain * law.overlap + bias, power=gain * law.power + bias, shape=Shape.GAUSSIAN)


def apply_stages(stages: tuple[Stage, ...], law: Law) -> Law:
    """The law behind stages in a row: by their own rules or, failing these, by the node law.

    Raises
    ------
    NoClosedForm
        If neither answers.
    """
    try:
        return reduce(lambda before, stage: stage.on_law(before), stages, law)
    except NoClosedForm as rule:
        try:
            return node_law(stages, law)
        except NoClosedForm as quadrature:
            raise NoClosedForm(f"{rule}; and {quadrature}") from None


@dataclass(frozen=True)
class Network:
    """Input law × norm × placement × activation × initialisation.

    Parameters
    ----------
    norm, placement, activation
        The block after each hidden dense layer.
    weight_variance, bias_variance
        σ_w² (of a weight, times the fan-in) and σ_b²; numbers or SymPy expressions.
    input_overlap
        c_0, the correlation of two input samples.
    batch_size
        Samples per batch; `oo` is the full-batch limit.

    Raises
    ------
    ValueError
        If a stage has no use for batches of this size.
    """

    norm: Norm = NoNorm
    placement: Placement = Placement.NONE
    activation: Activation = field(default_factory=lambda: ACTIVATIONS["relu"])
    weight_variance: float | Expr = 2
    bias_variance: float | Expr = 0
    input_overlap: float | Expr = 0
    batch_size: int | Expr = oo

    def __post_init__(self) -> None:
        if isinstance(self.batch_size, int):
            for stage in self.block:
                if reason := stage.refuses_batch(self.batch_size):
                    raise ValueError(f"a batch of {self.batch_size} does not do for {self.norm.name}: {reason}")

    @property
    def block(self) -> tuple[Stage, ...]:
        """The stages after each hidden dense layer, in the order they run."""
        match self.placement:
            case Placement.NONE:
                return (self.activation.stage,)
            case Placement.PRE:
                return (*self.norm.stages, self.activation.stage)
            case Placement.POST:
                return (self.activation.stage, *self.norm.stages)

    @property
    def couples_samples(self) -> bool:
        """Whether samples of one batch see each other."""
        return any(stage.couples_samples for stage in self.block)

    def dense(self, law: Law) -> Law:
        """The law behind the next dense layer."""
        return Dense(self.weight_variance, self.bias_variance).on_law(law)

    def trace(self, law: Law) -> Iterator[tuple[Stage, Law]]:
        """Each stage of the block with the law after it, from the law of the pre-activations."""
        for stage in self.block:
            law = stage.on_law(law)
            yield stage, law

    def by_rules(self, law: Law) -> Law:
        """The law after norm and activation by the stages' rules alone."""
        return reduce(lambda before, stage: stage.on_law(before), self.block, law)

    def apply_block(self, law: Law) -> Law:
        """The law after norm and activation, from the law of the pre-activations."""
        return apply_stages(self.block, law)

    def pre_activations(self) -> Iterator[Law]:
        """Laws after each dense layer: the first hidden layer's, …; item `depth` is the output law of that depth."""
        law = self.dense(gaussian_data(self.input_overlap, batch=self.batch_size))
        while True:
            yield law
            law = self.dense(self.apply_block(law))

    @property
    def symbolic_law(self) -> Law:
        """Pre-activations of power q and overlap c·q: where the derivation of a layer map starts."""
        batch = exact(self.batch_size)
        return Law(S.Zero, overlap=s.c * s.q, power=s.q, batch=batch, coupled=self.couples_samples and batch != oo)

    def layer_map(self) -> Law:
        """One hidden layer, in symbols: from `symbolic_law` to the next pre-activations."""
        return self.dense(self.apply_block(self.symbolic_law))

    def overlap_map(self) -> Expr:
        """The correlation of the next pre-activations as a function of c (and of q where the activation has a scale)."""
        return tidy(self.layer_map().correlation)
