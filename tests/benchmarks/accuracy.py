r"""Time to accuracy: γ of layer norm before ReLU, published ways beside `simulate`.

*To 1 %* means: the root mean square error of γ, one standard error and the finite-width bias together, is 1 % of γ at infinite width.
"""

from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np

from numerics.ensemble import Sampler, Size
from numerics.prejudice import NARROW, pilot_networks

from . import in_jax, in_pytorch
from .in_pytorch import Shape
from .measures import CORES, Measured, Ratio, alternate, cheapest_width, mean, networks_needed
from .tables import Table

TARGET, DEPTH = 0.01, 5
ROUNDS = 8
FEW = 16  #: samples of a published network: fewer cost it accuracy, and far more are used
OURS = Size(2048, DEPTH, 8, sampler=Sampler.GRAM)
CALLS, RUNS = 64, 256  #: in a round, and independent calls of `simulate` at the target
CONTROLLED = Size(1024, DEPTH, 4, sampler=Sampler.GRAM)
WIDE = 6  #: networks with control variates
#: Words, the way, and PyTorch's threads: threads that wait for each other lose by other work on the machine, and all draw on one.
THEIRS = {
    "loop": ("PyTorch, loop over networks", in_pytorch.loop, CORES),
    "one thread": ("the same, on one thread", in_pytorch.loop, 1),
    "vmap": ("PyTorch, `torch.func.vmap`", in_pytorch.vmapped, CORES),
}
#: Where the other side's extrapolation is checked: width, target, and how often.
SMALL, ROUGHLY, OFTEN = 128, 0.1, 40


def time_to_accuracy(where: str) -> tuple[list[Table], dict[str, Any]]:
    """Seconds to the target, of published ways and of ours."""
    width, bias = published_width()
    shape, count = Shape(width, DEPTH, FEW, where), 256
    networks, own_bias = networks_of_ours()
    few_bias = in_jax.adjusted(CONTROLLED, 1024, in_jax.per_network).mean
    pilot = pilot_networks(WIDE, in_jax.draw_controlled(CONTROLLED, WIDE).controls.shape[-1])
    outputs: list[np.ndarray] = []
    seconds = alternate(
        {
            **{name: lambda _, name=name: outputs.append(theirs(name, shape, count)) for name in THEIRS},
            "simulate": lambda number: [simulated(networks, 1000 + number * CALLS + each) for each in range(CALLS)],
            "controlled": lambda number: [controlled(1000 + number * CALLS + each) for each in range(CALLS)],
        },
        ROUNDS,
    )
    ratio = Ratio.of_outputs(np.concatenate(outputs))
    needed = networks_needed(ratio.relative_variance.value, bias.mean, TARGET)
    # Besides the clock, the variance of one network and the bias, by what it leaves of the target, are known up to errors.
    by_bias = 2 * bias.mean * bias.standard_error / (TARGET**2 - bias.mean**2)
    error = float(np.hypot(ratio.relative_variance.error, by_bias))
    whole = {name: seconds[name] * (needed / count if name in THEIRS else 1 / CALLS) for name in seconds}
    loop = min("loop", "one thread", key=lambda name: mean(whole[name]).value)

    def times(name: str, other: str) -> Measured:
        # Round by round: what slows the machine down for a while slows both sides down.
        return mean(whole[name] / whole[other]).times(Measured(1.0, error if other not in THEIRS else 0.0))

    rows: list[tuple[Any, ...]] = []
    for name, (words, _, _) in THEIRS.items():
        found = times(loop, name)
        rows.append(
            (words, width, f"{bias.mean:.2%}", needed, mean(whole[name]).value, "extrapolated", f"{found.value:.2f} ± {found.error:.0%}")
        )
    for name, words, size, drawn, its_bias, call in (
        ("simulate", "`simulate`, Gram sampler", OURS, f"{networks}", own_bias, lambda seed: simulated(networks, seed)),
        ("controlled", "the same, control variates", CONTROLLED, f"{WIDE}, and {pilot} of width {NARROW}", few_bias, controlled),
    ):
        reached, found = root_mean_square([call(seed) for seed in range(RUNS)]), times(loop, name)
        how = f"run; error found {reached}"
        rows.append((words, size.width, f"{its_bias:.2%}", drawn, mean(whole[name]).value, how, f"{found.value:,.0f} ± {found.error:.0%}"))

    says = (
        f"γ of layer norm before ReLU at L = {DEPTH} to {TARGET:.0%}: the root mean square error, one standard error and finite-width bias together, "
        f"relative to γ = {in_jax.limit(DEPTH):.5f} at infinite width; compiling excluded. The published ways read two outputs of {FEW} samples a network, "
        "sample-mean bias removed; their width is the one that gets them there soonest (bias half of the squared error). They were **not run to "
        f"{TARGET:.0%}**, which would take too long: networks = variance of one / (target² − bias²), with the variance of {len(ratio.centres):,} networks "
        f"drawn here ({ratio.relative_variance.value:.2f} ± {ratio.relative_variance.error:.0%} of γ²), and seconds = networks × time per network. The next "
        f"table checks that rule. Our ways are run to the target, {OURS.samples} and {CONTROLLED.samples} samples a network, all of every call counted but "
        f"compiling, the pilot included, and {RUNS} calls with other seeds show the error that they really have. The last column compares with the faster loop."
    )
    columns = ("way", "width", "bias", "networks", f"seconds to {TARGET:.0%}", "how", "gain over the loop")
    tables = [Table("Time to accuracy", says, columns, rows), extrapolation(where), per_variance(shape, seconds[loop] / count, ratio)]
    quoted = {name: dict(times(by, "controlled")._asdict()) for name, by in (("loop", loop), ("vmap", "vmap"))}
    return tables, {"target": TARGET, **quoted}


def theirs(name: str, shape: Shape, networks: int) -> np.ndarray:
    """Outputs by one of the published ways."""
    _, way, threads = THEIRS[name]
    in_pytorch.use_threads(threads)
    return way(shape, networks)


def simulated(networks: int, seed: int) -> float:
    """γ by one call of `simulate`."""
    return float(in_jax.estimate(OURS, networks, seed)["gamma"])


def controlled(seed: int) -> float:
    """The same with control variates, its pilot drawn anew."""
    return float(in_jax.estimate(CONTROLLED, WIDE, seed, control_variates=True)["gamma"])


def published_width() -> tuple[int, in_jax.Adjusted]:
    """The other side's best width, and its bias there: of networks drawn from Gram matrices, which have the same law at every width."""

    def bias(width: int) -> in_jax.Adjusted:
        return in_jax.adjusted(Size(width, DEPTH, FEW, sampler=Sampler.GRAM), 2**14, in_jax.of_means)

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
    for name, (words, _, _) in THEIRS.items():
        drawn: list[Ratio] = []

        def draw(count: int, name: str = name, drawn: list[Ratio] = drawn) -> None:
            drawn.append(Ratio.of_outputs(theirs(name, shape, count)))

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
    plain = in_jax.per_network(in_jax.draw(size, count), in_jax.limit(DEPTH))[:, -1]
    variances = {
        "Gram sampler": float(plain.var(ddof=1)),
        "Gram sampler, control variates": in_jax.adjusted(size, count, in_jax.per_network).variance,
    }
    ways = (in_jax.draw, in_jax.draw_controlled)
    clock = alternate({name: lambda _, way=way: way(size, networks) for name, way in zip(variances, ways, strict=True)}, ROUNDS)
    rows: list[tuple[Any, ...]] = [("PyTorch, the faster loop", shape.width, ratio.relative_variance.value, 1e3 * mean(loop).value, "1")]
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
