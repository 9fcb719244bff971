"""What is measured: definitions, profiles, evaluators, results."""
