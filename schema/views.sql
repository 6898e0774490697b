-- traffic: flows by minute: what was said about them and what happened.  Counts every flow, kept
-- or not.
CREATE VIEW traffic AS
SELECT strftime('%Y-%m-%dT%H:%M:00Z', minute * 60, 'unixepoch') AS minute,
       minute * 60000000000 AS minute_ns,
       (SELECT text FROM text WHERE id = gateway) AS gateway,
       {observed_by:observed_by} AS observed_by,
       {leg:leg} AS leg,
       {verdict:verdict} AS verdict,
       {outcome:outcome} AS outcome,
       {identity_source:identity_source} AS identity_source,
       flows, bytes_sent, bytes_received
FROM rollup_minute;

-- edges: which identity reached which host, by hour.  Counts every flow, kept or not.
-- identity and host: NULL unknown, (none) presented none, (other) above the cap.
CREATE VIEW edges AS
SELECT strftime('%Y-%m-%dT%H:00:00Z', hour * 3600, 'unixepoch') AS hour,
       hour * 3600000000000 AS hour_ns,
       {ref:identity} AS identity,
       {ref:host} AS host,
       flows, allowed, denied, unknown, served, refused, failed, gaps, found,
       bytes_sent, bytes_received,
       {time:first_seen} AS first_seen,
       {time:last_seen} AS last_seen
FROM rollup_edge;

-- identities: everybody who spoke, since the beginning.
CREATE VIEW identities AS
SELECT {ref:identity} AS identity,
       {spiffe:identity} AS trust_domain,
       {part:identity:ns} AS namespace,
       {part:identity:sa} AS service_account,
       count(*) AS hosts,
       sum(flows) AS flows, sum(allowed) AS allowed, sum(denied) AS denied,
       sum(unknown) AS unknown, sum(served) AS served, sum(refused) AS refused,
       sum(failed) AS failed, sum(gaps) AS gaps, sum(found) AS found,
       sum(bytes_sent) AS bytes_sent, sum(bytes_received) AS bytes_received,
       {time:min(first_seen)} AS first_seen,
       {time:max(last_seen)} AS last_seen
FROM edge
GROUP BY edge.identity;

-- destinations: every host that was reached or asked for, since the beginning.
CREATE VIEW destinations AS
SELECT {ref:host} AS host,
       count(*) AS identities,
       sum(flows) AS flows, sum(allowed) AS allowed, sum(denied) AS denied,
       sum(unknown) AS unknown, sum(served) AS served, sum(refused) AS refused,
       sum(failed) AS failed, sum(gaps) AS gaps, sum(found) AS found,
       sum(bytes_sent) AS bytes_sent, sum(bytes_received) AS bytes_received,
       {time:min(first_seen)} AS first_seen,
       {time:max(last_seen)} AS last_seen
FROM edge
GROUP BY edge.host;

-- rules: how often each policy rule decided, by hour.  A rule that never appears had no hit.
CREATE VIEW rules AS
SELECT strftime('%Y-%m-%dT%H:00:00Z', hour * 3600, 'unixepoch') AS hour,
       hour * 3600000000000 AS hour_ns,
       {ref:policy} AS policy,
       nullif(rule, -1) AS rule,
       {action:action} AS action,
       {verdict:verdict} AS verdict,
       flows
FROM rollup_rule;

-- finding_trend: flows that had a finding, by hour and code.
CREATE VIEW finding_trend AS
SELECT strftime('%Y-%m-%dT%H:00:00Z', hour * 3600, 'unixepoch') AS hour,
       hour * 3600000000000 AS hour_ns,
       (SELECT text FROM text WHERE id = code) AS code,
       flows
FROM rollup_finding;

-- findings: what is wrong, each once however many flows show it.
CREATE VIEW findings AS
SELECT f.id, f.key, f.code,
       {severity:f.severity} AS severity,
       f.severity AS severity_rank,
       c.title, c.why, c.fix,
       (SELECT text FROM text WHERE id = f.gateway) AS gateway,
       {ref:f.identity} AS identity,
       {ref:f.host} AS host,
       {ref:f.policy} AS policy,
       f.sentence,
       coalesce(f.evidence, {facts:f.code,(SELECT min(x.flow) FROM finding_flow AS x WHERE x.finding = f.id)}) AS evidence,
       coalesce(f.ruled_out, {ruled:f.code}) AS ruled_out,
       {time:f.first_seen} AS first_seen, f.first_seen AS first_seen_ns,
       {time:f.last_seen} AS last_seen, f.last_seen AS last_seen_ns,
       f.flows, f.status, f.note
FROM finding AS f LEFT JOIN finding_codes AS c ON c.code = f.code;

-- finding_flows: some flows of each finding, the first ones and the newest ones.
CREATE VIEW finding_flows AS
SELECT f.key, f.code, s.finding AS finding_id, s.flow AS flow_id, s.sentence,
       coalesce(s.evidence, {facts:f.code,s.flow}) AS evidence,
       coalesce(s.ruled_out, {ruled:f.code}) AS ruled_out
FROM finding_flow AS s JOIN finding AS f ON f.id = s.finding;

-- certificates: every certificate seen.
CREATE VIEW certificates AS
SELECT sha256, role, subject, issuer, serial,
       {time:not_before} AS not_before, not_before AS not_before_ns,
       {time:not_after} AS not_after, not_after AS not_after_ns,
       uri_sans, dns_sans, key_type, key_bits, signature, is_ca, self_signed,
       {time:first_seen} AS first_seen,
       {time:last_seen} AS last_seen
FROM certificate;

-- policy_revisions: every policy set that judged a flow.  text is the canonical YAML.
CREATE VIEW policy_revisions AS
SELECT id, revision, {time:loaded_at} AS loaded_at, loaded_at AS loaded_at_ns, text
FROM policy_revision;

-- coverage: what was read and what of it was lost or not understood, by hour, input and reason.
CREATE VIEW coverage AS
SELECT strftime('%Y-%m-%dT%H:00:00Z', hour * 3600, 'unixepoch') AS hour,
       hour * 3600000000000 AS hour_ns,
       e.input, e.source, e.reason, e.kind, e.n, r.meaning
FROM evidence AS e LEFT JOIN evidence_reasons AS r ON r.source = e.source AND r.reason = e.reason;

-- evidence_samples: a few examples of what was not understood.
CREATE VIEW evidence_samples AS
SELECT input, source, reason, place, sample FROM evidence_sample;

-- log_offsets: how far each log file was read.
CREATE VIEW log_offsets AS
SELECT path, device, inode, offset, {time:seen} AS seen FROM log_offset;

-- batches: the committed transactions and their links of the integrity chain.
CREATE VIEW batches AS
SELECT id, {time:committed_at} AS committed_at, flows, first_flow, last_flow,
       {time:min_started} AS min_started, {time:max_started} AS max_started,
       lower(hex(content)) AS content, lower(hex(chain)) AS chain
FROM batch;
