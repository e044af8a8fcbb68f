"""The README's picture: the table of a recorded audit, as a terminal shows it."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich.console import Console

from proofs_checks.recorded import read
from reports.terminal import print_summary, verdict_table
from theory.catalogue import CLAIMS


def draw(evidence: Path, picture: Path) -> None:
    """Write an SVG of the audit recorded in a folder."""
    audit = read(evidence / "evidence.json", CLAIMS)
    console = Console(record=True, width=160, file=io.StringIO())
    console.print(verdict_table(audit))
    print_summary(console, audit, Path(evidence.name) / "evidence.json")  # nobody else has the folders above
    drawing = console.export_svg(title="normproof audit", unique_id="normproof")
    without_web_fonts = re.sub(r"@font-face \{.*?\}\s*", "", drawing, flags=re.DOTALL)
    picture.write_text(without_web_fonts, encoding="utf-8")


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
