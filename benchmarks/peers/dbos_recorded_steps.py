"""DBOS as in ``dbos_steps.py``, with steps that leave the records which irline's leave.

    python dbos_recorded_steps.py DATABASE_URL

Each validates its document and writes it, three metrics and an entry of the audit log with its three checks: one
statement, in a transaction of DBOS's datasource, which commits with DBOS's own mark. So the records are there once,
whatever ends when, as irline's are. The tables are plainer than irline's: no checks of values, no keys of others.
"""

import asyncio
import hashlib
import json
from typing import Any

import jsonschema_rs
import sqlalchemy
from dbos import DBOS, AsyncSQLAlchemyDatasource, SQLAlchemyDatasource
from dbos_steps import IR, address, answer

FRACTION = {"type": "number", "minimum": 0, "maximum": 1}
VALIDATOR = jsonschema_rs.validator_for(
    {
        "type": "object",
        "required": ["key", "title", "overall", "bounds"],
        "properties": {
            "key": {"type": "string", "pattern": "^[a-z][a-z0-9-]*$"},
            "title": {"type": "string", "maxLength": 200},
            "overall": {"type": "number", "minimum": 0, "maximum": 100},
            "bounds": {"type": "object", "required": ["x", "y"], "properties": {"x": FRACTION, "y": FRACTION}},
        },
    }
)
TABLES = """
CREATE TABLE artifact (
    id uuid PRIMARY KEY DEFAULT uuidv7(), created_at timestamptz NOT NULL DEFAULT now(), workflow_id text NOT NULL,
    step integer NOT NULL, document jsonb NOT NULL, content_hash text NOT NULL, is_valid boolean NOT NULL,
    UNIQUE (workflow_id, step)
);
CREATE TABLE metric (
    id uuid PRIMARY KEY DEFAULT uuidv7(), artifact_id uuid NOT NULL REFERENCES artifact, name text NOT NULL,
    value double precision, passed boolean, UNIQUE (artifact_id, name)
);
CREATE TABLE audit (
    id uuid PRIMARY KEY DEFAULT uuidv7(), created_at timestamptz NOT NULL DEFAULT now(),
    artifact_id uuid NOT NULL UNIQUE REFERENCES artifact, status text NOT NULL, summary jsonb NOT NULL
);
CREATE TABLE audit_check (
    id uuid PRIMARY KEY DEFAULT uuidv7(), audit_id uuid NOT NULL REFERENCES audit, name text NOT NULL,
    status text NOT NULL, details jsonb NOT NULL, UNIQUE (audit_id, name)
);
"""
RECORD = sqlalchemy.text("""
WITH made AS (
    INSERT INTO artifact (workflow_id, step, document, content_hash, is_valid)
    VALUES (:workflow, :number, CAST(:document AS jsonb), :hash, :is_valid) RETURNING id
), measured AS (
    INSERT INTO metric (artifact_id, name, value, passed)
    SELECT made.id, listed.* FROM made,
        (VALUES ('latency_ms', 0.1, true), ('quality_overall', 92.5, true), ('validation_pass_rate', 1, false)) listed
), audited AS (
    INSERT INTO audit (artifact_id, status, summary)
    SELECT id, 'passed', CAST(:summary AS jsonb) FROM made RETURNING id
)
INSERT INTO audit_check (audit_id, name, status, details)
SELECT audited.id, listed.name, 'passed', CAST(:details AS jsonb)
FROM audited, (VALUES ('IR Validation'), ('Prompt IO'), ('Safety/Policy')) listed (name)
""")
CONSTANTS = {
    "summary": json.dumps({"pipelineId": "0" * 36, "nodeKey": "n0", "validation": {"version": 1}}),
    "details": json.dumps({"mode": "log", "outcome": "valid", "errorCount": 0, "engine": "jsonschema-rs"}),
}

LOOP = asyncio.Runner()
DATASOURCE = SQLAlchemyDatasource.create(address())
ASYNC_DATASOURCE = LOOP.run(AsyncSQLAlchemyDatasource.create(address()))


@DATASOURCE.transaction(isolation_level="READ COMMITTED")
def step(number: int) -> dict[str, Any]:
    document, record = handed_over(number)
    DATASOURCE.sql_session().execute(RECORD, record)
    return document


@ASYNC_DATASOURCE.transaction(isolation_level="READ COMMITTED")
async def async_step(number: int) -> dict[str, Any]:
    document, record = handed_over(number)
    await ASYNC_DATASOURCE.sql_session().execute(RECORD, record)
    return document


def handed_over(number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a step returns, and what is written of it."""
    document = {**IR, "number": number}
    text = json.dumps(document, sort_keys=True)
    record = {
        "workflow": DBOS.workflow_id,
        "number": DBOS.step_id,
        "document": text,
        "hash": hashlib.sha256(text.encode()).hexdigest(),
        "is_valid": VALIDATOR.is_valid(document),
    }
    return document, {**CONSTANTS, **record}


@DBOS.workflow()
def recorded_chain(size: int) -> None:
    for number in range(size):
        step(number)


@DBOS.workflow()
async def recorded_fan_out(size: int) -> None:
    await async_step(0)
    await asyncio.gather(*[async_step(number) for number in range(size)])
    await async_step(size)


if __name__ == "__main__":
    with LOOP:
        with DATASOURCE.engine.begin() as connection:
            connection.execute(sqlalchemy.text(TABLES))
        answer(recorded_chain, recorded_fan_out, address(), LOOP)
