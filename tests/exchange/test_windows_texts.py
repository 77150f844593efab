"""What Windows adds, in the languages of servers (S6.19)."""

from __future__ import annotations

import pytest

from mailflow.exchange.causes import explain
from mailflow.exchange.last_error import parse
from mailflow.exchange.windows_texts import NAMES, SOCKETS, TLS, socket_error


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            (
                "Es konnte keine Verbindung hergestellt werden, da der Zielcomputer die Verbindung "
                "verweigerte 10.0.0.21:25"
            ),
            "target-refuses",
        ),
        (
            "Aucune connexion n’a pu être établie car l’ordinateur cible l’a expressément refusée",  # noqa: RUF001
            "target-refuses",
        ),
        (
            (
                "No se puede establecer una conexión ya que el equipo de destino denegó "
                "expresamente dicha conexión"
            ),
            "target-refuses",
        ),
        ("Конечный компьютер отверг запрос на подключение", "target-refuses"),
        ("対象のコンピューターによって拒否されたため、接続できませんでした。", "target-refuses"),
        (
            (
                "Ein Verbindungsversuch ist fehlgeschlagen, da die Gegenstelle nach einer "
                "bestimmten Zeitspanne nicht richtig reagiert hat"
            ),
            "target-unreachable",
        ),
        ("Une connexion existante a dû être fermée par l'hôte distant", "connection-dropped"),
        ("451 4.4.0 DNS-Abfragefehler", "name-resolution"),
        ("451 4.4.0 E\u0301chec de la reque\u0302te DNS", "name-resolution"),
        ("451 4.4.0 DNS クエリに失敗しました", "name-resolution"),
        ("451 4.4.0 Der angegebene Host ist unbekannt", "name-resolution"),
        ("Failed connection to 10.0.0.21:25 (TimedOut:0000274C)[x]", "target-unreachable"),
        (
            (
                "454 4.7.5 Die Zertifikatkette wurde von einer nicht vertrauenswürdigen "
                "Zertifizierungsstelle ausgestellt"
            ),
            "tls-or-certificate",
        ),
    ],
)
def test_messages_of_windows(text: str, cause: str) -> None:
    """Typographic apostrophes and accents in two characters count as well (S6.08)."""
    assert explain(parse(text)).cause == cause


def test_fragments_are_folded_and_tell_one_error() -> None:
    """Lower case, and no fragment of one error inside that of another."""
    parts = [part for one in SOCKETS.values() for part in one]

    assert [part for part in (*parts, *NAMES, *TLS) if part != part.casefold()] == []
    assert {number: {socket_error(part) for part in one} for number, one in SOCKETS.items()} == {
        number: {number} for number in SOCKETS
    }
