"""Text that GitHub's runner would take for a command of the workflow.

A job's log is text from everywhere: services, the build, file names, commits. The runner
reads it line by line, and obeys ``::COMMAND::`` at a line's start, also after blanks, and
``##[COMMAND]`` anywhere (`ActionCommand.cs` of actions/runner). flowdeploy gives no commands,
so none is left.
"""

import re

# What .NET's TrimStart removes, in UTF-8; a carriage return ends a line, too.
_BLANKS = b"|".join(
    re.escape(blank.encode())
    for blank in (
        "\t\v\f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
        "\u2028\u2029\u202f\u205f\u3000\ufeff"
    )
)
_COMMAND = re.compile(rb"(?<![^\r\n])(?:" + _BLANKS + rb")*:(?=:)|##(?=\[)")


class CommandBreaker:
    """Puts a space into each command of a text that comes in pieces: ``: :``, ``## [``."""

    def __init__(self) -> None:
        self._line = b""  # what has come of the current line, without commands

    def break_commands(self, piece: bytes) -> bytes:
        """The next piece without commands, also those that earlier pieces began."""
        known = self._line
        text = _COMMAND.sub(rb"\g<0> ", known + piece)
        self._line = text[max(text.rfind(b"\r"), text.rfind(b"\n")) + 1 :]
        return text[len(known) :]
