"""HubSpot modules: their template language, their fields, and the folder their CLI uploads.

``template.parse_hubl`` reads a module's HubL and renders it in a sandbox; ``fields`` builds and checks ``fields.json``
and ``meta.json``; ``module.HubspotModule`` is a module's folder; ``tokens`` counts the words an editor may change.
"""
