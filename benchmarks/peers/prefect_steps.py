"""Prefect, for ``benchmarks/engine.py``: flows of tasks that do nothing but hand over a small document.

    python prefect_steps.py DATABASE_URL

A Prefect server of its own works on the database, which must have pg_trgm. Each line of input is a shape, each line of
output its seconds.
"""

import importlib.metadata
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

os.environ |= {
    "PREFECT_API_DATABASE_CONNECTION_URL": sys.argv[1].replace("postgres://", "postgresql+asyncpg://", 1),
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}

from prefect import flow, task
from prefect.server.api.server import SubprocessASGIServer

IR = {"key": "hero", "title": "What we do, in a sentence.", "overall": 92.5, "bounds": {"x": 0, "y": 0.25}}


@task
def step(number: int) -> dict[str, Any]:
    return {**IR, "number": number}


@flow
def chain(size: int) -> None:
    for number in range(size):
        step(number)


@flow
def fan_out(size: int) -> None:
    step(0)
    step.map(list(range(size))).result()
    step(size)


def measure(shape: dict[str, Any]) -> float:
    """Seconds of one shape."""
    began = perf_counter()
    if shape["fansOut"]:
        fan_out(shape["size"])
    else:
        with ThreadPoolExecutor(shape["runs"]) as pool:
            list(pool.map(chain, [shape["size"]] * shape["runs"]))
    return perf_counter() - began


def main() -> None:
    """Answer shapes until the input ends."""
    server = SubprocessASGIServer()
    server.start(timeout=120)
    os.environ["PREFECT_API_URL"] = f"{server.address}/api"
    print(json.dumps({"version": importlib.metadata.version("prefect")}), flush=True)
    for line in sys.stdin:
        print(json.dumps({"seconds": measure(json.loads(line))}), flush=True)
    server.stop()


if __name__ == "__main__":
    main()
