r"""Networks: dense layers and blocks of stages, unrolled on laws.

An MLP with $L$ hidden layers, eqs (1)-(3) of arXiv 2505.11312: $z = W h$ with $W_{ij} \sim N(0, \sigma_w^2/N)$ and
$b_i \sim N(0, \sigma_b^2)$, then a block, *norm → activation* (PRE) or *activation → norm* (POST), and a last dense
layer for the outputs. Everything here is the mean-field limit: infinite width and input dimension.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import reduce
from itertools import cycle

from sympy import Expr, S, oo

from theory import symbols as s
from theory.activations import ACTIVATIONS, Activation
from theory.distributions import DataSet, Distribution
from theory.gaussian_functions import tidy
from theory.law import Law, NoClosedForm, Shape, exact, gaussian_data
from theory.node import node_law
from theory.norms import NoNorm, Norm
from theory.stages import Pool, Stage


class Placement(Enum):
    """Where the norm stands: before the activation, after it, or nowhere."""

    NONE = "none"
    PRE = "pre"
    POST = "post"


@dataclass(frozen=True)
class Dense:
    r"""A dense layer $h \mapsto Wh + b$, $W_{ij} \sim N(0, \sigma_w^2/N)$ and $b_i \sim N(0, \sigma_b^2)$: the two variances, and other laws of weights.

    No law of units depends on what weights are drawn from: a pre-activation is a sum of N independent terms of matched variance, by the
    central limit theorem the limit is the Gaussian one, and what is left at width N is O(1/N). Biases are not summed, and stay Gaussian.
    """

    weight_variance: float | Expr = 1
    bias_variance: float | Expr = 0
    weights: Distribution = Distribution.GAUSSIAN

    @property
    def biased(self) -> bool:
        """Whether biases are drawn."""
        return float(self.bias_variance) > 0

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
class Block:
    """What stands behind a hidden dense layer: norm → activation (PRE), activation → norm (POST), or the activation alone."""

    norm: Norm = NoNorm
    placement: Placement = Placement.NONE
    activation: Activation = field(default_factory=lambda: ACTIVATIONS["relu"])

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages in the order they run."""
        match self.placement:
            case Placement.NONE:
                return (self.activation.stage,)
            case Placement.PRE:
                return (*self.norm.stages, self.activation.stage)
            case Placement.POST:
                return (self.activation.stage, *self.norm.stages)


