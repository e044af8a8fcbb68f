r"""What the Fisher information is made of: the identity by layers, the Jacobians of norms on the outputs, and the order parameters in closed form."""

from sympy import Derivative, Expr, Limit, Rational, S, Sum, acos, oo, pi, sqrt, tanh

from theory import symbols as s
from theory.activations import ACTIVATIONS, GELU, Erf, PiecewiseLinear, Sine
from theory.assumptions import GAUSSIAN_DATA, GRADIENT_INDEPENDENCE, INDEPENDENCE, MEAN_FIELD_LIMIT, NO_AFFINE, NO_EPSILON
from theory.claim import ENCLOSED, EXACT, Claim, Interval, Kind, Relation, Source, Statement, derived_here
from theory.classifier import Classifier, Where, classifier
from theory.depth import GROWTH, RECURSION
from theory.experiments import GramIdentity, Rival
from theory.fisher import order_parameters
from theory.gaussian import OVERLAP, TWO_POINT
from theory.gaussian_functions import Phi, TwoPoint, expectation, gamma_of, kappa
from theory.gradients import PROJECTOR, SLOPES
from theory.network import Network
from theory.norms import BatchNorm, LayerNorm, MeanOnlyBatchNorm, NoNorm, Norm
from theory.stages import Axis, Center

FISHER = "arXiv 1906.02926"
SHARPNESS = "arXiv 1806.01316"
MeanOnlyLayerNorm = Norm("mean_only_layer_norm", Center(Axis.FEATURES))

SIZES = (Interval(s.T, 1, oo), Interval(s.C, 0, oo))


def over(count: Expr, term: Expr) -> Sum:
    """The sum of equal terms, one for each of `count` samples, outputs or pairs."""
    return Sum(term, (s.k, 1, count))


_REAL = tuple(Interval(symbol, -oo, oo) for symbol in (s.x, s.y, s.z, s.mu, s.m, s.w))

TANGENT_KERNEL = Claim(
    "tangent_kernel_fluctuations",
    "The tangent kernel tends to its mean",
    r"Entries $\nabla f_k(s)\cdot\nabla f_{k'}(t)$ are $\alpha M\delta_{kk'}[\kappa_2 + (\kappa_1-\kappa_2)\delta_{st}] + O(\sqrt M)$, of other outputs and other samples too: C and L are fixed, widths "
    r"grow together as $M_l = \alpha_lM$, that of the inputs included. Inputs are independent samples of independent coordinates.",
    Kind.ASSUMPTION,
    Source(FISHER, "setting"),
)
SETTING = (MEAN_FIELD_LIMIT, INDEPENDENCE, GAUSSIAN_DATA, GRADIENT_INDEPENDENCE, NO_AFFINE)

# The identity by layers, on a network of one hidden unit


def _output(x: Expr) -> Expr:
    """One input, one hidden unit of weight w and bias m, one output of weight z and bias μ."""
    return s.z * tanh(s.w * x + s.m) + s.mu


_parameters = (s.w, s.m, s.z, s.mu)
_hidden = tuple(tanh(s.w * x + s.m) for x in (s.x, s.y))
_back = tuple(s.z * (1 - h**2) for h in _hidden)

_RANKS = {
    NoNorm: s.C * s.T,
    MeanOnlyBatchNorm: s.C * (s.T - 1),
    BatchNorm: s.C * (s.T - 2),
    MeanOnlyLayerNorm: (s.C - 1) * s.T,
    LayerNorm: (s.C - 2) * s.T,
}


#: Of twelve rectified units all are zero once in 4096 samples: without biases the outputs would be too, and a norm over them would divide by zero.
_RECTIFIED = Network(bias_variance=Rational(1, 2))


def _identity(samples: int, outputs: int, *norms: Norm) -> GramIdentity:
    return GramIdentity(
        tuple(Classifier(3, outputs, _RECTIFIED, norm) for norm in norms),
        ranks=tuple(_RANKS[norm] for norm in norms),
        width=12,
        samples=samples,
        rival=Rival("what norms take away is one number in all", s.C * s.T - 1),
    )


