r"""Two-point moments by Hermite coefficients, with a radius that provably covers them.

With $f = \sum_ka_k\mathrm{he}_k$ in orthonormal Hermite polynomials, $E f(X)f(Y) = \sum_ka_k^2c^k$ at correlation c; what is left out
beyond $K$ is at most $|c|^{K+1}(E f^2 - \sum_{k\le K}a_k^2)$.

The coefficients come from Gauss-Legendre rules on short panels, one set of nodes for all of them. On a panel of half-width h around x
the n-point rule errs by at most $\frac{64}{15}h\,M\rho^{-2(n-1)}/(1-\rho^{-2})$, where M bounds the integrand on the ellipse with foci at the panel's
ends and semi-axes $\frac h2(\rho\pm\rho^{-1})$ (Trefethen, Approximation Theory and Practice, Th. 19.3); M comes from balls that cover
the ellipse, on which f is finite and so holomorphic, from $|\varphi(x+iy)| = \varphi(x)e^{y^2/2}$ and from
$|\mathrm{he}_k(z)| \le \sqrt{k!}\,r^{-k}e^{r|z|+r^2/2}$, any $r > 0$ (Cauchy's bound on the generating function), at $r = \sqrt k$.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

from flint import acb, arb, arb_mat
from sympy import Expr, Symbol

from proofs_checks.balls import NotEnclosed, Values, enclose, evaluator, gaussian_tail, growth, pieces, precision, settled, smooth_branch
from theory.gaussian_functions import TwoPoint

DEGREE = 192  #: K
BITS = 128  #: of the coefficients
REACH = 14  #: panels cover [−14, 14]; beyond, by Cauchy and Schwarz, a coefficient is at most the root of E[f²; |z| > 14]
HALF = arb(1) / 2  #: half-width of a panel
NODES = 64
ELLIPSE = 4  #: ρ
COVER = (8, 6)  #: balls along and across an ellipse
FINEST = arb(1) / 64  #: half-width below which a panel is not split

Coefficients = tuple[tuple[arb, ...], arb]  #: a_0 … a_K, and E f² − Σ a_k²


def two_point(moment: TwoPoint, values: Values, analytic: bool) -> arb:
    """E f(X)f(Y) at correlation c.

    Raises
    ------
    NotEnclosed
        If f is not covered by balls near the real line, or grows too fast.
    """
    f, c = moment.args
    if any(isinstance(value, acb) for value in values.values()):
        raise NotEnclosed(f"a two-point moment within an integral is not enclosed: {moment}")
    correlation = enclose(c, values)
    with precision(BITS):
        (variable,) = f.variables
        used = {symbol: value for symbol, value in values.items() if symbol in f.expr.free_symbols}
        known, rest = coefficients(f.expr, variable, used) if used else _constant_coefficients(f.expr, variable)
        total, power = arb(0), arb(1)
        for a in known:
            total += a * a * power
            power *= correlation
        return total + arb(0, (abs(power) * abs(rest)).upper())


@cache
def _constant_coefficients(f: Expr, variable: Symbol) -> Coefficients:
    """Of a function without parameters: the same at every layer."""
    return coefficients(f, variable, {})


def coefficients(f: Expr, variable: Symbol, values: Values) -> Coefficients:
    """Hermite coefficients of f up to `DEGREE`, and the squared norm of what is left."""
    f, values = settled(f, variable, values)
    edges = [arb(edge) for edge in range(-REACH, REACH + 1)]
    scale, degree = growth(f, variable, values)
    beyond = 2 * gaussian_tail(scale**2, 2 * degree, edges[-1])
    sums, squares = arb_mat(DEGREE + 1, 1), arb(0)
    errors = [beyond.sqrt().upper()] * (DEGREE + 1)
    for left, right in pairwise(edges):
        for low, high in pairwise(pieces(f, variable, values, left, right)):
            smooth = smooth_branch(f, variable, values, (low + high) / 2)
            for panel in _panels(smooth, variable, values, low, high):
                nodes, weighted, bounds = _rule(*panel[:2])
                column = [evaluator(smooth)({**values, variable: node}, False) for node in nodes]
                sums += weighted * arb_mat(len(nodes), 1, column)
                squares += sum((weight * value * value for weight, value in zip(weighted.table()[0], column, strict=True)), arb(0))
                squares += arb(0, (panel[2] ** 2 * bounds[0]).upper())
                errors = [(error + panel[2] * bound).upper() for error, bound in zip(errors, bounds, strict=True)]
    known = tuple(sums[k, 0] + arb(0, error) for k, error in enumerate(errors))
    return known, squares + arb(0, beyond.upper()) - sum((a * a for a in known), arb(0))


def _panels(f: Expr, variable: Symbol, values: Values, low: arb, high: arb) -> list[tuple[arb, arb, arb]]:
    """(ends, bound of |f| on the ellipse): halved where balls on the ellipse are not finite."""
    bound = _on_ellipse(f, variable, values, low, high)
    if bound.is_finite():
        return [(low, high, bound)]
    if not (high - low) / 2 > FINEST:
        raise NotEnclosed(f"{f} is not covered by balls around {variable} = {float(low):.3g}")
    middle = (low + high) / 2
    return _panels(f, variable, values, low, middle) + _panels(f, variable, values, middle, high)


def _on_ellipse(f: Expr, variable: Symbol, values: Values, low: arb, high: arb) -> arb:
    """A bound of |f| on the rectangle around the ellipse."""
    evaluate = evaluator(f)
    along, across = COVER
    centre, half = (low + high) / 2, (high - low) / 2
    width, height = (half * (ELLIPSE + sign * arb(1) / ELLIPSE) / 2 for sign in (1, -1))
    largest = arb(0)
    for i in range(along):
        for j in range(across):
            x = centre + width * (arb(2 * i + 1, 1) / along - 1)
            y = height * (arb(2 * j + 1, 1) / across - 1)
            size = abs(evaluate({**values, variable: acb(x, y)}, True))
            if not size.is_finite():
                return size
            largest = arb.max(largest, size.upper())
    return largest


_RULES: dict[tuple[str, str], tuple[list[arb], arb_mat, list[arb]]] = {}


def _rule(low: arb, high: arb) -> tuple[list[arb], arb_mat, list[arb]]:
    """Nodes of a panel, the matrix of weight · φ · he_k at them, and for each k the factor of |f|'s bound in the rule's error."""
    key = (low.str(40, more=True), high.str(40, more=True))
    if key not in _RULES:
        centre, half = (low + high) / 2, (high - low) / 2
        nodes, row = [], []
        for point, weight in _gauss_legendre():
            node = centre + half * point
            nodes.append(node)
            row.append(half * weight * _density(node))
        rows, before, current = [], [arb(0)] * NODES, row
        for k in range(DEGREE + 1):
            rows.append(current)
            root, last = arb(k + 1).sqrt(), arb(k).sqrt()
            before, current = current, [(node * here - last * old) / root for node, here, old in zip(nodes, current, before, strict=True)]
        _RULES[key] = nodes, arb_mat(rows), _error_factors(centre, half)
    return _RULES[key]


def _error_factors(centre: arb, half: arb) -> list[arb]:
    width, height = (half * (ELLIPSE + sign * arb(1) / ELLIPSE) / 2 for sign in (1, -1))
    nearest = arb.max(abs(centre) - width, arb(0)).lower()
    farthest = (((abs(centre) + width) ** 2 + height**2).sqrt()).upper()
    density = (_density(nearest) * (height**2 / 2).exp()).upper()
    factor = arb(64) / 15 * half * density * arb(ELLIPSE) ** (-2 * (NODES - 1)) / (1 - arb(ELLIPSE) ** -2)
    factors, root_factorial = [], arb(1)
    for k in range(DEGREE + 1):
        root_factorial = root_factorial * arb(max(k, 1)).sqrt()
        r = arb(max(k, 1)).sqrt()
        factors.append((factor * root_factorial * (r * farthest + r**2 / 2).exp() / r**k).upper())
    return factors


@cache
def _gauss_legendre() -> list[tuple[arb, arb]]:
    return [arb.legendre_p_root(NODES, k, weight=True) for k in range(NODES)]


def _density(x: arb) -> arb:
    return (-(x**2) / 2).exp() / (2 * arb.pi()).sqrt()
