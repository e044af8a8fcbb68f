"""Calibration: procedures that keep their rates are green, and each way to lose them is red."""

import io
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from scipy import integrate, stats
from tiers import tiered

from proofs_checks import calibration, observe_expectations, observed
from proofs_checks.audit import Audit, Settings, plan, run
from proofs_checks.calibration import BandNull, Count, FitNull, MisfitNull, TwoSampleNull, at_sup_distance, calibrate, replicated, table
from proofs_checks.design import FIRST_LOOK, Design, kurtosis
from proofs_checks.evidence import UnreadableEvidence, Verdict, digest, write_whole
from proofs_checks.finding import Finding, sup_distance
from proofs_checks.ladder import Rung, Sample, fit, fit_width_and_batch
from proofs_checks.observe_fractions import count_law
from proofs_checks.observe_samplers import tallies
from proofs_checks.recorded import read
from reports import latex, terminal
from theory.catalogue import CLAIMS

REPLICATES = 4000
ALPHA = 1e-6  #: of one calibration here
WIDTHS = (32, 64, 128, 4096)


def draws(name):
    return np.random.default_rng(list(name.encode()))


def samples(law, networks, widths=WIDTHS):
    """Rungs of a bias 0.3 + 2/N, whose values have a law that thousands of pilot networks show."""
    generator = draws("samples")
    return tuple(Sample(width, 0.3 + 2 / width + law(generator, networks), law(generator, 4000)) for width in widths)


def gaussian(generator, size):
    return generator.standard_normal(size)


def skewed(generator, size):
    return generator.lognormal(sigma=1.0, size=size)


LAW = stats.binom.pmf(np.arange(17), 16, 0.4)
COUNTS = draws("counts").multinomial(2000, LAW, size=2)
KEEPS = {
    "t of a mean": FitNull(samples(gaussian, 32, (64,)), partial(fit, rate="none"), 0.3),
    "t of an intercept": FitNull(samples(gaussian, 48), fit, 0.3),
    "misfit": MisfitNull(samples(gaussian, 2000), fit),
    "misfit, two spare": MisfitNull(samples(gaussian, 2000), partial(fit, rate="1/sqrt(N)")),
    "band": BandNull(np.full(400, 1 / 400), 1000),
    "two samples, few cells": TwoSampleNull(COUNTS),
    "two samples, every value its own": TwoSampleNull(tallies(*draws("values").standard_normal((2, 300)))),
}


def calibrated(null, name="calibration", replicates=REPLICATES):
    return calibrate(null, replicates, ALPHA, draws(name))


@pytest.mark.parametrize("name", KEEPS)
def test_a_procedure_that_keeps_its_rates_is_green(name):
    found = calibrated(KEEPS[name])
    assert found.red == ()
    assert [each.nominal for each in found.rates] == list(calibration.NOMINAL)


@pytest.mark.parametrize("name", ["t of a mean", "t of an intercept", "misfit", "misfit, two spare"])
def test_an_exact_procedure_errs_as_often_as_it_says(name):
    """Gaussian values: not more often than nominal, and not less, but for a probability of 1e-9."""
    for each in calibrated(KEEPS[name], replicates=10_000).rates:
        low, high = stats.binom.ppf(1e-9, 10_000, each.nominal), stats.binom.isf(1e-9, 10_000, each.nominal)
        assert low <= each.false_alarms.errors <= high and low <= each.misses.errors <= high


def test_few_skewed_networks_are_red():
    found = calibrated(FitNull(samples(skewed, 12, (64,)), partial(fit, rate="none"), 0.3))
    assert any(sentence.startswith("false alarm") for sentence in found.red)
    assert found.rates[0].false_alarms.interval[0] > 2 * found.rates[0].nominal


def test_replicates_err_as_often_as_fresh_networks():
    """The empirical law, in cells, stands for the law itself: counts of both in one table, judged by Fisher's exact test."""
    null = FitNull((Sample(64, skewed(draws("own"), 12), skewed(draws("pilot"), 100_000)),), partial(fit, rate="none"), 0.0)
    again = calibrated(null, replicates=20_000).rates[0].false_alarms.errors
    fresh = skewed(draws("fresh"), (20_000, 12)) - np.exp(0.5)
    errors = fresh.std(ddof=1, axis=1) / np.sqrt(12)
    alarms = int((abs(fresh.mean(axis=1) / errors) > stats.t.isf(calibration.NOMINAL[0] / 2, 11)).sum())
    assert stats.fisher_exact([[again, 20_000 - again], [alarms, 20_000 - alarms]]).pvalue > 1e-9


