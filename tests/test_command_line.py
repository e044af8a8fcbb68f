"""The command line through its entry point: exit codes, one sentence for what is wrong, JSON for programs."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from scipy import stats
from tiers import tiered

from proofs_checks.audit import digest
from reports.command_line import main
from theory.catalogue import CLAIMS

PREDICT = "predict --norm layer_norm --placement pre --depth 2"
STREAM = "predict --norm layer_norm --residual pre --depth 6"
SPECTRUM = "spectrum --norm batch_norm --where last --depth 3 --width 16 --samples 8 --outputs 3"
SIMULATE = "simulate --norm none --placement none --depth 1 --width 8 --samples 4 --networks 3 --seed 5"


@pytest.fixture
def call(monkeypatch, capfd, tmp_path):
    """Run `normproof WORDS` in an empty folder; exit code, stdout, stderr, those of its processes included."""
    monkeypatch.chdir(tmp_path)

    def run(words):
        monkeypatch.setattr(sys, "argv", ["normproof", *words.split()])
        capfd.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main()
        return (stopped.value.code or 0, *capfd.readouterr())

    return run


def assert_refused(answer, *named):
    """Exit 2 and one sentence, which names what was given and what is near."""
    code, out, err = answer
    assert code == 2
    assert out == ""
    assert err.startswith("normproof: ") and err.endswith("\n") and err.count("\n") == 1
    for name in named:
        assert name in err


# Words that are off

NAMES = {
    "predict --norm layrnorm --placement pre --depth 2": ("'layrnorm'", "nearest is 'layer_norm'"),
    "predict --norm layer_norm --placement befor --depth 2": ("'befor'", "nearest is 'pre'"),
    f"{PREDICT} --activation rleu": ("'rleu'", "nearest is 'relu'"),
    f"{SIMULATE} --norm batchnorm": ("'batchnorm'", "nearest is 'batch_norm'"),
    "audit kapa_shape": ("'kapa_shape'", "nearest is 'kappa_shape'"),
    "audit kappa_shape batch_norm_before_rel": ("'batch_norm_before_rel'", "nearest is 'batch_norm_before_relu'"),
    "show kappa_shap": ("'kappa_shap'", "nearest is 'kappa_shape'"),
    "report kappa_shap": ("'kappa_shap'", "nearest is 'kappa_shape'"),
    "list norm": ("'norm'", "nearest is 'norms'"),
    f"{PREDICT} --activation leaky_rleu:0.2": ("'leaky_rleu'", "nearest is 'leaky_relu'"),
    f"{PREDICT} --statistic leave-one": ("'leave-one'", "nearest is 'leave-one-out'"),
    f"{STREAM} --residual pots": ("'pots'", "nearest is 'post'"),
    f"{STREAM} --residual none": ("'none'", "pre, post"),
    "report --format pfd": ("'pfd'", "nearest is 'pdf'"),
    f"{SPECTRUM} --where lats": ("'lats'", "nearest is 'last'"),
    f"{SPECTRUM} --norm batchnorm": ("'batchnorm'", "nearest is 'batch_norm'"),
    "audt": ("audt", "audit"),
    f"{PREDICT} --depht 3": ("--depht", "--depth"),
}

VALUES = {
    "predict --norm none --placement none --depth -1": ("'-1'", "--depth"),
    "predict --norm none --placement none --depth two": ("'two'", "--depth"),
    "predict --norm none --placement none --depth 1.5": ("'1.5'", "--depth"),
    "predict --norm none --placement none --depth nan": ("'nan'", "--depth"),
    f"{PREDICT} --input-overlap 1.001": ("'1.001'", "-1 to 1"),
    f"{PREDICT} --input-overlap -2": ("'-2'", "-1 to 1"),
    f"{PREDICT} --input-overlap nan": ("'nan'", "-1 to 1"),
    f"{PREDICT} --weight-variance 0": ("'0'", "above 0"),
    f"{PREDICT} --weight-variance inf": ("'inf'", "above 0"),
    f"{PREDICT} --bias-variance -1": ("'-1'", "--bias-variance"),
    f"{PREDICT} --batch-size 1": ("'1'", "at least 2"),
    f"{SPECTRUM} --depth 1": ("'1'", "--depth", "at least 2"),
    f"{SPECTRUM} --samples 1": ("'1'", "--samples"),
    f"{SPECTRUM} --outputs 0": ("'0'", "--outputs"),
    f"{SPECTRUM} --samples 5000": ("5000", "15000 rows", "8192"),
    f"{SPECTRUM} --plot spectrum.jpg": ("'spectrum.jpg'", "pdf, png, svg"),
    f"{SPECTRUM} --norm ghost_batch_norm:16": ("--samples is 8", "ghost batches of 16"),
    f"{SPECTRUM} --norm group_norm:16": ("--outputs is 3", "groups of 16"),
    f"{SPECTRUM} --norm max_pool:2 --outputs 4": ("pooling window",),
    f"{SPECTRUM} --norm layer_norm --outputs 1": ("divides by zero", "layer_norm"),
    f"{PREDICT} --batch-size 0": ("'0'", "at least 2"),
    "predict --norm batch_norm --placement pre --depth 2 --batch-size 4 --statistic leave-one-out": ("4", "B ≤ 4"),
    "predict --norm ghost_batch_norm --placement pre --depth 2 --batch-size 24": ("24", "16"),
    f"{PREDICT} --statistic leave-one-out": ("'layer_norm'", "batch_norm"),
    f"{PREDICT} --activation leaky_relu:steep": ("leaky_relu:steep", "'steep'", "slope"),
    f"{PREDICT} --activation leaky_relu:nan": ("'nan'", "slope"),
    f"{PREDICT} --activation leaky_relu:": ("''", "slope"),
    f"{PREDICT} --activation relu:0.2": ("'relu:0.2'", "leaky_relu"),
    "predict --norm ghost_batch_norm:1 --placement pre --depth 2": ("'1'", "at least 2"),
    "predict --norm layer_norm --depth 2": ("--placement", "none, pre or post", "--residual"),
    "simulate --norm layer_norm --depth 2 --width 8 --samples 4 --networks 3 --seed 5": ("--placement", "--residual"),
    f"{STREAM} --placement pre": ("--placement pre", "--residual pre"),
    f"{SIMULATE} --sampler gran": ("'gran'", "weights, gram", "nearest is 'gram'"),
    f"{SIMULATE} --sampler gram --weights sparse": ("Gaussian weights only", "sparse"),
    f"{SIMULATE} --sampler gram --width 1048576 --control-variates": ("1048576", "drawn in blocks", "control variates"),
    f"{SIMULATE} --residual post": ("--placement none", "--residual post"),
    f"{PREDICT} --branch-gain 2": ("--branch-gain 2", "--residual"),
    "predict --norm layer_norm --depth 2 --branch-gain 2": ("--branch-gain 2", "--residual"),
    f"{STREAM} --branch-gain 0": ("'0'", "--branch-gain", "above 0"),
    f"{STREAM} --branch-gain -1": ("'-1'", "--branch-gain"),
    f"{STREAM} --branch-gain nan": ("'nan'", "--branch-gain"),
    f"{STREAM} --branch-gain much": ("'much'", "--branch-gain"),
    "predict --norm dynamic_tanh --residual post --depth 2": ("dynamic_tanh", "residual post", "Gaussian"),
    f"{PREDICT} --classes 1": ("'1'", "--classes"),
    f"{SIMULATE} --width 0": ("'0'", "--width"),
    f"{SIMULATE} --samples 0": ("'0'", "--samples"),
    f"{SIMULATE} --samples 1": ("two",),
    f"{SIMULATE} --networks 0": ("'0'", "--networks"),
    f"{SIMULATE} --depth 0": ("0", "--depth"),
    f"{SIMULATE} --seed -1": ("'-1'", "--seed"),
    f"{SIMULATE} --input-dimension 0": ("'0'", "--input-dimension"),
    f"{SIMULATE} --input-overlap -0.5": ("-0.5", "--input-overlap", "from 0 to below 1"),
    f"{SIMULATE} --input-overlap 1": ("1.0", "--input-overlap", "from 0 to below 1"),
    f"{SIMULATE} --batch-size 3": ("3", "4"),
    f"{SIMULATE} --resume": ("--resume", "--out DIR"),
    "audit --alpha 0": ("'0'", "--alpha"),
    "audit --alpha 1": ("'1'", "--alpha"),
    "audit --alpha 2": ("'2'", "--alpha"),
    "audit --alpha nan": ("'nan'", "--alpha"),
    "audit --resolution 0": ("'0'", "--resolution"),
    "audit --resolution one": ("'one'", "--resolution"),
    "audit --seed 1 --vary-seed": ("--seed", "--vary-seed"),
    "predict --norm none --placement none": ("--depth",),
    "simulate --norm none --placement none --depth 1": ("--width",),
    f"{PREDICT} --depth": ("--depth",),
    "list": ("claims|norms|activations",),
    "list norms activations": ("activations",),
}


@pytest.mark.parametrize("words", [*NAMES, *VALUES])
def test_words_that_are_off(call, words):
    assert_refused(call(words), *{**NAMES, **VALUES}[words])
    assert os.listdir() == []


def test_every_known_name_is_close_to_its_misspelling(call):
    """Not only the names tried above: any claim with a letter missing leads back to itself."""
    for name in list(CLAIMS)[::5]:
        assert_refused(call(f"show {name[:3]}{name[4:]}"), f"nearest is {name!r}")


def test_an_output_folder_that_is_a_file(call):
    Path("taken").write_text("mine")
    assert_refused(call("audit kappa_shape --out taken"), "taken")
    assert Path("taken").read_text() == "mine"
    assert_refused(call("audit kappa_shape --out taken/below"), "taken/below")
    assert_refused(call("audit kappa_shape --out /proc/nowhere"), "/proc/nowhere")


MODULES = {
    "missing.py": None,
    "notes.txt": "Norm = 1",
    "syntax.py": "def\n",
    "raising.py": "raise RuntimeError('two\\nlines')",
    "leaving.py": "import sys\nsys.exit(0)",
    "nothing.py": "from math import pi as _pi\n",
    "nul.py": "\x00",
    "nosuch.py": "import a_module_that_nobody_wrote",
}


EVERYWHERE = [*(("list norms", name) for name in MODULES), *((verb, "raising.py") for verb in ("audit", PREDICT, SIMULATE, "report"))]
OFTEN = [("list norms", "missing.py"), ("list norms", "leaving.py"), ("audit", "raising.py")]  #: each starts a process


@pytest.mark.parametrize("verb, name", tiered(EVERYWHERE, OFTEN))
def test_a_module_that_cannot_be_read(call, verb, name):
    if MODULES[name] is not None:
        Path(name).write_text(MODULES[name])
    before = sorted(os.listdir())
    assert_refused(call(f"{verb} --module {name}"), name)
    assert sorted(set(os.listdir()) - {"__pycache__"}) == before


def test_a_module_that_is_a_folder(call):
    Path("folder.py").mkdir()
    assert_refused(call("list norms --module folder.py"), "folder.py")


# Evidence that is missing, broken, or of something else


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """stdout and evidence of one small audit, by the command as a user runs it."""
    folder = tmp_path_factory.mktemp("audited")
    words = [sys.executable, "-m", "reports.command_line", "audit", "kappa_shape", "--json", "--out", str(folder)]
    done = subprocess.run(words, cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout, (folder / "evidence.json").read_text()


def test_a_report_without_evidence(call):
    assert_refused(call("report --out nowhere"), "nowhere", "normproof audit")
    assert os.listdir() == []


def signed(data):
    """Evidence whose digest fits, whatever it says: what is refused then is refused for itself."""
    content = {name: value for name, value in data.items() if name != "digest"}
    return json.dumps({**content, "digest": digest(content)})


def edited(edit):
    """The text of a file that was changed by hand and signed again."""

    def breakage(text):
        data = json.loads(text)
        edit(data)
        return signed(data)

    return breakage


BREAKAGES = {
    "a verdict edited by hand": lambda text: text.replace('"verdict": "HOLDS"', '"verdict": "FAILS"', 1),
    "a number edited by hand": lambda text: text.replace('"resolution": 0.01', '"resolution": 0.02'),
    "no digest": lambda text: text.replace('"digest"', '"dgst"'),
    "empty": lambda text: "",
    "truncated": lambda text: text[: len(text) // 2],
    "not JSON": lambda text: "evidence",
    "a list": lambda text: "[1, 2]",
    "another program's": lambda text: json.dumps({"format": "1.2", "results": []}),
    "another format": edited(lambda data: data.update(format=99)),
    "an unknown claim": edited(lambda data: data["claims"][0].update(id="lambda_shape")),
    "an invented verdict": edited(lambda data: data["claims"][0]["evidence"][0].update(verdict="PERHAPS")),
    "a missing field": edited(lambda data: data["claims"][0].pop("planned")),
    "a new field": edited(lambda data: data["claims"][0]["evidence"][0].update(friend={})),
    "no claims": edited(lambda data: data.update(claims=None)),
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_a_report_of_broken_evidence(call, audited, breakage):
    broken = BREAKAGES[breakage](audited[1])
    assert broken != audited[1]
    Path("audit").mkdir()
    Path("audit/evidence.json").write_text(broken)
    assert_refused(call("report --format tex"), "evidence.json")
    assert os.listdir("audit") == ["evidence.json"]


def test_a_report_of_bytes(call):
    Path("audit").mkdir()
    Path("audit/evidence.json").write_bytes(b"\xff\xfe\x00")
    assert_refused(call("report"), "evidence.json")


def test_a_report_where_evidence_is_a_folder(call):
    Path("audit/evidence.json").mkdir(parents=True)
    assert_refused(call("report"), "evidence.json")


def test_a_report_of_a_claim_that_was_not_audited(call, audited):
    Path("audit").mkdir()
    Path("audit/evidence.json").write_text(audited[1])
    assert_refused(call("report overlap_recursion"), "overlap_recursion", "normproof audit overlap_recursion")


EDITS = {
    "stale": lambda claim: claim["evidence"][0].update(fingerprint="0" * 16),
    "one check is missing": lambda claim: claim["evidence"].pop(),
    "one check failed": lambda claim: claim["evidence"][3].update(verdict="FAILS"),
    "one check is undecided": lambda claim: claim["evidence"][3].update(verdict="UNDECIDED"),
}


@pytest.mark.parametrize("edit", [None, *EDITS])
def test_a_report_is_green_only_with_all_evidence(call, audited, edit):
    data = json.loads(audited[1])
    if edit:
        EDITS[edit](data["claims"][0])  # the claim's own word stays HOLDS, and is not believed
    Path("audit").mkdir()
    Path("audit/evidence.json").write_text(signed(data))
    code, _, err = call("report --format tex")
    assert code == (1 if edit else 0), err


# Audits


def test_an_audit_for_programs(audited):
    out, file = audited
    data = json.loads(out)
    assert data == json.loads(file)
    assert (data["verdict"], data["alpha"]) == ("HOLDS", 1e-6)
    assert data["seconds"] > 0
    (claim,) = data["claims"]
    assert {name: claim[name] for name in ("id", "kind", "verdict", "source")} == {
        "id": "kappa_shape",
        "kind": "lemma",
        "verdict": "HOLDS",
        "source": {"paper": "normproof", "ref": "derived here"},
    }
    assert claim["rests_on"] == ["two_point_relu_moment"]
    planned = sum(len(statement.witnesses) for statement in CLAIMS["kappa_shape"].statements)
    assert len(claim["evidence"]) == claim["planned"] == planned
    for item in claim["evidence"]:
        assert {"check", "verdict", "estimate", "standard_error", "predicted", "resolution", "alpha", "seconds"} <= item.keys()
        assert item["verdict"] == "HOLDS"


CLAIM_MODULE = """
from sympy import pi
from theory import symbols as s
from theory.claim import Claim, Interval, Kind, Statement, derived_here
from theory.gaussian_functions import kappa

