r"""The Fisher information of a random network with outputs, through its dual: spectra at finite width.

With $f_k(t)$ output k on sample t, $F = \frac1T\sum_{t,k}\nabla f_k(t)\nabla f_k(t)^{\mathsf T}$ over all weights and biases has the non-zero eigenvalues of the $CT \times CT$ matrix
$F^* = \frac1T\nabla f_k(s)\cdot\nabla f_{k'}(t)$. It is assembled layer by layer, from activations and from derivatives in pre-activations,

$$\nabla f_a\cdot\nabla f_b = \sum_l\sum_{s,t}\delta^l_a(s)\cdot\delta^l_b(t)\,(h^{l-1}(s)\cdot h^{l-1}(t) + 1),\qquad \delta^l_a(s) = \partial f_a/\partial u^l(s),$$

all blocks of different outputs included. Where no hidden norm couples samples, only $s$, $t$ of a and b themselves contribute to the Gram matrix of $u^L$, and a norm on the outputs
acts on it by its Jacobian: by JAX, from the array code of its stages. `by_differentiation` is the second path: all gradients of all parameters, by automatic differentiation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from numerics.draws import draw
from numerics.ensemble import NotFinite, Sampler, apply_stages, dense, parts_of_inputs, product, scaled
from numerics.gradients import gram_backward, gram_forward
from numerics.kernel import Replicates
from theory.activations import Elementwise
from theory.classifier import Classifier
from theory.distributions import DataSet, Distribution
from theory.network import Dense
from theory.norms import BatchNorm, LayerNorm, NoNorm, Norm
from theory.stages import Axis, Center, Stage

DENSE = 1200  #: eigenvalues of larger matrices are approximated, the largest ones, by Lanczos's iteration
STEPS = 96  #: of that iteration
PER_CALL = 32  #: networks in one compiled call, of small matrices: ensembles of any size then share one kernel
FEW = 64  #: C·T of a small matrix

Map = Callable[[jax.Array], jax.Array]


@dataclass(frozen=True)
class Sample:
    """The finite sizes of a Fisher information.

    Parameters
    ----------
    width, samples : int
        M and T.
    sampler : Sampler
        From Gram matrices a layer may be far wider than its weights fit; norms then stand on the outputs only.
    """

    width: int
    samples: int
    sampler: Sampler = Sampler.WEIGHTS


class Spectrum(NamedTuple):
    r"""Of one network, or with a leading axis of networks.

    Parameters
    ----------
    trace, square : float
        tr F and tr F².
    eigenvalues : array
        Of $F^*$, in descending order: all of them, or the largest where there are more than `DENSE`.
    mean_activation : float
        $\|\frac1T\sum_th^{L-1}(t)\|^2$.
    inverse_squares, inverse_fourths, largest_inverse : float
        $\sum_k\sigma_k^{-2}$, $\sum_k\sigma_k^{-4}$ and $\max_k\sigma_k^{-2}$, $\sigma_k^2$ the variance of $u^L_k$ over samples.
    layer_inverse, largest_layer_inverse : float
        Mean and maximum over samples of $\sigma_t^{-2}$, $\sigma_t^2$ the variance of $u^L(t)$ over outputs.
    """

    trace: Any
    square: Any
    eigenvalues: Any
    mean_activation: Any
    inverse_squares: Any
    inverse_fourths: Any
    largest_inverse: Any
    layer_inverse: Any
    largest_layer_inverse: Any


class Drawn(NamedTuple):
    """A dense layer that was drawn: pre-activations (T, M_l), and cotangents (…, T, M_l) of these to cotangents of what enters."""

    z: jax.Array
    backward: Map


def drawn_dense(h: jax.Array, key: jax.Array, width: int, layer: Dense, sampler: Sampler) -> Drawn:
    """A dense layer with the weights that were drawn, or with what their law says of them given the layers next to it."""
    if sampler is Sampler.WEIGHTS:
        z, pull_back = jax.vjp(lambda h: dense(h, key, width, layer, sampler), h)
        return Drawn(z, jax.vmap(lambda g: pull_back(g)[0]))
    weight_key, bias_key = jax.random.split(key)
    root, kept = gram_forward(h, weight_key, width)
    scale = np.sqrt(float(layer.weight_variance) / h.shape[-1])

    def backward(g: jax.Array) -> jax.Array:
        # All cotangents at once: they meet the same weights.
        return scale * gram_backward(width, kept, g.reshape(-1, width))[0].reshape(*g.shape[:-1], h.shape[-1])

    return Drawn(scaled(root, bias_key, layer, h.shape[-1]), backward)


def inputs(model: Classifier, sample: Sample, key: jax.Array) -> jax.Array:
    """Samples (T, M_0), float64."""
    if isinstance(model.network.inputs, DataSet):
        raise ValueError("the Fisher information of a data set is not measured: its inputs are as wide as they are")
    common, own = parts_of_inputs(model.network)
    drawn = draw(model.network.inputs, key, (sample.samples, model.width(0, sample.width)))
    return common + own * drawn.astype(jnp.float64)


class Passed(NamedTuple):
    """The way forward: what enters each dense layer, (T, M_{l−1}); the outputs before their norm, (T, C); and each hidden layer's way back."""

    activations: tuple[jax.Array, ...]
    outputs: jax.Array
    slopes: tuple[jax.Array, ...]
    backward: tuple[Map, ...]


