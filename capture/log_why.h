/* log_why - the reason by which a line that is no flow is counted. */
#ifndef CAPTURE_LOG_WHY_H
#define CAPTURE_LOG_WHY_H

#include "capture/log_join.h"
#include "capture/log_line.h"
#include "capture/log_meaning.h"
#include "schema/evidence.h"

enum evidence_reason log_why_read(enum log_read got);
enum evidence_reason log_why_meaning(enum log_bad bad);
enum evidence_reason log_why_joining(enum log_joining how);

#endif