FALSE = Claim("false_kappa", "A wrong kappa", "kappa is linear", Kind.LEMMA, derived_here(),
              statements=(Statement("linear", derived=kappa(s.c), stated=s.c / pi),), domain=(Interval(s.c, -1, 1),))
"""


def test_a_false_claim_of_ones_own(call):
    Path("claim_of_mine.py").write_text(CLAIM_MODULE)
    code, out, _ = call("audit --module claim_of_mine.py")
    assert code == 1
    assert "FAILS false_kappa, exact, linear" in out and "FAILS false_kappa, enclosed, linear" in out
    shown = {line.split()[0]: line for line in out.splitlines() if line.startswith("  ")}
    assert r"\operatorname{acos}" in shown["left"] and r"\frac{c}{\pi}" in shown["right"]
    assert "acos" in shown["residual"] and r"- \frac{c}{\pi}" in shown["residual"]
    assert shown["rerun:"].strip() == "rerun: normproof audit false_kappa --module claim_of_mine.py"
    assert json.loads(Path("audit/evidence.json").read_text())["verdict"] == "FAILS"


def test_a_claim_that_sympy_would_make_true(call):
    """Of a positive symbol |u| is u before anything is decided: what ranges below zero may not be positive."""
    Path("claim_of_mine.py").write_text(
        CLAIM_MODULE.replace("kappa(s.c), stated=s.c / pi", "abs(s.u), stated=s.u").replace("s.c, -1, 1", "s.u, -1, 1")
    )
    assert_refused(call("list norms --module claim_of_mine.py"), "u in (-1, 1)", "assumed to be")


# Predictions and simulations


def test_predict_for_programs(call):
    code, out, err = call(f"{PREDICT} --json")
    data = json.loads(out)
    assert (code, err) == (0, "")
    assert data.keys() == {"gamma", "overlap", "class_fraction", "method", "error_bound", "fixed_points"}
    assert [(point["overlap"], point["attracts"]) for point in data["fixed_points"]] == [(1, True)]
    assert data["class_fraction"].keys() == {"variance", "mean_largest", "error_bound"}
    assert data["method"] in ("closed form", "quadrature")
    assert data["gamma"] == pytest.approx(0.975234862, abs=0.5e-9)  # THEORY.md section 4, depth 2
    assert data["overlap"] == pytest.approx(data["gamma"] / (1 + data["gamma"]), rel=1e-15)
    assert 0 <= data["error_bound"] < 1e-12


def test_predict_reads_every_option(call):
    """Each option, given alone, changes the answer."""
    answers = [call(f"predict --norm batch_norm --placement pre --depth 2 --json {more}")[1] for more in (
        "", "--batch-size 8", "--batch-size 8 --statistic leave-one-out", "--activation abs", "--bias-variance 0.5", "--bias-variance 0.5 --weight-variance 3", "--classes 3",
        "--placement post", "--norm layer_norm", "--norm layer_norm --input-overlap 0.5", "--norm layer_norm --depth 3",
    )]  # fmt: skip
    assert len(set(answers)) == len(answers)


def test_predict_a_residual_stack(call):
    """THEORY.md section 9; and each option, given alone, changes the answer."""
    for residual, stated in (("pre", 0.61431), ("post", 1.30987)):
        code, out, err = call(f"predict --norm layer_norm --residual {residual} --depth 6 --json")
        data = json.loads(out)
        assert (code, err, data["method"]) == (0, "", "closed form")
        assert data["gamma"] == pytest.approx(stated, abs=5e-6)
        assert data["overlap"] == pytest.approx(data["gamma"] / (1 + data["gamma"]), rel=1e-15)
    answers = [call(f"{STREAM} --json {more}")[1] for more in (
        "", "--residual post", "--branch-gain 2", "--depth 7", "--norm batch_norm", "--input-overlap 0.5", "--bias-variance 0.5", "--bias-variance 0.5 --weight-variance 3",
        "--activation abs", "--classes 3",
    )]  # fmt: skip
    assert len(set(answers)) == len(answers)
    assert call(f"{STREAM} --json --branch-gain 1")[1] == answers[0]
    assert call(f"{STREAM} --json --norm none")[1] == answers[1]  # claim `post_ln_stream`: without a norm stream and branch scale alike


def test_simulate_a_residual_stack(call):
    """Networks tell pre from post by many standard errors, and are at their own prediction's side."""
    seen, said = {}, {}
    for residual in ("pre", "post"):
        words = f"--norm layer_norm --residual {residual} --depth 6 --json"
        seen[residual] = json.loads(call(f"simulate {words} --width 256 --samples 16 --networks 60 --seed 3")[1])
        said[residual] = json.loads(call(f"predict {words}")[1])["gamma"]
    for residual, other in (("pre", "post"), ("post", "pre")):
        off = {place: abs(seen[residual]["gamma"] - said[place]) for place in (residual, other)}
        assert off[residual] < off[other] / 5 and off[other] > 8 * seen[residual]["standard_error"]


