"""A norm from a file of your own: loading it, and the claims that follow from its definition.

A module that defines `Norm`, `Activation` or `Claim` objects at its top level extends the catalogue. For every
new norm, and for both placements, what the stage algebra derives becomes a claim to be confronted with networks.
"""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from sympy import pi, simplify

from theory import symbols as s
from theory.activations import Activation
from theory.claim import Claim, Kind, derived_here
from theory.experiments import Prejudice, Rival
from theory.gaussian_functions import kappa
from theory.law import NoClosedForm
from theory.network import Network, Placement
from theory.norms import Norm
from theory.placements import SIMULATED

BATCH = 64  #: samples per batch where a new norm couples samples


class UnreadableModule(Exception):
    """A module could not be loaded or defines nothing; the message says why."""


@dataclass(frozen=True)
class Extension:
    """What a module adds, and for which placements of its norms there is no law, with the reason."""

    norms: tuple[Norm, ...]
    activations: tuple[Activation, ...]
    claims: tuple[Claim, ...]
    no_law: tuple[str, ...]


def load(path: Path) -> Extension:
    """Run a module and collect what it defines.

    Raises
    ------
    UnreadableModule
        If the file cannot be read or run, or defines no norm, activation or claim of its own.
    """
    module = _run(path)
    own = [value for name, value in vars(module).items() if not name.startswith("_")]
    norms = tuple(value for value in own if isinstance(value, Norm))
    activations = tuple(value for value in own if isinstance(value, Activation))
    claims = [value for value in own if isinstance(value, Claim)]
    if not (norms or activations or claims):
        raise UnreadableModule(f"{path} defines no Norm, Activation or Claim at its top level")
    no_law = []
    for norm in norms:
        for placement in (Placement.PRE, Placement.POST):
            try:
                claims.append(claim_for(norm, placement))
            except NoClosedForm as reason:
                no_law.append(f"{norm.name} ({placement.value}): {reason}")
    return Extension(norms, activations, tuple(claims), tuple(no_law))


def _run(path: Path) -> ModuleType:
    if path.suffix != ".py" or not path.is_file():
        raise UnreadableModule(f"{path} is not a Python file that can be read")
    spec = importlib.util.spec_from_file_location(f"normproof_module_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        raise UnreadableModule(f"{path} does not run: {type(error).__name__}: {error}") from None
    return module


def claim_for(norm: Norm, placement: Placement) -> Claim:
    """The claim that networks with this norm have the prejudice that its stages imply on laws.

    Raises
    ------
    NoClosedForm
        If a stage has no exact rule for the law it meets.
    """
    network = Network(norm, placement)
    if network.couples_samples:
        network = Network(norm, placement, batch_size=BATCH)
    overlap_map = network.overlap_map()
    grows = simplify(overlap_map - kappa(s.c)) == 0
    rival = Rival("prejudice does not grow with depth", 1 / pi) if grows else Rival("the norm leaves prejudice unchanged", kappa(s.c))
    return Claim(
        id=f"{norm.name}_{placement.value}_relu",
        title=f"{norm.name} {'before' if placement is Placement.PRE else 'after'} the activation",
        says=r"One layer sends the overlap of two samples to the map derived from the norm's stages.",
        kind=Kind.FINDING,
        source=derived_here("derived from the definition"),
        rests_on=SIMULATED,
        experiments=(Prejudice(network, depths=(1, 2, 3), overlap_map=overlap_map, rival=rival, rival_depth=3),),
    )