def test_half_a_band_is_red(monkeypatch):
    band = Design.band
    monkeypatch.setattr(Design, "band", lambda self, replicates: band(self, replicates) / 2)
    for name in ("band", "two samples, few cells", "two samples, every value its own"):
        assert any(sentence.startswith("false alarm") for sentence in calibrated(KEEPS[name]).red), name


def test_a_chi_square_of_wrong_freedom_is_red():
    def broken(rungs):
        right = fit(rungs, "1/sqrt(N)")
        return replace(right, misfit=stats.chi2.sf(stats.chi2.isf(right.misfit, right.spare), right.spare - 1))

    found = calibrated(MisfitNull(samples(gaussian, 2000), broken))
    assert any(sentence.startswith("false alarm") for sentence in found.red)


def test_a_normal_in_place_of_student_is_red(monkeypatch):
    monkeypatch.setattr(Design, "critical", lambda self, freedom: stats.norm.isf(self.alpha / 2))
    found = calibrated(FitNull(samples(gaussian, 8, (64,)), partial(fit, rate="none"), 0.3))
    assert any(sentence.startswith("false alarm") for sentence in found.red)


@pytest.mark.parametrize("name", KEEPS)
def test_half_the_deviation_is_missed_and_red(name, monkeypatch):
    for owner, function in ((Design, "resolved"), (Design, "band_resolved"), (calibration, "_seen_misfit")):
        right = getattr(owner, function)
        monkeypatch.setattr(owner, function, lambda *given, right=right: right(*given) / 2)
    assert any(sentence.startswith("miss") for sentence in calibrated(KEEPS[name]).red)


def test_nothing_agrees_with_a_nan_and_nothing_contradicts_it():
    design = Design(1e-8, 0.02)
    assert not design.accepts(np.nan, 31) and not design.rejects(np.nan, 31)
    assert not design.accepts(np.array([np.nan]), 31).any() and not design.rejects(np.array([np.nan]), 31).any()
    assert np.isnan(design.resolved(1.0, np.nan)) and np.isnan(design.resolved(np.nan, 31))


@pytest.mark.parametrize("freedom", [7, 31, 63.5, 511])
@pytest.mark.parametrize("alpha, miss", [(1e-2, 1e-2), (9e-9, 1e-6), (0.5, 1e-6)])
def test_the_resolution_has_the_power_it_states(alpha, miss, freedom):
    """Student's noncentral t as what it is: a Gaussian over an independent root of a mean of squares."""
    design = Design(alpha, 0.02, miss)
    critical = design.critical(freedom)

    def missed(deviation):
        def at(scale):
            return stats.norm.cdf(critical * scale - deviation) * stats.chi.pdf(scale * np.sqrt(freedom), freedom) * np.sqrt(freedom)

        pieces = [integrate.quad(at, low, low + 0.25, epsabs=0, epsrel=1e-10)[0] for low in np.arange(0, 6, 0.25)]
        return sum(pieces)

    # brentq's tolerance of 2e-12 in the deviation, at a logarithmic slope of the miss rate of less than 50.
    assert missed(design.resolved(1.0, freedom)) == pytest.approx(miss, rel=1e-6)


@pytest.mark.parametrize("short, for_tails", [(1e-6, 1.05), (FIRST_LOOK, 1.01)])
@pytest.mark.parametrize("variance", [1e-4, 1.0, 300.0])
@pytest.mark.parametrize("unit, fewest", [(1.0, 32), (8.0, 190), (4096.0, 32)])
def test_as_much_is_drawn_as_the_resolution_needs(variance, unit, fewest, short, for_tails):
    """Also where the networks drawn turn out to vary as much more than the pilot's as happens with the probability of too little."""
    design, wanted, count = Design(9e-9, 0.02), 0.01, 512
    pilot = stats.norm.ppf((np.arange(count) + 0.5) / count)
    pilot *= np.sqrt(variance / pilot.var(ddof=1))

    def resolved(units):
        freedom = max(units / unit, fewest) - 1
        seen = variance * stats.f.isf(short, freedom, count - 1)
        return design.resolved(np.sqrt(seen / units), freedom)

    units = design.needed(pilot, wanted, fewest, short, unit=unit)
    assert resolved(units) <= wanted * (1 + 1e-12)
    assert design.needed(0 * pilot, wanted, fewest, short, unit=unit) == 0
    heavy = np.append(pilot, (-9 * np.sqrt(variance), 9 * np.sqrt(variance)))  # of the same spread, it would be known less well
    assert design.needed(heavy * pilot.std(ddof=1) / heavy.std(ddof=1), wanted, fewest, short, unit=unit) > for_tails * units
    assert resolved(variance * (design.deviations / wanted) ** 2) > wanted


