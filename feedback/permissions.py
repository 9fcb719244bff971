"""The permissions of review that are no table's own."""

REVIEW = "feedback.review_item"
CURATE = "feedback.curate_review"
