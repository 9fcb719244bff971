"""A page's boxes without a browser: a small cascade (``cascade``) under a small flow layout (``flow``).

It reads what page layouts are mostly made of (blocks, columns by flex or grid, paddings, font sizes) from the page's
own style sheets, and guesses the width of text. Positions come out within some per cent of a browser's on plain pages.
"""

from pipelines.steps.layout_split.estimation.flow import estimate

__all__ = ["estimate"]
