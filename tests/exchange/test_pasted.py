"""The kind of a text, and the reply in it (S6.18, S6.19)."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.exchange.pasted import Kind, recognise

AUTH = "451 5.7.3 Cannot achieve Exchange Server authentication"
OUTER = f'451 4.4.0 Primary target IP address responded with: "{AUTH}."'
RECEIVED = (
    "Received: from ex16a.contoso.example (10.0.0.21) by ex16b.contoso.example\n"
    " (10.0.0.22) with Microsoft SMTP Server (version=TLS1_2,\n"
    " cipher=TLS_ECDHE_RSA) id 15.1; 454 4.7.5 Certificate validation failure"
)
REPORT = (
    "Diagnostic information for administrators:\n\nGenerating server: ex16a.contoso.example\n\n"
    "anna@fabrikam.example\n#550 5.1.1 RESOLVER.ADR.RecipientNotFound; not found ##\n\n"
    f"Original message headers:\n\n{RECEIVED}"
)
EVENT = (
    "Log Name:      Application\nSource:        MSExchangeTransport\nEvent ID:      12014\n"
    "Level:         Error\nComputer:      ex16a.contoso.example\nDescription:\n"
    "No certificate\n\nwas there.\nEvent Xml:\n"
)
ROW = r"2026-03-02T07:00:00.001Z,{},08DE00000000AAAA,7,10.0.0.21:25,10.0.0.11:5{},{},{},{}"


def row(connector: str, spoken: str, data: str, context: str = "") -> str:
    """A row of a protocol log."""
    return ROW.format(connector, "0000", spoken, data, context)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", Kind.NOTHING),
        (" \n ", Kind.NOTHING),
        (OUTER, Kind.LAST_ERROR),
        ("[{LRT=now};{LED=421 4.4.2 Connection dropped}]", Kind.LAST_ERROR),
        (REPORT, Kind.REPORT),
        (EVENT, Kind.EVENT),
        (row(r"EX16A\Relay", ">", "421 4.4.1 Connection timed out"), Kind.PROTOCOL),
        ("250-ex16a.contoso.example Hello [10.0.0.11]\n250-SIZE\n250 XRDST", Kind.EHLO),
        (row(r"EX16A\Relay", ">", "250  ex16a.contoso.example Hello [10.0.0.11]"), Kind.EHLO),
        (f"Identity : EX10A\\5\nNextHopDomain : x\nLastError : {OUTER}", Kind.LIST),
        ("RecipientStatus : {550 5.1.1 unknown}\nEventId : FAIL", Kind.TRACKING),
        ("Identity,Next Hop Domain,Last Error\nEX10A\\5,x,y", Kind.QUEUE_VIEWER),
        ("Identity,Status,LastError\nEX10A\\5,Retry,y", Kind.EXPORT),
        ("Identity Status\n-------- ------\nEX10A\\5  Retry", Kind.TABLE),
        ("<Objs><Obj/></Objs>", Kind.EXPORT),
        (f"Hello,\n> Anna wrote:\n> {OUTER}", Kind.MAIL),
        (RECEIVED, Kind.MAIL),
        ("nothing of the kind", Kind.OTHER),
    ],
)
def test_kinds(text: str, kind: Kind) -> None:
    """Each kind is told by its structure (contract, section 9)."""
    assert recognise(text).kind is kind


def test_words_of_headers_are_no_reply() -> None:
    """S6.18: headers of a report name ciphers, and tell nothing about the error."""
    assert recognise(REPORT).reply == "#550 5.1.1 RESOLVER.ADR.RecipientNotFound; not found ##"
    assert recognise(RECEIVED).reply == ""


@pytest.mark.parametrize(
    "report",
    [
        (
            "Diagnoseinformationen für Administratoren:\n\nGenerierender Server: EX16A\n\n"
            "anna@fabrikam.example\nRemote Server returned '550 5.7.64\nTenantAttribution'\n\n"
            f"Ursprüngliche Nachrichtenkopfzeilen:\n\n{RECEIVED}"
        ),
        (
            "From: Mailer <x@contoso.example>\nTo: anna@contoso.example\nSubject: tls cipher\n\n"
            "Reporting-MTA: dns;ex16a.contoso.example\n\nFinal-Recipient: rfc822;b@fabrikam.example"
            "\nAction: failed\nDiagnostic-Code: smtp;550 5.7.64 TenantAttribution\n"
            f"Remote-MTA: dns;x\n\n{RECEIVED}"
        ),
    ],
    ids=["german", "status"],
)
def test_reports_in_other_forms(report: str) -> None:
    """S6.19: an NDR is in the recipient's language; the reply in it is not."""
    found = recognise(report)

    assert found.kind is Kind.REPORT
    assert "550 5.7.64 TenantAttribution" in found.reply
    assert "cipher" not in found.reply
    assert "Remote-MTA" not in found.reply


def test_a_signature_is_no_reply() -> None:
    """S6.18: words below a quoted error belong to nobody."""
    mail = f"> LastError : {OUTER}\n>\n> Anna\n\n--\nCisco certificate expired, connection refused"

    assert recognise(mail).reply == OUTER


@pytest.mark.parametrize(
    ("labels", "number", "source"),
    [
        ("Protokollname: Application\nQuelle: MSExchangeTransport\nEreignis-ID: 15004", 15004, "M"),
        ("Nom du journal : Application\nSource : MSExchangeTransport\nID : 15004", 15004, "M"),
        ("ログの名前: Application\nソース: MSExchangeTransport\nイベント ID: 15004", 15004, "M"),
        ("Имя журнала: Application\nИсточник: MSExchangeTransport\nКод события: 7", 7, "M"),  # noqa: RUF001
    ],
)
def test_events_in_other_languages(labels: str, number: int, source: str) -> None:
    """S6.19: the labels are Windows' own; the number and the source are not translated."""
    found = recognise(f"{labels}\nX:\nWorte")

    assert (found.kind, found.event, found.source[:1]) == (Kind.EVENT, number, source)
    assert found.reply.endswith("Worte")


