r"""Two correlated races of K classes: the quadrature behind the class fractions of many classes.

In each of two races K standard Gaussians run; the two entries of one class have correlation $r$, different classes are
independent. That one given class wins both has probability $T_K(r) = E[\Phi_2(X, Y)^{K-1}]$, with $\Phi_2$ the distribution function of
its own pair (X, Y). Claim `largest_class_fraction` is about $K\,T_K(r)$, the probability that one class wins both.

The integral over independent coordinates, $X = a$ and $Y = ra + \sqrt{1-r^2}\,b$, is a sum over a square lattice of step h, whose
error is proven. Let F(a, b) be the integrand, both densities included. Shift the path of integration by iθ, θ in R²: a Gaussian
density grows by the factor $e^{|\theta|^2/2}$ at most, hence so does $\Phi_2$, an integral of one over a quadrant, so that
$|F(\cdot + i\theta)| \le e^{K|\theta|^2/2} F$. The Fourier transform is therefore bounded by $|\hat F(\omega)| \le e^{-|\omega|^2/2K}\,T_K$ (take θ along ω,
of length |ω|/K), and Poisson's sum over the dual lattice is, relative to $T_K$, off by at most
$(\sum_{m} e^{-2\pi^2 m^2/(Kh^2)})^2 - 1 \approx 4\,e^{-2\pi^2/(Kh^2)}$.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

PRECISION = 2.0**-53  #: relative error left to the step, to the lattice's end, and twice to its corner
#: Float64 rounding of one Φ₂, a few units of 2⁻⁵³, times 4 ≥ E Φ₂^{K−2} / E Φ₂^{K−1}. Estimated, not proven; tests hold it against other precisions.
ROUNDING = 2.0**-49
NODES_AT_ONCE = 2**18


@dataclass(frozen=True)
class Correlation:
    r"""$r$ in [0, 1] together with $\sqrt{1-r^2}$, which r alone does not give where it is close to one."""

    value: float
    rest: float

    @staticmethod
    def of(gamma: float, judges: float = math.inf) -> Correlation:
        r"""Of an output and its own mean over m other samples, $\gamma/\sqrt{(\gamma+1/m)(1+\gamma)}$: $c$ at m = 1, $\sqrt c$ for m → ∞."""
        noise = 1 / judges
        rest = math.sqrt((gamma + noise + gamma * noise) / ((gamma + noise) * (1 + gamma))) if gamma > 0 else 1.0
        return Correlation(math.sqrt(gamma / (gamma + noise) * (gamma / (1 + gamma))) if gamma > 0 else 0.0, rest)


def _pair_cdf(x: np.ndarray, y: np.ndarray, b: np.ndarray, pair: Correlation) -> np.ndarray:
    r"""$\Phi_2(x, y)$ at $y = rx + \sqrt{1-r^2}\,b$ by Owen's T, with slopes free of cancellation."""
    with np.errstate(divide="ignore"):  # an infinite slope has a value, and signed zeros keep to one side
        corners = special.owens_t(x, b / x) + special.owens_t(y, (pair.rest * x - pair.value * b) / y)
    return np.asarray((special.ndtr(x) + special.ndtr(y)) / 2 - corners - np.where(np.signbit(x) != np.signbit(y), 0.5, 0.0))


def one_wins_both(pair: Correlation, classes: int, refine: float = 1.0) -> tuple[float, float]:
    r"""$K\,T_K(r)$, which runs from 1/K at r = 0 to 1 at r = 1, and a bound of its error.

    Of the bound, four times `PRECISION` is proven: for the step, for the four ends of the lattice, and for nodes at which X or Y is so
    low that the others are hardly ever below, $\Phi^{K-1} \le$ `PRECISION`/K², where $T_K \ge 1/K^2$. The rest is float64 rounding, K times
    `ROUNDING`. `refine` divides the step.
    """
    step = math.sqrt(2 * math.pi**2 / (classes * math.log(5 / PRECISION))) / refine
    outside = PRECISION / classes**2
    # The sum over an end is at most Q(R) + hφ(R) ≤ (1 + h(R + 1/R))Q(R), less than 8Q(R) at h ≤ ½ and R ≤ 12.
    far = -float(special.ndtri(outside / 32))
    near = max(-far, float(special.ndtri(outside ** (1 / (classes - 1)))))
    firsts, b = (step * (np.arange(math.floor(low / step), math.ceil(far / step)) + 0.5) for low in (near, -far))
    total = 0.0
    for a in np.array_split(firsts, max(1, len(firsts) * len(b) // NODES_AT_ONCE)):
        y = pair.value * a[:, None] + pair.rest * b
        counted = y > near
        x, own = (np.broadcast_to(each, y.shape)[counted] for each in (a[:, None], b))
        total += float(np.exp(-(x**2 + own**2) / 2) @ _pair_cdf(x, y[counted], own, pair) ** (classes - 1))
    value = classes * total * step**2 / (2 * math.pi)
    return value, value * (4 * PRECISION + classes * ROUNDING)
