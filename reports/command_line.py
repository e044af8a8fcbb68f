"""The command line: audit, predict, simulate, spectrum, report, list, show.

Exit 0: everything planned holds. 1: something fails or is undecided. 2: the call's words are off; one sentence
says what was given, what is allowed and the nearest valid name, and nothing is written.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
from click.core import ParameterSource

from proofs_checks import defaults
from reports import distributed
from reports.confined import require_intact
from reports.network_options import WEIGHTS, network_of, network_options, note_on
from reports.output import echo
from reports.words import (
    BATCH_SIZE,
    CLASSES,
    FRACTION,
    SEED,
    VARIANCE,
    Number,
    activations,
    added,
    catalogue,
    claims_added,
    find,
    find_parametrised,
    json_option,
    module_option,
    nearest,
    norms,
    positive,
)
from theory.classifier import Classifier, Where, classifier
from theory.distributions import DataSet
from theory.network import Network, Stack

if TYPE_CHECKING:
    from proofs_checks.audit import Audit, Settings
    from proofs_checks.evidence import Evidence
    from theory.claim import Claim

PICTURES = ("pdf", "png", "svg")
#: Options of an audit that say nothing beside another one.
EXCLUSIVE = {
    "twins": ("plan", "seed", "vary_seed", "resume", "calibrate", "alpha", "resolution"),
    "plan": ("vary_seed", "resume", "calibrate"),
    "vary_seed": ("seed", "resume"),
}
#: Options of a simulation that no number depends on; what a module holds is part of its code.
UNTOLD = ("as_json", "distributed", "module", "out", "resume")
KEPT = "the networks that finished are kept: the same words with --resume go on"
LAYERS = Number(int, "an integer of at least 2", lambda n: n >= 2)
ROWS = 8192  #: of the largest dual matrix that `spectrum` assembles
INTERRUPTED = 130  #: exit status of shells for Ctrl-C


def main() -> NoReturn:
    """Entry point: every error of the call becomes one sentence and exit 2."""
    status, sentence = call(sys.argv[1:])
    if sentence:
        click.echo(sentence, err=True)
    if status == INTERRUPTED:
        sys.stderr.flush()
        os._exit(status)  # not after the simulation that a thread is busy with
    sys.exit(status)


def call(words: list[str]) -> tuple[int, str]:
    """Run one command; its exit status, and the sentence that says what is wrong."""
    try:
        return cli.main(args=words, obj=words, standalone_mode=False, prog_name="normproof") or 0, ""
    except click.exceptions.Abort:
        return INTERRUPTED, "normproof: interrupted"
    except click.ClickException as error:
        return error.exit_code, "normproof: " + " ".join(error.format_message().split())


def claims_of(names: tuple[str, ...], module: str | None, long: bool) -> list[Claim]:
    """The named claims; without names, those of the module, or all but the long ones."""
    if not names:
        return [claim for claim in (claims_added(module) if module else catalogue(None).values()) if long or not claim.long]
    table = catalogue(module)
    chosen = [find("claim", name, table) for name in dict.fromkeys(names)]
    assumed = [claim.id for claim in chosen if claim.kind.value == "assumption"]
    if assumed:
        raise click.UsageError(f"{assumed[0]!r} is an assumption: it has no evidence to audit, `normproof show {assumed[0]}` prints it")
    return chosen


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="normproof")
def cli() -> None:
    """An executable audit of theorems about normalisation layers in random networks.

    Exit 0: everything planned holds. 1: something fails or is undecided. 2: the call's words are off.
    """


@cli.command()
@click.argument("claims", nargs=-1, metavar="[CLAIM]...")
@module_option
@click.option(
    "--resolution", type=FRACTION, default=defaults.RESOLUTION, show_default=True, metavar="R", help="Relative deviation of γ to be seen."
)
@click.option("--alpha", type=FRACTION, default=defaults.ALPHA, show_default=True, metavar="A", help="Error rate of the whole audit.")
@click.option("--seed", type=SEED, metavar="N", help="Seed of all simulations [default: fixed].")
@click.option(
    "--vary-seed",
    is_flag=False,
    flag_value="1",
    type=positive(),
    metavar="[K]",
    help="Draw a new seed, and print it; with a number, run as many independent audits and count those that hold.",
)
@click.option(
    "--long", is_flag=True, help="Also the claims that take minutes: gradients, other weights, and every norm with every activation."
)
@click.option(
    "--calibrate",
    is_flag=False,
    flag_value="10000",
    type=positive(),
    metavar="[R]",
    help="Also measure how often every statistical decision errs under its own null, in R replicates [10000].",
)
@click.option("--plan", is_flag=True, help="Print the checks, what they draw and resolve, and the time they take, and run nothing.")
@click.option("--twins", is_flag=True, help="Break claims and code on purpose instead, and count what the witnesses notice.")
@click.option("--resume", is_flag=True, help="Go on with the audit that was interrupted in DIR: the checks it finished are not run again.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("audit"), show_default=True, metavar="DIR")
@json_option
def audit(
    claims: tuple[str, ...],
    module: str | None,
    resolution: float,
    alpha: float,
    seed: int | None,
    vary_seed: int | None,
    long: bool,
    calibrate: int | None,
    plan: bool,
    twins: bool,
    resume: bool,
    out: Path,
    as_json: bool,
) -> int:
    """Confront claims with their witnesses; without names, all but the long ones."""
    refuse_together()
    chosen = claims_of(claims, module, long)
    if twins:
        return break_on_purpose(chosen, not claims and not module, out, as_json)
    from proofs_checks import audit as auditing

    try:
        auditing.plan(chosen, auditing.Settings(alpha, resolution))
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if plan:
        return print_plan(chosen, auditing.Settings(alpha, resolution), out, module, as_json)
    seeds = [secrets.randbelow(2**31) for _ in range(vary_seed)] if vary_seed else [defaults.SEED if seed is None else seed]
    results: list[Audit] = []
    for number in seeds:
        settings = auditing.Settings(alpha, resolution, number, calibrate or 0)
        folder = out if len(seeds) == 1 else out / f"seed-{number}"
        decided = results[0].without_chance() if results else {}  # what no seed enters is decided once
        results.append(audit_once(chosen, settings, folder, module, resume, decided, as_json))
    held = sum(result.verdict.value == "HOLDS" for result in results)
    if as_json and len(seeds) == 1:
        echo(json.dumps(results[0].to_json()))
    elif as_json:
        echo(json.dumps({"held": held, "audits": [result.to_json() for result in results]}))
    elif len(seeds) > 1:
        echo(f"{held} of {len(seeds)} independent audits hold")
    return 0 if held == len(seeds) else 1


def refuse_together() -> None:
    """One sentence where two options of an audit do not go together."""
    context = click.get_current_context()
    given = [name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    for one, others in EXCLUSIVE.items():
        if one in given and (other := next((name for name in others if name in given), None)):
            first, second = (f"--{name.replace('_', '-')}" for name in (other, one))
            raise click.UsageError(f"{first} and {second} exclude each other: give one of them")


def print_plan(claims: list[Claim], settings: Settings, out: Path, module: str | None, as_json: bool) -> int:
    """Every check that an audit would make; the times of an earlier audit in `out`, where there is one."""
    from proofs_checks import audit as auditing
    from proofs_checks.evidence import UnreadableEvidence
    from proofs_checks.recorded import read
    from proofs_checks.schedule import schedule
    from reports import terminal

    try:
        past = read(out / "evidence.json", catalogue(module)).times()
    except UnreadableEvidence:
        past = {}
    rows = schedule(auditing.plan(claims, settings), past)
    if as_json:
        words = {"alpha": settings.alpha, "resolution": settings.resolution, "seconds": sum(row.seconds for row in rows)}
        echo(json.dumps({**words, "checks": [asdict(row) for row in rows]}))
    else:
        terminal.print_plan(rows, settings)
    return 0


def break_on_purpose(claims: list[Claim], code: bool, out: Path, silent: bool) -> int:
    """Run the twins of the claims, write which witness caught which and print the table."""
    from proofs_checks import kill_matrix
    from reports import terminal

    try:
        out.mkdir(parents=True, exist_ok=True)
        with terminal.counting("breaking", silent) as show:
            matrix = kill_matrix.run(claims, code, show)
        require_intact()
        path = matrix.write(out)
    except OSError as error:
        raise click.UsageError(f"--out {str(out)!r} cannot be written: {error.strerror}") from None
    if silent:
        echo(json.dumps(matrix.to_json()))
    else:
        terminal.print_kill_matrix(matrix, path)
    return 0 if matrix.verdict.value == "HOLDS" else 1


def audit_once(
    claims: list[Claim], settings: Settings, out: Path, module: str | None, resume: bool, decided: dict[str, Evidence], silent: bool
) -> Audit:
    """Run one audit, keeping every check as it finishes; write its evidence and print its table."""
    from proofs_checks import audit as auditing
    from proofs_checks.store import CannotStore, Store
    from reports import terminal

    checks = auditing.plan(claims, settings)
    try:
        out.mkdir(parents=True, exist_ok=True)
        store = Store(out, checks, settings, resume)
        finished, before = {**decided, **store.finished()}, store.elapsed()
        if resume and not silent:
            click.echo(f"{len(finished)} of {len(checks)} checks had finished", err=True)
        start = time.perf_counter()
        with terminal.progress(len(checks), len(finished), silent) as show:

            def keep(check: auditing.Check, found: Evidence) -> None:
                require_intact()  # or --resume would go on from what a module's patches found
                store.put(check, found, before + time.perf_counter() - start)
                show(check, found)

            result = auditing.run(claims, settings, keep, finished=finished)
        result.seconds += before
        path = result.write(out)
        store.remove()
    except KeyboardInterrupt:
        click.echo("the checks that finished are kept: the same words with --resume go on", err=True)
        raise
    except CannotStore as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        raise click.UsageError(f"--out {str(out)!r} cannot be written: {error.strerror}") from None
    if not silent:
        terminal.print_audit(result, path, added("no_law", module), module)
    return result


@cli.command()
@network_options
@click.option("--classes", type=CLASSES, default=2, show_default=True, metavar="K", help="Number of classes.")
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Draw γ against depth and the class fraction's law: pdf, png or svg.",
)
@click.option(
    "--samples", type=Number(int, "an integer of at least 2", lambda n: n >= 2), metavar="n", help="Samples of a data set [default: all]."
)
def predict(**options: Any) -> None:
    """What the theory says of a network: γ, overlap and class fractions of its outputs."""
    network = network_of(options)
    if isinstance(network.inputs, DataSet):
        predict_on_data(network, network.inputs, options)
        return
    if options["samples"]:
        raise click.UsageError(
            f"--samples is {options['samples']}, but random inputs have a law: only the prediction for a data set has samples"
        )
    from proofs_checks.balls import NotEnclosed
    from proofs_checks.fixed_points import in_words
    from proofs_checks.prediction import predict as evaluate
    from theory.law import NoClosedForm

    plot = options["plot"]
    if plot and (plot.suffix[1:] not in PICTURES or options["depth"] < 1):
        raise click.UsageError(
            f"--plot is {str(plot)!r} at depth {options['depth']}: a picture ends in {', '.join(PICTURES)} and shows a depth of at least 1"
        )
    try:
        found = evaluate(network, options["depth"], options["classes"])
        if plot:
            from reports.plot import draw

            draw(network, options["depth"], plot)
    except OSError as error:
        raise click.UsageError(f"--plot {str(plot)!r} cannot be written: {error.strerror}") from None
    except (NoClosedForm, NotEnclosed) as error:
        raise click.UsageError(
            f"no prediction for {options['norm']} ({options['placement'] or 'residual ' + options['residual']}) with {options['activation']}: {error}"
        ) from None
    note_on(network)
    data = {
        "gamma": found.gamma if math.isfinite(found.gamma) else None,
        "overlap": found.overlap,
        "class_fraction": {"variance": found.variance, "mean_largest": found.mean_largest, "error_bound": found.fraction_error},
        "method": found.method,
        "error_bound": found.error_bound,
    }
    if options["as_json"]:
        echo(json.dumps({**data, "fixed_points": fixed_points_of(network)}))
        return
    accuracy = (
        f"±{found.error_bound * max(1.0, abs(found.gamma)):.1e}" if math.isfinite(found.gamma) else "exactly: all samples share one output"
    )
    echo(f"gamma                     {found.gamma:.12g}   ({accuracy}, {found.method})")
    echo(f"overlap                   {found.overlap:.12g}")
    if found.variance is None:
        echo("class fractions           none: γ < 0, which no infinite data set has")
    else:
        echo(f"class fraction variance   {found.variance:.12g}")
        echo(f"mean largest fraction     {found.mean_largest:.12g}   (both ±{found.fraction_error:.1e})")
    echo(f"fixed points of overlap   {in_words(network)}")


def fixed_points_of(network: Stack) -> list[dict[str, Any]] | None:
    """For programs: the fixed points of the overlap map; None where none are stated."""
    from proofs_checks.fixed_points import NoFixedPoints, fixed_points

    try:
        return [asdict(point) for point in fixed_points(network)]
    except NoFixedPoints:
        return None


def predict_on_data(network: Stack, dataset: DataSet, options: Mapping[str, Any]) -> None:
    """The prediction from the overlaps of all pairs of a data set's samples, beside that from their mean."""
    for name, default in (("classes", 2), ("plot", None)):
        if options[name] != default:
            raise click.UsageError(
                f"--{name} is {str(options[name])!r}, but the outputs of {dataset.value} have no known law: only γ is predicted"
            )
    from proofs_checks.pairwise import predict_on_dataset
    from theory.law import NoClosedForm

    try:
        found = predict_on_dataset(network, options["depth"], dataset, options["samples"])
    except ValueError as error:
        raise click.UsageError(f"--inputs: {error}") from None
    except NoClosedForm as error:
        raise click.UsageError(f"no prediction for {options['norm']} ({options['placement']}) on {dataset.value}: {error}") from None
    note_on(network)
    if options["as_json"]:
        unknown = {"variance": None, "mean_largest": None, "error_bound": None}
        echo(json.dumps({**asdict(found), "class_fraction": unknown, "method": "pairs of samples"}))
        return
    echo(f"gamma                     {found.gamma:.12g}   (±{found.error_bound * max(1.0, abs(found.gamma)):.1e}, all pairs of samples)")
    echo(f"overlap                   {found.overlap:.12g}")
    echo(f"gamma from mean overlap   {found.gamma_from_mean_overlap:.12g}   (two-moment theory)")
    echo(f"mean overlap of inputs    {found.input_overlap:.12g}")


