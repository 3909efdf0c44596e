"""Ray actors give the events of every other executor, on this machine and on a cluster."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from robustscope.__main__ import main
from robustscope.memory import below
from sampling.executors import ATTEMPTS, Execution, run_jobs
from sampling.store import open_results
from tests.test_sampling_executors import ends, mortal, pid_and_wait, squares, unable

pytest.importorskip("ray", reason="Ray is not installed: pip install 'robustscope[ray]'")
pytestmark = [pytest.mark.peer, pytest.mark.slow]

RAY = Execution(2, "ray")


def children(pid: int) -> set[int]:
    """Every process below this one."""
    return set(below(pid))


def descriptors(pid: int) -> set[str]:
    """What the open files of a process are."""
    found = set()
    with suppress(OSError):  # it may end meanwhile
        for file in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                found.add(str(file.readlink()))
    return found


def listening(pids: set[int]) -> set[str]:
    """Addresses, as in /proc, on which some of the processes wait for connections."""
    sockets = set[str]().union(*map(descriptors, pids))
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                found.add(fields[1].split(":")[0])
    return found


LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}


def test_jobs_end_once_and_actors_that_die_or_hang_are_replaced(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    before = signal.getsignal(signal.SIGTERM), children(os.getpid())
    jobs = ["a", "once", "b", "always", "stops", "c"]
    how = Execution(2, "ray", patience=40.0)
    got = ends(list(run_jobs(mortal, (tmp_path,), jobs, how)))
    assert [got[i] for i in (0, 2, 5)] == [("done", 1)] * 3
    assert [got[i] for i in (1, 4)] == [("done", 2)] * 2
    assert got[3] == ("failed", f"worker died as a Ray actor (out of memory?), {ATTEMPTS} attempts")
    assert len((tmp_path / "always").read_text()) == ATTEMPTS
    assert capfd.readouterr() == ("", "")
    assert (signal.getsignal(signal.SIGTERM), children(os.getpid())) == before
    assert not (tmp_path / ".ray").exists()  # the token is kept in memory


def test_ray_listens_on_the_loopback_interface_alone_and_ends_with_the_work() -> None:
    before = children(os.getpid())  # such as the resource tracker of an earlier test
    events = run_jobs(pid_and_wait, (), [0, 600], RAY)
    child = next(e.value for e in events if e.kind == "message" and e.job == 1)
    ours = children(os.getpid()) - before
    assert child in ours
    found = listening({os.getpid(), *ours})
    assert found
    assert found <= LOOPBACK
    events.close()  # type: ignore[attr-defined]
    assert not children(os.getpid()) & ours


def command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def test_actors_that_cannot_be_set_up_stop_the_work() -> None:
    with pytest.raises(ValueError, match=rf"got {ATTEMPTS} in a row .* Setup\.file must exist"):
        list(run_jobs(unable, (), [1, 2], RAY))


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_a_cluster_that_is_not_there_is_told_in_one_line() -> None:
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(ValueError, match=rf"head of a Ray cluster listens; got {address} \("):
        list(run_jobs(squares, (), [3], Execution(1, "ray", address=address)))


def in_cluster(token: str, *command: str, **options: Any) -> "subprocess.Popen[str]":
    """A process that knows the token of a cluster."""
    environment = os.environ | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}
    environment.pop("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", None)
    command = (sys.executable, *command)
    return subprocess.Popen(command, env=environment, start_new_session=True, text=True, **options)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Address and token of a cluster of one core, in processes of its own."""
    address, token = f"127.0.0.1:{free_port()}", secrets.token_hex(32)
    head = ["start", "--head", "--block", "--node-ip-address=127.0.0.1", "--num-cpus=1"]
    head += [f"--port={address.split(':')[1]}", "--include-dashboard=false"]
    head += ["--object-store-memory=100000000", "--disable-usage-stats"]
    script = "import sys; from ray.scripts.scripts import main; sys.exit(main())"
    with (tmp_path / "ray.log").open("w") as log:
        process = in_cluster(token, "-c", script, *head, stdout=log, stderr=log)
        deadline = time.monotonic() + 120
        while "Ray runtime started" not in (tmp_path / "ray.log").read_text():
            assert time.monotonic() < deadline, (tmp_path / "ray.log").read_text()
            time.sleep(0.2)
        yield address, token
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(90)


