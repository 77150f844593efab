"""What Windows adds to an error, in the languages of servers (S6.19).

Exchange writes its replies in English; the text of a socket, DNS or SSPI error comes from Windows,
in the language of the server. A fragment is a part of the message that no other message holds.
"""

from __future__ import annotations

from collections.abc import Mapping

SOCKETS: Mapping[int, tuple[str, ...]] = {
    10013: (
        "made to access a socket in a way forbidden by its access permissions",
        "der zugriff auf einen socket war aufgrund der zugriffsrechte des sockets unzulässig",
        "une tentative d'accès à un socket de manière interdite par ses autorisations d'accès",
    ),
    10048: (
        "only one usage of each socket address",
        "jede socketadresse (protokoll, netzwerkadresse oder anschluss) nur jeweils einmal",
        "une seule utilisation de chaque adresse de socket",
        "se permite un uso de cada dirección de socket",
        "одно использование адреса сокета",
        "各ソケット アドレスに対してプロトコル、ネットワーク アドレス、またはポート",
        "address already in use",
        "address is already in use",
    ),
    10049: (
        "the requested address is not valid in its context",
        "die angeforderte adresse ist in diesem kontext ungültig",
        "l'adresse demandée n'est pas valide dans son contexte",
        "la dirección solicitada no es válida en este contexto",
        "требуемый адрес для своего контекста неверен",
        "要求したアドレスのコンテキストが無効です",
    ),
    10051: (
        "attempted to an unreachable network",
        "ein socketvorgang bezog sich auf ein nicht verfügbares netzwerk",
        "opération a été tentée sur un réseau impossible à atteindre",
        "operación de socket en una red no accesible",
        "到達できないネットワークに対してソケット操作を実行しようとしました",
        ":00002743",
    ),
    10053: (
        "connection was aborted by the software in your host",
        "softwaregesteuert durch den hostcomputer abgebrochen",
        "une connexion établie a été abandonnée par un logiciel de votre ordinateur hôte",
        "se ha anulado una conexión establecida por el software",
        "программа на вашем хост-компьютере разорвала установленное подключение",
        "確立された接続がホスト コンピューター",
        ":00002745",
    ),
    10054: (
        "connection was forcibly closed by the remote host",
        "eine vorhandene verbindung wurde vom remotehost geschlossen",
        "une connexion existante a dû être fermée par l'hôte distant",
        "se ha forzado la interrupción de una conexión existente por el host remoto",
        "удаленный хост принудительно разорвал существующее подключение",
        "既存の接続はリモート ホストに強制的に切断されました",
        ":00002746",
    ),
    10060: (
        "connected party did not properly respond after a period of time",
        "da die gegenstelle nach einer bestimmten zeitspanne nicht",
        "le parti connecté n'a pas répondu convenablement au-delà d'une certaine durée",
        "la parte conectada no respondió adecuadamente tras un periodo de tiempo",
        "от другого компьютера за требуемое время не получен нужный отклик",
        "接続済みの呼び出し先が一定の時間を過ぎても正しく応答しなかったため",
        ":0000274c",
    ),
    10061: (
        "target machine actively refused it",
        "target computer actively refused it",
        "keine verbindung hergestellt werden, da der zielcomputer die verbindung verweigerte",
        "l'ordinateur cible l'a expressément refusée",
        "el equipo de destino denegó expresamente dicha conexión",
        "конечный компьютер отверг запрос на подключение",
        "対象のコンピューターによって拒否されたため",
        ":0000274d",
    ),
    10065: (
        "attempted to an unreachable host",
        "ein socketvorgang bezog sich auf einen nicht verfügbaren host",
        "opération a été tentée sur un hôte impossible à atteindre",
        "operación de socket en un host no accesible",
        "выполнить операцию на сокете для недоступного хоста",
        "到達できないホストに対してソケット操作を実行しようとしました",
        ":00002751",
    ),
}
"""Socket errors by number, in English, German, French, Spanish, Russian and Japanese.

The last of some is the number as a connectivity log prints it: `(TimedOut:0000274C)`.
"""

NAMES: tuple[str, ...] = (
    "dns-abfragefehler",
    "dns-abfrage fehlgeschlagen",
    "échec de la requête dns",
    "falha na consulta de dns",
    "dns クエリに失敗しました",
    "no such host is known",
    "der angegebene host ist unbekannt",
    "es ist kein solcher host bekannt",
    "hôte inconnu",
    "host desconocido",
    "no se conoce ningún host",
    "этот хост неизвестен",
    "そのようなホストは不明です",
    "dns name does not exist",
    "der dns-name ist nicht vorhanden",
    "le nom dns n'existe pas",
    "el nombre dns no existe",
    "dns-имя не существует",
    "dns 名がありません",
    "dns server failure",
    "dns-serverfehler",
    "no records found for given dns query",
    "keine datensätze für die angegebene dns-abfrage",
)
"""A name that DNS does not resolve."""

TLS: tuple[str, ...] = (
    "issued by an authority that is not trusted",
    "von einer nicht vertrauenswürdigen zertifizierungsstelle ausgestellt",
    "émise par une autorité qui n'est pas approuvée",
    "emitida por una entidad en la que no se confía",
    "do not possess a common algorithm",
    "da sie nicht über einen gemeinsamen algorithmus verfügen",
    "ils ne possèdent pas un algorithme commun",
    "no comparten un algoritmo común",
)
"""A certificate that is not trusted, or no common protocol or cipher."""


def socket_error(words: str) -> int | None:
    """The number of the socket error that a message of Windows stands for; None: none of these.

    Args:
        words: folded (`str.casefold`).
    """
    return next(
        (number for number, parts in SOCKETS.items() if any(part in words for part in parts)), None
    )
