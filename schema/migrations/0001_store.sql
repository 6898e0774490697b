-- The store's tables.  People query the views (docs/schema.md); these hold what the views show.
--
-- A flow is a small row.  What many flows share is kept once in three side rows: `peer` (who spoke
-- and how), `target` (to whom) and `result` (what happened and how it was judged).  Text that
-- repeats stands once in `text`; a column that says "ref" holds its id.  A column of type ANY
-- holds a ref where it is an integer, else the value itself.

-- meta: one row a setting of the store itself.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- text: every repeated text once.  `raw` holds the exact bytes where they are not plain UTF-8;
-- `text` is then their printable form.
CREATE TABLE text (
    id   INTEGER PRIMARY KEY,
    text TEXT NOT NULL,
    raw  BLOB
) STRICT;
CREATE INDEX text_by_text ON text (text);

-- peer: who spoke and how, shared by many flows.
CREATE TABLE peer (
    id                     INTEGER PRIMARY KEY,
    digest                 INTEGER NOT NULL,
    absent                 ANY,              -- ref: names of the fields known to be absent
    gateway                ANY,
    source_ip              ANY,
    transport              INTEGER,
    tls_version            INTEGER,
    tls_cipher             ANY,
    tls_alpn               ANY,
    tls_alpn_offered       ANY,
    tls_established        INTEGER,
    tls_resumed            INTEGER,
    tls_decrypted          INTEGER,
    tls_ech                INTEGER,
    ja3                    ANY,
    ja4                    ANY,
    source_identity        ANY,
    source_principal       ANY,
    source_namespace       ANY,
    source_service_account ANY,
    source_trust_domain    ANY,
    identity_source        INTEGER,
    client_certificate     ANY,
    certificate_status     INTEGER,
    inner_tls_version      INTEGER,
    inner_tls_alpn         ANY,
    inner_ja4              ANY
) STRICT;
CREATE INDEX peer_by_digest ON peer (digest);

-- target: whom the flow was for.
CREATE TABLE target (
    id                   INTEGER PRIMARY KEY,
    digest               INTEGER NOT NULL,
    absent               ANY,
    host                 ANY,              -- the one name that a person would give it
    destination_ip       ANY,
    destination_port     INTEGER,
    sni                  ANY,
    ja3s                 ANY,
    destination_identity ANY,
    server_certificate   ANY,
    inner_sni            ANY,
    authority            ANY,
    upstream_cluster     ANY,
    upstream_port        INTEGER,
    route_name           ANY,
    expected_cluster     ANY,
    expected_sni         ANY
) STRICT;
CREATE INDEX target_by_digest ON target (digest);

-- result: what happened, and what policy says about it.
CREATE TABLE result (
    id                             INTEGER PRIMARY KEY,
    digest                         INTEGER NOT NULL,
    absent                         ANY,
    absent_row                     ANY,    -- ref: the same for the columns of table flow
    findings                       ANY,    -- ref: JSON array of codes
    observed_by                    INTEGER,
    chain                          INTEGER,
    leg                            INTEGER,
    protocol                       INTEGER,
    method                         ANY,
    status                         INTEGER,
    user_agent                     ANY,
    request_principal              ANY,
    request_audiences              ANY,
    request_presenter              ANY,
    response_flags                 ANY,
    response_code_details          ANY,
    connection_termination_details ANY,
    outcome                        INTEGER,
    outcome_policy                 ANY,
    outcome_rule                   INTEGER,
    failure                        ANY,
    verdict                        INTEGER,
    policy                         ANY,
    rule                           INTEGER,
    action                         INTEGER,
    reason                         ANY,
    missing                        ANY,
    policy_revision                ANY
) STRICT;
CREATE INDEX result_by_digest ON result (digest);

-- flow: one row a judged flow.  Ids rise with the order of arrival; table batch maps times to ids.
CREATE TABLE flow (
    id                  INTEGER PRIMARY KEY,
    started_at          INTEGER,        -- ns since 1970
    ended               INTEGER,        -- ns after the start; -1: start + duration; -2-n: n before it
    duration_ms         ANY,
    peer                INTEGER NOT NULL,
    target              INTEGER NOT NULL,
    result              INTEGER NOT NULL,
    notable             INTEGER,        -- 1 refused, 2 denied, 4 verdict unknown, 8 finding, 16 first seen
    source_port         INTEGER,
    bytes_sent          INTEGER,
    bytes_received      INTEGER,
    packets_sent        INTEGER,
    packets_received    INTEGER,
    upstream_ip         INTEGER,        -- IPv4 as a number; else 2^32 + ref
    upstream_local_ip   INTEGER,        -- IPv4 as a number; else 2^32 + ref
    upstream_local_port INTEGER,
    remote_ip           INTEGER,        -- IPv4 as a number; else 2^32 + ref
    path                ANY,
    request_id          ANY,            -- a BLOB of 16 bytes: a lower-case UUID
    connection_id       ANY,
    community_id        ANY,
    more                TEXT            -- JSON object of the fields that have no column
) STRICT;
CREATE INDEX flow_notable ON flow (id, notable) WHERE notable IS NOT NULL;

