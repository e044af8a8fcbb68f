"""Imports run one way, symbols are made in one room, and the checkers of both can fail."""

import ast
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from theory import catalogue

ROOT = Path(__file__).parents[1]
FORBIDDEN = {
    "theory": ("jax", "jaxlib", "numpy", "flint", "scipy", "matplotlib", "numerics", "proofs_checks", "reports"),
    "numerics": ("sympy", "mpmath", "flint", "theory", "proofs_checks", "reports"),
    "proofs_checks": ("reports", "tests"),
    "reports": ("jax", "jaxlib", "numerics", "tests"),
}
#: Definitions that a simulation shares with the theory: never a derivation, a claim or a closed form.
DEFINITIONS = (
    "theory.activations",
    "theory.classifier",
    "theory.distributions",
    "theory.network",
    "theory.experiments",
    "theory.norms",
    "theory.stages",
    "theory.stream",
)
FILES = sorted(path.relative_to(ROOT).as_posix() for room in FORBIDDEN for path in (ROOT / room).rglob("*.py"))


def _within(name, module):
    return name == module or name.startswith(module + ".")


def imported(source, package):
    """(dotted name, whether inside a function) of everything that a source imports, by statement or by `import_module("…")`."""
    found = []

    def visit(node, lazy):
        if isinstance(node, ast.Import):
            found.extend((alias.name, lazy) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(part for part in (package if node.level else "", node.module) if part)
            found.extend((f"{base}.{alias.name}", lazy) for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in ("import_module", "__import__"):
            found.extend((argument.value, lazy) for argument in node.args[:1] if isinstance(argument, ast.Constant))
        lazy = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            visit(child, lazy)

    visit(ast.parse(source), False)
    return found


def violations(file, source):
    """Imports of a file that its room does not allow."""
    room = file.split("/")[0]
    wrong = []
    for name, lazy in imported(source, room):
        if not any(_within(name, module) for module in FORBIDDEN[room]):
            continue
        if room == "numerics" and any(_within(name, module) for module in DEFINITIONS):
            continue
        if file == "reports/command_line.py" and lazy and _within(name, "numerics"):
            continue  # `simulate` runs networks, and no other command waits for JAX
        wrong.append(name)
    return wrong


@pytest.mark.parametrize("file", FILES)
def test_imports_run_one_way(file):
    assert violations(file, (ROOT / file).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "file, source",
    [
        ("theory/law.py", "import numpy as np"),
        ("theory/law.py", "def f():\n    from jax import numpy"),
        ("theory/law.py", "if True:\n    import flint.types"),
        ("theory/law.py", "from importlib import import_module\nimport_module('scipy.stats')"),
        ("theory/law.py", "from proofs_checks.decide import decide"),
        ("numerics/ensemble.py", "from theory.placements import BATCH_NORM_PRE"),
        ("numerics/ensemble.py", "from theory import gaussian_functions"),
        ("numerics/ensemble.py", "import theory"),
        ("numerics/ensemble.py", "from theory import network_secrets"),
        ("numerics/ensemble.py", "class A:\n    def f(self):\n        import sympy"),
        ("proofs_checks/audit.py", "from reports import terminal"),
        ("reports/latex.py", "def f():\n    from numerics import keys"),
        ("reports/command_line.py", "from numerics import keys"),
        ("reports/command_line.py", "def f():\n    import jax"),
    ],
)
def test_the_import_checker_sees_a_wrong_import(file, source):
    assert len(violations(file, source)) == 1


@pytest.mark.parametrize(
    "file, source",
    [
        ("numerics/ensemble.py", "from theory.network import Network\nfrom theory import stages"),
        ("reports/command_line.py", "def simulate():\n    from numerics.prejudice import simulate"),
        ("theory/law.py", "from sympy import Expr\nfrom theory import symbols"),
    ],
)
def test_the_import_checker_lets_a_right_import_pass(file, source):
    assert violations(file, source) == []


# Symbols with one name and different assumptions print alike and do not cancel

MAKERS = ("Symbol", "symbols", "var", "Wild", "MatrixSymbol")


def made_symbols(source):
    """Lines that make a SymPy symbol other than a Dummy, under whatever name SymPy was imported."""
    tree = ast.parse(source)
    modules, names, lines = {"sympy"}, {}, []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.asname or alias.name for alias in node.names if _within(alias.name, "sympy")}
        elif isinstance(node, ast.ImportFrom) and node.module and _within(node.module, "sympy"):
            names |= {alias.asname or alias.name: alias.name for alias in node.names}
            if node.module == "sympy.abc":
                lines.append(node.lineno)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute):
            made = node.func.attr if ast.unparse(node.func.value) in modules else ""
        else:
            made = names.get(getattr(node.func, "id", ""), "")
        parsed = made in ("sympify", "S", "parse_expr") and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)
        if made in MAKERS or parsed:
            lines.append(node.lineno)
    return lines


