"""The questions that sum up one log, in DuckDB's SQL.

A text that a session holds is looked at where it tells what a row is; of it is kept the name in
EHLO, the end, and what XPROXYFROM names. DOMAINS keeps the domains of recipients, where asked for.
"""

from __future__ import annotations

from mailflow.sources.logs.protocol import FIELDS
from mailflow.usage.clean import LONGEST_LINE, NUMBER, TIME

_COLUMNS = ", ".join(f"c{n}: 'VARCHAR'" for n in range(len(FIELDS)))
RAW = (
    r"""
CREATE OR REPLACE TEMP TABLE raw AS
SELECT c1 AS connector, try_cast('0x' || c2 AS UBIGINT) AS session,
       try_cast(c3 AS UINTEGER) AS seq, c0[1:19] AS t, c4 AS local, c5 AS client,
       kind, CASE kind WHEN 'H' THEN c7 WHEN 'Q' THEN c7 WHEN 'P' THEN c7
            WHEN 'E' THEN c8 END AS value,
       coalesce(c8 IS NOT NULL AND regexp_full_match(c0, '<time>')
                AND length(c2) = 16 AND session IS NOT NULL AND regexp_full_match(c3, '<number>')
                AND kind <> '?', false) AS fits,
       CASE WHEN starts_with(c0, '#') THEN concat_ws(',', c0, c1, c2, c3, c4, c5, c6, c7, c8) END
           AS header
FROM (SELECT *, CASE c6
        WHEN '<' THEN CASE
            WHEN c7 ILIKE 'RCPT TO:%' THEN 'Q'
            WHEN c7 ILIKE 'EHLO %' OR c7 ILIKE 'HELO %' THEN 'H'
            WHEN c7 ILIKE 'BDAT % LAST%' THEN 'D'
            WHEN c7 ILIKE 'X-EXPS%' THEN 'X'
            WHEN c7 ILIKE 'XPROXY%' THEN 'P' ELSE '' END
        WHEN '>' THEN CASE
            WHEN c7[1:4] = '250 ' THEN
                CASE c7[5:9] WHEN '2.1.5' THEN 'R' WHEN '2.1.0' THEN '' ELSE 'A' END
            WHEN c7[1:3] = '354' THEN 'D'
            WHEN c7[1:4] = '250-' THEN ''
            WHEN c7[1:1] IN ('2', '4', '5') THEN 'N' ELSE '' END
        WHEN '*' THEN CASE
            WHEN c8 = 'authenticated' THEN 'U'
            WHEN starts_with(c8, 'TLS protocol') THEN 'T' ELSE '' END
        WHEN '-' THEN 'E' WHEN '+' THEN '' WHEN '' THEN '' ELSE '?' END AS kind
    FROM read_csv(?, header = false, auto_detect = false, delim = ',', quote = '"', escape = '"',
                  null_padding = true, comment = '', nullstr = chr(1),
                  max_line_size = <longest>, columns = {<columns>}))
""".replace("<time>", TIME)
    .replace("<number>", NUMBER)
    .replace("<longest>", str(LONGEST_LINE))
    .replace("<columns>", _COLUMNS)
)
"""Every line of a file. `fits`: it is a whole row (a cell that is not there is NULL).

What a row is for the count: `D` data is asked for, or its last chunk came; `A` 250; `N` another
final answer; `R` a recipient was taken; `Q` a recipient is named; `H` EHLO; `X` X-EXPS; `P` XPROXY;
`U` authenticated; `T` TLS; `E` the end."""

LINES = """
SELECT count(*) FILTER (NOT fits AND (header IS NULL OR (starts_with(lower(header), '#fields')
           AND lower(header) <> '#fields: <fields>'))),
       (SELECT count(*) FROM raw)
FROM raw WHERE NOT fits
""".replace("<fields>", ",".join(FIELDS))
"""Lines that are neither a row nor an ordinary header, and all lines."""

