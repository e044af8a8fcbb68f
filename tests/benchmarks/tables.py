"""Where results go: `results.json` for programs, `results.md` for readers, and the sentence of README.md that quotes them."""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
STEMS = {"cpu": "results", "cuda": "results_gpu"}  #: of the files, by device
WRITTEN = ("README.md", *(f"tests/benchmarks/{stem}.{kind}" for stem in STEMS.values() for kind in ("json", "md")))
BUSY = 0.05  #: share of the processors' time that goes to other work, above which no ratio is quoted
QUOTED = re.compile(r"(?<=<!-- make bench -->\n).*?(?=\n<!-- end -->)", re.DOTALL)


@dataclass(frozen=True)
class Table:
    """One section of the results: what its rows mean is said above them."""

    title: str
    says: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def markdown(self) -> str:
        lines = [self.columns, tuple("---" for _ in self.columns), *self.rows]
        return f"## {self.title}\n\n{self.says}\n\n" + "\n".join(f"| {' | '.join(map(cell, line))} |" for line in lines)


def cell(value: Any) -> str:
    """Three significant digits; no decimals where there are more before the point."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def two_digits(value: float) -> str:
    """Two significant digits, for prose."""
    return f"{float(f'{value:.2g}'):,.0f}"


def sentence(results: dict[str, Any]) -> str:
    """What README.md says: ratios only, and none that was taken beside other work."""
    found, others = results["headline"], results["others"]
    if others > BUSY:
        # Threads that wait for each other suffer from other work more than others do: then not even ratios hold.
        return (
            f"No ratio is quoted yet: in the last run other work took {others:.0%} of the processors' time. What it measured is in\n"
            "`tests/benchmarks/results.md`."
        )
    loop, vmap = (f"{two_digits(found[name]['value'])} (± {found[name]['error']:.0%})" for name in ("loop", "vmap"))
    bare = f"{found['roofline']['value']:.0%} (± {found['roofline']['error']:.0%})"
    return (
        f"γ behind five layers of layer norm → ReLU to {found['target']:.0%}, finite-width bias included and compilation excluded on both sides: a loop\n"
        f"over networks in PyTorch that reads outputs takes {loop} times as long as `simulate --sampler gram --control-variates`, and `torch.func.vmap` {vmap}.\n"
        f"Random draws and matrix products alone take {bare} of the time of the sampler that draws all weights. Side by side in one run;\n"
        "the other side's time to that accuracy is variance × time per network, which the run checks where it is short. All tables:\n"
        "`tests/benchmarks/results.md`."
    )


def markdown(results: dict[str, Any]) -> str:
    """The tables, under a line on what they were measured on."""
    on, versions = results["machine"], ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    head = (
        "# Benchmarks\n\nMade by `make bench`; not to be edited.\n\n"
        f"{results['date']}, commit {results['commit']}, on {results['device']}: {on['processor']}, {on['cores']} cores, {on['memory_gib']} GiB, "
        f"{on['system']}; {versions}. The run took {results['seconds']:.0f} s, in which other work took {results['others']:.0%} of the processors' time"
        " (where that is much, times are worth little). ± is one standard error, relative where it is in per cent."
    )
    return "\n\n".join([head, *(Table(**table).markdown() for table in results["tables"])]) + "\n"


def edited() -> list[str]:
    """Files of the working tree that differ from its commit, but for those written here."""
    lines = _git("status", "--porcelain").splitlines()
    return [line[3:] for line in lines if line[3:] not in WRITTEN]


def commit() -> str:
    return _git("rev-parse", "--short", "HEAD").strip()


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def write(results: dict[str, Any]) -> None:
    """Results, and what quotes them: README.md has those of processors."""
    stem = STEMS[results["device"]]
    (HERE / f"{stem}.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (HERE / f"{stem}.md").write_text(markdown(results), encoding="utf-8")
    if results["device"] == "cpu":
        readme = ROOT / "README.md"
        readme.write_text(QUOTED.sub(lambda _: sentence(results), readme.read_text(encoding="utf-8")), encoding="utf-8")
