"""The catalogue: every claim, foundations first, by id.

Deriving all claims takes SymPy seconds, so a module's claims are derived when one of them, or one of a later module, is asked for.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module

from theory.claim import Claim

#: Of this package, foundations first.
MODULES = (
    "assumptions",
    "gaussian",
    "class_fraction",
    "leave_one_out",
    "minibatch",
    "clt",
    "layer_statistics",
    "depth",
    "placements",
    "proxy",
    "other_norms",
    "smooth_activations",
    "pooling",
    "multiclass",
    "initialisation",
    "structured_data",
    "gradients",
    "gradient_growth",
    "edge_of_chaos",
    "residual",
    "fisher_kernel",
    "fisher_spectrum",
    "survey",
    "optimum_lemma",
)


class Catalogue(Mapping[str, Claim]):
    """Claims by id, in the order of their modules: to look one up loads these up to its own, to go through them loads all."""

    def __init__(self) -> None:
        self._to_come = list(MODULES)
        self._claims: dict[str, Claim] = {}

    def _load_next(self) -> None:
        module = import_module(f"theory.{self._to_come[0]}")
        self._claims |= {claim.id: claim for claim in module.CLAIMS}
        del self._to_come[0]

    def __getitem__(self, id: str) -> Claim:
        while id not in self._claims and self._to_come:
            self._load_next()
        return self._claims[id]

    def __iter__(self) -> Iterator[str]:
        while self._to_come:
            self._load_next()
        return iter(self._claims)

    def __len__(self) -> int:
        return sum(1 for _ in self)


CLAIMS = Catalogue()
