"""Writing the record of AI and quality runs: what the engine and other software say happened, in one form."""