@dataclass(frozen=True)
class Stack(ABC):
    """Inputs × norm × placement × activation × initialisation: what networks of every kind are described by.

    Parameters
    ----------
    norm, placement, activation
        The block of each layer.
    weight_variance, bias_variance
        σ_w² (of a weight, times the fan-in) and σ_b²; numbers or SymPy expressions.
    input_overlap
        c_0, the correlation of two input samples.
    batch_size
        Samples per batch; `oo` is the full-batch limit.
    input_shift
        δ of inputs N(δ, 1): a standardisation that left a mean behind.
    weights, inputs
        What weights and input coordinates are drawn from: see `Dense`. Of a `DataSet` the overlaps of its samples are measured, and there
        is no law.

    Raises
    ------
    ValueError
        If a stage has no use for batches of this size, or the inputs are described twice.
    """

    norm: Norm = NoNorm
    placement: Placement = Placement.NONE
    activation: Activation = field(default_factory=lambda: ACTIVATIONS["relu"])
    weight_variance: float | Expr = 2
    bias_variance: float | Expr = 0
    input_overlap: float | Expr = 0
    batch_size: int | Expr = oo
    input_shift: float | Expr = 0
    weights: Distribution = Distribution.GAUSSIAN
    inputs: Distribution | DataSet = Distribution.GAUSSIAN

    def __post_init__(self) -> None:
        given = [name for name, value in (("an overlap", self.input_overlap), ("a shift", self.input_shift)) if value != 0]
        if isinstance(self.inputs, DataSet):
            given.append(f"the data set {self.inputs.value!r}")
        if len(given) > 1:
            raise ValueError(f"the inputs are given by {' and by '.join(given)}: each of these settles their overlap, so give one of them")
        if isinstance(self.batch_size, int):
            for stage in self.stages:
                if reason := stage.refuses_batch(self.batch_size):
                    raise ValueError(f"a batch of {self.batch_size} does not do for {self.norm.name}: {reason}")

    @property
    @abstractmethod
    def block(self) -> tuple[Stage, ...]:
        """The stages of a layer that are not dense, in the order they run."""

    @property
    def stages(self) -> tuple[Stage, ...]:
        """All stages that run in some layer."""
        return self.block

    @property
    def couples_samples(self) -> bool:
        """Whether samples of one batch see each other."""
        return any(stage.couples_samples for stage in self.stages)

    @property
    def input_law(self) -> Law:
        """The law of the inputs.

        Raises
        ------
        NoClosedForm
            Of a data set.
        """
        if isinstance(self.inputs, DataSet):
            raise NoClosedForm(f"the overlaps of {self.inputs.value} are measured, not a law")
        return gaussian_data(self.input_overlap, batch=self.batch_size, shift=self.input_shift)

    @property
    def dense(self) -> Dense:
        """The dense layer that opens a layer, and the last one, whose outputs are the network's."""
        return Dense(self.weight_variance, self.bias_variance, self.weights)

    @property
    def symbolic_law(self) -> Law:
        """Units of power q and overlap c·q: where the derivation of a layer map starts."""
        batch = exact(self.batch_size)
        return Law(S.Zero, overlap=s.c * s.q, power=s.q, batch=batch, coupled=self.couples_samples and batch != oo)

    @abstractmethod
    def trace(self, law: Law) -> Iterator[tuple[object, Law]]:
        """Each step of a layer, by name, with the law after it."""

    @abstractmethod
    def states(self) -> Iterator[Law]:
        """The laws that the first layer starts from, the second, …"""

    @abstractmethod
    def layer_map(self) -> Law:
        """One layer, in symbols: from `symbolic_law` to the law before the next."""

    def overlap_map(self) -> Expr:
        """The correlation before the next layer as a function of c (and of q where the activation has a scale)."""
        return tidy(self.layer_map().correlation)


@dataclass(frozen=True)
class Network(Stack):
    """Hidden dense layers with a block behind each: always the same one, or several that take turns.

    Parameters
    ----------
    then : tuple of Block
        Blocks of the second layer and the following ones; behind the last of them it is the first one's turn again.
    """

    then: tuple[Block, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.then and any(isinstance(stage, Pool) for stage in self.stages):
            raise ValueError("blocks that take turns leave as many units as they meet: a pooling window has no place among them")

    @property
    def block(self) -> tuple[Stage, ...]:
        """The stages after each hidden dense layer, in the order they run; after the first, where blocks take turns."""
        return Block(self.norm, self.placement, self.activation).stages

    @property
    def blocks(self) -> tuple[tuple[Stage, ...], ...]:
        """The stages of each block, in turn."""
        return (self.block, *(block.stages for block in self.then))

    @property
    def stages(self) -> tuple[Stage, ...]:
        return tuple(stage for block in self.blocks for stage in block)

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

    def states(self) -> Iterator[Law]:
        """Laws after each dense layer: the first hidden layer's, …; item `depth` is the output law of that depth."""
        law = self.dense.on_law(self.input_law)
        for block in cycle(self.blocks):
            yield law
            law = self.dense.on_law(apply_stages(block, law))

    def layer_map(self) -> Law:
        """One hidden layer, the first, from pre-activations to the next."""
        return self.layer_maps()[0]

    def layer_maps(self) -> tuple[Law, ...]:
        """The same for each block in turn."""
        return tuple(self.dense.on_law(apply_stages(block, self.symbolic_law)) for block in self.blocks)
