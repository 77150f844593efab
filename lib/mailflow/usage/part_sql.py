"""The questions that sum up one log, in DuckDB's SQL.

The file is gone through once: GROUPS sums up its rows by connector and session. A text that a
session holds is looked at where it tells what a row is; of it is kept the name in EHLO, the end,
and what XPROXYFROM names. DOMAINS keeps the domains of recipients, where asked for.
"""

from __future__ import annotations

from mailflow.sources.logs.protocol import FIELDS
from mailflow.usage.clean import LONGEST_LINE

SECOND, HOUR = "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H"
"""How a time is written."""
_COLUMNS = ", ".join(f"c{n}: 'VARCHAR'" for n in range(len(FIELDS)))

GROUPS = (
    r"""
CREATE OR REPLACE TEMP TABLE groups AS
SELECT c1 AS connector, c2 AS id, count(*) AS lines, count(*) FILTER (fits) AS rows,
    count(*) FILTER (NOT fits AND NOT CASE WHEN starts_with(c0, '#') THEN
        NOT starts_with(lower(c0), '#fields')
        OR lower(concat_ws(',', c0, c1, c2, c3, c4, c5, c6, c7, c8)) = '#fields: <fields>'
        ELSE false END) AS odd,
    min(t) AS first, max(t) AS last, min(seq) AS low, max(seq) AS high,
    max(c4) AS local, max(c5) AS client,
    list(seq::UBIGINT * 4 + CASE kind WHEN ascii('D') THEN 0 WHEN ascii('A') THEN 1 ELSE 2 END)
        FILTER (kind IN (ascii('D'), ascii('A'), ascii('N'))) AS events,
    list(t) FILTER (kind IN (ascii('D'), ascii('A'), ascii('N'))) AS times,
    arg_min(CASE WHEN kind = ascii('H') THEN nullif(
        regexp_extract(c7, '^\S+\s+([A-Za-z0-9._:\[\]-]{1,255})\s*$', 1), '') END, seq)
        FILTER (kind = ascii('H')) AS hello,
    bool_or(kind = ascii('T')) AS tls, bool_or(kind = ascii('X')) AS exchange,
    bool_or(kind = ascii('U')) AS authenticated,
    arg_max(CASE WHEN kind <> ascii('E') THEN NULL WHEN c8 IN ('Local', 'Remote') THEN c8
        WHEN regexp_full_match(c8, '[A-Za-z]{1,40}(\([A-Za-z]{1,40}\))?') THEN c8
        ELSE 'other' END, seq) FILTER (kind = ascii('E')) AS ended,
    arg_min(CASE WHEN kind = ascii('P') THEN try_cast('0x' || nullif(
        regexp_extract(c7, '\sSID=([0-9A-Fa-f]{16})\b', 1), '') AS UBIGINT) END, seq)
        FILTER (kind = ascii('P')) AS proxied_session,
    arg_min(CASE WHEN kind = ascii('P') THEN nullif(
        regexp_extract(c7, '\sIP=([0-9A-Fa-f:.]{2,45})\b', 1), '') END, seq)
        FILTER (kind = ascii('P')) AS proxied_client,
    count(*) FILTER (kind = ascii('Q')) AS asked, count(*) FILTER (kind = ascii('R')) AS taken,
    count(*) FILTER (inside) AS inside, count(*) FILTER (NOT inside) AS outside,
    {domains} AS domains
FROM (SELECT *, CASE WHEN kind = ascii('Q') THEN {inside} END AS inside,
        coalesce(c8 IS NOT NULL AND t IS NOT NULL AND c0 LIKE '____-__-__T__:__:__.___Z'
            AND NOT contains(c0, ' ') AND length(c2) = 16 AND seq::VARCHAR = c3
            AND length(c3) < 10 AND kind <> ascii('?'), false) AS fits
    FROM (SELECT *, CASE WHEN kind = ascii('Q') THEN
            lower(regexp_extract(c7, '@([^@>\s]+)>', 1)) END AS domain
        FROM (SELECT *, try_cast(c0 AS TIMESTAMP) AS t, try_cast(c3 AS UINTEGER) AS seq, CASE c6
            WHEN '<' THEN CASE
                WHEN starts_with(c7, 'MAIL FROM:') OR c7 IN ('DATA', 'QUIT') THEN 0
                WHEN c7 ILIKE 'RCPT TO:%' THEN ascii('Q')
                WHEN c7 ILIKE 'EHLO %' OR c7 ILIKE 'HELO %' THEN ascii('H')
                WHEN c7 ILIKE 'BDAT % LAST%' THEN ascii('D')
                WHEN c7 ILIKE 'X-EXPS%' THEN ascii('X')
                WHEN c7 ILIKE 'XPROXY%' THEN ascii('P') ELSE 0 END
            WHEN '>' THEN CASE
                WHEN starts_with(c7, '250 ') THEN CASE
                    WHEN starts_with(c7, '250 2.1.5') THEN ascii('R')
                    WHEN starts_with(c7, '250 2.1.0') THEN 0 ELSE ascii('A') END
                WHEN starts_with(c7, '354') THEN ascii('D')
                WHEN starts_with(c7, '250-') THEN 0
                WHEN c7[1:1] IN ('2', '4', '5') THEN ascii('N') ELSE 0 END
            WHEN '*' THEN CASE
                WHEN c8 = 'authenticated' THEN ascii('U')
                WHEN starts_with(c8, 'TLS protocol') THEN ascii('T') ELSE 0 END
            WHEN '-' THEN ascii('E') WHEN '+' THEN 0 WHEN '' THEN 0 ELSE ascii('?') END AS kind
            FROM read_csv(?, header = false, auto_detect = false, delim = ',', quote = '"',
                          escape = '"', null_padding = true, comment = '', nullstr = chr(1),
                          parallel = false, max_line_size = <longest>, columns = {<columns>}))))
GROUP BY c1, c2
""".replace("<fields>", ",".join(FIELDS))
    .replace("<longest>", str(LONGEST_LINE))
    .replace("<columns>", _COLUMNS)
)
"""The lines of a file by connector and session, those that are no rows among them.

What a row is for the count, a letter's number, for that is quick to compare: `D` data is asked for,
or its last chunk came; `A` 250; `N` another final answer; `R` a recipient was taken; `Q` a
recipient is named; `H` EHLO; `X` X-EXPS; `P` XPROXY; `U` authenticated; `T` TLS; `E` the end.
`events`: of the first three, the number of the row times four with 0, 1 or 2. `fits`: it is a whole
row (a cell that is not there is NULL). `odd`: lines that are neither a row nor an ordinary
header."""

