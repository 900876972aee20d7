import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from fake_embedding import FakeEmbedding

from bakeoff.errors import InputError
from bakeoff.retrieval import local_index as local_index_module
from bakeoff.retrieval import vectors as vectors_module
from bakeoff.retrieval.build import build_index, index_settings
from bakeoff.retrieval.chunks import Chunk
from bakeoff.retrieval.documents import Document
from bakeoff.retrieval.engine import IndexSettings, retrieve
from bakeoff.retrieval.local_index import LocalIndex, LocalIndexWriter
from bakeoff.retrieval.reading_report import ReadingReport
from bakeoff.retrieval.vectors import Vectors

TEXTS = {
    "bags.md": "# Bags\nA cabin bag may weigh 8 kg.\n\n## Fees\nA heavy suitcase costs 35 euros at the gate.",
    "pets.md": "# Pets\nA small dog travels in the cabin for 40 euros.",
    "ferry.md": "# Ferry\nThe ferry to Tarn leaves from pier 3.",
}


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def build(documents: Path, index: Path, embedding: FakeEmbedding | None = None) -> FakeEmbedding:
    embedding = embedding or FakeEmbedding()
    settings = index_settings(embedding, 60, 10)
    with LocalIndexWriter(index, settings) as writer:
        build_index(documents, writer, embedding, settings, ReadingReport())
    return embedding


def found(index: LocalIndex, question: str, mode: str = "hybrid") -> list[str]:
    return [hit.document for hit in retrieve(index, FakeEmbedding(), question, 3, mode)]


@pytest.mark.parametrize("mode", ["hybrid", "vector", "keyword"])
def test_each_mode_finds_the_passage_with_its_provenance(documents: Path, tmp_path: Path, mode: str):
    build(documents, tmp_path / "index")
    hit = retrieve(LocalIndex(tmp_path / "index"), FakeEmbedding(), "heavy suitcase at the gate", 3, mode)[0]
    assert (hit.document, hit.heading_path, hit.page) == ("bags.md", ("Bags", "Fees"), None)
    assert hit.text == "A heavy suitcase costs 35 euros at the gate."
    assert hit.context == "Bags > Fees"
    assert (hit.similarity is None) == (mode == "keyword")


def test_every_hit_of_a_hybrid_search_has_its_cosine(documents: Path, tmp_path: Path):
    embedding = build(documents, tmp_path / "index")
    question = "pier of the ferry"
    vector = embedding.embed([question])[0]
    hits = retrieve(LocalIndex(tmp_path / "index"), embedding, question, 10)
    assert len(hits) == 4
    for hit in hits:
        assert hit.similarity == pytest.approx(
            float(embedding.embed([f"{hit.context}\n\n{hit.text}"])[0] @ vector), abs=1e-3
        )


def test_a_table_is_as_similar_as_its_best_row_and_comes_once(tmp_path: Path):
    rows = "\n".join(f"| fee of zone {n} | {n} EUR |" for n in range(20, 32))
    (tmp_path / "documents").mkdir()
    for name in ("north", "south"):
        text = f"# {name}\n\n| What | Price |\n| --- | --- |\n{rows}\n"
        (tmp_path / "documents" / f"{name}.md").write_text(text, encoding="utf-8")
    embedding = FakeEmbedding(dimension=256)
    settings = index_settings(embedding, 100, 10)
    with LocalIndexWriter(tmp_path / "index", settings) as writer:
        build_index(tmp_path / "documents", writer, embedding, settings, ReadingReport())
    index = LocalIndex(tmp_path / "index")
    vector = embedding.embed(["north fee of zone 27"])[0]
    (first, second) = index.search("", vector, 2)
    assert (first.document, second.document) == ("north.md", "south.md")
    assert len({hit.id for hit in index.search("", vector, 50)}) == len(index.search("", vector, 50)) == index.chunks
    best = embedding.embed(["north\n\nWhat Price\nfee of zone 27 27 EUR"])[0]
    assert first.similarity == first.score == pytest.approx(float(best @ vector), abs=1e-3)