def test_predict_for_people(call):
    code, out, _ = call(PREDICT)
    assert code == 0 and "gamma" in out and "0.97523486" in out


def test_equal_inputs_are_infinitely_prejudiced(call):
    code, out, _ = call(f"{PREDICT} --input-overlap 1")
    assert code == 0 and "inf   (exactly: all samples share one output, closed form)" in out


def test_a_norm_that_stands_nowhere_is_said_to(call):
    code, out, err = call("predict --norm layer_norm --placement none --depth 2 --json")
    assert (code, json.loads(out)["gamma"]) == (0, json.loads(call("predict --norm none --placement none --depth 2 --json")[1])["gamma"])
    assert err == "normproof: --placement none leaves layer_norm out of the network\n"


def test_predict_without_a_law_says_what_is_missing(call):
    assert_refused(
        call("predict --norm batch_norm --placement pre --depth 2 --batch-size 8 --statistic leave-one-out --activation sine"),
        "standardised",
        "sine",
    )


def test_simulate_for_programs(call):
    first, again = (call(f"{SIMULATE} --json") for _ in range(2))
    data = json.loads(first[1])
    assert first[0] == 0
    sizes = {"networks", "width", "samples", "seed"}
    assert data.keys() == {"gamma", "standard_error", "variance_left", *sizes, "seconds", "compile_seconds"}
    assert (data["networks"], data["width"], data["samples"], data["seed"]) == (3, 8, 4, 5)
    assert data["standard_error"] > 0
    assert json.loads(again[1])["gamma"] == data["gamma"]
    assert json.loads(call(f"{SIMULATE} --json --seed 6")[1])["gamma"] != data["gamma"]
    alone = json.loads(call(f"{SIMULATE} --json --networks 1")[1])
    assert alone["standard_error"] is None


