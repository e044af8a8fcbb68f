"""What is assumed and not audited: claims without evidence, visible in every graph."""

from theory.claim import PAPER, Claim, Kind, Source


def _assumption(id: str, title: str, says: str, ref: str, paper: str = PAPER) -> Claim:
    return Claim(id, title, says, Kind.ASSUMPTION, Source(paper, ref))


MEAN_FIELD_LIMIT = _assumption(
    "mean_field_limit",
    "Infinite width",
    r"The input dimension and every width go to infinity; sums over a layer are replaced by expectations over the weights.",
    "App. B, F.1",
)
INDEPENDENCE = _assumption(
    "independence",
    "Independent weights",
    r"Weights are independent Gaussians $W_{ij} \sim N(0, \sigma_w^2/N)$, independent of the data, with zero biases.",
    "Sec. 2",
)
GAUSSIAN_DATA = _assumption(
    "gaussian_data",
    "Gaussian data",
    r"Samples are independent, $x \sim N(0, I_d)$.",
    "Sec. 2, eq. (91)",
)
NO_EPSILON = _assumption(
    "no_epsilon",
    "Exact normalisation",
    r"Norms divide by the standard deviation itself: $\epsilon = 0$ in eqs (4) and (5).",
    "App. A",
)
NO_AFFINE = _assumption(
    "no_affine",
    "No affine parameters",
    r"Norms have gain one and shift zero, their value at initialisation.",
    "App. A",
)
SAMPLE_MEAN_AND_VARIANCE = _assumption(
    "sample_mean_and_variance_independent",
    "Sample mean and variance are independent",
    r"The mean and the variance of independent Gaussian samples are independent of each other, and $\sum(x-\bar x)^2/\sigma^2$ of $n$ samples is "
    r"$\chi^2_{n-1}$ (cited there: Casella and Berger 2002, Theorem 5.3.1).",
    "App. E.1.2",
)
GRADIENT_INDEPENDENCE = _assumption(
    "gradient_independence",
    "Gradient independence",
    r"On the way back every layer has weights independent of those of the way forward, so that gradients are independent of the activations and, given the "
    r"layer above, from unit to unit. Exactly, weights remember the pre-activations $z$ they made, and a gradient $g$ meets that memory "
    r"through $\frac1N\sum_kz_{ik}g_{jk}$ (claim `gradients_from_gram_matrices`): it vanishes with the width for cotangents drawn independently of the outputs, and does not "
    r"for a loss whose gradient follows the outputs, as that of $\|z\|^2$.",
    "Sec. 4",
    "arXiv 1611.01232",
)

CLAIMS = (MEAN_FIELD_LIMIT, INDEPENDENCE, GAUSSIAN_DATA, NO_EPSILON, NO_AFFINE, SAMPLE_MEAN_AND_VARIANCE, GRADIENT_INDEPENDENCE)
