"""The groups of people who review: what each may do."""

from django.contrib.auth.models import Group, Permission
from django.db.models import Q

from feedback import permissions
from feedback.models.gates import OVERRIDE

REVIEWER = (permissions.REVIEW, "feedback.view_reviewfeedback", "feedback.add_reviewfeedback")
CURATOR = (
    *REVIEWER,
    permissions.CURATE,
    "feedback.view_reviewqueue",
    "feedback.view_reviewitem",
    "feedback.view_reviewanswer",
    "feedback.view_groundtruth",
    "feedback.add_groundtruth",
    "feedback.view_groundtruthset",
    "feedback.add_groundtruthset",
    "feedback.change_groundtruthset",
    "feedback.view_groundtruthsetitem",
    "feedback.add_groundtruthsetitem",
    "feedback.delete_groundtruthsetitem",
    "feedback.view_judge",
    "feedback.view_judgement",
    "feedback.view_evaluation",
    "feedback.add_evaluation",
    "feedback.change_evaluation",
    "feedback.view_evaluationitem",
    "feedback.view_activationgate",
    # What evaluations are of, and what queues, gates and evaluations are made from.
    *(
        f"pipelines.view_{model}"
        for model in ("pipelinedefinition", "pipelineversion", "stepdefinition", "aiprocess", "aiprompt", "pipelinerun")
    ),
    "metrics.view_metricdefinition",
)
ADMINISTRATOR = (
    *CURATOR,
    *(f"feedback.{verb}_{model}" for model in ("reviewqueue", "reviewquestion") for verb in ("add", "change", "view")),
    "feedback.view_reviewassignment",
    "feedback.delete_reviewqueue",
    "feedback.delete_reviewquestion",
    "feedback.delete_groundtruthset",
    "feedback.add_judge",
    "feedback.change_judge",
    "feedback.add_judgement",
    *(f"feedback.{verb}_activationgate" for verb in ("add", "change", "delete")),
    OVERRIDE,
    "pipelines.change_pipelineversion",
    "pipelines.change_aiprompt",
)
ROLES = {"reviewer": REVIEWER, "curator": CURATOR, "administrator": ADMINISTRATOR}


def plant_role(name: str) -> bool:
    """Make the group with its permissions; one that is there stays as it is. Returns whether it was made."""
    group, made = Group.objects.get_or_create(name=name)
    if made:
        group.permissions.set(Permission.objects.filter(_any_of(ROLES[name])))
    return made


def _any_of(names: tuple[str, ...]) -> Q:
    wanted = Q()
    for name in names:
        app, codename = name.split(".")
        wanted |= Q(content_type__app_label=app, codename=codename)
    return wanted
