"""One simulation, drawn by several processes or in several sittings, bit for bit as by one process in one.

An ensemble is drawn in blocks of consecutive networks, and a network's key is its number in its stream. A process draws the blocks that are
its own, unless they are kept from before, and ends up with those of all processes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import jax
import numpy as np

from numerics.hosts import Hosts
from numerics.parts import Parts

Draw = Callable[[Sequence[int]], Iterable[Any]]  #: numbers of blocks' first networks, to what is found of one block after another


class Sharing:
    """The ensembles of one simulation, in the order in which they are drawn.

    Parameters
    ----------
    hosts : Hosts
    parts : Parts or None
        Blocks that are finished, and those that will be.
    before_keeping : callable
        Raises where what was drawn is not to be kept.
    """

    def __init__(self, hosts: Hosts, parts: Parts | None = None, before_keeping: Callable[[], None] = lambda: None) -> None:
        self.hosts, self.parts, self.before_keeping = hosts, parts, before_keeping
        self.ensembles = 0

    @property
    def alone(self) -> bool:
        """Whether nothing is shared or kept."""
        return self.hosts.count == 1 and self.parts is None

    def collect(self, blocks: Sequence[int], networks: int, draw: Draw, structure: Any) -> Iterable[Any]:
        """What was found of all blocks, of so many networks each, of the next ensemble; `structure` is the tree that it is of each."""
        ensemble = self.ensembles
        self.ensembles += 1
        kept = self.parts.of(ensemble) if self.parts else {}
        mine = {block: kept[block] for block in self.hosts.mine(blocks) if block in kept}
        missing = [block for block in self.hosts.mine(blocks) if block not in kept]
        for block, found in zip(missing, draw(missing) if missing else (), strict=True):
            mine[block] = _encoded(found)
            if self.parts:
                self.before_keeping()
                self.parts.put(ensemble, block, networks, mine[block])
        return (_decoded(content, structure) for content in self.hosts.all(f"ensemble/{ensemble}", mine, blocks))


_SHARING: ContextVar[Sharing | None] = ContextVar("sharing", default=None)


@contextmanager
def sharing(simulation: Sharing) -> Iterator[None]:
    """What is drawn inside is the simulation's."""
    outside = _SHARING.set(simulation)
    try:
        yield
    finally:
        _SHARING.reset(outside)


def collect(blocks: Sequence[int], networks: int, draw: Draw, structure: Callable[[], Any]) -> Iterable[Any]:
    """What was found of all blocks of an ensemble, of so many networks each: drawn here, all of them, unless the simulation is shared."""
    simulation = _SHARING.get()
    return draw(blocks) if simulation is None or simulation.alone else simulation.collect(blocks, networks, draw, structure())


def _encoded(found: Any) -> bytes:
    stream = io.BytesIO()
    for leaf in jax.tree.leaves(found):
        np.save(stream, leaf, allow_pickle=False)
    return stream.getvalue()


def _decoded(content: bytes, structure: Any) -> Any:
    stream = io.BytesIO(content)
    return jax.tree.unflatten(structure, [np.load(stream, allow_pickle=False) for _ in range(structure.num_leaves)])
