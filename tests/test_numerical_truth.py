"""Float32 against float64, seeds, processes, splits, devices: what may move a measured number, and by how much at most."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from tiers import tiered

from numerics import ensemble, kernel, keys
from numerics.control_variates import fitted
from numerics.ensemble import Precision, Sampler, Size, controlled_moments, moments, propagate
from numerics.estimators import two_moments
from numerics.kernel import Imprecise, Kernel, Replicates
from numerics.precision import DEVIATIONS, FLOAT32, control_drift, drift, magnification, rounding
from proofs_checks import observe_agreement
from proofs_checks.audit import Settings, plan
from proofs_checks.finding import trailing_number
from proofs_checks.observe_prejudice import samples_of, sensitivity, stated_at
from theory.activations import ACTIVATIONS
from theory.catalogue import CLAIMS
from theory.experiments import Agreement, Prejudice
from theory.gradients import gradient_factor
from theory.network import Network, Placement
from theory.norms import BatchNorm, LayerNorm, NoNorm, RMSNorm, group_norm
from theory.stream import ResidualNetwork

ROOT = Path(__file__).parents[1]
NETWORKS, DEPTH, SAMPLES = 64, 8, 64
DEPTHS = (1, 2, 4, 8)  #: compared, of one sweep

CASES = {
    "no norm": (Network(), 32),
    "LN before": (Network(LayerNorm, Placement.PRE, input_overlap=0.5), 128),
    "LN after, biases": (Network(LayerNorm, Placement.POST, bias_variance=0.1), 32),
    "LN after, wide": (Network(LayerNorm, Placement.POST), 256),
    "RMS after": (Network(RMSNorm, Placement.POST, input_overlap=0.2), 64),
    "BN before": (Network(BatchNorm, Placement.PRE, batch_size=32), 64),
    "BN after": (Network(BatchNorm, Placement.POST, batch_size=32), 64),  # of 16 samples a unit now and then rectifies all
    "GELU": (Network(LayerNorm, Placement.PRE, ACTIVATIONS["gelu"]), 64),
    "stream": (ResidualNetwork(bias_variance=0.1), 64),
    "from Gram matrices": (Network(LayerNorm, Placement.PRE, input_overlap=0.2), 512),
}
#: Of activations that are no rectifiers the bound takes the worst of the catalogue at every layer, and says nothing of many layers.
COMPARED = [(name, depth) for name in CASES for depth in DEPTHS if depth <= 2 or name != "GELU"]
OFTEN = ("no norm", "LN before", "BN before", "stream", "from Gram matrices")
SPLIT = "LN after, wide"


def case(name, precision=Precision.SINGLE):
    """Network, size and stream of a case; what is drawn does not depend on the precision."""
    network, width = CASES[name]
    sampler = Sampler.GRAM if name == "from Gram matrices" else Sampler.WEIGHTS
    return network, Size(width, DEPTH, SAMPLES, sampler=sampler, precision=precision), keys.stream(6, "truth", name)


@cache
def found(name, precision):
    """(overlap, power) as arrays (networks, depth)."""
    network, size, key = case(name, precision)
    return jax.tree.map(np.asarray, moments(network, size, key, NETWORKS))


def correlation(measured):
    return measured.overlap / measured.power


def bounds(name, depth):
    network, size, _ = case(name)
    return rounding(network, replace(size, depth=depth))


def ratios(name, single, double, depth):
    """|float32 − float64| over the bound, the largest of all networks: of c, overlap, power and γ."""
    network, layer, bound = CASES[name][0], depth - 1, bounds(name, depth)
    (o, p), (exact_o, exact_p) = ([leaf[:, layer] for leaf in each] for each in (single, double))
    c = exact_o / exact_p
    bias = float(network.bias_variance) / (float(network.weight_variance) * exact_p)
    off = {
        "c": (np.abs(o / p - c), bound.correlation),
        "overlap": (np.abs(o - exact_o) / exact_p, bound.correlation + np.abs(c) * bound.power),
        "power": (np.abs(p / exact_p - 1), bound.power),
        "γ": (np.abs(single.gamma(network) - double.gamma(network))[:, layer], bound.gamma(c, bias)),
    }
    return {what: float(np.max(each / most)) for what, (each, most) in off.items()}


# Float32 against float64


@pytest.mark.parametrize("name, depth", tiered(COMPARED, [each for each in COMPARED if each[0] in OFTEN]))
def test_float32_is_within_its_bound(name, depth):
    """Measured on a CPU: c moves by at most 0.9 u, which is at most 0.9 % of the bound; the power by at most 1.1 % of its own."""
    single, double = (found(name, precision) for precision in Precision)
    assert not np.array_equal(single.overlap, double.overlap)  # the second pass is another one
    worst = ratios(name, single, double, depth)
    assert max(worst.values()) <= 1, worst
    bound = bounds(name, depth)
    assert np.sqrt(np.mean((correlation(single) - correlation(double))[:, depth - 1] ** 2)) <= bound.certain


@pytest.mark.parametrize("name, bits", [("no norm", 10), ("LN before", 10), ("BN before", 10), ("LN before", 7)])
def test_fewer_bits_are_outside_of_it(name, bits, monkeypatch):
    """The twin: products of numbers rounded to the 10 bits of TF32, or the 7 of bfloat16, as accelerators make them unless told not to.

    Measured: 3.1 to 27 times the bound with 10 bits, 83 and 84 times with 7.
    """
    exact, honest = correlation(found(name, Precision.DOUBLE)), ensemble.product

    def product(a, b):
        return honest(*(lax.reduce_precision(x, exponent_bits=8, mantissa_bits=bits) for x in (a, b)))

    monkeypatch.setattr(ensemble, "product", product)
    monkeypatch.setattr(kernel, "_KERNELS", {})
    network, size, key = case(name)
    coarse = moments(network, replace(size, depth=2), key, NETWORKS)
    for depth in (1, 2):
        layer = slice(depth - 1, depth)
        off = np.abs(correlation(coarse)[:, layer] - exact[:, layer])
        assert np.max(off) > bounds(name, depth).correlation * (10 if bits == 7 else 3)


@pytest.mark.parametrize("name", tiered(CASES, OFTEN))
def test_rounding_does_not_move_means(name):
    """What the drift allows for does not happen: means over networks move by under a twentieth of it."""
    for depth in (each for other, each in COMPARED if other == name):
        single, double = (correlation(found(name, precision))[:, depth - 1] for precision in Precision)
        assert abs((single - double).mean()) <= drift(CASES[name][0], depth, SAMPLES) / 20, depth


@pytest.mark.parametrize(
    "name",
    tiered(("no norm", "LN before", "LN after, biases", "BN before", "GELU", "stream", "from Gram matrices"), ("BN before",)),
)
def test_rounding_does_not_move_adjusted_means(name):
    """The same of means that control variates were taken from, multipliers and all; measured: under a thousandth of what is allowed for."""
    network, size, key = case(name)
    depth, networks = 3, 64

    def drawn(precision):
        found = controlled_moments(network, replace(size, depth=depth, precision=precision), key, 2 * networks)
        return correlation(found.moments)[:, -1], found.controls[:, -1]

    (c, x), (exact_c, exact_x) = map(drawn, Precision)
    adjustment = fitted(c[:networks], x[:networks], control_drift(network), networks)
    moved = (adjustment.of(c, x) - adjustment.of(exact_c, exact_x))[networks:]
    assert moved.any()
    assert abs(moved.mean()) <= (drift(network, depth, SAMPLES) + adjustment.drift(control_drift(network))) / 20


def test_the_drift_is_far_below_the_standard_errors_of_the_audit():
    """A twentieth of what γ to 2 % would need, and so a tenth at 1 %; that multipliers of controls add too little to decide a check, each shows."""
    seen = 0
    for check in plan([claim for claim in CLAIMS.values() if not claim.long], Settings()):
        if isinstance(check.subject, Prejudice) and "gamma_depth" in check.name:
            network, depth = check.subject.network, trailing_number(check.name)
            wanted = check.design.resolution / check.design.deviations * sensitivity(stated_at(check.subject, depth))
            assert 20 * drift(network, depth, samples_of(network)) <= 2 * wanted, check.id
            seen += 1
    assert seen >= 50
    for experiment in (each for claim in CLAIMS.values() for each in claim.experiments if isinstance(each, Agreement)):
        for network in experiment.networks:
            batch = observe_agreement.COUPLED[0][1] if network.couples_samples else 0
            sized = replace(network, batch_size=batch) if batch else network
            assert drift(sized, experiment.depth, 2 * batch or observe_agreement.SAMPLES) <= 256 * FLOAT32


@pytest.mark.parametrize("activation", ["relu", "abs", "leaky_relu", "sine"])
@pytest.mark.parametrize("norm", [NoNorm, LayerNorm, RMSNorm, BatchNorm, group_norm(16)], ids=lambda norm: norm.name)
def test_errors_grow_no_faster_than_gradients(norm, activation):
    """Two derivations of one number: a perturbation on its way forward grows as a squared gradient does on its way back."""
    for placement in (Placement.PRE, Placement.POST) if norm.stages else (Placement.NONE,):
        if norm.name == "group_norm" and (placement is Placement.POST or activation == "sine"):
            continue  # no rule for gradients there
        network = Network(norm, placement, ACTIVATIONS[activation])
        first, second, *_ = (law for law, _ in zip(network.states(), range(2), strict=False))
        factor = float(gradient_factor(network, first) * first.power / second.power)
        assert factor <= magnification(replace(network, batch_size=10**6)) * (1 + 1e-5)


# Seeds, processes, the order of claims, x64

AUDIT = """
import json, sys
import jax
import jax.numpy as jnp
before = jax.config.jax_enable_x64
from proofs_checks.audit import Settings, plan, run
from theory.catalogue import CLAIMS
claims, settings = [CLAIMS[name] for name in sys.argv[1:]], Settings(resolution=0.1)
observed = [check for check in plan(claims, settings) if check.witness.value == "observed"]
only = {check.id for check in observed if "gamma" in check.name or "batch_means" in check.name}
found = {claim: [item.to_json() for item in items] for claim, items in run(claims, settings, only=only).evidence.items()}
for item in sum(found.values(), []):
    del item["seconds"]
