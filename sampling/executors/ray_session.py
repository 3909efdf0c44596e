"""Starts a Ray of our own or joins a cluster; the one module that imports Ray.

A Ray of our own listens on the loopback interface alone, answers only those who know its token, and
ends with the work, sockets and logs included. Usage statistics and the dashboard are off, and Ray
prints nothing. A cluster that is joined has its own token: Ray takes the user's from the
environment (RAY_AUTH_MODE, RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH).
"""

import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .contract import Execution, reason

STORE = 256 << 20
"""Bytes of shared memory for results on their way; one result takes a few MB at most."""

LONGEST = 30
"""Letters that the name of a temporary folder may have; a socket in it may have 107."""

TIMEOUT = 20.0
"""Seconds to reach the head of a cluster in."""

ENDING = 10.0
"""Seconds that Ray's processes may take to end and leave their folder alone."""

LOOPBACK = "127.0.0.1"

ALONE = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""Where this is 0 Ray listens on the loopback interface alone, on every system."""

TOKENS = "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
"""Where Ray looks for the token that all who talk to it must know; versions before 2.52 do not."""


@contextmanager
def joined(how: Execution) -> Iterator[Any]:
    """The ray module, connected inside to the cluster at the address or to one of our own.

    Raises:
        ValueError: The cluster cannot be joined, or none can be started.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if not how.address:
        os.environ[ALONE] = "0"
        if not any(name in os.environ for name in TOKENS):
            # kept in memory, one for all sessions of this process: Ray remembers it, and would
            # else leave one in the home folder that everybody can read
            os.environ[TOKENS[0]] = secrets.token_hex(32)
    import ray

    # what Ray read when it was imported, maybe by others, and what it has no switch for
    constants, worker = (
        sys.modules[f"ray._private.{name}"] for name in ("ray_constants", "worker")
    )
    folder = _folder()
    try:
        with (
            _replaced(constants, "ENABLE_RAY_CLUSTER", bool(how.address)),
            _replaced(worker, "print_to_stdstream", lambda *_, **__: None),  # of dead actors
        ):
            _connect(ray, how, folder)
            yield ray
    finally:
        ray.shutdown()
        _remove(folder)


def _connect(ray: Any, how: Execution, folder: str) -> None:
    """Start or join, quietly, and leave signals to whom they were left before.

    Raises:
        ValueError: That failed, or a Ray of our own would listen to others.
    """
    options: dict[str, Any] = {"address": how.address}
    if how.address:
        _reach(how.address)
    else:
        options = {
            "address": "local",
            "num_cpus": how.workers or os.cpu_count(),
            "num_gpus": None if how.gpu else 0,
            "object_store_memory": STORE,
            "include_dashboard": False,
            "_temp_dir": folder,
        }
    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(log_to_driver=False, logging_level="CRITICAL", **options)
    except SystemExit:
        raise KeyboardInterrupt from None  # what Ray, while it starts, makes of SIGTERM
    except (OSError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"Execution.address must be a Ray cluster of this version; got "
            f"{how.address or 'none, and could not start one'} ({reason(error)[:300]}). "
            "Correct --ray-address, set RAY_AUTH_MODE and RAY_AUTH_TOKEN where it asks for a "
            "token, or use --executor processes."
        ) from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)  # Ray keeps its own
    place = ray.util.get_node_ip_address()
    if not how.address and place != LOOPBACK:
        raise ValueError(
            f"Execution.executor ray must listen on {LOOPBACK} alone; got a Ray that listens on "
            f"{place}. Use another version of Ray, or --executor processes."
        )


def _reach(address: str) -> None:
    """Refuse an address where nobody listens: Ray would try for ten minutes.

    Raises:
        ValueError: Nobody does.
    """
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), TIMEOUT).close()
    except (OSError, OverflowError) as error:
        raise ValueError(
            f"Execution.address must be where the head of a Ray cluster listens; got {address} "
            f"({error}). Correct --ray-address, or start Ray there."
        ) from error


def _folder() -> str:
    """A new folder for Ray's sockets and logs."""
    place = tempfile.gettempdir()
    return tempfile.mkdtemp(prefix="ray-", dir=place if len(place) <= LONGEST else "/tmp")


def _remove(folder: str) -> None:
    """Remove Ray's folder, again where a process that is about to end wrote into it meanwhile."""
    end = time.monotonic() + ENDING
    shutil.rmtree(folder, ignore_errors=True)
    while Path(folder).exists() and time.monotonic() < end:
        time.sleep(0.1)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _replaced(module: Any, name: str, value: Any) -> Iterator[None]:
    """Another value of a module inside."""
    before = getattr(module, name, None)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)
