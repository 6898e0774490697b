/*
 * html - text from outside made harmless inside HTML, CSV and URLs.
 */
#ifndef WEB_HTML_H
#define WEB_HTML_H

#include "common/buf.h"

/*
 * Into element content or a quoted attribute: & < > " ' escaped; control, bidi and zero-width
 * characters and bytes that are not UTF-8 are shown as \xNN or \u{NNNN}.
 */
void html_text(struct buf *b, struct slice s);

/* Into a URL's query: everything but unreserved characters as %XX (RFC 3986 section 2.3). */
void html_url(struct buf *b, struct slice s);

/* One CSV field (RFC 4180), quoted; a text that a spreadsheet would run as a formula gets a ' first. */
void html_csv(struct buf *b, struct slice s);

/* 1234567 as "1,234,567". */
void html_count(struct buf *b, int64_t n);

#endif
