"""What review refuses, each with a stable code."""

from config.problems import DomainError, InvalidInput, NotFound


class UnknownAssignment(NotFound):
    """There is no such assignment, or it is somebody else's."""

    code = "review-assignment-unknown"


class ReservationLost(DomainError):
    """The reservation lapsed or was given back, and others have taken every slot since."""

    code = "review-reservation-lost"


class AlreadyAnswered(DomainError):
    """The reviewer has answered or skipped the item."""

    code = "review-already-answered"


class ItemClosed(DomainError):
    """The item takes no more answers."""

    code = "review-item-closed"


class InvalidAnswers(InvalidInput):
    """Answers do not fit their questions; ``errors`` lists each with its JSON Pointer."""

    code = "review-answers-invalid"


class InvalidCorrection(InvalidInput):
    """The correction is no document, breaks the schema in force, or changes nothing."""

    code = "review-correction-invalid"


class QuestionAnswered(DomainError):
    """The question has been answered, so it stays what it was when it was asked."""

    code = "review-question-answered"


class QueueInUse(DomainError):
    """The queue has items, and what was answered in it is kept."""

    code = "review-queue-in-use"


class SetFrozen(DomainError):
    """The set of ground truth stays as it is."""

    code = "ground-truth-set-frozen"


class SetInUse(DomainError):
    """Gates, evaluations or ground truth still hold on to the set."""

    code = "ground-truth-set-in-use"


class VersionTaken(DomainError):
    """The version of ground truth is there already; none ever changes."""

    code = "ground-truth-version-taken"


class ImportRefused(InvalidInput):
    """Nothing was imported; ``errors`` lists the reasons by line."""

    code = "ground-truth-import-refused"


class TruthInvalid(InvalidInput):
    """The document breaks the schemas in force for its scope; ``errors`` lists the faults."""

    code = "ground-truth-invalid"