JOIN = """
import sys
from sampling.executors import Execution, run_jobs
from tests.test_sampling_executors import check_squares, squares
for workers in (2, None):  # the second of two finds no place, and is not blamed
    how = Execution(workers, "ray", 60.0, sys.argv[1])
    check_squares(list(run_jobs(squares, (), [3, -1, 4], how)))
"""


def test_a_cluster_is_joined_and_left_with_its_token_alone(cluster: tuple[str, str]) -> None:
    address, token = cluster
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    stranger = in_cluster("0" * 64, "-c", JOIN, address, **pipes)
    assert "Execution.address must be a Ray cluster" in stranger.communicate(timeout=180)[1]
    process = in_cluster(token, "-c", JOIN, address, **pipes)
    assert process.communicate(timeout=180) == ("", "")
    assert process.returncode == 0


SMALL = ("run", "--subnets", "6", "--images", "40", "--epochs", "1", "--quiet")
PROTOCOL = {"natural": ["contrast"], "severities": [3], "system": [], "attacked": 20,
            "recalibration": 64}  # fmt: skip


def content_hash(out: Path) -> str:
    with open_results(out / "results.h5") as results:
        return str(results.attributes["content_hash"])


def actors(pid: int) -> set[int]:
    """Workers of ours below a process."""
    return {child for child in children(pid) if command(child).startswith("ray::Actor")}


@pytest.fixture
def protocol(tmp_path: Path) -> Path:
    path = tmp_path / "small.json"
    path.write_text(json.dumps(PROTOCOL))
    return path


def started(out: Path, protocol: Path, place: Path | None = None) -> "subprocess.Popen[bytes]":
    """A run by two actors, its temporary files in a place of its own if one is given."""
    command = [sys.executable, "-m", "robustscope", *SMALL, "--protocol", str(protocol)]
    command += ["--out", str(out), "--workers", "2", "--executor", "ray"]
    pipe = subprocess.PIPE
    env = os.environ | ({"TMPDIR": str(place)} if place else {})
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, start_new_session=True, env=env)


def evaluating(process: "subprocess.Popen[bytes]", out: Path) -> set[int]:
    """Waits until the journal is there and actors work; which."""
    while process.poll() is None:
        found = actors(process.pid) if (out / "journal.sqlite").exists() else set()
        if len(found) == 2:
            return found
        time.sleep(0.05)
    raise AssertionError(process.communicate())


def test_a_run_by_actors_one_of_which_is_killed_equals_one_by_processes(
    protocol: Path, tmp_path: Path
) -> None:
    out, other = tmp_path / "ray", tmp_path / "processes"
    process = started(out, protocol)
    os.kill(evaluating(process, out).pop(), signal.SIGKILL)
    said, errors = process.communicate(timeout=500)
    assert process.returncode == 0, errors.decode()
    assert errors == b""
    assert b"raylet" not in said
    options = ["--protocol", str(protocol), "--out", str(other), "--executor", "here"]
    assert main([*SMALL, *options]) == 0
    assert content_hash(out) == content_hash(other)
    with open_results(out / "results.h5") as results:
        assert set(results.networks.status) == {"done"}


@pytest.fixture
def place() -> Iterator[Path]:
    """A new folder whose name is short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="r", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_run_by_actors_that_is_stopped_leaves_nothing_running(
    protocol: Path, tmp_path: Path, place: Path, number: signal.Signals
) -> None:
    process = started(tmp_path / "run", protocol, place)
    evaluating(process, tmp_path / "run")
    # after SIGKILL two agents of Ray's own need minutes to notice that they are alone
    agents = number == signal.SIGKILL
    ours = {p for p in children(process.pid) if not (agents and "Agent" in command(p))}
    os.kill(process.pid, number)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == (-9 if number == signal.SIGKILL else 130)
    assert errors.decode().strip() in ("", "Stopped; the same command goes on from here.")
    deadline = time.monotonic() + 30
    while left := {pid for pid in ours if Path(f"/proc/{pid}").exists()}:
        assert time.monotonic() < deadline, [command(pid) for pid in left]
        time.sleep(0.1)
    # of Ray's sockets and logs; after SIGKILL nobody is left to remove them
    assert bool(list(place.glob("ray-*"))) == agents
