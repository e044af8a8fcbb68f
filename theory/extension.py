"""Norms and activations of your own: finding them, and the claims that follow from their definitions.

A module that defines `Norm`, `Activation` or `Claim` objects at its top level extends the catalogue: a file given by its path, or a
module that an installed package names under the entry point group `normproof`. For every new norm, before and after the activation, and
for every new activation, what the stages imply becomes a claim to be confronted with networks.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType

from sympy import Expr, Rational, pi, simplify

from theory import symbols as s
from theory.activations import ACTIVATIONS, Activation
from theory.claim import ENCLOSED, Claim, Interval, Kind, Statement, derived_here
from theory.experiments import Agreement, Prejudice, Rival
from theory.gaussian_functions import is_closed, kappa
from theory.law import NoClosedForm
from theory.network import Network, Placement
from theory.node import node_law
from theory.norms import NORMS, BatchNorm, LayerNorm, Norm
from theory.placements import SIMULATED

BATCH = 64  #: samples per batch where a new norm couples samples and has a law there
DEPTH = 3  #: of networks whose law is by quadrature
GROUP = "normproof"  #: of entry points
HALF = Interval(s.c, 0, Rational(1, 2))  #: where the power series of a two-point moment ends soon
POWER = Interval(s.q, Rational(1, 2), 3)


class UnreadableModule(Exception):
    """A module could not be loaded or defines nothing; the message says why."""


@dataclass(frozen=True)
class Extension:
    """What modules add."""

    norms: tuple[Norm, ...] = ()
    activations: tuple[Activation, ...] = ()
    stated: tuple[Claim, ...] = ()

    @cached_property
    def _by_norm(self) -> dict[str, Claim | str]:
        """For every norm and placement its claim, or why there is no law."""
        found: dict[str, Claim | str] = {}
        for norm in self.norms:
            for placement in (Placement.PRE, Placement.POST):
                try:
                    found[f"{norm.name} ({placement.value})"] = claim_for(norm, placement)
                except NoClosedForm as reason:
                    found[f"{norm.name} ({placement.value})"] = str(reason)
        return found

    @property
    def claims(self) -> tuple[Claim, ...]:
        """The modules' own claims, and those that follow from their definitions."""
        derived = [claim for claim in self._by_norm.values() if isinstance(claim, Claim)]
        return (*self.stated, *derived, *map(claim_for_activation, self.activations))

    @property
    def no_law(self) -> tuple[str, ...]:
        """Where there is no law, so that simulation alone answers, with the reason."""
        return tuple(f"{name}: {reason}" for name, reason in self._by_norm.items() if isinstance(reason, str))

    def __add__(self, other: Extension) -> Extension:
        return Extension(self.norms + other.norms, self.activations + other.activations, self.stated + other.stated)


def load(path: Path) -> Extension:
    """Run a module and collect what it defines.

    Raises
    ------
    UnreadableModule
        If the file cannot be read or run, or defines no norm, activation or claim of its own.
    """
    return _collect(_run(path), str(path))


def installed() -> Extension:
    """What installed packages define under the entry point group `normproof`.

    Raises
    ------
    UnreadableModule
        If one of them cannot be imported, or defines nothing.
    """
    found = Extension()
    for point in importlib.metadata.entry_points(group=GROUP):
        try:
            module = point.load()
        except Exception as error:  # somebody else's package
            raise UnreadableModule(f"entry point {point.name} = {point.value} does not run: {type(error).__name__}: {error}") from None
        if not isinstance(module, ModuleType):
            raise UnreadableModule(f"entry point {point.name} = {point.value} is no module")
        found += _collect(module, f"entry point {point.name}")
    return found


def _collect(module: ModuleType, origin: str) -> Extension:
    imported = {id(each) for each in (*NORMS.values(), *ACTIVATIONS.values())}
    named = {id(value): value for name, value in vars(module).items() if not name.startswith("_") and id(value) not in imported}
    own = [value for value in named.values() if isinstance(value, Norm | Activation | Claim)]
    names = [(type(value), value.id if isinstance(value, Claim) else value.name) for value in own]
    if twice := [name for kind, name in names if names.count((kind, name)) > 1]:
        raise UnreadableModule(f"{origin} defines {twice[0]!r} twice: give one of them another name")
    for value in own:
        if isinstance(value, Norm | Activation) and value.name in {**NORMS, **ACTIVATIONS}:
            raise UnreadableModule(f"{origin} defines {value.name!r}, which is the name of a norm or activation here: give it another")
    found = Extension(
        tuple(value for value in own if isinstance(value, Norm)),
        tuple(value for value in own if isinstance(value, Activation)),
        tuple(value for value in own if isinstance(value, Claim)),
    )
    if found == Extension():
        raise UnreadableModule(f"{origin} defines no Norm, Activation or Claim at its top level")
    return found


