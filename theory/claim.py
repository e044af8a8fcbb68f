r"""Claims: statements as frozen data, with their domain, derivation, source, rival and experiment.

A claim states formulas (`Statement.stated`, typed once by hand from its source) and gives what they must
equal from the definitions (`Statement.derived`, built from integrals or by the stage algebra). The steps
lead from one to the other, each with its reason. Claims rest on other claims by reference to the objects
themselves, so their graph cannot have a cycle.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from sympy import Dummy, Expr, Float, Rational, Symbol, SympifyError, nan, oo, sympify, true, zoo

from theory import symbols as s
from theory.experiments import Experiment


class Kind(Enum):
    """What sort of thing a claim is."""

    THEOREM = "theorem"
    LEMMA = "lemma"
    FINDING = "finding"
    ASSUMPTION = "assumption"


class Relation(Enum):
    """How the derived side of a statement stands to the stated side."""

    EQUAL = "="
    GREATER = ">"


class Witness(Enum):
    """An independent way to confront a statement."""

    EXACT = "exact"
    ENCLOSED = "enclosed"
    OBSERVED = "observed"


BOTH = (Witness.EXACT, Witness.ENCLOSED)  #: tuples, not sets: a fingerprint must not depend on an order that varies
EXACT = (Witness.EXACT,)
ENCLOSED = (Witness.ENCLOSED,)


@dataclass(frozen=True)
class Source:
    """Where a claim is stated: a paper and its own reference, or `derived here`."""

    paper: str
    ref: str


PAPER = "arXiv 2505.11312"
IGB = "arXiv 2306.00809"


def derived_here(ref: str = "derived here") -> Source:
    """The source of what no paper states."""
    return Source("normproof", ref)


@dataclass(frozen=True)
class Interval:
    """A symbol ranges over (low, high), or over the integers in between if it is one.

    Raises
    ------
    ValueError
        If the interval is empty, or the symbol is assumed to be what not all numbers of the interval are: of a positive x, SymPy makes
        |x| = x before anything is decided.
    """

    symbol: Symbol
    low: Expr
    high: Expr

    def __post_init__(self) -> None:
        object.__setattr__(self, "low", sympify(self.low))
        object.__setattr__(self, "high", sympify(self.high))
        if not (self.low.is_extended_real and self.high.is_extended_real and (self.low < self.high) is true):
            raise ValueError(f"{self} is no range: its lower end is not below its upper one")
        if self.symbol.is_integer and not (
            all(end.is_integer or end.is_infinite for end in (self.low, self.high)) and self.low + 1 < self.high
        ):
            raise ValueError(f"{self} is no range of an integer: its ends are integers, with another one between them")
        borne_out = s.facts(**self._of_all)
        loose = [fact if so else f"not {fact}" for fact, so in self.symbol.assumptions0.items() if borne_out.get(fact) is not so]
        if loose:
            assumed = ", ".join(sorted(fact for fact in loose if "extended" not in fact))
            raise ValueError(f"{self}: not all of that is what the symbol {self.symbol} is assumed to be ({assumed})")

    def __str__(self) -> str:
        return f"{self.symbol} in ({self.low}, {self.high})"

    @property
    def _of_all(self) -> dict[str, bool]:
        """What is so of all its numbers, in SymPy's words."""
        whole = 1 if self.symbol.is_integer else 0  # integers above −1 are not negative
        return {
            "real": True,
            **({"integer": True} if whole else {}),
            **({"positive": True} if self.low >= 0 else {"nonnegative": True} if self.low >= -whole else {}),
            **({"negative": True} if self.high <= 0 else {"nonpositive": True} if self.high <= whole else {}),
        }

    def by_positive(self, positive: Symbol) -> Expr:
        """The symbol as a function of a positive variable, so that signs can be read off."""
        if self.high == oo:
            return self.symbol if self.low == -oo else self.low + positive
        return self.high - positive if self.low == -oo else self.low + (self.high - self.low) / (1 + positive)

    @property
    def anchor(self) -> Expr:
        """One of its numbers, at which formulas are simple."""
        if self.low < 0 < self.high:
            return sympify(0)
        if self.low == -oo:
            return self.high - 1
        return self.low + 1 if self.high == oo else (self.low + self.high) / 2

    @property
    def core(self) -> tuple[Expr, Expr]:
        """A closed interval inside, where inequalities are proved by subdivision: all but a thousandth at each end, and 1000 for infinity."""
        near = Rational(1, 1000) * (self.high - self.low if self.low.is_finite and self.high.is_finite else 1)
        low = self.low + near if self.low.is_finite else min(sympify(0), self.high) - 1000
        high = self.high - near if self.high.is_finite else max(sympify(0), self.low) + 1000
        return low, high

    def points(self) -> tuple[Expr, ...]:
        """Points inside, near the ends and away from them."""
        whole = self.symbol.is_integer
        steps = (1, 2, 7, 100) if whole else (Rational(1, 10**6), Rational(1, 3), 1, Rational(27, 10), 60)
        if self.low == -oo and self.high == oo:
            found = tuple(map(Rational, (-7, 0, 1, 100) if whole else ("-7/2", "-1/1000", "1/3", "9/4")))
        elif self.low == -oo:
            found = tuple(self.high - step for step in steps)
        elif self.high == oo or whole:
            found = tuple(self.low + step for step in steps)
        else:
            shares = (steps[0], Rational(1, 10), Rational(3, 7), Rational(5, 6), 1 - steps[0])
            found = tuple(self.low + (self.high - self.low) * share for share in shares)
        return tuple(point for point in found if self.low < point < self.high)


