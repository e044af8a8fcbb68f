"""What a person sees in a terminal: progress, the table of verdicts, failures, one claim."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from proofs_checks.audit import Audit, Check, Settings
from proofs_checks.evidence import Evidence, Verdict
from reports import confined, formulas
from reports.output import stdout
from theory.claim import Claim, Kind, Witness

if TYPE_CHECKING:
    from proofs_checks.kill_matrix import KillMatrix
    from proofs_checks.schedule import Row
    from proofs_checks.twins import Outcome

COLOURS = {Verdict.HOLDS: "green", Verdict.FAILS: "bold red", Verdict.UNDECIDED: "bold yellow"}
WITNESSES = (Witness.EXACT, Witness.ENCLOSED, Witness.OBSERVED)


@contextlib.contextmanager
def progress(planned: int, finished: int, silent: bool) -> Iterator[Callable[[Check, Evidence], None]]:
    """A bar that advances with every check and names what does not hold as it appears."""
    console = Console(stderr=True, quiet=silent)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=silent, transient=True) as bar:
        task = bar.add_task("auditing", total=planned, completed=finished)

        def advance(check: Check, found: Evidence) -> None:
            confined.progress()
            bar.update(task, advance=1, description=check.claim.id)
            if found.verdict is not Verdict.HOLDS:
                bar.console.print(f"[{COLOURS[found.verdict]}]{found.verdict.value}[/] {check.id}: {found.sentence}", highlight=False)

        yield advance


def print_plan(rows: Sequence[Row], settings: Settings) -> None:
    """One line a check that draws, one for the formulas of each claim and witness, and one of summary."""
    console = Console(file=stdout(), highlight=False, markup=False, soft_wrap=True)
    console.print("     s  check")
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.check if row.draws else row.check.rsplit("/", 1)[0], []).append(row)
    for name, group in groups.items():
        seconds = f"{'' if all(row.measured for row in group) else '~'}{sum(row.seconds for row in group):.1f}"
        first, count = group[0], f" × {len(group)}" if len(group) > 1 else ""
        sees = "" if first.resolution is None else f"; resolves {first.resolution:.2g}"
        chance = "" if first.alpha is None else f"; α {first.alpha:.1e}"
        console.print(f"{seconds:>6}  {name}{count}{'  ' if first.draws else ''}{first.draws}{sees}{chance}")
    random = sum(row.alpha is not None for row in rows)
    typical = "" if all(row.measured for row in rows) else "; ~ is typical of its kind on two cores, other times are an earlier audit's"
    console.print(
        f"{len(rows)} checks, {random} of which can fail by chance and share α = {settings.alpha:g}; several at a time, "
        f"{sum(row.seconds for row in rows):.0f} s in all{typical}",
        soft_wrap=True,
    )


@contextlib.contextmanager
def counting(what: str, silent: bool) -> Iterator[Callable[[Outcome], None]]:
    """A count of twins met, which names those that survive as they appear."""
    console = Console(stderr=True, quiet=silent)
    columns = (TextColumn("{task.description}"), TextColumn("{task.completed}"), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=silent, transient=True) as bar:
        task = bar.add_task(what, total=None)

        def advance(outcome: Outcome) -> None:
            confined.progress()
            bar.update(task, advance=1, description=outcome.claim)
            if not outcome.caught and not outcome.equivalent:
                bar.console.print(f"[bold red]not caught[/] {outcome.claim}, {outcome.twin}: {outcome.sentence}", highlight=False)

        yield advance


def print_kill_matrix(matrix: KillMatrix, path: Path) -> None:
    """Twins caught, of those met, by kind and witness; survivors; one line of summary."""
    console = Console(file=stdout(), highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("broken")
    for name in ("twins", *(witness.value for witness in WITNESSES), "caught", "proved equivalent"):
        table.add_column(name, justify="right")
    for kind, count, by_witness, caught, equivalent in matrix.by_kind():
        cells = [f"{found}/{met}" if met else "" for found, met in (by_witness[witness.value] for witness in WITNESSES)]
        table.add_row(kind, str(count), *cells, str(caught), str(equivalent or ""))
    console.print(table)
    for outcome in matrix.survivors:
        console.print(f"[bold red]not caught[/] {outcome.claim}, {outcome.twin}: {outcome.sentence}")
    colour = COLOURS[matrix.verdict]
    console.print(
        f"[{colour}]{len(matrix.twins) - len(matrix.survivors)} of {len(matrix.twins)} twins caught[/]; {len(matrix.equivalent)} more are proved to say "
        f"what their originals say; {matrix.seconds:.0f} s; {path}",
        soft_wrap=True,
    )


def _word(verdict: Verdict | None) -> str:
    return "[dim]assumed[/]" if verdict is None else f"[{COLOURS[verdict]}]{verdict.value}[/]"


def _witnesses(evidence: Sequence[Evidence]) -> str:
    """Checks that held, of those that ran, for each witness."""
    parts = []
    for witness in WITNESSES:
        found = [item.verdict is Verdict.HOLDS for item in evidence if item.witness is witness]
        if found:
            parts.append(f"{witness.value} {sum(found)}/{len(found)}")
    return ", ".join(parts)


def _resolution(evidence: Sequence[Evidence]) -> str:
    """The coarsest resolution of γ (or of another expectation) among a claim's observed checks."""
    seen = [item.resolution for item in evidence if item.resolution is not None and item.standard_error is not None]
    return f"{max(seen):.2%}" if seen else ""