print(json.dumps({"before": before, "after": jax.config.jax_enable_x64, "evidence": found}, sort_keys=True))
"""
AUDITED = ("rms_norm_equals_layer_norm_before_relu", "batch_norm_after_relu")


@cache
def audited(x64, *claims, kernels=""):
    """What a process of its own finds, started with `JAX_ENABLE_X64` set; compiled kernels are kept in that folder, or nowhere."""
    done = subprocess.run(
        [sys.executable, "-c", AUDIT, *claims],
        cwd=ROOT,
        env={**os.environ, "JAX_ENABLE_X64": x64, "JAX_COMPILATION_CACHE_DIR": kernels, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Evidence of a process that keeps what it compiles, and where it does."""
    kernels = tmp_path_factory.mktemp("kernels")
    return audited("0", *reversed(AUDITED), kernels=str(kernels)), kernels


def test_evidence_is_bit_equal_in_any_process_and_any_order(kept):
    """Also where kernels are loaded that another process compiled: `make` keeps them."""
    compiled, kernels = kept
    files = set(kernels.iterdir())
    loaded = audited("1", *AUDITED, kernels=str(kernels))
    assert files and files == set(kernels.iterdir())
    assert set(loaded["evidence"]) == set(AUDITED) and sum(map(len, loaded["evidence"].values())) >= 3
    assert loaded["evidence"] == compiled["evidence"]  # JSON keeps every bit of a float


