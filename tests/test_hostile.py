"""Modules that loop, allocate, patch the checker, leave early or print junk: red within their budget, and never green.

Each command runs as its user runs it, the module in a process of its own. What a snapshot sees is tried here, without a process for each.
"""

import ast
import builtins
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import jax
import mpmath
import psutil
import pytest
import scipy.special
import sympy

from numerics import ensemble
from proofs_checks import audit, decide, defaults, design, evidence
from proofs_checks.intact import Snapshot
from reports import confined, words
from reports.command_line import call
from theory import activations, norms, stages
from theory.catalogue import CLAIMS
from theory.extension import UnreadableModule, load

HEAD = """
import os, sys, time
from dataclasses import dataclass
from theory.norms import Norm
from theory.stages import Axis, Center, Stage
"""

GOOD = HEAD + 'Mine = Norm("mine", Center(Axis.FEATURES))\n'

#: Runs as a claim's derivation does, and more when networks run it.
STAGE = (
    HEAD
    + """
@dataclass(frozen=True)
class Own(Stage):
    def on_law(self, law):
        return law

    def on_array(self, h, xp):
        if not hasattr(h, "free_symbols"):
            {what}
        return h

Mine = Norm("mine", Own())
"""
)

CLAIM = """
import atexit, os, subprocess, sys
from theory.claim import Claim, Kind, Statement, derived_here

print("junk")
os.write(1, b"raw junk\\n")
sys.stdout.flush()
atexit.register(os.write, 1, b"late junk\\n")
left_behind = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open("pid", "w").write(str(left_behind.pid))

TRUE = Claim("a_true_one", "One", "one is one", Kind.LEMMA, derived_here(), statements=(Statement("one", derived=1, stated=1),))
"""

SIMULATE = "simulate --norm mine --placement pre --depth 1 --width 8 --samples 4 --networks 3 --seed 5 --json --module mine.py"


@pytest.fixture
def normproof(monkeypatch, capfd, tmp_path):
    """Run the command with a module of these lines, in an empty folder: exit status, stdout, stderr, and the one sentence of an error."""
    monkeypatch.chdir(tmp_path)

    def run(line, module):
        Path("mine.py").write_text(module)
        capfd.readouterr()
        status, sentence = call(line.split())
        return status, *capfd.readouterr(), sentence

    return run


def assert_ended(answer, status, *named):
    """Exit with this status, nothing said but one sentence, and nothing written."""
    found, out, err, sentence = answer
    said = sentence or err
    assert (found, out, said.strip().count("\n")) == (status, "", 0), answer
    assert said.startswith("normproof: ") and all(name in said for name in ("mine.py", *named)), said
    assert set(os.listdir()) <= {"mine.py", "__pycache__", "audit"} and not Path("audit/evidence.json").exists()


AT_LOAD = {
    "a loop": ("while True: pass", "--module-seconds 1", ("1 s", "--module-seconds")),
    "memory without end": (
        "import numpy as np\nkept = []\nwhile len(kept) < 30:\n    kept.append(np.ones(2**23))\n    time.sleep(0.05)\ntime.sleep(600)",
        "--module-memory 0.7",
        ("0.7 GiB", "--module-memory"),
    ),
    "an early exit": ("os._exit(0)", "", ("status 0", "before")),
    "a patch": ("import sympy\nsympy.simplify = lambda e: 0", "", ("sympy.simplify", "add", "not change")),
}


@pytest.mark.parametrize("hostile", AT_LOAD)
def test_a_module_that_is_hostile_when_it_is_loaded(normproof, hostile):
    code, budget, named = AT_LOAD[hostile]
    assert_ended(normproof(f"list norms --module mine.py {budget}", GOOD + code + "\n"), 2, *named)


def test_a_loop_in_array_code(normproof):
    answer = normproof(f"{SIMULATE} --module-seconds 6", STAGE.format(what="while True: pass"))
    assert_ended(answer, 1, "running for 6 s", "--module-seconds")


def test_array_code_that_leaves(normproof):
    module = STAGE.format(what="pass").replace("        return h\n", "        sys.exit(0)\n").replace("return law", "raise SystemExit(0)")
    assert_ended(normproof("predict --norm mine --placement pre --depth 1 --module mine.py", module), 1, "SystemExit: 0", "line")


@pytest.mark.long
def test_an_audit_whose_process_leaves(normproof):
    answer = normproof("audit mine_pre_relu --json --resolution 0.5 --module mine.py", STAGE.format(what="os._exit(0)"))
    assert_ended(answer, 1, "status 0", "before")


