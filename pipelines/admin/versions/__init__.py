"""The pages of a version of a pipeline: picture, editor, what differs between two, and making one active."""
