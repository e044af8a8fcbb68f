r"""Squared gradients in every layer of a random network, by reverse-mode differentiation of the code that runs forward.

The cotangent of the last hidden activations is drawn: independent standard Gaussians for all samples of a batch, so that a norm that
couples samples is differentiated through its statistics. Nothing is assumed about gradients.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from numerics.draws import gaussian
from numerics.ensemble import Sampler, Size, apply_stages, dense, finite, inputs, product, scaled
from numerics.kernel import Replicates
from theory.network import Dense, Network

PER_CALL = 32  #: networks in one compiled call: ensembles of any size then share one kernel


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def gram_product(h: jax.Array, key: jax.Array, width: int) -> jax.Array:
    r"""$HW^{\mathsf T}$ for standard Gaussian W (width × N) that is never drawn, with a law of its own in either direction.

    With $H = RQ$, rows of Q orthonormal, the product is $RG$, $G = QW^{\mathsf T}$. Given G, $W = G^{\mathsf T}Q + W'(I - Q^{\mathsf T}Q)$ with $W'$ another
    draw of W; and a cotangent g meets $W'$ in $gW'$ alone, which has the law of $R_gG'$ with $R_gR_g^{\mathsf T} = gg^{\mathsf T}$ (claim
    `gradients_from_gram_matrices`).
    """
    return gram_forward(h, key, width)[0]


def gram_forward(h: jax.Array, key: jax.Array, width: int) -> tuple[jax.Array, tuple[jax.Array, jax.Array, jax.Array]]:
    """The product, and what a cotangent of it needs to know of it."""
    forward_key, backward_key = jax.random.split(key)
    basis, factor = jnp.linalg.qr(h.T)
    along = gaussian(forward_key, (factor.shape[0], width))
    return product(factor.T, along), (basis, along, backward_key)


def gram_backward(width: int, kept: tuple[jax.Array, jax.Array, jax.Array], g: jax.Array) -> tuple[jax.Array, None]:
    """The cotangent of h from all cotangents (rows) of the product, which meet the same weights; None for the key."""
    basis, along, backward_key = kept
    root = jnp.linalg.qr(g.T, mode="r").T
    fresh = product(root, gaussian(backward_key, (root.shape[1], basis.shape[0])))
    return product(product(g, along.T) - product(fresh, basis), basis.T) + fresh, None


gram_product.defvjp(gram_forward, gram_backward)


def gram_dense(h: jax.Array, key: jax.Array, width: int, layer: Dense) -> jax.Array:
    """A dense layer (batches, B, N) → (batches, B, width) whose pre-activations and whose gradients are drawn from Gram matrices."""
    *lead, fan_in = h.shape
    weight_key, bias_key = jax.random.split(key)
    return scaled(gram_product(h.reshape(-1, fan_in), weight_key, width), bias_key, layer, fan_in).reshape(*lead, width)


def squared_gradients(network: Network, size: Size, key: jax.Array, networks: int) -> np.ndarray:
    """Mean over samples and units of the squared gradient in each hidden layer's pre-activations. Shape (networks, depth), float64.

    Raises
    ------
    NotFinite
        If a norm divided by zero.
    """
    draw = gram_dense if size.sampler is Sampler.GRAM else partial(dense, sampler=Sampler.WEIGHTS)

    def measure(key: jax.Array) -> jax.Array:
        input_key, layer_key, cotangent_key = jax.random.split(key, 3)
        x = inputs(network, size, input_key)

        def layer(h: jax.Array, drawn: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
            layer_key, nudge = drawn
            h = draw(h, layer_key, size.width, network.dense) + nudge
            return apply_stages(network.block, h), None

        def last(nudges: jax.Array) -> jax.Array:
            return lax.scan(layer, x, (jax.random.split(layer_key, size.depth), nudges))[0]

        h, pull_back = jax.vjp(last, jnp.zeros((size.depth, *x.shape), jnp.float32))
        (gradients,) = pull_back(gaussian(cotangent_key, h.shape))
        return jnp.mean(gradients.astype(jnp.float64) ** 2, axis=(1, 2, 3))

    if size.input_dimension not in (0, size.width):
        raise ValueError("squared gradients are measured in networks whose inputs are as wide as their layers")
    found: np.ndarray = Replicates(measure, ("squared gradients", network, size), PER_CALL).drawn(key, networks)
    return np.asarray(finite(found, network, size))