def test_simulate_by_either_sampler(call):
    """One law, other draws: the values differ, and agree at an error rate of 1e-6."""
    words = "simulate --norm layer_norm --placement pre --depth 3 --width 128 --samples 16 --networks 200 --seed 5 --json"
    one, other = (json.loads(call(f"{words} --sampler {sampler}")[1]) for sampler in ("weights", "gram"))
    apart = abs(one["gamma"] - other["gamma"]) / math.hypot(one["standard_error"], other["standard_error"])
    assert 0 < apart <= stats.t.isf(1e-6 / 2, 200 - 1)  # Welch's freedom is no less than that of the smaller ensemble


@pytest.mark.parametrize("depth, networks, left", [(3, 200, 0.1), (16, 20, 0.5)])
def test_control_variates_take_chance_away(call, depth, networks, left):
    """Other networks by another seed: one expectation, at an error rate of 1e-6, and a tenth of the variance at most; also by few networks with many controls."""
    words = f"simulate --norm layer_norm --placement pre --depth {depth} --width 128 --samples 16 --networks {networks} --json"
    plain, less = (json.loads(call(f"{words} {rest}")[1]) for rest in ("--seed 5", "--seed 6 --control-variates"))
    apart = abs(plain["gamma"] - less["gamma"]) / math.hypot(plain["standard_error"], less["standard_error"])
    assert 0 < apart <= stats.t.isf(1e-6 / 2, networks - 1)
    assert plain["variance_left"] is None and less["variance_left"] < left
    assert less["standard_error"] ** 2 < left * plain["standard_error"] ** 2 * stats.f.isf(1e-6, networks - 1, networks - 1)