GRAM = Claim(
    id="fisher_gram_identity",
    title="The Fisher information, layer by layer",
    says=r"$\nabla f_k(s)\cdot\nabla f_{k'}(t) = \sum_l\delta^l_k(s)\cdot\delta^l_{k'}(t)\,(h^{l-1}(s)\cdot h^{l-1}(t) + 1)$, $\delta^l = \partial f/\partial u^l$, blocks of different outputs included; behind norms on the outputs, "
    r"that matrix with their Jacobian on either side. The ranks are $CT$ without a norm, $C(T-1)$ behind the mean of batch norm and $C(T-2)$ behind all of it, $(C-1)T$ and $(C-2)T$ behind layer norm's: for $T = 2$ "
    r"or $C = 2$ nothing is left. Here for one input, one hidden unit and one output, and in networks for all.",
    kind=Kind.LEMMA,
    source=Source(FISHER, "dual Fisher information; ranks derived here"),
    domain=(*_REAL, *SIZES),
    rests_on=(PROJECTOR,),
    statements=(
        Statement(
            "one_hidden_unit",
            derived=sum((Derivative(_output(s.x), each) * Derivative(_output(s.y), each) for each in _parameters), S.Zero),
            stated=_back[0] * _back[1] * (s.x * s.y + 1) + _hidden[0] * _hidden[1] + 1,
            witnesses=EXACT,
            reason="the chain rule: a weight's derivative is that of the pre-activation times what enters, a bias's that alone",
        ),
        Statement(
            "rank_behind_batch_mean",
            derived=over(s.C, over(s.T, 1 - 1 / s.T)),
            stated=s.C * (s.T - 1),
            witnesses=EXACT,
            reason=r"the trace of $I_C \otimes G$, $G = I - \frac1T11^{\mathsf T}$",
        ),
        Statement(
            "rank_behind_batch_norm",
            derived=over(s.C, over(s.T, 1 - 1 / s.T) - s.T / s.T),
            stated=s.C * (s.T - 2),
            witnesses=EXACT,
            reason=r"of every $P_k = G - \frac1Tf_kf_k^{\mathsf T}$, $\|f_k\|^2 = T$",
        ),
        Statement(
            "rank_behind_layer_mean",
            derived=over(s.T, over(s.C, 1 - 1 / s.C)),
            stated=(s.C - 1) * s.T,
            witnesses=EXACT,
            reason="the same over outputs",
        ),
        Statement(
            "rank_behind_layer_norm",
            derived=over(s.T, over(s.C, 1 - 1 / s.C) - s.C / s.C),
            stated=(s.C - 2) * s.T,
            witnesses=EXACT,
            reason=r"the same over outputs, $\|f(t)\|^2 = C$",
        ),
    ),
    experiments=(_identity(6, 4, *_RANKS),),
)

ON_TWO = Claim(
    id="fisher_information_of_two",
    title="Of two samples behind batch norm, and of two outputs behind layer norm, nothing is left",
    says=r"$F = 0$ at $T = 2$ with batch norm on the outputs and at $C = 2$ with layer norm: outputs are ±1. Means alone leave half.",
    kind=Kind.LEMMA,
    source=derived_here(),
    rests_on=(GRAM,),
    experiments=(_identity(2, 3, MeanOnlyBatchNorm, BatchNorm), _identity(3, 2, MeanOnlyLayerNorm, LayerNorm)),
    long=True,
)

HIDDEN_GRAM = Claim(
    id="fisher_gram_identity_with_hidden_norms",
    title="The Fisher information, layer by layer, where hidden norms couple samples",
    says=r"Behind hidden norms over the batch an output of one sample has derivatives in the pre-activations of all: "
    r"$\nabla f_a\cdot\nabla f_b = \sum_l\sum_{s,t}\delta^l_a(s)\cdot\delta^l_b(t)(h^{l-1}(s)\cdot h^{l-1}(t)+1)$. Outputs without a norm leave full rank. The same of smooth activations with biases.",
    kind=Kind.LEMMA,
    source=derived_here(),
    rests_on=(GRAM,),
    experiments=tuple(
        GramIdentity((model,), (s.C * s.T,), width=12, samples=6, rival=Rival("what is common to all samples is lost", s.C * (s.T - 1)))
        for model in (
            *(classifier(norm, Where.HIDDEN, 3, 4, _RECTIFIED) for norm in (MeanOnlyBatchNorm, BatchNorm, LayerNorm)),
            *(
                classifier(
                    norm, Where.HIDDEN, 3, 4, Network(activation=ACTIVATIONS["tanh"], weight_variance=3, bias_variance=Rational(16, 25))
                )
                for norm in (NoNorm, BatchNorm)
            ),
        )
    ),
    long=True,
)

