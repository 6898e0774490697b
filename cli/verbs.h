/* verbs - one entry point a verb, each in cli/NAME.c. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "cli/cli.h"

int verb_capture(int argc, char **argv);
int verb_decode(int argc, char **argv);
int verb_demo(int argc, char **argv);
int verb_doctor(int argc, char **argv);
int verb_explain(int argc, char **argv);
int verb_findings(int argc, char **argv);
int verb_flows(int argc, char **argv);
int verb_ingest(int argc, char **argv);
int verb_judge(int argc, char **argv);
int verb_lint(int argc, char **argv);
int verb_parse(int argc, char **argv);
int verb_query(int argc, char **argv);
int verb_report(int argc, char **argv);
int verb_serve(int argc, char **argv);
int verb_test(int argc, char **argv);
int verb_verify(int argc, char **argv);

#endif
