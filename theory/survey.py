r"""Every norm with every activation, before and after it: theory against networks, in one table.

Nothing is stated here by hand. The theory's answer for each combination, in closed form or by quadrature, is confronted with networks;
combinations for which it has none are listed with the reason. These claims take minutes: `normproof audit --long` audits them.
"""

from theory.activations import ACTIVATIONS, leaky_relu
from theory.assumptions import GAUSSIAN_DATA, INDEPENDENCE, MEAN_FIELD_LIMIT, NO_AFFINE
from theory.claim import Claim, Kind, derived_here
from theory.clt import GRAM_SAMPLER, LYAPUNOV
from theory.experiments import Agreement
from theory.network import Network, Placement
from theory.norms import (
    GROUP,
    NORMS,
    SLOPE,
    Norm,
    batch_norm_epsilon,
    dynamic_tanh,
    group_norm,
    layer_norm_epsilon,
    rms_norm_epsilon,
)

DEPTH = 2  #: the first layer's units are alike, the second's are not
EPSILON = 0.1  #: large enough to be seen

SURVEYED: tuple[Norm, ...] = (
    *(
        NORMS[name]
        for name in (
            "none",
            "batch_norm",
            "layer_norm",
            "rms_norm",
            "instance_norm",
            "mean_only_batch_norm",
            "variance_only_batch_norm",
            "l1_batch_norm",
            "batch_rms_norm",
            "switchable_norm",
        )
    ),
    group_norm(GROUP),
    batch_norm_epsilon(EPSILON),
    layer_norm_epsilon(EPSILON),
    rms_norm_epsilon(EPSILON),
    dynamic_tanh(SLOPE),
)
_ACTIVATIONS = tuple(leaky_relu(0.2) if name == "leaky_relu" else activation for name, activation in ACTIVATIONS.items())


def networks_with(norm: Norm) -> tuple[Network, ...]:
    """One network for each placement and activation."""
    placements = (Placement.NONE,) if not norm.stages else (Placement.PRE, Placement.POST)
    return tuple(Network(norm, placement, activation) for placement in placements for activation in _ACTIVATIONS)


NETWORKS = tuple(network for norm in SURVEYED for network in networks_with(norm))
#: Networks of one kernel: those whose samples see each other, and those whose do not.
FAMILIES = {coupled: tuple(network for network in NETWORKS if network.couples_samples is coupled) for coupled in (False, True)}
_ZERO_GROUPS = (
    f"with ε = 0 it divides by zero where all {GROUP} rectified units of a group are zero, with probability 2^-{GROUP} at every width"
)
_NO_VALUE = "with ε = 0 it divides by zero where a rectified unit is zero over a whole finite batch, with a probability that falls only like a power of B"
#: Where a rectified unit can be zero in all that it is divided by.
_ZERO_BY_NORM = {"variance_only_batch_norm": _NO_VALUE, "batch_rms_norm": _NO_VALUE, "group_norm": _ZERO_GROUPS}


def agreement(norm: Norm) -> Claim:
    """The claim that networks with this norm have the prejudice that its definition implies, whatever the activation."""
    networks = networks_with(norm)
    return Claim(
        id=f"{norm.name}_with_every_activation",
        title=f"{norm.name}: every activation, before and after it" if norm.stages else "No norm: every activation",
        says=rf"Behind {DEPTH} layers γ is what the stages' definitions imply in the full batch, by their rules on laws or by quadrature over the units.",
        kind=Kind.FINDING,
        source=derived_here("derived from the definitions"),
        rests_on=(MEAN_FIELD_LIMIT, INDEPENDENCE, GAUSSIAN_DATA, NO_AFFINE, LYAPUNOV, GRAM_SAMPLER),
        experiments=(
            Agreement(
                networks,
                FAMILIES[networks[0].couples_samples],
                DEPTH,
                rivals=tuple(Network(activation=each) for each in _ACTIVATIONS),
                undefined=tuple(
                    (network, _ZERO_BY_NORM[norm.name])
                    for network in networks
                    if norm.name in _ZERO_BY_NORM and network.placement is Placement.POST and network.activation.name == "relu"
                ),
            ),
        ),
        long=True,
    )


CLAIMS = tuple(agreement(norm) for norm in SURVEYED)
