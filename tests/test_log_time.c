/* log_time: a time that several operators print in parts is one time, or none. */
#include "tests/log_read.h"

static const struct {
	const char *format, *line, *want;	/* NULL: the line's time cannot be read */
} cases[] = {
	{ "%START_TIME(%s)%.%START_TIME(%3f)% %PROTOCOL%", "1700000000.250 HTTP/2", "2023-11-14T22:13:20.25Z" },
	{ "%START_TIME(%s)%%START_TIME(%9f)%", "1700000000000000001", "2023-11-14T22:13:20.000000001Z" },
	{ "[%START_TIME(%Y/%m/%d)% %START_TIME(%H:%M:%S)%] %PROTOCOL%", "[2026/01/05 10:00:07] HTTP/2",
	  "2026-01-05T10:00:07Z" },
	{ "%START_TIME(%F)% %PROTOCOL% %START_TIME(%T)%", "2026-01-05 HTTP/2 10:00:07", "2026-01-05T10:00:07Z" },
	{ "%START_TIME(%T)% %PROTOCOL% %START_TIME(%F)%", "10:00:07 HTTP/2 2026-01-05", "2026-01-05T10:00:07Z" },
	{ "%START_TIME(%s)% %PROTOCOL% %START_TIME(%3f)%", "1700000000 HTTP/2 250", "2023-11-14T22:13:20.25Z" },
	{ "\"%START_TIME(%F)%\" \"%START_TIME(%T)%\"", "\"2026-01-05\" \"10:00:07\"", "2026-01-05T10:00:07Z" },
	/* All of it, and more of it elsewhere. */
	{ "%START_TIME% %PROTOCOL% %START_TIME(%6f)%", "2026-01-05T10:00:07.250Z HTTP/2 250999",
	  "2026-01-05T10:00:07.250999Z" },
	{ "%START_TIME(%F %T)% %PROTOCOL% %START_TIME(%6f)%", "2026-01-05 10:00:07 HTTP/2 250999",
	  "2026-01-05T10:00:07.250999Z" },
	{ "%START_TIME(%3f)% %START_TIME(%6f)% %PROTOCOL% %START_TIME(%s)%", "250 250999 HTTP/2 1700000000",
	  "2023-11-14T22:13:20.250999Z" },
	{ "%START_TIME(%F %I:%M)% %PROTOCOL% %START_TIME(%p)%", "2026-01-05 10:00 HTTP/2 pm", "2026-01-05T22:00:00Z" },
	{ "%START_TIME% %PROTOCOL% %START_TIME_LOCAL(%T%z)%", "2026-01-05T10:00:07.250Z HTTP/2 01:00:07+0200",
	  "2026-01-05T10:00:07.25Z" },
	{ "%START_TIME(%3f)% %PROTOCOL% %START_TIME_LOCAL(%F %T%z)%", "250 HTTP/2 2026-01-05 01:00:07+0200",
	  "2026-01-04T23:00:07.25Z" },
	{ "%START_TIME(%F)% %PROTOCOL% %START_TIME(%T%z)%", "2026-01-05 HTTP/2 10:00:07+0000", "2026-01-05T10:00:07Z" },
	{ "%START_TIME_LOCAL(%F)% %START_TIME_LOCAL(%T%z)% %PROTOCOL%", "2026-01-05 01:00:07+0200 HTTP/2",
	  "2026-01-04T23:00:07Z" },
	/* Which half of the day, which day, whose day: not said. */
	{ "%START_TIME(%F %I:%M)%", "2026-01-05 10:00", NULL },
	{ "%START_TIME(%H)% %PROTOCOL% %START_TIME(%M)%", "10 HTTP/2 59", NULL },
	{ "%START_TIME(%F)% %PROTOCOL% %START_TIME_LOCAL(%T%z)%", "2026-01-05 HTTP/2 01:00:07+0200", NULL },
	{ "%START_TIME(%H)% %PROTOCOL% %START_TIME_LOCAL(%F%z)%", "10 HTTP/2 2026-01-05+0200", NULL },
	/* They contradict each other. */
	{ "%START_TIME(%F)% %PROTOCOL% %START_TIME(%Y %T)%", "2026-01-05 HTTP/2 2025 10:00:07", NULL },
	{ "%START_TIME% %PROTOCOL% %START_TIME(%s)%", "2026-01-05T10:00:07.250Z HTTP/2 1700000000", NULL },
	{ "%START_TIME(%F)% %PROTOCOL% %START_TIME(%T)%", "2026-01-05 HTTP/2 10:00", NULL },
	{ "{\"d\":\"%START_TIME(%F)%\",\"t\":\"%START_TIME(%H:%M:%E*S)%\"}", "{\"t\":\"10:00:07.5\",\"d\":\"2026-01-05\"}",
	  "2026-01-05T10:00:07.5Z" },
	{ "{\"d\":\"%START_TIME(%F)%\",\"t\":\"at %START_TIME(%T)%\"}", "{\"t\":\"at 10:00:07\",\"d\":\"2026-01-05\"}",
	  "2026-01-05T10:00:07Z" },
	{ "{\"s\":\"%START_TIME(%s)%\",\"f\":\"%START_TIME(%3f)%\"}", "{\"s\":1700000000,\"f\":\"250\"}",
	  "2023-11-14T22:13:20.25Z" },
	/* A key that is not there: without the fraction it is a time, without the day or the hour it is none. */
	{ "{\"s\":\"%START_TIME(%s)%\",\"f\":\"%START_TIME(%3f)%\"}", "{\"s\":1700000000}", "2023-11-14T22:13:20Z" },
	{ "{\"s\":\"%START_TIME(%s)%\",\"f\":\"%START_TIME(%3f)%\"}", "{\"s\":1700000000,\"f\":null}",
	  "2023-11-14T22:13:20Z" },
	{ "{\"s\":\"%START_TIME(%s)%\",\"f\":\"%START_TIME(%3f)%\"}", "{\"f\":\"250\"}", NULL },
	{ "{\"d\":\"%START_TIME(%F)%\",\"t\":\"%START_TIME(%T)%\"}", "{\"d\":\"2026-01-05\"}", NULL },
	{ "{\"d\":\"%START_TIME(%F)%\",\"t\":\"%START_TIME(%T)%\"}", "{\"t\":\"10:00:07\"}", NULL },
};

int main(void)
{
	read_start();
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char want[80];
		printf("# %s: %s\n", cases[i].format, cases[i].line);
		is(read_all(cases[i].format, NULL, slice_of(cases[i].line), LOG_QUERY_DROP), 0);
		is(got.n, cases[i].want != NULL);
		is(ev.n[EV_LINE_BAD_TIME], cases[i].want == NULL);
		snprintf(want, sizeof want, "\"started_at\":\"%s\"", cases[i].want);
		ok(!cases[i].want || has(want));
	}
	return read_end();
}