def forward(model: Classifier, sample: Sample, key: jax.Array) -> Passed:
    """A network without norms in its hidden layers."""
    input_key, *layer_keys = jax.random.split(key, 1 + model.layers)
    h = inputs(model, sample, input_key)
    activations, slopes, backward = [h], [], []
    for layer, block in enumerate(model.blocks, 1):
        drawn = drawn_dense(h, layer_keys[layer - 1], model.width(layer, sample.width), model.network.dense, sample.sampler)
        h, pull_back = jax.vjp(partial(apply_stages, block), drawn.z)
        activations.append(h)
        slopes.append(pull_back(jnp.ones_like(h))[0])
        backward.append(drawn.backward)
    drawn = drawn_dense(h, layer_keys[-1], model.outputs, model.network.dense, Sampler.WEIGHTS)
    return Passed(tuple(activations), drawn.z, tuple(slopes), (*backward, drawn.backward))


def gram_of_outputs(passed: Passed) -> jax.Array:
    """Gradients of the outputs before their norm times each other, (T, C, T, C): of every layer the derivatives' Gram matrix times that of what enters, plus one for the bias."""
    samples, outputs = passed.outputs.shape
    every = jnp.broadcast_to(jnp.eye(outputs)[:, None, :], (outputs, samples, outputs))
    total, delta = 0.0, every
    for layer in range(len(passed.activations) - 1, -1, -1):
        rows = delta.reshape(outputs * samples, -1)
        derivatives = product(rows, rows.T).reshape(outputs, samples, outputs, samples)
        h = passed.activations[layer]
        entering = product(h, h.T) + 1
        total = total + derivatives * entering[None, :, None, :]
        if layer > 0:
            delta = passed.backward[layer](delta) * passed.slopes[layer - 1]
    return jnp.transpose(total, (1, 0, 3, 2))


def behind(norm: tuple[Stage, ...], outputs: jax.Array, gram: jax.Array) -> jax.Array:
    """The Gram matrix of gradients behind a norm on the outputs: its Jacobian, from either side."""
    if not norm:
        return gram
    samples, count = outputs.shape
    _, jacobian = jax.linearize(partial(apply_stages, norm), outputs)
    every = jax.vmap(jacobian)
    once = every(gram.reshape(-1, samples, count)).reshape(samples, count, samples, count)
    twice = every(jnp.transpose(once, (2, 3, 0, 1)).reshape(-1, samples, count))
    return twice.reshape(samples, count, samples, count)


def gram_with_coupled_samples(model: Classifier, sample: Sample, key: jax.Array) -> tuple[jax.Array, Passed]:
    """The same where hidden norms couple samples: an output of one sample has a derivative in the pre-activations of all."""
    input_key, *layer_keys = jax.random.split(key, 1 + model.layers)
    x = inputs(model, sample, input_key)
    widths = [model.width(layer, sample.width) for layer in range(1, model.layers)]

    def run(nudges: list[jax.Array]) -> tuple[jax.Array, tuple[jax.Array, ...]]:
        h, activations = x, [x]
        for layer, block in enumerate(model.blocks):
            z = dense(h, layer_keys[layer], widths[layer], model.network.dense, Sampler.WEIGHTS) + nudges[layer]
            h = apply_stages(block, z)
            activations.append(h)
        return dense(h, layer_keys[-1], model.outputs, model.network.dense, Sampler.WEIGHTS) + nudges[-1], tuple(activations)

    nudges = [jnp.zeros((sample.samples, width)) for width in (*widths, model.outputs)]
    outputs, pull_back, activations = jax.vjp(run, nudges, has_aux=True)
    size = outputs.size
    (deltas,) = jax.vmap(pull_back)(jnp.eye(size).reshape(size, *outputs.shape))
    total = jnp.zeros((size, size))
    for h, delta in zip(activations, deltas, strict=True):
        entering = product(h, h.T) + 1
        total = total + product(delta.reshape(size, -1), jnp.einsum("st,atm->asm", entering, delta).reshape(size, -1).T)
    return total.reshape(*outputs.shape, *outputs.shape), Passed(activations, outputs, (), ())


