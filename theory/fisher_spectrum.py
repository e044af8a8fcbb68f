r"""Spectra of the Fisher information at initialisation, with norms on the outputs, in hidden layers and nowhere: Karakida, Akaho and Amari.

What the tangent kernel's mean says is exact algebra on $\frac{\alpha M}T[\kappa_211^{\mathsf T} + (\kappa_1-\kappa_2)I]$, one such block for every output; its fluctuations are what
keeps bounds from being equalities where samples are as many as units.
"""

from sympy import Expr, Integral, Limit, Matrix, Rational, S, eye, ones, oo, pi, sqrt

from theory import symbols as s
from theory.activations import ACTIVATIONS
from theory.claim import ENCLOSED, EXACT, Claim, Interval, Kind, Relation, Source, Statement, Step, derived_here
from theory.classifier import Classifier, Where, classifier, on_layer
from theory.experiments import Rival, Spectral, SpectralBounds, SpectralExponent, SpectralRatio
from theory.fisher import fluctuations, order_parameters, propagated
from theory.fisher_kernel import (
    CORRELATION_OF_GRADIENTS,
    FISHER,
    GRAM,
    JACOBIANS,
    ORDER_PARAMETERS,
    SETTING,
    SHARPNESS,
    TANGENT_KERNEL,
    MeanOnlyLayerNorm,
    over,
    same_sign,
)
from theory.gaussian_functions import chi_squared, kappa
from theory.gradients import GRADIENT_SAMPLER, PROJECTOR
from theory.network import Network
from theory.norms import (
    BatchNorm,
    BatchNormEvaluation,
    BatchRMSNorm,
    L1BatchNorm,
    LayerNorm,
    LeaveOneOutBatchNorm,
    MeanOnlyBatchNorm,
    NoNorm,
    RMSNorm,
    VarianceOnlyBatchNorm,
    ghost_batch_norm,
)

M, T, C, P = s.N, s.T, s.C, s.widths * s.N**2
GAP = s.kappa_1 - s.kappa_2
DOMAIN = (
    Interval(M, 0, oo),
    Interval(T, 1, oo),
    Interval(C, 0, oo),
    *(Interval(each, 0, oo) for each in (s.widths, s.kappa_1, s.kappa_2, s.aspect, s.noise, s.a, s.u, s.r, s.v, s.V)),
)
MEAN_FIELD = (*SETTING, TANGENT_KERNEL, ORDER_PARAMETERS, GRAM)
SIMULATED = (*MEAN_FIELD, GRADIENT_SAMPLER)

# The block of one output on three samples, and what norms make of it

_block = s.widths * M / 3 * (s.kappa_2 * ones(3, 3) + GAP * eye(3))
_centred = eye(3) - ones(3, 3) / 3
_one, _other = Matrix([1, 1, 1]), Matrix([1, -1, 0])


def _times(matrix: Matrix, vector: Matrix) -> Expr:
    """The first entry of a matrix times a vector, over that of the vector: its eigenvalue, if it is an eigenvector."""
    return (matrix * vector)[0] / vector[0]


def _square(matrix: Matrix) -> Expr:
    return (matrix * matrix).trace()


# What experiments draw: ReLU networks of three layers

LAYERS = 3
FEW, WIDE = S(6), (256, 2048)  #: samples, and widths, drawn from Gram matrices
MANY = (24, 96)  #: widths where there are half as many samples
LARGE = (32, 64, 128)
HALF = s.N / 2


def _relu(norm: object = NoNorm, outputs: int = 4) -> Classifier:
    return Classifier(LAYERS, outputs, last=norm)  # type: ignore[arg-type]


_mean_field_top = s.widths * M * ((T - 1) / T * s.kappa_2 + s.kappa_1 / T)
_exact_trace = C * (s.widths * s.kappa_1 * M + s.L)

