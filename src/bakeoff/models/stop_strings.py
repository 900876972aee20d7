"""Stop strings in streamed text: found across pieces, and never shown, not even in part."""

from collections.abc import Sequence


class StopStrings:
    """Feed pieces of text; what comes back can be shown. `found` turns true when a stop string has arrived."""

    def __init__(self, stops: Sequence[str]):
        self._stops = tuple(stops)
        self._held = ""
        self.found = False

    def feed(self, piece: str) -> str:
        """The text that is now known to lie before any stop string; nothing once one was found."""
        if not self._stops:
            return piece
        if self.found:
            return ""
        text = self._held + piece
        starts = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        if starts:
            self.found, self._held = True, ""
            return text[: min(starts)]
        held = next((n for n in range(len(text)) if any(s.startswith(text[n:]) for s in self._stops)), len(text))
        self._held = text[held:]
        return text[:held]

    def rest(self) -> str:
        """What is still held back, at the end of the text: the beginning of a stop string that never came."""
        rest, self._held = self._held, ""
        return rest
