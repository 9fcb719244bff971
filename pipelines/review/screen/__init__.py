"""The screen on which people work through the items of queues."""