-- batch: one row a committed transaction; its link in the integrity chain, and which ids and
-- times it holds.
CREATE TABLE batch (
    id           INTEGER PRIMARY KEY,
    committed_at INTEGER NOT NULL,
    flows        INTEGER NOT NULL,      -- seen, kept or not
    first_flow   INTEGER,               -- NULL: no row kept
    last_flow    INTEGER,
    min_started  INTEGER,               -- of the rows kept
    max_started  INTEGER,
    last_text    INTEGER NOT NULL,      -- highest id of each table after it
    last_peer    INTEGER NOT NULL,
    last_target  INTEGER NOT NULL,
    last_result  INTEGER NOT NULL,
    last_policy  INTEGER NOT NULL,
    content      BLOB    NOT NULL,      -- SHA-256 over the rows that it added
    chain        BLOB    NOT NULL       -- SHA-256 over the chain before it and this row
) STRICT;

-- Rollups: kept by the writer in the same transaction; they count every flow, kept or not.  Refs
-- here: 0 unknown, -1 absent, -2 the bucket (other) that takes what is above the cap.

-- rollup_minute: what happened, by minute.
CREATE TABLE rollup_minute (
    minute         INTEGER NOT NULL,    -- minutes since 1970
    gateway        INTEGER NOT NULL,
    observed_by    INTEGER NOT NULL,
    leg            INTEGER NOT NULL,
    verdict        INTEGER NOT NULL,
    outcome        INTEGER NOT NULL,
    identity_source INTEGER NOT NULL,
    flows          INTEGER NOT NULL,
    bytes_sent     INTEGER NOT NULL,
    bytes_received INTEGER NOT NULL,
    PRIMARY KEY (minute, gateway, observed_by, leg, verdict, outcome, identity_source)
) STRICT, WITHOUT ROWID;

-- rollup_edge: who reached whom, by hour.
CREATE TABLE rollup_edge (
    hour           INTEGER NOT NULL,    -- hours since 1970
    identity       INTEGER NOT NULL,
    host           INTEGER NOT NULL,
    flows          INTEGER NOT NULL,
    allowed        INTEGER NOT NULL,
    denied         INTEGER NOT NULL,
    unknown        INTEGER NOT NULL,
    served         INTEGER NOT NULL,
    refused        INTEGER NOT NULL,
    failed         INTEGER NOT NULL,
    gaps           INTEGER NOT NULL,    -- denied and served
    found          INTEGER NOT NULL,    -- with a finding
    bytes_sent     INTEGER NOT NULL,
    bytes_received INTEGER NOT NULL,
    first_seen     INTEGER NOT NULL,
    last_seen      INTEGER NOT NULL,
    PRIMARY KEY (hour, identity, host)
) STRICT, WITHOUT ROWID;

-- edge: the same since the beginning; also what "first seen" is decided by.
CREATE TABLE edge (
    identity       INTEGER NOT NULL,
    host           INTEGER NOT NULL,
    flows          INTEGER NOT NULL,
    allowed        INTEGER NOT NULL,
    denied         INTEGER NOT NULL,
    unknown        INTEGER NOT NULL,
    served         INTEGER NOT NULL,
    refused        INTEGER NOT NULL,
    failed         INTEGER NOT NULL,
    gaps           INTEGER NOT NULL,
    found          INTEGER NOT NULL,
    bytes_sent     INTEGER NOT NULL,
    bytes_received INTEGER NOT NULL,
    first_seen     INTEGER NOT NULL,
    last_seen      INTEGER NOT NULL,
    PRIMARY KEY (identity, host)
) STRICT, WITHOUT ROWID;

-- rollup_rule: hits of each policy rule, by hour.
CREATE TABLE rollup_rule (
    hour    INTEGER NOT NULL,
    policy  INTEGER NOT NULL,           -- ref; 0: none decided
    rule    INTEGER NOT NULL,           -- -1: none
    action  INTEGER NOT NULL,
    verdict INTEGER NOT NULL,
    flows   INTEGER NOT NULL,
    PRIMARY KEY (hour, policy, rule, action, verdict)
) STRICT, WITHOUT ROWID;

