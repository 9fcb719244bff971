"""Starting, cancelling, running again and deciding: each is a page that says what will happen, and asks."""
