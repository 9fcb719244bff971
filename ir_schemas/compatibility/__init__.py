"""Which schema changes break which documents, with proof, counterexample, or an honest "undecided".

    comparison = compare(old, new)
    comparison.backward.status      # "compatible", "incompatible" or "undecided"
    comparison.backward.counterexample

Three means, in this order: a proof over the structure of the schemas (`prover`), a search for a document that one
accepts and the other refuses (`counterexamples`), and the canonical containment of jsonschema-rs (`containment`).
"""

from ir_schemas.compatibility.comparing import compare
from ir_schemas.compatibility.model import Change, Comparison, Effect, Reading, Status, Verdict

__all__ = ["Change", "Comparison", "Effect", "Reading", "Status", "Verdict", "compare"]