WITHOUT_NORM = Claim(
    id="fisher_without_norm",
    title="Without a norm the Fisher information has C outliers of order M",
    says=r"Mean and second moment over all P eigenvalues are $m = \kappa_1C/M$ and $\alpha C(\frac{T-1}T\kappa_2^2 + \frac1T\kappa_1^2)$, and $\lambda_{\max} = \alpha M(\frac{T-1}T\kappa_2 + \frac1T\kappa_1) = \Theta(M)$, C-fold: "
    r"its eigenvectors are the mean gradients $\frac1T\sum_t\nabla f_k(t)$. At finite width the C largest repel each other, and the mean of them is compared. For ReLU networks of three layers without biases "
    r"the trace $C(\alpha\kappa_1M + L)$, with the gradients in biases, is exact on average at every width.",
    kind=Kind.THEOREM,
    source=Source(SHARPNESS, "mean, variance and maximum of eigenvalues; exact trace derived here"),
    domain=DOMAIN,
    rests_on=SIMULATED,
    statements=(
        Statement(
            "mean",
            derived=over(C, over(T, s.widths * M * s.kappa_1 / T)) / P,
            stated=s.kappa_1 * C / M,
            witnesses=EXACT,
            reason=r"tr F is the trace of the dual, and $P = \alpha M^2$ to leading order",
        ),
        Statement(
            "second_moment",
            derived=C * (over(T, (s.widths * M * s.kappa_1 / T) ** 2) + over(T * (T - 1), (s.widths * M * s.kappa_2 / T) ** 2)) / P,
            stated=s.widths * C * ((T - 1) / T * s.kappa_2**2 + s.kappa_1**2 / T),
            witnesses=EXACT,
            reason="the squared entries of C blocks: T on the diagonal, T(T − 1) off it",
        ),
        Statement(
            "largest_eigenvalue",
            derived=s.widths * M / T * (s.kappa_1 + over(T - 1, s.kappa_2)),
            stated=_mean_field_top,
            witnesses=EXACT,
            reason=r"each block sends $1$ to this multiple of it",
        ),
        Statement("largest_on_three_samples", derived=_times(_block, _one), stated=_mean_field_top.subs(T, 3), witnesses=EXACT),
        Statement("others_on_three_samples", derived=_times(_block, _other), stated=s.widths * M * GAP / 3, witnesses=EXACT),
        Statement(
            "grows_like_the_width",
            derived=Limit(_mean_field_top.subs(T, M / s.aspect) / M, M, oo),
            stated=s.widths * s.kappa_2,
            witnesses=EXACT,
            reason=r"as many samples as units, $T = M/\rho$: the squared mean gradient $\alpha\kappa_2M$",
        ),
        Statement(
            "trace_with_biases",
            derived=order_parameters(Classifier(LAYERS, 1)).trace(M, C),
            stated=_exact_trace.subs({s.widths: 2, s.kappa_1: Rational(3, 2), s.L: 3}),
            reason=r"$C\sum_l\tilde q^l_t(M\hat q^{l-1}_t + 1)$, all order parameters one; given $h^{l-1}$ the squared derivatives have this mean, by the symmetry of weights",
        ),
    ),
    experiments=(
        SpectralRatio(
            _relu(),
            FEW,
            WIDE[:1],
            Spectral.TRACE,
            stated=_exact_trace,
            rate="none",
            rival=Rival("two samples' gradients count", C * s.widths * (s.kappa_1 + s.kappa_2) * M),
        ),
        SpectralRatio(
            _relu(),
            FEW,
            WIDE,
            Spectral.OUTLIERS,
            stated=_mean_field_top,
            rival=Rival("κ_1 and κ_2 are swapped", _mean_field_top.subs({s.kappa_1: s.kappa_2, s.kappa_2: s.kappa_1}, simultaneous=True)),
        ),
        SpectralRatio(
            _relu(),
            FEW,
            WIDE,
            Spectral.SQUARE,
            stated=P * s.widths * C * ((T - 1) / T * s.kappa_2**2 + s.kappa_1**2 / T),
            rival=Rival("two samples' gradients are uncorrelated", P * s.widths * C * s.kappa_1**2 / T),
        ),
        SpectralExponent(
            _relu(), FEW, WIDE, Spectral.OUTLIERS, exponent=S.One, rival=Rival("it grows like the root of the width", Rational(1, 2))
        ),
    ),
)

# Batch norm's mean on the outputs

_gap_few = s.widths * M * GAP / T
_frobenius = C * (T - 1) * _gap_few**2 + s.noise * M
_c_2 = 1 / pi
_c_3 = kappa(_c_2)
_propagated = propagated(
    (S.One,) * LAYERS,
    slopes={1: Rational(1, 2), 2: s.u},
    curvatures={1: s.r, 2: s.r},
    derivatives=(s.u / 2, s.u, S.One),
    entering=(S.Zero, s.V, s.v),
)

