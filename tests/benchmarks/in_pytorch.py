"""The other side: γ from the outputs of random networks in PyTorch, as published simulations take it.

Every network draws its N² weights per layer in float32, sends samples through layer norm → ReLU layers and reads two outputs. Written to be
fast in its own way: no module is built, nothing is kept for gradients, and weights are drawn at unit variance, for to scale a layer's few
pre-activations is cheaper than to scale its weights.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import layer_norm, linear, relu

OUTPUTS = 2
AT_ONCE = 8  #: networks side by side in memory under vmap, as on our side


class Shape(NamedTuple):
    """Sizes of a network, and where it lives."""

    width: int
    depth: int
    samples: int
    device: str = "cpu"


def network(shape: Shape) -> torch.Tensor:
    """The outputs (samples, 2) of one network whose input dimension is its width."""
    width, scale = shape.width, (2 / shape.width) ** 0.5
    h = torch.randn(shape.samples, width, device=shape.device)
    for _ in range(shape.depth):
        z = linear(h, torch.randn(width, width, device=shape.device)) * scale
        h = relu(layer_norm(z, (width,), eps=0.0))
    return linear(h, torch.randn(OUTPUTS, width, device=shape.device)) * scale


def use_threads(count: int) -> None:
    """Threads of PyTorch's matrix products; it draws random numbers on one."""
    torch.set_num_threads(count)


def loop(shape: Shape, networks: int) -> np.ndarray:
    """Outputs (networks, samples, 2), one network after another."""
    with torch.inference_mode():
        return torch.stack([network(shape) for _ in range(networks)]).cpu().numpy()


def vmapped(shape: Shape, networks: int) -> np.ndarray:
    """The same with `torch.func.vmap` over networks."""
    many: Callable[[torch.Tensor], torch.Tensor] = torch.func.vmap(lambda _: network(shape), randomness="different", chunk_size=AT_ONCE)
    with torch.inference_mode():
        return many(torch.empty(networks)).cpu().numpy()


def bare(shape: Shape, networks: int) -> np.ndarray:
    """The loop's random draws and matrix products, and nothing else of it."""
    with torch.inference_mode():
        last = []
        for _ in range(networks):
            h = torch.randn(shape.samples, shape.width, device=shape.device)
            for _ in range(shape.depth):
                h = linear(h, torch.randn(shape.width, shape.width, device=shape.device))
            last.append(h)
        return torch.stack(last).cpu().numpy()