def gradients_of_outputs(model: Classifier, sample: Sample, key: jax.Array) -> tuple[Passed, jax.Array]:
    """The way forward, and the Gram matrix (T, C, T, C) of the gradients of the outputs before their norm."""
    if has_hidden_norm(model):
        gram, passed = gram_with_coupled_samples(model, sample, key)
    else:
        passed = forward(model, sample, key)
        gram = gram_of_outputs(passed)
    return passed, gram


def has_hidden_norm(model: Classifier) -> bool:
    """Whether a hidden layer has stages that look at more than one number."""
    return any(not isinstance(stage, Elementwise) for block in model.blocks for stage in block)


def by_differentiation(models: tuple[Classifier, ...], which: jax.Array, sample: Sample, key: jax.Array) -> jax.Array:
    r"""$F^*$ as $\frac1TJJ^{\mathsf T}$, J the derivatives of all outputs in all weights and biases, (CT, P), by automatic differentiation of the whole network."""
    model, norms = models[0], [partial(apply_stages, each.last.stages) for each in models]
    input_key, *layer_keys = jax.random.split(key, 1 + model.layers)
    x, layer = inputs(model, sample, input_key), model.network.dense
    widths = [*(model.width(each, sample.width) for each in range(model.layers)), model.outputs]

    def drawn(key: jax.Array, before: int, after: int) -> tuple[jax.Array, jax.Array]:
        # As `dense` draws them.
        weight_key, bias_key = jax.random.split(key) if layer.biased else (key, key)
        weights = draw(layer.weights, weight_key, (before, after)).astype(jnp.float64) * np.sqrt(float(layer.weight_variance) / before)
        biases = draw(Distribution.GAUSSIAN, bias_key, (1, after)).astype(jnp.float64) * np.sqrt(float(layer.bias_variance))
        return weights, biases

    parameters = [drawn(*each) for each in zip(layer_keys, widths[:-1], widths[1:], strict=True)]

    def outputs(parameters: list[tuple[jax.Array, jax.Array]]) -> jax.Array:
        h = x
        for (weights, biases), block in zip(parameters, (*model.blocks, ()), strict=True):
            h = apply_stages(block, product(h, weights) + biases)
        return (lax.switch(which, norms, h) if len(norms) > 1 else norms[0](h)).reshape(-1)

    jacobian = jnp.concatenate([leaf.reshape(len(leaf), -1) for leaf in jax.tree.leaves(jax.jacrev(outputs)(parameters))], axis=1)
    return product(jacobian, jacobian.T) / sample.samples


