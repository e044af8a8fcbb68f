"""Words and evidence files at random: an answer or one sentence, never a traceback, and never a green that no evidence bears out.

The examples are the same in every run; how many there were is asserted.
"""

import contextlib
import copy
import io
import json
import math
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiers import usually

import numerics.prejudice
from proofs_checks import audit, fixed_points, prediction
from proofs_checks.audit import Audit, Settings, plan, share
from proofs_checks.evidence import Evidence, UnreadableEvidence, Verdict, digest, fingerprint
from proofs_checks.recorded import read
from reports import confined, distributed, plot
from reports.command_line import call
from theory.catalogue import CLAIMS
from theory.claim import Claim, Kind, Statement, derived_here


def every(cases, *strategies):
    """Run a property on this many examples with `--long`, and on a quarter of them without; assert that it was."""
    cases = usually(cases // 4, with_long=cases)

    def decorate(check):
        seen = 0

        @settings(max_examples=cases, suppress_health_check=list(HealthCheck))
        @given(st.tuples(*strategies))
        def counted(drawn):
            nonlocal seen
            seen += 1
            check(*drawn)

        counted()
        assert seen >= cases
        return check

    return decorate


# Evidence files

ONE = Claim("one", "One", "one is one", Kind.LEMMA, derived_here(), statements=(Statement("one", derived=1, stated=1),))
AUDITED = [ONE, CLAIMS["lyapunov_ratio_of_relu"], CLAIMS["batch_norm_is_not_layer_norm"]]
CATALOGUE = {claim.id: claim for claim in (*AUDITED, CLAIMS["kappa_shape"], CLAIMS["batch_norm_before_relu"])}


@pytest.fixture(scope="module")
def whole():
    """The content of a file in which every planned check of three claims holds: one by a run, the others in a run's words."""
    done = audit.run([ONE], Settings())
    for check in plan(AUDITED, done.settings):
        found = Evidence(check.claim.id, check.name, check.witness, Verdict.HOLDS, "held", 0.5, 0.01, 0.5, 0.02, share(check))
        if check.claim is not ONE:
            done.evidence.setdefault(check.claim.id, []).append(found)
            done.planned[check.claim.id] = done.planned.get(check.claim.id, 0) + 1
    done.claims = AUDITED
    for id, items in done.evidence.items():
        done.evidence[id] = [Evidence(**{**vars(item), "fingerprint": fingerprint(CATALOGUE[id])}) for item in items]
    assert done.verdict is Verdict.HOLDS
    return done.to_json()


@pytest.fixture
def reading(tmp_path):
    """Read a file with these bytes: its audit, which its own evidence must bear out, or None where it is refused in a sentence."""
    path = tmp_path / "evidence.json"

    def read_bytes(content):
        path.write_bytes(content)
        try:
            found = read(path, CATALOGUE)
        except UnreadableEvidence as error:
            assert "evidence.json" in str(error) and len(str(error)) < len(str(path)) + 500
            return None
        assert_borne_out(found)
        return found

    return read_bytes


def assert_borne_out(found):
    """Whatever holds, each of its checks in today's plan is there once, of today's code, at its share of α, and holds."""
    assert isinstance(found, Audit)
    assert 0 < found.settings.alpha < 1 and 0 < found.settings.resolution < 1 and 0 <= found.settings.seed < 2**63
    checks = plan(found.claims, found.settings)
    for claim in found.claims:
        verdict = found.verdict_of(claim)
        assert verdict is None or isinstance(verdict, Verdict)
        if verdict is Verdict.HOLDS:
            items = found.evidence[claim.id]
            held = {f"{item.claim}/{item.witness.value}/{item.check}": item.alpha for item in items}
            assert held == {check.id: share(check) for check in checks if check.claim is claim} and len(held) == len(items)
            assert all(item.verdict is Verdict.HOLDS and item.fingerprint == fingerprint(claim) for item in items)
    assert found.verdict is not Verdict.HOLDS or all(found.verdict_of(claim) is Verdict.HOLDS for claim in found.claims)
    json.dumps(found.to_json(), allow_nan=False)


def test_a_whole_file_holds(whole, reading):
    assert reading(json.dumps(whole).encode()).verdict is Verdict.HOLDS


def signed(data):
    """With a digest that fits, where there can be one."""
    if isinstance(data, dict):
        content = {name: value for name, value in data.items() if name != "digest"}
        with contextlib.suppress(ValueError):
            return {**content, "digest": digest(content)}
    return data


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**40, -(10**400), 2**63, 0, 1, 2, 1e308, 0.5, -1.0, 5e-324, math.nan, math.inf]),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["HOLDS", "FAILS", "UNDECIDED", "exact", "observed", "one", "kappa_shape", "batch_norm_before_relu", "\ud800", "a\nb"]),
    st.recursive(st.none() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)),
)  # fmt: skip


