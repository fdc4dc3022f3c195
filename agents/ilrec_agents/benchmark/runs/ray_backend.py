"""The same runs on a Ray cluster, through joblib's back-end for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ilrec_gym.errors import require
from ilrec_gym.files import read_json

_ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
_LOOK = 0.5  # seconds between two looks at what has ended


@contextmanager
def on_ray() -> Iterator[Callable[[Sequence[Any], dict[str, Any]], list[Any]]]:
    """A function that runs joblib's calls on Ray: the cluster that is connected, or one of this machine alone."""
    ray, joblib = require("ray", "ray"), require("joblib", "report")
    require("ray.util.joblib", "ray").register_ray()
    here = not ray.is_initialized()
    if here:
        ray.init(
            log_to_driver=False, include_dashboard=False, logging_level="ERROR", runtime_env={"env_vars": _ONE_THREAD}
        )

    def parallel(calls: Sequence[Any], options: dict[str, Any]) -> list[Any]:
        with joblib.parallel_config("ray"):
            return list(joblib.Parallel(**options)(calls))

    try:
        yield parallel
    finally:
        if here:
            ray.shutdown()


def watched(work: Callable[[], list[dict[str, Any]]], files: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """The records that work leaves in files, as they appear: this back-end of joblib returns them all at the end.

    Args:
        work: Runs everything, and returns the records.
        files: Where each record is written, in one move; files of earlier runs are ignored.
    """
    before = {path: _stamp(path) for path in files}
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        while not future.done():
            time.sleep(_LOOK)
            for path in [path for path, stamp in before.items() if _stamp(path) not in (0, stamp)]:
                del before[path]
                yield read_json(path)
        rest = {path.parent.name for path in before}
        yield from (record for record in future.result() if record["key"] in rest)


def _stamp(path: Path) -> int:
    """When a file was written; 0 where there is none, also while its folder is being replaced."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
