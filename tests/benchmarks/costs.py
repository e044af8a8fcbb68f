"""What networks cost: against the bare work under them, with size, in memory; and what the symbolic audit costs."""

from collections import defaultdict
from typing import Any

import numpy as np

from numerics.ensemble import Sampler, Size
from proofs_checks.audit import Settings, plan, run
from theory.catalogue import CLAIMS
from theory.claim import Witness

from . import in_jax, in_pytorch
from .in_pytorch import Shape
from .measures import CORES, alternate, mean, peak_memory, slope
from .tables import Table

DEPTH = 5
ROUNDS = 8


def roofline(where: str) -> tuple[Table, dict[str, float]]:
    """Random draws and matrix products alone, against the samplers that need them."""
    weights, gram = Size(1024, DEPTH, 64), Size(16384, DEPTH, 64, sampler=Sampler.GRAM)
    in_pytorch.use_threads(CORES)
    shape, few = Shape(1024, DEPTH, 64, where), 8
    seconds = alternate(
        {
            "weights": lambda _: in_jax.draw(weights, few),
            "weights, bare": lambda _: in_jax.bare(weights, few)(),
            "gram": lambda _: in_jax.draw(gram, few),
            "gram, bare": lambda _: in_jax.bare(gram, few)(),
            "loop": lambda _: in_pytorch.loop(shape, few),
            "loop, bare": lambda _: in_pytorch.bare(shape, few),
        },
        2 * ROUNDS,
    )
    rows: list[tuple[Any, ...]] = []
    for name, words in (
        ("weights", "drawn weights, width 1,024"),
        ("gram", "Gram matrices, width 16,384 (bare: with its QR factor)"),
        ("loop", "PyTorch, loop, width 1,024"),
    ):
        share = mean(seconds[f"{name}, bare"] / seconds[name])
        whole, bare = (1e3 * mean(seconds[each]).value / few for each in (name, f"{name}, bare"))
        rows.append((words, whole, bare, f"{share.value:.1%} ± {share.error:.1%}"))
    says = f"Milliseconds a network, {DEPTH} layers and 64 samples: of `moments`, or of the loop, and of the same random draws and products alone in the same library."
    table = Table("Roofline", says, ("sampler", "ms a network", "bare ms", "bare share"), rows)
    return table, mean(seconds["weights, bare"] / seconds["weights"])._asdict()


def growth() -> Table:
    """Slopes of log time against log size."""
    gram = Sampler.GRAM
    families: list[tuple[str, list[tuple[int, Size, int]], str]] = [
        ("width, drawn weights", [(n, Size(n, DEPTH, 16), 8) for n in (256, 512, 1024, 2048)], "2"),
        ("width, Gram matrices", [(n, Size(n, DEPTH, 16, sampler=gram), 8) for n in (2048, 8192, 32768)], "1"),
        ("depth", [(n, Size(512, n, 16), 16) for n in (4, 8, 16, 32)], "1"),
        ("samples, drawn weights", [(n, Size(512, DEPTH, n), 8) for n in (64, 256, 1024, 4096)], "0 to 1"),
        ("samples, Gram matrices", [(n, Size(4096, DEPTH, n, sampler=gram), 8) for n in (16, 64, 256)], "1 to 2"),
        ("networks", [(n, Size(256, DEPTH, 16), n) for n in (32, 128, 512)], "1"),
    ]
    rows = []
    for name, members, expected in families:
        calls = {str(number): lambda _, size=size, networks=networks: in_jax.draw(size, networks) for number, size, networks in members}
        seconds = {number: float(np.median(taken)) for number, taken in alternate(calls, 3).items()}
        found = slope([number for number, _, _ in members], list(seconds.values()))
        listed = ", ".join(f"{int(number):,}: {cost:.3g}" for number, cost in seconds.items())
        rows.append((name, listed, f"{found.value:.2f} ± {found.error:.2f}", expected))
    says = f"Seconds of `moments` (median of 3), and the slope of log time against log size. Else {DEPTH} layers, 16 samples, 8 or 16 networks, width 512 (samples, Gram: 4,096; networks: 256)."
    return Table("Growth", says, ("in", "seconds", "slope", "work alone"), rows)


