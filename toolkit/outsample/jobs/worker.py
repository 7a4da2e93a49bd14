"""A worker of the queue: `outsample worker`; the supervisor's loop, with ids from Redis."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from outsample.archive import Store
from outsample.errors import ConfigError
from outsample.jobs.figures import prometheus
from outsample.jobs.guard import check_environment
from outsample.jobs.queues import Queues
from outsample.jobs.sources import RedisSource
from outsample.jobs.states import PRIORITIES
from outsample.jobs.supervisor import Options, Supervisor, healthy, worker_name

__all__ = ["check_health", "run_worker"]

_log = logging.getLogger(__name__)
# So long does the end of a worker wait for what is still to be told.
_LAST_SECONDS = 5.0


def run_worker(
    queues: Sequence[str] = PRIORITIES,
    *,
    slots: int = 1,
    metrics_port: int | None = None,
    burst: bool = False,
    on_end: Callable[[Mapping[str, Any]], None] | None = None,
) -> int:
    """Run jobs of the queues until SIGTERM or SIGINT; then the running ones are given back. Returns 0.

    Parameters
    ----------
    queues : sequence of {"high", "normal", "low"}
        Also by their names in Redis, ``backtest_high``; the most urgent are served first.
    slots : int
        Jobs at once.
    metrics_port : int, optional
        Serve `prometheus` on this port, on all interfaces.
    burst : bool
        End when there has been nothing to do for two seconds.
    on_end : callable, optional
        Called in a thread of its own with what is known of each job that ended.

    Raises
    ------
    ConfigError, StoreError, JobError
        It cannot work: no such queue, the store or Redis does not answer.
    """
    check_environment()
    names = [name.removeprefix("backtest_") for name in queues]
    wrong = [name for name in names if name not in PRIORITIES]
    if wrong or not names:
        raise ConfigError(f"queues must be some of {', '.join(map(repr, PRIORITIES))}. Got {wrong or names}.")
    with (
        Store.open() as store,
        contextlib.closing(Queues()) as transport,
        _served(store, metrics_port),
        _told(on_end) as tell,
    ):
        transport.ping()
        source = RedisSource(store, worker_name(), transport, names)
        options = Options(slots=slots, idle_seconds=2.0 if burst else None, on_end=tell)
        Supervisor(store, source, options, store.engine.url.render_as_string(hide_password=False)).run()
    return 0


def check_health() -> bool:
    """Whether a worker on this machine has lately said that it works; for probes of containers."""
    with Store.open() as store:
        return healthy(store)


@contextlib.contextmanager
def _told(on_end: Callable[[Mapping[str, Any]], None] | None) -> Iterator[Callable[[Mapping[str, Any]], None] | None]:
    """Tell of endings one after the other, beside the work: a lease must not wait for somebody else's command."""
    if on_end is None:
        yield None
        return
    waiting: queue.SimpleQueue[Mapping[str, Any] | None] = queue.SimpleQueue()

    def serve() -> None:
        while (outcome := waiting.get()) is not None:
            try:
                on_end(outcome)
            except Exception:  # noqa: BLE001 - whatever a caller's function raises, jobs go on
                _log.exception("Telling how the job %s ended has failed.", outcome["job_id"])

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield waiting.put
    finally:
        waiting.put(None)
        thread.join(_LAST_SECONDS)


@contextlib.contextmanager
def _served(store: Store, port: int | None) -> Iterator[None]:
    """Serve the metrics beside the work."""
    if port is None:
        yield
        return

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = prometheus(store).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
            _log.debug(format, *args)

    with ThreadingHTTPServer(("", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