@cli.command()
@network_options
@click.option("--width", required=True, type=positive(), metavar="N")
@click.option("--samples", required=True, type=positive(), metavar="n", help="Samples per network; in full batch, per batch of two.")
@click.option("--networks", required=True, type=positive(), metavar="S")
@click.option("--seed", required=True, type=SEED, metavar="N")
@click.option("--input-dimension", type=positive(), metavar="d", help="[default: the width]")
@click.option(
    "--sampler",
    default="weights",
    show_default=True,
    metavar="weights|gram",
    help="How a layer is drawn: all its weights, or what Gaussian weights imply given the layer below, n·N numbers in place of N·N.",
)
@click.option(
    "--control-variates",
    is_flag=True,
    help="Take from each network's γ what chance is known to have added to it: a smaller standard error, and the same expectation.",
)
@click.option(
    "--weights", default="gaussian", show_default=True, metavar="NAME", help=f"What weights are drawn from: {', '.join(WEIGHTS)}."
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep networks as they are drawn in DIR, and write simulation.json there.",
)
@click.option(
    "--resume", is_flag=True, help="Go on with the simulation that was interrupted in DIR: networks it had drawn are not drawn again."
)
@click.option(
    "--distributed",
    is_flag=True,
    help="Share the networks with the other processes of JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID, "
    "or of the cluster that JAX detects; process 0 prints.",
)
def simulate(**options: Any) -> int:
    """γ of random networks, with its standard error over networks.

    All local devices draw networks. How many there are, and how many processes, changes no digit.
    """
    network = network_of(options)
    if options["depth"] < 1:
        raise click.UsageError("--depth is 0, but a simulated network has at least one hidden layer, or block")
    if not 0 <= network.input_overlap < 1:
        raise click.UsageError(
            f"--input-overlap is {options['input_overlap']}, but simulated inputs share a part and have one of their own: from 0 to below 1"
        )
    if options["batch_size"] and options["samples"] % options["batch_size"]:
        raise click.UsageError(f"--batch-size {options['batch_size']} does not divide --samples {options['samples']}")
    if options["input_dimension"] and isinstance(network.inputs, DataSet):
        raise click.UsageError(
            f"--input-dimension is {options['input_dimension']}, but {network.inputs.value} have a dimension of their own"
        )
    if options["resume"] and options["out"] is None:
        raise click.UsageError("--resume goes on with networks that are kept in a folder: it needs --out DIR")
    if not options["distributed"]:
        return simulate_here(network, options, None)
    if options["module"]:
        raise click.UsageError(
            "--distributed and --module exclude each other: a package installed on all hosts adds the same to all processes"
        )
    place = distributed.place(os.environ)
    if distributed.watched():
        return simulate_here(network, options, place)
    return distributed.watch(click.get_current_context().find_root().obj, KEPT if options["out"] else "nothing is kept without --out DIR")


