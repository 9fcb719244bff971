"""Review in the admin: queues and their questions, the work in them, and what came of it."""

from feedback.admin import ground_truth, queues, reviews, work

__all__ = ["ground_truth", "queues", "reviews", "work"]
