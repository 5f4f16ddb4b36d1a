"""Errors that the user can correct; each message gives in one line the rule, the finding and the remedy."""


class UserError(Exception):
    """Data, settings or files of the user break a rule; the program itself is not at fault."""


class SettingsError(UserError, ValueError):
    """A setting is of the wrong kind, out of its range, or names something that does not exist."""


class MissingError(UserError, FileNotFoundError):
    """A run, a zip or a file that an earlier step makes does not exist."""


class OutdatedError(UserError, ValueError):
    """A file was made by another version of this project, or of data that have changed since."""


class DataError(UserError, ValueError):
    """The user's data break a rule; the message names file, row or column, the finding and the remedy."""


class SubmissionError(UserError, ValueError):
    """A zip breaks rules of the competition; the message has one line per rule."""


class DiskFullError(UserError, OSError):
    """The disk is full; files that were written before are whole."""


class InUseError(UserError, RuntimeError):
    """Another process works in the folder."""
