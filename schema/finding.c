#include "schema/finding.h"

const struct finding_info finding_info[FINDING_CODES] = {
#define FINDING(id, code, severity, title, why, fix) \
	[FINDING_##id] = { code, severity, title, why, fix },
#include "schema/finding.def"
#undef FINDING
};

const struct finding_fact finding_fact[FINDING_CODES] = {
#define FACTS(id, fields, ruled_out) [FINDING_##id] = { fields, ruled_out },
#include "schema/finding_fact.def"
#undef FACTS
};

enum finding_code finding_by_code(struct slice code)
{
	for (int k = 1; k < FINDING_CODES; k++)
		if (slice_is(code, finding_info[k].code))
			return (enum finding_code)k;
	return FINDING_NO_CODE;
}

static const char *const severity_names[] = {
	[SEV_INFO] = "info", [SEV_LOW] = "low", [SEV_MEDIUM] = "medium",
	[SEV_HIGH] = "high", [SEV_CRITICAL] = "critical",
};

const char *severity_name(enum severity s)
{
	return s >= SEV_INFO && s <= SEV_CRITICAL ? severity_names[s] : "";
}

enum severity severity_by_name(struct slice s)
{
	for (int k = SEV_INFO; k <= SEV_CRITICAL; k++)
		if (slice_is(s, severity_names[k]))
			return (enum severity)k;
	return (enum severity)0;
}
