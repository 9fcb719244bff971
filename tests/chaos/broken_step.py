"""A module of steps that cannot be imported."""

raise RuntimeError("this module raises when it is imported")
