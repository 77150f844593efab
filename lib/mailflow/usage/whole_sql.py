"""The questions that put parts together, in DuckDB's SQL."""

from __future__ import annotations

PARTS = "CREATE TEMP TABLE part AS SELECT * FROM read_parquet(?, union_by_name = true)"

WHOLE = """
-- A piece that is there twice counts once: of two that begin alike, the longer one.
CREATE TEMP TABLE recipients AS
SELECT connector, session, sum(asked) AS asked, sum(taken) AS taken,
       sum(inside) AS inside, sum(outside) AS outside
FROM (SELECT DISTINCT ON (connector, session, low) * FROM part WHERE asked > 0 OR taken > 0
      ORDER BY connector, session, low, high DESC)
GROUP BY connector, session;
CREATE TEMP TABLE mark AS
SELECT DISTINCT connector, session, mark.kind AS kind, mark.seq AS seq, mark.t AS t
FROM (SELECT connector, session, unnest(marks) AS mark FROM part WHERE marks IS NOT NULL);
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
    coalesce(arg_min(hello, low) FILTER (hello <> ''), '') AS hello, bool_or(tls) AS tls,
    bool_or(exchange) AS exchange, bool_or(authenticated) AS authenticated,
    coalesce(arg_max(ended, high), '') AS ended,
    arg_min(proxied_session, low) AS proxied_session,
    arg_min(proxied_client, low) AS proxied_client,
    flatten(list(domains) FILTER (domains IS NOT NULL)) AS domains
FROM part GROUP BY connector, session;
CREATE TEMP TABLE seen AS
WITH told AS (
    SELECT *, coalesce(proxied_client, '') <> '' AS proxied,
           ends_with(local, ':2525') AS hub
    FROM whole),
front AS (
    SELECT DISTINCT session, regexp_replace(client, ':[0-9]+$', '') AS address
    FROM told WHERE NOT proxied AND NOT hub)
SELECT told.* REPLACE (
    CASE WHEN proxied THEN proxied_client
         ELSE trim(regexp_replace(client, ':[0-9]+$', ''), '[]') END AS client),
    CASE WHEN proxied AND EXISTS (
            SELECT 1 FROM front WHERE front.session = told.proxied_session
            AND lower(trim(front.address, '[]')) = lower(told.proxied_client)) THEN 'again'
         WHEN hub AND NOT proxied THEN 'internal' ELSE 'client' END AS what
FROM told;
"""
KINDS = """
SELECT count(*) FILTER (what = 'client'), count(*) FILTER (what = 'internal') FROM seen
"""
HOURS = """
SELECT connector, local, client, proxied, hour, sum(sessions), sum(messages) FROM (
    SELECT connector, local, client, proxied, first[1:13] AS hour, 1 AS sessions, 0 AS messages
    FROM seen WHERE what = 'client'
    UNION ALL
    SELECT connector, local, client, proxied, message.t[1:13], 0, 1
    FROM message JOIN seen USING (connector, session) WHERE what = 'client')
GROUP BY connector, local, client, proxied, hour ORDER BY hour
"""
# Which recipients were taken is known where all were; else it is not told of any.
CLIENTS = """
WITH counts AS (
    SELECT connector, session, count(*) AS messages FROM message GROUP BY connector, session),
each AS (
    SELECT seen.*, coalesce(messages, 0) AS messages, coalesce(taken, 0) AS taken,
           CASE WHEN asked = taken AND messages > 0 THEN inside ELSE 0 END AS inside,
           CASE WHEN asked = taken AND messages > 0 THEN outside ELSE 0 END AS outside
    FROM seen LEFT JOIN counts USING (connector, session)
    LEFT JOIN recipients USING (connector, session) WHERE what = 'client'),
ends AS (
    SELECT connector, local, client, proxied, map(list(ended), list(count)) AS ends FROM (
        SELECT connector, local, client, proxied, ended, count(*) AS count
        FROM each GROUP BY connector, local, client, proxied, ended)
    GROUP BY connector, local, client, proxied)
SELECT connector, local, client, proxied, min(first) AS first, max(last) AS last,
    count(*)::BIGINT AS sessions, sum(messages)::BIGINT AS messages,
    count(*) FILTER (tls) AS tls, count(*) FILTER (authenticated) AS authenticated,
    count(*) FILTER (exchange) AS exchange,
    coalesce(sum(inside), 0)::BIGINT AS inside, coalesce(sum(outside), 0)::BIGINT AS outside,
    coalesce(sum(taken - coalesce(inside, 0) - coalesce(outside, 0)) FILTER (messages > 0), 0)
        ::BIGINT AS untold,
    list(DISTINCT hello) FILTER (hello <> '') AS names, any_value(ends) AS ended,
    flatten(list(domains) FILTER (domains IS NOT NULL)) AS domains
FROM each JOIN ends USING (connector, local, client, proxied)
GROUP BY connector, local, client, proxied
"""