def test_a_number_behind_a_colon(call):
    """Behind batch norm γ = m²/Var with m = (1 − α)/√(2π), THEORY.md section 7; a ghost batch of 4 has γ = 3/5."""
    slope = 0.2
    square = (1 - slope) ** 2 / (2 * math.pi)
    found = json.loads(call(f"predict --norm batch_norm --placement pre --depth 2 --activation leaky_relu:{slope} --json")[1])
    assert found["gamma"] == pytest.approx(square / ((1 + slope**2) / 2 - square), rel=1e-14)
    ghost = json.loads(call("predict --norm ghost_batch_norm:4 --placement pre --depth 2 --batch-size 8 --json")[1])
    assert ghost["gamma"] == pytest.approx(0.6, rel=1e-14)


def test_simulate_by_either_statistic(call):
    """The two statistics give networks apart by a quarter of γ, and each its own prediction's side of the full batch."""
    words = "--norm batch_norm --placement pre --depth 2 --batch-size 8 --json"
    size = "--width 256 --samples 32 --networks 200 --seed 3"
    for statistic in ("canonical", "leave-one-out"):
        seen = json.loads(call(f"simulate {words} --statistic {statistic} {size}")[1])
        said = {each: json.loads(call(f"predict {words} --statistic {each}")[1])["gamma"] for each in ("canonical", "leave-one-out")}
        other = said.pop("canonical" if statistic == "leave-one-out" else "leave-one-out")
        assert abs(seen["gamma"] - said[statistic]) < abs(seen["gamma"] - other) / 5
        assert abs(seen["gamma"] - other) > 20 * seen["standard_error"]


