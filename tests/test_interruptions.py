"""An audit that is killed, runs out of disk or is interrupted keeps its finished checks, and ends up with the evidence of one that was not."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import psutil
import pytest
from tiers import tiered

from proofs_checks import audit as auditing
from proofs_checks.audit import Settings, plan
from proofs_checks.evidence import Verdict
from proofs_checks.store import NAME, CannotStore, Store
from proofs_checks.worker import Worker
from theory.catalogue import CLAIMS
from theory.claim import Witness

NAMES = ("rectified_moments_scale", "class_fraction_law", "leave_one_out_estimators")
CHOSEN = [CLAIMS[name] for name in NAMES]
QUICK = [CLAIMS["class_fraction_limits"], CLAIMS["lyapunov_implies_lindeberg"], CLAIMS["prejudice_grows_with_depth"]]
PROGRAM = "from reports.command_line import main; main()"
#: No file of this process may grow beyond 24 KiB: as on a full disk, writing fails in the middle of the audit.
FULL_DISK = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (24 * 1024, 24 * 1024)); {PROGRAM}"


def untimed(value):
    """Evidence without the seconds it took, and without the digest that covers them."""
    if isinstance(value, dict):
        return {name: untimed(each) for name, each in value.items() if name not in ("seconds", "digest")}
    return [untimed(each) for each in value] if isinstance(value, list) else value


def evidence_in(folder):
    return untimed(json.loads((folder / "evidence.json").read_text(encoding="utf-8")))


def differences(found, expected, where=""):
    """Where two pieces of evidence differ, and how."""
    if isinstance(found, dict) and isinstance(expected, dict) and found.keys() == expected.keys():
        return [each for name in found for each in differences(found[name], expected[name], f"{where}/{name}")]
    if isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        return [each for number, pair in enumerate(zip(found, expected, strict=True)) for each in differences(*pair, f"{where}/{number}")]
    return [] if found == expected else [f"{where}: {found!r}, not {expected!r}"]


def command(folder, *words, program=PROGRAM):
    call = (sys.executable, "-c", program, "audit", *NAMES, "--out", str(folder), *words)
    return subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def end_of(process):
    """Exit status, and what was said on the way."""
    said = process.communicate()[1]
    return process.returncode, said


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    start = time.monotonic()
    code, said = end_of(command(folder))
    assert code == 0, said
    assert [path.name for path in folder.iterdir()] == ["evidence.json"]
    return evidence_in(folder), time.monotonic() - start


@pytest.mark.parametrize("kills", tiered((1, 50), (1,)))
def test_killed_at_random_moments_it_resumes_to_the_same_evidence(kills, uninterrupted, tmp_path):
    """One audit after another: each is killed until it comes through, or until the kills are used up."""
    expected, seconds = uninterrupted
    moments = random.Random(kills)
    folder, number, kept = tmp_path / "0", 0, []
    for _ in range(kills):
        process = command(folder, *(["--resume"] if folder.exists() else []))
        try:
            process.wait(moments.uniform(0.2, 1.0) * seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(moments.choice([signal.SIGKILL, signal.SIGINT]))
        code, said = end_of(process)
        assert code in (0, -signal.SIGKILL, -signal.SIGINT, 130), said
        if code == 0:
            assert differences(evidence_in(folder), expected) == []
            number += 1
            folder = tmp_path / str(number)
            continue
        left = {path.name for path in folder.glob("*")}
        assert left <= {NAME, f"{NAME}-journal", "evidence.json"}
        if "evidence.json" in left:  # killed after it was written
            assert differences(evidence_in(folder), expected) == []
        if (folder / NAME).exists():
            store = Store(folder, plan(CHOSEN, Settings()), Settings(), resume=True)
            kept.append(len(store.finished()))
            store.close()
    print(f"{kills} kills; checks kept after each that left some unfinished: {kept}; {number} audits came through")
    assert any(kept) or kills < 10, "a machine with other work may kill a few audits before their first check, but not all of many"
    if folder.exists():
        code, said = end_of(command(folder, "--resume"))
        assert code == 0, said
        assert differences(evidence_in(folder), expected) == []
        assert [path.name for path in folder.iterdir()] == ["evidence.json"]


@pytest.mark.long
def test_a_full_disk_is_one_sentence_and_nothing_is_lost(uninterrupted, tmp_path):
    code, said = end_of(command(tmp_path, program=FULL_DISK))
    assert code == 2 and "cannot be written" in said and "Traceback" not in said, said
    assert not (tmp_path / "evidence.json").exists()
    code, said = end_of(command(tmp_path, "--resume"))
    assert code == 0, said
    assert int(said.split(" of ")[0].split()[-1]) > 0, said
    assert differences(evidence_in(tmp_path), uninterrupted[0]) == []


@pytest.mark.parametrize("after", [1, 5])
def test_what_finished_is_not_run_again(after, tmp_path, monkeypatch):
    store = Store(tmp_path, plan(QUICK, Settings()), Settings())

    def until(check, found):
        if len(store.finished()) == after:
            raise CannotStore("no room")
        store.put(check, found, 1.5)

    with pytest.raises(CannotStore):
        auditing.run(QUICK, Settings(), until)
    store.close()
    again = Store(tmp_path, plan(QUICK, Settings()), Settings(), resume=True)
    finished = again.finished()
    assert len(finished) == after and again.elapsed() == 1.5
    ran = []
    result = auditing.run(QUICK, Settings(), lambda check, found: ran.append(check.id), finished=finished)
    assert len(ran) == len(plan(QUICK, Settings())) - after and not set(ran) & set(finished)
    assert untimed(result.to_json()) == untimed(auditing.run(QUICK, Settings()).to_json())
    again.remove()
    assert list(tmp_path.iterdir()) == []


def test_any_number_of_processes_decides_the_same(monkeypatch):
    one = auditing.run(QUICK, Settings())
    monkeypatch.setattr(auditing, "EXACT_WORKERS", 3)
    assert differences(untimed(auditing.run(QUICK, Settings()).to_json()), untimed(one.to_json())) == []


def test_any_number_of_processes_simulates_the_same(monkeypatch):
    """And a claim that is not the catalogue's own is simulated here: its code may be nowhere else."""
    claims, coarse = [CLAIMS["max_pooling"], CLAIMS["batch_standardised_gaussian"]], Settings(alpha=1e-3, resolution=0.2)
    elsewhere, simulated_elsewhere = [], auditing._simulated_elsewhere

    def watched(*given):
        for check, item in simulated_elsewhere(*given):
            elsewhere.append(check.claim)
            yield check, item

    monkeypatch.setattr(auditing, "_simulated_elsewhere", watched)
    monkeypatch.setattr(auditing, "SIMULATORS", 2)
    two = auditing.run(claims, coarse)
    assert elsewhere in (
        [claim] * len(claim.experiments[0].depths if claim.id == "max_pooling" else claim.experiments[0].batches) for claim in claims
    )
    elsewhere.clear()
    own = [replace(claim) for claim in claims]
    here = auditing.run(own, coarse)
    assert elsewhere == [] and here.verdict is Verdict.HOLDS
    assert differences(untimed(two.to_json()["claims"]), untimed(replace(here, claims=claims).to_json()["claims"])) == []


