r"""What a claim says networks do: the part of a claim that a simulation can contradict.

An experiment names what is measured (read by `numerics`, which sees no formula) and states what should
come out (read by `proofs_checks` only). Every experiment carries a rival, a wrong statement that the same
numbers must reject.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from sympy import Expr, S

from theory.classifier import Classifier
from theory.distributions import DataSet
from theory.law import exact
from theory.network import Network, Stack
from theory.norms import NoNorm, Norm
from theory.stages import Stage
from theory.stream import ResidualNetwork


@dataclass(frozen=True)
class Rival:
    """A wrong statement, in words and as the formula (or the network) it would put in the stated one's place."""

    says: str
    instead: Expr | Network


def _among(depths: tuple[int, ...], *wanted: int | None) -> None:
    for depth in wanted:
        if depth is not None and depth not in depths:
            raise ValueError(f"depth {depth} of the rival or the rate is not among the depths {depths}")


@dataclass(frozen=True)
class OnNetwork:
    """An experiment on one network."""

    network: Stack

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages that run in it."""
        return self.network.stages


@dataclass(frozen=True)
class Prejudice(OnNetwork):
    r"""γ of a network's outputs at several depths, from one sweep over depth.

    Parameters
    ----------
    network : Network or ResidualNetwork
        What is simulated.
    depths : tuple of int
        Numbers of hidden layers, or of blocks; each is one planned check.
    overlap_map : sympy.Expr
        The stated correlation after a layer as a function of c before it, and of the power q where `power_map` is stated too;
        γ_L = c_L/(1 − c_L).
    rival : Rival
        Another map, rejected at `rival_depth` by the same networks; it starts from the network's `input_overlap`, or from the mean
        overlap of its data set.
    rate_depth : int or None
        The depth at which the 1/N rate of the width bias is asserted, where there is a bias to see.
    power_map : sympy.Expr or None
        The stated power after a layer as a function of q before it, where `overlap_map` depends on q or samples differ in power.
    start : tuple of sympy.Expr or None
        The stated c, and q where `power_map` is stated, that the maps start from; None where c is the `input_overlap`, and q = 1 behind an
        embedding. Of a data set every two samples start from their own overlap and powers.
    """

    depths: tuple[int, ...]
    overlap_map: Expr
    rival: Rival
    rival_depth: int
    rate_depth: int | None = None
    power_map: Expr | None = None
    start: tuple[Expr, ...] | None = None

    def __post_init__(self) -> None:
        opens = isinstance(self.network, ResidualNetwork) or isinstance(self.network.inputs, DataSet)
        if len(self.start or self.maps[: None if opens else 1]) != len(self.maps):
            raise ValueError("a map of powers needs the power it starts from, and a power needs its map")
        _among(self.depths, self.rival_depth, self.rate_depth)

    @property
    def maps(self) -> tuple[Expr, ...]:
        """The stated maps: of c, and of q where there is one."""
        return (self.overlap_map,) if self.power_map is None else (self.overlap_map, self.power_map)

    @property
    def first(self) -> tuple[Expr, ...]:
        """What the stated maps start from: c, and q beside a map of it."""
        return self.start or self.ignoring_inputs

    @property
    def ignoring_inputs(self) -> tuple[Expr, ...]:
        """The same with the network's `input_overlap` for c: what the rival's map starts from."""
        power = () if self.power_map is None else (self.start[1],) if self.start else (S.One,)
        return (exact(self.network.input_overlap), *power)


@dataclass(frozen=True)
class GradientGrowth(OnNetwork):
    r"""The factor per layer of the squared gradient on its way back, $E\|\partial/\partial z_l\|^2 = \chi\,E\|\partial/\partial z_{l+1}\|^2$.

    Parameters
    ----------
    network : Network
        What is simulated. Where it couples samples and its batch size is `oo`, batches grow with the width.
    layers : tuple of int
        First and last of the hidden layers between which the factor is taken; one more layer follows the last.
    factor : sympy.Expr
        The stated χ, constant between these layers.
    rival : Rival
        Another factor, rejected by the same gradients.
    """

    network: Network
    layers: tuple[int, int]
    factor: Expr
    rival: Rival

    def __post_init__(self) -> None:
        if not 1 <= self.layers[0] < self.layers[1]:
            raise ValueError(f"a factor per layer needs two layers in order, not {self.layers}")


@dataclass(frozen=True)
class ClassFraction(OnNetwork):
    r"""The law over weights of the fraction of samples that class 0 receives, at several depths of the same networks.

    The stated law is $f_0 = \Phi(\sqrt{\gamma}\,Z)$; `deviation` is the factor of $Z$ as a function of γ. The rival's is rejected at
    `rival_depth`.
    """

    network: Network
    depths: tuple[int, ...]
    overlap_map: Expr
    deviation: Expr
    rival: Rival
    rival_depth: int

    def __post_init__(self) -> None:
        _among(self.depths, self.rival_depth)


@dataclass(frozen=True)
class LargestFraction(OnNetwork):
    r"""The largest of the fractions of samples that K classes receive, at several depths of the same networks.

    Of every network some samples judge and others vote. The class whose output is the largest on average over m judging samples receives
    an expected share $K\,E[\Phi_2(\bar y, y)^{K-1}]$ of the votes, $(\bar y, y) \sim N(0, [[\gamma + 1/m, \gamma], [\gamma, 1+\gamma]])$ with distribution
    function $\Phi_2$: the mean of the largest fraction as m grows, and no bias at any m. The largest number of votes that any class receives
    from all samples has the law of a multinomial maximum, mixed over the fractions $G_k(\mu)$ with $\mu_k \sim N(0, \gamma)$.

    The rival puts a function of γ in the place of γ; both statistics reject it at `rival_depth`.
    """

    network: Network
    classes: int
    depths: tuple[int, ...]
    overlap_map: Expr
    rival: Rival
    rival_depth: int

    def __post_init__(self) -> None:
        _among(self.depths, self.rival_depth)


@dataclass(frozen=True)
class Neutral(OnNetwork):
    r"""γ vanishes identically, batch by batch: the sample mean of every unit is zero up to rounding.

    The rival is the same network without its norm.
    """

    network: Network
    depths: tuple[int, ...]
    rival: Rival


class Quantity(Enum):
    """A statistic of one random network whose expectation over networks is known at every width."""

    LAYER_MEAN_SQUARE = "squared mean over the layer of the pre-activations of one sample, over its power"
    LAYER_VARIANCE_FLUCTUATION = "squared deviation of the layer variance of one sample from its power, over the power squared"
    LYAPUNOV_RATIO = "Lyapunov ratio Σ E|W(h−Eh)|³ / (Σ Var Wh)^{3/2} of one unit behind a ReLU layer"


@dataclass(frozen=True)
class Expectation:
    """The expectation of a `Quantity` at several widths, stated as a function of the width N."""

    quantity: Quantity
    widths: tuple[int, ...]
    stated: Expr
    rival: Rival

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages that run in it."""
        return ()