@pytest.mark.long
def test_evidence_of_kernels_compiled_again_is_bit_equal(kept):
    assert audited("1", *AUDITED)["evidence"] == kept[0]["evidence"]


def test_x64_is_forced_on_where_the_environment_turns_it_off(kept):
    runs = audited("1", *AUDITED, kernels=str(kept[1])), kept[0]
    assert [(run["before"], run["after"]) for run in runs] == [(True, True), (False, True)]


def test_x64_turned_off_later_is_refused():
    """Never float32 statistics without a word."""
    network, size, key = Network(), Size(16, 1, 4), keys.stream(6, "refused")
    moments(network, size, key, 4)
    jax.config.update("jax_enable_x64", False)
    try:
        with pytest.raises(Imprecise, match="leave it on"):
            moments(network, size, key, 4)
    finally:
        jax.config.update("jax_enable_x64", True)
    assert moments(network, size, key, 4).overlap.dtype == np.float64


# Splitting an ensemble


@cache
def split(per_call, at_once, precision):
    """The overlap and power of 40 networks, `per_call` in each compiled call, `at_once` side by side."""
    network, size, key = case(SPLIT, precision)
    size = replace(size, width=32, depth=2)

    def measure(network_key):
        return propagate(network, size, network_key, lambda layer: two_moments(layer.activations, coupled=False)).observed

    return Replicates(measure, ("truth", per_call, at_once, precision), per_call, at_once).drawn(key, 40)


