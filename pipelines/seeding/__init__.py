"""What every installation begins with. Planting it again changes nothing that is there already."""

from pipelines.seeding.plant import Planted, plant

__all__ = ["Planted", "plant"]