@pytest.mark.parametrize("file", [file for file in FILES if file != "theory/symbols.py"])
def test_symbols_are_made_in_one_module(file):
    assert made_symbols((ROOT / file).read_text(encoding="utf-8")) == []


def test_the_symbols_module_is_seen_to_make_symbols():
    assert len(made_symbols((ROOT / "theory/symbols.py").read_text(encoding="utf-8"))) > 20


@pytest.mark.parametrize(
    "source",
    [
        "from sympy import Symbol as S\nx = S('x')",
        "import sympy as sp\ndef f():\n    return sp.symbols('x y')",
        "from sympy.abc import x",
        "from sympy import sympify\ny = sympify('x + 1')",
        "import sympy\nx = sympy.Symbol('x', real=True)",
    ],
)
def test_the_symbol_checker_sees_a_symbol(source):
    assert len(made_symbols(source)) == 1


def test_a_dummy_and_a_type_are_not_symbols():
    assert made_symbols("from sympy import Dummy, Symbol, sympify\nx = Dummy()\ndef f(y: Symbol): return sympify(0)") == []


# What is loaded at run time

HEAVY = ("jax", "jaxlib", "numpy", "flint", "scipy", "matplotlib", "numerics", "proofs_checks", "reports")


def loaded(code, **environment):
    """Which of `HEAVY` a fresh interpreter has loaded after running `code`."""
    script = f"import json, sys\ntry:\n{code}\nfinally:\n    print(json.dumps([m for m in {HEAVY} if m in sys.modules]), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True)
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_the_catalogue_loads_neither_numbers_nor_networks():
    # SymPy's own ground types may be python-flint's, if that is installed; asked for Python's, nothing loads it.
    assert loaded("    from theory.catalogue import CLAIMS\n    list(CLAIMS.values())", SYMPY_GROUND_TYPES="python") == set()


def test_a_claim_is_derived_without_those_that_follow(monkeypatch):
    modules = []
    monkeypatch.setattr(catalogue, "import_module", lambda name: modules.append(name) or importlib.import_module(name))
    claims = catalogue.Catalogue()
    assert "no_such_claim" not in claims and modules == []
    assert len(claims) == sum(map(len, catalogue.CONTENTS.values())) > 100  # no id stands twice
    assert claims["kappa_shape"].id == "kappa_shape" and modules == ["theory.gaussian"]
    assert [claim.id for claim in claims.values()] == [*claims]
    assert modules[0] == "theory.gaussian" and sorted(modules) == sorted(f"theory.{name}" for name in catalogue.CONTENTS)


def test_every_module_of_claims_is_in_the_catalogue():
    paths = (ROOT / "theory").glob("*.py")
    assert {path.stem for path in paths if "\nCLAIMS = (" in path.read_text() or "\nCLAIMS = tuple(" in path.read_text()} == set(
        catalogue.CONTENTS
    )


def test_a_claim_that_is_not_in_the_contents_is_said(monkeypatch):
    monkeypatch.setitem(catalogue.CONTENTS, "pooling", ("max_pooling",))
    with pytest.raises(AssertionError, match=r"theory\.pooling has the claims average_pooling, max_pooling"):
        catalogue.Catalogue()["max_pooling"]


def test_predict_does_not_load_jax():
    arguments = "predict --norm layer_norm --placement post --depth 3 --input-overlap 0.5 --classes 3"
    found = loaded(f"    sys.argv = 'normproof {arguments}'.split()\n    from reports.command_line import main\n    main()")
    assert "proofs_checks" in found and found.isdisjoint({"jax", "jaxlib", "numerics", "matplotlib"})


def test_the_loaded_modules_are_seen():
    assert {"jax", "numerics"} <= loaded("    import numerics")
