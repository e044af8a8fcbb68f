r"""Residual streams: blocks that add a branch to what runs past them, unrolled on laws.

A stream starts at an embedding, a linear layer with $W_{ij} \sim N(0, 1/d)$, and runs through blocks,

$$x \mapsto x + W_2\,\varphi(W_1\,\mathrm{norm}(x)) \quad\text{(PRE)}, \qquad x \mapsto \mathrm{norm}(x + W_2\,\varphi(W_1x)) \quad\text{(POST)};$$

a last dense layer reads the outputs from it. Depth counts blocks. At infinite width $W_2$, drawn afresh, makes the branch independent of the
stream: overlaps add, and so do powers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sympy import Expr

from theory.law import Law, NoClosedForm, Shape, exact
from theory.network import Dense, Placement, Stack, apply_stages
from theory.norms import LayerNorm, Norm
from theory.stages import Pool, Stage


@dataclass(frozen=True)
class ResidualNetwork(Stack):
    r"""Blocks on a stream: a norm at the entry of every branch (PRE), or on the sum of stream and branch (POST).

    Parameters
    ----------
    weight_variance, bias_variance
        $\sigma_1^2$ of $W_1$ and of the readout, so that $\sigma_2^2 = 2\beta/\sigma_1^2$; and $\sigma_b^2$ of every dense layer behind the embedding.
    branch_gain
        $\beta = \sigma_1^2\sigma_2^2/2$: the power that a ReLU branch adds, over the power that enters it.

    Raises
    ------
    ValueError
        If the norm has no place, or as of a `Stack`.
    """

    norm: Norm = LayerNorm
    placement: Placement = Placement.PRE
    branch_gain: float | Expr = 1

    def __post_init__(self) -> None:
        if self.placement is Placement.NONE:
            raise ValueError("the norm of a residual stream is placed before the branch or after the sum")
        if any(isinstance(stage, Pool) for stage in self.norm.stages):
            raise ValueError(f"a residual stream has one width throughout, and {self.norm.name} leaves fewer units than it meets")
        super().__post_init__()

    @property
    def block(self) -> tuple[Stage, ...]:
        """The stages of a block in the order they run, dense layers and the sum between them."""
        stages = (self.activation.stage,)
        return (*self.norm.stages, *stages) if self.placement is Placement.PRE else (*stages, *self.norm.stages)

    @property
    def embedding(self) -> Dense:
        """Where the stream starts: it keeps overlap and power of the inputs."""
        return Dense(weights=self.weights)

    @property
    def outer(self) -> Dense:
        """$W_2$ of a branch; $W_1$ is `dense`."""
        return Dense(2 * exact(self.branch_gain) / exact(self.weight_variance), self.bias_variance, self.weights)

    def trace(self, law: Law) -> Iterator[tuple[str, Law]]:
        """Each step of a block with the law after it, from the law of the stream."""
        branch = law
        if self.placement is Placement.PRE and self.norm.stages:
            branch = apply_stages(self.norm.stages, branch)
            yield f"branch: {self.norm.name}", branch
        branch = self.dense.on_law(branch)
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

    def states(self) -> Iterator[Law]:
        """Laws of the stream behind the embedding, the first block, …"""
        law = self.embedding.on_law(self.input_law)
        while True:
            yield law
            law = self.apply_block(law)

    @property
    def symbolic_law(self) -> Law:
        """A stream of power q and overlap c·q."""
        law = super().symbolic_law
        return law if self._stays_gaussian(law) else replace(law, shape=Shape.UNKNOWN)

    def _stays_gaussian(self, law: Law) -> bool:
        """Whether every unit of the stream is Gaussian over the data: a sum of dense outputs is, until a norm on the sum shapes it."""
        if self.placement is Placement.PRE:
            return True
        try:
            return apply_stages(self.norm.stages, law).shape is Shape.GAUSSIAN
        except NoClosedForm:
            return False

    def layer_map(self) -> Law:
        """One block: from the stream before it to the stream behind."""
        return self.apply_block(self.symbolic_law)


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