def simulate_here(network: Stack, options: Mapping[str, Any], place: Mapping[str, Any] | None) -> int:
    """Draw networks, all of them or, with a `place` among several processes, this one's; print what all found."""
    from numerics.ensemble import NotFinite, Sampler
    from numerics.hosts import Hosts, NotJoined, joined
    from numerics.parts import CannotKeep, Parts
    from numerics.prejudice import simulate as run
    from numerics.sharing import Sharing, sharing
    from proofs_checks.evidence import write_whole

    sampler = find("sampler", options["sampler"], {each.value: each for each in Sampler})
    out, parts = options["out"], None
    try:
        with contextlib.nullcontext(Hosts()) if place is None else joined(**place) as hosts:
            distributed.say(distributed.JOINED)
            words = identity(network, options) if out or place is not None else {}
            hosts.agree({**words, "out": bool(out)})
            if out:
                out.mkdir(parents=True, exist_ok=True)
                parts = Parts(out, words, options["resume"], hosts)
                if options["resume"] and hosts.number == 0 and not options["as_json"]:
                    click.echo(f"{parts.networks} networks had been drawn", err=True)
            with sharing(Sharing(hosts, parts, require_intact)):
                found = run(
                    network,
                    width=options["width"],
                    depth=options["depth"],
                    samples=options["samples"],
                    networks=options["networks"],
                    seed=options["seed"],
                    input_dimension=options["input_dimension"] or 0,
                    sampler=sampler,
                    control_variates=options["control_variates"],
                )
            if hosts.number == 0:
                if out:
                    require_intact()
                    write_whole(found, out / "simulation.json")
                print_simulation(network, found, options["as_json"])
            distributed.say(distributed.ANSWERED)
    except KeyboardInterrupt:
        if parts:
            click.echo(KEPT, err=True)
        raise
    except NotJoined as error:
        raise click.UsageError(f"--distributed: {error}") from None
    except (ValueError, NotFinite, CannotKeep) as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        raise click.UsageError(f"--out {str(out)!r} cannot be written: {error.strerror}") from None
    if parts:
        parts.remove()
    return 0