MEAN_SUBTRACTED = Claim(
    id="fisher_batch_mean_on_outputs",
    title="Subtracting the batch mean from the outputs removes the outliers",
    says=r"$m = (1-\frac1T)(\kappa_1-\kappa_2)\frac CM$ for every T. On few samples $\lambda_{\max} = \frac{\alpha(\kappa_1-\kappa_2)}TM$ for $M \gg CT$, approached from above as $\sqrt{CT/M}$. For $T = M/\rho$ "
    r"$\rho\alpha(\kappa_1-\kappa_2) + \frac{c_1}{C\alpha(\kappa_1-\kappa_2)} \le \lambda_{\max} \le \sqrt{C\alpha^2\rho(\kappa_1-\kappa_2)^2 + c_1}\,\sqrt M$ with $c_1 = Cv_d + C(C-1)v_o$: for ReLU and two layers "
    r"$v_d = 1 + (1-\frac1\pi)^2$, $v_o = 0$; for three, integrals.",
    kind=Kind.THEOREM,
    source=Source(FISHER, "mean subtraction in the last layer; the tighter lower bound and the constant derived here"),
    domain=DOMAIN,
    rests_on=(*SIMULATED, JACOBIANS),
    statements=(
        Statement(
            "trace",
            derived=C * s.widths * M / T * (over(T, s.kappa_1) - (over(T, s.kappa_1) + over(T * (T - 1), s.kappa_2)) / T),
            stated=P * (1 - 1 / T) * GAP * C / M,
            witnesses=EXACT,
            reason=r"$\mathrm{tr}\,G\Theta G = \mathrm{tr}\,\Theta - \frac1T1^{\mathsf T}\Theta1$",
        ),
        Statement("common_part_on_three_samples", derived=_times(_centred * _block * _centred, _one), stated=0, witnesses=EXACT),
        Statement(
            "others_on_three_samples", derived=_times(_centred * _block * _centred, _other), stated=_gap_few.subs(T, 3), witnesses=EXACT
        ),
        Statement(
            "square_on_three_samples",
            derived=_square(_centred * _block * _centred),
            stated=(T - 1).subs(T, 3) * _gap_few.subs(T, 3) ** 2,
            witnesses=EXACT,
            reason="T − 1 eigenvalues, all alike",
        ),
        Statement(
            "second_moment",
            derived=over(C, over(T - 1, _gap_few**2)) / P,
            stated=s.widths * C * (1 - 1 / T) / T * GAP**2,
            witnesses=EXACT,
            reason="C(T − 1) eigenvalues, all alike",
        ),
        Statement(
            "largest_exceeds_the_mean_square",
            derived=s.a + s.u,
            stated=(s.a**2 + (s.a + s.u) ** 2) / (2 * s.a + s.u),
            relation=Relation.GREATER,
            steps=(Step(s.a * s.u / (2 * s.a + s.u), "one fraction"),),
            witnesses=EXACT,
            reason=r"$\lambda_{\max} \ge \mathrm{tr}F^2/\mathrm{tr}F$, here of two eigenvalues $a < a + u$",
        ),
        Statement(
            "mean_square_exceeds_the_mean",
            derived=(s.a**2 + (s.a + s.u) ** 2) / (2 * s.a + s.u),
            stated=(2 * s.a + s.u) / 2,
            relation=Relation.GREATER,
            steps=(Step(s.u**2 / (2 * (2 * s.a + s.u)), "one fraction"),),
            witnesses=EXACT,
            reason=r"$\mathrm{tr}F^2/\mathrm{tr}F \ge \mathrm{tr}F/\mathrm{rank}F$",
        ),
        Statement(
            "frobenius_exceeds_the_largest",
            derived=s.a**2 + (s.a + s.u) ** 2,
            stated=(s.a + s.u) ** 2,
            relation=Relation.GREATER,
            steps=(Step(s.a**2, "one term is left"),),
            witnesses=EXACT,
            reason=r"$\lambda_{\max}^2 \le \mathrm{tr}F^2$",
        ),
        Statement(
            "lower_bound",
            derived=Limit((C * (T - 1) * _gap_few / (C * (T - 1))).subs(T, M / s.aspect), M, oo),
            stated=s.aspect * s.widths * GAP,
            witnesses=EXACT,
            reason=r"$\mathrm{tr}F/(C(T-1))$ at $T = M/\rho$",
        ),
        Statement(
            "tighter_lower_bound",
            derived=Limit((_frobenius / (C * (T - 1) * _gap_few)).subs(T, M / s.aspect), M, oo),
            stated=s.aspect * s.widths * GAP + s.noise / (C * s.widths * GAP),
            witnesses=EXACT,
            reason=r"$\mathrm{tr}F^2/\mathrm{tr}F$: fluctuations of all $(CT)^2$ entries add $c_1M$ to $\mathrm{tr}F^2$",
        ),
        Statement(
            "upper_bound",
            derived=Limit((_frobenius / M).subs(T, M / s.aspect), M, oo),
            stated=C * s.widths**2 * s.aspect * GAP**2 + s.noise,
            witnesses=EXACT,
            reason=r"$\mathrm{tr}F^2/M$",
        ),
        Statement(
            "fluctuations_of_two_layers",
            derived=fluctuations(Classifier(2, 1)).constant(C),
            stated=C * (1 + (1 - 1 / pi) ** 2),
            witnesses=EXACT,
            reason=r"$(\frac12+\frac12)^2$ from the inputs' Gram matrix and $(\mathrm{Var}\,\mathrm{ReLU})^2$ from the hidden layer's; derivatives are the last weights, and correlate no two outputs",
        ),
        Statement(
            "fluctuations_of_three_layers",
            derived=_propagated[0].variance({"x": S.One, "n1": s.a, "n2": s.aspect, "m2": s.noise}),
            stated=(3 * s.u / 2 + s.V * s.r / 2) ** 2 + (2 * s.u + s.V * s.r) ** 2 * s.a + s.aspect + s.V**2 * s.noise,
            reason=r"first-order propagation, but for the covariance of both noises of a layer: slopes $g_1 = \frac12$, $g_2 = u$, curvature $e_2 = r$, $\hat q^1_{st} = V$; variances of the noises 1 of the inputs' Gram matrix, $a$ and ρ of the hidden layers', $c_1$ of the derivatives'",
        ),
        Statement(
            "fluctuations_across_outputs",
            derived=_propagated[1].variance({"m2": s.noise}),
            stated=s.V**2 * s.noise,
            reason="outputs share the hidden derivatives",
        ),
    ),
    experiments=(
        SpectralRatio(
            _relu(MeanOnlyBatchNorm),
            FEW,
            WIDE,
            Spectral.TRACE,
            stated=P * (1 - 1 / T) * GAP * C / M,
            rival=Rival("no direction is lost", P * GAP * C / M),
        ),
        SpectralBounds(
            _relu(MeanOnlyBatchNorm),
            HALF,
            MANY[-1:],
            lower=s.aspect * s.widths * GAP + s.noise / (C * s.widths * GAP),
            upper=sqrt(C * s.widths**2 * s.aspect * GAP**2 + s.noise) * sqrt(M),
            rival=Rival("half of the upper bound is reached", sqrt(C * s.widths**2 * s.aspect * GAP**2 + s.noise) * sqrt(M) / 2),
        ),
    ),
)