def test_where_an_accelerator_draws_one_process_simulates(monkeypatch):
    monkeypatch.setattr(auditing, "SIMULATORS", 3)
    assert [auditing.simulators(CHOSEN, groups) for groups in range(5)] == [1, 1, 2, 3, 3]
    monkeypatch.setattr("jax.default_backend", lambda: "gpu")
    assert auditing.simulators(CHOSEN, 4) == 1


@pytest.mark.parametrize("given", ["", "3"])
def test_processes_that_simulate_share_the_cores(given):
    """XLA's threads are counted where Linux names them; what comes after is told nothing."""
    said = """
import os
from pathlib import Path
from numerics import threads
before = os.environ.get("NPROC")
threads.use(2)
import jax
jax.jit(lambda x: x @ x)(jax.numpy.ones((300, 300))).block_until_ready()
assert os.environ.get("NPROC") == before
print(sum(each.read_text().startswith("tf_XLAEigen") for each in Path("/proc/self/task").glob("*/comm")))
"""
    if not Path("/proc/self/task").exists():
        pytest.skip("threads are named in /proc, which this system does not have")
    environment = {name: value for name, value in os.environ.items() if name != "NPROC"} | ({"NPROC": given} if given else {})
    run = subprocess.run(
        [sys.executable, "-c", said], env=environment, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True
    )
    assert int(run.stdout) == int(given or 2)


def test_checks_that_share_draws_go_to_one_process():
    simulations = [check for check in plan(CLAIMS.values(), Settings()) if check.witness is Witness.OBSERVED]
    groups = auditing.together(simulations)
    assert Counter(check.id for group in groups for check in group) == Counter(check.id for check in simulations)
    assert len(groups) > 30 and [len(group) for group in groups] == sorted(map(len, groups), reverse=True)
    of = {check.id: number for number, group in enumerate(groups) for check in group}
    for one, other in combinations(simulations, 2):
        if one.subject is other.subject or getattr(one.subject, "network", 1) == getattr(other.subject, "network", 2):
            assert of[one.id] == of[other.id]


