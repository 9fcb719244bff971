"""What the conductor does for review: filling queues with outputs, showing them, and checking corrections."""
