"""Words of the command line: numbers and names, or one sentence with what was given, what is allowed and the nearest valid name."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial, wraps
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from theory.activations import ACTIVATIONS, Activation, leaky_relu
from theory.norms import (
    NORMS,
    Norm,
    average_pool,
    batch_norm_epsilon,
    dynamic_tanh,
    ghost_batch_norm,
    group_norm,
    layer_norm_epsilon,
    max_pool,
    rms_norm_epsilon,
)

if TYPE_CHECKING:
    from theory.claim import Claim
    from theory.extension import Extension


def nearest(kind: str, given: str, names: Iterable[str]) -> click.UsageError:
    """The sentence for an unknown name."""
    from difflib import get_close_matches

    allowed = list(names)
    close = get_close_matches(given, allowed, n=1, cutoff=0.0)
    shown = ", ".join(allowed) if len(allowed) <= 12 else f"the {len(allowed)} that `normproof list {kind}s` names"
    return click.UsageError(f"{given!r} is no {kind}: allowed are {shown}; the nearest is {close[0]!r}")


class Number(click.ParamType):
    """A number in a range, whose error names the option's value and what is allowed."""

    name = "number"

    def __init__(self, convert: type[int] | type[float], allowed: str, valid: Callable[[Any], bool]) -> None:
        self.convert_to, self.allowed, self.valid = convert, allowed, valid
        self.name = "integer" if convert is int else "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number, or a sentence."""
        return self.parse(value, max(param.opts, key=len) if param else "the value")

    def parse(self, value: Any, name: str) -> Any:
        """The number, or a sentence about what `name` must be."""
        try:
            number = self.convert_to(value)
            if math.isfinite(number) and self.valid(number):
                return number
        except (TypeError, ValueError):
            pass
        raise click.UsageError(f"{name} is {value!r}, but must be {self.allowed}")


def positive(convert: type[int] | type[float] = int) -> Number:
    """A number above zero."""
    return Number(convert, "a positive integer" if convert is int else "a number above 0", lambda n: n > 0)


DEPTH = Number(int, "an integer of at least 0", lambda n: n >= 0)
SEED = Number(int, "an integer from 0 to 2^63 - 1", lambda n: 0 <= n < 2**63)
FRACTION = Number(float, "a number strictly between 0 and 1", lambda n: 0 < n < 1)
OVERLAP = Number(float, "a number from -1 to 1", lambda n: -1 <= n <= 1)
REAL = Number(float, "a number", lambda n: True)
VARIANCE = Number(float, "a number of at least 0", lambda n: n >= 0)
BATCH_SIZE = Number(int, "an integer of at least 2", lambda n: n >= 2)
CLASSES = Number(int, "an integer from 2 to 10000", lambda n: 2 <= n <= 10_000)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


def module_option(command: Callable[..., int | None]) -> Callable[..., int | None]:
    """`--module` and its budget: a command that is given a module runs in a process of its own."""

    @wraps(command)
    def run(*arguments: Any, module_seconds: float | None, module_memory: float | None, **options: Any) -> int | None:
        module = options["module"]
        if module is None:
            for name, given in (("seconds", module_seconds), ("memory", module_memory)):
                if given is not None:
                    raise click.UsageError(f"--module-{name} is {given:g}, but there is no --module that it is the budget of")
            return command(*arguments, **options)
        from reports import confined

        limits = {"seconds": module_seconds, "memory": module_memory}
        budget = confined.Budget(**{name: limit for name, limit in limits.items() if limit is not None})
        return confined.run(module, budget, partial(extension, module), partial(command, *arguments, **options))

    for option in (
        click.option(
            "--module-memory", type=positive(float), metavar="GIB", help="Memory that it may hold, with all its processes [default: 8]."
        ),
        click.option("--module-seconds", type=positive(float), metavar="T", help="Seconds that it may take for one check [default: 300]."),
        click.option("--module", "module", metavar="FILE.py", help="A file of your own that defines norms, activations or claims."),
    ):
        run = option(run)
    return run


# Claims take seconds to derive: commands wait for those that they need.


def catalogue(module: str | None) -> Mapping[str, Claim]:
    """All claims by id, the module's included."""
    from theory.catalogue import Catalogue

    return Catalogue(claims_added(module))


def claims_added(module: str | None) -> tuple[Claim, ...]:
    """The claims of installed packages and --module, each with an id of its own: evidence and seeds go by it."""
    from theory.catalogue import CLAIMS

    claims = added("claims", module)
    ids = [claim.id for claim in claims]
    for id in ids:
        if ids.count(id) > 1 or id in CLAIMS:
            raise click.UsageError(f"{module or 'an installed package'} defines the claim {id!r}, a name that is taken: give it another")
    return claims


@cache
def extension(module: str | None) -> Extension | None:
    """What installed packages and --module add; None, without waiting for claims, where there are none."""
    if module is None and not entry_points(group="normproof"):
        return None
    from theory.extension import Extension, UnreadableModule, installed, load

    try:
        return installed() + (load(Path(module)) if module else Extension())
    except UnreadableModule as error:
        raise click.UsageError(f"--module: {error}" if module else str(error)) from None


def added(what: str, module: str | None) -> tuple[Any, ...]:
    """The claims, norms, activations or missing laws of installed packages and --module."""
    found = extension(module)
    return () if found is None else getattr(found, what)


def norms(module: str | None) -> dict[str, Norm]:
    """All norms by name, the module's included."""
    return {**NORMS, **{norm.name: norm for norm in added("norms", module)}}


def activations(module: str | None) -> dict[str, Activation]:
    """All activations by name, the module's included."""
    return {**ACTIVATIONS, **{each.name: each for each in added("activations", module)}}


def find(kind: str, name: str, table: Mapping[str, Any]) -> Any:
    """The object of that name, or the sentence with the nearest one."""
    if name not in table:
        raise nearest(kind, name, table)
    return table[name]


WINDOW = Number(int, "an integer of at least 1, the units of a pooling window", lambda n: n >= 1)
EPSILON = Number(float, "a number of at least 0, the ε added to the variance", lambda n: n >= 0)

#: Names that take a number behind a colon, as in leaky_relu:0.2.
PARAMETRISED: dict[str, tuple[Callable[[Any], Any], Number]] = {
    "leaky_relu": (leaky_relu, Number(float, "a number, the slope below zero", lambda n: True)),
    "ghost_batch_norm": (ghost_batch_norm, Number(int, "an integer of at least 2, the size of a ghost batch", lambda n: n >= 2)),
    "group_norm": (group_norm, Number(int, "an integer of at least 3, the units of a group", lambda n: n >= 3)),
    "average_pool": (average_pool, WINDOW),
    "max_pool": (max_pool, WINDOW),
    "batch_norm_epsilon": (batch_norm_epsilon, EPSILON),
    "layer_norm_epsilon": (layer_norm_epsilon, EPSILON),
    "rms_norm_epsilon": (rms_norm_epsilon, EPSILON),
    "dynamic_tanh": (dynamic_tanh, Number(float, "a number above 0, the slope at zero", lambda n: n > 0)),
}


def find_parametrised(kind: str, words: str, table: Mapping[str, Any]) -> Any:
    """The object of that name, or of its family at the number behind the colon."""
    name, colon, number = words.partition(":")
    found = find(kind, name, table)
    if not colon:
        return found
    if name not in PARAMETRISED:
        raise click.UsageError(f"{words!r}: {name} takes no number; those that do are {', '.join(PARAMETRISED)}")
    make, allowed = PARAMETRISED[name]
    return make(allowed.parse(number, words))
