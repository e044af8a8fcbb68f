"""Several processes that share ensembles: how they meet, which networks are whose, and how what each found comes together.

JAX's coordination service carries the bytes, and nothing is computed across processes: none waits for another before the end.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jax

HEARTBEAT = 20  #: seconds without a sign of life of one process after which JAX ends all others; where it is process 0, at once
JOINING = 300  #: seconds to wait for all processes at the start
FOREVER = 2**31 - 1  #: milliseconds to wait for a process: that it lives is known from its heartbeats


class NotJoined(Exception):
    """The processes did not find each other, or do not belong together; the message says why."""


@dataclass(frozen=True)
class Hosts:
    """One process, by its number among those that share ensembles."""

    number: int = 0
    count: int = 1

    def mine(self, blocks: Sequence[int]) -> Sequence[int]:
        """Of blocks of networks, those that this process draws."""
        return blocks[self.number :: self.count]

    def all(self, name: str, mine: Mapping[int, bytes], blocks: Sequence[int]) -> list[bytes]:
        """What was found of all blocks: this process's goes to the others, theirs comes as it is finished."""
        if self.count == 1:
            return [mine[block] for block in blocks]
        service = _service()
        for block, content in mine.items():
            service.key_value_set_bytes(f"{name}/{block}", content)
        return [mine[block] if block in mine else service.blocking_key_value_get_bytes(f"{name}/{block}", FOREVER) for block in blocks]

    def meet(self, name: str) -> None:
        """Wait for all others to come here."""
        if self.count > 1:
            _service().wait_at_barrier(name, FOREVER)

    def agree(self, words: Mapping[str, Any]) -> None:
        """Nothing, where all were started with the same words: names to what JSON holds.

        Raises
        ------
        NotJoined
            Otherwise, in every process.
        """
        mine = json.dumps(words)
        found = self.all("words", {self.number: mine.encode()}, range(self.count))
        self.meet("words")
        for number, other in enumerate(found):
            if differs := difference(other.decode(), mine):
                raise NotJoined(f"process {number} draws another simulation: {differs}")


def _service() -> Any:
    """The client of JAX's coordination service, which has no public name."""
    from jax._src import distributed

    return distributed.global_state.client


def difference(found: str, mine: str) -> str:
    """Which of the words of two simulations differ; nothing where none do."""
    there, here = json.loads(found), json.loads(mine)
    return "; ".join(f"{name} is {there.get(name)} there, {here[name]} here" for name in here if there.get(name) != here[name])


@contextmanager
def joined(**place: Any) -> Iterator[Hosts]:
    """Join the others: at a coordinator's address, as one of so many, or where JAX detects a cluster.

    Leaving waits for the others. When one of them is lost, JAX aborts this process: what is to remain must be written by then.

    Raises
    ------
    NotJoined
        If there is neither a place nor a cluster, or the address cannot be used.
    """
    try:
        jax.distributed.initialize(**place, heartbeat_timeout_seconds=HEARTBEAT, initialization_timeout=JOINING)
    except ValueError as error:
        raise NotJoined(
            f"neither JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID are set nor does JAX detect a cluster: {error}"
        ) from None
    except RuntimeError as error:
        raise NotJoined(
            f"no coordinator at {place.get('coordinator_address', 'the address that JAX detects')}: {str(error).splitlines()[0]}"
        ) from None
    yield Hosts(jax.process_index(), jax.process_count())
    jax.distributed.shutdown()