# Jacobians of norms on the outputs

_mean = (s.x + s.y + s.z) / 3
_variance = ((s.x - _mean) ** 2 + (s.y - _mean) ** 2 + (s.z - _mean) ** 2) / 3
_three = (s.x, s.y, s.z)
_standardised = (s.x - _mean) / sqrt(_variance)
_guarded = sqrt(_variance + s.epsilon)

JACOBIANS = Claim(
    id="fisher_jacobians_of_norms",
    title="Norms on the outputs project gradients",
    says=r"Batch norm on output k has the Jacobian $\frac1{\sigma_k}P_k$, $P_k = I - \frac1T11^{\mathsf T} - \frac1Tf_kf_k^{\mathsf T}$ over samples, layer norm on sample t $\frac1{\sigma_t}P_t$ of the same form over outputs; "
    r"of mean subtraction alone it is $G = I - \frac1T11^{\mathsf T}$. P is a projector of rank $n - 2$, n the numbers standardised together. It takes away what is common to all samples: the outliers. Of two numbers nothing is left: their outputs are "
    r"±1. With $\epsilon > 0$ the last term is multiplied by $\sigma^2/(\sigma^2+\epsilon)$, and P is no projector. Statistics that are constants (of evaluation, or not differentiated) leave $1/\sigma_k$ and every outlier.",
    kind=Kind.LEMMA,
    source=Source(FISHER, "normalization in the last layer; derived here"),
    domain=(*_REAL, Interval(s.epsilon, 0, oo), Interval(s.r, 0, oo), Interval(s.u, 0, oo), *SIZES),
    rests_on=(PROJECTOR, NO_EPSILON),
    statements=(
        Statement(
            "centring_is_a_projector",
            derived=1 - 2 / s.T + s.T / s.T**2,
            stated=1 - 1 / s.T,
            reason=r"a diagonal entry of $G^2 = I - \frac2T11^{\mathsf T} + \frac1{T^2}11^{\mathsf T}11^{\mathsf T}$, $1^{\mathsf T}1 = T$",
        ),
        Statement(
            "standardising_is_a_projector",
            derived=(1 - 1 / s.T) - 2 * s.x * s.y / s.T + s.T * s.x * s.y / s.T**2,
            stated=(1 - 1 / s.T) - s.x * s.y / s.T,
            reason=r"an entry of $P^2 = G^2 - \frac1T(Gff^{\mathsf T} + ff^{\mathsf T}G) + \frac1{T^2}f(f^{\mathsf T}f)f^{\mathsf T}$, $Gf = f$, $f^{\mathsf T}f = T$; here $f_s = x$, $f_t = y$",
        ),
        Statement(
            "common_part",
            derived=sum((Derivative(_standardised, each) for each in _three), S.Zero),
            stated=0,
            witnesses=EXACT,
            reason="standardised numbers do not change where all are shifted",
        ),
        Statement(
            "along_the_outputs",
            derived=sum((each * Derivative(_standardised, each) for each in _three), S.Zero),
            stated=0,
            witnesses=EXACT,
            reason="nor where all are scaled (Euler); both directions are orthogonal, and the trace of P is the number of those left",
        ),
        Statement(
            "two_numbers",
            derived=Derivative(s.u / sqrt(s.u**2), s.u),
            stated=0,
            witnesses=EXACT,
            reason=r"$(x-\bar x)/\hat\sigma$ of two numbers $2u$ apart is their sign, and does not change",
        ),
        Statement(
            "guarded_own_derivative",
            derived=Derivative((s.x - _mean) / _guarded, s.x),
            stated=(1 - Rational(1, 3) - (s.x - _mean) ** 2 / (3 * _variance) * _variance / (_variance + s.epsilon)) / _guarded,
            witnesses=EXACT,
            reason=r"quotient rule at $T = 3$: $f^2 = (x-\bar x)^2/\sigma^2$, its term times $\sigma^2/(\sigma^2+\epsilon)$",
        ),
        Statement(
            "guarded_along_the_outputs",
            derived=1 - s.r / (s.r + s.epsilon),
            stated=s.epsilon / (s.r + s.epsilon),
            reason=r"the eigenvalue along f, $\sigma^2 = r$: neither one nor zero",
        ),
    ),
)

