/*
 * report_tables: what a report asks.  Parameters: :from and :to in ns, :gateway or NULL.
 *
 * Counts come from the rollups, so they hold every flow, kept as a row or not.
 */
#include "web/report_part.h"

#define IN_TRAFFIC "minute_ns >= :from AND minute_ns < :to AND (:gateway IS NULL OR gateway = :gateway)"
#define IN_HOUR "hour_ns >= :from AND hour_ns < :to"
#define IN_FINDING "last_seen_ns >= :from AND first_seen_ns < :to AND (:gateway IS NULL OR gateway = :gateway)"

#define END { NULL, NULL, COL_TEXT, NULL, NULL }
#define TEXT(name, label) { name, label, COL_TEXT, NULL, NULL }
#define COUNT(name, label) { name, label, COL_COUNT, NULL, NULL }
#define TIME(name, label) { name, label, COL_TIME, NULL, NULL }

static const struct column total[] = {
	COUNT("flows", "flows"), COUNT("judged", "of them judged"), COUNT("sure", "judged with certainty"),
	COUNT("unknown", "verdict unknown"), COUNT("denied", "denied by policy"),
	COUNT("gaps", "denied and served"), TIME("first", "first minute"), TIME("last", "last minute"), END
};

static const struct column agree[] = {
	{ "verdict", "policy says", COL_VERDICT, NULL, "not judged" },
	{ "outcome", "outcome", COL_OUTCOME, NULL, "not seen" },
	COUNT("flows", "flows"), COUNT("of", "of judged"), TEXT("percent", "%"), END
};

static const struct column observed[] = {
	TEXT("observed_by", "observed by"), { "leg", "leg", COL_TEXT, NULL, "unknown" },
	COUNT("flows", "flows"), COUNT("of", "of"), TEXT("percent", "%"), END
};

static const struct column source[] = {
	{ "identity_source", "identity known from", COL_TEXT, NULL, "unknown: nobody observed it" },
	COUNT("flows", "judged flows"), COUNT("of", "of"), TEXT("percent", "%"), END
};

static const struct column coverage[] = {
	TEXT("source", "source"), { "meaning", "what", COL_TEXT, NULL, "" }, TEXT("kind", "kind"),
	COUNT("n", "count"), { "of", "of read", COL_COUNT, NULL, "–" }, END
};

static const struct column severity[] = {
	{ "severity", "severity", COL_SEVERITY, NULL, NULL }, TEXT("status", "status"),
	COUNT("findings", "findings"), COUNT("of", "of"), END
};

static const struct column findings[] = {
	TEXT("id", "#"), { "severity", "severity", COL_SEVERITY, NULL, NULL }, TEXT("code", "code"),
	TEXT("sentence", "what was found"), { "flow_id", "first flow", COL_TEXT, NULL, "not kept" },
	TEXT("identity", "identity"), TEXT("host", "host"),
	TIME("first_seen", "first seen"), TIME("last_seen", "last seen"), COUNT("flows", "flows so far"),
	TEXT("status", "status"), END
};

static const struct column trend[] = {
	TEXT("code", "code"), { "title", "what", COL_TEXT, NULL, "–" }, COUNT("flows", "flows in the period"), END
};

static const struct column rules[] = {
	{ "decided", "policy", COL_TEXT, NULL, "no rule matched" }, { "rule", "rule", COL_COUNT, NULL, "–" },
	{ "action", "action", COL_TEXT, NULL, "–" }, { "verdict", "verdict", COL_VERDICT, NULL, NULL },
	COUNT("flows", "flows"), COUNT("of", "of judged"), END
};

static const struct column identities[] = {
	TEXT("identity", "identity"), COUNT("hosts", "hosts"), COUNT("flows", "flows"),
	COUNT("denied", "denied"), COUNT("gaps", "denied and served"), COUNT("unknown", "unknown"),
	COUNT("found", "with findings"), TIME("first_seen", "first seen"), TIME("last_seen", "last seen"), END
};

static const struct column destinations[] = {
	TEXT("host", "host"), COUNT("identities", "identities"), COUNT("flows", "flows"),
	COUNT("served", "served"), COUNT("denied", "denied"), COUNT("gaps", "denied and served"),
	COUNT("found", "with findings"), { "bytes_sent", "sent", COL_BYTES, NULL, NULL },
	{ "bytes_received", "received", COL_BYTES, NULL, NULL }, TIME("last_seen", "last seen"), END
};