def test_a_second_look_is_taken_where_the_first_does_not_resolve():
    design, drawn = Design(1e-3, 0.02), []

    def draw(short):
        drawn.append(short)
        return short

    assert design.looked(draw, lambda found: True) == FIRST_LOOK and drawn == [FIRST_LOOK]
    assert design.looked(draw, lambda found: False) == design.miss and drawn[1:] == [FIRST_LOOK, design.miss]


def _errors_of_two_looks(design, replicates, stops):
    """How often means of 10 and of 40 values of expectation zero, looked at in turn, are taken for another."""
    errors = 0
    for values in draws("two looks").standard_normal((replicates, 40)):
        rung = design.looked(lambda short, values=values: Rung.of(1, values[: 10 if short == FIRST_LOOK else 40]), partial(stops, design))
        errors += bool(design.rejects(rung.mean / rung.standard_error, rung.networks - 1))
    return errors


def test_two_looks_err_no_more_often_than_one_may():
    """Each at half the rate: when a spread says where to stop, and also when the worst of all rules does, which undivided errs too often."""
    design, replicates = Design(0.1, 0.02), 20000
    most = stats.binom.isf(ALPHA, replicates, design.alpha)

    def by_spread(design, rung):
        return rung.standard_error < 0.9 / np.sqrt(10)

    def at_an_error(design, rung):
        return design.rejects(rung.mean / rung.standard_error, rung.networks - 1)

    assert _errors_of_two_looks(design.half, replicates, by_spread) <= most
    assert _errors_of_two_looks(design.half, replicates, at_an_error) <= most
    assert _errors_of_two_looks(design, replicates, at_an_error) > most


@pytest.mark.parametrize(
    "name, number",
    tiered(
        [("lyapunov_ratio_of_relu", 0), ("max_pooling", 0), ("fisher_without_norm", 0), ("gradient_without_norm", 0)],
        [("lyapunov_ratio_of_relu", 0), ("max_pooling", 0)],
    ),
)
def test_checks_take_a_second_look(name, number, monkeypatch):
    """And find what they find at the first, of more networks."""
    experiment, design = CLAIMS[name].experiments[number], Design(1e-8, 0.01)
    (check, *_) = observed.checks(experiment)

    def networks(stream):
        found = observed.run(experiment, check, design, 1, stream)
        assert found.verdict is Verdict.HOLDS, found.sentence
        return found.details["networks"] if "networks" in found.details else found.details["ladder"][-1]["networks"]

    at_first = networks("looks")
    monkeypatch.setattr("proofs_checks.design.FIRST_LOOK", 1 - 1e-6)  # of which it is all but certain that it is too little
    assert networks("looks once more") > at_first


def test_kurtosis_is_that_of_statistics():
    values = draws("kurtosis").lognormal(size=100)
    assert kurtosis(values) == pytest.approx(stats.kurtosis(values, fisher=False), rel=1e-14)  # sums of a hundred terms


@pytest.mark.parametrize("deviation", [0.0, 0.7, 20.0])
def test_class_counts_are_binomial_given_the_fraction(deviation):
    for count, mass in enumerate(count_law(deviation, 4)):
        expected, error = integrate.quad(
            lambda z, k=count: stats.binom.pmf(k, 4, stats.norm.cdf(deviation * z)) * stats.norm.pdf(z), -9, 9, points=(0,)
        )
        assert abs(mass - expected) <= error + 1e-12  # each quadrature's own


def test_two_central_quantiles_do_not_make_a_resolution():
    """What the resolution was before calibration asked: at the audit's rates and 31 degrees it is missed 21 times too often."""
    design = Design(9e-9, 0.02)
    sum_of_quantiles = design.critical(31) + stats.t.isf(design.miss, 31)
    assert stats.nct.cdf(design.critical(31), 31, sum_of_quantiles) > 20 * design.miss


