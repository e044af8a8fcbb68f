r"""Networks with outputs: hidden layers, a last dense layer of C units, and a norm on these.

$u^l = W^lh^{l-1} + b^l$ for $l = 1, \ldots, L$ with $h^0 = x$; behind each $u^l$, $l < L$, a block of the hidden `Network` gives $h^l$; outputs are
$f = $ `last`$(u^L)$. Layer l is $M_l = \alpha_lM$ units wide, $l = 0, \ldots, L-1$, inputs included, and $M_L = C$.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from itertools import cycle, islice, pairwise

from theory.network import Block, Network, Placement
from theory.norms import NoNorm, Norm
from theory.stages import Pool, Stage


class Where(Enum):
    """Where the norm of a network with outputs stands: nowhere, on the outputs, or before every activation."""

    NONE = "none"
    LAST = "last"
    HIDDEN = "hidden"


@dataclass(frozen=True)
class Classifier:
    """A network of L dense layers and C outputs.

    Parameters
    ----------
    layers : int
        L, of which L − 1 are hidden.
    outputs : int
        C.
    network : Network
        The blocks of the hidden layers, the initialisation and the inputs.
    last : Norm
        On the outputs; its samples are one batch, its features the outputs.
    ratios : tuple of Fraction
        α_0, …, α_{L−1}; empty where all are one.

    Raises
    ------
    ValueError
        If there is no hidden layer or no output, ratios are not as many as layers, or a block changes the number of units.
    """

    layers: int
    outputs: int
    network: Network = field(default_factory=Network)
    last: Norm = NoNorm
    ratios: tuple[Fraction, ...] = ()

    def __post_init__(self) -> None:
        if self.layers < 2 or self.outputs < 1:
            raise ValueError(f"{self.layers} layers with {self.outputs} outputs: at least one layer is hidden, and there is an output")
        if self.ratios and len(self.ratios) != self.layers:
            raise ValueError(f"{len(self.ratios)} ratios of widths for {self.layers} layers: each layer's input has one")
        if any(isinstance(stage, Pool) for stage in self.stages):
            raise ValueError("a pooling window leaves fewer units than it meets: it has no place here")

    @property
    def stages(self) -> tuple[Stage, ...]:
        """All stages that run in it."""
        return (*self.network.stages, *self.last.stages)

    @property
    def blocks(self) -> tuple[tuple[Stage, ...], ...]:
        """The stages behind each hidden dense layer, in order."""
        return tuple(islice(cycle(self.network.blocks), self.layers - 1))

    def width(self, layer: int, scale: int) -> int:
        """M_l at M = `scale`."""
        return int(self.ratios[layer] * scale) if self.ratios else scale

    def parameters(self, scale: int) -> int:
        """P, the number of weights and biases at M = `scale`."""
        widths = [*(self.width(layer, scale) for layer in range(self.layers)), self.outputs]
        return sum(after * (before + 1) for before, after in pairwise(widths))


def classifier(norm: Norm, where: Where, layers: int, outputs: int, network: Network | None = None) -> Classifier:
    """A network whose only norm stands in one place: on its outputs, or before all its activations."""
    plain = network or Network()
    if where is Where.HIDDEN:
        described = {name: value for name, value in vars(plain).items() if name not in ("norm", "placement", "then")}
        return Classifier(layers, outputs, Network(norm, Placement.PRE, **described))
    return Classifier(layers, outputs, plain, norm if where is Where.LAST else NoNorm)


def on_layer(norm: Norm, layer: int, layers: int, outputs: int, network: Network | None = None) -> Classifier:
    """The same with the norm before the activation of one hidden layer only."""
    plain = network or Network()
    blocks = [
        Block(norm, Placement.PRE, plain.activation) if each == layer else Block(activation=plain.activation) for each in range(1, layers)
    ]
    described = {name: value for name, value in vars(plain).items() if name not in ("norm", "placement", "then", "activation")}
    first = blocks[0]
    return Classifier(layers, outputs, Network(first.norm, first.placement, first.activation, **described, then=tuple(blocks[1:])))