def nodes(data, path=()):
    """Paths to all values of a document."""
    yield path
    if isinstance(data, dict | list):
        for key in data if isinstance(data, dict) else range(len(data)):
            yield from nodes(data[key], (*path, key))


def altered(data, where, how, value, other):
    """A document with one value replaced, removed, doubled, or made like another of its values."""
    paths = list(nodes(data))
    path = paths[where % len(paths)]
    if not path:
        return value
    result = copy.deepcopy(data)
    holder = result
    for key in path[:-1]:
        holder = holder[key]
    if how == "replace":
        holder[path[-1]] = value
    elif how == "remove":
        del holder[path[-1]]
    elif how == "double" and isinstance(holder, list):
        holder.insert(path[-1], copy.deepcopy(holder[path[-1]]))
    elif how == "rename" and isinstance(holder, dict):
        holder[str(value)[:20]] = holder.pop(path[-1])
    else:
        copied = result
        for key in paths[other % len(paths)]:
            if not isinstance(copied, dict | list) or (key not in copied if isinstance(copied, dict) else key >= len(copied)):
                break
            copied = copied[key]
        holder[path[-1]] = copy.deepcopy(copied)
    return result


HOW = st.sampled_from(["replace", "remove", "double", "rename", "copy"])
EDITS = st.lists(st.tuples(st.integers(0, 10**6), HOW, VALUES, st.integers(0, 10**6)), min_size=1, max_size=3)


def edited(data, edits):
    for edit in edits:
        data = altered(data, *edit)
    return data


def test_edited_files(whole, reading):
    """With the old digest any edit is refused; with a new one the evidence must bear out what holds."""
    accepted = 0

    @every(1000, EDITS)
    def check(edits):
        nonlocal accepted
        data = edited(whole, edits)
        if json.dumps(data) != json.dumps(whole):
            assert reading(json.dumps(data).encode()) is None
        accepted += reading(json.dumps(signed(data)).encode()) is not None

    assert accepted > usually(25, with_long=100)  # so that the second property is not empty


def test_edited_evidence(whole, reading):
    """Edits within one claim's entry, where those are that could turn it green."""
    least = copy.deepcopy(whole)
    least["claims"] = least["claims"][:1]

    @every(800, EDITS)
    def check(edits):
        reading(json.dumps(signed({**least, "claims": [edited(least["claims"][0], edits)]})).encode())


def test_damaged_bytes(whole, reading):
    text = json.dumps(whole, indent=1).encode()
    places = st.lists(st.tuples(st.integers(0, len(text) - 1), st.integers(0, 255)), min_size=1, max_size=3)

    @every(500, places, st.integers(0, len(text)))
    def check(flips, end):
        assert end == len(text) or reading(text[:end]) is None
        damaged = bytearray(text)
        for place, byte in flips:
            damaged[place] = byte
        try:
            same = json.loads(damaged) == json.loads(text)
        except ValueError:
            same = False
        assert same or reading(bytes(damaged)) is None


