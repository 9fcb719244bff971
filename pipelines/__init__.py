"""The conductor: definitions, DAG, engine, steps, AI providers, design outputs."""
