"""Judges and what they said, over HTTP."""
