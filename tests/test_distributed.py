"""One simulation on several devices, by several processes, in several sittings: the same digits; and what becomes of it when one is lost."""

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import click
import jax
import numpy as np
import pytest

from numerics import keys
from numerics.ensemble import Sampler, Size, controlled_moments, moments, moments_within
from numerics.hosts import HEARTBEAT, Hosts
from numerics.parts import CannotKeep, Parts
from numerics.prejudice import simulate
from numerics.sharing import Sharing, sharing
from reports import confined, distributed
from reports.command_line import call
from theory.network import Network, Placement
from theory.norms import BatchNorm, LayerNorm

ROOT = Path(__file__).parents[1]
PROGRAM = "from reports.command_line import main; main()"
NETWORK = Network(LayerNorm, Placement.POST)
SIZES = {"width": 512, "depth": 3, "samples": 16, "networks": 160, "seed": 1}
WORDS = ["simulate", "--norm", "layer_norm", "--placement", "post", *(word for name, n in SIZES.items() for word in (f"--{name}", str(n)))]


@pytest.fixture(scope="module")
def alone():
    """γ and its standard error, in one go on one device."""
    return digits(simulate(NETWORK, **SIZES))


def digits(found):
    return found["gamma"], found["standard_error"]


def started(count, *words, devices=1):
    """That many processes of one simulation; the coordinator listens on the loopback address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    place = {"JAX_COORDINATOR_ADDRESS": address, "JAX_COORDINATOR_BIND_ADDRESS": address, "JAX_NUM_PROCESSES": str(count)}
    flags = {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"}
    return [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *WORDS, "--distributed", *words],
            cwd=ROOT,
            env={**os.environ, **flags, **place, "JAX_PROCESS_ID": str(number)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(count)
    ]


# Devices

ON_DEVICES = """
import json, sys
import jax
from tests.test_distributed import measured
print(json.dumps([jax.local_device_count(), [leaf.tobytes().hex() for leaf in jax.tree.leaves(measured())]]))
"""


def measured():
    """Every number of ensembles of which the last call, or the last block, is not full."""
    sizes = Size(256, 2, 16)
    family = (NETWORK, Network(LayerNorm, Placement.PRE))
    return (
        tuple(controlled_moments(Network(BatchNorm, Placement.PRE, batch_size=8), sizes, keys.stream(6, "controlled"), 150, first=7)),
        moments_within(family, 1, sizes, keys.stream(6, "family"), 150),
        moments(NETWORK, replace(sizes, sampler=Sampler.GRAM), keys.stream(6, "gram"), 50),  # LAPACK's: one device draws them
    )


def test_devices_change_no_digit():
    """Four devices of one CPU draw a block each, by the program that draws it on one."""
    done = subprocess.run(
        [sys.executable, "-c", ON_DEVICES],
        cwd=ROOT,
        env={**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=4", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert jax.local_device_count() == 1
    found = jax.tree.leaves(measured())
    assert all(len(np.unique(leaf, axis=0)) == len(leaf) > 1 for leaf in found)  # no network, and no block, is another one
    assert json.loads(done.stdout) == [4, [leaf.tobytes().hex() for leaf in found]]


# Processes


@pytest.mark.parametrize("count, devices", [(2, 1), *(pytest.param(*each, marks=pytest.mark.long) for each in ((3, 1), (2, 2), (1, 1)))])
def test_processes_change_no_digit(count, devices, alone):
    """Process 0 prints what one process alone would have, and the others print nothing."""
    first, *others = [(*process.communicate(), process.returncode) for process in started(count, "--json", devices=devices)]
    assert first[1:] == ("", 0), first
    assert digits(json.loads(first[0])) == alone
    assert others == [("", "", 0)] * (count - 1)


def rows(path):
    """Blocks that a process under way has kept, whatever it has locked."""
    try:
        with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as database:
            return database.execute("SELECT COUNT(*) FROM finished").fetchone()[0]
    except sqlite3.Error:
        return 0


@pytest.mark.long
@pytest.mark.parametrize("lost", [1, 0])
def test_a_process_is_lost(lost, alone, tmp_path, capsys):
    """The other ends in one sentence and in time, what finished is kept, and one process goes on to the same digits."""
    processes = started(2, "--out", str(tmp_path))
    other = processes[1 - lost]
    while rows(tmp_path / f"part-{lost}.sqlite") < 1:
        assert processes[lost].poll() is None
        time.sleep(0.05)
    processes[lost].send_signal(signal.SIGKILL)
    start = time.monotonic()
    out, said = other.communicate()
    processes[lost].communicate()
    assert time.monotonic() - start < HEARTBEAT + 20  # and what a busy machine takes
    assert (other.returncode, out) == (1, "") and said.count("\n") == 1
    assert "another process of this simulation was lost" in said and "--resume" in said
    assert {path.suffix for path in tmp_path.iterdir()} <= {".sqlite", ".sqlite-journal"}

    assert call([*WORDS, "--resume", "--out", str(tmp_path)]) == (0, "")
    kept = int(re.match(r"(\d+) networks had been drawn", capsys.readouterr().err)[1])
    assert 16 <= kept < SIZES["networks"]
    assert [path.name for path in tmp_path.iterdir()] == ["simulation.json"]
    assert digits(json.loads((tmp_path / "simulation.json").read_text())) == alone


def test_processes_with_other_words_do_not_mix(monkeypatch):
    """A service for two processes of one interpreter: the second was started with another seed."""
    store = {}

    class Service:
        key_value_set_bytes = store.__setitem__

        def blocking_key_value_get_bytes(self, key, milliseconds):
            return store[key]

        def wait_at_barrier(self, name, milliseconds):
            pass

    monkeypatch.setattr(jax._src.distributed.global_state, "client", Service())
    store["words/1"] = json.dumps({"width": 8, "seed": 2}).encode()
    with pytest.raises(Exception, match="process 1 draws another simulation: seed is 2 there, 1 here"):
        Hosts(0, 2).agree({"width": 8, "seed": 1})
    Hosts(0, 2).agree({"width": 8, "seed": 2})


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_every_block_is_one_process_s(count):
    blocks = range(5, 100, 16)
    assert sorted(block for number in range(count) for block in Hosts(number, count).mine(blocks)) == list(blocks)


# What a process is told of the others

COMPLETE = {"JAX_COORDINATOR_ADDRESS": "10.0.0.1:1234", "JAX_NUM_PROCESSES": "2", "JAX_PROCESS_ID": "1"}


def test_a_place_is_read_from_the_environment():
    assert distributed.place(COMPLETE) == {"coordinator_address": "10.0.0.1:1234", "num_processes": 2, "process_id": 1}
    assert distributed.place({}) == distributed.place({"JAX_COORDINATOR_ADDRESS": "10.0.0.1:1234"}) == {}  # left to JAX's detection


@pytest.mark.parametrize(
    "change, words",
    [
        ({"JAX_COORDINATOR_ADDRESS": ""}, "JAX_NUM_PROCESSES and JAX_PROCESS_ID are set, but JAX_COORDINATOR_ADDRESS is not"),
        (
            {"JAX_COORDINATOR_ADDRESS": "", "JAX_PROCESS_ID": ""},
            "JAX_NUM_PROCESSES is set, but JAX_COORDINATOR_ADDRESS and JAX_PROCESS_ID are not",
        ),
        ({"JAX_COORDINATOR_ADDRESS": "10.0.0.1"}, "'10.0.0.1', but must be HOST:PORT"),
        ({"JAX_COORDINATOR_ADDRESS": ":80"}, "':80', but must be HOST:PORT"),
        ({"JAX_COORDINATOR_ADDRESS": "host:99999"}, "'host:99999', but must be HOST:PORT"),
        ({"JAX_NUM_PROCESSES": "0"}, "'0', but must be a positive integer"),
        ({"JAX_NUM_PROCESSES": "two"}, "'two', but must be a positive integer"),
        ({"JAX_PROCESS_ID": "2"}, "'2', but must be an integer from 0 to JAX_NUM_PROCESSES - 1, which is 1"),
        ({"JAX_PROCESS_ID": "-1"}, "'-1', but must be an integer from 0"),
    ],
)
def test_an_environment_that_is_off(change, words, monkeypatch):
    with pytest.raises(click.UsageError, match=re.escape(words)):
        distributed.place({**COMPLETE, **change})
    for name, value in {**COMPLETE, **change}.items():
        monkeypatch.setenv(name, value)
    status, sentence = call([*WORDS, "--distributed"])
    assert status == 2 and words in sentence


def test_no_environment_and_no_cluster():
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("JAX_", "SLURM_", "OMPI_"))}
    done = subprocess.run([sys.executable, "-c", PROGRAM, *WORDS, "--distributed"], cwd=ROOT, env=clean, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.count("\n") == 1
    assert all(name in done.stderr for name in (*COMPLETE, "nor does JAX detect a cluster"))


def test_options_that_need_others(monkeypatch):
    status, sentence = call([*WORDS, "--resume"])
    assert status == 2 and "it needs --out DIR" in sentence

    class Confined:
        def run(self, needs, claims, module, load, command):
            return command()

    monkeypatch.setattr(confined, "_child", Confined())
    monkeypatch.setattr("reports.words.extension", lambda module: None)
    status, sentence = call([*WORDS, "--distributed", "--module", "mine.py"])
    assert status == 2 and "--distributed and --module exclude each other" in sentence


# Parts

FEW = {**SIZES, "width": 2048, "depth": 1, "networks": 60, "sampler": Sampler.GRAM}  # four blocks
SAME = {"seed": 1, "width": 2048}


def drawing(folder, after=None, hosts=None, resume=False):
    """γ, with parts in a folder; interrupted once `after` blocks are kept; and the networks that had been drawn."""
    folder.mkdir(exist_ok=True)
    drawn = []

    def count():
        if len(drawn) == after:
            raise KeyboardInterrupt
        drawn.append(1)

    parts = Parts(folder, SAME, resume, hosts)
    before = parts.networks
    try:
        with sharing(Sharing(Hosts(), parts, count)):
            return digits(simulate(NETWORK, **FEW)), before, len(drawn)
    finally:
        parts.close()


@pytest.mark.parametrize("after", [0, 1, 3])
def test_what_was_drawn_is_not_drawn_again(after, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        drawing(tmp_path, after)
    assert drawing(tmp_path, resume=True) == (digits(simulate(NETWORK, **FEW)), 16 * after, 4 - after)
    assert drawing(tmp_path, resume=True)[1:] == (64, 0)
    assert drawing(tmp_path)[1:] == (0, 4)  # without --resume what was there is forgotten


def test_any_number_of_processes_goes_on(tmp_path):
    """Parts of three processes, some of them of blocks that another one has too: one process reads them all, and removes them."""
    whole = digits(simulate(NETWORK, **FEW))
    for number in range(3):
        with pytest.raises(KeyboardInterrupt):
            drawing(tmp_path / str(number), after=number + 1)
        for path in (tmp_path / str(number)).iterdir():
            path.rename(tmp_path / path.name.replace("-0", f"-{number}"))
        (tmp_path / str(number)).rmdir()
    assert sorted(path.name for path in tmp_path.glob("*.sqlite")) == [f"part-{number}.sqlite" for number in range(3)]
    assert drawing(tmp_path, resume=True) == (whole, 48, 1)
    parts = Parts(tmp_path, SAME, resume=True)
    assert parts.networks == 64
    parts.remove()
    assert list(tmp_path.iterdir()) == []


def test_another_simulation_is_not_resumed(tmp_path):
    Parts(tmp_path, SAME).close()
    with pytest.raises(CannotKeep, match=r"is not this one: seed is 1 there, 2 here$"):
        Parts(tmp_path, {**SAME, "seed": 2}, resume=True)
    Parts(tmp_path, {**SAME, "seed": 2}).close()  # anew


def test_two_simulations_do_not_write_to_one_folder(tmp_path):
    first = Parts(tmp_path, SAME)
    for resume in (False, True):
        with pytest.raises(CannotKeep, match="another simulation is writing to"):
            Parts(tmp_path, SAME, resume)
    first.close()


def test_a_file_that_is_no_part_is_refused(tmp_path):
    (tmp_path / "part-0.sqlite").write_bytes(b"no database at all, and long enough to be taken for one" * 40)
    for resume in (False, True):
        with pytest.raises(CannotKeep, match="cannot be used"):
            Parts(tmp_path, SAME, resume)
    assert (tmp_path / "part-0.sqlite").exists()


def test_a_hand_edited_part_is_refused(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        drawing(tmp_path, after=2)
    with closing(sqlite3.connect(tmp_path / "part-0.sqlite")) as database:
        database.execute("UPDATE finished SET content = CAST(substr(content, 1, length(content) - 1) || x'00' AS BLOB)")
        database.commit()
    with pytest.raises(CannotKeep, match="was changed after"):
        Parts(tmp_path, SAME, resume=True)
