"""Who carries runs forward: ``inline`` in the calling process."""
