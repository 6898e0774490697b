#include "capture/log_why.h"

enum evidence_reason log_why_read(enum log_read got)
{
	switch (got) {
	case LOG_READ:
	case LOG_MISMATCH: return EV_LINE_MISMATCH;
	case LOG_AMBIGUOUS: return EV_LINE_AMBIGUOUS;
	case LOG_NOT_JSON: return EV_LINE_NOT_JSON;
	case LOG_DUPLICATE_KEY: return EV_LINE_DUPLICATE_KEY;
	case LOG_NUL: return EV_LINE_NUL;
	case LOG_BAD_TEXT: return EV_LINE_BAD_UTF8;
	case LOG_TOO_DEEP: return EV_LINE_NESTED;
	}
	return EV_LINE_MISMATCH;
}

enum evidence_reason log_why_meaning(enum log_bad bad)
{
	switch (bad) {
	case LOG_GOOD:
	case LOG_BAD_TIME: return EV_LINE_BAD_TIME;
	case LOG_BAD_NUMBER: return EV_LINE_BAD_NUMBER;
	case LOG_BAD_ADDRESS: return EV_LINE_BAD_ADDRESS;
	}
	return EV_LINE_MISMATCH;
}

enum evidence_reason log_why_joining(enum log_joining how)
{
	switch (how) {
	case LOG_JOINED:
	case LOG_JOINED_NOT: return EV_LINE_MISMATCH;
	case LOG_JOINED_TOO_LONG: return EV_LINE_TOO_LONG;
	case LOG_JOINED_CUT: return EV_LINE_CUT;
	}
	return EV_LINE_MISMATCH;
}