def test_an_audit_that_is_patched_from_array_code(normproof):
    """A norm whose array code is not its law, in networks, holds nowhere; a verdict that always holds is found out."""
    what = 'evidence.Verdict.of = staticmethod(lambda *a, **k: evidence.Verdict("HOLDS")); return (h + 1) ** 3'
    module = STAGE.format(what=what).replace("import os", "from proofs_checks import evidence\nimport os")
    answer = normproof("audit mine_pre_relu --json --resolution 0.5 --module mine.py", module)
    assert_ended(answer, 1, "proofs_checks.evidence.Verdict.of", "while it ran")


@pytest.mark.parametrize(
    "line, named",
    [
        ("audit mine_pre_relu pre_ln_stream", ["pre_ln_stream"]),
        ("audit", []),
        ("show edge_of_chaos", ["edge_of_chaos"]),
        ("list claims", [*CLAIMS]),
        ("list norms", []),
        ("report kappa_shape", ["kappa_shape"]),
    ],
)
def test_claims_that_a_command_names_are_derived_before_the_module_is_loaded(line, named, monkeypatch):
    """What is derived later no snapshot has noted."""
    given = []

    class Child:
        def run(self, needs, claims, module, load, command):
            given.extend(claims)

    monkeypatch.setattr(confined, "_child", Child())
    assert call([*line.split(), "--module", "mine.py"]) == (0, "")
    assert given == named


def test_claims_are_derived_then_noted_then_the_module_is_loaded(monkeypatch):
    order = []

    class Claims:
        def __getitem__(self, id):
            order.append(id)

    class Noted:
        def __init__(self):
            order.append("noted")

        def first_change(self):
            return None

    class Pipe:
        def send_bytes(self, message):
            pass

    monkeypatch.setattr(confined, "CLAIMS", Claims())
    monkeypatch.setattr(confined, "Snapshot", Noted)
    confined._Child(Pipe()).run((), ["one", "other"], "mine.py", lambda: order.append("loaded"), lambda: order.append("run"))
    assert order == ["one", "other", "noted", "loaded", "run"]


def test_junk_is_kept_from_json(normproof):
    what = 'print("traced"); os.write(1, b"raw"); sys.stdout.flush()'
    status, out, err, sentence = normproof(SIMULATE, STAGE.format(what=what) + 'print("loaded")\n')
    assert (status, sentence) == (0, "")
    assert json.loads(out)["networks"] == 3
    assert "loaded" in err and "traced" in err and "raw" in err


@pytest.mark.long
def test_claims_are_listed_with_those_of_a_module(normproof):
    status, out, err, sentence = normproof("list claims --module mine.py --json", GOOD)
    assert (status, sentence) == (0, ""), err
    assert [each["id"] for each in json.loads(out)] == [*CLAIMS, "mine_pre_relu", "mine_post_relu"]


def has_ended(pid):
    """Within seconds; a process that nobody asks for its status stays as a zombie."""
    for _ in range(100):
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


def test_a_good_claim_holds_in_the_same_arrangement(normproof):
    status, out, err, sentence = normproof("audit --module mine.py --json", CLAIM)
    assert (status, sentence) == (0, ""), err
    assert json.loads(out)["verdict"] == "HOLDS" and json.loads(out) == json.loads(Path("audit/evidence.json").read_text())
    assert "raw junk" in err and "late junk" not in err
    assert has_ended(int(Path("pid").read_text()))


@pytest.mark.parametrize(
    "line, named",
    [
        ("list norms --module-seconds 5", "--module-seconds is 5"),
        ("audit --module-memory 2", "--module-memory is 2"),
        ("audit --module mine.py --module-seconds 0", "--module-seconds is '0'"),
        ("audit --module mine.py --module-seconds nan", "--module-seconds is 'nan'"),
        ("audit --module mine.py --module-memory -1", "--module-memory is '-1'"),
        ("audit --module mine.py --module-memory much", "--module-memory is 'much'"),
    ],
)
def test_budgets_that_are_off(normproof, line, named):
    status, out, err, sentence = normproof(line, GOOD)
    assert (status, out, err) == (2, "", "") and named in sentence


