/* authz_value - values of a policy as atoms; private to authz*.c. */
#ifndef ANALYZE_AUTHZ_VALUE_H
#define ANALYZE_AUTHZ_VALUE_H

#include "analyze/authz.h"

struct value_in {
	struct authz *z;
	const struct authz_policy *policy;
	struct var *var;		/* that the field reads */
	struct slice text;
};

/* Fills atoms, and the hint where there is one; `bad` where istiod cannot use the text. */
typedef void read_value(const struct value_in *in, struct value *out);

read_value value_principal, value_namespace, value_service_account, value_trust_domain;
read_value value_ip, value_port;
read_value value_text, value_header, value_host, value_path;
read_value value_claim, value_request_principal, value_metadata;

/* n atoms of the variable, on its text; what they match is the caller's to say. */
struct atom *value_atoms(const struct value_in *in, struct value *out, size_t n);

static inline struct match match_exact(struct slice s)
{
	return (struct match){ .kind = MATCH_EXACT, .text = s };
}

#endif
