"""Why a design could not be taken in."""


class DesignError(Exception):
    """A refusal of a design, worded for the person who named it.

    ``code`` is a stable kebab-case string (``file-missing``); ``message`` names the place and the remedy.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
