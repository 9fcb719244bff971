from django.apps import AppConfig


class PipelinesConfig(AppConfig):
    name = "pipelines"
    verbose_name = "Pipelines"

    def ready(self) -> None:
        from feedback.truth_rules import set_rule
        from pipelines.review.truth_rules import begin_check

        set_rule(begin_check)