def memory(where: str) -> Table:
    """Peak resident memory, a process each."""
    start = "from tests.benchmarks import in_jax\nfrom numerics.ensemble import Sampler, Size\n"

    def simulated(size: str, networks: int, rest: str = "") -> str:
        return start + f"in_jax.estimate(Size({size}), {networks}, 1{rest})"

    gram, controlled = ", sampler=Sampler.GRAM", ", control_variates=True"
    torch_start = "from tests.benchmarks import in_pytorch\n"
    cases = [
        ("JAX and the project loaded", start),
        ("drawn weights, width 1,024, 64 samples, 16 networks", simulated(f"1024, {DEPTH}, 64", 16)),
        ("the same, 1,024 samples", simulated(f"1024, {DEPTH}, 1024", 16)),
        ("the same, 16,384 samples, 2 networks", simulated(f"1024, {DEPTH}, 2**14", 2)),
        ("control variates, width 32, 4 samples, 2^12 networks", simulated(f"32, {DEPTH}, 4", 2**12, controlled)),
        ("the same, 2^18 networks", simulated(f"32, {DEPTH}, 4", 2**18, controlled)),
        ("Gram matrices, width 2^17, 64 samples, 1 network", simulated(f"2**17, {DEPTH}, 64{gram}", 1)),
        ("Gram matrices, width 2^20, 64 samples, 1 network", simulated(f"2**20, {DEPTH}, 64{gram}", 1)),
        ("PyTorch loaded", torch_start),
        (
            "PyTorch, loop, width 1,024, 64 samples, 16 networks",
            torch_start + f"in_pytorch.loop(in_pytorch.Shape(1024, {DEPTH}, 64, {where!r}), 16)",
        ),
    ]
    says = "Largest resident memory of a process of its own, in MiB, libraries included (on a GPU: of the host). Ours are of `simulate`."
    return Table("Memory", says, ("what", "MiB"), [(name, round(peak_memory(code))) for name, code in cases])


def symbolic() -> Table:
    """Seconds of exact and enclosed checks, as the evidence of an audit has them."""
    claims = [claim for claim in CLAIMS.values() if not claim.long]
    only = {check.id for check in plan(claims, Settings()) if check.witness is not Witness.OBSERVED}
    audit = run(claims, Settings(), only=only)
    taken: dict[str, float] = defaultdict(float)
    for found in audit.evidence.values():
        for item in found:
            taken[item.claim] += item.seconds
    slowest = sorted(taken.items(), key=lambda each: -each[1])
    total = sum(taken.values())
    rows: list[tuple[Any, ...]] = [
        (f"all {len(taken)} claims, {len(only)} checks", total),
        ("the median claim", float(np.median(list(taken.values())))),
    ]
    says = f"Seconds of the exact and enclosed checks of the default audit, by the evidence's own clock, cold; {audit.seconds:.0f} s by the wall. The slowest claims in turn."
    return Table("Symbolic audit", says, ("claim", "seconds"), [*rows, *slowest[:8]])


def products(where: str) -> Table:
    """What share of the device's own product rate the sampler reaches."""
    width = 8192 if where == "cuda" else 2048
    samples, networks = width, 4
    size = Size(width, DEPTH, samples)
    product = in_jax.square_product(width)
    seconds = alternate({"product": lambda _: product(), "simulate": lambda _: in_jax.draw(size, networks)}, ROUNDS)
    operations = 2.0 * samples * width**2
    rate, reached = operations / mean(seconds["product"]).value, operations * DEPTH * networks / mean(seconds["simulate"]).value
    says = f"Float32 products of width {width:,}: the device's own measured rate, and that of `moments` with drawn weights, {samples:,} samples, draws and statistics included."
    columns = ("products alone, TFLOP/s", "moments, TFLOP/s", "share")
    return Table("Product rate", says, columns, [(rate / 1e12, reached / 1e12, f"{reached / rate:.0%}")])
