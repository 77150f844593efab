"""A saved mail as a person would read it."""

from __future__ import annotations

import base64

import pytest

from mailflow.exchange.causes import explain
from mailflow.exchange.last_error import parse
from mailflow.exchange.mime import readable
from mailflow.exchange.pasted import TextKind, recognise
from mailflow.exchange.texts import texts_of

WORDS = (
    "Diagnostic information for administrators:\n\nGenerating server: ex16a.contoso.example\n\n"
    "anna@fabrikam.example\nRemote Server returned '550 5.7.64 TenantAttribution; no'\n"
)
HEAD = "From: Mailer <x@contoso.example>\nSubject: Undeliverable\nMIME-Version: 1.0\n"
PRINTED = WORDS.replace("'550 5.7.64 Tenant", "=27550 5.7.64 Ten=\nant")
MARKUP = "<html><style>p {cipher: x}</style>" + WORDS.replace("\n", "<br>").replace("'", "&#39;")
INSIDE = "--b\nContent-Type: message/rfc822\n\nSubject: 454 4.7.5 cipher\n\n454 4.7.5 cipher\n"


def mail(kind: str, encoding: str, body: str) -> str:
    """A mail of one part."""
    head = f"Content-Type: {kind}; charset=utf-8\nContent-Transfer-Encoding: {encoding}\n\n"
    return f"{HEAD}{head}{body}"


def several(*parts: str) -> str:
    """A mail of several parts, with another mail inside."""
    return f'{HEAD}Content-Type: multipart/report; boundary="b"\n\n{"".join(parts)}{INSIDE}--b--\n'


@pytest.mark.parametrize(
    "text",
    [
        mail("text/plain", "quoted-printable", PRINTED),
        mail("text/plain", "base64", base64.encodebytes(WORDS.encode()).decode()),
        mail("text/html", "base64", base64.encodebytes(MARKUP.encode()).decode()),
        several(f"--b\nContent-Type: text/plain\n\n{WORDS}\n"),
        several(
            "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns;a\n\n"
            "Final-Recipient: rfc822;b@fabrikam.example\nDiagnostic-Code: smtp;550 5.7.64 no\n\n"
        ),
    ],
    ids=["printed", "base64", "markup", "parts", "status"],
)
def test_saved_reports_are_read(text: str) -> None:
    """S6.11, S6.18: the reply is found in each encoding, and never in the mail inside."""
    (whole,) = texts_of(text)
    found = recognise(whole)

    assert found.kind is TextKind.REPORT
    assert explain(parse(found.reply), found).cause == "cloud-attribution"


@pytest.mark.parametrize(
    "text",
    [
        "421 4.3.2 Service not active",
        "Content-Transfer-Encoding: base64\n\n%%%",
        "Content-Type: multipart/x\n\nno parts",
        mail("text/plain; charset=none", "base64", "aGk="),
    ],
)
def test_any_text_is_survived(text: str) -> None:
    """What is no mail, or a broken one, stays what it is or gives what it has."""
    assert isinstance(readable(text), str)