@pytest.mark.parametrize("fitting", [fit, partial(fit, rate="1/sqrt(N)"), fit_width_and_batch])
def test_fits_of_many_replicates_are_those_of_each(fitting):
    shapes = ((128, 16), (512, 16), (2048, 16), (2048, 32), (2048, 64))
    drawn = [
        Sample(width, gaussian(draws(f"{width} {batch}"), 40), gaussian(draws("pilot"), 300), batch=float(batch)) for width, batch in shapes
    ]
    rungs = replicated(tuple(drawn), np.zeros(len(drawn)), 5, draws("many"))
    many = fitting(rungs)
    for number in range(5):
        one = fitting([replace(rung, mean=rung.mean[number], standard_error=rung.standard_error[number]) for rung in rungs])
        for name in ("intercept", "standard_error", "freedom"):
            np.testing.assert_allclose(getattr(many, name)[number], getattr(one, name), rtol=1e-9)
        np.testing.assert_allclose(many.fitted[number], one.fitted, rtol=1e-9)


def test_a_law_in_cells_keeps_its_mean_and_its_spread():
    for law, count in ((skewed, 100_000), (gaussian, 50)):
        sample = Sample(64, gaussian(draws("own"), 40), law(draws("pilot"), count))
        atoms, masses = calibration._centred_law(sample)
        assert len(atoms) <= calibration.CELLS and masses.sum() == pytest.approx(1, abs=1e-12)
        assert masses @ atoms == pytest.approx(0, abs=1e-12)
        assert masses @ atoms**2 == pytest.approx(sample.values.var(ddof=1), rel=1e-12)


def test_values_that_agree_up_to_rounding_keep_their_bound():
    """No spread at all: the bound is the standard error, no replicate errs, and what the bound resolves is seen."""
    same = tuple(Sample(width, np.full(32, 0.3), np.full(64, 0.3), rounding=1e-6) for width in (64, 128))
    for each in calibrated(FitNull(same, partial(fit, rate="none"), 0.3)).rates:
        assert (each.false_alarms.errors, each.misses.errors) == (0, 0) and 0 < each.deviation < 1e-5


def test_rungs_are_those_of_the_values():
    values = gaussian(draws("values"), 40)
    rung = Rung.of(64, values, rounding=1e-9)
    assert rung.mean == values.mean()
    assert rung.standard_error == pytest.approx(values.std(ddof=1) / np.sqrt(40), rel=1e-14)
    assert Rung.of(64, values, rounding=7.0).standard_error == 7.0


@given(st.lists(st.integers(0, 20), min_size=2, max_size=30).filter(lambda counts: sum(map(bool, counts)) > 1), st.floats(0.0, 0.3))
def test_a_law_moved_by_a_distance_is_a_law_at_that_distance(counts, distance):
    law = np.array(counts) / sum(counts)
    try:
        moved = at_sup_distance(law, distance)
    except ValueError as error:
        assert "draw more" in str(error)
        return
    assert moved.min() >= -1e-15 and moved.sum() == pytest.approx(1, abs=1e-12)
    assert sup_distance(law, moved) == pytest.approx(distance, abs=1e-12)


def test_two_samples_are_as_far_apart_as_kolmogorov_and_smirnov_say():
    one, other = draws("one").standard_normal(500), draws("other").standard_normal(300).round(1)
    counts = tallies(one, other)
    assert counts.sum(axis=1).tolist() == [500, 300]
    assert sup_distance(counts[0] / 500, counts[1] / 300) == pytest.approx(stats.ks_2samp(one, other).statistic, abs=1e-12)


@pytest.mark.parametrize("errors", [0, 1, 17, 499, 500])
def test_intervals_and_tails_are_exact(errors):
    count, reference = Count(errors, 500), stats.binomtest(errors, 500, 0.01, alternative="greater")
    both = stats.binomtest(errors, 500).proportion_ci(calibration.CONFIDENCE, "exact")
    assert count.interval == pytest.approx((both.low, both.high), abs=1e-12)
    assert count.tail(0.01) == pytest.approx(reference.pvalue, rel=1e-9)


