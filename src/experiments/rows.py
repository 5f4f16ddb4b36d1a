"""Rows of the benchmark: processes that wait between their turns."""

import json
import os
import subprocess
import tempfile
from contextlib import closing


class Row:
    """A process that measures one row, once at each call of `measure`.

    Args:
        command: that starts the process.
    """

    def __init__(self, command: list[str]):
        self.errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env=os.environ | {"PYTHONPATH": "."},
        )

    def wait_ready(self) -> None:
        """Waits until the process has measured the first time, which does not count."""
        self._read("ready")

    def measure(self) -> dict[str, float]:
        """Returns "seconds" an image and the process's peak "memory" in MB.

        Raises:
            RuntimeError: the process has ended.
        """
        try:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        except BrokenPipeError as error:
            raise self._make_error() from error
        return json.loads(self._read("{"))

    def close(self) -> None:
        """Ends the process."""
        self.process.communicate()
        self.errors.close()

    def _read(self, begin: str) -> str:
        """Reads the next line that begins so; skips others, for packages print lines of their own.

        Raises:
            RuntimeError: the process has ended without such a line.
        """
        for line in self.process.stdout:
            if line.startswith(begin):
                return line
        raise self._make_error()

    def _make_error(self) -> RuntimeError:
        """Makes an error with what the process wrote before it ended."""
        self.errors.seek(0)
        return RuntimeError(f"{self.process.args} ended: {self.errors.read()[-1500:]}")


def measure_rows(commands: dict[str, list[str]], rounds: int) -> dict[str, dict]:
    """Measures a group's rows in turn, `rounds` times.

    Args:
        commands: of `list_rows`, by row.
        rounds: how often each row is measured.

    Returns:
        By row: "seconds" an image in each round, and "memory", the peak in MB.
    """
    rows: dict[str, Row] = {}
    measured = {name: [] for name in commands}
    try:
        for name, command in commands.items():  # one at a time, so that no start slows another
            rows[name] = Row(command)
            rows[name].wait_ready()
        for _ in range(rounds):
            for name, row in rows.items():
                measured[name].append(row.measure())
    finally:
        for row in rows.values():
            row.close()
    return {name: _join_turns(turns) for name, turns in measured.items()}


def _join_turns(turns: list[dict[str, float]]) -> dict[str, object]:
    """Joins what a row measured in each round."""
    return {
        "seconds": [turn["seconds"] for turn in turns],
        "memory": max(turn["memory"] for turn in turns),
    }


def measure_apart(commands: dict[str, list[str]], rounds: int) -> dict[str, dict]:
    """Measures as `measure_rows` does, but no row waits: its process ends after its turn, and begins anew.

    For rows that would need more memory beside each other than a machine has; it takes longer.
    """
    measured = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            with closing(Row(command)) as row:
                row.wait_ready()
                measured[name].append(row.measure())
    return {name: _join_turns(turns) for name, turns in measured.items()}
