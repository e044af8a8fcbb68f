"""Norms and activations of one's own: a file or an installed package, a closed form, quadrature or simulation only; wrong ones are caught."""

import importlib.metadata
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiers import usually

from proofs_checks import enclosed, observed
from proofs_checks.design import Design
from proofs_checks.evidence import Verdict, fingerprint
from theory.extension import UnreadableModule, installed, load

DESIGN = Design(alpha=1e-8, resolution=0.1)

HEAD = """
from dataclasses import dataclass, replace
from theory.activations import Activation
from theory.norms import Norm
from theory.stages import Axis, Center, Scale, Stage
"""

#: Divides by one plus the layer's root mean square: no rule for laws, an average over the features.
SOFT = """
@dataclass(frozen=True)
class Soft(Stage):
    def on_array(self, h, xp):
        return h / (1 + xp.sqrt(xp.mean(h**2, axis=-1, keepdims=True)))

SoftNorm = Norm("soft_norm", Soft())
"""

#: Layer norm's scale with a rule and with array code; a twin breaks one of them.
OWN_SCALE = """
@dataclass(frozen=True)
class OwnScale(Stage):
    def on_law(self, law):
        return replace(law, mean=law.mean / law.power**{law_exponent}, overlap=law.overlap / law.power, power=law.power / law.power)

    def on_array(self, h, xp):
        return (h{shift}) / xp.sqrt(xp.mean(h**2, axis=-1, keepdims=True))

OwnNorm = Norm("own_norm", Center(Axis.FEATURES), OwnScale())
"""
RIGHT = OWN_SCALE.replace("{law_exponent}", "0.5").replace("{shift}", "")
WRONG_ARRAY = OWN_SCALE.replace("{law_exponent}", "0.5").replace("{shift}", " + 0.5")
WRONG_LAW = RIGHT.replace("overlap=law.overlap / law.power", "overlap=law.overlap / law.power / 2")

#: Sorting has no reading in symbols.
MEDIAN = """
@dataclass(frozen=True)
class MedianCenter(Stage):
    def on_array(self, h, xp):
        return h - xp.median(h, axis=-1, keepdims=True)

Median = Norm("median_norm", MedianCenter())
"""

ACTIVATION = 'Bump = Activation("bump", lambda h, xp: h * xp.exp(-xp.maximum(h, -1)))\n'


@pytest.fixture
def normproof(tmp_path):
    """Run the command in a folder of its own, as a program; its exit code, what it printed, and the seconds."""

    def run(*words, module=""):
        (tmp_path / "mine.py").write_text(HEAD + module)
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "reports.command_line", *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env={"PYTHONPATH": str(Path(__file__).parent.parent), "PATH": "/usr/bin:/bin"},
            check=False,
        )
        return done.returncode, done.stdout, done.stderr, time.perf_counter() - start

    return run


def test_the_readme_example(normproof, tmp_path):
    """The lines of README's section, from an empty folder outside the repository."""
    section = (Path(__file__).parent.parent / "README.md").read_text().split("## Add a norm")[1].split("\n## ")[0]
    code = re.search(r"(    # my_norm\.py\n(?:    .*\n|\n)+?)\n*and ask", section).group(1)
    (tmp_path / "my_norm.py").write_text("\n".join(line[4:] for line in code.splitlines()))
    commands = re.findall(r"^    normproof (.*my_norm\.py.*)$", section, flags=re.M)
    assert len(commands) >= 3
    for command in commands:
        status, out, err, _ = normproof(*command.split("#")[0].split(), *(["--format", "tex"] if command.startswith("report") else []))
        assert status == 0, (command, out, err)
        assert "Traceback" not in err


def test_quadrature_where_a_stage_has_no_rule(normproof):
    status, out, err, _ = normproof(
        "predict", "--module", "mine.py", "--norm", "soft_norm", "--placement", "post", "--depth", "3", "--json", module=SOFT
    )
    found = json.loads(out)
    assert (status, found["method"]) == (0, "quadrature"), err
    # A constant factor behind a rectifier changes nothing.
    assert found["gamma"] == pytest.approx(1.530529062483, rel=1e-10)
    assert 0 < found["error_bound"] < 1e-10


@pytest.fixture
def loaded(tmp_path):
    """What a module defines, loaded in this process."""

    def load_lines(lines):
        (tmp_path / "mine.py").write_text(HEAD + lines)
        return load(tmp_path / "mine.py")

    return load_lines