@dataclass(frozen=True)
class StatisticLaw:
    r"""The law of one sample of a Gaussian batch behind a norm, for several batch sizes B.

    Parameters
    ----------
    norm : Norm
        Whose stages are applied to batches of standard Gaussian samples.
    batches : tuple of int
        Batch sizes; each is one planned check.
    density : sympy.Expr
        The stated density as a function of x and $\nu = B-2$, for B > 2; at B = 2 the stated law is ±1.
    support : sympy.Expr
        The density vanishes beyond ± this, a function of ν; `oo` where it never does.
    rival : Rival
        Another density, rejected at `rival_batch` by the same values.
    """

    norm: Norm
    batches: tuple[int, ...]
    density: Expr
    support: Expr
    rival: Rival
    rival_batch: int

    def __post_init__(self) -> None:
        if self.rival_batch not in self.batches:
            raise ValueError(f"batch {self.rival_batch} of the rival is not among the batches {self.batches}")

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages that run in it."""
        return self.norm.stages


class Compared(Enum):
    """What two samplers of a network are compared by."""

    PREJUDICE = "γ"
    GRADIENTS = "growth of the squared gradient from a layer to the first"


@dataclass(frozen=True)
class SameLaw(OnNetwork):
    """Two samplers of one network agree in law: two-sample comparison of γ, or of gradients, at several depths and one small width.

    The rival is another network, which the same comparison must tell apart from this one at the deepest depth.
    """

    network: Network
    depths: tuple[int, ...]
    width: int
    rival: Rival
    compared: Compared = Compared.PREJUDICE


LISTING = "combinations"  #: the check that every combination is either confronted or listed with its reason


def combination(network: Network) -> str:
    """norm_placement_activation."""
    return f"{network.norm.name}_{network.placement.value}_{network.activation.name}"


@dataclass(frozen=True)
class Agreement:
    r"""γ of several networks with one norm, at one depth, against what the theory predicts of each in the full batch.

    Each network with a law is one planned check; those without are listed with the reason. The rivals are networks too: the first of
    `rivals` whose predicted γ differs by more than the check resolves.

    Parameters
    ----------
    networks : tuple of Network
        Networks that differ in placement and activation.
    family : tuple of Network
        All networks that one compiled kernel serves; contains `networks`.
    depth : int
    rivals : tuple of Network
    undefined : tuple of (Network, str)
        Networks that have no value in a finite batch, with the reason.
    """

    networks: tuple[Network, ...]
    family: tuple[Network, ...]
    depth: int
    rivals: tuple[Network, ...]
    undefined: tuple[tuple[Network, str], ...] = ()

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages that run in it."""
        return tuple(stage for network in self.networks for stage in network.stages)

    @property
    def rival(self) -> Rival:
        """Another activation without a norm: which one is settled by the predictions."""
        return Rival("the first activation without a norm whose prejudice is far enough", self.rivals[0])


