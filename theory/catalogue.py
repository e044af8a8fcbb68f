"""The catalogue: every claim, foundations first, by id."""

from theory import (
    assumptions,
    class_fraction,
    clt,
    depth,
    edge_of_chaos,
    gaussian,
    gradient_growth,
    gradients,
    initialisation,
    layer_statistics,
    leave_one_out,
    minibatch,
    multiclass,
    optimum_lemma,
    other_norms,
    placements,
    pooling,
    proxy,
    residual,
    smooth_activations,
    structured_data,
    survey,
)
from theory.claim import Claim

MODULES = (
    assumptions,
    gaussian,
    class_fraction,
    leave_one_out,
    minibatch,
    clt,
    layer_statistics,
    depth,
    placements,
    proxy,
    other_norms,
    smooth_activations,
    pooling,
    multiclass,
    initialisation,
    structured_data,
    gradients,
    gradient_growth,
    edge_of_chaos,
    residual,
    survey,
    optimum_lemma,
)

CLAIMS: dict[str, Claim] = {claim.id: claim for module in MODULES for claim in module.CLAIMS}
