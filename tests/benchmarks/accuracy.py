r"""Time to accuracy: γ of layer norm before ReLU, published ways beside `simulate`.

*To 1 %* means: the root mean square error of γ, one standard error and the finite-width bias together, is 1 % of γ at infinite width.
"""

from collections.abc import Callable
from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np

from numerics.ensemble import Sampler, Size

from . import in_jax, in_pytorch
from .in_pytorch import Shape
from .measures import Measured, Ratio, alternate, cheapest_width, mean, networks_needed
from .tables import Table

TARGET, DEPTH = 0.01, 5
ROUNDS = 8
FEW = 16  #: samples of a published network: fewer cost it accuracy, and far more are used
OURS = Size(2048, DEPTH, 8, sampler=Sampler.GRAM)
CALLS, RUNS = 8, 256  #: in a round, and independent calls of `simulate` at the target
WAYS = {"loop": "PyTorch, loop over networks", "vmap": "PyTorch, `torch.func.vmap`"}
Way = Callable[[Shape, int], np.ndarray]
#: Where the other side's extrapolation is checked: width, target, and how often.
SMALL, ROUGHLY, OFTEN = 128, 0.1, 64


def time_to_accuracy(where: str) -> tuple[list[Table], dict[str, Any]]:
    """Seconds to the target, of published ways and of `simulate`."""
    width, bias = published_width()
    shape, count = Shape(width, DEPTH, FEW, where), 64
    networks, own_bias = networks_of_ours()
    outputs: list[np.ndarray] = []
    seconds = alternate(
        {
            "loop": lambda _: outputs.append(in_pytorch.loop(shape, count)),
            "vmap": lambda _: outputs.append(in_pytorch.vmapped(shape, count)),
            "simulate": lambda number: [in_jax.estimate(OURS, networks, 1000 + number * CALLS + each) for each in range(CALLS)],
        },
        ROUNDS,
    )
    ratio = Ratio.of_outputs(np.concatenate(outputs))
    needed = networks_needed(ratio.relative_variance.value, bias.mean, TARGET)
    # Besides the clock, the variance of one network and the bias, by what it leaves of the target, are known up to errors.
    by_bias = 2 * bias.mean * bias.standard_error / (TARGET**2 - bias.mean**2)
    needed_networks = Measured(needed, float(np.hypot(ratio.relative_variance.error, by_bias)))

    own, rows, headline = seconds["simulate"] / CALLS, [], {}
    for name, words in WAYS.items():
        one = mean(seconds[name] / count)
        # Round by round: what slows the machine down for a while slows both sides down.
        times = mean(seconds[name] / count / own).times(needed_networks)
        headline[name] = {"value": times.value, "error": times.error}
        cost = (needed, 1e3 * one.value, one.value * needed)
        rows.append((words, width, f"{bias.mean:.2%}", *cost, "extrapolated", f"{times.value:,.0f} ± {times.error:.0%}"))
    reached = root_mean_square([in_jax.estimate(OURS, networks, seed)["gamma"] for seed in range(RUNS)])
    cost = (networks, 1e3 * mean(own).value / networks, mean(own).value)
    rows.append(("`simulate`, Gram sampler", OURS.width, f"{own_bias:.2%}", *cost, f"run; error found {reached}", "1"))

    says = (
        f"γ of layer norm before ReLU at L = {DEPTH} to {TARGET:.0%}: the root mean square error, one standard error and finite-width bias together, "
        f"relative to γ = {in_jax.limit(DEPTH):.5f} at infinite width; compiling excluded. The published ways read two outputs of {FEW} samples a network, "
        "sample-mean bias removed; their width is the one that gets them there soonest (bias half of the squared error). They were **not run to "
        f"{TARGET:.0%}**, which would take too long: networks = variance of one / (target² − bias²), with the variance of {len(ratio.centres):,} networks "
        f"drawn here ({ratio.relative_variance.value:.2f} ± {ratio.relative_variance.error:.0%} of γ²), and seconds = networks × time per network. The next "
        f"table checks that rule. `simulate` is run to the target, {OURS.samples} samples a network, all of every call counted but compiling, and {RUNS} "
        "calls with other seeds show the error that it really has."
    )
    columns = ("way", "width", "bias", "networks", "ms a network", f"seconds to {TARGET:.0%}", "how", "times the last row's seconds")
    tables = [Table("Time to accuracy", says, columns, rows), extrapolation(where), per_variance(shape, seconds["loop"] / count, ratio)]
    return tables, {"target": TARGET, **headline}


def published_width() -> tuple[int, in_jax.Adjusted]:
    """The other side's best width, and its bias there: of networks drawn from Gram matrices, which have the same law at every width."""

    def bias(width: int) -> in_jax.Adjusted:
        return in_jax.adjusted(Size(width, DEPTH, FEW, sampler=Sampler.GRAM), 1024, in_jax.of_means)

    width = cheapest_width(512 * bias(512).mean, TARGET)
    return width, bias(width)