def scattered(count: int, dimension: int = 64) -> np.ndarray:
    """Unit vectors in 40 clusters."""
    random = np.random.default_rng(0)
    centres = random.standard_normal((40, dimension))
    points = centres[random.integers(40, size=count)] + 0.3 * random.standard_normal((count, dimension))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def indexed(folder: Path, vectors: np.ndarray) -> LocalIndex:
    chunks = [Chunk(str(row), "d", (), None, f"text {row}", 0, 0, "") for row in range(len(vectors))]
    with LocalIndexWriter(folder, IndexSettings("fake", "test", "1", vectors.shape[1], 60, 10)) as writer:
        writer.put(Document("d", "d", "0", ()), chunks, list(vectors[:, None]))
        writer.publish()
    return LocalIndex(folder)


def recall(index: LocalIndex, vectors: np.ndarray, queries: np.ndarray) -> float:
    exact = np.argsort(-(queries @ vectors.T), axis=1)[:, :10]
    hits = [{int(hit.id) for hit in index.search("", query, 10)} for query in queries]
    return sum(len(near & set(truth.tolist())) for near, truth in zip(hits, exact, strict=True)) / exact.size


def test_a_small_index_compares_everything(tmp_path: Path):
    vectors = scattered(2000)
    assert recall(indexed(tmp_path / "index", vectors), vectors, scattered(50)[::-1]) > 0.99


def test_a_large_index_visits_a_few_lists_and_still_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    vectors = scattered(6000)
    monkeypatch.setattr(vectors_module, "SCAN_ALL", 1000)
    index = indexed(tmp_path / "index", vectors)
    assert index._vectors._index.nlist == int(2 * 6000**0.5)
    assert index._vectors._index.nprobe < 10
    assert recall(index, vectors, scattered(50)[::-1]) > 0.8


def test_only_what_changed_is_embedded_again(documents: Path, tmp_path: Path):
    index = tmp_path / "index"
    assert len(build(documents, index).embedded) == 4
    assert build(documents, index).embedded == []
    (documents / "pets.md").write_text("# Pets\nCats only.", encoding="utf-8")
    (documents / "ferry.md").rename(documents / "boat.md")
    (documents / "bags.md").unlink()
    assert sorted(text.split("\n")[0] for text in build(documents, index).embedded) == ["Ferry", "Pets"]
    opened = LocalIndex(index)
    assert (opened.documents, opened.chunks) == (2, 2)
    assert found(opened, "heavy suitcase", "keyword") == []
    assert found(opened, "ferry pier")[0] == "boat.md"


def test_an_unchanged_corpus_leaves_the_index_alone(documents: Path, tmp_path: Path):
    build(documents, tmp_path / "index")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "index").rglob("*") if path.is_file()}
    build(documents, tmp_path / "index")
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "index").rglob("*") if path.is_file()}
    assert {path: time for path, time in before.items() if path.name != ".lock"} == {
        path: time for path, time in after.items() if path.name != ".lock"
    }


def test_a_reader_goes_on_while_a_new_generation_is_put_into_use(documents: Path, tmp_path: Path):
    build(documents, tmp_path / "index")
    reader = LocalIndex(tmp_path / "index")
    (documents / "ferry.md").unlink()
    build(documents, tmp_path / "index")
    assert found(reader, "ferry pier")[0] == "ferry.md"
    assert "ferry.md" not in found(LocalIndex(tmp_path / "index"), "ferry pier")
    assert len(list((tmp_path / "index").glob("generation-*"))) == 1


def test_an_index_can_be_moved(documents: Path, tmp_path: Path):
    build(documents, tmp_path / "index")
    shutil.move(tmp_path / "index", tmp_path / "elsewhere")
    assert found(LocalIndex(tmp_path / "elsewhere"), "ferry pier")[0] == "ferry.md"