-- rollup_finding: flows that had a finding, by hour and code.
CREATE TABLE rollup_finding (
    hour  INTEGER NOT NULL,
    code  INTEGER NOT NULL,             -- ref
    flows INTEGER NOT NULL,
    PRIMARY KEY (hour, code)
) STRICT, WITHOUT ROWID;

-- finding: one row a finding; flows that show the same one are counted in it.
CREATE TABLE finding (
    id         INTEGER PRIMARY KEY,
    key        TEXT    NOT NULL UNIQUE, -- from code, gateway, identity, host and policy: a stable link
    code       TEXT    NOT NULL,
    severity   INTEGER NOT NULL,
    gateway    INTEGER NOT NULL,        -- refs, as in the rollups
    identity   INTEGER NOT NULL,
    host       INTEGER NOT NULL,
    policy     INTEGER NOT NULL,
    sentence   TEXT    NOT NULL,        -- of the first flow
    evidence   TEXT,
    ruled_out  TEXT,
    first_seen INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL,
    flows      INTEGER NOT NULL,
    status     TEXT    NOT NULL DEFAULT 'open'
               CHECK (status IN ('open', 'acknowledged', 'accepted', 'closed')),
    note       TEXT
) STRICT;

-- finding_flow: some flows of each finding: the first ones and the newest ones.
CREATE TABLE finding_flow (
    finding   INTEGER NOT NULL,
    slot      INTEGER NOT NULL,
    flow      INTEGER NOT NULL,
    sentence  TEXT NOT NULL,
    evidence  TEXT,
    ruled_out TEXT,
    PRIMARY KEY (finding, slot)
) STRICT, WITHOUT ROWID;
CREATE INDEX finding_flow_by_flow ON finding_flow (flow);

-- certificate: every certificate seen, once.
CREATE TABLE certificate (
    sha256       TEXT PRIMARY KEY,
    role         TEXT NOT NULL,         -- client, server, issuer
    subject      TEXT NOT NULL,
    issuer       TEXT NOT NULL,
    serial       TEXT NOT NULL,
    not_before   INTEGER NOT NULL,      -- ns
    not_after    INTEGER NOT NULL,
    uri_sans     TEXT NOT NULL,         -- JSON arrays
    dns_sans     TEXT NOT NULL,
    key_type     TEXT NOT NULL,
    key_bits     INTEGER NOT NULL,
    signature    TEXT NOT NULL,
    is_ca        INTEGER NOT NULL,
    self_signed  INTEGER NOT NULL,
    first_seen   INTEGER NOT NULL,
    last_seen    INTEGER NOT NULL,
    der          BLOB
) STRICT, WITHOUT ROWID;

-- policy_revision: every policy set that judged a flow, with its text.
CREATE TABLE policy_revision (
    id        INTEGER PRIMARY KEY,
    revision  TEXT    NOT NULL UNIQUE,
    text      TEXT    NOT NULL,
    loaded_at INTEGER NOT NULL
) STRICT;

-- evidence: what was read and what was not understood, by hour, input and reason.
CREATE TABLE evidence (
    hour   INTEGER NOT NULL,
    input  TEXT    NOT NULL,            -- file or interface
    source TEXT    NOT NULL,
    reason TEXT    NOT NULL,
    kind   TEXT    NOT NULL,            -- total, lost, odd
    n      INTEGER NOT NULL,
    PRIMARY KEY (hour, input, source, reason)
) STRICT, WITHOUT ROWID;

-- evidence_sample: a few examples of what was not understood, cut short.
CREATE TABLE evidence_sample (
    input  TEXT    NOT NULL,
    source TEXT    NOT NULL,
    reason TEXT    NOT NULL,
    slot   INTEGER NOT NULL,
    place  INTEGER NOT NULL,            -- packet or line number
    sample TEXT    NOT NULL,
    PRIMARY KEY (input, source, reason, slot)
) STRICT, WITHOUT ROWID;

-- log_offset: how far each log file was read, committed with its rows.
CREATE TABLE log_offset (
    path   TEXT    NOT NULL,
    device INTEGER NOT NULL,
    inode  INTEGER NOT NULL,
    digest BLOB    NOT NULL,            -- of the file's first line: survives rename and compression
    offset INTEGER NOT NULL,
    seen   INTEGER NOT NULL,
    PRIMARY KEY (path, digest)
) STRICT, WITHOUT ROWID;
