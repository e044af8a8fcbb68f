"""What is assumed and not audited: claims without evidence, visible in every graph."""

from theory.claim import PAPER, Claim, Kind, Source


def _assumption(id: str, title: str, says: str, ref: str) -> Claim:
    return Claim(id, title, says, Kind.ASSUMPTION, Source(PAPER, ref))


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

CLAIMS = (MEAN_FIELD_LIMIT, INDEPENDENCE, GAUSSIAN_DATA, NO_EPSILON, NO_AFFINE, SAMPLE_MEAN_AND_VARIANCE)