CHILD = """
import sys
sys.path[:0] = {path!r}
from pathlib import Path
from fake_embedding import FakeEmbedding
from bakeoff.retrieval import build, local_index
from bakeoff.retrieval.local_index import LocalIndexWriter
from bakeoff.retrieval.reading_report import ReadingReport
build.BATCH = 1
def say():
    print("batch", flush=True)
    sys.stdin.readline()
def stop_before(place, name):
    real = getattr(place, name)
    def stopping(*given, **named):
        say()
        return real(*given, **named)
    setattr(place, name, stopping)
{stops}
embedding = FakeEmbedding({before})
settings = build.index_settings(embedding, 60, 10)
with LocalIndexWriter(Path({index!r}), settings) as writer:
    build.build_index(Path({documents!r}), writer, embedding, settings, ReadingReport())
"""


def start_build(documents: Path, index: Path, stops: str = "", before: str = "before=say") -> subprocess.Popen[str]:
    """A child that says a line before each batch (or what `stops` names) and waits for one."""
    code = CHILD.format(path=sys.path, index=str(index), documents=str(documents), stops=stops, before=before)
    return subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("batches", [0, 1, 2])
@pytest.mark.parametrize("first", [True, False])
def test_a_killed_build_resumes_and_the_old_index_stays_in_use(
    documents: Path, tmp_path: Path, batches: int, first: bool
):
    index = tmp_path / "index"
    if not first:
        build(documents, index)
        for name, text in TEXTS.items():
            (documents / name).write_text(f"{text} Now.", encoding="utf-8")
    process = start_build(documents, index)
    assert process.stdin
    assert process.stdout
    process.stdout.readline()
    for _ in range(batches):
        process.stdin.write("\n")
        process.stdin.flush()
        process.stdout.readline()
    process.kill()
    process.communicate()
    if first:
        with pytest.raises(InputError, match="is not an index"):
            LocalIndex(index)
    else:
        assert "Now" not in retrieve(LocalIndex(index), FakeEmbedding(), "ferry pier", 1)[0].text
    embedded = build(documents, index).embedded
    assert len(embedded) == 4 - [0, 2, 3][batches]
    assert LocalIndex(index).chunks == 4
    assert found(LocalIndex(index), "ferry pier")[0] == "ferry.md"


@pytest.mark.parametrize(
    "stops",
    [
        "stop_before(local_index, 'build_vectors')",
        "stop_before(local_index, 'build_keywords')",
        "stop_before(Path, 'rename')",  # the finished generation
        "stop_before(Path, 'replace')",  # its manifest
    ],
)
def test_a_build_killed_while_it_publishes_embeds_nothing_again(documents: Path, tmp_path: Path, stops: str):
    process = start_build(documents, tmp_path / "index", stops, "")
    assert process.stdout
    assert process.stdout.readline() == "batch\n"
    process.kill()
    process.communicate()
    with pytest.raises(InputError, match="is not an index"):
        LocalIndex(tmp_path / "index")
    assert build(documents, tmp_path / "index").embedded == []
    assert found(LocalIndex(tmp_path / "index"), "ferry pier")[0] == "ferry.md"


def test_two_builders_at_once_are_refused(documents: Path, tmp_path: Path):
    process = start_build(documents, tmp_path / "index")
    try:
        assert process.stdout
        process.stdout.readline()
        with pytest.raises(InputError, match="another process is writing"):
            build(documents, tmp_path / "index")
    finally:
        process.kill()
        process.communicate()


def test_a_generation_that_was_finished_but_not_put_into_use_is_taken_up(documents: Path, tmp_path: Path):
    index = tmp_path / "index"
    build(documents, index)
    (index / "index.json").unlink()
    assert build(documents, index).embedded == []
    assert found(LocalIndex(index), "ferry pier")[0] == "ferry.md"


