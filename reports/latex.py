"""LaTeX reports: what is claimed, how it is derived, what the witnesses found. Reads claims and evidence, and draws what `proofs_checks` predicts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2
from sympy import Expr, nan

from proofs_checks.audit import Audit
from proofs_checks.calibration import CONFIDENCE, Count, table
from proofs_checks.evidence import Evidence, Verdict
from proofs_checks.fixed_points import in_words
from proofs_checks.kill_matrix import KillMatrix
from reports import figures, formulas, landscapes
from reports.typeset import definition
from theory.activations import Activation
from theory.claim import Claim, Interval, Kind, Relation, Statement, Witness
from theory.equations import NOT_ENCODED, encoded
from theory.experiments import LISTING, Agreement, Prejudice, Spectral, SpectralBounds, SpectralExponent, SpectralRatio, combination
from theory.law import Law, NoClosedForm
from theory.network import Network, Placement, Stack
from theory.norms import NORMS, Norm

COLOURS = {Verdict.HOLDS: "holds", Verdict.FAILS: "fails", Verdict.UNDECIDED: "undecided", None: "assumed"}
UNICODE = {
    "γ": r"\gamma", "α": r"\alpha", "κ": r"\kappa", "σ": r"\sigma", "ε": r"\epsilon", "φ": r"\varphi", "Φ": r"\Phi", "μ": r"\mu",
    "ν": r"\nu", "τ": r"\tau", "ρ": r"\rho", "π": r"\pi", "Λ": r"\Lambda", "Σ": r"\Sigma", "ℓ": r"\ell", "√": r"\surd", "∞": r"\infty",
    "≤": r"\le", "≥": r"\ge", "≠": r"\neq", "≯": r"\ngtr", "≡": r"\equiv", "→": r"\to", "←": r"\leftarrow", "−": "-", "±": r"\pm", "×": r"\times",
    "·": r"\cdot", "²": "^2", "³": "^3", "¹": "^1", "⁻": "^-", "ᵀ": r"^{\mathsf T}", "₀": "_0", "₁": "_1", "₂": "_2", "ξ": r"\xi",
    "′": "'", "…": r"\ldots",
}  # fmt: skip
TEXT = {"“": "``", "”": "''", "‘": "`", "’": "'", "–": "--", "—": "---", "§": r"\S{}", "à": r"\`a"}
SPECIAL = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#", "$": r"\$"}
SPECIAL |= {"^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}


class CompilationFailed(Exception):
    """TeX stopped; the message holds its first complaint."""


def escape(text: object) -> str:
    """Plain text for LaTeX."""
    return re.sub(r"[\\{}_%&#$^~]", lambda found: SPECIAL[found.group()], str(text))


def prose(text: str) -> str:
    """Words with mathematics between dollars: escaped outside it; a text whose dollars do not pair is escaped whole."""
    parts = text.split("$")
    if len(parts) % 2 == 0:
        return escape(text)
    return "$".join(part if inside % 2 else escape(part) for inside, part in enumerate(parts))


class _Ascii(dict[int, str]):
    """Every character beyond ASCII as a command, so that no engine meets one it does not know."""

    def __missing__(self, code: int) -> str:
        return chr(code) if code < 128 else rf"\ensuremath{{\langle\mathtt{{U{code:04X}}}\rangle}}"


ASCII = _Ascii(
    {ord(character): rf"\ensuremath{{{command}}}" for character, command in UNICODE.items()} | {ord(k): v for k, v in TEXT.items()}
)


def mathematics(expression: Expr) -> str:
    """An expression as LaTeX; what a law does not know is said in a word."""
    return r"\text{unknown}" if expression is nan else formulas.latex(expression)


def briefly(expression: Expr) -> str:
    """An expression as LaTeX; a number too long to read is given to twelve digits."""
    exact = mathematics(expression)
    return exact if len(exact) < 80 or not expression.is_number else rf"{mathematics(expression.evalf(12))}\ldots"


def breakable(id: str) -> str:
    """An identifier that may break at its underscores."""
    return escape(id).replace(r"\_", r"\_\allowbreak{}")


@dataclass(frozen=True)
class Line:
    """One line of a displayed derivation."""

    relation: str
    formula: str
    role: str
    reason: str


@dataclass(frozen=True)
class Derivation:
    """A statement as it is displayed, with what its witnesses found."""

    name: str
    lines: tuple[Line, ...]
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class Node:
    """A claim in the dependency graph."""

    number: int
    claim: Claim
    x: float
    y: float
    border: str
    fill: str


def derivation(statement: Statement, evidence: list[Evidence], source: str) -> Derivation:
    """Derived = step = … (relation) stated; an inequality's steps rewrite the difference of its two sides."""
    stated = "stated here" if source == "normproof" else "stated"
    greater = statement.relation is Relation.GREATER
    role, origin = ("", "the two sides' difference") if greater else ("derived", "from the definitions")
    lines = [Line("", mathematics(statement.chain[0][0]), role, origin)]
    if greater and statement.stated != 0:
        sides = f"{mathematics(statement.derived)} > {mathematics(statement.stated)}"
        lines.insert(0, Line("", sides, f"derived $>$ {stated}", "which says that the difference of its two sides is positive"))
    for number, (_, right, reason) in enumerate(statement.chain):
        last = number == len(statement.chain) - 1
        relation = statement.relation.value if last else "="
        lines.append(Line(relation, mathematics(right), stated if last and not greater else "", reason))
    mine = tuple(item for item in evidence if item.check == statement.name)
    return Derivation(statement.name, tuple(lines), mine)