NOT_THE_ROOT = Claim(
    id="fisher_batch_mean_is_of_order_one",
    title="Behind the batch mean the largest eigenvalue is of order one, not of order √M",
    says=r"For $T = M/\rho$ the upper bound of order $\sqrt M$ holds and is not the scale: $\lambda_{\max}$ does not grow with M, up to $\log M$.",
    kind=Kind.FINDING,
    source=derived_here(),
    domain=DOMAIN,
    rests_on=(MEAN_SUBTRACTED,),
    experiments=(
        SpectralExponent(
            _relu(MeanOnlyBatchNorm),
            HALF,
            MANY,
            Spectral.LARGEST,
            exponent=S.Zero,
            rival=Rival("it grows like the root of the width", Rational(1, 2)),
        ),
    ),
)

# Batch norm on the outputs

_inverse_square = T / (s.v * (T - 3))

BATCH_NORM = Claim(
    id="fisher_batch_norm_on_outputs",
    title="Batch norm on the outputs: one direction less, and the deviations of the outputs",
    says=r"Given the outputs' deviations $\sigma_k$, $m = (1-\frac2T)\frac{\kappa_1-\kappa_2}M\sum_k\sigma_k^{-2}$, $s = \alpha\frac{1-2/T}T(\kappa_1-\kappa_2)^2\sum_k\sigma_k^{-4}$ and on few samples $\lambda_{\max} = \frac{\alpha(\kappa_1-\kappa_2)}TM\max_k\sigma_k^{-2}$. "
    r"$E\sigma_k^{-2} = \frac T{(T-3)(q^L_t-q^L_{st})}$ is infinite for $T \le 3$; for many samples $\sigma_k^{-2} \to (1+\gamma_L)/q^L_t$: prejudice sharpens what is left. At $T = 2$ nothing is left.",
    kind=Kind.THEOREM,
    source=Source(FISHER, "mean and variance normalization in the last layer; prefactor derived here"),
    domain=(*DOMAIN, *(Interval(each, 0, oo) for each in (s.inverse_squares, s.inverse_fourths, s.largest_inverse))),
    rests_on=(*SIMULATED, JACOBIANS, MEAN_SUBTRACTED, PROJECTOR),
    statements=(
        Statement(
            "trace",
            derived=s.widths * M / T * GAP * (over(T, 1 - 1 / T) - T / T) * s.inverse_squares,
            stated=P * (1 - 2 / T) * GAP * s.inverse_squares / M,
            witnesses=EXACT,
            reason=r"$\frac1{T\sigma_k^2}\mathrm{tr}P_k\Theta P_k = \frac{\alpha M(\kappa_1-\kappa_2)}{T\sigma_k^2}\mathrm{tr}P_k$, summed over outputs",
        ),
        Statement(
            "second_moment",
            derived=(s.widths * M / T * GAP) ** 2 * (over(T, 1 - 1 / T) - T / T) * s.inverse_fourths / P,
            stated=s.widths * (1 - 2 / T) / T * GAP**2 * s.inverse_fourths,
            witnesses=EXACT,
            reason="T − 2 eigenvalues of every output",
        ),
        Statement(
            "mean_inverse_square",
            derived=(s.r + 3) / s.v * Integral(chi_squared(s.a, s.r + 2) / s.a, (s.a, 0, oo)),
            stated=_inverse_square.subs(T, s.r + 3),
            witnesses=EXACT,
            reason=r"$T\sigma_k^2/(q_t-q_{st})$ is $\chi^2$ with $T - 1$ degrees of freedom; here $T = 3 + r$",
        ),
        Statement(
            "many_samples",
            derived=Limit(_inverse_square, T, oo),
            stated=(1 + s.V / s.v) / (s.V + s.v),
            witnesses=EXACT,
            reason=r"$\gamma_L = V/v$ and $q^L_t = V + v$",
        ),
        Statement(
            "two_samples", derived=(over(T, 1 - 1 / T) - T / T).subs(T, 2), stated=0, witnesses=EXACT, reason=r"a projector of rank $T - 2$"
        ),
    ),
    experiments=(
        SpectralRatio(
            _relu(BatchNorm),
            FEW,
            WIDE,
            Spectral.TRACE,
            stated=P * (1 - 2 / T) * GAP * s.inverse_squares / M,
            rival=Rival("only what is common to all samples is lost", P * (1 - 1 / T) * GAP * s.inverse_squares / M),
        ),
        SpectralRatio(
            _relu(BatchNorm),
            FEW,
            WIDE,
            Spectral.SQUARE,
            stated=P * s.widths * (1 - 2 / T) / T * GAP**2 * s.inverse_fourths,
            rival=Rival("only what is common to all samples is lost", P * s.widths * (1 - 1 / T) / T * GAP**2 * s.inverse_fourths),
        ),
    ),
)

