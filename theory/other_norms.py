r"""Norms beside batch, layer and RMS norm: parts of batch norm, ε > 0, and groups of units."""

from sympy import Expr, Integer, pi, sin

from theory import symbols as s
from theory.claim import ENCLOSED, Claim, Interval, Kind, Statement, derived_here
from theory.experiments import Prejudice, Rival
from theory.gaussian import SCALING, TWO_POINT
from theory.gaussian_functions import kappa, over_sample_correlation, sample_correlation_mean
from theory.minibatch import STUDENTISED
from theory.network import Network, Placement
from theory.norms import (
    InstanceNorm,
    L1BatchNorm,
    MeanOnlyBatchNorm,
    Norm,
    VarianceOnlyBatchNorm,
    batch_norm_epsilon,
    group_norm,
    layer_norm_epsilon,
    rms_norm_epsilon,
)
from theory.placements import BATCH_NORM_PRE, LAYER_NORM_POST, LAYER_NORM_PRE, POWER, SIMULATED, batch_norm_pre_overlap

UNIT = Interval(s.c, 0, 1)
GROUP = 8
TENTH = 0.1


def _overlap(norm: Norm, placement: Placement) -> Expr:
    return Network(norm, placement).layer_map().correlation


PARTS = Claim(
    id="parts_of_batch_norm",
    title="Mean-only, variance-only, L1 and ε: what each part of a norm does",
    says=r"In the full batch and behind ReLU. Before the activation it is centring over the batch that stops prejudice: mean-only and L1 batch norm give $\frac1\pi$ at every layer, as batch norm does, and "
    r"variance-only batch norm leaves $c_{l+1} = \kappa(c_l)$. An $\epsilon > 0$ changes no overlap before the activation, by Lemma F.1; after it, batch norm stays neutral and layer norm keeps its map. "
    r"Instance norm on an MLP, one channel, is layer norm.",
    kind=Kind.FINDING,
    source=derived_here(),
    domain=(UNIT, POWER),
    rests_on=(*SIMULATED, SCALING, BATCH_NORM_PRE, LAYER_NORM_PRE, LAYER_NORM_POST),
    statements=tuple(
        Statement(f"{norm.name}_{placement.value}", derived=_overlap(norm, placement), stated=stated, reason="the stages' rules")
        for norm, placement, stated in (
            (MeanOnlyBatchNorm, Placement.PRE, 1 / pi),
            (MeanOnlyBatchNorm, Placement.POST, s.c * 0),
            (VarianceOnlyBatchNorm, Placement.PRE, kappa(s.c)),
            (L1BatchNorm, Placement.PRE, 1 / pi),
            (batch_norm_epsilon(TENTH), Placement.PRE, 1 / pi),
            (batch_norm_epsilon(TENTH), Placement.POST, s.c * 0),
            (layer_norm_epsilon(TENTH), Placement.PRE, kappa(s.c)),
            (layer_norm_epsilon(TENTH), Placement.POST, (pi * kappa(s.c) - 1) / (pi - 1)),
            (rms_norm_epsilon(TENTH), Placement.PRE, kappa(s.c)),
            (rms_norm_epsilon(TENTH), Placement.POST, kappa(s.c)),
            (InstanceNorm, Placement.PRE, kappa(s.c)),
            (InstanceNorm, Placement.POST, (pi * kappa(s.c) - 1) / (pi - 1)),
        )
    ),
)

GROUP_NORM = Claim(
    id="group_norm_before_relu",
    title="Group norm before ReLU: two samples by the correlation of their groups",
    says=r"In a group of $g$ units two samples of correlation $c$ have a sample correlation $r$ of $g$ Gaussian pairs, and their directions are otherwise uniform: behind ReLU the overlap is $E\kappa(r)$, in place of layer norm's "
    r"$\kappa(c)$. Unrelated samples: batch norm's law with units in the place of samples, $\gamma_1 = \gamma_B$ at $B = g$. Here $g = 8$.",
    kind=Kind.FINDING,
    source=derived_here("derived here; sample correlation: Hotelling 1953; group norm: arXiv 1803.08494"),
    domain=(UNIT, POWER),
    rests_on=(*SIMULATED, TWO_POINT, STUDENTISED, LAYER_NORM_PRE),
    statements=(
        Statement(
            "density_is_normalised",
            derived=over_sample_correlation(Integer(1), s.c, GROUP),
            stated=1,
            witnesses=ENCLOSED,
            reason=r"Hotelling's density at $r = \sin\vartheta$",
        ),
        Statement(
            "mean_sample_correlation",
            derived=over_sample_correlation(sin(s.angle), s.c, GROUP),
            stated=sample_correlation_mean(s.c, GROUP),
            witnesses=ENCLOSED,
            reason="the outputs' overlap without an activation",
        ),
        Statement(
            "unrelated_samples",
            derived=Network(group_norm(GROUP), Placement.PRE).layer_map().correlation.subs(s.c, 0),
            stated=batch_norm_pre_overlap(Integer(GROUP)),
            witnesses=ENCLOSED,
            reason=r"$E\kappa(r)$ at $c = 0$ against $2(E\,\mathrm{ReLU}(y))^2$ of Thompson's $\tau$: two routes to one number",
        ),
    ),
    experiments=(
        Prejudice(
            Network(group_norm(GROUP), Placement.PRE),
            depths=(1, 3),
            overlap_map=Network(group_norm(GROUP), Placement.PRE).layer_map().correlation,
            rival=Rival("groups change nothing: layer norm's map", kappa(s.c)),
            rival_depth=3,
        ),
    ),
)

CLAIMS = (PARTS, GROUP_NORM)