def sample_points(domain: tuple[Interval, ...]) -> Iterator[dict[Symbol, Expr]]:
    """Points of a product of intervals, as substitutions: every listed value of every symbol occurs."""
    columns = [interval.points() for interval in domain]
    for row in range(max(map(len, columns), default=1)):
        yield {
            interval.symbol: column[(row + shift) % len(column)]
            for shift, (interval, column) in enumerate(zip(domain, columns, strict=True))
        }


@dataclass(frozen=True)
class Step:
    """The running expression equals `becomes`, because of `reason`."""

    becomes: Expr
    reason: str


def _formula(value: object, statement: str) -> Expr:
    try:
        formula = sympify(value, strict=True)
    except SympifyError:
        formula = None
    if not isinstance(formula, Expr) or formula.has(nan, zoo):
        raise ValueError(f"statement {statement}: {value} is no formula of numbers")
    if rounded := formula.atoms(Float):
        raise ValueError(f"statement {statement}: {rounded.pop()} is rounded, and formulas are exact: write a fraction or a constant")
    return formula


@dataclass(frozen=True)
class Statement:
    """derived = step = step = … (relation) stated.

    For `Relation.GREATER` the steps rewrite derived − stated, and the last of them is manifestly positive.

    Parameters
    ----------
    name : str
        One identifier, unique within its claim.
    derived : sympy.Expr
        What the definitions give: an integral, a limit, a derivative, or the stage algebra's answer.
    stated : sympy.Expr
        What the source prints, typed by hand.
    steps : tuple of Step
        The derivation between them; empty where one simplification is the whole argument.
    witnesses : tuple of Witness
        Which of the exact and the enclosed witness are planned for it.
    reason : str
        Why the last expression stands in the relation to the stated one.
    equations : tuple of int
        Numbers of the paper's equations that it encodes.

    Raises
    ------
    ValueError
        If a side or a step is no formula, or is rounded; if a step has no reason.
    """

    name: str
    derived: Expr
    stated: Expr
    steps: tuple[Step, ...] = ()
    relation: Relation = Relation.EQUAL
    witnesses: tuple[Witness, ...] = BOTH
    reason: str = "simplification"
    equations: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for side in ("derived", "stated"):
            object.__setattr__(self, side, _formula(getattr(self, side), self.name))
        for step in self.steps:
            _formula(step.becomes, self.name)
        if not all(step.reason.strip() for step in self.steps) or not self.reason.strip():
            raise ValueError(f"every step of statement {self.name} needs a reason")

    @property
    def chain(self) -> tuple[tuple[Expr, Expr, str], ...]:
        """The derivation as links (left, right, reason): all equalities but, perhaps, the last."""
        start = self.derived if self.relation is Relation.EQUAL else self.derived - self.stated
        end = self.stated if self.relation is Relation.EQUAL else sympify(0)
        nodes = (start, *(step.becomes for step in self.steps), end)
        reasons = (*(step.reason for step in self.steps), self.reason)
        return tuple(zip(nodes[:-1], nodes[1:], reasons, strict=True))


@dataclass(frozen=True, eq=False)
class Claim:
    """A claim: what it says, for which values, on what grounds, from where, and what would contradict it.

    Two claims are the same if they are one object: the graph is one of references.

    Parameters
    ----------
    id : str
        Words joined by underscores; names the claim everywhere, its seeds included.
    title, says : str
        One line, and the statement in words (LaTeX mathematics allowed).
    kind : Kind
    source : Source
    statements : tuple of Statement
    domain : tuple of Interval
        Ranges of all free symbols.
    rests_on : tuple of Claim
        Assumptions and claims used.
    experiments : tuple of Experiment
    long : bool
        Whether an audit leaves it out unless asked for by name or with all others.

    Raises
    ------
    ValueError
        If a free symbol has no range or two, two statements share a name, or an assumption carries evidence.
    """

    id: str
    title: str
    says: str
    kind: Kind
    source: Source
    statements: tuple[Statement, ...] = ()
    domain: tuple[Interval, ...] = ()
    rests_on: tuple[Claim, ...] = ()
    experiments: tuple[Experiment, ...] = ()
    long: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.id):
            raise ValueError(f"a claim's id is words joined by underscores, not {self.id!r}")
        ranged = {interval.symbol for interval in self.domain}
        if len(ranged) < len(self.domain):
            raise ValueError(f"{self.id}: a symbol has two ranges among {', '.join(map(str, self.domain))}")
        for statement in self.statements:
            loose = {
                symbol
                for left, right, _ in statement.chain
                for symbol in (left.free_symbols | right.free_symbols) - ranged
                if not isinstance(symbol, Dummy)
            }
            if loose:
                raise ValueError(f"{self.id}: no range is given for {', '.join(sorted(map(str, loose)))} in {statement.name}")
        names = [statement.name for statement in self.statements]
        if len(set(names)) < len(names):
            raise ValueError(f"{self.id}: two statements share a name")
        evidence = bool(self.statements or self.experiments)
        if evidence == (self.kind is Kind.ASSUMPTION):
            raise ValueError(f"{self.id}: an assumption carries no evidence, and any other claim must")

    def foundations(self) -> tuple[Claim, ...]:
        """All it rests on, directly or not, foundations first."""
        seen: dict[str, Claim] = {}
        for below in self.rests_on:
            for claim in (*below.foundations(), below):
                seen.setdefault(claim.id, claim)
        return tuple(seen.values())
