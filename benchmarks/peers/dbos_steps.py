"""DBOS, for ``benchmarks/engine.py``: workflows of steps that do nothing but hand over a small document.

    python dbos_steps.py DATABASE_URL

Steps beside each other are awaited together in one workflow, as its guide recommends for parallel steps; a queue would
poll for them. Each line of input is a shape, each line of output its seconds.
"""

import asyncio
import importlib.metadata
import json
import sys
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

from dbos import DBOS

IR = {"key": "hero", "title": "What we do, in a sentence.", "overall": 92.5, "bounds": {"x": 0, "y": 0.25}}

Chain = Callable[[int], None]
FanOut = Callable[[int], Awaitable[None]]


@DBOS.step()
def step(number: int) -> dict[str, Any]:
    return {**IR, "number": number}


@DBOS.step()
async def async_step(number: int) -> dict[str, Any]:
    return {**IR, "number": number}


@DBOS.workflow()
def chain(size: int) -> None:
    for number in range(size):
        step(number)


@DBOS.workflow()
async def fan_out(size: int) -> None:
    await async_step(0)
    await asyncio.gather(*[async_step(number) for number in range(size)])
    await async_step(size)


def answer(chain: Chain, fan_out: FanOut, url: str, loop: asyncio.Runner) -> None:
    """Say how many seconds each shape takes, until the input ends. Workflows that await run in ``loop``."""
    DBOS(config={"name": "benchmark", "system_database_url": url, "log_level": "WARNING", "run_admin_server": False})
    DBOS.launch()
    print(json.dumps({"version": importlib.metadata.version("dbos")}), flush=True)
    for line in sys.stdin:
        shape = json.loads(line)
        began = perf_counter()
        if shape["fansOut"]:
            loop.run(fan_out(shape["size"]))
        elif shape["runs"] == 1:
            chain(shape["size"])
        else:
            for handle in [DBOS.start_workflow(chain, shape["size"]) for _ in range(shape["runs"])]:
                handle.get_result()
        print(json.dumps({"seconds": perf_counter() - began}), flush=True)
    DBOS.destroy()


def address() -> str:
    """Of the database that the command line names, for SQLAlchemy."""
    return sys.argv[1].replace("postgres://", "postgresql+psycopg://", 1)


if __name__ == "__main__":
    with asyncio.Runner() as loop:
        answer(chain, fan_out, address(), loop)