def _run(path: Path) -> ModuleType:
    try:
        readable = path.suffix == ".py" and path.is_file()
    except (OSError, ValueError):  # a path that no file can have
        readable = False
    if not readable:
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
    """The claim that networks with this norm have the prejudice that its stages imply: by their rules on laws, or by quadrature.

    Where there is a rule and the array code has a reading in symbols, the two are compared as well.

    Raises
    ------
    NoClosedForm
        If neither gives a law.
    """
    by_rules = _rules(norm, placement)
    if by_rules is None:
        network = Network(norm, placement)
        network.layer_map()  # a law, or NoClosedForm
        experiment: Prejudice | Agreement = Agreement(
            (network,), (network,), DEPTH, tuple(Network(activation=each) for each in ACTIVATIONS.values())
        )
        says = r"γ is what quadrature over the units of the full batch implies, from the array code of the norm's stages."
    else:
        network, overlap_map = by_rules
        grows = simplify(overlap_map - kappa(s.c)) == 0
        rival = Rival("prejudice does not grow with depth", 1 / pi) if grows else Rival("the norm leaves prejudice unchanged", kappa(s.c))
        experiment = Prejudice(network, depths=(1, 2, 3), overlap_map=overlap_map, rival=rival, rival_depth=3)
        says = r"One layer sends the overlap of two samples to the map derived from the norm's stages."
    return Claim(
        id=f"{norm.name}_{placement.value}_relu",
        title=f"{norm.name} {'before' if placement is Placement.PRE else 'after'} the activation",
        says=says,
        kind=Kind.FINDING,
        source=derived_here("derived from the definition"),
        domain=(HALF, POWER),
        rests_on=SIMULATED,
        statements=_rules_against_array_code(norm, placement),
        experiments=(experiment,),
    )


def _rules(norm: Norm, placement: Placement) -> tuple[Network, Expr] | None:
    """The network and its overlap map, by the stages' rules alone and in closed form; None if there is no such map."""
    network = Network(norm, placement)
    if network.couples_samples:
        network = Network(norm, placement, batch_size=BATCH)
    try:
        overlap_map = network.overlap_map()
    except NoClosedForm:
        return None
    return (network, overlap_map) if is_closed(overlap_map) and not overlap_map.has(s.q) else None


def _rules_against_array_code(norm: Norm, placement: Placement) -> tuple[Statement, ...]:
    """In the full batch the rules on laws and the array code imply one overlap, where both give one."""
    network = Network(norm, placement)
    start = network.symbolic_law
    try:
        rules, code = network.by_rules(start), node_law(network.block, start)
        return (
            Statement(
                "rules_and_array_code",
                derived=code.correlation,
                stated=rules.correlation,
                witnesses=ENCLOSED,
                reason="in the full batch: `on_law` of the stages, against their array code read in symbols",
            ),
        )
    except NoClosedForm:
        return ()


def claim_for_activation(activation: Activation) -> Claim:
    """The claim that networks with this activation have the prejudice that its code implies, without a norm and with batch and layer norm."""
    placed = (Placement.PRE, Placement.POST)
    alone = (Network(activation=activation), *(Network(LayerNorm, placement, activation) for placement in placed))
    coupled = tuple(Network(BatchNorm, placement, activation) for placement in placed)
    rivals = tuple(Network(activation=each) for each in ACTIVATIONS.values())
    return Claim(
        id=f"{activation.name}_with_norms",
        title=f"{activation.name}: without a norm, and before and after batch and layer norm",
        says=r"γ is what the activation's array code implies.",
        kind=Kind.FINDING,
        source=derived_here("derived from the definition"),
        rests_on=SIMULATED,
        experiments=tuple(Agreement(networks, networks, DEPTH, rivals) for networks in (alone, coupled)),
    )