# Layer norm on the outputs

_lower = (C - 2) / (C - 1) * s.kappa_2 * s.layer_inverse * s.widths * M

LAYER_NORM = Claim(
    id="fisher_layer_norm_on_outputs",
    title="Layer norm on the outputs does not remove the outliers",
    says=r"Given the deviations $\sigma_t$ of every sample's outputs and $\eta_1 = \frac1T\sum_t\sigma_t^{-2}$, $m = (C-2)\kappa_1\eta_1/M$ and $\frac{C-2}{C-1}\kappa_2\eta_1 \le \frac{\lambda_{\max}}{\alpha M} \le \kappa_2\eta_1 + \frac{\kappa_1-\kappa_2}T\max_t\sigma_t^{-2}$: "
    r"$\lambda_{\max} = \Theta(M)$ for C > 2, and with two outputs nothing is left. Its mean alone leaves $C - 1$ of C outliers. What a norm over outputs takes away is not what is common to all samples.",
    kind=Kind.THEOREM,
    source=Source(FISHER, "layer normalization; both bounds derived here"),
    domain=(
        *DOMAIN,
        *(Interval(each, 0, oo) for each in (s.layer_inverse, s.largest_layer_inverse)),
        *(Interval(each, -oo, oo) for each in (s.x,)),
    ),
    rests_on=(*SIMULATED, JACOBIANS),
    statements=(
        Statement(
            "trace",
            derived=s.widths * M * s.kappa_1 / T * (over(C, 1 - 1 / C) - C / C) * T * s.layer_inverse,
            stated=P * (C - 2) * s.kappa_1 * s.layer_inverse / M,
            witnesses=EXACT,
            reason=r"$\frac{\alpha M\kappa_1}T\sum_t\sigma_t^{-2}\mathrm{tr}P_t$",
        ),
        Statement(
            "product_of_projectors",
            derived=C - 4 + 1 + s.x**2,
            stated=C - 3 + s.x**2,
            reason=r"$\mathrm{tr}P_sP_t$: C, four terms of −1, the product of both means' projectors 1, that of both outputs' $x^2$ with $x = f_s\cdot f_t/C$",
        ),
        Statement(
            "lower_bound",
            derived=s.widths * M / T * s.kappa_2 * (over(C, 1 - 1 / C) - C / C) * T * s.layer_inverse / (C - 1),
            stated=_lower,
            witnesses=EXACT,
            reason=r"$\lambda_{\max}(R^{\mathsf T}R) \ge \mathrm{tr}/\mathrm{rank}$ of $R^{\mathsf T}R = \sum_t\sigma_t^{-2}P_t$, which leaves out what is common to all outputs",
        ),
        Statement(
            "two_outputs", derived=(over(C, 1 - 1 / C) - C / C).subs(C, 2), stated=0, witnesses=EXACT, reason=r"a projector of rank $C - 2$"
        ),
    ),
    experiments=(
        SpectralRatio(
            _relu(LayerNorm),
            FEW,
            WIDE,
            Spectral.TRACE,
            stated=P * (C - 2) * s.kappa_1 * s.layer_inverse / M,
            rival=Rival("only what is common to all outputs is lost", P * (C - 1) * s.kappa_1 * s.layer_inverse / M),
        ),
        SpectralBounds(
            _relu(LayerNorm),
            FEW,
            WIDE[-1:],
            lower=_lower,
            upper=(s.kappa_2 * s.layer_inverse + GAP / T * s.largest_layer_inverse) * s.widths * M,
            rival=Rival("the outliers are as large as a sample's own gradient", s.kappa_1 * s.layer_inverse * s.widths * M),
        ),
    ),
)

