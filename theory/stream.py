r"""Residual streams: blocks that add a branch to what runs past them, unrolled on laws.

A stream starts at an embedding, a linear layer with $W_{ij} \sim N(0, 1/d)$, and runs through blocks,

$$x \mapsto x + W_2\,\varphi(W_1\,\mathrm{norm}(x)) \quad\text{(PRE)}, \qquad x \mapsto \mathrm{norm}(x + W_2\,\varphi(W_1x)) \quad\text{(POST)};$$

a last dense layer reads the outputs from it. Depth counts blocks. At infinite width $W_2$, drawn afresh, makes the branch independent of the
stream: overlaps add, and so do powers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sympy import Expr, S, oo

from theory import symbols as s
from theory.activations import ACTIVATIONS, Activation
from theory.gaussian_functions import tidy
from theory.law import Law, NoClosedForm, Shape, exact, gaussian_data
from theory.network import Dense, Network, Placement, apply_stages
from theory.norms import LayerNorm, Norm
from theory.stages import Stage


@dataclass(frozen=True)
class ResidualNetwork:
    r"""Input law × norm × placement × branch gain × activation × initialisation.

    Parameters
    ----------
    norm
        At the entry of every branch, or on the sum of stream and branch.
    placement
        PRE or POST.
    branch_gain
        $\beta = \sigma_1^2\sigma_2^2/2$: the power that a ReLU branch adds, over the power that enters it.
    activation
        φ of the branch.
    weight_variance, bias_variance
        $\sigma_1^2$ of $W_1$ and of the readout, so that $\sigma_2^2 = 2\beta/\sigma_1^2$; and $\sigma_b^2$ of every dense layer behind the embedding.
    input_overlap, batch_size
        As of a `Network`.

    Raises
    ------
    ValueError
        If the norm has no place, or a stage no use for batches of this size.
    """

    norm: Norm = LayerNorm
    placement: Placement = Placement.PRE
    branch_gain: float | Expr = 1
    activation: Activation = field(default_factory=lambda: ACTIVATIONS["relu"])
    weight_variance: float | Expr = 2
    bias_variance: float | Expr = 0
    input_overlap: float | Expr = 0
    batch_size: int | Expr = oo

    def __post_init__(self) -> None:
        if self.placement is Placement.NONE:
            raise ValueError("the norm of a residual stream is placed before the branch or after the sum")
        if isinstance(self.batch_size, int):
            for stage in self.block:
                if reason := stage.refuses_batch(self.batch_size):
                    raise ValueError(f"a batch of {self.batch_size} does not do for {self.norm.name}: {reason}")

    @property
    def block(self) -> tuple[Stage, ...]:
        """The stages of a block in the order they run, dense layers and the sum between them."""
        stages = (self.activation.stage,)
        return (*self.norm.stages, *stages) if self.placement is Placement.PRE else (*stages, *self.norm.stages)

    @property
    def couples_samples(self) -> bool:
        """Whether samples of one batch see each other."""
        return any(stage.couples_samples for stage in self.block)

    @property
    def embedding(self) -> Dense:
        """Where the stream starts: it keeps overlap and power of the inputs."""
        return Dense()

    @property
    def inner(self) -> Dense:
        """$W_1$ of a branch; and the readout."""
        return Dense(self.weight_variance, self.bias_variance)

    @property
    def outer(self) -> Dense:
        """$W_2$ of a branch."""
        return Dense(2 * exact(self.branch_gain) / exact(self.weight_variance), self.bias_variance)

    def dense(self, law: Law) -> Law:
        """The outputs' law, from the law of the stream."""
        return self.inner.on_law(law)

    def trace(self, law: Law) -> Iterator[tuple[str, Law]]:
        """Each step of a block with the law after it, from the law of the stream."""
        branch = law
        if self.placement is Placement.PRE and self.norm.stages:
            branch = apply_stages(self.norm.stages, branch)
            yield f"branch: {self.norm.name}", branch
        branch = self.inner.on_law(branch)
        yield "branch: W₁", branch
        branch = apply_stages((self.activation.stage,), branch)
        yield f"branch: {self.activation.stage}", branch
        branch = self.outer.on_law(branch)
        yield "branch: W₂", branch
        total = plus(law, branch)
        yield "stream + branch", total
        if self.placement is Placement.POST and self.norm.stages:
            yield self.norm.name, apply_stages(self.norm.stages, total)

    def apply_block(self, law: Law) -> Law:
        """The law of the stream behind a block, from its law before."""
        *_, (_, after) = self.trace(law)
        return after

    def streams(self) -> Iterator[Law]:
        """Laws of the stream behind the embedding, the first block, …"""
        law = self.embedding.on_law(gaussian_data(self.input_overlap, batch=self.batch_size))
        while True:
            yield law
            law = self.apply_block(law)

    @property
    def symbolic_law(self) -> Law:
        """A stream of power q and overlap c·q: where the derivation of a block's map starts."""
        batch = exact(self.batch_size)
        law = Law(S.Zero, overlap=s.c * s.q, power=s.q, batch=batch, coupled=self.couples_samples and batch != oo)
        return law if self._stays_gaussian(law) else Law(law.mean, law.overlap, law.power, Shape.UNKNOWN, law.batch, law.coupled)

    def _stays_gaussian(self, law: Law) -> bool:
        """Whether every unit of the stream is Gaussian over the data: a sum of dense outputs is, until a norm on the sum shapes it."""
        if self.placement is Placement.PRE:
            return True
        try:
            return apply_stages(self.norm.stages, law).shape is Shape.GAUSSIAN
        except NoClosedForm:
            return False

    def layer_map(self) -> Law:
        """One block, in symbols: from `symbolic_law` to the next stream."""
        return self.apply_block(self.symbolic_law)

    def overlap_map(self) -> Expr:
        """The correlation of the next stream as a function of c and q."""
        return tidy(self.layer_map().correlation)


Stack = Network | ResidualNetwork  #: what can be simulated


def plus(one: Law, other: Law) -> Law:
    """The law of the sum of two units with weights independent of each other's, the second of mean zero over its weights."""
    gaussian = one.shape is other.shape is Shape.GAUSSIAN
    return Law(
        mean=one.mean,
        overlap=one.overlap + other.overlap,
        power=one.power + other.power,
        shape=Shape.GAUSSIAN if gaussian else Shape.UNKNOWN,
        batch=one.batch,
        coupled=one.coupled or other.coupled,
    )