static const struct column certificates[] = {
	TEXT("sha256", "sha256"), TEXT("role", "role"), TEXT("uri_sans", "URI names"), TEXT("issuer", "issuer"),
	TEXT("key_type", "key"), TIME("not_before", "valid from"), TIME("not_after", "valid until"),
	TIME("last_seen", "last seen"), END
};

static const struct column revisions[] = {
	TEXT("revision", "sha256 of the policies"), TIME("loaded_at", "read by egret"),
	{ "size", "text", COL_BYTES, NULL, NULL }, END
};

static const struct column chain[] = {
	COUNT("batches", "batches"), COUNT("flows", "flows"), { "head", "last link", COL_TEXT, NULL, "–" }, END
};

const struct report_table report_tables[] = {
	{ "total", true, { "Flows, and how many of them were judged",
	  "SELECT coalesce(sum(flows), 0) AS flows, coalesce(sum(flows) FILTER (WHERE verdict IS NOT NULL), 0) AS judged,"
	  " coalesce(sum(flows) FILTER (WHERE verdict IN ('allow', 'deny', 'none')), 0) AS sure,"
	  " coalesce(sum(flows) FILTER (WHERE verdict = 'unknown'), 0) AS unknown,"
	  " coalesce(sum(flows) FILTER (WHERE verdict = 'deny'), 0) AS denied,"
	  " coalesce(sum(flows) FILTER (WHERE verdict = 'deny' AND outcome = 'served'), 0) AS gaps,"
	  " min(minute) AS first, max(minute) AS last FROM traffic WHERE " IN_TRAFFIC, total, "" } },
	{ "verdicts", true, { "What the policy says, against what the gateway did",
	  "SELECT verdict, outcome, sum(flows) AS flows, sum(sum(flows)) OVER () AS \"of\","
	  " round(100.0 * sum(flows) / sum(sum(flows)) OVER (), 2) AS percent"
	  " FROM traffic WHERE verdict IS NOT NULL AND " IN_TRAFFIC " GROUP BY verdict, outcome ORDER BY verdict, outcome",
	  agree, "No flow of the period was judged." } },
	{ "observed", true, { "Where flows were seen, by leg",
	  "SELECT observed_by, leg, sum(flows) AS flows, sum(sum(flows)) OVER () AS \"of\","
	  " round(100.0 * sum(flows) / sum(sum(flows)) OVER (), 2) AS percent"
	  " FROM traffic WHERE " IN_TRAFFIC " GROUP BY observed_by, leg ORDER BY observed_by, leg",
	  observed, "No flow was seen in the period." } },
	{ "identity_sources", true, { "Which evidence gave the identity of judged flows",
	  "SELECT identity_source, sum(flows) AS flows, sum(sum(flows)) OVER () AS \"of\","
	  " round(100.0 * sum(flows) / sum(sum(flows)) OVER (), 2) AS percent"
	  " FROM traffic WHERE verdict IS NOT NULL AND " IN_TRAFFIC " GROUP BY identity_source ORDER BY identity_source",
	  source, "No flow of the period was judged." } },
	{ "coverage", false, { "What was read, and what of it was lost or odd",
	  "SELECT c.source, c.reason, c.meaning, c.kind, sum(c.n) AS n,"
	  " CASE c.kind WHEN 'total' THEN NULL ELSE (SELECT sum(t.n) FROM coverage AS t WHERE t.source = c.source AND t.kind = 'total'"
	  " AND t.reason IN ('packets', 'lines', 'connections') AND t.hour_ns >= :from AND t.hour_ns < :to) END AS \"of\""
	  " FROM coverage AS c WHERE c." IN_HOUR " GROUP BY c.source, c.reason"
	  " ORDER BY CASE c.kind WHEN 'total' THEN 0 WHEN 'lost' THEN 1 ELSE 2 END, c.source, c.reason",
	  coverage, "Nothing was read in the period." } },
	{ "severities", true, { "Findings by severity",
	  "SELECT severity, status, count(*) AS findings, sum(count(*)) OVER () AS \"of\" FROM findings WHERE " IN_FINDING
	  " GROUP BY severity_rank, status ORDER BY severity_rank DESC, status", severity, "Nothing was found." } },
	{ "findings", true, { "Findings, worst first",
	  "SELECT id, key, code, severity, title, sentence, coalesce(evidence, (SELECT s.evidence FROM finding_flows AS s"
	  " WHERE s.finding_id = findings.id ORDER BY s.flow_id LIMIT 1)) AS evidence, coalesce(ruled_out, (SELECT s.ruled_out FROM"
	  " finding_flows AS s WHERE s.finding_id = findings.id ORDER BY s.flow_id LIMIT 1)) AS ruled_out, gateway, identity, host, policy,"
	  " (SELECT min(s.flow_id) FROM finding_flows AS s WHERE s.finding_id = findings.id) AS flow_id,"
	  " first_seen, last_seen, flows, status, note FROM findings WHERE " IN_FINDING
	  " ORDER BY severity_rank DESC, id", findings, "Nothing was found." } },
	{ "finding_flows", false, { "Flows with findings, by kind",
	  "SELECT t.code, c.title, sum(t.flows) AS flows FROM finding_trend AS t LEFT JOIN finding_codes AS c ON c.code = t.code"
	  " WHERE t." IN_HOUR " GROUP BY t.code ORDER BY t.code", trend, "No flow of the period has a finding." } },
	{ "rules", false, { "Which rule of which policy decided",
	  "SELECT policy, rule, action, verdict, sum(flows) AS flows, sum(sum(flows)) OVER () AS \"of\", nullif(policy, '') AS decided"
	  " FROM rules WHERE " IN_HOUR " GROUP BY policy, rule, action, verdict ORDER BY policy, rule, action, verdict",
	  rules, "No flow of the period was judged." } },
	{ "identities", false, { "Identities that spoke",
	  "SELECT identity, count(DISTINCT host) AS hosts, sum(flows) AS flows, sum(allowed) AS allowed, sum(denied) AS denied,"
	  " sum(unknown) AS unknown, sum(served) AS served, sum(refused) AS refused, sum(failed) AS failed, sum(gaps) AS gaps,"
	  " sum(found) AS found, min(first_seen) AS first_seen, max(last_seen) AS last_seen"
	  " FROM edges WHERE " IN_HOUR " GROUP BY identity ORDER BY gaps DESC, denied DESC, identity",
	  identities, "No identity was seen in the period." } },
	{ "destinations", false, { "Destinations that were reached or asked for",
	  "SELECT host, count(DISTINCT identity) AS identities, sum(flows) AS flows, sum(allowed) AS allowed,"
	  " sum(denied) AS denied, sum(unknown) AS unknown, sum(served) AS served, sum(refused) AS refused,"
	  " sum(failed) AS failed, sum(gaps) AS gaps, sum(found) AS found, sum(bytes_sent) AS bytes_sent,"
	  " sum(bytes_received) AS bytes_received, min(first_seen) AS first_seen, max(last_seen) AS last_seen"
	  " FROM edges WHERE " IN_HOUR " GROUP BY host ORDER BY gaps DESC, flows DESC, host",
	  destinations, "No destination was seen in the period." } },
	{ "certificates", false, { "Certificates that were seen, soonest to expire first",
	  "SELECT sha256, role, subject, issuer, serial, uri_sans, dns_sans, key_type, key_bits, signature, not_before, not_after,"
	  " first_seen, last_seen FROM certificates WHERE substr(last_seen, 1, 19) >= :from_text AND substr(first_seen, 1, 19) < :to_text"
	  " ORDER BY not_after_ns, sha256",
	  certificates, "No certificate was seen in the period." } },
	{ "policy_revisions", false, { "Policy revisions that egret judged by, oldest first",
	  "SELECT revision, loaded_at, length(text) AS size FROM policy_revisions ORDER BY id",
	  revisions, "No policies were given, so nothing was judged." } },
	{ "integrity", false, { "The integrity chain of the whole database",
	  "SELECT count(*) AS batches, coalesce(sum(flows), 0) AS flows, (SELECT chain FROM batches ORDER BY id DESC LIMIT 1) AS head"
	  " FROM batches", chain, "" } },
	{ NULL, false, { NULL, NULL, NULL, NULL } },
};