# Hidden layers


def _outliers(model: Classifier) -> Expr:
    """ακ_2: the outliers over M, in the limit of many samples."""
    found = order_parameters(model)
    return found.kappa_2 * found.widths


_ODD = Network(activation=ACTIVATIONS["erf"])
_BIASED = Network(activation=ACTIVATIONS["erf"], bias_variance=Rational(1, 2))
SQUARE_SIZES = (32, 64, 128)

HIDDEN = Claim(
    id="fisher_batch_norm_in_hidden_layers",
    title="Batch norm in hidden layers leaves outliers of order M behind ReLU, and none behind odd activations",
    says=r"$\lambda_{\max} \ge \|\frac1T\sum_th^{L-1}(t)\|^2$ in every network, whatever stands below: $\Omega(M)$ where the last hidden units have a mean. Only layers behind the last norm contribute to the outliers, "
    r"$\lambda_{\max}/M \to \sum_{l>b}\alpha_{l-1}\tilde q^l_{st}\hat q^{l-1}_{st}$: $\frac1{2\pi}$ for ReLU with batch norm in all hidden layers, $\frac1\pi(1-\frac1\pi)$ for its mean alone at three layers. Behind an odd activation with "
    r"batch norm before it and no shift nothing is left of them, with a raw output layer; on an earlier layer only, biases bring them back. The mean alone on the first layer changes nothing.",
    kind=Kind.FINDING,
    source=Source(FISHER, "normalization in hidden layers, for ReLU; dependence on the activation derived here"),
    domain=DOMAIN,
    rests_on=SIMULATED,
    statements=(
        Statement(
            "weights_of_the_last_layer",
            derived=(s.a**2 + (s.a + s.u) ** 2) / 2,
            stated=((2 * s.a + s.u) / 2) ** 2,
            relation=Relation.GREATER,
            steps=(Step(s.u**2 / 4, "a variance"),),
            witnesses=EXACT,
            reason=r"along $\bar h/\|\bar h\|$ in the last layer's weights F is the mean of $(h(t)\cdot\bar h)^2/\|\bar h\|^2 \ge \|\bar h\|^2$; here $h\cdot\bar h/\|\bar h\|$ is $a$ and $a + u$",
        ),
        Statement("relu", derived=_outliers(classifier(BatchNorm, Where.HIDDEN, 3, 1)), stated=1 / (2 * pi)),
        Statement(
            "relu_deeper", derived=_outliers(classifier(BatchNorm, Where.HIDDEN, 5, 1)), stated=1 / (2 * pi), reason="whatever stands below"
        ),
        Statement("relu_mean_only", derived=_outliers(classifier(MeanOnlyBatchNorm, Where.HIDDEN, 3, 1)), stated=(1 - 1 / pi) / pi),
        Statement(
            "first_layer_only",
            derived=_outliers(on_layer(MeanOnlyBatchNorm, 1, 3, 1)),
            stated=_outliers(Classifier(3, 1)),
            reason="unrelated inputs have no mean to subtract",
        ),
        Statement("odd", derived=_outliers(classifier(BatchNorm, Where.HIDDEN, 3, 1, _ODD)), stated=0, witnesses=EXACT),
        Statement(
            "odd_with_biases",
            derived=_outliers(classifier(BatchNorm, Where.HIDDEN, 3, 1, _BIASED)),
            stated=0,
            witnesses=EXACT,
            reason="the norm takes them away",
        ),
        Statement(
            "odd_with_biases_behind_the_norm",
            derived=_outliers(on_layer(BatchNorm, 1, 3, 1, _BIASED)),
            stated=0,
            relation=Relation.GREATER,
            witnesses=ENCLOSED,
            reason="a bias of the next layer is common to all samples",
        ),
        Statement(
            "layer_norm_rescales",
            derived=_outliers(classifier(LayerNorm, Where.HIDDEN, 3, 1)),
            stated=_outliers(Classifier(3, 1)) / 2,
            reason=r"ReLU at $\sigma_w^2 = 2$: the last hidden units lose half of their power, and no correlation",
        ),
    ),
    experiments=(
        SpectralBounds(
            classifier(BatchNorm, Where.HIDDEN, 3, 1),
            M,
            SQUARE_SIZES[:1],
            lower=s.mean_activation,
            upper=oo,
            certain=True,
            rival=Rival("twice the squared mean activation", 2 * s.mean_activation),
        ),
    ),
)