def spoken_past(source):
    """Lines that write to stdout by another way than `reports.output`."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            given = {keyword.arg for keyword in node.keywords}
            name = ast.unparse(node.func)
            if name == "print" or (name in ("click.echo", "Console") and not given & {"err", "file", "stderr"}):
                lines.append(node.lineno)
    return lines


@pytest.mark.parametrize("path", sorted(Path(words.__file__).parent.glob("*.py")), ids=lambda path: path.name)
def test_what_a_command_says_is_held_back(path):
    assert spoken_past(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("source", ["print(1)", "click.echo(1)", "def f():\n    Console(width=3).print(1)"])
def test_the_checker_of_that_sees_a_wrong_way(source):
    assert len(spoken_past(source)) == 1


# What a snapshot sees


def nothing(*arguments, **options):
    return 0


PATCHES = {
    "a function": (decide, "simplify", nothing),
    "a library's function": (sympy, "simplify", nothing),
    "a method": (evidence.Verdict, "of", staticmethod(nothing)),
    "a method before the one that was inherited": (sympy.Symbol, "__sub__", nothing),
    "a number": (design, "MISS", 0.5),
    "a default": (defaults, "ALPHA", 0.5),
    "a member of an enum": (vars(evidence.Verdict.FAILS), "_value_", "HOLDS"),
    "a quantile": (scipy.special, "stdtrit", nothing),
    "what is simulated": (ensemble, "moments", nothing),
    "what simulates": (jax.numpy, "mean", nothing),
    "a tuple of functions": (decide, "_SIMPLIFIERS", (nothing,)),
    "code of a function": (evidence.stale, "__code__", nothing.__code__),
    "code of a function without a name": (decide._SIMPLIFIERS[2], "__code__", (lambda e: 0).__code__),
    "a norm": (vars(norms.LayerNorm), "stages", ()),
    "a rule": (stages.Center, "on_law", nothing),
    "a claim": (vars(CLAIMS["kappa_shape"]), "statements", ()),
    "a builtin": (builtins, "abs", nothing),
    "a name before a builtin": (decide, "abs", nothing),
    "JSON": (json, "dumps", nothing),
    "a precision": (mpmath.mp, "prec", 10),
    "an entry among the norms": (norms.NORMS, "layer_norm", norms.RMSNorm),
    "an entry among the activations": (activations.ACTIVATIONS, "relu", activations.Tanh),
    "an entry among the claims": (CLAIMS._claims, "kappa_shape", CLAIMS["overlap_recursion"]),
}


@pytest.fixture(scope="module")
def snapshot():
    return Snapshot()


@pytest.mark.parametrize("patch", PATCHES)
def test_a_patch_is_seen(snapshot, monkeypatch, patch):
    owner, name, value = PATCHES[patch]
    with monkeypatch.context() as patched:
        if isinstance(owner, dict):
            patched.setitem(owner, name, value)
        else:
            patched.setattr(owner, name, value, raising=False)
        found = snapshot.first_change()
    assert found is not None and name in found


def test_what_is_added_is_no_change(snapshot, tmp_path):
    """A new norm, new names and modules imported later; nor is a patch that was taken back, as those above were."""
    import fractions
    import xml.dom

    path = tmp_path / "good.py"
    path.write_text(GOOD)
    assert load(path).claims
    fractions.another_name = xml.dom
    decide.another_name = nothing
    try:
        assert snapshot.first_change() is None
    finally:
        del decide.another_name, fractions.another_name


# One name for two things: evidence goes by names


def test_a_name_that_is_taken_twice(tmp_path):
    path = tmp_path / "twice.py"
    path.write_text(GOOD + 'Other = Norm("mine", Center(Axis.BATCH))\n')
    with pytest.raises(UnreadableModule, match="'mine' twice"):
        load(path)
    path.write_text(GOOD + "Alias = Mine\n")
    assert len(load(path).norms) == 1


@pytest.mark.parametrize("taken", ["kappa_shape", "mine_pre_relu"], ids=["of the catalogue", "of its own norm"])
def test_a_claim_does_not_take_the_name_of_another(tmp_path, taken):
    path = tmp_path / f"{taken}.py"
    path.write_text(GOOD + CLAIM.split("left_behind")[0].split("print")[0] + CLAIM[CLAIM.index("TRUE") :].replace("a_true_one", taken))
    with pytest.raises(Exception, match=f"'{taken}', a name that is taken"):
        words.claims_added(str(path))


def test_a_plan_with_one_id_for_two_checks():
    claim = CLAIMS["kappa_shape"]
    with pytest.raises(ValueError, match="kappa_shape/exact"):
        audit.plan([claim, replace(claim)], audit.Settings())
