import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.outbound import checked_url
from config.problems import DomainError
from monitoring import flags
from monitoring.alerts import Looked, check_all, tell, why
from monitoring.models import Alert

FIRING, BAD_INPUT = 1, 2


class Command(BaseCommand):
    help = (
        "Look at every alert that is on, keep when each fires, and tell the webhook. Workers do the same once a "
        "minute. Exit status: 0 none fires, 1 one fires or could not be looked at, 2 the input could not be used."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON line an alert")
        parser.add_argument(
            "--webhook", metavar="URL", help="told of what began or ended; ALERT_WEBHOOK where left out"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        webhook = options["webhook"] or settings.ALERT_WEBHOOK
        try:
            if webhook:
                checked_url(webhook)
        except DomainError as refusal:
            raise CommandError(refusal.message, returncode=BAD_INPUT) from refusal
        if not flags.is_on_for_some(flags.Key.PIPELINE_LOGGING_ENABLED):
            raise CommandError(
                "Nothing is looked at, as PIPELINE_LOGGING_ENABLED is off. Switch it on with manage.py flags set "
                "PIPELINE_LOGGING_ENABLED on --reason …",
                returncode=BAD_INPUT,
            )
        looked = list(check_all(waits=True))
        for each in looked:
            self.stdout.write(json.dumps(_as_json(each)) if options["json"] else _as_line(each))
        tell(webhook)
        bad = sum(each.firing or bool(each.fault) for each in looked)
        if not options["json"]:
            self.stdout.write(_summary(looked))
        if bad:
            sys.exit(FIRING)


def _as_line(looked: Looked) -> str:
    state = "FAULT" if looked.fault else "FIRES" if looked.firing else "broken" if looked.broken else "ok"
    return f"{state:<6} {looked.alert.severity:<9} {looked.alert.name}: {_said(looked)}"


def _as_json(looked: Looked) -> dict[str, Any]:
    return {
        "alert": looked.alert.name,
        "severity": looked.alert.severity,
        "firing": looked.firing,
        "broken": looked.broken,
        "value": looked.reading.value,
        "counted": looked.reading.counted,
        "says": _said(looked),
    }


def _said(looked: Looked) -> str:
    return looked.fault or why(looked.alert, looked.reading)


def _summary(looked: list[Looked]) -> str:
    off = Alert.objects.filter(is_enabled=False).count()
    firing = sum(each.firing for each in looked)
    return f"{firing} of {len(looked)} alerts fire; {off} are off"
