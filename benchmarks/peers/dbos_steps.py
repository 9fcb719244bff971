"""DBOS, for ``benchmarks/engine.py``: workflows of steps that do nothing but hand over a small document.

    python dbos_steps.py DATABASE_URL

Steps beside each other are awaited together in one workflow, as its guide recommends for parallel steps; a queue would
poll for them. Each line of input is a shape, each line of output its seconds.
"""

import asyncio
import importlib.metadata
import json
import sys
from time import perf_counter
from typing import Any

from dbos import DBOS

IR = {"key": "hero", "title": "What we do, in a sentence.", "overall": 92.5, "bounds": {"x": 0, "y": 0.25}}


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


def measure(shape: dict[str, Any]) -> float:
    """Seconds of one shape."""
    began = perf_counter()
    if shape["fansOut"]:
        asyncio.run(fan_out(shape["size"]))
    elif shape["runs"] == 1:
        chain(shape["size"])
    else:
        for handle in [DBOS.start_workflow(chain, shape["size"]) for _ in range(shape["runs"])]:
            handle.get_result()
    return perf_counter() - began


def main() -> None:
    """Answer shapes until the input ends."""
    url = sys.argv[1].replace("postgres://", "postgresql+psycopg://", 1)
    DBOS(config={"name": "benchmark", "system_database_url": url, "log_level": "WARNING", "run_admin_server": False})
    DBOS.launch()
    print(json.dumps({"version": importlib.metadata.version("dbos")}), flush=True)
    for line in sys.stdin:
        print(json.dumps({"seconds": measure(json.loads(line))}), flush=True)
    DBOS.destroy()


if __name__ == "__main__":
    main()
