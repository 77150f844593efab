"""The questions that put parts together, in DuckDB's SQL.

Most sessions lie in one file whole: these are summed up at once (`plain`). What may go on in
another file, stand in two, or belong to a session of the other service is put together first. Both
end in `tally`, from which clients and hours are told.
"""

from __future__ import annotations

from mailflow.usage.part_sql import HOUR, SECOND

PARTS = "CREATE TEMP VIEW part AS SELECT * FROM read_parquet({files})"

AGAIN = """
CREATE TEMP TABLE again AS
SELECT session FROM part GROUP BY session HAVING count(*) > 1 OR NOT bool_and(plain)
UNION SELECT proxied_session FROM part WHERE proxied_session IS NOT NULL;
CREATE TEMP TABLE piece AS SELECT * FROM part SEMI JOIN again USING (session);
"""
"""Sessions that one row alone does not tell of, and their rows."""

WHOLE = """
-- A piece that is there twice counts once: of two that begin alike, the longer one.
CREATE TEMP TABLE recipients AS
SELECT connector, session, sum(asked) AS asked, sum(taken) AS taken,
       sum(inside) AS inside, sum(outside) AS outside
FROM (SELECT DISTINCT ON (connector, session, low) * FROM piece WHERE asked > 0 OR taken > 0
      ORDER BY connector, session, low, high DESC)
GROUP BY connector, session;
CREATE TEMP TABLE mark AS
SELECT DISTINCT connector, session, mark.kind AS kind, mark.seq AS seq, mark.t AS t
FROM (SELECT connector, session, unnest(marks) AS mark FROM piece WHERE marks IS NOT NULL);
-- Messages, also those whose answer is the first one in the next file.
CREATE TEMP TABLE message AS
SELECT connector, session, seq, min(t) AS t FROM mark WHERE kind = 'message' GROUP BY ALL
UNION ALL
SELECT connector, session, seq, answer.t FROM (
    SELECT connector, session, waiting.seq AS seq,
           min_by({'kind': later.kind, 't': later.t}, later.seq) AS answer
    FROM mark AS waiting JOIN mark AS later USING (connector, session)
    WHERE waiting.kind = 'open' AND later.seq > waiting.seq
    GROUP BY connector, session, waiting.seq)
WHERE answer.kind = 'taken' AND (connector, session, seq) NOT IN (
    SELECT (connector, session, seq) FROM mark WHERE kind = 'message');
CREATE TEMP TABLE whole AS
SELECT connector, session, min(first) AS first, max(last) AS last,
    max(local) AS local, max(client) AS client,
    arg_min(hello, low) FILTER (hello <> '') AS hello, bool_or(tls) AS tls,
    bool_or(exchange) AS exchange, bool_or(authenticated) AS authenticated,
    arg_max(ended, high) AS ended,
    arg_min(proxied_session, low) AS proxied_session,
    arg_min(proxied_client, low) AS proxied_client,
    flatten(list(domains) FILTER (domains IS NOT NULL)) AS domains
FROM piece GROUP BY connector, session;
CREATE TEMP TABLE seen AS
WITH told AS (
    SELECT *, coalesce(proxied_client, '') <> '' AS proxied,
           ends_with(local, ':2525') AS hub
    FROM whole),
front AS (SELECT DISTINCT session, lower(client) AS address FROM told WHERE NOT proxied AND NOT hub)
SELECT told.* REPLACE (CASE WHEN proxied THEN proxied_client ELSE client END AS client),
    CASE WHEN proxied AND EXISTS (
            SELECT 1 FROM front WHERE front.session = told.proxied_session
            AND front.address = lower(told.proxied_client)) THEN 'again'
         WHEN hub AND NOT proxied THEN 'internal' ELSE 'client' END AS what
FROM told;
"""

