"""The page of a run."""

from pipelines.admin.run_page.groups import Tally, load_tallies
from pipelines.admin.run_page.page import Viewer, load_run_page, page_etag
from pipelines.admin.run_page.picture import together
from pipelines.admin.run_page.rows import OUTPUT_MODELS

__all__ = ["OUTPUT_MODELS", "Tally", "Viewer", "load_run_page", "load_tallies", "page_etag", "together"]