def identity(network: Stack, options: Mapping[str, Any]) -> dict[str, Any]:
    """All that determines the numbers of a simulation: its words, the device, code and versions."""
    from numerics.kernel import devices
    from proofs_checks.evidence import fingerprint_of

    words = {name.replace("_", "-"): value for name, value in options.items() if name not in UNTOLD}
    return {**words, "device": devices()[0].device_kind, "code": fingerprint_of(network, network.stages)}


def print_simulation(network: Stack, found: Mapping[str, Any], as_json: bool) -> None:
    """What all networks found."""
    note_on(network)
    if as_json:
        echo(json.dumps(found))
        return
    uncertainty = "unknown, from one network" if found["standard_error"] is None else f"{found['standard_error']:.6g}"
    echo(f"gamma            {found['gamma']:.8g}")
    left = found["variance_left"]
    echo(f"standard error   {uncertainty}" + ("" if left is None else f"   (control variates left {left:.1%} of the variance)"))
    echo(f"{found['networks']} networks of width {found['width']}, {found['samples']} samples each, seed {found['seed']}")
    echo(f"{found['seconds']:.2f} s drawing and estimating, {found['compile_seconds']:.2f} s compiling")


@cli.command()
@click.option("--norm", required=True, metavar="NAME", help="One that `normproof list norms` names, or one of --module.")
@click.option(
    "--where", required=True, metavar="none|last|hidden", help="On the outputs, before the activation of every hidden layer, or nowhere."
)
@click.option("--depth", required=True, type=LAYERS, metavar="L", help="Number of dense layers, the last included.")
@click.option("--width", required=True, type=LAYERS, metavar="M", help="Units of every hidden layer, and of the inputs.")
@click.option("--samples", required=True, type=BATCH_SIZE, metavar="T", help="Samples of the Fisher information, and of its one batch.")
@click.option("--outputs", required=True, type=positive(), metavar="C")
@click.option("--activation", default="relu", show_default=True, metavar="NAME", help="One that `normproof list activations` names.")
@click.option("--weight-variance", type=positive(float), default=2.0, show_default=True, metavar="S")
@click.option("--bias-variance", type=VARIANCE, default=0.0, show_default=True, metavar="S")
@click.option("--networks", type=positive(), default=4, show_default=True, metavar="N")
@click.option("--seed", type=SEED, default=1, show_default=True, metavar="N")
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Draw the largest eigenvalue against the width with its bounds, and all eigenvalues: pdf, png or svg.",
)
@module_option
@json_option
def spectrum(**options: Any) -> None:
    """The Fisher information of random networks: its spectrum, and what is stated of it."""
    model, where = classifier_of(options)
    plot = options["plot"]
    from numerics.ensemble import NotFinite
    from proofs_checks.last_layer import NotRead
    from proofs_checks.spectrum import see

    try:
        found = see(model, where, options["width"], options["samples"], options["networks"], options["seed"], ladder=plot is not None)
        if plot:
            from reports.spectrum import draw

            draw(found, f"{options['norm']} ({where.value}), {options['activation']}", plot)
    except OSError as error:
        raise click.UsageError(f"--plot {str(plot)!r} cannot be written: {error.strerror}") from None
    except (ValueError, NotFinite, NotRead) as error:
        raise click.UsageError(str(error)) from None
    behaviour = found.behaviour
    if options["as_json"]:
        data = {name: value for name, value in asdict(found).items() if name != "behaviour"}
        echo(json.dumps({**data, "growth": behaviour and behaviour.growth.value, "reason": behaviour and behaviour.reason}))
        return
    uncertainty = "unknown, from one network" if found.standard_error is None else f"±{found.standard_error:.3g}"
    echo(f"largest eigenvalue   {found.largest:.6g}   ({uncertainty})")
    for name in ("lower", "upper"):
        if (bound := getattr(found, name)) is not None:
            echo(f"{name} bound          {bound:.6g}")
    echo(f"mean eigenvalue      {found.mean:.6g}")
    echo(f"second moment        {found.second_moment:.6g}")
    echo(f"rank                 {found.rank} of {found.samples * found.outputs}")
    if found.kappa_1 is None:
        echo(f"order parameters     none: {found.no_law}")
    else:
        echo(f"kappa_1, kappa_2     {found.kappa_1:.10g}, {found.kappa_2:.10g}")
    if behaviour:
        centred = "; this network has no outliers, as κ_2 = 0" if found.kappa_2 == 0 else ""
        echo(f"as the width grows   {behaviour.growth.value}: {behaviour.reason}{centred}")
    echo(f"{found.networks} networks of width {found.width}, {found.parameters} parameters, seed {found.seed}")