@pytest.mark.parametrize(
    ("embedding", "message"),
    [
        (FakeEmbedding(name="other"), "embedding 'fake', now 'other'"),
        (FakeEmbedding(dimension=32), "dimension 64, now 32"),
        (FakeEmbedding(revision="2"), "revision '1', now '2'"),
    ],
)
def test_another_embedding_model_is_named(documents: Path, tmp_path: Path, embedding: FakeEmbedding, message: str):
    build(documents, tmp_path / "index")
    with pytest.raises(InputError, match=message):
        build(documents, tmp_path / "index", embedding)
    with pytest.raises(InputError, match="the index was made with"):
        retrieve(LocalIndex(tmp_path / "index"), embedding, "ferry", 3)
    assert found(LocalIndex(tmp_path / "index"), "ferry", "keyword") == ["ferry.md"]


def test_a_folder_that_cannot_be_made_is_named(documents: Path, tmp_path: Path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match=r"index .*file.index cannot be written \(Not a directory\): choose another"):
        build(documents, tmp_path / "file" / "index")


def test_a_folder_with_something_else_is_not_touched(documents: Path, tmp_path: Path):
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "diary.txt").write_text("mine")
    with pytest.raises(InputError, match="something that is not an index"):
        build(documents, tmp_path / "index")
    assert [path.name for path in (tmp_path / "index").iterdir()] == ["diary.txt"]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"format": 1}', '{"format": 2}', '{"format": 99}'])
def test_a_damaged_manifest_is_named(documents: Path, tmp_path: Path, content: str):
    build(documents, tmp_path / "index")
    (tmp_path / "index" / "index.json").write_text(content)
    with pytest.raises(InputError, match=r"index\.json"):
        LocalIndex(tmp_path / "index")


@pytest.mark.parametrize("name", ["store.sqlite", "vectors.faiss", "keywords/meta.json"])
@pytest.mark.parametrize("damage", ["missing", "rubbish"])
def test_a_damaged_part_is_named(documents: Path, tmp_path: Path, name: str, damage: str):
    build(documents, tmp_path / "index")
    part = tmp_path / "index" / "generation-1" / name
    part.unlink() if damage == "missing" else part.write_bytes(b"rubbish" * 100)
    with pytest.raises(InputError, match=part.name.partition(".")[0] if "/" not in name else "keywords"):
        LocalIndex(tmp_path / "index")


@pytest.mark.parametrize("content", [b"", b"rubbish" * 100, None])
def test_an_update_of_a_damaged_index_names_the_file(documents: Path, tmp_path: Path, content: bytes | None):
    build(documents, tmp_path / "index")
    store = tmp_path / "index" / "generation-1" / "store.sqlite"
    store.unlink() if content is None else store.write_bytes(content)
    for ask in (lambda: LocalIndex(tmp_path / "index"), lambda: build(documents, tmp_path / "index")):
        with pytest.raises(InputError, match=r"generation-1/store\.sqlite"):
            ask()