def test_an_event_as_the_viewer_copies_it() -> None:
    """Number, source, computer and the whole description, without the XML below it."""
    found = recognise(EVENT + "<Event xmlns='x'><System/></Event>")

    assert (found.event, found.source) == (12014, "MSExchangeTransport")
    assert found.host == "ex16a.contoso.example"
    assert found.reply == "No certificate was there. Event Xml:"


def test_events_of_powershell_and_xml() -> None:
    """Get-WinEvent prints a list; the log itself is XML."""
    listed = recognise("ProviderName : MSExchangeTransport\nId : 2017\nMessage : It failed")
    xml = recognise(
        "<Event><System><Provider Name='MSExchangeTransport'/><EventID>2017</EventID></System>"
        "<EventData><Data>It</Data><Data>failed</Data></EventData></Event>"
    )

    assert [(one.kind, one.event, one.source, one.reply) for one in (listed, xml)] == [
        (Kind.EVENT, 2017, "MSExchangeTransport", "It failed")
    ] * 2


@pytest.mark.parametrize(
    ("connector", "spoken", "data", "context", "reply"),
    [
        (r"EX16A\Relay", ">", "454 4.7.0 Temporary", "", "454 4.7.0 Temporary"),
        (r"EX16A\Relay", "<", "EHLO cipher.contoso.example", "", ""),
        ("Outbound", "<", "454 4.7.0 Temporary", "", "454 4.7.0 Temporary"),
        ("Outbound", ">", "MAIL FROM:<tls@contoso.example>", "", ""),
        ("Outbound", "<", "250 2.1.0 Sender OK", "", ""),
        ("Outbound", "*", "", "TLS negotiation failed", "TLS negotiation failed"),
        ("Outbound", "-", "", "Remote(ConnectionReset)", "Remote(ConnectionReset)"),
    ],
)
def test_protocol_rows(connector: str, spoken: str, data: str, context: str, reply: str) -> None:
    """S7.26: whose log it is tells which way is a command; commands and success are no error."""
    found = recognise(row(connector, spoken, data, context))

    assert (found.kind, found.reply, found.spoken) == (Kind.PROTOCOL, reply, spoken)
    assert (found.side, found.host) == (("receive", "EX16A") if "\\" in connector else ("send", ""))
    assert found.far_end == ("10.0.0.11", 50000)


def test_tracking_and_connectivity_rows() -> None:
    """The status of a message and the outcome of a connection; never the subject (S6.18)."""
    tracking = (
        "2026-03-02T07:00:00.001Z,10.0.0.11,a,10.0.0.21,EX16A,x,Outbound,SMTP,FAIL,1,<m@x>,id,"
        'b@fabrikam.example,"[{LED=550 5.1.1 User unknown};{MSG=}]",10,1,,,454 4.7.5 certificate,a'
    )
    connection = "2026-03-02T07:00:00Z,08DE,SMTP,ex16b,>,Failed connection to 10.0.0.22:25 (x)"

    assert recognise(tracking).reply == "[{LED=550 5.1.1 User unknown};{MSG=}]"
    assert recognise(connection).kind is Kind.CONNECTIVITY
    assert recognise(connection).reply == "Failed connection to 10.0.0.22:25 (x)"


def cut(value: str, width: int) -> str:
    """A value as PowerShell prints it in a list on a console of this width."""
    room = width - 12
    pieces = [value[at : at + room] for at in range(0, len(value), room)]
    return "LastError : " + ("\n" + " " * 12).join(pieces)


@pytest.mark.parametrize("width", [60, 80, 99, 120])
def test_values_that_a_console_cut(width: int) -> None:
    """A cut goes through words; the pieces join without a blank (S6.08)."""
    assert recognise(cut(OUTER, width)).reply == OUTER


@pytest.mark.parametrize("width", [60, 80, 120])
def test_values_that_lost_the_blank_of_a_cut(width: int) -> None:
    """The screen loses the blank at the end of a line; the width tells that (S6.08)."""
    stripped = "\n".join(line.rstrip() for line in cut(OUTER, width).split("\n"))

    assert AUTH in recognise(stripped).reply


def test_values_that_were_wrapped() -> None:
    """An editor wraps between words: the pieces join with one (S6.08)."""
    indent = "\n" + " " * 12
    words = f'LastError : 451 4.4.0 It answered: "451{indent}5.7.3 Cannot achieve{indent}it."'

    assert recognise(words).reply == '451 4.4.0 It answered: "451 5.7.3 Cannot achieve it."'


@given(st.text(alphabet="45. \"'{}[]:,;<>-\\\nLEDaZ", max_size=200) | st.text(max_size=200))
def test_any_text_is_survived(text: str) -> None:
    """Whatever a person pastes has a kind."""
    assert recognise(text).kind in Kind


@pytest.mark.alone
@pytest.mark.parametrize(
    "piece", ["Name : x\n", "a: b\n", "X-Y: z\n", "> a\n", "<Data>", "-- ", ","]
)
def test_time_grows_with_length_alone(piece: str) -> None:
    """Four times as long, about four times as slow."""
    spent = []
    for size in (100_000, 400_000):
        text = piece * (size // len(piece))
        began = time.perf_counter()
        recognise(text)
        spent.append(time.perf_counter() - began)

    assert spent[1] < 10 * spent[0] + 0.2