# The link

LINK = Claim(
    id="fisher_gradients_and_prejudice",
    title="The outliers are the prejudice of gradients, and their ratio is not γ",
    says=r"Over data the mean gradient of an output has squared length $\alpha\kappa_2M$ and gradients have variance $\alpha(\kappa_1-\kappa_2)M$: $\Gamma = \frac{\kappa_2}{\kappa_1-\kappa_2}$ is to gradients what $\gamma_L = \frac{q_{st}}{q_t-q_{st}}$ is to outputs. "
    r"They vanish together; they agree for the last layer's weights alone, without biases. At three ReLU layers Γ = 0.296, γ = 0.975.",
    kind=Kind.FINDING,
    source=derived_here(),
    domain=DOMAIN,
    rests_on=(WITHOUT_NORM, CORRELATION_OF_GRADIENTS),
    statements=(
        Statement(
            "mean_gradient",
            derived=Limit(_mean_field_top, T, oo),
            stated=s.widths * s.kappa_2 * M,
            witnesses=EXACT,
            reason=r"$\lambda_{\max}$ is the squared mean gradient",
        ),
        Statement(
            "ratio",
            derived=s.widths * s.kappa_2 * M / (s.widths * s.kappa_1 * M - s.widths * s.kappa_2 * M),
            stated=s.kappa_2 / GAP,
        ),
    ),
    experiments=(
        SpectralRatio(
            _relu(),
            FEW,
            WIDE,
            Spectral.RATIO,
            stated=s.kappa_2 / GAP,
            rival=Rival("it is the prejudice of the outputs", s.V / s.v),
        ),
    ),
)

# What takes longer

NARROW = Claim(
    id="fisher_trace_of_narrow_networks",
    title="The mean trace without a norm is exact at width 16",
    says=r"$E\,\mathrm{tr}F = C(\alpha\kappa_1M + L)$ for ReLU networks of three layers: gradients in biases are a seventeenth of it there.",
    kind=Kind.FINDING,
    source=derived_here(),
    rests_on=(WITHOUT_NORM,),
    experiments=(
        SpectralRatio(
            _relu(),
            FEW,
            (16,),
            Spectral.TRACE,
            stated=_exact_trace,
            rate="none",
            rival=Rival("biases add nothing", C * s.widths * s.kappa_1 * M),
        ),
    ),
    long=True,
)

FLUCTUATIONS = Claim(
    id="fisher_squared_norm_with_fluctuations",
    title="Fluctuations of the tangent kernel are as large as the bulk where samples are as many as units",
    says=r"$\mathrm{tr}F^2 = \frac{(\mathrm{tr}F)^2}{C(T-1)} + c_1M$ behind the batch mean: at $T = M$ the fluctuations' part of it is two fifths of the other for ReLU networks of three layers.",
    kind=Kind.FINDING,
    source=derived_here(),
    rests_on=(MEAN_SUBTRACTED,),
    experiments=(
        SpectralRatio(
            _relu(MeanOnlyBatchNorm, 1),
            M,
            LARGE,
            Spectral.SQUARE,
            stated=s.trace**2 / (C * (T - 1)) + s.noise * M,
            rival=Rival("fluctuations add nothing", s.trace**2 / (C * (T - 1))),
        ),
    ),
    long=True,
)

ON_FEW_SAMPLES = Claim(
    id="fisher_batch_mean_on_few_samples",
    title="On few samples the largest eigenvalue behind the batch mean tends to its limit as 1/√M",
    says=r"$\lambda_{\max} = \frac{\alpha(\kappa_1-\kappa_2)}TM(1 + O(\sqrt{CT/M}))$: $C(T-1)$ levels repel each other.",
    kind=Kind.FINDING,
    source=derived_here(),
    rests_on=(MEAN_SUBTRACTED,),
    experiments=(
        SpectralRatio(
            _relu(MeanOnlyBatchNorm),
            FEW,
            (512, 4096, 32768),
            Spectral.LARGEST,
            stated=_gap_few,
            rate="1/sqrt(N), 1/N",
            rival=Rival("the outliers stay", _mean_field_top),
        ),
    ),
    long=True,
)

