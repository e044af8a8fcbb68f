"""Simulated values owe nothing to predicted ones: with all of the theory's rules poisoned, not one bit of them changes."""

import inspect

import jax
import numpy as np
import pytest
from tiers import tiered

from numerics import kernel, keys
from numerics.batch_means import batch_means
from numerics.batch_statistic import tally
from numerics.ensemble import Sampler, Size, moments
from numerics.fisher import Sample, spectra
from numerics.gradients import squared_gradients
from numerics.layer_statistics import Quantity, statistic
from numerics.readout import class_counts, votes
from theory import activations, gaussian_functions, law, network, node, stages, stream
from theory.activations import ACTIVATIONS
from theory.classifier import Classifier, Where, classifier
from theory.network import Block, Network, Placement
from theory.norms import NORMS, BatchNorm, LayerNorm
from theory.stream import ResidualNetwork

#: What a stage or a network is in arrays, and what sizes it takes: all else that a method of these classes does is theory.
IN_ARRAYS = {
    *("biased", "on_array", "within", "couples_samples", "refuses_batch", "refuses_width", "defined_in"),
    *("block", "blocks", "stages", "dense", "embedding", "outer"),
}
READING_NUMBERS = {"exact", "_decimal"}  #: a network's own numbers: of no theory
EDGES = np.linspace(-2, 2, 9)
BATCHED = Network(BatchNorm, Placement.PRE, batch_size=8)
MEASURES = {
    "moments": lambda key: moments(Network(LayerNorm, Placement.PRE, bias_variance=0.1), Size(32, 3, 8), key, 4),
    "every norm": lambda key: [
        moments(Network(norm, Placement.PRE, ACTIVATIONS["gelu"], batch_size=16), Size(64, 2, 32), key, 2) for norm in NORMS.values()
    ],
    "blocks in turn": lambda key: moments(Network(LayerNorm, Placement.POST, then=(Block(),)), Size(32, 3, 8), key, 4),
    "Gram matrices": lambda key: moments(BATCHED, Size(64, 2, 16, sampler=Sampler.GRAM), key, 4),
    "streams": lambda key: moments(ResidualNetwork(branch_gain=0.5), Size(32, 3, 8), key, 4),
    "batch means": lambda key: batch_means(BATCHED, Size(32, 2, 16), key, 4),
    "class counts": lambda key: class_counts(Network(), Size(32, 2, 8), key, 4),
    "votes": lambda key: votes(Network(), Size(32, 2, 8), 3, 4, key, 4),
    "gradients": lambda key: squared_gradients(Network(LayerNorm, Placement.POST), Size(16, 3, 8), key, 4),
    "spectra": lambda key: spectra(Classifier(3, 3, last=BatchNorm), Sample(16, 6), key, 2),
    "spectra with hidden norms": lambda key: spectra(classifier(BatchNorm, Where.HIDDEN, 3, 2), Sample(16, 6), key, 2),
    "batch statistic": lambda key: tally(BatchNorm, 8, EDGES, key, 1000),
    "layer statistics": lambda key: [statistic(quantity, 32, key, 4) for quantity in Quantity],
}


def _poison(*arguments, **options):
    raise AssertionError("a simulation asked the theory")


def _poisoned(monkeypatch, spared=IN_ARRAYS):
    """Every method of laws, stages, activations and networks that is not in `spared`, and every function of Gaussian moments, raises."""
    count = 0
    for module in (law, stages, activations, network, stream):
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if kind.__module__ != module.__name__ or issubclass(kind, Exception):
                continue
            for name, member in list(vars(kind).items()):
                if (inspect.isfunction(member) or isinstance(member, property)) and not name.startswith("__") and name not in spared:
                    monkeypatch.setattr(kind, name, property(_poison) if isinstance(member, property) else _poison)
                    count += 1
    for module in (gaussian_functions, node, law):
        for name, member in inspect.getmembers(module, inspect.isfunction):
            if member.__module__ == module.__name__ and name not in READING_NUMBERS:
                monkeypatch.setattr(module, name, _poison)
                count += 1
    return count


def _bits(found):
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(found)]


@pytest.mark.parametrize(
    "name", tiered(MEASURES, ("moments", "Gram matrices", "streams", "votes", "gradients", "spectra", "batch statistic"))
)
def test_simulated_values_do_not_know_the_theory(name, monkeypatch):
    key = keys.stream(1, "independence", name)
    before = _bits(MEASURES[name](key))
    assert len(before) > 0
    monkeypatch.setattr(kernel, "_KERNELS", {})
    assert _poisoned(monkeypatch) >= 60
    assert _bits(MEASURES[name](key)) == before


@pytest.mark.parametrize("spared", ["on_array", "block", "couples_samples"])
def test_the_poison_is_met_where_it_is_asked_for(spared, monkeypatch):
    """The twin: with the array code itself among the poisoned methods, the same simulation fails."""
    monkeypatch.setattr(kernel, "_KERNELS", {})
    _poisoned(monkeypatch, IN_ARRAYS - {spared})
    with pytest.raises(AssertionError, match="asked the theory"):
        MEASURES["moments"](keys.stream(1, "independence", "twin"))
