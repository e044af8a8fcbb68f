"""The catalogue: every claim, foundations first, by id.

Deriving all claims takes SymPy seconds. The ids stand here, so that nothing is derived to find out what claims there are, and a module's claims
are derived when one of them is asked for. A new claim is named here as well; a table that differs from a module is refused.
"""

from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module

from theory.claim import Claim

#: The ids of each module's claims; modules of this package, foundations first.
CONTENTS = {
    "assumptions": (
        "mean_field_limit",
        "independence",
        "gaussian_data",
        "no_epsilon",
        "no_affine",
        "sample_mean_and_variance_independent",
        "gradient_independence",
    ),
    "gaussian": (
        "rectified_gaussian_mean",
        "rectified_gaussian_second_moment",
        "rectified_moments_scale",
        "two_point_relu_moment",
        "kappa_shape",
    ),
    "class_fraction": ("class_fraction_law", "class_fraction_limits", "class_fraction_moments"),
    "leave_one_out": ("leave_one_out_estimators", "leave_one_out_laws", "leave_one_out_density", "leave_one_out_gaussian_limit"),
    "minibatch": ("batch_standardised_gaussian", "batch_size_and_prejudice"),
    "clt": ("lyapunov_implies_lindeberg", "lyapunov_ratio_of_relu", "gram_sampler_equal_in_law"),
    "layer_statistics": ("layer_statistics_concentrate",),
    "depth": ("node_law_mixture", "overlap_recursion", "prejudice_grows_with_depth", "quadratic_growth"),
    "placements": (
        "batch_norm_before_relu",
        "prejudice_dichotomy",
        "batch_norm_after_relu",
        "layer_norm_before_relu",
        "layer_norm_after_relu",
        "layer_norm_basin",
        "rms_norm_equals_layer_norm_before_relu",
        "rms_norm_differs_after_relu",
        "batch_norm_is_not_layer_norm",
    ),
    "proxy": ("leave_one_out_propagation", "leave_one_out_errs_to_the_other_side", "other_batch_statistics"),
    "other_norms": ("parts_of_batch_norm", "group_norm_before_relu"),
    "smooth_activations": ("two_point_moments_of_smooth_activations", "prejudice_without_norm_by_activation"),
    "pooling": ("average_pooling", "max_pooling"),
    "multiclass": ("multiclass_fraction_law", "largest_class_fraction", "largest_of_three_fractions"),
    "initialisation": ("standardisation_shift", "gain_and_bias", "universality_of_weights_and_inputs"),
    "structured_data": ("overlaps_of_real_data",),
    "gradients": (
        "gradients_from_gram_matrices",
        "gradient_of_standardising",
        "slope_of_two_point_moments",
        "gaussian_poincare_inequality",
    ),
    "gradient_growth": (
        "gradient_without_norm",
        "gradient_of_layer_norm_before_relu",
        "gradient_of_layer_norm_after_relu",
        "gradient_of_batch_norm",
        "gradient_of_batch_norm_in_batches",
        "gradient_of_batch_norm_after_relu",
        "gradient_of_group_norm",
    ),
    "edge_of_chaos": ("edge_of_chaos", "chaos_and_prejudice"),
    "residual": (
        "pre_ln_stream",
        "post_ln_stream",
        "batch_norm_streams",
        "streams_grow_with_depth",
        "stream_increment",
        "post_ln_quadratic_growth",
        "pre_ln_logarithmic_growth",
    ),
    "fisher_kernel": (
        "tangent_kernel_fluctuations",
        "fisher_gram_identity",
        "fisher_information_of_two",
        "fisher_gram_identity_with_hidden_norms",
        "fisher_jacobians_of_norms",
        "fisher_order_parameters",
        "correlation_of_gradients",
    ),
    "fisher_spectrum": (
        "fisher_without_norm",
        "fisher_batch_mean_on_outputs",
        "fisher_batch_mean_is_of_order_one",
        "fisher_batch_norm_on_outputs",
        "fisher_layer_norm_on_outputs",
        "fisher_batch_norm_in_hidden_layers",
        "fisher_gradients_and_prejudice",
        "fisher_trace_of_narrow_networks",
        "fisher_squared_norm_with_fluctuations",
        "fisher_batch_mean_on_few_samples",
        "fisher_batch_norm_in_hidden_layers_at_width",
        "fisher_other_norms_on_outputs",
    ),
    "survey": (
        "none_with_every_activation",
        "batch_norm_with_every_activation",
        "layer_norm_with_every_activation",
        "rms_norm_with_every_activation",
        "instance_norm_with_every_activation",
        "mean_only_batch_norm_with_every_activation",
        "variance_only_batch_norm_with_every_activation",
        "l1_batch_norm_with_every_activation",
        "batch_rms_norm_with_every_activation",
        "switchable_norm_with_every_activation",
        "group_norm_with_every_activation",
        "batch_norm_epsilon_with_every_activation",
        "layer_norm_epsilon_with_every_activation",
        "rms_norm_epsilon_with_every_activation",
        "dynamic_tanh_with_every_activation",
    ),
    "optimum_lemma": (
        "optimum_lemma_bound",
        "batch_norm_loss_of_one_neuron",
        "optimum_lemma_refuted",
        "optimum_lemma_condition",
        "optimum_lemma_fails_mostly",
        "optimum_lemma_generic_refutation",
        "optimum_lemma_smallest_refutations",
    ),
}
_MODULE_OF = {id: module for module, ids in CONTENTS.items() for id in ids}


class Catalogue(Mapping[str, Claim]):
    """Claims by id, in the order of their modules, and then those added: to look one up derives those of its module and of what it is built on."""

    def __init__(self, added: Iterable[Claim] = ()) -> None:
        self._claims = {claim.id: claim for claim in added}
        self._ids = dict.fromkeys((*_MODULE_OF, *self._claims))

    def __getitem__(self, id: str) -> Claim:
        if id not in self._claims:
            module = _MODULE_OF[id]
            found = {claim.id: claim for claim in import_module(f"theory.{module}").CLAIMS}
            assert tuple(found) == CONTENTS[module], f"theory.{module} has the claims {', '.join(found)}: CONTENTS lists others"
            self._claims |= found
        return self._claims[id]

    def __contains__(self, id: object) -> bool:
        return id in self._ids

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)


CLAIMS = Catalogue()
