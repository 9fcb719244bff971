"""The steps that ship with irline, and what a step is."""
