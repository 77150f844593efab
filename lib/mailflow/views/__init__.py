"""What people look at, a file each: snapshot in, table or verdict out.

    verdict        findings as people and machines read them: findings.json
      │              telling   the one place where what checks found becomes that
      │              prose, together   headline and summary; alike rows as one
      │              terms, accepted, accepted_file, since, fingerprint   known and earlier findings
      │              metrics   for Prometheus
      │
    the runbook for stuck mail, step by step:
      queues, last_errors, receive_connectors, answering_connectors, overlapping_ranges,
      findings, remedy, proposal, change_request, not_read
      mail_flow, rulers   what its pictures show
    the audit:
      audit, audit_connectors, audit_names, audit_silence, audit_results, servers_left
    two servers, or two snapshots:
      twin_report, twin_tables, twin_picture
      behaviour, comparison
    single questions:
      which, who_answers, probe   an address before a server; what targets offer
      explanation, front_door   an error text; a file that is no export

Views never fetch: a snapshot is their only input.
"""
