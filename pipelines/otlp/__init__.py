"""OpenTelemetry traces: which of their spans are calls of a model, and what each says as an AI run."""
