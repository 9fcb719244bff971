"""Addresses of the review screen."""

from django.urls import path

from pipelines.review.screen import views

app_name = "review"
urlpatterns = [
    path("", views.queues, name="queues"),
    path("queues/<slug:key>/", views.queue, name="queue"),
    path("queues/<slug:key>/adjudicate/", views.adjudicate, name="adjudicate"),
    path("queues/<slug:key>/fill/", views.fill_queue, name="fill"),
    path("items/<uuid:pk>/", views.item, name="item"),
    path("items/<uuid:pk>/draft", views.draft, name="draft"),
    path("items/<uuid:pk>/check", views.check, name="check"),
    path("items/<uuid:pk>/preview", views.preview, name="preview"),
    path("items/<uuid:pk>/picture/<slug:which>", views.picture, name="picture"),
]
