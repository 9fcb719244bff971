"""Judging outputs by a model: asking it, keeping what it said, and how well it agrees with reviewers."""