def classifier_of(options: Mapping[str, Any]) -> tuple[Classifier, Where]:
    """The network with outputs that `spectrum` describes, and where its norm stands."""
    module, plot = options["module"], options["plot"]
    norm = find_parametrised("norm", options["norm"], norms(module))
    where = find("place", options["where"], {each.value: each for each in Where})
    activation = find_parametrised("activation", options["activation"], activations(module))
    samples, outputs = options["samples"], options["outputs"]
    if plot and plot.suffix[1:] not in PICTURES:
        raise click.UsageError(f"--plot is {str(plot)!r}, but a picture ends in {', '.join(PICTURES)}")
    if samples * outputs > ROWS:
        raise click.UsageError(
            f"--samples {samples} with --outputs {outputs} make a matrix of {samples * outputs} rows, but must be at most {ROWS}"
        )
    unit = ("--outputs", outputs) if where is Where.LAST else ("--width", options["width"])
    for stage in norm.stages if where is not Where.NONE else ():
        for (name, size), reason in ((("--samples", samples), stage.refuses_batch(samples)), (unit, stage.refuses_width(unit[1]))):
            if reason:
                raise click.UsageError(f"{name} is {size}, which does not do for {norm.name}: {reason}")
    try:
        plain = Network(activation=activation, weight_variance=options["weight_variance"], bias_variance=options["bias_variance"])
        return classifier(norm, where, options["depth"], outputs, plain), where
    except ValueError as error:
        raise click.UsageError(str(error)) from None


