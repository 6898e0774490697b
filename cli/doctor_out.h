/* doctor_out - the checks, printed. */
#ifndef CLI_DOCTOR_OUT_H
#define CLI_DOCTOR_OUT_H

#include <stdio.h>

#include "cli/doctor.h"

/* -1: writing failed. */
typedef int doctor_printer(const struct doctor *d, FILE *out, struct err *e);

/* NULL: no such format. */
doctor_printer *doctor_printer_by_name(const char *name);

#endif
