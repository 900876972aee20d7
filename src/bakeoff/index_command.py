"""`bakeoff index`: documents into an index that flows/rag can ask."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from bakeoff.errors import InputError
from bakeoff.models.load import EMBEDDED_EMBEDDING
from bakeoff.terminal import say

ENGINES = ("local", "azure-search")


def add_verb(verbs: Any) -> None:
    """Add the verb to the sub-parsers of `bakeoff`."""
    parser = verbs.add_parser("index", help="make or update an index of documents for flows/rag")
    parser.add_argument("documents", type=Path, metavar="DOCS", help="a folder of Markdown, text, HTML, PDF and DOCX")
    parser.add_argument("--out", type=Path, metavar="INDEX", help="the folder of the index, or of one to update")
    parser.add_argument("--embedding", default=EMBEDDED_EMBEDDING, metavar="MODEL", help="default: %(default)s")
    parser.add_argument(
        "--connection", metavar="NAME", help="Prompt Flow connection that --embedding is a deployment of"
    )
    parser.add_argument("--encoding", help="of text files that are not UTF-8")
    parser.add_argument("--max-bytes", type=int, default=50_000_000, help="of a file; default: %(default)s")
    parser.add_argument("--max-tokens", type=int, default=200, help="of a chunk, headings included; default: 200")
    parser.add_argument("--overlap", type=int, default=30, help="tokens that a chunk repeats; default: 30")
    parser.add_argument("--engine", choices=ENGINES, default="local", help="default: local, a folder on this machine")
    parser.add_argument("--index-name", metavar="NAME", help="of the index in Azure AI Search")
    parser.add_argument("--search-connection", metavar="NAME", help="Prompt Flow connection of Azure AI Search")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the verb; 0 when the index is in use and up to date, whatever files were refused. Raises BakeoffError."""
    from bakeoff.models.load import load_embedding
    from bakeoff.retrieval.build import build_index, index_settings
    from bakeoff.retrieval.reading_report import ReadingReport

    place = options.out if options.engine == "local" else options.index_name
    if place is None:
        raise InputError("where to? Give --out FOLDER, or --engine azure-search --index-name NAME")
    if not options.documents.exists():
        raise InputError(f"{options.documents}: there is no such file or folder")
    embedding = load_embedding(options.embedding, _connection(options.connection), say)
    settings = index_settings(embedding, options.max_tokens, options.overlap)
    report = ReadingReport()
    try:
        with _writer(options, settings) as writer, _progress(options.documents, options.max_bytes) as progress:
            built = build_index(
                options.documents,
                writer,
                embedding,
                settings,
                report,
                encoding=options.encoding,
                max_bytes=options.max_bytes,
                progress=progress,
            )
    except KeyboardInterrupt:
        in_use = "the index in use is unchanged" if options.engine == "local" else "and can be found already"
        say(f"interrupted: what was embedded is kept, the same command goes on with it; {in_use}")
        return 130
    for kind, problems in (("left out", report.problems), ("note", report.notes)):
        for problem in problems:
            say(f"{kind}: {problem}")
    say(report.summary())
    say(f"{place}: {built.chunks:,} chunks embedded, {built.removed:,} documents removed")
    return 0


def _writer(options: argparse.Namespace, settings: Any) -> AbstractContextManager[Any]:
    if options.engine == "local":
        from bakeoff.retrieval.local_index import LocalIndexWriter

        return LocalIndexWriter(options.out, settings)
    from bakeoff.retrieval.azure_search_target import search_target
    from bakeoff.retrieval.azure_search_writer import AzureSearchWriter

    target = search_target(_connection(options.search_connection))
    return nullcontext(AzureSearchWriter(target, options.index_name, settings))


def _connection(name: str | None) -> Any:
    if name is None:
        return None
    from bakeoff.hosts.promptflow_connections import get_connection

    return get_connection(name)


@contextmanager
def _progress(documents: Path, max_bytes: int) -> Iterator[Any]:
    """A bar on a terminal, a line for each tenth elsewhere."""
    from bakeoff.retrieval.files import find_files
    from bakeoff.retrieval.readers import READERS
    from bakeoff.retrieval.reading_report import ReadingReport

    report = ReadingReport()
    total = sum(1 for _ in find_files(documents, report, READERS.keys(), max_bytes)) + len(report.problems)
    if not sys.stdout.isatty():
        shown = 0

        def line(files: int, chunks: int) -> None:
            nonlocal shown
            tenths = files * 10 // max(total, 1)
            if tenths > shown:
                shown = tenths
                say(f"  {files:,} of {total:,} files, {chunks:,} chunks embedded")

        yield line
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("files, {task.fields[chunks]:,} chunks"))
    with Progress(*columns, TimeRemainingColumn()) as bar:
        task = bar.add_task("indexing", total=total, chunks=0)
        yield lambda files, chunks: bar.update(task, completed=files, chunks=chunks)