def networks_of_ours() -> tuple[int, float]:
    """Networks that reach the target by `simulate`'s own standard errors and the bias measured, no more than that takes, and that bias."""
    bias = in_jax.adjusted(OURS, 1024, in_jax.per_network).mean

    def solved(networks: int) -> int:
        return max(2, ceil(networks_needed(networks * mean_square(networks), bias, TARGET)))

    networks = solved(64)
    while (more := solved(networks)) > networks:  # where standard errors do not fall as the root of the networks
        networks = more
    return networks, bias


def mean_square(networks: int) -> float:
    """Of the relative standard error that `simulate` gives, over a few seeds."""
    return float(
        np.mean([(in_jax.estimate(OURS, networks, 5000 + seed)["standard_error"] / in_jax.limit(DEPTH)) ** 2 for seed in range(16)])
    )


def root_mean_square(gammas: list[float]) -> str:
    """Of the relative errors, and its standard error for errors that are about Gaussian."""
    found = float(np.sqrt(np.mean((np.array(gammas) / in_jax.limit(DEPTH) - 1) ** 2)))
    return f"{found:.2%} ± {found / np.sqrt(2 * len(gammas)):.2%}"


def extrapolation(where: str) -> Table:
    """Seconds = variance / (target² − bias²) × time per network, where it can be run."""
    shape = Shape(SMALL, DEPTH, FEW, where)
    bias = in_jax.adjusted(Size(SMALL, DEPTH, FEW, sampler=Sampler.GRAM), 2048, in_jax.of_means).mean
    rows = []
    for (name, words), way in zip(WAYS.items(), (in_pytorch.loop, in_pytorch.vmapped), strict=True):
        drawn: list[Ratio] = []

        def draw(count: int, way: Way = way, drawn: list[Ratio] = drawn) -> None:
            drawn.append(Ratio.of_outputs(way(shape, count)))

        one = mean(alternate({name: lambda _, draw=draw: draw(256)}, 4)[name] / 256)
        together = Ratio(*(np.concatenate([getattr(each, part) for each in drawn]) for part in ("centres", "spreads")))
        variance = together.relative_variance
        networks = round(networks_needed(variance.value, bias, ROUGHLY))
        drawn.clear()
        took = mean(alternate({name: lambda _, draw=draw, networks=networks: draw(networks)}, OFTEN)[name])
        expected = one.times(Measured(float(networks), variance.error))
        reached = root_mean_square([each.gamma for each in drawn])
        seconds = (f"{each.value:.3g} ± {each.error:.0%}" for each in (expected, took))
        rows.append((words, networks, *seconds, f"{ROUGHLY:.0%}", reached))
    says = (
        f"The published ways at width {SMALL} (bias {bias:.1%}) to {ROUGHLY:.0%}, {OFTEN + 1} times over: seconds and error by the rule of the table "
        "above, from the variance and the time of other networks, and as they turned out."
    )
    columns = ("way", "networks", "seconds expected", "seconds taken", "error expected", "error found")
    return Table("The extrapolation, checked", says, columns, rows)


def per_variance(shape: Shape, loop: np.ndarray, ratio: Ratio) -> Table:
    """Variance of one network × seconds of one: the limit of large runs."""
    size, networks, count = replace(OURS, samples=FEW), 64, 512
    plain = np.asarray(in_jax.draw(size, count).gamma(in_jax.NETWORK))[:, -1] / in_jax.limit(DEPTH)
    variances = {
        "Gram sampler": float(plain.var(ddof=1)),
        "Gram sampler, control variates": in_jax.adjusted(size, count, in_jax.per_network).variance,
    }
    ways = (in_jax.draw, in_jax.draw_controlled)
    clock = alternate({name: lambda _, way=way: way(size, networks) for name, way in zip(variances, ways, strict=True)}, ROUNDS)
    rows: list[tuple[Any, ...]] = [(WAYS["loop"], shape.width, ratio.relative_variance.value, 1e3 * mean(loop).value, "1")]
    for name, variance in variances.items():
        one = mean(clock[name] / networks)
        ours = one.times(Measured(variance, float(np.sqrt(2 / (count - 1)))))  # the error of a Gaussian variance
        gain = mean(loop).times(ratio.relative_variance).times(ours, -1)
        rows.append((name, size.width, variance, 1e3 * one.value, f"{gain.value:,.0f} ± {gain.error:.0%}"))
    says = (
        f"Relative variance of γ from one network × seconds of one, {FEW} samples each: what counts in runs so long that the networks which settle the "
        "multipliers of control variates cost nothing beside them. Bias is not in this table."
    )
    columns = ("way", "width", "variance of one network", "ms a network", "gain over the loop")
    return Table("Time per unit of variance", says, columns, rows)