# Which recipients were taken is known where all were; else it is not told of any.
_SUMS = """
    count(*)::BIGINT AS sessions, count(*) FILTER (tls) AS tls,
    count(*) FILTER (authenticated) AS authenticated, count(*) FILTER (exchange) AS exchange,
    sum(inside) FILTER (messages > 0 AND asked = taken) AS inside,
    sum(outside) FILTER (messages > 0 AND asked = taken) AS outside,
    sum(CASE WHEN asked = taken THEN taken - inside - outside ELSE taken END)
        FILTER (messages > 0) AS untold,
    flatten(list(domains) FILTER (domains IS NOT NULL)) AS domains
"""
TALLY = f"""
CREATE TEMP TABLE tally AS
SELECT connector, local, client, false AS proxied, date_trunc('hour', first) AS hour, hello, ended,
    min(first) AS first, max(last) AS last, sum(messages) AS messages, {_SUMS}
FROM part ANTI JOIN again USING (session)
GROUP BY connector, local, client, hour, hello, ended
UNION ALL BY NAME
SELECT connector, local, client, proxied, date_trunc('hour', first) AS hour, hello, ended,
    min(first) AS first, max(last) AS last, 0 AS messages, {_SUMS}
FROM (
    SELECT seen.*, coalesce(messages, 0) AS messages, coalesce(taken, 0) AS taken, asked,
           coalesce(inside, 0) AS inside, coalesce(outside, 0) AS outside
    FROM seen LEFT JOIN recipients USING (connector, session) LEFT JOIN (
        SELECT connector, session, count(*) AS messages FROM message GROUP BY connector, session)
        USING (connector, session)
    WHERE what = 'client')
GROUP BY connector, local, client, proxied, hour, hello, ended
UNION ALL BY NAME
SELECT connector, local, client, proxied, date_trunc('hour', message.t) AS hour,
    count(*) AS messages
FROM message JOIN seen USING (connector, session) WHERE what = 'client'
GROUP BY connector, local, client, proxied, hour
"""  # noqa: S608 - nothing of a log is in it
KINDS = """
SELECT coalesce((SELECT sum(sessions) FROM tally), 0),
       (SELECT count(*) FROM seen WHERE what = 'internal')
"""
HOURS = """
SELECT connector, local, client, proxied, list(hour ORDER BY hour),
       list(sessions ORDER BY hour), list(messages ORDER BY hour)
FROM (
    SELECT connector, local, client, proxied, strftime(hour, '<hour>') AS hour,
           coalesce(sum(sessions), 0)::BIGINT AS sessions, sum(messages)::BIGINT AS messages
    FROM tally GROUP BY connector, local, client, proxied, tally.hour)
GROUP BY connector, local, client, proxied
""".replace("<hour>", HOUR)
CLIENTS = """
WITH ends AS (
    SELECT connector, local, client, proxied, map(list(ended), list(count)) AS ends FROM (
        SELECT connector, local, client, proxied, coalesce(ended, '') AS ended,
               sum(sessions)::BIGINT AS count
        FROM tally WHERE sessions > 0 GROUP BY ALL)
    GROUP BY connector, local, client, proxied)
SELECT connector, local, client, proxied, strftime(min(first), '<second>') AS first,
    strftime(max(last), '<second>') AS last,
    sum(sessions)::BIGINT AS sessions, sum(messages)::BIGINT AS messages, sum(tls)::BIGINT AS tls,
    sum(authenticated)::BIGINT AS authenticated,
    sum(exchange)::BIGINT AS exchange,
    coalesce(sum(inside), 0)::BIGINT AS inside, coalesce(sum(outside), 0)::BIGINT AS outside,
    coalesce(sum(untold), 0)::BIGINT AS untold,
    list(DISTINCT hello) FILTER (hello <> '') AS names, any_value(ends) AS ended,
    flatten(list(domains) FILTER (domains IS NOT NULL)) AS domains
FROM tally JOIN ends USING (connector, local, client, proxied)
GROUP BY connector, local, client, proxied
""".replace("<second>", SECOND)