def test_files_of_others(reading):
    @every(300, VALUES | st.dictionaries(st.sampled_from(["format", "claims", "alpha", "resolution", "seed", "seconds", "digest"]), VALUES))
    def check(data):
        assert reading(json.dumps(data).encode()) is None
        assert reading(json.dumps(signed({"format": audit.FORMAT, **data} if isinstance(data, dict) else data)).encode()) is None


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 10_000,
        b'{"format": NaN}',
        b'{"format": 1e999}',
        b"\xef\xbb\xbf{}",
        b'"' + b"a" * 1_000_000 + b'"',
        b'{"format": "' + b"a" * 1_000_000 + b'"}',
    ],
    ids=["nested lists", "nested objects", "digits", "NaN", "infinity", "a byte order mark", "a long word", "a long format"],
)
def test_strange_files(reading, content):
    assert reading(content) is None


def test_a_name_given_twice(whole, reading):
    """The last of two would be read, and the first seen by a person."""
    text = json.dumps(whole)
    assert reading(text.replace('"verdict": "HOLDS"', '"verdict": "FAILS", "verdict": "HOLDS"', 1).encode()) is None


# Words of the command line

LINES = [
    "audit",
    "audit kappa_shape --alpha 1e-3 --resolution 0.1 --seed 3 --out here --json",
    "audit overlap_recursion layer_norm_after_relu --vary-seed 2 --out here",
    "audit --long --module mine.py --module-seconds 5 --module-memory 2",
    "predict --norm layer_norm --placement pre --depth 2 --json",
    "predict --norm batch_norm --placement post --depth 3 --batch-size 8 --statistic leave-one-out --classes 3",
    "predict --norm rms_norm --residual post --branch-gain 0.5 --depth 2 --bias-variance 0.5 --weight-variance 3 --input-overlap 0.2",
    "predict --norm none --placement none --depth 2 --activation leaky_relu:0.2 --shift 0.5 --plot picture.pdf",
    "predict --norm group_norm:4 --placement pre --depth 1 --then none/none --inputs uniform --module mine.py",
    "simulate --norm none --placement none --depth 1 --width 8 --samples 4 --networks 3 --seed 5 --json",
    "simulate --norm ghost_batch_norm:4 --placement pre --depth 1 --batch-size 8 --width 8 --samples 8 --networks 3 --seed 5 --weights sparse",
    "simulate --norm layer_norm --residual pre --depth 2 --width 8 --samples 4 --networks 1 --seed 0 --input-dimension 4 --sampler gram",
    "simulate --norm none --placement none --depth 1 --width 8 --samples 4 --networks 3 --seed 5 --out here --resume",
    "simulate --norm none --placement none --depth 1 --width 8 --samples 4 --networks 3 --seed 5 --distributed",
    "list norms --json",
    "list claims",
    "list activations --module mine.py",
    "show kappa_shape",
    "report --out here --format tex",
    "report kappa_shape --out broken --format pdf --module mine.py",
    "--version",
    "--help",
]
TOKENS = [
    *sorted({token for line in LINES for token in line.split()}),
    "", "-", "--", "-1", "0", "1", "1.5", "nan", "inf", "-inf", "1e400", "1e-400", "1e308", str(10**30), "0x10", "1_0", "٣", "²", " 2 ", "two", "None", "True",
    "kapa_shape", "layr_norm", "leaky_relu:", "leaky_relu:nan", "relu:1", ":", "group_norm:2", "average_pool:0", "max_pool:4", "none/none/none/none", "/", "gelu",
    "digits", "rademacher", "gaussian_data", "taken", "broken/below", "/", "..", "a\nb", "\udcff", "ü", "a" * 300, "[red]", "%s", "{0}", "*", "--depth=2", "--json=1",
    "-h", "--dpeth", "--no-json", "audit", "predcit",
]  # fmt: skip

MUTATION = st.tuples(
    st.sampled_from(["replace", "insert", "remove", "double", "character"]), st.integers(0, 10**6), st.sampled_from(TOKENS)
)
MUTATIONS = st.lists(MUTATION, max_size=1) | st.lists(MUTATION, max_size=4)


def mutated(line, mutations):
    words = line.split()
    for how, where, token in mutations:
        place = where % (len(words) + 1)
        if how == "insert" or place == len(words):
            words.insert(place, token)
        elif how == "replace":
            words[place] = token
        elif how == "remove":
            del words[place]
        elif how == "double":
            words.insert(place, words[place])
        else:
            cut = where % (len(words[place]) + 1)
            words[place] = words[place][:cut] + token[:1] + words[place][cut + 1 :]
    return words


