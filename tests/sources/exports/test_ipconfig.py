"""The output of `ipconfig /all`, told by its structure in every language (S9.12)."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from mailflow.sources.exports.files import read_source
from mailflow.sources.exports.ipconfig import IPCONFIG, read_ipconfig
from mailflow.sources.row import Reading
from mailflow.sources.tables import assemble
from support import needs_shared

WORDS = {
    "en": ("Windows IP Configuration", "Host Name", "Primary Dns Suffix", "Ethernet adapter LAN:",
           "IPv6 Address", "Temporary IPv6 Address", "Link-local IPv6 Address", "IPv4 Address",
           "Subnet Mask", "Default Gateway", "DNS Servers", "Media State", "Media disconnected",
           "Preferred"),
    "de": ("Windows-IP-Konfiguration", "Hostname", "Primäres DNS-Suffix", "Ethernet-Adapter LAN:",
           "IPv6-Adresse", "Temporäre IPv6-Adresse", "Verbindungslokale IPv6-Adresse",
           "IPv4-Adresse", "Subnetzmaske", "Standardgateway", "DNS-Server", "Medienstatus",
           "Medium getrennt", "Bevorzugt"),
    "fr": ("Configuration IP de Windows", "Nom de l'hôte", "Suffixe DNS principal",
           "Carte Ethernet LAN :", "Adresse IPv6", "Adresse IPv6 temporaire",
           "Adresse IPv6 de liaison locale", "Adresse IPv4", "Masque de sous-réseau",
           "Passerelle par défaut", "Serveurs DNS", "Statut du média", "Média déconnecté",
           "préféré"),
    "zh": ("Windows IP 配置", "主机名", "主 DNS 后缀", "以太网适配器 以太网:", "IPv6 地址",
           "临时 IPv6 地址", "本地链接 IPv6 地址", "IPv4 地址", "子网掩码", "默认网关",
           "DNS 服务器", "媒体状态", "媒体已断开连接", "首选"),
}  # fmt: skip


def printed(language: str, host: str = "EX10A") -> str:
    """What Windows prints of three adapters: for mail, not connected, for replication."""
    title, name, suffix, adapter, six, temporary, local, four, mask, *rest = WORDS[language]
    gateway, dns, media, apart, ok = rest

    def line(label: str, value: str) -> str:
        dots = " ." * (18 - len(label) // 2)
        return f"   {label}{dots} : {value}\n"

    return (
        f"\n{title}\n\n"
        + line(name, host)
        + line(suffix, "contoso.com")
        + f"\n{adapter}\n\n"
        + line("DNS", "")
        + line(six, f"2001:db8::11({ok}) ")
        + line(temporary, f"2001:db8::77:1({ok}) ")
        + line(local, f"fe80::1%12({ok}) ")
        + line(four, f"10.0.0.11({ok}) ")
        + line(mask, "255.255.255.0")
        + line(gateway, "fe80::254%12")
        + f"{'':39}10.0.0.254\n"
        + line(dns, "10.0.0.1")
        + f"{'':39}10.0.0.2\n"
        + f"\n{adapter}\n\n"
        + line(media, apart)
        + line("DNS", "")
        + f"\n{adapter}\n\n"
        + line("MAC", "00-50-56-01-02-03")
        + line(four, f"10.9.0.11({ok}) ")
        + line(mask, "255.255.0.0")
        + line(four, f"169.254.7.7({ok}) ")
        + line(mask, "255.255.0.0")
        + line(gateway, "")
        + line(dns, "fec0:0:0:ffff::1%1")
        + f"{'':39}fec0:0:0:ffff::2%1\n"
    )


def addresses(reading: Reading) -> list[tuple[str, str, bool | None]]:
    """Of each usable address its server, and whether its adapter has DNS servers."""
    found = assemble(reading, origin="").addresses
    return [(one.server, one.address, one.has_dns_servers) for one in found]


MAIL = [("EX10A", "2001:db8::11", None), ("EX10A", "10.0.0.11", None)]
APART = ("EX10A", "10.9.0.11", False)


@pytest.mark.parametrize("language", WORDS)
def test_the_structure_tells_in_every_language(language: str) -> None:
    """Own addresses; no temporary or link-local one, no mask, gateway or DNS server."""
    reading = read_ipconfig(printed(language), "x")

    assert addresses(reading) == [*MAIL, APART]
    assert reading.unread == []


@pytest.mark.parametrize("language", WORDS)
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16", "utf-8", "utf-8-sig"])
def test_a_file_in_every_encoding(tmp_path: Path, language: str, encoding: str) -> None:
    """ExchangeLogCollector writes UTF-16 LE without a mark (S8.84), also letters like U+5F00."""
    file = tmp_path / "a name that says nothing"
    file.write_bytes(printed(language).encode(encoding))
    reading = read_source(file).reading

    assert addresses(reading) == [*MAIL, APART]
    assert (reading.unread, reading.ignored) == ([], [])


@pytest.mark.parametrize(("language", "page"), [("de", "cp850"), ("fr", "cp850"), ("zh", "gbk")])
def test_a_file_in_a_code_page_of_a_console(tmp_path: Path, language: str, page: str) -> None:
    """`ipconfig /all > file`: what cannot be read stands in labels, which nobody reads."""
    file = tmp_path / "x.txt"
    file.write_bytes(printed(language).encode(page))
    captured = read_source(file)

    assert addresses(captured.reading) == [*MAIL, APART]
    assert captured.reading.unread == []


def test_a_transcript_with_other_things() -> None:
    """Each host begins with a block of its own; what stands between is none of them."""
    text = (
        f"[PS] C:\\>ipconfig /all\n{printed('en')}\n[PS] C:\\>Get-Queue | fl\n\nIdentity : A\\1\n"
    )
    found = addresses(read_ipconfig(text + printed("de", "EX10B"), "x"))

    assert found == [
        *(("EX10A", *rest) for _, *rest in [*MAIL, APART]),
        *(("EX10B", *rest) for _, *rest in [*MAIL, APART]),
    ]


def test_objects_in_the_same_text_are_read_as_well(tmp_path: Path) -> None:
    """A transcript holds both."""
    file = tmp_path / "x.txt"
    queue = "Identity : A\\1\nStatus : Retry\nNextHopDomain : b\nMessageCount : 3\n\n"
    file.write_text(f"[PS] C:\\>Get-Queue | fl\n\n{queue}\nPS C:\\>ipconfig /all\n{printed('en')}")
    reading = read_source(file).reading

    assert [row.cmdlet for row in reading.rows] == ["Get-Queue", IPCONFIG, IPCONFIG]


def test_lines_that_lost_their_indent() -> None:
    """As mail programs do to pasted text."""
    text = "\n".join(line.strip() for line in printed("fr").split("\n"))

    assert addresses(read_ipconfig(text, "x")) == [*MAIL, APART]


def test_an_address_in_another_state_is_told() -> None:
    """Tentative, duplicate or deprecated in any language: another word than most have."""
    text = printed("de").replace("10.0.0.11(Bevorzugt)", "10.0.0.11(Doppelt)")
    reading = read_ipconfig(text, "x")

    assert addresses(reading) == [MAIL[0], APART]
    assert [(one.server, one.what) for one in reading.unread] == [("EX10A", "addresses")]


def test_an_older_windows_prints_no_state() -> None:
    """Server 2003, on which 2007 runs: the mask below tells the adapter's own address."""
    text = printed("en").replace("(Preferred) ", "")

    assert addresses(read_ipconfig(text, "x")) == [("EX10A", "10.0.0.11", None), APART]


