"""The trial-level endpoint: what it answers, what it refuses, and what stays on disk."""

from __future__ import annotations

import ast
import contextlib
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from patience import PATIENCE_S

from synthstim.errors import InputError
from synthstim.evolve import EvolutionFolder
from synthstim.files import sha256_of
from synthstim.online import (
    Bandit,
    Blocks,
    Catalogue,
    Generations,
    OnlineSession,
    Staircase,
    Trial,
    TrialClient,
    TrialError,
    TrialServer,
    client,
    levels_of_set,
)
from synthstim.online.lsl import LslClient, LslServer
from synthstim.online.messages import MAX_BYTES, Hello, as_answer, as_hello, decode, encode
from synthstim.online.record import Record
from synthstim.online.session import PolicyFailed
from synthstim.responses import read_responses, require_match
from synthstim.stimulus_set import SetWriter, StimulusSet

IDS = ["s0", "s1", "s2", "s3"]
WINDOW = (0.07, 0.17)
RIG = {"sites": ["v4_01", "007"], "window_s": WINDOW}
ANSWER = {"v4_01": 3, "007": 0.5}
HELLO = {"type": "hello", "version": 1, "sites": ["v4_01", "007"], "window_s": [0.07, 0.17]}
RESPONSE = {"type": "response", "sequence": 1, "stimulus_id": "s0", "responses": ANSWER}


@pytest.fixture(scope="module")
def stimuli(tmp_path_factory) -> StimulusSet:
    writer = SetWriter(tmp_path_factory.mktemp("online") / "grey")
    for number, name in enumerate(IDS):
        writer.add(
            name, np.full((1, 8, 8), number / 4, np.float32), kind="controller", goal="level", level=float(number)
        )
    return StimulusSet.read(writer.commit({}))


@contextlib.contextmanager
def serving(server):
    """A server that serves in a thread until the block ends."""
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(10)
        server.close()
        assert not thread.is_alive()


@pytest.fixture
def server(stimuli, tmp_path):
    with serving(TrialServer(stimuli, Blocks(IDS, repeats=3), out=tmp_path / "trials", message_s=0.4)) as server:
        yield server