def test_networks_do_not_know_how_many_are_in_a_call():
    whole = split(256, 8, Precision.SINGLE)
    assert len(np.unique(whole.overlap[:, -1])) == 40
    for per_call in (16, 32):
        part = split(per_call, 8, Precision.SINGLE)
        np.testing.assert_array_equal(part.overlap, whole.overlap)
        np.testing.assert_array_equal(part.power, whole.power)


@pytest.mark.parametrize("count, at_once, drawn", [(40, 8, 40), (10, 8, 10), (13, 8, 14), (3, 8, 3), (65, 64, 66), (5, 1, 5)])
def test_a_block_is_drawn_in_equal_rounds(count, at_once, drawn):
    """A shorter last round would be compiled beside the others."""
    key = keys.stream(6, "rounds")
    made = Kernel(lambda key, which: jnp.sin(jax.random.key_data(key)[0]), count, at_once)
    assert made.count == drawn
    assert str(jax.make_jaxpr(made._run)(keys.members(key, 0, drawn), 0)).count("= sin ") == 1
    found = Replicates(jax.random.uniform, ("rounds", count), count, at_once).drawn(key, count)
    np.testing.assert_array_equal(found, jax.vmap(jax.random.uniform)(keys.members(key, 0, count)))


@pytest.mark.parametrize("precision", Precision)
def test_networks_side_by_side_differ_by_rounding_only(precision):
    """A batched product may add in another order: two passes, each within its bound, which in float64 is 2²⁹ times smaller."""
    alone, together = (correlation(split(32, at_once, precision)) for at_once in (1, 8))
    network, size, _ = case(SPLIT)
    finer = 1 if precision is Precision.SINGLE else 2.0**-29
    for depth in (1, 2):
        bound = rounding(network, replace(size, width=32, depth=depth)).correlation
        assert np.max(np.abs(alone - together)[:, depth - 1]) <= 2 * bound * finer


def test_the_key_of_a_network_is_its_number():
    key = keys.stream(6, "numbers")
    whole = jax.random.key_data(keys.members(key, 0, 64))
    for first, count in ((0, 16), (16, 32), (37, 5)):
        np.testing.assert_array_equal(jax.random.key_data(keys.members(key, first, count)), whole[first : first + count])


# Devices


def on(device, name):
    """c of a case at depth 1, 2, …, all of it computed on one device."""
    with jax.default_device(device):
        network, size, key = case(name)
        return correlation(moments(network, size, key, NETWORKS))


@pytest.mark.parametrize("kind, name", [("cpu", "LN before"), *(("gpu", name) for name in CASES)])
def test_devices_agree(kind, name, monkeypatch):
    """Two passes in float32, each within its bound: `-k gpu` compares both devices of a machine that has both."""
    devices = [device for device in jax.devices() if (device.platform == "cpu") == (kind == "cpu")]
    if not devices:
        pytest.skip("no accelerator here: JAX sees " + ", ".join(map(str, jax.devices())))
    monkeypatch.setattr(kernel, "_KERNELS", {})  # compiled for one device
    there = on(devices[0], name)
    monkeypatch.setattr(kernel, "_KERNELS", {})
    here = correlation(found(name, Precision.SINGLE)) if jax.default_backend() == "cpu" else on(jax.devices("cpu")[0], name)
    for depth in DEPTHS:
        assert np.max(np.abs(there - here)[:, depth - 1]) <= 2 * bounds(name, depth).correlation


def test_the_bound_names_its_probability():
    assert 2 * np.exp(-(DEVIATIONS**2) / 2) < 1e-7
