"""What happened to the files of a corpus that did not simply become documents."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Problem:
    """One file (posix path, relative to the corpus) and what is wrong with it, in words for its owner."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path if self.path.isprintable() else ascii(self.path)}: {self.message}"


@dataclass
class ReadingReport:
    """Filled while a corpus is read.

    read: documents read. unchanged: paths not read again. problems: files and folders left out because of a fault.
    notes: documents that were read with a loss or a doubt. hidden, links: entries left out on purpose (names that
    start with a dot or `~$`; links to what is read anyway). unknown: files left out, counted by suffix.
    """

    read: int = 0
    unchanged: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    hidden: int = 0
    links: int = 0
    unknown: Counter[str] = field(default_factory=Counter)

    def refuse(self, path: str, message: str) -> None:
        """Record that this file is left out."""
        self.problems.append(Problem(path, message))

    def summary(self) -> str:
        """One line for people: `12 read, 1 refused, 3 of unknown kind (.png 2, .zip 1), 1 hidden`."""
        kinds = ", ".join(f"{suffix or 'no suffix'} {count}" for suffix, count in sorted(self.unknown.items()))
        counts = {
            "unchanged": len(self.unchanged),
            "refused": len(self.problems),
            f"of unknown kind ({kinds})": self.unknown.total(),
            "hidden": self.hidden,
            "links to files of the corpus": self.links,
        }
        return ", ".join([f"{self.read} read", *(f"{count} {what}" for what, count in counts.items() if count)])
