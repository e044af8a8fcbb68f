r"""The dual Fisher information by layers and by differentiation: one matrix, of the stated rank."""

from __future__ import annotations

from functools import cache

import numpy as np
from sympy import Expr, sympify

from numerics import keys
from numerics.fisher import Paths, Sample, both_paths
from proofs_checks.design import Design
from proofs_checks.evidence import Verdict
from proofs_checks.finding import Finding, Need
from theory import symbols as s
from theory.classifier import Classifier
from theory.experiments import GramIdentity

NETWORKS = 4
UNIT = 2.0**-53


def _name(model: Classifier) -> str:
    return f"gram_{model.last.name}"


def checks(experiment: GramIdentity) -> tuple[str, ...]:
    """One for each network."""
    return tuple(map(_name, experiment.models))


def needs(experiment: GramIdentity, name: str, design: Design) -> Need:
    """An identity: rounding alone is allowed."""
    return Need(f"{NETWORKS} networks of width {experiment.width} on {experiment.samples} samples", None)


def run(experiment: GramIdentity, name: str, design: Design, seed: int, stream: str) -> Finding:
    r"""Entries agree, and as many eigenvalues as stated are not zero, up to rounding.

    In double precision an entry is a sum of at most P products over parameters, each carried by the norm's Jacobian from either side through at
    most CT terms: it errs by at most $P\,CT\,2^{-53}$ of the largest entry before the norm, over the square of what the norm divides by. An eigenvalue errs
    by CT times as much.
    """
    which = checks(experiment).index(name)
    found = _drawn(experiment, which, seed, stream)
    model = experiment.models[which]
    size = experiment.samples * model.outputs
    allowed = UNIT * model.parameters(experiment.width) * size * np.asarray(found.scale)
    apart = float(np.max(np.asarray(found.apart) / allowed))
    ranks = (np.asarray(found.eigenvalues) > (size * allowed)[:, None]).sum(axis=1)
    stated, rival = (stated_rank(formula, model, experiment.samples) for formula in (experiment.ranks[which], experiment.rival.instead))
    agrees = apart <= 1 and bool(np.all(ranks == stated))
    rejected = bool(np.all(ranks != rival))
    return Finding(
        Verdict.of(agrees=agrees, conclusive=rejected),
        f"by layers and by differentiation {float(np.max(np.asarray(found.apart) / np.asarray(found.scale))):.1e} apart, relatively (rounding "
        f"{float(np.max(allowed / np.asarray(found.scale))):.1e}), rank {'/'.join(map(str, sorted(set(ranks.tolist()))))} of {size}, stated {stated:g}; rival {rival:g} "
        + ("rejected" if rejected else "not rejected"),
        estimate=float(ranks[0]),
        predicted=stated,
        resolution=float(np.max(allowed / np.asarray(found.scale))),
        rival={"says": experiment.rival.says, "predicted": rival, "rejected": rejected},
        details={"samples": experiment.samples, "outputs": model.outputs, "apart": float(np.max(found.apart))},
    )


def stated_rank(formula: object, model: Classifier, samples: int) -> float:
    """At these sizes; not rounded, for a rank that is no whole number is wrong."""
    assert isinstance(formula, Expr | int)
    return float(sympify(formula).subs({s.C: model.outputs, s.T: samples}))


@cache
def _drawn(experiment: GramIdentity, which: int, seed: int, stream: str) -> Paths:
    key = keys.stream(seed, stream, "two paths")
    return both_paths(experiment.models, which, Sample(experiment.width, experiment.samples), key, NETWORKS)