def interval(found: Interval) -> str:
    """Low < symbol < high."""
    return f"{mathematics(found.low)} < {mathematics(found.symbol)} < {mathematics(found.high)}"


def traces(claim: Claim) -> list[tuple[str, list[tuple[str, Law]]]]:
    """For each network of the claim: the law of a unit after each stage, as the stages' own rules give it."""
    found: dict[str, list[tuple[str, Law]]] = {}
    for experiment in claim.experiments:
        if not hasattr(experiment, "network"):
            continue
        network: Stack = experiment.network
        law = network.symbolic_law
        plain = isinstance(network, Network)
        rows = [("pre-activation" if plain else "stream", law)]
        try:
            rows += [(str(step), after) for step, after in network.trace(law)]
            if plain:
                rows.append(("next pre-activation", network.dense.on_law(rows[-1][1])))
        except NoClosedForm:
            continue
        found.setdefault(figures.label(network), rows)
    return list(found.items())


def leads(claim: Claim) -> list[tuple[str, str]]:
    """For each network of the claim: the fixed points of its overlap map."""
    networks = [experiment.network for experiment in claim.experiments if isinstance(experiment, Prejudice)]
    return list({figures.label(network): in_words(network) for network in networks}.items())


def graph(audit: Audit) -> tuple[list[Node], list[tuple[int, int]]]:
    """The audited claims and all they rest on in layers by longest path, and the edges that no longer path implies."""
    claims: dict[str, Claim] = {}
    for claim in audit.claims:
        for each in (*claim.foundations(), claim):
            claims.setdefault(each.id, each)
    level: dict[str, int] = {}
    for claim in claims.values():
        level[claim.id] = 1 + max((level[below.id] for below in claim.rests_on), default=-1)
    layers: dict[int, list[str]] = {}
    for id, height in level.items():
        layers.setdefault(height, []).append(id)
    nodes = {}
    for number, claim in enumerate(claims.values(), 1):
        row = layers[level[claim.id]]
        nodes[claim.id] = Node(
            number,
            claim,
            x=(row.index(claim.id) + 0.5) / len(row),
            y=float(level[claim.id]),
            border=COLOURS[audit.verdict_of(claim)],
            fill=COLOURS[audit.verdict_with_foundations(claim)],
        )
    edges = [
        (nodes[below.id].number, nodes[claim.id].number)
        for claim in claims.values()
        for below in claim.rests_on
        if not any(below in other.foundations() for other in claim.rests_on)
    ]
    return list(nodes.values()), edges


@dataclass(frozen=True)
class Encoded:
    """An equation of the paper: the statements that encode it with their verdicts, or the reason why none does."""

    number: int
    statements: tuple[tuple[Claim, Statement, Verdict], ...]
    reason: str


def equations(audit: Audit, claims: list[Claim]) -> list[Encoded]:
    """The equations that these claims encode, in order, and those that no claim does."""
    found = encoded(claims)
    if not found:
        return []
    rows = []
    for number in sorted({*found, *NOT_ENCODED}):
        statements = tuple(
            (claim, statement, Verdict.of_all([item.verdict for item in audit.evidence.get(claim.id, []) if item.check == statement.name]))
            for claim, statement in found.get(number, [])
        )
        rows.append(Encoded(number, statements, NOT_ENCODED.get(number, "")))
    return rows