@pytest.fixture
def shell(monkeypatch, tmp_path):
    """Call in an empty folder, where nothing that takes long is done: exit status, stdout, stderr; what was written is removed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(audit, "plan", lambda claims, settings: [])
    monkeypatch.setattr(
        audit, "run", lambda claims, settings, *rest, **more: Audit(settings, claims, {claim.id: [] for claim in claims}, seconds=1.0)
    )
    monkeypatch.setattr(numerics.prejudice, "simulate", lambda network, sampler, **sizes: {**sizes, "gamma": 0.1, "standard_error": None, "variance_left": None, "seconds": 1.0, "compile_seconds": 1.0})  # fmt: skip
    monkeypatch.setattr(plot, "draw", lambda network, depth, path: path.write_text("drawn"))
    monkeypatch.setattr(confined, "_watch", lambda words, module, budget: 0)
    monkeypatch.setattr(distributed, "watch", lambda words, kept: 0)
    (tmp_path / "taken").write_text("mine")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "evidence.json").write_text("{}")
    before = sorted(os.walk(tmp_path))

    def run(words):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status, sentence = call(words)
        said = err.getvalue() + (sentence + "\n" if sentence else "")
        assert status in (0, 1, 2), (words, said)
        if status == 2:
            assert out.getvalue() == "" and said.startswith("normproof: ") and said.count("\n") == 1 and said.endswith("\n"), (words, said)
            assert len(said) < 1500
            assert sorted(os.walk(tmp_path)) == before, words
        for folder, _, names in os.walk(tmp_path, topdown=False):
            for name in names:
                if name not in ("taken", "evidence.json" if folder.endswith("broken") else ""):
                    os.remove(os.path.join(folder, name))
            if folder not in (str(tmp_path), str(tmp_path / "broken")):
                os.rmdir(folder)
        return status

    return run


def test_words_at_random(shell, monkeypatch):
    """Every verb; predictions are not computed."""
    found = prediction.Prediction(0.5, 1 / 3, 0.1, 0.6, 1e-16, "closed form", 1e-16)
    monkeypatch.setattr(prediction, "predict", lambda *given: found)
    monkeypatch.setattr(fixed_points, "fixed_points", lambda network: [])
    monkeypatch.setattr(fixed_points, "in_words", lambda network: "none")
    seen = {}

    lines = st.sampled_from(LINES) | st.lists(st.sampled_from(list(CLAIMS)), max_size=3).map(
        lambda ids: " ".join(["audit", "--json", *ids])
    )

    @every(2500, lines, MUTATIONS)
    def check(line, mutations):
        status = shell(mutated(line, mutations))
        seen[status] = seen.get(status, 0) + 1

    assert min(seen.get(status, 0) for status in (0, 1, 2)) > usually(12, with_long=50), seen


NUMBERS = st.sampled_from(
    ["0", "1", "-1", "0.5", "-0.5", "1e-300", "1e-320", "1e300", "1e308", "0.1", "2", "3", "1e-17", "0.9999999999999999", "7"]
)


def test_numbers_at_random(shell):
    """Predictions in closed form, of networks whose numbers are extreme."""
    names = ("--weight-variance", "--bias-variance", "--input-overlap", "--shift", "--classes", "--batch-size", "--branch-gain")
    options = st.dictionaries(st.sampled_from(names), NUMBERS, max_size=3)
    norms = st.sampled_from(["none", "layer_norm", "rms_norm", "batch_norm", "layer_norm_epsilon", "mean_only_batch_norm"])
    places = st.sampled_from(["--placement pre", "--placement post", "--residual pre", "--residual post"])

    @every(200, norms, places, st.sampled_from(["0", "1", "2"]), options, st.booleans())
    def check(norm, place, depth, options, as_json):
        words = ["predict", "--norm", norm, *place.split(), "--depth", depth, *(["--json"] if as_json else [])]
        shell([*words, *(word for option in options.items() for word in option)])