def next_rig(server: TrialServer) -> TrialClient:
    """The next rig, as soon as the endpoint has seen that the one before is gone."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return TrialClient(port=server.port, **RIG)
        except TrialError:
            assert time.monotonic() < deadline, "the endpoint serves nobody any more"


class Raw:
    """A peer that sends whatever it likes."""

    def __init__(self, server: TrialServer) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)

    def send(self, *messages: bytes | dict) -> Raw:
        for message in messages:
            self.socket.sendall(message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n")
        return self

    def rest(self) -> list[dict]:
        """Everything that comes until the endpoint closes."""
        data = b""
        while more := self.socket.recv(4096):
            data += more
        self.socket.close()
        return [json.loads(line) for line in data.splitlines()]


def trial(number: int, name: str, value: float, site: str = "a") -> Trial:
    return Trial(number, name, 0, {site: value})


def table_of(server) -> str:
    return (server.session.record.folder / "trials.tsv").read_text()


def test_a_session_from_hello_to_done(server, stimuli, tmp_path):
    with TrialClient(port=server.port, **RIG, client="rig 1") as rig:
        assert rig.hello == {
            "type": "hello", "version": 1, "stimuli": "grey", "count": 4, "session": "1", "sequence": 1,
        }  # fmt: skip
        shown = []
        for given in rig:
            assert rig.next() == given  # asking again changes nothing
            assert sha256_of(stimuli.root / given["file"]) == given["sha256"]
            shown.append((given["sequence"], given["stimulus_id"], given["repeat"]))
            if len(shown) == 2:
                rig.abort()
                assert (rig.next()["sequence"], rig.next()["stimulus_id"]) == (2, "s1")
            rig.respond(ANSWER, onset_s=0.25 * len(shown))
            # What is on disk when the next trial comes.
            assert table_of(server).count("\n") == 1 + 2 * len(shown)
        assert shown == [(1 + at, IDS[at % 4], at // 4) for at in range(12)]
    responses = read_responses(tmp_path / "trials" / "trials.tsv")
    require_match(responses, stimuli.table)
    assert repr(responses).endswith("Responses(24 trials: 4 stimuli x 2 sites, 1 session, window 0.07 to 0.17 s)")
    assert responses.trials["response"].tolist() == [3.0, 0.5] * 12
    log = (tmp_path / "trials" / "endpoint.log").read_text()
    assert "hello of 'rig 1', 2 sites" in log
    assert "trial 2 of s1 was aborted" in log


DEEP = b'{"type": "next", "x": ' + b"[" * 100 + b"]" * 100 + b"}\n"
BAD = {
    "garbage": ([b"GET / HTTP/1.1\r\n\r\n"], "not JSON"),
    "binary": ([bytes(range(128, 256)) + b"\n"], "not UTF-8"),
    "no object": ([b"[1, 2]\n"], "not a JSON object with a type"),
    "deep": ([DEEP], "nested deeper than 4"),
    "key twice": ([b'{"type": "next", "type": "next"}\n'], "names a key twice"),
    "too long": ([b'"' + b"x" * (MAX_BYTES + 10)], "without a newline"),
    "response first": ([RESPONSE], "expected hello first"),
    "unknown": ([HELLO, {"type": "shutdown"}], "expected next, response or done"),
    "hello twice": ([HELLO, HELLO], "'hello' given; expected next, response or done"),
    "no trial yet": ([HELLO, RESPONSE], "send next first"),
    "wrong id": ([HELLO, {"type": "next"}, RESPONSE | {"stimulus_id": "s3"}], "trial 1 of 's0' is expected"),
    "wrong number": ([HELLO, {"type": "next"}, RESPONSE | {"sequence": 7}], "a response to trial 7"),
    "NaN": ([HELLO, {"type": "next"}, RESPONSE | {"responses": {"v4_01": float("nan"), "007": 1}}], "NaN"),
    "infinite": ([HELLO, {"type": "next"}, b'{"type": "response", "sequence": 1, "onset_s": 1e999}\n'], "finite"),
    "huge": ([HELLO, {"type": "next"}, RESPONSE | {"responses": {"v4_01": 10**400, "007": 1}}], "finite number"),
    "digits": ([HELLO, b'{"type": "next", "x": ' + b"9" * 50_000 + b"}\n"], "not JSON|unknown"),
    "a word": ([HELLO, {"type": "next"}, RESPONSE | {"responses": {"v4_01": "3", "007": 1}}], "finite number"),
    "a site less": ([HELLO, {"type": "next"}, RESPONSE | {"responses": {"v4_01": 3}}], "'007' is missing"),
    "a site more": ([HELLO, {"type": "next"}, RESPONSE | {"responses": ANSWER | {"x": 1}}], "'x' was not in the hello"),
    "both": ([HELLO, {"type": "next"}, RESPONSE | {"aborted": True}], "and not both"),
    "key": ([HELLO, {"type": "next"}, RESPONSE | {"colour": 1}], "the key 'colour' is unknown"),
    "version": ([HELLO | {"version": 2}], "version 2 given; this endpoint speaks 1"),
    "no sites": ([HELLO | {"sites": []}], "1 to 1000 names"),
    "a site's tab": ([HELLO | {"sites": ["a\tb"]}], "printable characters"),
    "a site's half": ([HELLO | {"sites": ["\ud800"]}], "printable characters"),
    "sites twice": ([HELLO | {"sites": ["a", "a"]}], "named twice"),
    "window": ([HELLO | {"window_s": [0.2, 0.1]}], "must end after it starts"),
    "a window in milliseconds": ([HELLO | {"window_s": [70, 170]}], "cannot be in seconds"),
    "half a window": ([HELLO | {"window_s": [0.2]}], "two numbers"),
    "nothing": ([], "no hello arrived within 0.4 s"),
    "half a message": ([HELLO, b'{"type": "ne'], "took more than 0.4 s to arrive"),
}


def test_each_mistake_is_answered_with_one_sentence_and_the_next_rig_is_served(server):
    for name, (messages, sentence) in BAD.items():
        *before, last = Raw(server).send(*messages).rest()
        assert last["type"] == "error", name
        assert re.search(sentence, last["message"]), (name, last)
        assert len(last["message"]) < 300
        assert not [reply for reply in before if reply["type"] == "error"], name
        with TrialClient(port=server.port, **RIG) as rig:
            assert (rig.next()["sequence"], rig.next()["stimulus_id"]) == (1, "s0"), name
    assert table_of(server).count("\n") == 1


def test_a_peer_that_drips_bytes_or_vanishes_holds_nobody_up(server):
    slow = Raw(server).send(HELLO)
    with contextlib.suppress(OSError):
        for byte in b'{"type": "next"}' * 4:
            slow.send(bytes([byte]))
            time.sleep(0.05)
    assert "took more than 0.4 s" in slow.rest()[-1]["message"]
    for _ in range(20):
        gone = Raw(server).send(HELLO, b'{"type": "res')
        # Reset rather than closed.
        gone.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        gone.socket.close()
    with next_rig(server) as rig:
        assert rig.next()["sequence"] == 1


def test_memory_stays_bounded_whatever_a_peer_sends(server):
    process, block = psutil.Process(), b"x" * 1_000_000
    before, most, sent = process.memory_info().rss, 0, 0
    while sent < 200_000_000:
        peer = Raw(server)
        with contextlib.suppress(OSError):
            while sent < 200_000_000:
                peer.socket.sendall(block)
                sent += len(block)
                most = max(most, process.memory_info().rss)
        peer.socket.close()
    # One that asks and asks and never reads the answers.
    deaf = Raw(server)
    deaf.socket.settimeout(2)
    asked = 0
    with contextlib.suppress(OSError):
        deaf.send(HELLO)
        for _ in range(2000):
            asked += deaf.socket.send(b'{"type": "next"}\n' * 1000)
            most = max(most, process.memory_info().rss)
    deaf.socket.close()
    assert (most - before) / 1e6 < 20, asked
    with next_rig(server) as rig:
        assert rig.next()["stimulus_id"] == "s0"


def test_one_rig_at_a_time(server):
    with TrialClient(port=server.port, **RIG) as first:
        first.next()
        for _ in range(20):
            with pytest.raises(TrialError, match="another rig is being served: one at a time"):
                TrialClient(port=server.port, **RIG)
        first.respond(ANSWER)
        assert first.next()["sequence"] == 2
    second = next_rig(server)
    assert second.hello["sequence"] == 2
    second.close()


def test_messages_sent_together_are_answered_in_order(server):
    lines = [HELLO, {"type": "next"}]
    lines += [RESPONSE | {"sequence": at + 1, "stimulus_id": IDS[at % 4]} for at in range(12)]
    replies = Raw(server).send(b"".join(encode(line) for line in [*lines, {"type": "done"}])).rest()
    assert [reply["type"] for reply in replies] == ["hello", *["next"] * 12, "done"]
    assert replies[-1]["trials"] == 12


def test_the_log_does_not_grow_without_end(stimuli, tmp_path, monkeypatch):
    monkeypatch.setattr("synthstim.online.endpoint.LOG_BYTES", 2_000)
    with serving(TrialServer(stimuli, Blocks(IDS), out=tmp_path / "trials")) as server:
        for _ in range(60):
            Raw(server).send(b'{"type": "' + b"x" * 5_000 + b'"}\n').rest()
    assert sum(path.stat().st_size for path in (tmp_path / "trials").glob("endpoint.log*")) < 5_000


def test_a_killed_endpoint_goes_on_after_what_it_was_told(stimuli, tmp_path):
    out, given = tmp_path / "trials", []
    command = [sys.executable, "-m", "synthstim", "serve", str(stimuli.root), "--out", str(out), "--repeats", "3"]
    for many in (5, 7):
        process = subprocess.Popen([*command, "--seed", "4"], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        port = int(re.search(r"listening at 127\.0\.0\.1:(\d+)", process.stdout.readline())[1])
        rig = TrialClient(port=port, **RIG)
        assert rig.hello["sequence"] == len(given) + 1
        for _ in range(many):
            given.append(rig.next()["stimulus_id"])
            rig.respond(ANSWER)
        if many == 5:
            process.send_signal(signal.SIGKILL)
        rig.close()
        process.wait(10)
        process.stdout.close()
    assert process.returncode == 0
    policy, history = Blocks(IDS, repeats=3, shuffle=4), []
    for at, name in enumerate(given):
        assert policy.next_trial(history) == name
        history.append(trial(at + 1, name, 0))
    assert policy.next_trial(history) is None
    assert len(read_responses(out / "trials.tsv")) == 24


def test_a_record_cut_anywhere_keeps_every_whole_trial(stimuli, tmp_path):
    facts, hello = {"session": "1"}, Hello(("a", "b"), WINDOW, "")
    record = Record(tmp_path / "whole", facts)
    ends = [record._stream.tell()]
    for name in ("s0", "s1", "s0"):
        record.append(Catalogue.of_set(stimuli)[name], {"a": 1.5, "b": -2.0}, hello, None)
        ends.append(record._stream.tell())
    record.close()
    data = (tmp_path / "whole" / "trials.tsv").read_bytes()
    near = {end + off for end in ends for off in (-1, 0, 1)} & set(range(len(data) + 1))
    for cut in sorted(near | set(range(0, len(data), 9))):
        folder = tmp_path / "cut"
        shutil.copytree(tmp_path / "whole", folder)
        (folder / "trials.tsv").write_bytes(data[:cut])
        again = Record(folder, facts)
        whole = max(sum(end <= cut for end in ends) - 1, 0)
        assert again.trials == record.trials[:whole]
        again.append(Catalogue.of_set(stimuli)["s2"], {"a": 0.0, "b": 0.0}, hello, 1.0)
        again.close()
        kept = (folder / "trials.tsv").read_bytes()
        assert kept.startswith(data[: ends[whole]])
        assert kept.count(b"\n") == 1 + 2 * (whole + 1)
        shutil.rmtree(folder)


def test_a_full_disk_refuses_the_trial_and_keeps_the_table_whole(server):
    class Full:
        def __init__(self, stream):
            self.stream, self.full = stream, True

        def write(self, data):
            return self.stream.write(data[:20] if self.full else data)

        def __getattr__(self, name):
            return getattr(self.stream, name)

    server.session.record._stream = full = Full(server.session.record._stream)
    rig = TrialClient(port=server.port, **RIG)
    rig.next()
    with pytest.raises(TrialError, match=r"trials\.tsv cannot be written \(no space is left\): make room"):
        rig.respond(ANSWER)
    rig.close()
    full.full = False
    with next_rig(server) as rig:
        assert rig.next()["sequence"] == 1
        rig.respond(ANSWER)
    assert table_of(server).count("\n") == 3


def test_a_session_is_gone_on_with_as_it_was_begun_or_not_at_all(stimuli, tmp_path):
    OnlineSession(stimuli, Blocks(IDS), out=tmp_path / "a").close()
    cases = [
        (Blocks(IDS, repeats=2), "1", "a", "is a session with the policy 'Blocks"),
        (Blocks(IDS), "2", "a", "is a session with the session '1', now it is '2'"),
        (Blocks(IDS), "a\tb", "b", "name 'a\\\\tb' cannot be used"),
    ]
    for policy, name, out, sentence in cases:
        with pytest.raises(InputError, match=sentence):
            OnlineSession(stimuli, policy, out=tmp_path / out, name=name)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="holds something other than a session"):
        OnlineSession(stimuli, Blocks(IDS), out=tmp_path / "other")
    with pytest.raises(InputError, match="port 70000 given"):
        TrialServer(stimuli, Blocks(IDS), out=tmp_path / "c", port=70000)
    with pytest.raises(InputError, match=r"'no\.such\.host\.invalid' is not an address"):
        TrialServer(stimuli, Blocks(IDS), out=tmp_path / "c", host="no.such.host.invalid")
    one = TrialServer(stimuli, Blocks(IDS), out=tmp_path / "c")
    with one, pytest.raises(InputError, match="cannot be opened"):
        TrialServer(stimuli, Blocks(IDS), out=tmp_path / "d", port=one.port)


def test_trials_of_another_file_or_another_window_are_refused(stimuli, tmp_path):
    out = tmp_path / "trials"
    with serving(TrialServer(stimuli, Blocks(IDS), out=out)) as server, TrialClient(port=server.port, **RIG) as rig:
        rig.next()
        rig.respond(ANSWER)
    table = out / "trials.tsv"
    with serving(TrialServer(stimuli, Blocks(IDS), out=out)) as server:
        with pytest.raises(TrialError, match="a session has one window"):
            TrialClient(port=server.port, sites=["a"], window_s=(0, 0.1))
        with TrialClient(port=server.port, **RIG) as rig:
            assert rig.hello["sequence"] == 2
    digest = stimuli.table["sha256"][0]
    table.write_text(table.read_text().replace(digest, "0" * 64))
    with pytest.raises(InputError, match="was made with another file of s0"):
        OnlineSession(stimuli, Blocks(IDS), out=out)
    table.write_text(table.read_text().replace("\t3.0\t", "\tmany\t"))
    with pytest.raises(InputError, match="the trial that ends on line 3 is damaged"):
        OnlineSession(stimuli, Blocks(IDS), out=out)


def test_a_site_that_the_policy_needs_must_be_measured(stimuli, tmp_path):
    server, sentence = (
        TrialServer(stimuli, Bandit(IDS, site="it_9"), out=tmp_path / "trials"),
        "the site 'it_9' is missing",
    )
    with serving(server), pytest.raises(TrialError, match=sentence):
        TrialClient(port=server.port, **RIG)


def test_a_policy_that_fails_stops_the_endpoint_with_the_trial_on_disk(stimuli, tmp_path):
    class Failing(Blocks):
        def update(self, trial):
            raise InputError("the images cannot be made")

    server = TrialServer(stimuli, Failing(IDS), out=tmp_path / "trials")
    failed = []

    def serve():
        try:
            server.serve()
        except InputError as error:
            failed.append(str(error))

    thread = threading.Thread(target=serve)
    thread.start()
    rig = TrialClient(port=server.port, **RIG)
    rig.next()
    threading.Timer(0.3, server.close).start()
    with pytest.raises(TrialError, match="closed the connection"):
        rig.respond(ANSWER)
    rig.close()
    thread.join(5)
    assert failed == ["trial 1 is on disk, but the session cannot continue: the images cannot be made"]
    assert (tmp_path / "trials" / "trials.tsv").read_text().count("\n") == 3


def test_blocks_show_each_stimulus_once_a_block():
    policy, history = Blocks(IDS, repeats=50, shuffle=2), []
    while (name := policy.next_trial(history)) is not None:
        history.append(trial(len(history) + 1, name, 0))
    blocks = [tuple(one.stimulus_id for one in history[at : at + 4]) for at in range(0, 200, 4)]
    assert {tuple(sorted(block)) for block in blocks} == {tuple(IDS)}
    assert len(set(blocks)) > 15


@pytest.mark.parametrize(("down", "share"), [(1, 0.5), (2, 0.707)])
def test_a_staircase_settles_where_theory_says(stimuli, down, share):
    levels = {float(level): [f"l{level}a", f"l{level}b"] for level in range(41)}
    random, found = np.random.default_rng(0), []
    for seed in range(30):
        policy = Staircase(levels, site="a", criterion=1, down=down, reversals=40, trials=2000, seed=seed)
        while (name := policy.next_trial([])) is not None:
            level = float(name[1:-1])
            policy.update(trial(1, name, float(random.random() < 1 / (1 + np.exp(-(level - 20) / 4)))))
        found.append(policy.threshold)
    # Levitt 1971: one down holds the point of 50 %, two down that of 70.7 %.
    wanted = 20 + 4 * np.log(share / (1 - share))
    assert abs(np.mean(found) - wanted) < 0.5
    assert levels_of_set(stimuli) == {float(number): [name] for number, name in enumerate(IDS)}


@pytest.mark.parametrize("goal", ["drive", "suppress"])
def test_a_bandit_finds_the_best_and_spends_most_trials_there(goal):
    ids = [f"s{number}" for number in range(20)]
    random, rates, right, spent = np.random.default_rng(1), np.linspace(2, 8, 20), 0, []
    rates[7] = 14 if goal == "drive" else 0.2
    for _ in range(20):
        policy, shown = Bandit(ids, site="a", goal=goal, trials=400), []
        while (name := policy.next_trial([])) is not None:
            shown.append(name)
            policy.update(trial(1, name, float(random.poisson(rates[int(name[1:])]))))
        assert len(shown) == 400
        assert set(shown) == set(ids)
        right += policy.best == "s7"
        spent.append(shown.count("s7"))
    assert right >= 19
    assert np.mean(spent) > 5 * 400 / 20


def test_policies_refuse_what_they_cannot_use(stimuli, tmp_path):
    cases = [
        (lambda: Blocks([]), "0 stimuli given"),
        (lambda: Blocks(["a", "a"]), "2 stimuli given for a policy, 1 of them different"),
        (lambda: Blocks(["a"], repeats=0), "repeats 0 given"),
        (lambda: Staircase({1.0: ["a"]}, site="a", criterion=1), "has 1 levels"),
        (
            lambda: Staircase({1.0: ["a"], 2.0: ["b"]}, site="a", criterion=1, start=3),
            "starts at 3: choose one of 1, 2",
        ),
        (lambda: Bandit(IDS, site="a", goal="level"), "the goal 'level' is unknown"),
    ]
    for make, sentence in cases:
        with pytest.raises(InputError, match=sentence):
            make()
    session = OnlineSession(stimuli, Blocks(["s9"]), out=tmp_path / "x")
    with pytest.raises(PolicyFailed, match=r"no trial 1 can be given: .* has no stimulus 's9'"):
        session.offered()
    session.close()


def test_an_evolution_runs_trial_by_trial_and_survives_a_kill(tmp_path):
    settings = {"sites": ["v4_01"], "size": [16, 16], "channels": 1, "population": 4, "cutoff": 2}

    def run(name: str, stops: list[int]) -> list[str]:
        EvolutionFolder.begin(tmp_path / name, settings)
        given: list[str] = []
        for stop in stops:
            folder = EvolutionFolder(tmp_path / name)
            catalogue = Catalogue(folder.root)
            policy = Generations(folder, catalogue, sites=["v4_01"], repeats=2, generations=3)
            server = TrialServer(catalogue, policy, out=tmp_path / f"{name}_trials")
            with serving(server), TrialClient(port=server.port, **RIG) as rig:
                while len(given) < stop and (shown := rig.next()) is not None:
                    assert sha256_of(tmp_path / name / shown["file"]) == shown["sha256"]
                    given.append(shown["sha256"])
                    rig.respond({"v4_01": len(given) % 5, "007": 0})
                if stop == 1000:
                    assert rig.next() is None
        assert EvolutionFolder(tmp_path / name).generation == 4
        return given

    straight = run("straight", [1000])
    assert len(straight) == 2 * (5 + 6 + 6)
    assert run("killed", [3, 10, 11, 22, 1000]) == straight


def test_the_rigs_file_stands_alone(server, tmp_path):
    source = Path(client.__file__).read_text(encoding="utf-8")
    modules = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(source))
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or "."] if isinstance(node, ast.ImportFrom) else [])
    }  # fmt: skip
    assert modules <= sys.stdlib_module_names
    (tmp_path / "client.py").write_text(source, encoding="utf-8")
    (tmp_path / "rig.py").write_text(
        "import sys; sys.path.insert(0, '.')\n"
        "from client import TrialClient\n"
        f"with TrialClient(port={server.port}, sites=['v4_01', '007'], window_s=(0.07, 0.17)) as rig:\n"
        "    for trial in rig:\n"
        "        rig.respond({'v4_01': 1, '007': 2})\n"
        "print(sorted(name for name in sys.modules if name in ('synthstim', 'numpy')), trial['sequence'])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "rig.py"], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert ran.stdout == "[] 12\n", ran.stderr
    assert table_of(server).count("\n") == 1 + 24


def test_a_rig_without_an_endpoint_is_told(server):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(TrialError, match=f"no endpoint answers at 127.0.0.1:{port}"):
        TrialClient(port=port, **RIG)
    with TrialClient(port=server.port, **RIG) as rig, pytest.raises(TrialError, match="there is no trial to answer"):
        rig.respond(ANSWER)


def test_the_same_over_lsl(stimuli, tmp_path):
    pylsl = pytest.importorskip("pylsl", reason="pylsl or the library liblsl is not installed")
    name = f"test{time.time_ns()}"
    probe = pylsl.StreamOutlet(pylsl.StreamInfo(name, "Markers", 1, 0, "string", name))
    if not pylsl.resolve_byprop("name", name, timeout=3):
        pytest.skip("LSL finds no stream of its own computer: no network interface that takes its broadcasts")
    del probe
    with serving(LslServer(stimuli, Blocks(IDS, repeats=2), out=tmp_path / "trials", name=name)) as server:
        with pytest.raises(TrialError, match="printable characters"):
            LslClient(name, sites=[" "], window_s=WINDOW, timeout_s=PATIENCE_S)
        with LslClient(name, **RIG, timeout_s=PATIENCE_S) as rig:
            shown = []
            for given in rig:
                shown.append(given["stimulus_id"])
                rig.respond(ANSWER)
        assert shown == IDS * 2
    assert len(read_responses(tmp_path / "trials" / "trials.tsv")) == 16
    assert server.session.sequence == 9


def test_a_missing_lsl_is_named(stimuli, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pylsl", None)
    with pytest.raises(InputError, match=r"LSL needs the package pylsl .*: pip install 'synthstim\[lsl\]'"):
        LslServer(stimuli, Blocks(IDS), out=tmp_path / "trials")


def test_random_bytes_never_raise_anything_but_a_sentence():
    random = np.random.default_rng(0)
    line, sentences = encode(RESPONSE), []
    for _ in range(3000):
        changed = bytearray(line)
        for at in random.integers(0, len(line), 3):
            changed[at] = random.integers(0, 256)
        try:
            message = decode(bytes(changed))
            as_answer(message, ("v4_01", "007"))
            as_hello(message)
        except InputError as error:
            sentences.append(str(error))
    assert len(sentences) > 1000
    assert {len(sentence.splitlines()) for sentence in sentences} == {1}
    for at in range(len(line) - 2):
        with pytest.raises(InputError):
            decode(line[:at])


def test_the_command_line_refuses_in_sentences(stimuli, tmp_path, synthstim):
    for options, sentence in [
        (["--policy", "guess"], "the policy 'guess' is unknown: known are 'bandit'"),
        (["--policy", "bandit"], "a bandit goes by the responses of one site: name it with --site"),
        (["--policy", "staircase", "--site", "a"], "a staircase goes for a response: give it with --criterion"),
        (["--policy", "evolve"], "is not an evolution"),
        (["--port", "99999"], "port 99999 given"),
    ]:
        out = ["--out", str(tmp_path / "trials")]
        assert sentence in synthstim("serve", stimuli.root, *out, *options, cwd=tmp_path)
    assert "is not a stimulus set" in synthstim("serve", "nowhere", cwd=tmp_path)
