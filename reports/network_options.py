"""The options that describe a network, and the network that they describe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from reports.words import (
    BATCH_SIZE,
    DEPTH,
    OVERLAP,
    REAL,
    VARIANCE,
    activations,
    find,
    find_parametrised,
    json_option,
    module_option,
    norms,
    positive,
)
from theory.distributions import DataSet, Distribution
from theory.network import Block, Network, Placement
from theory.norms import (
    LEAVE_ONE_OUT,
    Statistic,
)
from theory.stream import ResidualNetwork, Stack

PLACEMENTS = {placement.value: placement for placement in Placement}
RESIDUAL = {placement.value: placement for placement in (Placement.PRE, Placement.POST)}
STATISTICS = {statistic.value: statistic for statistic in Statistic}
WEIGHTS = {each.value: each for each in Distribution}
INPUTS: dict[str, Distribution | DataSet] = {**WEIGHTS, **{each.value: each for each in DataSet}}


def network_options(command: Callable[..., int | None]) -> Callable[..., int | None]:
    """The options that describe a network."""
    options = (
        click.option(
            "--norm",
            required=True,
            metavar="NAME",
            help="One that `normproof list norms` names, or one of --module; a number behind a colon sets what it depends on, as in ghost_batch_norm:32.",
        ),
        click.option(
            "--placement",
            metavar="none|pre|post",
            help="The norm's place: before or after the activation, or nowhere; required without --residual.",
        ),
        click.option(
            "--residual",
            metavar="pre|post",
            help="A residual stack instead of a plain one: the norm before every branch, or on the sum of stream and branch.",
        ),
        click.option(
            "--branch-gain",
            type=positive(float),
            metavar="BETA",
            help="With --residual: the power a ReLU branch adds, over the power that enters it [default: 1].",
        ),
        click.option(
            "--then",
            multiple=True,
            metavar="NORM/PLACEMENT[/ACTIVATION]",
            help="The block of the next layer, where blocks take turns; as often as there are more blocks.",
        ),
        click.option("--depth", required=True, type=DEPTH, metavar="L", help="Number of hidden layers; with --residual, of blocks."),
        click.option(
            "--activation",
            default="relu",
            show_default=True,
            metavar="NAME",
            help="One that `normproof list activations` names; leaky_relu:0.2 sets the slope.",
        ),
        click.option("--batch-size", type=BATCH_SIZE, metavar="B", help="Samples per batch of a batch norm [default: full batch]."),
        click.option(
            "--statistic",
            default="canonical",
            show_default=True,
            metavar="canonical|leave-one-out",
            help="Whose statistics a batch norm takes.",
        ),
        click.option("--input-overlap", type=OVERLAP, metavar="C", help="Correlation of two inputs [default: 0]."),
        click.option("--shift", type=REAL, metavar="DELTA", help="In its place: inputs N(DELTA, 1), not standardised."),
        click.option(
            "--inputs",
            default="gaussian",
            show_default=True,
            metavar="NAME",
            help=f"What inputs are: {', '.join(INPUTS)}; the last {len(DataSet)} are real pixels.",
        ),
        click.option("--weight-variance", type=positive(float), default=2.0, show_default=True, metavar="S"),
        click.option("--bias-variance", type=VARIANCE, default=0.0, show_default=True, metavar="S"),
        module_option,
        json_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


def place_of(options: Mapping[str, Any]) -> tuple[Placement, bool]:
    """Where the norm stands, and whether in a residual stack."""
    placement, residual, gain = options["placement"], options["residual"], options["branch_gain"]
    if residual is None:
        if gain is not None:
            raise click.UsageError(f"--branch-gain {gain:g} is the gain of a residual branch: it needs --residual, which is pre or post")
        if placement is None:
            raise click.UsageError("--placement is missing: it is none, pre or post, or --residual pre or post in its place")
        return find("placement", placement, PLACEMENTS), False
    if placement is not None:
        raise click.UsageError(f"--placement {placement} and --residual {residual} exclude each other: give one of them")
    return find("residual stack", residual, RESIDUAL), True


def network_of(options: Mapping[str, Any]) -> Stack:
    """The network that the options describe."""
    from sympy import oo

    module = options["module"]
    placement, residual = place_of(options)
    inputs = find("input", options["inputs"], INPUTS)
    settled = [
        f"--{name} {options[name.replace('-', '_')]}" for name in ("input-overlap", "shift") if options[name.replace("-", "_")] is not None
    ]
    if isinstance(inputs, DataSet):
        settled.append(f"--inputs {inputs.value}")
    if len(settled) > 1:
        raise click.UsageError(f"{' and '.join(settled)} exclude each other: each settles the overlap of the inputs, so give one of them")
    norm = find_parametrised("norm", options["norm"], norms(module))
    statistic = find("statistic", options["statistic"], STATISTICS)
    if statistic is Statistic.LEAVE_ONE_OUT:
        if norm.name not in LEAVE_ONE_OUT:
            raise click.UsageError(f"--statistic leave-one-out is not defined for {norm.name!r}: it is for {', '.join(LEAVE_ONE_OUT)}")
        norm = LEAVE_ONE_OUT[norm.name]
    described = {
        "norm": norm,
        "placement": placement,
        "activation": find_parametrised("activation", options["activation"], activations(module)),
        "weight_variance": options["weight_variance"],
        "bias_variance": options["bias_variance"],
        "input_overlap": options["input_overlap"] or 0.0,
        "input_shift": options["shift"] or 0.0,
        "inputs": inputs,
        "weights": find("weight distribution", options.get("weights", Distribution.GAUSSIAN.value), WEIGHTS),
        "batch_size": options["batch_size"] or oo,
    }
    try:
        if not residual:
            return Network(**described, then=tuple(block_of(words, options) for words in options["then"]))
        if options["then"]:
            raise click.UsageError(
                f"--then {options['then'][0]} and --residual exclude each other: the blocks of a residual stack are alike"
            )
        return ResidualNetwork(branch_gain=1.0 if options["branch_gain"] is None else options["branch_gain"], **described)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def note_on(network: Stack) -> None:
    """Say, once an answer is there, that the norm plays no part in it."""
    if network.norm.stages and network.placement is Placement.NONE:
        click.echo(f"normproof: --placement none leaves {network.norm.name} out of the network", err=True)


def block_of(words: str, options: Mapping[str, Any]) -> Block:
    """The block that --then describes."""
    parts = words.split("/")
    if len(parts) not in (2, 3):
        raise click.UsageError(f"--then is {words!r}, but must be NORM/PLACEMENT or NORM/PLACEMENT/ACTIVATION, as in layer_norm/post/relu")
    norm, placement, activation = (*parts, options["activation"])[:3]
    module = options["module"]
    return Block(
        find_parametrised("norm", norm, norms(module)),
        find("placement", placement, PLACEMENTS),
        find_parametrised("activation", activation, activations(module)),
    )
