#include "web/html.h"

#include <string.h>

void html_text(struct buf *b, struct slice s)
{
	for (size_t i = 0; i < s.n;) {
		uint32_t c = 0;
		size_t n = utf8_len(s.p + i, s.n - i, &c);

		if (!n)
			buf_printf(b, "\\x%02x", s.p[i]);
		else if (utf8_is_deceptive(c))
			buf_printf(b, c < 0x100 ? "\\x%02x" : "\\u{%04x}", (unsigned)c);
		else if (c == '&')
			buf_str(b, "&amp;");
		else if (c == '<')
			buf_str(b, "&lt;");
		else if (c == '>')
			buf_str(b, "&gt;");
		else if (c == '"')
			buf_str(b, "&quot;");
		else if (c == '\'')
			buf_str(b, "&#39;");
		else
			buf_add(b, (struct slice){ s.p + i, n });
		i += n ? n : 1;
	}
}

void html_url(struct buf *b, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    (c && strchr("-._~", c)))
			buf_byte(b, c);
		else
			buf_printf(b, "%%%02X", c);
	}
}

void html_csv(struct buf *b, struct slice s)
{
	buf_byte(b, '"');
	if (s.n && s.p[0] && strchr("=+-@\t\r", s.p[0]))
		buf_byte(b, '\'');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"')
			buf_byte(b, '"');
		buf_byte(b, s.p[i]);
	}
	buf_byte(b, '"');
}

void html_count(struct buf *b, int64_t n)
{
	char digits[24];
	int len = 0;
	uint64_t u = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;

	if (n < 0)
		buf_byte(b, '-');
	do
		digits[len++] = (char)('0' + u % 10);
	while (u /= 10);
	while (len--) {
		buf_byte(b, (uint8_t)digits[len]);
		if (len && len % 3 == 0)
			buf_byte(b, ',');
	}
}
