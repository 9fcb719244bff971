"""The page of a run."""

from pipelines.admin.run_page.groups import load_tallies
from pipelines.admin.run_page.page import load_run_page, page_etag
from pipelines.admin.run_page.rows import OUTPUT_MODELS

__all__ = ["OUTPUT_MODELS", "load_run_page", "load_tallies", "page_etag"]
