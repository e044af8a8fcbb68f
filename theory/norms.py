"""★ Add a norm here.

A norm is a named tuple of stages. Give one line below (or one line in a file of your own, passed with
`--module`): theory, simulation, audit and report read the same definition.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from theory.stages import Axis, Center, FreshStatistics, Ghost, LeaveOneOut, Scale, Stage

GHOST = 16  #: samples of a ghost batch


@dataclass(frozen=True)
class Norm:
    """A normalisation layer without affine parameters and with ε = 0: a name and the stages it applies in order."""

    name: str
    stages: tuple[Stage, ...]

    def __init__(self, name: str, *stages: Stage) -> None:
        if not name.isidentifier():
            raise ValueError(f"a norm's name is one identifier, not {name!r}")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "stages", stages)


NoNorm = Norm("none")
BatchNorm = Norm("batch_norm", Center(Axis.BATCH), Scale(Axis.BATCH))
LayerNorm = Norm("layer_norm", Center(Axis.FEATURES), Scale(Axis.FEATURES))
RMSNorm = Norm("rms_norm", Scale(Axis.FEATURES))

# Batch norm with other statistics than those of a sample's own batch
LeaveOneOutBatchNorm = Norm("leave_one_out_batch_norm", LeaveOneOut())


def ghost_batch_norm(size: int) -> Norm:
    """Batch norm with statistics over groups of `size` samples."""
    return Norm("ghost_batch_norm", Ghost(size, BatchNorm.stages))


GhostBatchNorm = ghost_batch_norm(GHOST)
BatchNormEvaluation = Norm("batch_norm_evaluation", FreshStatistics())


class Statistic(Enum):
    """Whose mean and deviation standardise a sample: its batch's, or those of the other samples of its batch."""

    CANONICAL = "canonical"
    LEAVE_ONE_OUT = "leave-one-out"


#: Norms that are defined for both statistics, by the leave-one-out one.
LEAVE_ONE_OUT: dict[str, Norm] = {BatchNorm.name: LeaveOneOutBatchNorm}

_ALL = (NoNorm, BatchNorm, LayerNorm, RMSNorm, LeaveOneOutBatchNorm, GhostBatchNorm, BatchNormEvaluation)
NORMS: dict[str, Norm] = {norm.name: norm for norm in _ALL}