# Order parameters


def _at(layers: int) -> Expr:
    """κ_2 of ReLU networks at σ_w² = 2, from the laws and their slopes."""
    return order_parameters(Classifier(layers, 1)).kappa_2


def same_sign(c: Expr) -> Expr:
    r"""$g(c) = 1 - \frac1\pi\arccos c$, twice $E\phi'(u)\phi'(v)$ of a rectifier, and the slope of κ."""
    return 1 - acos(c) / pi


_c_2, _c_3 = 1 / pi, kappa(1 / pi)
_c_4 = kappa(_c_3)


_smooth = Network(activation=ACTIVATIONS["tanh"], weight_variance=3, bias_variance=Rational(16, 25))
_unbiased = Network(activation=ACTIVATIONS["erf"], weight_variance=3)
_rate = 9 * pi**2 / (2 * s.ell**2)

ORDER_PARAMETERS = Claim(
    id="fisher_order_parameters",
    title="Order parameters of the Fisher information",
    says=r"For ReLU at $\sigma_w^2 = 2$, $\sigma_b = 0$, equal widths and unrelated inputs, $\kappa_1 = \frac L{L-1}$ and $\kappa_2 = \frac1{L-1}\sum_{l=2}^Lc_l\prod_{i=l}^{L-1}g(c_i)$, $c_1 = 0$, $c_{l+1} = \kappa(c_l)$, "
    r"$g(c) = 1 - \frac1\pi\arccos c$: with $K_1 = 0$ and $K_L = c_L + g(c_{L-1})K_{L-1}$, $\kappa_2 = K_L/(L-1)$. $\kappa_2 > 0$ for activations whose mean or whose bias is not zero, and $\kappa_2 = 0$ for odd ones without a bias.",
    kind=Kind.THEOREM,
    source=Source(FISHER, "κ_1 and κ_2; closed form for ReLU derived here"),
    domain=(OVERLAP, Interval(s.alpha, -oo, oo), Interval(s.V, 0, oo), Interval(s.v, 0, oo)),
    rests_on=(*SETTING, RECURSION, TWO_POINT, SLOPES),
    statements=(
        *(
            Statement(
                f"kappa_1_of_{layers}_layers", derived=order_parameters(Classifier(layers, 1)).kappa_1, stated=Rational(layers, layers - 1)
            )
            for layers in (2, 3, 4)
        ),
        Statement("kappa_2_of_2_layers", derived=_at(2), stated=1 / pi),
        Statement("kappa_2_of_3_layers", derived=_at(3), stated=(_c_3 + _c_2 * same_sign(_c_2)) / 2),
        Statement(
            "kappa_2_of_4_layers",
            derived=_at(4),
            stated=(_c_4 + same_sign(_c_3) * (_c_3 + same_sign(_c_2) * _c_2)) / 3,
            reason=r"$K_4 = c_4 + g(c_3)K_3$",
        ),
        Statement(
            "slope_from_an_integral",
            derived=2 * expectation(Phi(sqrt(s.V / s.v) * s.z) ** 2),
            stated=same_sign(s.V / (s.V + s.v)),
            witnesses=ENCLOSED,
            reason=r"$\sigma_w^2E\phi'(u)\phi'(v)$: two samples of a unit share $\sqrt Vz$ and are otherwise independent, and a slope is one or zero",
        ),
        Statement(
            "slope",
            derived=Derivative(kappa(s.c), s.c),
            stated=same_sign(s.c),
            witnesses=EXACT,
            reason=r"Price: $E\phi'(u)\phi'(v) = \frac{d}{dp}E\phi(u)\phi(v)$",
        ),
        Statement(
            "slope_of_leaky_relu",
            derived=Derivative(((1 + s.alpha**2) * kappa(s.c) - 2 * s.alpha * kappa(-s.c)) / 2, s.c),
            stated=PiecewiseLinear(s.alpha).slope_product(S.One, s.c),
            witnesses=EXACT,
            reason="the same of slopes 1 and α",
        ),
        *(
            Statement(
                f"slope_of_{name}",
                derived=TwoPoint.of(stage.of(s.x).diff(s.x).subs(s.x, s.z), s.c),
                stated=stage.slope_product(S.One, s.c),
                witnesses=ENCLOSED,
                reason=r"$E\phi'(u)\phi'(v)$ by Hermite coefficients of φ′",
            )
            for name, stage in (("erf", Erf()), ("sine", Sine()), ("gelu", GELU()))
        ),
        Statement(
            "biased_tanh_is_not_centred",
            derived=order_parameters(Classifier(2, 1, _smooth)).kappa_2,
            stated=Rational(924538811, 10**10),
            relation=Relation.GREATER,
            witnesses=ENCLOSED,
            reason=r"two layers, $\sigma_w^2 = 3$, $\sigma_b^2 = 0.64$: its first ten decimals from below",
        ),
        Statement(
            "biased_tanh_from_above",
            derived=Rational(924538812, 10**10),
            stated=order_parameters(Classifier(2, 1, _smooth)).kappa_2,
            relation=Relation.GREATER,
            witnesses=ENCLOSED,
            reason="and from above",
        ),
        Statement(
            "odd_without_bias",
            derived=order_parameters(Classifier(3, 1, _unbiased)).kappa_2,
            stated=0,
            witnesses=EXACT,
            reason="erf: units of mean zero keep samples unrelated",
        ),
    ),
)

