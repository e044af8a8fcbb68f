"""Every symbol of the project, created once.

SymPy symbols with one name and different assumptions print alike and do not cancel, so no other
module creates a symbol.
"""

from sympy import Symbol, symbols

# Gaussian variables and their parameters
z = Symbol("z", real=True)  #: standard Gaussian variable, data
w = Symbol("w", real=True)  #: standard Gaussian variable, weights
x = Symbol("x", real=True)
y = Symbol("y", real=True)
mu = Symbol("mu", real=True)
mu_0, mu_1, mu_2 = (Symbol(f"mu_{k}", real=True) for k in range(3))  #: centres of three outputs
sigma = Symbol("sigma", positive=True)
a = Symbol("a", positive=True)  #: scale of Lemma F.1

# A unit's law
q = Symbol("q", positive=True)  #: power, E over data and weights of h²
c = Symbol("c", real=True)  #: overlap of two samples, V/q
V = Symbol("V", positive=True)  #: variance over weights of a unit's centre
v = Symbol("v", positive=True)  #: variance over data of a unit, at fixed weights
m = Symbol("m", real=True)  #: a unit's centre, or the mean of an activation
delta = Symbol("delta", real=True)  #: standardisation shift: inputs are N(δ, 1)
fourth = Symbol("mu_4", positive=True)  #: fourth moment of a number of variance one
gamma = Symbol("gamma", positive=True)  #: IGB ratio V/v
t = Symbol("t", real=True)  #: class fraction, in (0, 1)
alpha = Symbol("alpha", real=True)  #: negative slope of an activation

# Angles, gaps and other positive auxiliaries
positives = symbols("p p_2:9", positive=True)  #: parametrise domains, `Interval.by_positive`
u = Symbol("u", positive=True)
theta = Symbol("theta", positive=True)
angle = Symbol("vartheta", real=True)  #: latitude on the sphere of standardised batches
r = Symbol("r", positive=True)
epsilon = Symbol("epsilon", positive=True)

# Sizes
B = Symbol("B", integer=True, positive=True)  #: batch size
N = Symbol("N", integer=True, positive=True)  #: width
L = Symbol("L", integer=True, positive=True)  #: number of hidden layers
C = Symbol("C", integer=True, positive=True)  #: number of classes
nu = Symbol("nu", positive=True)  #: degrees of freedom, B − 2
ell = Symbol("ell", positive=True)  #: depth as a real variable
T = Symbol("T", integer=True, positive=True)  #: samples of a Fisher information

D = Symbol("D", positive=True)  #: divisor of a batch's sum of squares
total = Symbol("S", real=True)  #: sum of a batch
squares = Symbol("Q", real=True)  #: sum of squares of a batch
tau = Symbol("tau", positive=True)  #: a batch's estimate of the standard deviation
k = Symbol("k", integer=True, nonnegative=True)  #: order of a term of a series
window = Symbol("K", positive=True)  #: units of a pooling window


def facts(**assumed: bool) -> dict[str, bool]:
    """What SymPy takes for granted of a symbol that these things are assumed of."""
    return dict(Symbol("x", **assumed).assumptions0)


def units(count: int) -> tuple[Symbol, ...]:
    """The units of one pooling window."""
    return tuple(symbols(f"h:{count}", real=True))


# Initialisation
beta = Symbol("beta", positive=True)  #: gain of a residual branch
weight_deviation = Symbol("sigma_w", positive=True)
bias_deviation = Symbol("sigma_b", positive=True)
weight_variance, bias_variance = weight_deviation**2, bias_deviation**2

# One neuron of two weights, and what it learns from
w_1, w_2 = symbols("w_1 w_2", real=True)
initial = symbols("w_01 w_02", real=True)  #: W_0
optimum = symbols("w^*_1 w^*_2", real=True)  #: W*
targets = symbols("y_1:4", real=True)  #: of three samples
inputs = tuple(symbols(f"x_{sample}1 x_{sample}2", real=True) for sample in (1, 2, 3))  #: of three samples
mean_target = Symbol("ybar", real=True)
slopes = symbols("v_1 v_2", real=True)  #: v = Σ_x⁻¹ Cov(x, y), of the regression with an intercept
intercept = Symbol("b", real=True)
centre = symbols("m_1 m_2", real=True)  #: m = Σ_x⁻¹ x̄
sigma_1, sigma_2 = symbols("sigma_1 sigma_2", positive=True)  #: deviations of the inputs
rho = Symbol("rho", real=True)  #: and their correlation

# Fisher information
kappa_1 = Symbol("kappa_1", positive=True)  #: of one sample's gradient with itself
kappa_2 = Symbol("kappa_2", positive=True)  #: of two samples' gradients
widths = Symbol("alpha_w", positive=True)  #: sum over hidden layers of products of neighbouring relative widths
noise = Symbol("c_1", positive=True)  #: what fluctuations of the tangent kernel add to the squared Frobenius norm, over M
aspect = Symbol("rho", positive=True)  #: width over samples
inverse_squares = Symbol("Sigma_2", positive=True)  #: sum over outputs of 1/σ_k², realised
inverse_fourths = Symbol("Sigma_4", positive=True)  #: sum over outputs of 1/σ_k⁴, realised
largest_inverse = Symbol("Sigma_m", positive=True)  #: largest 1/σ_k², realised
layer_inverse = Symbol("eta_1", positive=True)  #: mean over samples of 1/σ_t², realised
largest_layer_inverse = Symbol("eta_m", positive=True)  #: largest 1/σ_t², realised
mean_activation = Symbol("H", positive=True)  #: squared length of the mean over samples of the last hidden activations, realised
trace = Symbol("t_1", positive=True)  #: tr F, realised
square = Symbol("t_2", positive=True)  #: tr F², realised
