"""Who runs the steps: the process that starts a run (``inline``), or workers on any machine (``distributed``)."""

import uuid

from django.conf import settings


def carry_on(run_id: uuid.UUID) -> None:
    """See to it that a run which was started, rerun or approved in a request goes on once its transaction is committed.

    Under the distributed executor its steps are in the queue already; else a thread of this process carries it.
    """
    if settings.PIPELINE_EXECUTOR == "inline":
        from django.db import transaction

        from pipelines.executors.inline import carry_in_background

        transaction.on_commit(lambda: carry_in_background(run_id))