@dataclass(frozen=True)
class Cell:
    """One combination in the table of agreement: a verdict and how it was predicted, or nothing and why."""

    verdict: Verdict | None
    method: str


@dataclass(frozen=True)
class Agreements:
    """Every norm with every activation: rows by norm and placement, and the reasons where there is nothing to compare."""

    activations: list[str]
    rows: list[tuple[str, str, list[Cell]]]
    reasons: list[tuple[str, list[str]]]


METHODS = {"closed form": "c", "quadrature": "q"}


def agreements(audit: Audit, claims: list[Claim]) -> Agreements | None:
    """The table of agreement between theory and networks, from recorded evidence."""
    found = [(experiment, audit.evidence.get(claim.id, [])) for claim in claims if claim.long for experiment in claim.experiments]
    surveyed = [(experiment, {item.check: item for item in items}) for experiment, items in found if isinstance(experiment, Agreement)]
    if not surveyed:
        return None
    activations = list(dict.fromkeys(network.activation.name for experiment, _ in surveyed for network in experiment.networks))
    rows: list[tuple[str, str, list[Cell]]] = []
    reasons: dict[str, list[str]] = {}
    for experiment, items in surveyed:
        listing = items.get(LISTING)
        for name, reason in (listing.details["without_law"] if listing else {}).items():
            reasons.setdefault(reason, []).append(name)
        for placement in dict.fromkeys(network.placement for network in experiment.networks):
            cells = {}
            for network in experiment.networks:
                if network.placement is placement:
                    item = items.get(combination(network))
                    cells[network.activation.name] = Cell(item.verdict, METHODS[item.details["method"]]) if item else Cell(None, "s")
            rows.append((experiment.networks[0].norm.name, placement.value, [cells[each] for each in activations]))
    return Agreements(activations, rows, list(reasons.items()))


@dataclass(frozen=True)
class OnSpectra:
    """One line of the chapter on Fisher information: what was measured of which network, and what came of it."""

    network: str
    samples: Expr
    measured: str
    item: Evidence


def on_spectra(audit: Audit, claims: list[Claim]) -> list[OnSpectra]:
    """What was seen of spectra, claim by claim."""
    return [
        OnSpectra(
            figures.outputs_label(experiment.model), experiment.samples, getattr(experiment, "measured", Spectral.LARGEST).value, item
        )
        for kind in (SpectralRatio, SpectralBounds, SpectralExponent)
        for experiment, items in figures.experiments_of(audit, claims, kind)
        for item in items
    ]


def definitions(claims: list[Claim]) -> list[tuple[str, str, list[str]]]:
    """Norms and activations of the project and of the claims' networks, typeset from their array code."""
    norms: dict[str, Norm] = dict(NORMS)
    activations: dict[str, Activation] = {}
    for claim in claims:
        for experiment in claim.experiments:
            if hasattr(experiment, "network"):
                norms.setdefault(experiment.network.norm.name, experiment.network.norm)
                activations.setdefault(experiment.network.activation.name, experiment.network.activation)
    rows = [(norm.name, norm.cites, definition(norm.stages)) for norm in norms.values() if norm.stages]
    return rows + [(each.name, "", definition((each.stage,))) for each in activations.values()]


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        block_start_string=r"\BLOCK{",
        block_end_string="}",
        variable_start_string=r"\VAR{",
        variable_end_string="}",
        comment_start_string=r"\#{",
        comment_end_string="}",
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,
    )
    environment.filters |= {"text": escape, "prose": prose, "math": mathematics, "briefly": briefly, "ident": breakable, "number": number}
    environment.filters |= {"measured": measured}
    return environment


def number(value: float | None, digits: int = 5) -> str:
    """A number to a few significant digits, in LaTeX."""
    if value is None:
        return "--"
    mantissa, _, exponent = f"{value:.{digits}g}".partition("e")
    return f"${mantissa}\\cdot 10^{{{int(exponent)}}}$" if exponent else f"${mantissa}$"


def measured(count: Count) -> str:
    """A rate and its interval, in per cent, in LaTeX."""
    rate, *interval = (number(100 * each, 3) for each in (count.rate, *count.interval))
    return f"{rate} [{', '.join(interval)}]"