LINES = """
SELECT coalesce(sum(odd) + sum(rows) FILTER (try_cast('0x' || id AS UBIGINT) IS NULL), 0)::BIGINT,
       coalesce(sum(lines), 0)::BIGINT, coalesce(sum(rows), 0)::BIGINT
FROM groups
"""
"""Lines that are neither a row nor an ordinary header, all lines, and rows."""

SESSIONS = r"""
CREATE OR REPLACE TEMP VIEW told AS
SELECT * REPLACE (trim(regexp_replace(client, ':[0-9]+$', ''), '[]') AS client,
                  list_sort(events) AS events),
    ('0x' || id)::UBIGINT AS session, events AS as_read,
    low <= 1 AND date_trunc('hour', first) = date_trunc('hour', last)
        AND coalesce((list_max(events) & 3) > 0, true) AS simple
FROM groups WHERE rows > 0 AND contains(connector, '\');
CREATE OR REPLACE TEMP TABLE marked AS
SELECT connector, id, list({kind: mark, seq: seq, t: moment}) AS marks FROM (
    SELECT connector, id, seq, CASE
            WHEN kind = 0 AND follows = 1 THEN 'message'
            WHEN kind = 0 AND follows IS NULL THEN 'open'
            WHEN seq > 1 AND before IS NULL AND kind = 1 THEN 'taken'
            WHEN seq > 1 AND before IS NULL THEN 'other' END AS mark,
        CASE WHEN kind = 0 AND follows = 1 THEN answered ELSE t END AS moment
    FROM (SELECT connector, id, seq, t, kind, lead(kind) OVER asked AS follows,
              lead(t) OVER asked AS answered, lag(kind) OVER asked AS before
          FROM (SELECT connector, id, event >> 2 AS seq, event & 3 AS kind, t FROM (
              SELECT connector, id, unnest(as_read) AS event, unnest(times) AS t
              FROM told WHERE NOT simple))
          WINDOW asked AS (PARTITION BY connector, id ORDER BY seq)))
WHERE mark IS NOT NULL GROUP BY connector, id;
CREATE OR REPLACE TEMP TABLE sessions AS
SELECT connector, session, first, last, low, high, local, client, hello, tls, exchange,
    authenticated, ended, proxied_session, proxied_client, asked, taken, inside, outside, domains,
    CASE WHEN simple THEN nullif(list_transform(messages, lambda event:
        {kind: 'message', seq: event >> 2, t: first}), []) ELSE marks END AS marks,
    coalesce(len(messages), 0) AS messages,
    simple AND proxied_client IS NULL AND NOT ends_with(local, ':2525') AS plain
FROM (SELECT *, list_filter(events, lambda event, place:
          (event & 3) = 0 AND (events[place + 1] & 3) = 1) AS messages FROM told)
LEFT JOIN marked USING (connector, id);
"""
"""A row for each session.

`marks`: of what is counted, and of what only the next file or the one before can tell. `simple`:
the session begins here, everything was answered, and within the hour; its marks need no order in
time. `plain`: this row alone tells of it, if no other file has it as well (`whole_sql.py`)."""

KEEP_FIRST = "CREATE OR REPLACE TEMP TABLE kept AS FROM sessions"
KEEP_MORE = "INSERT INTO kept FROM sessions"
KEPT = "CREATE OR REPLACE TEMP TABLE sessions AS FROM kept; DROP TABLE kept"
"""The rows of a file that is summed up piece by piece."""

SPOKEN = """
SELECT connector, strftime(min(first), '<second>'), strftime(max(last), '<second>'),
    list_transform(list_distinct(list(begun) || list(ended)), lambda hour: strftime(hour, '<hour>'))
FROM (SELECT connector, date_trunc('hour', first) AS begun, date_trunc('hour', last) AS ended,
          min(first) AS first, max(last) AS last
      FROM sessions GROUP BY ALL)
GROUP BY connector ORDER BY connector
""".replace("<second>", SECOND).replace("<hour>", HOUR)
"""Hours in which a session begins or ends: what lies between adds to no time that is covered."""

DOMAINS = {
    False: "NULL::VARCHAR[]",
    True: "list(DISTINCT domain) FILTER (regexp_full_match(domain, '[a-z0-9._-]{1,255}'))",
}