@pytest.mark.parametrize(
    "text",
    [
        printed("en").partition("Ethernet")[0],
        "Ethernet" + printed("en").partition("Ethernet")[2],
        printed("en").replace("EX10A", ""),
        printed("en").replace("EX10A", "EX10\ufffd"),
        "Note:\n\n   Address. . . : 10.0.0.11(Preferred)\n",
        "",
    ],
)
def test_what_names_no_host_is_none(text: str) -> None:
    """Without the first block (`ipconfig` without /all) nobody knows whose addresses these are."""
    assert read_ipconfig(text, "x") == Reading()


def test_a_cut_adapter_tells_nothing_of_its_network() -> None:
    """Its gateway and DNS servers stand below its addresses."""
    whole = printed("en")
    cut = whole[: whole.index("255.255.0.0")] + "255.255.0.0\n"

    assert addresses(read_ipconfig(cut, "x"))[-1] == ("EX10A", "10.9.0.11", None)


def test_the_log_collectors_folder() -> None:
    """The shared case: both servers have their address, and the relay is found."""
    folder = needs_shared("cases/exports/exchangelogcollector")
    org = assemble(read_source(folder).reading, origin="")

    assert {(one.server, one.source) for one in org.addresses} == {
        ("MAILALTA", IPCONFIG),
        ("MAILNEUA", IPCONFIG),
    }


@pytest.mark.alone
@pytest.mark.parametrize("label", ["IPv6 Address", "Address {n}"])
def test_each_address_is_looked_at_once(label: str) -> None:
    """An adapter of thousands of addresses, or of labels, costs no more than its lines."""
    head = "Windows IP\n\n   Host Name . . : EX1\n   Primary . . : x\n\nEthernet adapter x:\n\n"
    lines = (f"   {label.format(n=n)} . . : fe80::{n:x}(Preferred)\n" for n in range(20_000))
    begin = time.monotonic()

    reading = read_ipconfig(head + "".join(lines), "x")

    assert len(reading.rows) == 1
    assert time.monotonic() - begin < 10
