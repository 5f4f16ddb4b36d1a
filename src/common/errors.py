"""What a user can mend: every such error says in one line what the rule is, what was found and what to do."""


class UserError(Exception):
    """Data, settings or files of the user break a rule; nothing is wrong with the program."""


class SettingsError(UserError, ValueError):
    """A setting is of the wrong kind, out of its range, or asks for what is not there."""


class MissingError(UserError, FileNotFoundError):
    """A run, a zip or a file that an earlier step makes is not there."""


class OutdatedError(UserError, ValueError):
    """A file was made by another version of this project, or of data that were changed since."""


class DataError(UserError, ValueError):
    """The user's data break a rule; the message names file, row or column, what was found and what to do."""


class SubmissionError(UserError, ValueError):
    """A zip breaks a rule of the competition; the message has a line a rule."""


class DiskFullError(UserError, OSError):
    """The disk took no more; what was written before is whole."""


class InUseError(UserError, RuntimeError):
    """Another process works in the folder."""