@cli.command()
@click.argument("claims", nargs=-1, metavar="[CLAIM]...")
@module_option
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("audit"), show_default=True, metavar="DIR")
@click.option("--format", "form", default="pdf", show_default=True, metavar="pdf|tex")
def report(claims: tuple[str, ...], module: str | None, out: Path, form: str) -> int:
    """A LaTeX report of the evidence in DIR; no check runs again."""
    if form not in ("pdf", "tex"):
        raise nearest("format", form, ("pdf", "tex"))
    from proofs_checks import kill_matrix
    from proofs_checks.evidence import UnreadableEvidence
    from proofs_checks.recorded import read
    from reports import latex

    table = catalogue(module)
    chosen = [find("claim", name, table).id for name in claims]
    try:
        result = read(out / "evidence.json", table)
        matrix = kill_matrix.read(out)
    except UnreadableEvidence as error:
        raise click.UsageError(str(error)) from None
    missing = [id for id in chosen if id not in {claim.id for claim in result.claims}]
    if missing:
        raise click.UsageError(f"{missing[0]!r} was not audited in {str(out)!r}: run `normproof audit {missing[0]} --out {out}` first")
    source = latex.write_sources(result, out, set(chosen) or None, matrix)
    echo(str(source))
    if form == "pdf":
        try:
            echo(latex.compile_pdf(source))
        except latex.CompilationFailed as error:
            click.echo(f"normproof: {error}", err=True)
            return 1
    return 0 if result.verdict.value == "HOLDS" else 1