def test_list_and_show(call):
    listed = json.loads(call("list claims --json")[1])
    assert [row["id"] for row in listed] == list(CLAIMS)
    assert {"none", "batch_norm", "layer_norm", "rms_norm"} <= {row["id"] for row in json.loads(call("list norms --json")[1])}
    assert "relu" in call("list activations")[1]
    code, out, _ = call("show batch_norm_before_relu")
    assert code == 0
    claim = CLAIMS["batch_norm_before_relu"]
    assert claim.title in out and all(statement.name in out for statement in claim.statements)
    assert all(below.id in out for below in claim.rests_on)


def test_help_is_no_error(call):
    assert call("--help")[0] == 0
    assert call("audit --help")[0] == 0
    for verb in ("predict", "simulate"):
        code, out, _ = call(f"{verb} --help")
        assert code == 0 and "--residual pre|post" in out and "--branch-gain BETA" in out


def test_independent_audits_are_counted(call, tmp_path):
    code, out, _ = call("audit prejudice_without_norm_by_activation --vary-seed 2")
    assert (code, out.splitlines()[-1]) == (0, "2 of 2 independent audits hold")
    evidence = [json.loads((folder / "evidence.json").read_text()) for folder in (tmp_path / "audit").iterdir()]
    assert len({each["seed"] for each in evidence}) == 2 and {each["verdict"] for each in evidence} == {"HOLDS"}
    estimates = [
        [item["estimate"] for claim in each["claims"] for item in claim["evidence"] if item["witness"] == "observed"] for each in evidence
    ]
    assert estimates[0] != estimates[1]