def _one_and_out(connection):
    """Serves the first check of a group, and ends its process."""
    (check, *_), settings = connection.recv()
    connection.send(auditing.run_check(check, settings))
    os._exit(1)


def test_what_a_process_leaves_when_it_ends_is_undecided():
    planned = plan([CLAIMS["batch_standardised_gaussian"]], Settings(alpha=1e-3))
    checks = [check for check in planned if check.witness is Witness.OBSERVED][:3]
    with Worker(_one_and_out) as worker:
        found = list(auditing._simulated_elsewhere(iter([checks[:2], checks[2:]]), Settings(), worker))
    assert [check for check, _ in found] == checks
    assert [item.verdict for _, item in found] == [Verdict.HOLDS, Verdict.UNDECIDED, Verdict.HOLDS]
    assert found[1][1].sentence == "the process that simulates it ended"


def _busy(connection):
    connection.send("busy")
    time.sleep(600)


def test_a_process_does_not_outlive_one_that_is_killed():
    program = "from test_interruptions import _busy, Worker; w = Worker(_busy); w.ready().recv(); print(w._process.pid, flush=True); w.ready().recv()"
    owner = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.path.dirname(__file__)}
    )
    child = psutil.Process(int(owner.stdout.readline()))
    owner.kill()
    owner.communicate()
    gone, alive = psutil.wait_procs([child], timeout=20)
    assert gone and not alive


@pytest.mark.parametrize(
    ("settings", "claims", "sentence"),
    [
        (Settings(seed=7), QUICK, "seed is 250511312 there, 7 here"),
        (Settings(alpha=1e-3), QUICK, "α is 1e-06 there, 0.001 here"),
        (Settings(resolution=0.1), QUICK, "resolution is 0.01 there, 0.1 here"),
        (Settings(replicates=100), QUICK, "the number of replicates is 0 there, 100 here"),
        (Settings(), QUICK[:1], "it has other claims or checks"),
    ],
)
def test_another_audit_is_not_resumed(settings, claims, sentence, tmp_path):
    Store(tmp_path, plan(QUICK, Settings()), Settings()).close()
    with pytest.raises(CannotStore, match=sentence):
        Store(tmp_path, plan(claims, settings), settings, resume=True)


def test_evidence_of_other_code_is_not_resumed(tmp_path, monkeypatch):
    checks = plan(QUICK, Settings())
    store = Store(tmp_path, checks, Settings())
    auditing.run(QUICK, Settings(), lambda check, found: store.put(check, found, 1.0), only={checks[0].id})
    assert list(store.finished()) == [checks[0].id]
    monkeypatch.setattr("proofs_checks.store.fingerprint", lambda claim: "of other code")
    assert store.finished() == {}


def test_two_audits_do_not_write_to_one_folder(tmp_path):
    first = Store(tmp_path, plan(QUICK, Settings()), Settings())
    with pytest.raises(CannotStore, match="another audit is writing to"):
        Store(tmp_path, plan(QUICK, Settings()), Settings())
    first.close()


@pytest.mark.parametrize("content", [b"no database at all, and long enough to be taken for one" * 40, b"{}"])
def test_a_file_that_is_no_store_is_refused(content, tmp_path):
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(CannotStore, match="cannot be used"):
        Store(tmp_path, plan(QUICK, Settings()), Settings(), resume=True)


@pytest.mark.parametrize(
    "edit", ["UPDATE finished SET evidence = replace(evidence, 'UNDECIDED', 'HOLDS')", "UPDATE finished SET evidence = '{}'"]
)
def test_a_hand_edited_store_is_refused(edit, tmp_path):
    checks = plan(QUICK, Settings())
    store = Store(tmp_path, checks, Settings())
    auditing.run(
        QUICK, Settings(), lambda check, found: store.put(check, replace(found, verdict=Verdict.UNDECIDED), 1.0), only={checks[0].id}
    )
    store.close()
    with sqlite3.connect(tmp_path / NAME) as database:
        database.execute(edit)
    database.close()
    store = Store(tmp_path, checks, Settings(), resume=True)
    with pytest.raises(CannotStore, match=r"was changed after|cannot be read"):
        store.finished()
    store.close()
