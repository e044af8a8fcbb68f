"""The benchmarks' estimates, rules and tables: never a time."""

import json
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from benchmarks import in_jax, measures, processes, tables
from benchmarks.measures import Ratio
from scipy import stats

from numerics import keys
from numerics.ensemble import Sampler, Size

WIDTH, DEPTH, SAMPLES, NETWORKS = 32, 2, 4, 4096
ALPHA = 1e-6
CRITICAL = stats.norm.isf(ALPHA / 2)
WAYS = ("loop", "vmapped")


@cache
def outputs_of(way):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: make bench installs it, and nothing else needs it")
    from benchmarks import in_pytorch

    torch.manual_seed(int(keys.generator(1, "benchmark", way).integers(2**31)))
    return getattr(in_pytorch, way)(in_pytorch.Shape(WIDTH, DEPTH, SAMPLES), NETWORKS)


@cache
def ours():
    found = in_jax.draw(Size(WIDTH, DEPTH, SAMPLES), NETWORKS)
    return Ratio(np.asarray(found.overlap)[:, -1], np.asarray(found.power - found.overlap)[:, -1])


def standard_errors(one, other):
    """Between the logarithms of two γ."""
    return np.log(one.gamma / other.gamma) / np.hypot(one.standard_error / one.gamma, other.standard_error / other.gamma)


@pytest.mark.parametrize("way", WAYS)
def test_both_sides_estimate_the_same_gamma(way):
    assert abs(standard_errors(Ratio.of_outputs(outputs_of(way)), ours())) < CRITICAL


@pytest.mark.parametrize("way", WAYS)
def test_the_bias_of_sample_means_would_be_seen(way):
    one = Ratio.of_outputs(outputs_of(way))
    biased = Ratio(one.centres + one.spreads / SAMPLES, one.spreads)
    assert standard_errors(biased, ours()) > CRITICAL


def test_networks_read_by_outputs_are_independent_and_vary_as_two_normal_outputs_do():
    # Given all but the readout, two centres are independent normal numbers: γ of one network varies at least by itself.
    found = Ratio.of_outputs(outputs_of("loop")).relative_variance
    assert found.value * (1 + CRITICAL * found.error) > 1


def gaussian_outputs(networks, samples, between, within):
    random = keys.generator(1, "benchmark", "outputs")
    return np.sqrt(between) * random.standard_normal((networks, 1, 2)) + np.sqrt(within) * random.standard_normal((networks, samples, 2))


def test_gamma_of_outputs_has_its_stated_value_and_variance():
    between, within, samples = 0.75, 0.5, 3
    found = Ratio.of_outputs(gaussian_outputs(80_000, samples, between, within))
    for values, expected in ((found.centres, between), (found.spreads, within)):
        assert abs(values.mean() - expected) < CRITICAL * values.std(ddof=1) / np.sqrt(len(values))
    # Of two outputs: squares of normal centres, and χ² spreads that enter both numerator and denominator.
    centre, spread = (between + within / samples) ** 2, within**2 / (samples - 1)
    variance = (centre + spread * (1 / samples + between / within) ** 2) / between**2
    assert abs(found.relative_variance.value / variance - 1) < CRITICAL * found.relative_variance.error < 0.1


def test_networks_needed_are_those_that_reach_the_target():
    networks = measures.networks_needed(1.2, 0.006, 0.01)
    assert np.hypot(np.sqrt(1.2 / networks), 0.006) == pytest.approx(0.01, rel=1e-12)
    assert measures.networks_needed(1.2, 0.01, 0.01) == measures.networks_needed(1.2, -0.02, 0.01) == np.inf


def test_the_width_of_the_other_side_is_its_cheapest():
    widths = np.arange(16, 4096, 16)
    for bias in (0.6, -2.3, 5.6):
        costs = [width**2 * measures.networks_needed(1.0, bias / width, 0.01) for width in widths]
        assert abs(measures.cheapest_width(bias, 0.01) - widths[np.argmin(costs)]) <= 16  # widths come in steps of 16


def test_slopes_of_power_laws():
    exact = measures.slope([1, 2, 4, 8], [3, 12, 48, 192])
    assert exact.value == pytest.approx(2, rel=1e-12) and exact.error < 1e-6
    assert measures.slope([1, 2, 4, 8], [3, 13, 47, 192]).error > 1e-3


def test_every_call_of_an_alternation_runs_once_to_compile_and_in_every_round():
    seen = []
    seconds = measures.alternate({"a": lambda number: seen.append(("a", number)), "b": lambda number: seen.append(("b", number))}, 8)
    assert seen[:2] == [("a", 8), ("b", 8)] and all((taken > 0).all() for taken in seconds.values())
    rounds = [seen[place : place + 2] for place in range(2, len(seen), 2)]
    assert [sorted(each) for each in rounds] == [[("a", number), ("b", number)] for number in range(8)]
    assert {each[0][0] for each in rounds} == {"a", "b"}  # whatever comes first does not always follow the same


@pytest.mark.parametrize("sampler", Sampler)
def test_bare_work_has_the_shapes_of_the_sampler(sampler):
    found = np.asarray(in_jax.bare(Size(16, 3, 4, sampler=sampler), 5)())
    assert found.shape == (5, 4, 16) and np.isfinite(found).all() and found.std() > 0 and found.dtype == np.float32


def test_the_bias_is_that_of_the_ratio_of_means():
    size = Size(WIDTH, DEPTH, SAMPLES)
    off = ours().gamma / in_jax.limit(DEPTH) - 1
    assert in_jax.of_means(in_jax.draw(size, NETWORKS), in_jax.limit(DEPTH))[:, -1].mean() == pytest.approx(off, rel=1e-9)
    controlled = in_jax.adjusted(size, NETWORKS // 2, in_jax.of_means)
    assert abs(controlled.mean - off) < CRITICAL * np.hypot(controlled.standard_error, ours().standard_error / in_jax.limit(DEPTH))


def test_processes_are_compared_with_one_alone_and_with_strangers_of_the_same_round():
    rounds = np.array([1.0, 2.0])
    rows = processes.table({"alone": 9 * rounds, "strangers": 10 * rounds, "together": 12 * rounds}).rows
    assert [row[2:] for row in rows] == [("", ""), ("90.0% ± 0.0%", ""), ("75.0% ± 0.0%", "83.3% ± 0.0%")]


def test_a_process_that_fails_fails_the_benchmark():
    ended = [subprocess.Popen([sys.executable, "-c", f"raise SystemExit({status})"]) for status in (0, 1)]
    with pytest.raises(subprocess.CalledProcessError, match="status 1"):
        processes.finish(ended)


def results():
    return json.loads((tables.HERE / "results.json").read_text(encoding="utf-8"))


def test_the_tables_and_the_readme_say_what_the_results_say():
    assert (tables.HERE / "results.md").read_text(encoding="utf-8") == tables.markdown(results())
    assert tables.QUOTED.findall((tables.ROOT / "README.md").read_text(encoding="utf-8")) == [tables.sentence(results())]


def test_ratios_taken_beside_other_work_are_not_quoted():
    ratio = tables.two_digits(results()["headline"]["loop"]["value"])
    busy, idle = (tables.sentence(results() | {"others": share}) for share in (0.5, 0.01))
    assert ratio in idle and ratio not in busy and "50%" in busy


def test_the_results_name_no_path():
    assert str(tables.ROOT) not in json.dumps(results())