def flip(path: Path) -> None:
    """Change one bit, not the size."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("name", ["vectors.faiss", "keywords/meta.json"])
@pytest.mark.parametrize("damage", [flip, Path.unlink])
def test_a_damaged_side_is_built_again_by_a_run_that_finds_nothing_else_to_do(
    documents: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, damage: Callable[[Path], None]
):
    index = tmp_path / "index"
    build(documents, index)
    damage(index / "generation-1" / name)
    assert build(documents, index).embedded == []
    assert f"generation-1/{name} is damaged" in caplog.text
    assert found(LocalIndex(index), "ferry pier")[0] == "ferry.md"
    caplog.clear()
    build(documents, index)
    assert caplog.text == ""
    assert [path.name for path in index.glob("generation-*")] == ["generation-2"]


@pytest.mark.parametrize("change", [True, False])
def test_damage_of_the_store_is_not_carried_into_the_next_generation(documents: Path, tmp_path: Path, change: bool):
    build(documents, tmp_path / "index")
    store = tmp_path / "index" / "generation-1" / "store.sqlite"
    data = store.read_bytes()
    assert data.count(b"leaves from pier 3") == 1
    store.write_bytes(data.replace(b"leaves from pier 3", b"leaves from pier 8"))
    if change:
        (documents / "pets.md").write_text("# Pets\nCats only.", encoding="utf-8")
    with pytest.raises(InputError, match=r"generation-1/store\.sqlite is damaged: make the index again"):
        build(documents, tmp_path / "index")


def test_an_index_made_before_there_were_checksums_is_used_and_gets_them(documents: Path, tmp_path: Path):
    build(documents, tmp_path / "index")
    path = tmp_path / "index" / "index.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    assert sorted(manifest["files"])[-2:] == ["store.sqlite", "vectors.faiss"]
    del manifest["files"]
    path.write_text(json.dumps(manifest), encoding="utf-8")
    assert build(documents, tmp_path / "index").embedded == []
    assert found(LocalIndex(tmp_path / "index"), "ferry pier")[0] == "ferry.md"
    (documents / "pets.md").write_text("# Pets\nCats only.", encoding="utf-8")
    build(documents, tmp_path / "index")
    assert "store.sqlite" in json.loads(path.read_text(encoding="utf-8"))["files"]


def test_a_generation_is_on_the_disk_before_the_manifest_names_it(
    documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Nothing can cut the power here: what is shown is that every file is forced to the disk, and when."""
    index, forced = tmp_path / "index", []

    def fsync(descriptor: int) -> None:
        forced.append((os.fstat(descriptor).st_ino, (index / "index.json").exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    build(documents, index)
    monkeypatch.undo()
    early = {inode for inode, named in forced if not named}
    generation = index / "generation-1"
    kept = [generation, *generation.rglob("*"), index, index / "index.json"]
    assert {path.name for path in kept if path.stat().st_ino not in early} == set()
    assert forced[-1] == (index.stat().st_ino, True)


def test_damage_that_only_a_search_meets_names_the_file(documents: Path, tmp_path: Path):
    (documents / "long.txt").write_text(" ".join(f"ferry{n} pier." for n in range(3000)), encoding="utf-8")
    build(documents, tmp_path / "index")
    store = tmp_path / "index" / "generation-1" / "store.sqlite"
    data = store.read_bytes()
    store.write_bytes(data[: len(data) // 3] + b"\xff" * (len(data) // 2) + data[len(data) // 3 + len(data) // 2 :])
    with pytest.raises(InputError, match=r"store\.sqlite cannot be used"):
        LocalIndex(tmp_path / "index").hits(dict.fromkeys(range(1, 500), 1.0))


def test_a_generation_replaced_while_it_is_opened_gives_the_new_one(
    documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    index = tmp_path / "index"
    build(documents, index)
    (documents / "ferry.md").unlink()
    replaced = []

    def read(path: Path) -> Vectors:
        if not replaced:
            replaced.append(path)
            build(documents, index)
        return Vectors(path)

    monkeypatch.setattr(local_index_module, "Vectors", read)
    opened = LocalIndex(index)
    assert not replaced[0].exists()
    assert opened.documents == 2
    assert "ferry.md" not in found(opened, "ferry pier")


def test_documents_of_one_word_are_found(tmp_path: Path):
    (tmp_path / "documents").mkdir()
    for word in ("ferry", "pier"):
        (tmp_path / "documents" / f"{word}.txt").write_text(word)
    build(tmp_path / "documents", tmp_path / "index")
    for mode in ("hybrid", "vector", "keyword"):
        assert found(LocalIndex(tmp_path / "index"), "pier", mode)[0] == "pier.txt"


@pytest.mark.parametrize(
    "question", ["what is it", "word " * 10_000, "?!", "渡轮码头在哪里", "a\x00b", "NOT AND OR", '"unclosed (']
)
def test_strange_questions_are_answered(documents: Path, tmp_path: Path, question: str):
    build(documents, tmp_path / "index")
    for mode in ("hybrid", "keyword"):
        assert len(retrieve(LocalIndex(tmp_path / "index"), FakeEmbedding(), question, 2, mode)) <= 2


@pytest.mark.parametrize(
    ("question", "top_k", "mode", "message"),
    [(" ", 3, "hybrid", "empty"), ("x", 0, "hybrid", "top_k is 0"), ("x", 3, "fuzzy", "'fuzzy'")],
)
def test_bad_searches_say_what_is_wrong(
    documents: Path, tmp_path: Path, question: str, top_k: int, mode: str, message: str
):
    build(documents, tmp_path / "index")
    with pytest.raises(InputError, match=message):
        retrieve(LocalIndex(tmp_path / "index"), FakeEmbedding(), question, top_k, mode)


def test_what_the_model_refuses_leaves_out_one_document_only(documents: Path, tmp_path: Path):
    embedding = FakeEmbedding(refuses="dog")
    settings, report = index_settings(embedding, 60, 10), ReadingReport()
    with LocalIndexWriter(tmp_path / "index", settings) as writer:
        build_index(documents, writer, embedding, settings, report)
    assert [str(problem) for problem in report.problems] == ["pets.md: cannot be embedded: text 1 is too long"]
    assert LocalIndex(tmp_path / "index").documents == 2


def test_a_model_that_refuses_everything_leaves_the_index_in_use(documents: Path, tmp_path: Path):
    with pytest.raises(InputError, match=r"no document could be read(?s:.)*pets.md: cannot be embedded"):
        build(documents, tmp_path / "never", FakeEmbedding(refuses=" "))
    build(documents, tmp_path / "index")
    for path in documents.iterdir():
        path.write_text(f"{path.read_text()} changed")
    with pytest.raises(InputError, match="no document could be read"):
        build(documents, tmp_path / "index", FakeEmbedding(refuses=" "))
    assert found(LocalIndex(tmp_path / "index"), "ferry pier")[0] == "ferry.md"


def test_a_failing_corpus_leaves_the_index_in_use(documents: Path, tmp_path: Path):
    build(documents, tmp_path / "index")
    for path in documents.iterdir():
        path.unlink()
    with pytest.raises(InputError, match="no document could be read"):
        build(documents, tmp_path / "index")
    assert found(LocalIndex(tmp_path / "index"), "ferry pier")[0] == "ferry.md"


def test_the_manifest_tells_what_the_index_holds(documents: Path, tmp_path: Path):
    build(documents, tmp_path / "index")
    manifest = json.loads((tmp_path / "index" / "index.json").read_text(encoding="utf-8"))
    assert manifest["documents"] == 3
    assert manifest["chunks"] == 4
    assert manifest["settings"]["embedding"] == "fake"


def several(documents: Path, index: Path) -> Sequence[str]:
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}\n"
        "from pathlib import Path\nfrom fake_embedding import FakeEmbedding\n"
        "from bakeoff.retrieval.engine import retrieve\nfrom bakeoff.retrieval.local_index import LocalIndex\n"
        f"print(retrieve(LocalIndex(Path({str(index)!r})), FakeEmbedding(), 'ferry pier', 1)[0].document)"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    return [process.communicate(timeout=120)[0].strip() for process in processes]


def test_reading_writes_nothing_and_all_files_are_as_readable(documents: Path, tmp_path: Path):
    """So that another user, or a read-only mount, can have the index."""
    build(documents, tmp_path / "index")
    for lock in (tmp_path / "index").rglob("*.lock"):
        lock.unlink()
    before = {path: path.stat().st_mode for path in (tmp_path / "index").rglob("*")}
    assert found(LocalIndex(tmp_path / "index"), "ferry pier")[0] == "ferry.md"
    assert {path: path.stat().st_mode for path in (tmp_path / "index").rglob("*")} == before
    assert len({mode for path, mode in before.items() if path.is_file()}) == 1


def test_several_processes_read_the_same_index(documents: Path, tmp_path: Path):
    build(documents, tmp_path / "index")
    assert several(documents, tmp_path / "index") == ["ferry.md"] * 3
