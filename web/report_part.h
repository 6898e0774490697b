/* report_part - the tables of the report, private to web/report*.c. */
#ifndef WEB_REPORT_PART_H
#define WEB_REPORT_PART_H

#include "web/page.h"

struct report_table {
	const char *key;	/* in the JSON */
	bool by_gateway;	/* holds to report_scope.gateway */
	struct table table;
};

extern const struct report_table report_tables[];	/* ended by a NULL key */

#endif
