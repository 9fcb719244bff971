"""What these tests use without a limit on the time of an example."""

# The rules import it where they use it, which takes longer than one example may.
import scipy.optimize
import scipy.stats  # noqa: F401
