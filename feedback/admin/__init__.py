"""Review in the admin: queues and their questions, the work in them, and what came of it."""

from feedback.admin import queues, reviews, work

__all__ = ["queues", "reviews", "work"]
