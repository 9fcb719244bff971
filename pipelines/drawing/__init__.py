"""Where the boxes and lines of a DAG's picture go, and the bars of a run's time line. Pure: no database, no Django."""

from pipelines.drawing.fold import Folded, fold
from pipelines.drawing.layers import Parents
from pipelines.drawing.layout import Box, Layout, Line, lay_out
from pipelines.drawing.time_line import Scale, Tick, lanes

__all__ = ["Box", "Folded", "Layout", "Line", "Parents", "Scale", "Tick", "fold", "lanes", "lay_out"]