def write_sources(audit: Audit, out: Path, only: set[str] | None = None, matrix: KillMatrix | None = None) -> Path:
    """Write `report.tex` and its figures; returns the path of the source.

    Parameters
    ----------
    audit : Audit
        Claims and their evidence.
    out : Path
        The folder, made if need be.
    only : set of str, optional
        Ids of the claims to report; all of the audit's by default.
    matrix : KillMatrix, optional
        Which twins were caught; without it the report says that this was not shown.
    """
    chosen = [claim for claim in audit.claims if only is None or claim.id in only]
    reported = [claim for claim in chosen if claim.kind is not Kind.ASSUMPTION]
    out.mkdir(parents=True, exist_ok=True)
    shown = Audit(audit.settings, chosen, audit.evidence, audit.planned, audit.seconds)
    nodes, edges = graph(shown)
    below = {each.id: each for claim in chosen for each in (*claim.foundations(), claim)}
    observations = [item for claim in reported for item in shown.evidence.get(claim.id, [])]
    source = (
        _environment()
        .get_template("report.tex.j2")
        .render(
            audit=shown,
            checks=sum(shown.planned.get(claim.id, 0) for claim in reported),
            claims=reported,
            assumptions=[claim for claim in below.values() if claim.kind is Kind.ASSUMPTION],
            findings=[claim for claim in reported if claim.kind is Kind.FINDING],
            added=[claim for claim in reported if claim.kind is not Kind.FINDING and "derived here" in claim.source.ref],
            nodes=nodes,
            edges=edges,
            definitions=definitions(chosen),
            equations=equations(shown, reported),
            agreements=agreements(shown, reported),
            spectra=on_spectra(shown, reported),
            matrix=matrix,
            calibrations=table(observations),
            calibrations_by_claim=table(observations, lambda item: item.claim),
            confidence=CONFIDENCE,
            traces=traces,
            leads=leads,
            derivation=derivation,
            interval=interval,
            figures=figures.draw_all(shown, reported, out / "figures"),
            optimum_lemma=landscapes.chapter(shown, reported, out / "figures"),
            colours=COLOURS,
            counts=_counts(shown, reported),
            held=_held,
            Witness=Witness,
            Verdict=Verdict,
            Placement=Placement,
        )
    )
    path = out / "report.tex"
    path.write_text(source.translate(ASCII), encoding="ascii")
    return path


def _held(evidence: list[Evidence], witness: Witness) -> str:
    found = [item.verdict is Verdict.HOLDS for item in evidence if item.witness is witness]
    return f"{sum(found)}/{len(found)}" if found else ""


def _counts(audit: Audit, claims: list[Claim]) -> dict[str, int]:
    verdicts = [audit.verdict_of(claim) for claim in claims]
    return {verdict.value: verdicts.count(verdict) for verdict in Verdict}


def compile_pdf(source: Path) -> str:
    """Compile a report where a TeX is installed; returns one sentence that says what was done.

    Raises
    ------
    CompilationFailed
        If TeX stops with an error.
    """
    if shutil.which("latexmk") and shutil.which("pdflatex"):
        command = ["latexmk", "-pdf", "-interaction=nonstopmode", "-halt-on-error", "report.tex"]
    elif shutil.which("pdflatex"):
        command = [
            "sh",
            "-c",
            "pdflatex -interaction=nonstopmode -halt-on-error report.tex && pdflatex -interaction=nonstopmode report.tex",
        ]
    elif shutil.which("tectonic"):
        command = ["tectonic", "report.tex"]
    else:
        return f"No TeX is installed (latexmk and pdflatex, or tectonic): {source} is the report."
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "0", "FORCE_SOURCE_DATE": "1"}
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(source, folder)
        if (source.parent / "figures").is_dir():
            shutil.copytree(source.parent / "figures", Path(folder, "figures"))
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL
        )
        built = Path(folder, "report.pdf")
        if done.returncode != 0 or not built.is_file():
            complaint = next((line for line in done.stdout.splitlines() if line.startswith("!")), "no complaint was printed")
            raise CompilationFailed(f"{source} does not compile: {complaint}")
        shutil.move(built, source.with_suffix(".pdf"))
    return f"{source.with_suffix('.pdf')} is the report."
