"""What `mailflow diagnose` says of a text that is no export: explained, and inconclusive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import wrap

from mailflow.analysis.missing import CONNECTORS, SERVERS, Missing
from mailflow.exchange.causes import UNRECOGNISED
from mailflow.exchange.cmdlets import PROPERTIES
from mailflow.exchange.pasted import TextKind, is_export
from mailflow.exchange.texts import texts_of
from mailflow.phrases import joined
from mailflow.views.explanation import ExplainedText, explained, next_checks, told
from mailflow.views.verdict import Diagnosis, FindingRecord, NextStep

MOST = 10
"""Texts of one document that are told; a log holds thousands."""
_PLAIN = frozenset({TextKind.NOTHING, TextKind.OTHER})


def explained_texts(document: str) -> tuple[ExplainedText, ...]:
    """The texts of a document that point at something; all of them where none does.

    Empty where the document is an export, or words in which no kind of text can be recognized:
    then there is nothing to explain.
    """
    texts = [explained(text) for text in texts_of(document)]
    if any(text.is_export for text in texts):
        return ()
    known = [text for text in texts if text.pasted.kind not in _PLAIN or _points(text)]
    telling = [text for text in known if _points(text)]
    return tuple(telling or known)


def is_unknown(document: str) -> bool:
    """Whether a document is a text in which nothing is recognized: words of a person, say."""
    return any(map(str.isalpha, document)) and not is_export(document)


_READ = joined(name for name in PROPERTIES if name.startswith("Get-"))

READS = (
    (
        f"mailflow diagnose reads exports of {_READ}: Export-Clixml, Format-List or Format-Table "
        "output, JSON or CSV, as a file, a folder or a zip; also a saved snapshot."
    ),
    (
        "mailflow explain reads an error text: LastError of a queue, an SMTP reply, a delivery "
        "report, an event, a row of a protocol log, an EHLO reply."
    ),
)
"""What mailflow reads, in sentences."""


def diagnosis_of_unknown(origin: str) -> Diagnosis:
    """The document of findings for a text of no known kind: nothing is found, all is unknown."""
    return Diagnosis(
        verdict="unknown",
        headline="This is a text of no known kind, not an export",
        summary=" ".join(READS),
        findings=(),
        origin=origin,
        next_steps=(
            *_export(),
            NextStep("Or explain only the error text:", 'mailflow explain "<error text>"'),
        ),
    )


def told_unknown(diagnosis: Diagnosis, width: int) -> str:
    """The same for a person."""
    lines = [diagnosis.headline + ".", *READS]
    return "\n".join(
        [
            "INCONCLUSIVE",
            *(indented for line in lines for indented in _wrapped(line, width)),
            *_steps(diagnosis),
        ]
    )


def _wrapped(line: str, width: int) -> list[str]:
    return wrap(line, width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def _steps(diagnosis: Diagnosis) -> list[str]:
    """What to do next, a line each; commands stand alone."""
    parts = (part for each in diagnosis.next_steps for part in (each.text, each.command))
    return [f"  {part}" for part in parts if part]


def _points(text: ExplainedText) -> bool:
    return bool(text.says.says) and text.says.cause != UNRECOGNISED


def diagnosis_of(texts: Sequence[ExplainedText], origin: str) -> Diagnosis:
    """The document of findings for texts: each possible cause is unknown, nothing is found.

    A text says what one server met, not how the organization is configured.
    """
    records: dict[str, FindingRecord] = {}
    for text in texts:
        for record in _records(text):
            records.setdefault(record.cause, record)
    return Diagnosis(
        verdict="unknown",
        headline=f"{_what(texts)}, not an export",
        summary=f"{_said(texts)} A text alone does not show how the servers are configured.",
        findings=tuple(records.values()),
        origin=origin,
        next_steps=tuple(_export()),
    )


def told_texts(texts: Sequence[ExplainedText], diagnosis: Diagnosis, width: int) -> str:
    """The same for a person: the explanation of each text, and what is still missing."""
    parts = [told(text, width) for text in texts[:MOST]]
    if len(texts) > MOST:
        parts.append(f"{len(texts) - MOST} more texts are not shown.")
    parts.append(
        "\n".join(
            [
                "INCONCLUSIVE",
                "  This is a text, not an export of the organization.",
                *_steps(diagnosis),
            ]
        )
    )
    return "\n\n".join(parts)


def _records(text: ExplainedText) -> Iterable[FindingRecord]:
    """A record for each cause that the text may come from."""
    causes = (text.says.cause,) if text.says.cause else text.says.candidates
    for cause in causes or (UNRECOGNISED,):
        yield FindingRecord(
            cause=cause,
            state="unknown",
            reading=text.says.says or "The text contains no error that is in the catalog.",
            remedy="\n".join(next_checks(cause, text)),
            facts=text.says.facts,
        )


def _what(texts: Sequence[ExplainedText]) -> str:
    kinds = {text.pasted.kind for text in texts}
    if len(texts) > 1:
        return f"This is a document of {len(texts)} texts"
    return f"This is {next(iter(kinds)).value}"


def _said(texts: Sequence[ExplainedText]) -> str:
    says = dict.fromkeys(text.says.says for text in texts if text.says.says)
    return " ".join(list(says)[:3]) or "The text contains no error that is in the catalog."


def _export() -> Iterable[NextStep]:
    """The exports that decide, a command each."""
    text = "Export these into one folder, then run mailflow diagnose FOLDER:"
    for cmdlet in ("Get-Queue", CONNECTORS, SERVERS):
        yield NextStep(text, Missing("", cmdlet).command)
        text = ""