def verdict_of(claim, check):
    """Of one observed check."""
    *experiment, name = check.split("/")
    number = int(experiment[0].rsplit("_", 1)[1]) - 1 if experiment else 0
    return observed.run(claim.experiments[number], name, DESIGN, 1, f"extension/{claim.id}/{number}").verdict


def test_claims_of_each_kind_of_definition(loaded):
    found = loaded(RIGHT + SOFT + ACTIVATION + MEDIAN)
    claims = {claim.id: claim for claim in found.claims}
    assert set(claims) == {"own_norm_pre_relu", "own_norm_post_relu", "soft_norm_pre_relu", "soft_norm_post_relu", "bump_with_norms"}
    (statement,) = claims["own_norm_post_relu"].statements
    assert enclosed.compare(claims["own_norm_post_relu"], statement).verdict is Verdict.HOLDS
    assert claims["soft_norm_post_relu"].statements == ()  # no rule to compare with
    assert verdict_of(claims["soft_norm_post_relu"], "soft_norm_post_relu") is Verdict.HOLDS
    assert observed.checks(claims["bump_with_norms"].experiments[1]) == ("batch_norm_pre_bump", "batch_norm_post_bump", "combinations")
    for check in usually(("experiment_1/none_none_bump",), with_long=("experiment_1/none_none_bump", "experiment_2/batch_norm_pre_bump")):
        assert verdict_of(claims["bump_with_norms"], check) is Verdict.HOLDS
    assert [name.split(":")[0] for name in found.no_law] == ["median_norm (pre)", "median_norm (post)"]
    assert all("xp.median has no reading in symbols" in reason for reason in found.no_law)


@pytest.mark.parametrize("module", [WRONG_ARRAY, WRONG_LAW], ids=["array code", "rule"])
def test_a_wrong_definition_is_caught_by_two_witnesses(loaded, module):
    (claim,) = [claim for claim in loaded(module).claims if claim.id == "own_norm_pre_relu"]
    assert enclosed.compare(claim, claim.statements[0]).verdict is Verdict.FAILS
    assert verdict_of(claim, "gamma_depth_3") is Verdict.FAILS


def test_simulation_only(normproof):
    words = "--module mine.py --norm median_norm --placement post --depth 1"
    status, _, err, _ = normproof("predict", *words.split(), module=MEDIAN)
    assert status == 2 and err.count("\n") == 1 and "xp.median has no reading in symbols" in err
    sizes = "--width 32 --samples 4 --networks 3 --seed 1 --json"
    status, out, err, _ = normproof("simulate", *words.split(), *sizes.split(), module=MEDIAN)
    assert status == 0 and json.loads(out)["networks"] == 3, err


def test_a_taken_name_is_refused(normproof):
    status, _, err, _ = normproof("list", "norms", "--module", "mine.py", module='N = Norm("layer_norm", Center(Axis.FEATURES))\n')
    assert status == 2 and "'layer_norm'" in err and err.count("\n") == 1


def test_what_a_module_only_imports_is_not_its_own(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(HEAD + "from theory.norms import BatchNorm\nfrom theory.activations import ReLU\n" + SOFT)
    assert [norm.name for norm in load(path).norms] == ["soft_norm"]
    path.write_text(HEAD + "from theory.norms import BatchNorm\n")
    with pytest.raises(UnreadableModule, match="defines no Norm"):
        load(path)


class Point:
    """An entry point."""

    def __init__(self, module):
        self.name, self.value, self.module = "mine", "mine", module

    def load(self):
        if isinstance(self.module, Exception):
            raise self.module
        return self.module


def test_entry_points(tmp_path, monkeypatch):
    path = tmp_path / "mine.py"
    path.write_text(HEAD + SOFT)
    load(path)
    module = sys.modules["normproof_module_mine"]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [Point(module)] if group == "normproof" else [])
    assert [norm.name for norm in installed().norms] == ["soft_norm"]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [Point(ValueError("broken"))])
    with pytest.raises(UnreadableModule, match="entry point mine = mine does not run: ValueError: broken"):
        installed()


def test_an_activation_of_ones_own_has_a_lasting_fingerprint(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(HEAD + ACTIVATION)
    one = fingerprint(load(path).claims[0])
    assert one == fingerprint(load(path).claims[0])
    path.write_text(HEAD + ACTIVATION.replace("-1", "-2"))
    assert one != fingerprint(load(path).claims[0])
