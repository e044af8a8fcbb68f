"""★ Add a norm here.

A norm is a named tuple of stages. Give one line below (or one line in a file of your own, passed with
`--module`): theory, simulation, audit and report read the same definition.
"""

from __future__ import annotations

from dataclasses import dataclass

from theory.stages import Axis, Center, Scale, Stage


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

NORMS: dict[str, Norm] = {norm.name: norm for norm in (NoNorm, BatchNorm, LayerNorm, RMSNorm)}
