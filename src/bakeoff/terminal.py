"""What a command says to the person who runs it."""

import sys


def say(text: str, end: str = "\n") -> None:
    """Print it at once, whatever stdout is: a pipe would keep it back until the end."""
    sys.stdout.write(f"{text}{end}")
    sys.stdout.flush()