class Spectral(Enum):
    """What is measured of the spectrum of a Fisher information F, over the parameters of one network."""

    TRACE = "tr F"
    SQUARE = "tr F²"
    LARGEST = "λ_max"
    OUTLIERS = "mean of the C largest eigenvalues"
    RATIO = "Γ: squared mean gradient over the variance of gradients"


@dataclass(frozen=True)
class GramIdentity:
    r"""The dual Fisher information assembled layer by layer is that by differentiation, to rounding, and its rank is as stated.

    Parameters
    ----------
    models : tuple of Classifier
        Networks that differ in the norm on their outputs only; each is one planned check.
    ranks : tuple of sympy.Expr
        The stated rank of each, of C and T.
    width, samples : int
        M and T.
    rival : Rival
        Another rank.
    """

    models: tuple[Classifier, ...]
    ranks: tuple[Expr, ...]
    width: int
    samples: int
    rival: Rival

    def __post_init__(self) -> None:
        if len(self.ranks) != len(self.models) or len({replace(model, last=NoNorm) for model in self.models}) != 1:
            raise ValueError("networks of one experiment differ in the norm on their outputs only, and each has a rank")

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages that run in them."""
        return tuple(stage for model in self.models for stage in model.stages)


@dataclass(frozen=True)
class OnSpectrum:
    """An experiment on the spectra of networks of several widths M; the number of samples T is a function of M."""

    model: Classifier
    samples: Expr
    widths: tuple[int, ...]

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages that run in it."""
        return self.model.stages


@dataclass(frozen=True)
class SpectralRatio(OnSpectrum):
    r"""A number of the spectrum over what is stated of it tends to one.

    Parameters
    ----------
    measured : Spectral
    stated : sympy.Expr
        A function of M, T, C, α, κ_1, κ_2, $c_1$, of $V = q^L_{st}$ and $v = q^L_t - q^L_{st}$, and of what the network's outputs turned out to be.
    rate : str
        How it tends there: one of the rates of `ladder`; "none" where it is one on average at every width.
    rival : Rival
        Another formula.
    """

    measured: Spectral
    stated: Expr
    rival: Rival
    rate: str = "1/N"


@dataclass(frozen=True)
class SpectralBounds(OnSpectrum):
    r"""The largest eigenvalue is between two numbers, at every width.

    Parameters
    ----------
    lower, upper : sympy.Expr
        Functions of the same; `oo` for no upper bound.
    certain : bool
        Whether they hold in every network, rather than in the limit.
    rival : Rival
        A lower bound that does not hold.
    """

    lower: Expr
    upper: Expr
    rival: Rival
    certain: bool = False


@dataclass(frozen=True)
class SpectralExponent(OnSpectrum):
    """A number of the spectrum grows like a power of M, whose exponent is a multiple of ½; the rival has another one."""

    measured: Spectral
    exponent: Expr
    rival: Rival


Experiment = (
    Prejudice
    | GradientGrowth
    | ClassFraction
    | LargestFraction
    | Neutral
    | Expectation
    | StatisticLaw
    | SameLaw
    | Agreement
    | GramIdentity
    | SpectralRatio
    | SpectralBounds
    | SpectralExponent
)
