"""Parsing hostile documents in a worker process of its own, with a memory limit and a deadline per document.

A worker serves one batch of one source and is then gone: what a document does to its parser costs that source one
cycle and nobody else anything (DESIGN section 2, TRUST S10).
"""

from __future__ import annotations

import gc
import multiprocessing
import resource
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from advisories.observation import ParsedDocument
from bot.memory import give_back
from sources.base import Batch, RawDocument, SourceSpec
from sources.errors import ParseError
from sources.registry import MODULES, find_source

MEMORY_LIMIT_BYTES = 1536 * 1024 * 1024
DEADLINE_SECONDS = 120.0
RECYCLE_AFTER_DOCUMENTS = 10_000
CHUNK_DOCUMENTS = 256
CHUNK_BYTES = 4 * 1024 * 1024
AHEAD_BYTES = 16 * 1024 * 1024
GARBAGE_THRESHOLD = 100_000

Answer = tuple[ParsedDocument | None, str | None]  # a document's content, or why it could not be read

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__])  # what every worker needs is there when it starts


def load_parsers(sources: Iterable[str]) -> None:
    """For a process that polls again and again: its workers start with the parsers of these sources loaded, which
    makes them ten times as fast and costs 40 MiB that they share. Counts before the first worker."""
    modules = dict.fromkeys(f"{MODULES[name]}.parse" for name in sources if name in MODULES)
    _context.set_forkserver_preload([__name__, *modules])


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A document with what its parser found, or the one line that says why it could not be read."""

    raw: RawDocument
    document: ParsedDocument | None
    problem: str | None = None


def parse_here(spec: SourceSpec, raw: RawDocument) -> Parsed:
    """Parses in this process: for documents we wrote ourselves (the shipped baseline) and inside the worker."""
    try:
        return Parsed(raw=raw, document=spec.parse(raw))
    except ParseError as error:
        return Parsed(raw=raw, document=None, problem=str(error))


class ParseWorker:
    """One worker process for one source. Use as a context manager."""

    def __init__(
        self, source: str, *, memory_bytes: int = MEMORY_LIMIT_BYTES, deadline_seconds: float = DEADLINE_SECONDS
    ):
        self._source = source
        self._memory_bytes = memory_bytes
        self._deadline_seconds = deadline_seconds
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None
        self._served = 0
        self._awaited = False  # an answer of the worker has not been read yet

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def parse(self, documents: Iterable[RawDocument]) -> Iterator[Parsed]:
        """One result per document, in order; a document that breaks its worker is its own failure alone.

        The worker has the first of them when this returns and reads while the caller does something else. What is left
        of an earlier call is given up.
        """
        if self._awaited:
            self.close()
        chunks = _chunks(documents)
        first = next(chunks, None)
        if first is None:
            return iter(())
        return self._results(first, chunks, asked=self._ask(first))

    def _results(
        self, chunk: Sequence[RawDocument], following: Iterator[Sequence[RawDocument]], *, asked: bool
    ) -> Iterator[Parsed]:
        while True:
            answers = self._answers(chunk) if asked else self._ended()
            if isinstance(answers, str):
                found = self._one_by_one(chunk, answers)
            else:
                found = [_parsed(raw, answer) for raw, answer in zip(chunk, answers, strict=True)]
            # the next are under way before these are used
            after = next(following, None)
            asked = after is not None and self._ask(after)
            yield from found
            if after is None:
                return
            chunk = after

    def _one_by_one(self, chunk: Sequence[RawDocument], problem: str) -> list[Parsed]:
        """After a chunk that had no answer: which of its documents was it?"""
        if len(chunk) == 1:
            return [_parsed(chunk[0], (None, problem))]
        found = []
        for raw in chunk:
            answers = self._answers([raw]) if self._ask([raw]) else self._ended()
            found.append(_parsed(raw, (None, answers) if isinstance(answers, str) else answers[0]))
        return found

    def _ask(self, chunk: Sequence[RawDocument]) -> bool:
        """Hands documents to the worker, which has nothing else to do and so reads them at once; False: it is gone."""
        if self._served >= RECYCLE_AFTER_DOCUMENTS:
            self.close()
        pipe = self._pipe or self._start()
        self._served += len(chunk)
        try:
            pipe.send(chunk)
        except (BrokenPipeError, ConnectionResetError):
            return False
        self._awaited = True
        return True

    def _answers(self, chunk: Sequence[RawDocument]) -> list[Answer] | str:
        """What the worker found in each document, or the line that says why it did not answer."""
        if self._pipe is None:
            return self._ended()
        try:
            if not self._pipe.poll(self._deadline_seconds):
                self.close()
                return f"parsing took longer than {self._deadline_seconds:.0f} s"
            answers: list[Answer] = self._pipe.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return self._ended()
        self._awaited = False
        return answers

    def _ended(self) -> str:
        self.close()
        return f"its parser was ended (memory limit {self._memory_bytes // (1024 * 1024)} MiB)"

    def _start(self) -> Connection:
        ours, theirs = _context.Pipe()
        process = _context.Process(target=_serve, args=(self._source, theirs, self._memory_bytes), daemon=True)
        process.start()
        theirs.close()
        self._process, self._pipe, self._served = process, ours, 0
        return ours

    def close(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
        if self._process is not None:
            self._process.kill()
            self._process.join()
        self._process, self._pipe, self._awaited = None, None, False


def _parsed(raw: RawDocument, answer: Answer) -> Parsed:
    return Parsed(raw=raw, document=answer[0], problem=answer[1])


def read_ahead(worker: ParseWorker, batches: Iterable[Batch]) -> Generator[tuple[Batch, list[Parsed]], None, None]:
    """Each batch with what its documents hold. While one is stored the next is read, and the one after that fetched.

    What was fetched before a failure comes first, then the failure. A large batch waits for nothing: two of them at a
    time would be held in memory. Raises what the fetch raises.
    """
    waiting: list[tuple[Batch, Iterator[Parsed]]] = []
    try:
        for each in batches:
            # a source may go on with the mapping it gave
            batch = replace(each, checkpoint=dict(each.checkpoint))
            read = list(_rest(waiting))
            waiting.append((batch, worker.parse(batch.documents)))
            yield from read
            if sum(len(raw.body) for raw in batch.documents) > AHEAD_BYTES:
                yield from _rest(waiting)
    except GeneratorExit:
        waiting.clear()  # whoever stores them has stopped
        raise
    finally:
        yield from _rest(waiting)


def _rest(waiting: list[tuple[Batch, Iterator[Parsed]]]) -> Iterator[tuple[Batch, list[Parsed]]]:
    while waiting:
        batch, found = waiting.pop()
        yield batch, list(found)


def _chunks(documents: Iterable[RawDocument]) -> Iterator[Sequence[RawDocument]]:
    """Small documents travel together: what passes a pipe one by one costs more than reading a mail does."""
    chunk: list[RawDocument] = []
    size = 0
    for raw in documents:
        if chunk and (len(chunk) >= CHUNK_DOCUMENTS or size + len(raw.body) > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(raw)
        size += len(raw.body)
    if chunk:
        yield chunk


def collect_seldom() -> None:
    """What is imported stays; a document makes many small values and hardly any cycle among them."""
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)


def _serve(source: str, pipe: Connection, memory_bytes: int) -> None:
    """The worker's loop: until the pipe closes."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    spec = find_source(source)
    collect_seldom()
    while True:
        try:
            chunk: Sequence[RawDocument] = pipe.recv()
        except EOFError:
            return
        pipe.send([_answer(spec, raw, memory_bytes) for raw in chunk])
        large = len(chunk[0].body) > CHUNK_BYTES
        del chunk  # a worker that waits for the next documents holds none of the last
        if large:
            give_back()


def _answer(spec: SourceSpec, raw: RawDocument, memory_bytes: int) -> Answer:
    try:
        parsed = parse_here(spec, raw)
    except MemoryError:
        return None, f"its parser needs more than {memory_bytes // (1024 * 1024)} MiB"
    except Exception as error:  # noqa: BLE001  # boundary 1 of 3: a parser's bug fails its document alone
        return None, f"its parser failed ({type(error).__name__})"
    return parsed.document, parsed.problem
