"""The design a run works on: loading it safely, and the bundle every step reads it from."""