HIDDEN_OUTLIERS = Claim(
    id="fisher_batch_norm_in_hidden_layers_at_width",
    title="The outlier behind hidden batch norm: of order M for ReLU, of order one for an odd activation",
    says=r"With as many samples as units $\lambda_{\max}/M \to \frac1{2\pi}$ for ReLU, and for erf $\lambda_{\max}$ does not grow.",
    kind=Kind.FINDING,
    source=derived_here(),
    rests_on=(HIDDEN,),
    experiments=(
        SpectralRatio(
            classifier(BatchNorm, Where.HIDDEN, 3, 1),
            M,
            (48, 96, 144),  # the third order in 1/M, a few per cent at 32, is not fitted
            Spectral.LARGEST,
            stated=M / (2 * pi),
            rival=Rival("as without a norm", s.widths * (_c_3 + _c_2 * same_sign(_c_2)) / 2 * M),
        ),
        SpectralExponent(
            classifier(BatchNorm, Where.HIDDEN, 3, 1, _ODD),
            M,
            SQUARE_SIZES,
            Spectral.LARGEST,
            exponent=S.Zero,
            rival=Rival("it grows as behind ReLU", S.One),
        ),
    ),
    long=True,
)

EVERY_NORM = Claim(
    id="fisher_other_norms_on_outputs",
    title="Of nine norms on the outputs, those that take away what is common to all samples remove the outliers, and no others",
    says=r"Behind every norm that subtracts a mean over samples, with or without a scale, in ghost batches or by the other samples, $\lambda_{\max}$ does not grow with as many samples as units; where only a scale is taken over samples, where statistics are those of evaluation and where they are taken over outputs, it grows like M. Switchable norm, which takes half of what is common away, is not among them: its exponent was not told at widths up to 384.",
    kind=Kind.FINDING,
    source=derived_here(),
    rests_on=(NOT_THE_ROOT, LAYER_NORM),
    experiments=tuple(
        SpectralExponent(
            _relu(norm, outputs),
            samples,
            widths,
            Spectral.LARGEST,
            exponent=exponent,
            rival=Rival("it grows like the root of the width", Rational(1, 2)),
        )
        # Where a norm divides by deviations, the smallest of a few rule: one output or many, by what it takes them over.
        for exponent, outputs, samples, widths, norms in (
            (S.Zero, 1, M, (96, 256), (BatchNorm, L1BatchNorm, ghost_batch_norm(32), LeaveOneOutBatchNorm)),
            (S.One, 1, M, (32, 256), (VarianceOnlyBatchNorm, BatchRMSNorm, BatchNormEvaluation)),
            (S.One, 8, HALF, (96, 384), (MeanOnlyLayerNorm, RMSNorm)),
        )
        for norm in norms
    ),
    long=True,
)

# What the command line asks


def bounds_of(model: Classifier, where: Where) -> tuple[Expr | None, Expr | None]:
    """Stated bounds of the largest eigenvalue, lower and upper; None where none is stated."""
    if where is Where.HIDDEN:
        return s.mean_activation, None
    spread = sqrt(C * s.widths**2 * s.aspect * GAP**2 + s.noise) * sqrt(M)
    table: dict[tuple[object, ...], tuple[Expr, Expr | None]] = {
        (): (_mean_field_top, None),
        MeanOnlyBatchNorm.stages: (s.aspect * s.widths * GAP + s.noise / (C * s.widths * GAP), spread),
        BatchNorm.stages: (
            s.aspect * s.widths * GAP * s.largest_inverse,
            sqrt(s.widths**2 * s.aspect * GAP**2 * s.inverse_fourths + s.noise / s.v**2) * sqrt(M),
        ),
        LayerNorm.stages: (_lower, (s.kappa_2 * s.layer_inverse + GAP / T * s.largest_layer_inverse) * s.widths * M),
        MeanOnlyLayerNorm.stages: (_mean_field_top, None),
    }
    return table.get(model.last.stages, (None, None))


CLAIMS = (
    WITHOUT_NORM,
    MEAN_SUBTRACTED,
    NOT_THE_ROOT,
    BATCH_NORM,
    LAYER_NORM,
    HIDDEN,
    LINK,
    NARROW,
    FLUCTUATIONS,
    ON_FEW_SAMPLES,
    HIDDEN_OUTLIERS,
    EVERY_NORM,
)
