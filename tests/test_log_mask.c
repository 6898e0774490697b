/* log_mask: what a sample of a line may show. */
#include "capture/log_mask.h"

#include <stdlib.h>
#include <string.h>

#include "tests/tap.h"

static void masked(const char *line, const char *want)
{
	/* A copy of exact size: ASan guards both ends. */
	uint8_t to[200], *copy = malloc(strlen(line) ? strlen(line) : 1);

	memcpy(copy, line, strlen(line));
	size_t n = log_mask((struct slice){ copy, strlen(line) }, to, sizeof to);

	if (!tap_ok(n == strlen(want) && !memcmp(to, want, n), line, __FILE__, __LINE__))
		printf("# got %.*s\n", (int)n, (const char *)to);
	free(copy);
}

int main(void)
{
	masked("nothing to hide", "nothing to hide");
	masked("", "");
	masked("secretd\"", "secretd\"");
	masked("GET /a?key=1&b=2 HTTP/1.1", "GET /a? HTTP/1.1");
	/* Where it ends nobody can say. */
	masked("\"GET /a?key=1\" x?y", "\"GET /a?");
	masked("\"GET /a?a=\"b c\" HTTP/1.1\" 200", "\"GET /a? HTTP/1.1\" 200");
	masked("{\"path\":\"/a?x=\\\"b\\\" c, d\",\"code\":1", "{\"path\":\"/a?\",\"code\":1");
	masked("{\"path\": \"/a\\u003fx=b\", \"q\": \"\\u003Fc\"}", "{\"path\": \"/a\\u003f\", \"q\": \"\\u003F\"}");
	/* An escaped backslash: too much rather than too little. */
	masked("{\"path\":\"/a?x=\\\\\",\"code\":1", "{\"path\":\"/a?\"code\":1");
	/* Docker's: JSON, or a line of text, in a string. */
	masked("{\"log\":\"{\\\"path\\\":\\\"/a?x=\\\\\\\"b\\\\\\\"\\\",\\\"c\\\":1", "{\"log\":\"{\\\"path\\\":\\\"/a?\\\",\\\"c\\\":1");
	masked("{\"log\":\"\\\"GET /a?x=\\\"b\\\" HTTP/1.1\\\" 200", "{\"log\":\"\\\"GET /a? HTTP/1.1\\\" 200");
	masked("t stdout F {\"path\":\"/a?x=\\\"b\",\"c\":1", "t stdout F {\"path\":\"/a?\",\"c\":1");
	masked("{\"password\":\"a\\\"bc\",\"c\":1}", "{\"password\":\"(masked)\",\"c\":1}");
	masked("{\"x-session-id\":\"abc\",\"x-jwt2\":\"d\"}", "{\"x-session-id\":\"(masked)\",\"x-jwt2\":\"(masked)\"}");
	masked("{\"authorization\":\"Bearer abc.def\",\"a\":1}", "{\"authorization\":\"(masked)\",\"a\":1}");
	masked("Authorization: Bearer abc.def next", "Authorization: Bearer (masked) next");
	masked("Authorization: Basic dXNlcjpw, x", "Authorization: Basic (masked), x");
	masked("\"Bearer abc\" 200", "\"Bearer (masked)\" 200");
	masked("x cookie=a;b=c y", "x cookie=(masked) y");
	masked("{\"Set-Cookie\": \"a=1; b=2\"}", "{\"Set-Cookie\": \"(masked)\"}");
	masked("x-api-key abc", "x-api-key (masked)");
	masked("access_token=abc", "access_token=(masked)");
	masked("{\\\"password\\\":\\\"abc\\\"}", "{\\\"password\\\":\\\"(masked)\\\"}");
	masked("a token", "a token");
	masked("token", "token");
	masked("basically fine", "basically fine");
	/* No byte behind the end is looked at, and no more is written than there is room. */
	for (size_t most = 0; most < 40; most++) {
		static const char line[] = "GET /a?b=c x authorization=Bearer abcdef";
		uint8_t to[40];
		memset(to, 'Z', sizeof to);
		size_t n = log_mask((struct slice){ (const uint8_t *)line, most }, to, most);
		ok(n <= most);
		n = log_mask((struct slice){ (const uint8_t *)line, sizeof line - 1 }, to, most);
		ok(n <= most && (most == sizeof to || to[most] == 'Z'));
	}
	return tap_end();
}
