"""Reports: the same evidence gives the same bytes, failures are shown, definitions are those that ran."""

import shutil
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

import pytest
import sympy
from tiers import usually

from proofs_checks.audit import Audit, Settings, plan, run
from proofs_checks.evidence import Verdict
from reports import figures, formulas, latex, picture, typeset
from theory import symbols as s
from theory.catalogue import CLAIMS
from theory.claim import Relation, Statement
from theory.gaussian import KAPPA_SHAPE
from theory.norms import BatchNorm, LayerNorm, RMSNorm
from theory.stages import Axis, Center, Stage


@pytest.fixture(autouse=True)
def _a_map_of_few_phases(monkeypatch):
    monkeypatch.setattr(figures, "phase_networks", partial(islice, figures.phase_networks(), usually(3, with_long=None)))


@pytest.fixture(scope="module")
def audit():
    return run([KAPPA_SHAPE], Settings())


def _every_byte(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_same_evidence_same_bytes(audit, tmp_path):
    for name in ("one", "two"):
        latex.write_sources(audit, tmp_path / name)
    assert _every_byte(tmp_path / "one") == _every_byte(tmp_path / "two")


def test_the_picture_of_an_audit_names_no_folder_of_the_machine(audit, tmp_path):
    (tmp_path / "audit").mkdir()
    audit.write(tmp_path / "audit")
    picture.draw(tmp_path / "audit", tmp_path / "audit.svg")
    drawn = (tmp_path / "audit.svg").read_text()
    assert "audit/evidence.json" in drawn and tmp_path.name not in drawn


def test_figures_are_the_same_bytes(tmp_path):
    """Figures drawn from made-up networks' evidence, twice."""
    claim = CLAIMS["layer_norm_after_relu"]
    ladder = [{"width": w, "networks": 9, "mean": 1 / w, "standard_error": 0.001} for w in (32, 64, 4096)]
    found = [
        replace(_blank(check), details={"depth": 1, "overlap": 0.0, "ladder": ladder, "misfit": {}, "coefficients": [0.0, 1.0, 0.0]})
        for check in plan([claim], Settings())
        if check.witness.value == "observed" and "gamma" in check.name
    ]
    for name in ("one", "two"):
        latex.write_sources(Audit(Settings(), [claim], {claim.id: found}, {claim.id: 99}), tmp_path / name)
    assert (tmp_path / "one" / "figures" / "gamma_against_depth.pdf").is_file()
    assert _every_byte(tmp_path / "one") == _every_byte(tmp_path / "two")


def _blank(check):
    from proofs_checks.evidence import Evidence

    return Evidence(check.claim.id, check.name, check.witness, Verdict.HOLDS, "made up", 0.1, 0.01, 0.1, 0.02, 1e-8)


def test_a_failure_is_shown_with_both_formulas(audit, tmp_path):
    broken = replace(
        audit.evidence["kappa_shape"][0],
        verdict=Verdict.FAILS,
        sentence="the residual is 50 % & more",
        details={"left": "LEFT", "right": "RIGHT", "residual": "REST"},
    )
    red = Audit(audit.settings, audit.claims, {"kappa_shape": [broken, *audit.evidence["kappa_shape"][1:]]}, audit.planned)
    text = latex.write_sources(red, tmp_path).read_text()
    assert r"\verdict{fails}{FAILS}" in text and r"50 \% \& more" in text
    assert all(word in text for word in ("LEFT", "RIGHT", "REST"))
    assert r"\verdict{fails}{FAILS}" not in latex.write_sources(audit, tmp_path / "green").read_text()


def test_sums_of_integrals_are_printed_without_computing_them(monkeypatch):
    def computed(*given):
        raise AssertionError("an integral was computed")

    monkeypatch.setattr("sympy.core.evalf.do_integral", computed)
    (gain,) = (each.stated for each in CLAIMS["edge_of_chaos"].statements if each.name == "tanh_gain")
    assert formulas.latex(gain).startswith(r"\frac{1}{1 - 2 \int") and "⌠" in formulas.text(gain)
    for sympys in (sympy.latex, sympy.pretty):  # the twin
        with pytest.raises(AssertionError, match="an integral was computed"):
            sympys(gain)


def test_other_formulas_are_printed_as_sympy_prints_them():
    for formula in (each.derived for each in (*KAPPA_SHAPE.statements, *CLAIMS["quadratic_growth"].statements)):
        assert formulas.latex(formula) == sympy.latex(formula, inv_trig_style="full") and formulas.text(formula) == sympy.pretty(formula)


def test_special_characters_are_escaped():
    assert latex.escape(r"a_b % {c} \d ^ ~ # & $") == r"a\_b \% \{c\} \textbackslash{}d \textasciicircum{} \textasciitilde{} \# \& \$"


def test_words_are_escaped_and_mathematics_is_not():
    assert latex.prose(r"my_norm: 5% of $x_1$ & more") == r"my\_norm: 5\% of $x_1$ \& more"
    assert latex.prose("costs 5$ or_more") == r"costs 5\$ or\_more"


NASTY = replace(KAPPA_SHAPE, title="my_norm: 100% & λ → $x_1$", says="It says “ℓ” #1, for Å_b.")


def test_a_source_is_ascii_whatever_a_claim_says(audit, tmp_path):
    source = latex.write_sources(replace(audit, claims=[NASTY]), tmp_path)
    assert r"my\_norm: 100\% \& \ensuremath{\langle\mathtt{U03BB}\rangle}" in source.read_text(encoding="ascii")


def test_evidence_of_another_version_is_reported_without_a_figure(tmp_path):
    """What an older version did not record is not drawn; the report is still written."""
    claim = CLAIMS["layer_norm_after_relu"]
    found = [
        replace(_blank(check), details={"depth": 4, "misfit": {}, "counts": [1, 2]})
        for check in plan([claim], Settings())
        if check.witness.value == "observed"
    ]
    latex.write_sources(Audit(Settings(), [claim], {claim.id: found}, {claim.id: 99}), tmp_path)
    assert not (tmp_path / "figures" / "width_bias.pdf").exists()
    assert not (tmp_path / "figures" / "class_fractions.pdf").exists()


def test_an_inequality_shows_both_its_sides():
    shown = latex.derivation(Statement("bound", derived=s.c**2, stated=s.q, relation=Relation.GREATER), [], "normproof")
    assert shown.lines[0].formula == "c^{2} > q" and shown.lines[-1].relation == ">"


def test_the_graph_has_every_claim_and_every_path():
    audit = Audit(Settings(), list(CLAIMS.values()))
    nodes, edges = latex.graph(audit)
    by_number = {node.number: node.claim for node in nodes}
    assert {claim.id for claim in by_number.values()} == set(CLAIMS)
    reached = {number: set() for number in by_number}
    for node in sorted(nodes, key=lambda node: node.y):
        for below, above in edges:
            if above == node.number:
                reached[above] |= {by_number[below].id} | reached[below]
    for number, claim in by_number.items():
        assert reached[number] == {each.id for each in claim.foundations()}


def test_definitions_are_typeset_from_the_code_that_ran():
    assert typeset.definition(BatchNorm.stages) == [
        r"h_{1} = h - \langle h \rangle_{b}",
        r"h_{2} = \frac{h_{1}}{\sqrt{\langle h_{1}^{2} \rangle_{b}}}",
    ]
    assert typeset.definition(RMSNorm.stages) == [r"h_{1} = \frac{h}{\sqrt{\langle h^{2} \rangle_{i}}}"]
    assert typeset.definition(LayerNorm.stages) != typeset.definition(BatchNorm.stages)


def test_a_changed_stage_is_typeset_differently():
    @dataclass(frozen=True)
    class Twin(Center):
        def on_array(self, h, xp):
            return h + xp.mean(h, axis=self.axis.value, keepdims=True)

    assert typeset.definition((Twin(Axis.BATCH),)) != typeset.definition((Center(Axis.BATCH),))


@pytest.mark.parametrize(
    ("write", "printed"),
    [
        (lambda h, xp: (h / 2) ** 2, r"\left(\frac{h}{2}\right)^{2}"),
        (lambda h, xp: (2 * h) ** 2, r"\left(2\,h\right)^{2}"),
        (lambda h, xp: (h**2) ** 3, r"\left(h^{2}\right)^{3}"),
        (lambda h, xp: h - (h - 1), r"h - \left(h - 1\right)"),
        (lambda h, xp: (h + 1) * h, r"\left(h + 1\right)\,h"),
        (lambda h, xp: 2 * -h, r"2\,\left(-h\right)"),
        (lambda h, xp: xp.abs(h), r"\left|h\right|"),
        (lambda h, xp: h / xp.std(h, axis=-1, keepdims=True), r"\frac{h}{\operatorname{std}_{i}\left(h\right)}"),
        (lambda h, xp: xp.where(h > 0, h, 0), r"\operatorname{where}\left(h > 0, h, 0\right)"),
    ],
)
def test_operations_bind_as_they_ran(write, printed):
    assert typeset.formula(write(typeset.Formula("h"), typeset.Namespace())).latex == printed


@pytest.mark.parametrize("write", [lambda h, xp: h[..., :1], lambda h, xp: h if h > 0 else 0, lambda h, xp: xp.mean(h, axis=(-2, -1))])
def test_code_that_cannot_be_typeset_is_named_and_not_guessed(write):
    class My_Stage(Stage):
        def on_law(self, law):
            return law

        def on_array(self, h, xp):
            return write(h, xp)

    (line,) = typeset.definition((My_Stage(),))
    assert r"My\_Stage" in line and "cannot be typeset" in line


@pytest.mark.skipif(not (shutil.which("pdflatex") or shutil.which("tectonic")), reason="no TeX is installed: nothing can be compiled")
def test_the_report_compiles_to_the_same_bytes(audit, tmp_path):
    source = latex.write_sources(replace(audit, claims=[NASTY]), tmp_path)
    latex.compile_pdf(source)
    first = (tmp_path / "report.pdf").read_bytes()
    latex.compile_pdf(source)
    assert first == (tmp_path / "report.pdf").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"report.tex", "report.pdf"}


def test_a_report_that_does_not_compile_says_so(tmp_path):
    if shutil.which("pdflatex") is None:
        pytest.skip("no TeX is installed: nothing can be compiled")
    source = tmp_path / "report.tex"
    source.write_text(r"\documentclass{article}\begin{document}\undefined\end{document}")
    with pytest.raises(latex.CompilationFailed, match="Undefined control sequence"):
        latex.compile_pdf(source)
    assert not (tmp_path / "report.pdf").exists()
