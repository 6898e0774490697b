/* pages - every page is one function; server.c has the table of paths. */
#ifndef WEB_PAGES_H
#define WEB_PAGES_H

#include "web/page.h"

int page_overview(struct page *p, struct err *e);
int page_flows(struct page *p, struct err *e);
int page_flow(struct page *p, int64_t id, struct err *e);
int page_findings(struct page *p, struct err *e);
int page_finding(struct page *p, int64_t id, struct err *e);
int page_identities(struct page *p, struct err *e);
int page_destinations(struct page *p, struct err *e);
int page_policies(struct page *p, struct err *e);
int page_certificates(struct page *p, struct err *e);
int page_evidence(struct page *p, struct err *e);
int page_sql(struct page *p, struct err *e);

/* "CSV" and "JSON" links to the same table. */
void page_twins(struct page *p, const char *path);

#endif