@cli.command(name="list")
@click.argument("what", metavar="claims|norms|activations")
@module_option
@json_option
def list_(what: str, module: str | None, as_json: bool) -> None:
    """Name the claims, norms or activations."""
    tables: dict[str, Callable[[], list[dict[str, str]]]] = {
        "claims": lambda: [
            {"id": claim.id, "kind": claim.kind.value, "title": claim.title, "source": f"{claim.source.paper}, {claim.source.ref}"}
            for claim in catalogue(module).values()
        ],
        "norms": lambda: [{"id": norm.name, "title": " → ".join(map(str, norm.stages)) or "nothing"} for norm in norms(module).values()],
        "activations": lambda: [{"id": each.name, "title": str(each.stage)} for each in activations(module).values()],
    }
    rows = find("list", what, tables)()
    if as_json:
        echo(json.dumps(rows))
        return
    width = max(len(row["id"]) for row in rows)
    for row in rows:
        echo(f"{row['id']:<{width}}  {row['title']}")


@cli.command()
@click.argument("claim")
@module_option
def show(claim: str, module: str | None) -> None:
    """A claim: what it says, its derivation, what it rests on and what would contradict it."""
    found = find("claim", claim, catalogue(module))
    from reports import terminal

    terminal.print_claim(found)


if __name__ == "__main__":
    main()
