"""What these tests load before their first example."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def scipy_loaded() -> None:
    """Within an example of Hypothesis loading it took up to 5 s of CPU, here it takes 0.8 s."""
    import scipy.optimize
    import scipy.stats  # noqa: F401
