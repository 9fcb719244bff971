"""What people said: reviews, ground truth, evaluation against it."""
