from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.core.management.base import CommandError

from config.commands import ExplainedCommand
from config.problems import DomainError
from monitoring import flags
from monitoring.flag_history import history_of
from monitoring.flag_targets import Who, find_target, ids_of, parse_who
from monitoring.flags import Key
from monitoring.targeting import Subject


class Command(ExplainedCommand):
    help = """See and set what is switched on; what is set holds at once, in every process.

  manage.py flags list
  manage.py flags show MONITORING_API_ENABLED            its value, rules and history
  manage.py flags set MONITORING_API_ENABLED on --reason "canary went well"
  manage.py flags set MONITORING_API_ENABLED off --for-all --reason "rollback"
  manage.py flags unset MONITORING_API_ENABLED --reason "back to the environment's default"
  manage.py flags add-rule MONITORING_API_ENABLED group:testers on --reason "canary"
  manage.py flags add-rule IR_VALIDATION_MODE pipeline:design_to_modules enforce --reason "tried with log"
  manage.py flags remove-rule MONITORING_API_ENABLED 1 --reason "canary is over"
  manage.py flags explain MONITORING_API_ENABLED --user ada

A rule is for user:NAME, group:NAME, pipeline:KEY, prompt:PROCESS@VERSION or percentage:NUMBER (of users, and of runs
where a run asks; the same ones at every call, and all of those of a smaller number). The first rule that fits decides,
else the live value, else the environment's default. With --for-all the rules go, so that nobody gets anything else."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        does = parser.add_subparsers(dest="does", required=True, metavar="WHAT")
        does.add_parser("list", help="every flag with its value")
        show = does.add_parser("show", help="a flag's value, rules and history")
        set_ = does.add_parser("set", help="make a value the live one")
        unset = does.add_parser("unset", help="give the environment's default back; rules stay")
        add = does.add_parser("add-rule", help="a value for some before it holds for all")
        remove = does.add_parser("remove-rule", help="take a rule away")
        explain = does.add_parser("explain", help="what holds for a user, a pipeline or a prompt, and why")
        for one in (show, set_, unset, add, remove, explain):
            one.add_argument("key", choices=Key.values, metavar="KEY", help=", ".join(Key.values))
        set_.add_argument("value")
        for one in (set_, unset):
            one.add_argument("--for-all", action="store_true", help="take its rules away as well, in the same moment")
        add.add_argument("who", metavar="WHO:NAME")
        add.add_argument("value")
        add.add_argument("--position", type=int, help="its place among the rules; without it the last")
        remove.add_argument("position", type=int)
        for one in (set_, unset, add, remove):
            one.add_argument("--reason", required=True, help="why; the history shows it")
            one.add_argument("--as", dest="acting", metavar="USERNAME", help="whose change it is")
        explain.add_argument("--user", metavar="USERNAME")
        explain.add_argument("--pipeline", metavar="KEY")
        explain.add_argument("--prompt", metavar="PROCESS@VERSION")
        explain.add_argument("--run", type=UUID, metavar="ID", help="the run that a percentage draws its lot by")

    def handle(self, *args: Any, **options: Any) -> None:
        does = getattr(self, f"_{options['does'].replace('-', '_')}")
        try:
            does(options)
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal

    def _list(self, options: dict[str, Any]) -> None:
        width = max(map(len, Key.values))
        for key in Key:
            state = flags.state_of(key)
            decision = flags.judge(key, state, Subject())
            rules = f"; {len(state.rules)} rules" if state.rules else ""
            self.stdout.write(f"{key:<{width}}  {decision.value:<7}  {decision.reason}{rules}")

    def _show(self, options: dict[str, Any]) -> None:
        key = Key(options["key"])
        state = flags.state_of(key)
        decision = flags.judge(key, state, Subject())
        self.stdout.write(f"{key}: {key.label}\nfor all: {decision.value} ({decision.reason})\nrules:")
        for rule in state.rules:
            self.stdout.write(f"  {rule.position}. {rule.whom}: {rule.value}")
        self.stdout.write("history:" if state.rules else "  none\nhistory:")
        for change in history_of(key):
            who = change.who or "not signed in"
            self.stdout.write(
                f"  {change.when:%Y-%m-%d %H:%M} {who}: {change.what}, {change.before} to {change.after}: {change.why}"
            )

    def _set(self, options: dict[str, Any]) -> None:
        key = Key(options["key"])
        flags.set_flag(key=key, value=options["value"], **_change(options))
        whom = "all" if options["for_all"] else "all whom no rule is for"
        self.stdout.write(f"{key} is {options['value']} for {whom}.")

    def _unset(self, options: dict[str, Any]) -> None:
        key = Key(options["key"])
        was_set = flags.unset_flag(key=key, **_change(options))
        told = "" if was_set else " Nothing had been set."
        self.stdout.write(f"{key} has the environment's default, {flags.default(key)}.{told}")

    def _add_rule(self, options: dict[str, Any]) -> None:
        who, target = parse_who(options["who"])
        rule = flags.add_rule(
            key=Key(options["key"]),
            who=who,
            target=target,
            value=options["value"],
            reason=options["reason"],
            position=options["position"],
            user=_acting(options),
        )
        self.stdout.write(f"Rule {rule.position} of {rule.key}: {options['who']} gets {rule.value}.")

    def _remove_rule(self, options: dict[str, Any]) -> None:
        flags.remove_rule(
            key=Key(options["key"]), position=options["position"], reason=options["reason"], user=_acting(options)
        )
        self.stdout.write(f"Rule {options['position']} of {options['key']} is gone.")

    def _explain(self, options: dict[str, Any]) -> None:
        named = {who: options[who.value] for who in (Who.USER, Who.PIPELINE, Who.PROMPT)}
        decision = flags.decide(Key(options["key"]), **ids_of(named), run_id=options["run"])
        self.stdout.write(f"{decision.key} is {decision.value}: {decision.reason}")


def _change(options: dict[str, Any]) -> dict[str, Any]:
    return {"reason": options["reason"], "user": _acting(options), "for_all": options["for_all"]}


def _acting(options: dict[str, Any]) -> User | None:
    if not options["acting"]:
        return None
    found = find_target(Who.USER, options["acting"])
    return found if isinstance(found, User) else None
