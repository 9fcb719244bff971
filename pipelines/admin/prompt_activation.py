"""The page that asks whether steps are to ask a prompt from now on."""

import uuid
from functools import partial
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from pipelines.admin.activating import gates_shown, refusal
from pipelines.ai.activation import activate_prompt
from pipelines.ai.prompts import active_prompts
from pipelines.gates import verdicts_on_prompt
from pipelines.models import AIPrompt


def activate_page(admin: Any, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Shows what the gates say of it; whoever may override them is asked for the reason."""
    if not admin.has_change_permission(request):
        raise PermissionDenied
    prompt: AIPrompt | None = admin.get_object(request, str(pk))
    if prompt is None:
        raise Http404("There is no such prompt.")
    refused = ""
    if request.method == "POST":
        refused = refusal(request, partial(activate_prompt, prompt))
        if not refused:
            admin.log_change(request, prompt, "Made active.")
            messages.success(request, f"Steps that ask {prompt.process} now get version {prompt.version}.")
            return redirect(reverse("admin:pipelines_aiprompt_change", args=[prompt.pk]))
    before = active_prompts(prompt.process.key).first()
    context = {
        **admin.admin_site.each_context(request),
        "opts": admin.opts,
        "title": f"Make {prompt} active",
        "prompt": prompt,
        "before": before,
        "refused": refused,
        **gates_shown(request, lambda: verdicts_on_prompt(prompt, before)),
    }
    return TemplateResponse(request, "admin/pipelines/aiprompt/activate.html", context)