CORRELATION_OF_GRADIENTS = Claim(
    id="correlation_of_gradients",
    title="Gradients of deep ReLU networks keep a correlation of one quarter",
    says=r"$1 - c_L \sim 9\pi^2/(2L^2)$, so that $L(1-g(c_L)) \to 3$, and the recursion $K_{L+1} = c_{L+1} + g(c_L)K_L$ has $K_L \sim \frac L4$: $\kappa_2/\kappa_1 \to \frac14$. "
    r"The gradients' own ratio $\Gamma = \kappa_2/(\kappa_1-\kappa_2)$ tends to $\frac13$, while $\gamma_L \sim 2L^2/(9\pi^2)$ grows without bound: derivatives of two samples forget each other on the way back.",
    kind=Kind.FINDING,
    source=derived_here(),
    domain=(Interval(s.ell, 3, oo), Interval(s.t, 0, 1)),
    rests_on=(ORDER_PARAMETERS, GROWTH),
    statements=(
        Statement(
            "loss_per_layer",
            derived=Limit(s.ell * (1 - same_sign(1 - _rate)), s.ell, oo),
            stated=3,
            witnesses=EXACT,
            reason=r"$\arccos(1-\epsilon) \sim \sqrt{2\epsilon}$",
        ),
        Statement(
            "solution_of_the_recursion",
            derived=Limit((s.ell + 1) * s.t - (1 - 3 / s.ell) * s.ell * s.t, s.ell, oo),
            stated=4 * s.t,
            witnesses=EXACT,
            reason=r"$K_L = aL$ leaves $4a = c_{L+1} \to 1$ ($a = t$): $a = \frac14$",
        ),
        Statement(
            "correlation",
            derived=Limit(s.ell * Rational(1, 4) / (s.ell - 1) / (s.ell / (s.ell - 1)), s.ell, oo),
            stated=Rational(1, 4),
            witnesses=EXACT,
            reason=r"$\kappa_2 = K_L/(L-1)$ over $\kappa_1 = L/(L-1)$",
        ),
        Statement("ratio", derived=gamma_of(Rational(1, 4)), stated=Rational(1, 3), reason=r"$\Gamma = \kappa_2/(\kappa_1-\kappa_2)$"),
        Statement(
            "ratio_of_3_layers_below_prejudice",
            derived=gamma_of(_c_3),
            stated=_at(3) / (Rational(3, 2) - _at(3)),
            relation=Relation.GREATER,
            witnesses=ENCLOSED,
            reason=r"$\gamma_3 = 0.975$ and $\Gamma = 0.296$ already at three layers",
        ),
        Statement(
            "last_layer_has_the_prejudice",
            derived=gamma_of(order_parameters(Classifier(3, 1)).entering[-1].other / order_parameters(Classifier(3, 1)).entering[-1].same),
            stated=gamma_of(_c_3),
            reason=r"of the last layer's weights alone, without biases: their gradients are $h^{L-1}$, and outputs are these at random weights",
        ),
    ),
)

CLAIMS = (TANGENT_KERNEL, GRAM, ON_TWO, HIDDEN_GRAM, JACOBIANS, ORDER_PARAMETERS, CORRELATION_OF_GRADIENTS)