ROWS = r"""
CREATE OR REPLACE TEMP VIEW rows AS SELECT * FROM raw WHERE fits AND contains(connector, '\')
"""

SPOKEN = """
SELECT connector, min(first), max(last), list(DISTINCT hour)
FROM (SELECT connector, first, last, unnest([first[1:13], last[1:13]]) AS hour FROM sessions)
GROUP BY connector ORDER BY connector
"""
"""Hours in which a session begins or ends: what lies between adds to no time that is covered."""

MARKS = """
CREATE OR REPLACE TEMP TABLE marks AS
SELECT connector, session, list({kind: mark, seq: seq, t: moment}) AS marks FROM (
    SELECT connector, session, seq, CASE
            WHEN kind = 'D' AND follows = 'A' THEN 'message'
            WHEN kind = 'D' AND follows IS NULL THEN 'open'
            WHEN seq > 1 AND before IS NULL AND kind = 'A' THEN 'taken'
            WHEN seq > 1 AND before IS NULL THEN 'other' END AS mark,
        CASE WHEN kind = 'D' AND follows = 'A' THEN answered ELSE t END AS moment
    FROM (SELECT connector, session, seq, t, kind, lead(kind) OVER asked AS follows,
              lead(t) OVER asked AS answered, lag(kind) OVER asked AS before
          FROM rows WHERE kind IN ('D', 'A', 'N')
          WINDOW asked AS (PARTITION BY connector, session ORDER BY seq)))
WHERE mark IS NOT NULL GROUP BY connector, session
"""

SESSIONS = r"""
CREATE OR REPLACE TEMP TABLE sessions AS
SELECT * FROM (
    SELECT connector, session, min(t) AS first, max(t) AS last, min(seq) AS low, max(seq) AS high,
        max(local) AS local, max(client) AS client FROM rows GROUP BY connector, session)
LEFT JOIN (
    SELECT connector, session,
        arg_min(CASE WHEN kind = 'H' THEN nullif(
            regexp_extract(value, '^\S+\s+([A-Za-z0-9._:\[\]-]{1,255})\s*$', 1), '') END, seq)
            AS hello,
        bool_or(kind = 'T') AS tls, bool_or(kind = 'X') AS exchange,
        bool_or(kind = 'U') AS authenticated,
        arg_max(CASE WHEN kind <> 'E' THEN NULL
            WHEN regexp_full_match(value, '[A-Za-z]{1,40}(\([A-Za-z]{1,40}\))?') THEN value
            ELSE 'other' END, seq) AS ended,
        arg_min(CASE WHEN kind = 'P' THEN try_cast('0x' || nullif(
            regexp_extract(value, '\sSID=([0-9A-Fa-f]{16})\b', 1), '') AS UBIGINT) END, seq)
            AS proxied_session,
        arg_min(CASE WHEN kind = 'P' THEN nullif(
            regexp_extract(value, '\sIP=([0-9A-Fa-f:.]{2,45})\b', 1), '') END, seq)
            AS proxied_client,
        count(*) FILTER (kind = 'Q') AS asked, count(*) FILTER (kind = 'R') AS taken,
        count(*) FILTER (inside) AS inside, count(*) FILTER (NOT inside) AS outside,
        {domains} AS domains
    FROM (SELECT *, {inside} AS inside FROM (
        SELECT *, CASE WHEN kind = 'Q' THEN
            lower(regexp_extract(value, '@([^@>\s]+)>', 1)) END AS domain
        FROM rows WHERE kind IN ('H', 'T', 'X', 'U', 'E', 'P', 'Q', 'R')))
    GROUP BY connector, session) USING (connector, session)
LEFT JOIN marks USING (connector, session)
"""

DOMAINS = {
    False: "NULL::VARCHAR[]",
    True: "list(DISTINCT domain) FILTER (regexp_full_match(domain, '[a-z0-9._-]{1,255}'))",
}
