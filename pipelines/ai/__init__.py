"""AI steps that are made of rows: a prompt, its schema, and a provider that answers."""
