"""What is measured and how: times in alternation, errors of γ, slopes, memory, and the machine it was on."""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil

CORES = psutil.cpu_count() or 1


class Measured(NamedTuple):
    """A positive number and its relative standard error."""

    value: float
    error: float

    def times(self, other: "Measured", power: float = 1.0) -> "Measured":
        """A product with a power of another, independent one."""
        return Measured(self.value * other.value**power, float(np.hypot(self.error, power * other.error)))


@dataclass(frozen=True)
class Ratio:
    r"""γ = V/v as a ratio of means over networks: of each network an unbiased estimate of V and one of v, arrays (networks,)."""

    centres: np.ndarray
    spreads: np.ndarray

    @staticmethod
    def of_outputs(outputs: np.ndarray) -> "Ratio":
        r"""From outputs (networks, samples, outputs).

        A mean over n samples has variance V + v/n over networks, and expectation zero, for readout weights are symmetric: the mean of its square
        less v/n is V without sample-mean bias.
        """
        exact = outputs.astype(np.float64)
        spread = exact.var(axis=1, ddof=1)
        centre = exact.mean(axis=1) ** 2 - spread / exact.shape[1]
        return Ratio(centre.mean(axis=1), spread.mean(axis=1))

    @property
    def gamma(self) -> float:
        return float(self.centres.mean() / self.spreads.mean())

    @property
    def relative_variance(self) -> Measured:
        """Of γ from one network, relative to γ², by the delta method; its error from the fourth moment of the networks at hand."""
        off = (self.centres - self.gamma * self.spreads) / self.centres.mean()
        squares = off**2
        return Measured(float(squares.mean()), float(squares.std(ddof=1) / squares.mean() / np.sqrt(len(off))))

    @property
    def standard_error(self) -> float:
        return self.gamma * float(np.sqrt(self.relative_variance.value / len(self.centres)))


def networks_needed(variance: float, bias: float, target: float) -> float:
    r"""Networks K for a root mean square error of `target`, all relative: $\sigma^2/K + b^2 = \varepsilon^2$; infinite where the bias alone is more."""
    left = target**2 - bias**2
    return variance / left if left > 0 else np.inf


def cheapest_width(bias_times_width: float, target: float) -> int:
    r"""The width at which drawing N² weights per layer reaches the target soonest.

    At a bias of $b_1/N$ the time $N^2/(\varepsilon^2 - b_1^2/N^2)$ is least where the bias is half of the squared error, $N = \sqrt2\,b_1/\varepsilon$.
    """
    return 16 * max(1, round(np.sqrt(2) * abs(bias_times_width) / target / 16))


def alternate(calls: Mapping[str, Callable[[int], object]], rounds: int) -> dict[str, np.ndarray]:
    """Seconds of every call in every round, by the clock: each is called once before, to compile, then all in turn, with the round's number.

    A round has an order of its own: a library's threads may look for more work for a while, and slow down whatever follows.
    """
    for call in calls.values():
        call(rounds)
    seconds, order = {name: np.zeros(rounds) for name in calls}, np.random.default_rng(rounds)
    for number in range(rounds):
        for name in order.permutation(list(calls)):
            start = time.perf_counter()
            calls[name](number)
            seconds[name][number] = time.perf_counter() - start
    return seconds


def mean(values: np.ndarray) -> Measured:
    """Geometric mean over rounds."""
    logarithms = np.log(values)
    return Measured(float(np.exp(logarithms.mean())), float(logarithms.std(ddof=1) / np.sqrt(len(values))))


def slope(sizes: Sequence[float], seconds: Sequence[float]) -> Measured:
    """Least-squares slope of log time against log size; here the error is absolute, from the residuals."""
    x, y = np.log(sizes), np.log(seconds)
    coefficients, residual, *_ = np.polyfit(x, y, 1, full=True)
    spare = max(1, len(x) - 2)
    return Measured(float(coefficients[0]), float(np.sqrt((residual[0] if len(residual) else 0.0) / spare / ((x - x.mean()) ** 2).sum())))


def peak_memory(code: str) -> float:
    """Largest resident memory, in MiB, of a fresh process that runs the code."""
    own = "\nprint(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])"
    done = subprocess.run([sys.executable, "-c", code + own], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1]) / 1024


class Others:
    """What share of the processors' time went to other work on the machine: a time taken beside other work says little."""

    def __enter__(self) -> "Others":
        self._start = self._now()
        return self

    def __exit__(self, *exception: object) -> None:
        clock, busy, own = (after - before for after, before in zip(self._now(), self._start, strict=True))
        self.share = max(0.0, (busy - own) / (clock * CORES))

    @staticmethod
    def _now() -> tuple[float, float, float]:
        system = psutil.cpu_times()
        return time.perf_counter(), sum(system) - system.idle - getattr(system, "iowait", 0.0), sum(os.times()[:4])


def machine() -> dict[str, object]:
    """Processor, cores and memory; nothing that names this machine."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.machine(),
        "cores": CORES,
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": platform.system(),
    }


def versions() -> dict[str, str]:
    """Of what the times depend on."""
    return {"python": platform.python_version()} | {
        name: version(name) for name in ("normproof", "jax", "jaxlib", "numpy", "torch", "sympy")
    }
