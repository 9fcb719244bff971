"""What happened, for readers: test runs and results, rollups, read-only endpoints, feature flags, health."""
