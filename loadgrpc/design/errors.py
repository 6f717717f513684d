"""What is wrong with a table or a graph, with the place where it stands."""

from __future__ import annotations


class DesignError(ValueError):
    """A sentence that says what is wrong, which name it is about, and what would be right."""

    def __init__(self, message: str, *, file: str = "", line: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.file = file
        """Empty: it comes from no file."""
        self.line = line
        """From 1; 0: no line of its own."""

    def at(self, *, file: str = "", line: int = 0) -> DesignError:
        """The same, with the file or the line where it is not known yet."""
        return DesignError(self.message, file=self.file or file, line=self.line or line)

    def __str__(self) -> str:
        place = self.file + (f":{self.line}" if self.line else "")
        if not self.file and self.line:
            place = f"line {self.line}"
        return f"{place}: {self.message}" if place else self.message