def test_a_red_calibration_fails_a_check_that_holds():
    broken = FitNull(samples(skewed, 12, (64,)), partial(fit, rate="none"), 0.3)
    for null, verdict in ((broken, Verdict.FAILS), (KEEPS["band"], Verdict.HOLDS)):
        found = observed.calibrated(Finding(Verdict.HOLDS, "fine", null=null), Design(1e-8, 0.02), REPLICATES, 1, "claim/check")
        assert found.verdict is verdict
        assert ("not calibrated" in found.sentence) == (verdict is Verdict.FAILS)
    with pytest.raises(ValueError, match="no null"):
        observed.calibrated(Finding(Verdict.HOLDS, "fine"), Design(1e-8, 0.02), REPLICATES, 1, "claim/check")


#: One claim for each way to decide, and the checks of it that are cheap.
REAL = {
    "layer_statistics_concentrate": "experiment_1/width_8",
    "prejudice_without_norm_by_activation": "gamma_depth_1",
    "class_fraction_law": "class_fraction_depth_1",
}
SETTINGS = Settings(resolution=0.1, replicates=2000)


@pytest.fixture(scope="module")
def audit():
    claims = [CLAIMS[name] for name in REAL]
    only = {check.id for check in plan(claims, SETTINGS) if REAL[check.claim.id] == check.name}
    return run(claims, SETTINGS, only=only)


def test_real_checks_are_calibrated_and_green(audit):
    found = [item for items in audit.evidence.values() for item in items]
    assert len(found) == len(REAL)
    for item in found:
        recorded = item.details["calibration"]
        assert item.verdict is Verdict.HOLDS, item.sentence
        assert recorded["replicates"] == 2000 and recorded["red"] == []
        for rate in recorded["rates"]:
            assert rate["interval"][0] <= rate["nominal"] and rate["measured"] == rate["false_alarms"] / 2000


def test_what_was_to_be_calibrated_does_not_hold_without(audit, tmp_path):
    data = audit.to_json()
    path = write_whole(data, tmp_path / "evidence.json")
    assert read(path, CLAIMS).to_json()["claims"] == data["claims"]
    del data["claims"][0]["evidence"][0]["details"]["calibration"]
    del data["digest"]
    write_whole({**data, "digest": digest(data)}, path)
    with pytest.raises(UnreadableEvidence, match="without the calibration"):
        read(path, CLAIMS)


def test_evidence_of_a_calibration_is_the_same_again(audit):
    again = run(audit.claims, SETTINGS, only={f"{name}/observed/{check}" for name, check in REAL.items()})
    for name, items in audit.evidence.items():
        assert [item.details for item in items] == [item.details for item in again.evidence[name]]


def test_without_replicates_nothing_is_calibrated(audit):
    name = "prejudice_without_norm_by_activation"
    found = run([CLAIMS[name]], Settings(resolution=0.1), only={f"{name}/observed/{REAL[name]}"})
    assert "calibration" not in found.evidence[name][0].details
    assert not table(found.evidence[name])


def test_report_and_terminal_show_nominal_and_measured(audit, tmp_path):
    source = latex.write_sources(audit, tmp_path).read_text()
    assert r"\section{Calibration: error rates, nominal and measured}" in source and r"\section{Calibration by claim}" in source
    assert all(words in source for words in ("Student t of a mean", "Student t of an intercept", "band around a stated law"))
    screen = io.StringIO()
    terminal.print_calibration(Console(file=screen, width=200), audit)
    assert "3 checks calibrated, none above nominal" in screen.getvalue()
    plain = Audit(audit.settings, audit.claims, {name: [] for name in audit.evidence}, audit.planned)
    assert "Calibration" not in latex.write_sources(plain, tmp_path / "plain").read_text()


def test_a_table_names_the_worst_check(audit):
    items = [replace(item, details={"calibration": item.details["calibration"]}) for found in audit.evidence.values() for item in found]
    worse = replace(items[0], check="worse")
    rates = [{**rate, "false_alarms": 1000} for rate in items[0].details["calibration"]["rates"]]
    worse = replace(worse, details={"calibration": {**items[0].details["calibration"], "rates": rates, "red": ["false alarm"]}})
    (row, _) = (row for row in table([items[0], worse]) if row.checks == 2)
    assert row.false_alarms.check.endswith("worse") and row.false_alarms.worst.rate == 0.5 and row.red == 1
    assert row.false_alarms.all.replicates == 4000


def test_a_negative_expectation_is_resolved_no_sooner_than_a_positive_one():
    values, design = np.linspace(-3, -1, 64), Design(1e-6, 0.02)
    sample = Sample(8, values, values)
    assert observe_expectations._resolved(sample, -2.0, design) == observe_expectations._resolved(sample, 2.0, design) > 0