def verdict_table(audit: Audit) -> Table:
    """One row a claim: source, witnesses, verdict, resolution, seconds."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("claim", "source", "witnesses", "verdict"):
        table.add_column(name, overflow="fold")
    for name in ("resolves", "s"):
        table.add_column(name, justify="right")
    for claim in audit.claims:
        if claim.kind is Kind.ASSUMPTION:
            continue
        found = audit.evidence[claim.id]
        seconds = sum(item.seconds for item in found)
        table.add_row(claim.id, claim.source.ref, _witnesses(found), _word(audit.verdict_of(claim)), _resolution(found), f"{seconds:.1f}")
    return table


def print_audit(audit: Audit, path: Path, no_law: Sequence[str], module: str | None) -> None:
    """The table a person wants to read, the failures, and one line of summary."""
    console = Console(file=stdout())
    console.print(verdict_table(audit))
    for sentence in no_law:
        console.print(f"[bold yellow]simulation only[/] {sentence}", highlight=False)
    for claim in audit.claims:
        for item in audit.evidence[claim.id]:
            if item.verdict is not Verdict.HOLDS:
                _print_failure(console, claim, item, module)
    print_summary(console, audit, path)


def print_summary(console: Console, audit: Audit, path: Path) -> None:
    """One line: how many claims hold, at which error rate, with which seed, in what time, and where the evidence is."""
    verdicts = [v for claim in audit.claims if (v := audit.verdict_of(claim)) is not None]
    counts = {verdict: verdicts.count(verdict) for verdict in Verdict}
    others = "".join(f", {counts[v]} {v.value}" for v in (Verdict.FAILS, Verdict.UNDECIDED) if counts[v])
    checks = sum(audit.planned.values())
    console.print(
        f"[{COLOURS[audit.verdict]}]{audit.verdict.value}[/] {counts[Verdict.HOLDS]} of {len(verdicts)} claims{others}; {checks} checks, "
        f"α = {audit.settings.alpha:g}, seed {audit.settings.seed}, {audit.seconds:.0f} s; evidence in {path}",
        highlight=False,
        soft_wrap=True,
    )
    print_calibration(console, audit)


def print_calibration(console: Console, audit: Audit) -> None:
    """One line, where decisions were replicated: the procedure and the check that erred most, beside the nominal rate."""
    from proofs_checks.calibration import table  # `normproof show` does not wait for it

    rows = table(item for found in audit.evidence.values() for item in found)
    if not rows:
        return
    parts = []
    for nominal in dict.fromkeys(row.nominal for row in rows):
        errors = [each for row in rows if row.nominal == nominal for each in (row.false_alarms, row.misses)]
        pooled, worst = (max(count.rate for count in counts) for counts in ([e.all for e in errors], [e.worst for e in errors]))
        parts.append(f"{nominal:g}: at most {pooled:.2g} by procedure, {worst:.2g} in a check")
    first = rows[0].nominal
    checks, red = (sum(getattr(row, name) for row in rows if row.nominal == first) for name in ("checks", "red"))
    console.print(
        f"{checks} checks calibrated, {red or 'none'} above nominal beyond chance; errors at a nominal rate of {', of '.join(parts)}",
        highlight=False,
        soft_wrap=True,
    )


def _print_failure(console: Console, claim: Claim, item: Evidence, module: str | None) -> None:
    """Both formulas, the residual, the step, and the command that reruns only that."""
    out = console.print
    out(f"\n[{COLOURS[item.verdict]}]{item.verdict.value}[/] {claim.id}, {item.witness.value}, {item.check}", highlight=False)
    out(f"  {item.sentence}", highlight=False, markup=False)
    for name in ("left", "right", "residual"):
        if item.details.get(name):
            out(f"  {name:<9} {item.details[name]}", highlight=False, markup=False, soft_wrap=True)
    if item.predicted is not None and item.estimate is not None:
        out(f"  stated {item.predicted:.8g}, seen {item.estimate:.8g}", highlight=False)
    rest = f" --module {module}" if module else ""
    out(f"  rerun: normproof audit {claim.id}{rest}", highlight=False, markup=False, soft_wrap=True)


def print_claim(claim: Claim) -> None:
    """A claim in plain text, its derivation step by step."""
    console = Console(file=stdout(), highlight=False)
    out = console.print
    out(f"[bold]{claim.title}[/]")
    out(f"{claim.id} · {claim.kind.value} · {claim.source.paper}, {claim.source.ref}")
    out(f"\n{claim.says}", markup=False)
    for interval in claim.domain:
        out(f"  {interval.low} < {interval.symbol} < {interval.high}", markup=False)
    for statement in claim.statements:
        out(f"\n[bold]{statement.name}[/] ({', '.join(w.value for w in WITNESSES if w in statement.witnesses)})")
        for number, (left, right, reason) in enumerate(statement.chain):
            last = number == len(statement.chain) - 1
            sign = statement.relation.value if last else "="
            if number == 0:
                out(_indent(formulas.text(left)), markup=False)
            out(f"  {sign}  [{reason}]", markup=False)
            out(_indent(formulas.text(right)), markup=False)
    for number, experiment in enumerate(claim.experiments):
        out(f"\n[bold]experiment {number + 1}[/] {type(experiment).__name__}")
        out(f"  rival: {experiment.rival.says}", markup=False)
    below = claim.foundations()
    if below:
        out(f"\nrests on {', '.join(each.id for each in below)}")


def _indent(text: str) -> str:
    return "\n".join("    " + line for line in text.splitlines())