def eigenvalues(matrix: jax.Array, key: jax.Array) -> jax.Array:
    """Of a symmetric matrix, in descending order; of a large one the largest, as Lanczos's iteration approximates them from below."""
    if len(matrix) <= DENSE:
        return jnp.linalg.eigvalsh(matrix)[::-1]
    steps = min(STEPS, len(matrix))
    start = jax.random.normal(key, (len(matrix),), jnp.float64)

    def step(carry: tuple[jax.Array, jax.Array], number: jax.Array) -> tuple[tuple[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]:
        basis, vector = carry
        basis = basis.at[number].set(vector)
        image = product(matrix, vector)
        along = vector @ image
        for _ in range(2):  # once more than in exact arithmetic: the basis stays orthonormal
            image = image - product(basis.T, product(basis, image))
        length = jnp.linalg.norm(image)
        return (basis, image / length), (along, length)

    carry = (jnp.zeros((steps, len(matrix))), start / jnp.linalg.norm(start))
    _, (diagonal, beside) = lax.scan(step, carry, jnp.arange(steps))
    tridiagonal = jnp.diag(diagonal) + jnp.diag(beside[:-1], 1) + jnp.diag(beside[:-1], -1)
    return jnp.linalg.eigvalsh(tridiagonal)[::-1]


#: Norms on the outputs that one compiled kernel serves, as what stands before them is the same.
FAMILY: tuple[tuple[Stage, ...], ...] = (
    (),
    (Center(Axis.BATCH),),
    BatchNorm.stages,
    (Center(Axis.FEATURES),),
    LayerNorm.stages,
)


def dual_of(models: tuple[Classifier, ...], which: jax.Array, sample: Sample, key: jax.Array) -> tuple[jax.Array, Passed]:
    """`dual` of one of several networks that differ in the norm on their outputs only, $F^*$ as (CT, CT)."""
    passed, gram = gradients_of_outputs(models[0], sample, key)
    branches = [partial(behind, model.last.stages) for model in models]
    size = passed.outputs.size
    found = lax.switch(which, branches, passed.outputs, gram) if len(models) > 1 else branches[0](passed.outputs, gram)
    return found.reshape(size, size) / sample.samples, passed


def family_of(model: Classifier) -> tuple[tuple[Classifier, ...], int]:
    """Networks that share a kernel with this one, and its place among them."""
    if model.last.stages not in FAMILY:
        return (model,), 0
    return tuple(replace(model, last=Norm("last", *stages)) for stages in FAMILY), FAMILY.index(model.last.stages)


def spectrum_of(models: tuple[Classifier, ...], sample: Sample, key: jax.Array, which: jax.Array) -> Spectrum:
    """Of one network."""
    network_key, start_key = jax.random.split(key)
    matrix, passed = dual_of(models, which, sample, network_key)
    own, layer = (1 / jnp.var(passed.outputs, axis=axis) for axis in (0, 1))
    return Spectrum(
        trace=jnp.trace(matrix),
        square=jnp.sum(matrix**2),
        eigenvalues=eigenvalues(matrix, start_key),
        mean_activation=jnp.sum(jnp.mean(passed.activations[-1], axis=0) ** 2),
        inverse_squares=jnp.sum(own),
        inverse_fourths=jnp.sum(own**2),
        largest_inverse=jnp.max(own),
        layer_inverse=jnp.mean(layer),
        largest_layer_inverse=jnp.max(layer),
    )


def spectra(model: Classifier, sample: Sample, key: jax.Array, networks: int) -> Spectrum:
    """Of `networks` networks, float64, networks along the first axis.

    Raises
    ------
    ValueError
        If layers drawn from Gram matrices are not the whole network, or narrower than there are outputs on samples.
    NotFinite
        If a norm divided by zero.
    """
    if sample.sampler is Sampler.GRAM and not may_be_drawn_from_gram_matrices(model, sample):
        raise ValueError("layers are drawn from Gram matrices where no hidden layer has a norm, for Gaussian weights, and wider than C·T")
    models, which = family_of(model)
    size = sample.samples * model.outputs
    per_call = PER_CALL if size <= FEW else PER_CALL // 4
    at_once = max(1, min(8, 2**20 // size**2))
    replicates = Replicates(lambda key, which: spectrum_of(models, sample, key, which), ("spectrum", models, sample), per_call, at_once)
    found: Spectrum = replicates.drawn(key, networks, which=which)
    if not all(np.all(np.isfinite(each)) for each in (found.trace, found.eigenvalues)):
        raise NotFinite(
            f"the Fisher information behind {model.last.name} is not finite: a norm divides by zero where all that it averages over is one number"
        )
    return found


def may_be_drawn_from_gram_matrices(model: Classifier, sample: Sample) -> bool:
    """Whether no hidden layer has a norm, weights are Gaussian, and every hidden layer is wider than there are outputs on samples."""
    narrowest = min(model.width(layer, sample.width) for layer in range(model.layers))
    gaussian = model.network.weights is Distribution.GAUSSIAN
    return not has_hidden_norm(model) and gaussian and sample.samples * model.outputs <= narrowest


class Paths(NamedTuple):
    """Of one network: entries of $F^*$ by layers, (CT, CT), their largest distance from those by differentiation, its eigenvalues, and a scale of rounding.

    The scale is the largest entry before the norm on the outputs, times what that norm divides by at least.
    """

    matrix: Any
    apart: Any
    eigenvalues: Any
    scale: Any


def both_paths(models: tuple[Classifier, ...], which: int, sample: Sample, key: jax.Array, networks: int) -> Paths:
    """$F^*$ by layers and by differentiation, of one of several networks that differ in the norm on their outputs only; networks along the first axis."""

    def measure(key: jax.Array, which: jax.Array) -> Paths:
        by_layers, passed = dual_of(models, which, sample, key)
        other = by_differentiation(models, which, sample, key)
        plain, _ = dual_of((replace(models[0], last=NoNorm),), which, sample, key)
        inverse = jnp.stack([jnp.max(1 / jnp.var(passed.outputs, axis=axis)) for axis in (0, 1)])
        scale = jnp.max(jnp.abs(plain)) * jnp.max(jnp.where(jnp.isfinite(inverse), inverse, 1), initial=1.0)
        return Paths(by_layers, jnp.max(jnp.abs(by_layers - other)), jnp.linalg.eigvalsh(by_layers)[::-1], scale)

    found: Paths = Replicates(measure, ("two paths", models, sample), networks).drawn(key, networks, which=which)
    return found
