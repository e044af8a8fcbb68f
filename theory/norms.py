"""★ Add a norm here.

A norm is a named tuple of stages. Give one line below (or one line in a file of your own, passed with
`--module`): theory, simulation, audit and report read the same definition.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from theory.activations import Tanh
from theory.stages import (
    AveragePool,
    Axis,
    Center,
    FreshStatistics,
    Ghost,
    Group,
    LeaveOneOut,
    MaxPool,
    Scale,
    ScaleByDeviation,
    ScaleByModulus,
    Stage,
    Switch,
)

GHOST = 16  #: samples of a ghost batch
GROUP = 16  #: units of a group
WINDOW = 4  #: units of a pooling window, as 2 × 2 pixels
EPSILON = 1e-5  #: as the libraries have it
SLOPE = 0.5  #: of dynamic tanh before training


@dataclass(frozen=True)
class Norm:
    """A normalisation layer without affine parameters: a name and the stages it applies in order."""

    name: str
    stages: tuple[Stage, ...]
    cites: str = ""  #: where it was proposed

    def __init__(self, name: str, *stages: Stage, cites: str = "") -> None:
        if not name.isidentifier():
            raise ValueError(f"a norm's name is one identifier, not {name!r}")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "stages", stages)
        object.__setattr__(self, "cites", cites)


NoNorm = Norm("none")
BatchNorm = Norm("batch_norm", Center(Axis.BATCH), Scale(Axis.BATCH), cites="arXiv 1502.03167")
LayerNorm = Norm("layer_norm", Center(Axis.FEATURES), Scale(Axis.FEATURES), cites="arXiv 1607.06450")
RMSNorm = Norm("rms_norm", Scale(Axis.FEATURES), cites="arXiv 1910.07467")

# Batch norm with other statistics than those of a sample's own batch
LeaveOneOutBatchNorm = Norm("leave_one_out_batch_norm", LeaveOneOut(), cites="arXiv 2505.11312")


def ghost_batch_norm(size: int) -> Norm:
    """Batch norm with statistics over groups of `size` samples."""
    return Norm("ghost_batch_norm", Ghost(size, BatchNorm.stages), cites="arXiv 1705.08741")


GhostBatchNorm = ghost_batch_norm(GHOST)
BatchNormEvaluation = Norm("batch_norm_evaluation", FreshStatistics())

# Parts of batch norm, and other measures of spread
MeanOnlyBatchNorm = Norm("mean_only_batch_norm", Center(Axis.BATCH), cites="arXiv 1602.07868")
VarianceOnlyBatchNorm = Norm("variance_only_batch_norm", ScaleByDeviation(Axis.BATCH))
L1BatchNorm = Norm("l1_batch_norm", Center(Axis.BATCH), ScaleByModulus(Axis.BATCH), cites="arXiv 1803.01814")
BatchRMSNorm = Norm("batch_rms_norm", Scale(Axis.BATCH), cites="arXiv 2003.07845")  # the forward pass of power norm

# Statistics over other sets of units
InstanceNorm = Norm("instance_norm", Center(Axis.FEATURES), Scale(Axis.FEATURES), cites="arXiv 1607.08022")  # an MLP's layer is one channel
SwitchableNorm = Norm("switchable_norm", Switch(), cites="arXiv 1806.10779")


def group_norm(size: int) -> Norm:
    """Layer norm over groups of `size` units."""
    return Norm("group_norm", Group(size), cites="arXiv 1803.08494")


# Pooling windows between an activation and the next dense layer, in a norm's place


def average_pool(window: int) -> Norm:
    """Means over windows of units."""
    return Norm("average_pool", AveragePool(window), cites="arXiv 2306.00809")


def max_pool(window: int) -> Norm:
    """The largest of windows of units."""
    return Norm("max_pool", MaxPool(window), cites="arXiv 2306.00809")


# ε > 0


def batch_norm_epsilon(epsilon: float) -> Norm:
    """Batch norm with ε added to the variance."""
    return Norm("batch_norm_epsilon", Center(Axis.BATCH), Scale(Axis.BATCH, epsilon), cites="arXiv 1502.03167")


def layer_norm_epsilon(epsilon: float) -> Norm:
    """Layer norm with ε added to the variance."""
    return Norm("layer_norm_epsilon", Center(Axis.FEATURES), Scale(Axis.FEATURES, epsilon), cites="arXiv 1607.06450")


def rms_norm_epsilon(epsilon: float) -> Norm:
    """RMSNorm with ε added to the mean square."""
    return Norm("rms_norm_epsilon", Scale(Axis.FEATURES, epsilon), cites="arXiv 1910.07467")


def dynamic_tanh(slope: float) -> Norm:
    """tanh(slope·h) in the place of a norm (arXiv 2503.10622)."""
    return Norm("dynamic_tanh", Tanh(slope), cites="arXiv 2503.10622")


class Statistic(Enum):
    """Whose mean and deviation standardise a sample: its batch's, or those of the other samples of its batch."""

    CANONICAL = "canonical"
    LEAVE_ONE_OUT = "leave-one-out"


#: Norms that are defined for both statistics, by the leave-one-out one.
LEAVE_ONE_OUT: dict[str, Norm] = {BatchNorm.name: LeaveOneOutBatchNorm}

_ALL = (
    NoNorm,
    BatchNorm,
    LayerNorm,
    RMSNorm,
    LeaveOneOutBatchNorm,
    GhostBatchNorm,
    BatchNormEvaluation,
    MeanOnlyBatchNorm,
    VarianceOnlyBatchNorm,
    L1BatchNorm,
    BatchRMSNorm,
    InstanceNorm,
    SwitchableNorm,
    group_norm(GROUP),
    average_pool(WINDOW),
    max_pool(WINDOW),
    batch_norm_epsilon(EPSILON),
    layer_norm_epsilon(EPSILON),
    rms_norm_epsilon(EPSILON),
    dynamic_tanh(SLOPE),
)
NORMS: dict[str, Norm] = {norm.name: norm for norm in _ALL}
