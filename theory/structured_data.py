r"""Real data: the distribution of overlaps, and what its mean does not tell.

Two samples of a data set have an overlap and powers of their own, and γ is a mean over pairs: $\gamma = \bar K/(\bar q-\bar K)$. The two-moment theory
sees the mean overlap alone. It is exact for random inputs, whose overlaps are all alike; on real data its error is of Jensen's kind.
"""

from sympy import Expr, S, asin, diff, oo, pi, sqrt

from theory import symbols as s
from theory.assumptions import INDEPENDENCE, MEAN_FIELD_LIMIT, NO_EPSILON
from theory.claim import ENCLOSED, Claim, Interval, Kind, Relation, Statement, Step, derived_here
from theory.clt import GRAM_SAMPLER, LYAPUNOV
from theory.distributions import DataSet
from theory.experiments import Prejudice, Rival
from theory.gaussian import KAPPA_SHAPE, SCALING, TWO_POINT
from theory.gaussian_functions import expectation, kappa
from theory.network import Network, Placement
from theory.norms import LayerNorm, NoNorm
from theory.placements import LAYER_NORM_POST, LAYER_NORM_PRE

_after_layer_norm = (pi * kappa(s.c) - 1) / (pi - 1)
_curvature = diff(kappa(s.c), s.c, 2)
_opposite = (_after_layer_norm + _after_layer_norm.subs(s.c, -s.c)) / 2
_TWO_MOMENTS = "the mean overlap of the samples settles γ"


def _on_portrait(placement: Placement, overlap_map: Expr, power_map: Expr) -> Prejudice:
    """Depths one and two of networks on patches of a photograph; the two-moment theory must be rejected."""
    return Prejudice(
        Network(NoNorm if placement is Placement.NONE else LayerNorm, placement, inputs=DataSet.PORTRAIT),
        depths=(1, 2),
        overlap_map=overlap_map,
        rival=Rival(_TWO_MOMENTS, overlap_map),
        rival_depth=1,
        power_map=power_map,
    )


STRUCTURED_DATA = Claim(
    id="overlaps_of_real_data",
    title="Finding: on real data the mean overlap does not settle γ",
    says=r"Samples of real data differ in overlap and in power. At infinite width the layer map acts on every pair, $K'_{ij} = \frac{\sigma_w^2}2\sqrt{q_iq_j}\,\kappa(c_{ij})$ for "
    r"ReLU, and $\gamma = \bar K/(\bar q-\bar K)$; the two-moment theory puts the mean overlap in. As $\kappa'' \ge 1/\pi$, it misses at least $\mathrm{Var}(c_{ij})/(2\pi)$ of "
    r"the overlap behind one layer of samples of equal power. Unequal powers act against this, and a layer norm removes them: LN → ReLU then has more prejudice than no norm, "
    r"and ReLU → LN is not neutral even where overlaps average to zero.",
    kind=Kind.FINDING,
    source=derived_here("derived here; deviations on MNIST are reported in arXiv 2505.11312, Secs 5.1 and G.2"),
    domain=(Interval(s.c, 0, 1), *(Interval(symbol, 0, oo) for symbol in (s.sigma, s.a, s.u))),
    rests_on=(
        MEAN_FIELD_LIMIT,
        INDEPENDENCE,
        NO_EPSILON,
        LYAPUNOV,
        GRAM_SAMPLER,
        TWO_POINT,
        SCALING,
        KAPPA_SHAPE,
        LAYER_NORM_PRE,
        LAYER_NORM_POST,
    ),
    statements=(
        Statement("curvature", derived=_curvature, stated=1 / (pi * sqrt(1 - s.c**2)), reason="derivative of the arc cosine"),
        Statement(
            "curvature_from_below",
            derived=_curvature,
            stated=1 / pi,
            relation=Relation.GREATER,
            witnesses=ENCLOSED,
            reason=r"so $E\kappa(c_{ij}) - \kappa(Ec_{ij}) \ge \mathrm{Var}(c_{ij})/(2\pi)$, by Taylor's formula around the mean",
        ),
        Statement(
            "powers_factor_out",
            derived=expectation(s.sigma * s.z, low=0) * expectation(s.a * s.w, over=s.w, low=0),
            stated=s.sigma * s.a / 2 * kappa(0),
            reason=r"unrelated samples of powers $\sigma^2$ and $a^2$: the covariance of two of power $\sigma a$",
        ),
        Statement(
            "unequal_powers",
            derived=(s.sigma**2 + (s.sigma + s.u) ** 2) / 2,
            stated=s.sigma * (s.sigma + s.u),
            relation=Relation.GREATER,
            steps=(Step(s.u**2 / 2, r"write $a = \sigma + u$"),),
            reason=r"mean power above $\sqrt{q_iq_j}$: without a norm, unequal powers lower the overlap of unrelated samples",
        ),
        Statement(
            "opposite_overlaps_behind_layer_norm",
            derived=_opposite,
            stated=(sqrt(1 - s.c**2) + s.c * asin(s.c) - 1) / (pi - 1),
            witnesses=ENCLOSED,
            reason=r"ReLU → LN on overlaps $\pm c$, whose mean is zero",
        ),
        Statement(
            "opposite_overlaps_are_not_neutral",
            derived=diff(sqrt(1 - s.c**2) + s.c * asin(s.c) - 1, s.c),
            stated=0,
            relation=Relation.GREATER,
            steps=(Step(asin(s.c), "derivative"),),
            witnesses=ENCLOSED,
            reason="the overlap above grows from 0 at c = 0: positive, where the mean overlap says neutral",
        ),
    ),
    experiments=(
        _on_portrait(Placement.NONE, kappa(s.c), s.q),
        _on_portrait(Placement.PRE, kappa(s.c), S.One),
        _on_portrait(Placement.POST, _after_layer_norm, S.One),
    ),
)

CLAIMS = (STRUCTURED_DATA,)