# Fisher information


def test_spectrum_says_what_it_measured(call):
    code, out, err = call(f"{SPECTRUM} --json")
    assert code == 0 and err == ""
    data = json.loads(out)
    assert data["rank"] == 3 * (8 - 2) and data["growth"] == "O(√M)" and data["parameters"] == 16 * 17 * 2 + 3 * 17
    assert data["kappa_1"] == 1.5 and data["kappa_2"] == pytest.approx(0.3428543181, abs=1e-10)
    assert data["largest"] == max(line["largest"] for line in data["ladder"]) and len(data["eigenvalues"]) == 24
    assert json.loads(call(f"{SPECTRUM} --json")[1]) == data
    assert json.loads(call(f"{SPECTRUM} --json --seed 2")[1])["largest"] != data["largest"]
    _, words, _ = call(SPECTRUM)
    assert "rank                 18 of 24" in words and "sends what is common to all samples to zero" in words


def test_spectrum_of_two_samples_vanishes(call):
    """But for rounding: of a gradient ε, times as much as a pair is nearer than its spread. One nearer than √ε is as rare as that."""
    data, without = (json.loads(call(f"{SPECTRUM} --samples 2 --json {norm}")[1]) for norm in ("", "--norm none --where none"))
    assert data["rank"] == 0 and data["growth"] == "0" and without["rank"] > 0
    assert data["largest"] < sys.float_info.epsilon * without["largest"]


@pytest.mark.long
def test_spectrum_of_odd_activations_has_no_outliers(call):
    _, words, _ = call(f"{SPECTRUM} --norm layer_norm --activation erf")
    assert "Θ(M)" in words and "no outliers" in words


def test_spectrum_draws_a_ladder(call, tmp_path):
    code, out, _ = call(f"{SPECTRUM} --width 64 --norm none --where none --networks 2 --json --plot spectrum.pdf")
    data = json.loads(out)
    assert (
        code == 0
        and [line["width"] for line in data["ladder"]] == [16, 32, 64]
        and [line["samples"] for line in data["ladder"]] == [2, 4, 8]
    )
    assert (tmp_path / "spectrum.pdf").read_bytes().startswith(b"%PDF")
    assert data["growth"] is None and data["ladder"][0]["upper"] is None
