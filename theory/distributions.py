r"""Where numbers come from: the distributions of weights and of inputs, and the data sets that can stand in for random inputs.

Definitions only. Every distribution has mean zero and variance one; a weight is such a number times $\sigma_w/\sqrt N$, an input
coordinate is one after the common part of the samples is added.
"""

from enum import Enum

HALVINGS = 2  #: a number of the sparse distribution is kept with probability 2^-HALVINGS and is zero otherwise


class Distribution(Enum):
    """Independent numbers of mean zero and variance one."""

    GAUSSIAN = "gaussian"  #: N(0, 1)
    UNIFORM = "uniform"  #: on (−√3, √3)
    RADEMACHER = "rademacher"  #: ±1
    SPARSE = "sparse"  #: ±2^(HALVINGS/2) where kept, else zero

    def __repr__(self) -> str:
        return self.name


class DataSet(Enum):
    """Real pixels, each set standardised by one mean and one deviation; a sample is one image or one patch."""

    DIGITS = "digits"  #: 1797 handwritten digits of 8×8 pixels, scikit-learn's
    PHOTOGRAPHS = "photographs"  #: patches of 8×8 pixels in three colours of scikit-learn's two sample photographs
    PORTRAIT = "portrait"  #: the same of Matplotlib's sample photograph

    def __repr__(self) -> str:
        return self.name
