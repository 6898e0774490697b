/*
 * log_writer - who wrote a line of a log, as far as its file's name or an inventory of pods say.
 *
 * The gateway is the workload "NAMESPACE,label=value,...".  A container's log is named by its pod: one of another
 * namespace is another's.  Of its own namespace a pod is the gateway's where it bears all the labels.
 */
#ifndef CAPTURE_LOG_WRITER_H
#define CAPTURE_LOG_WRITER_H

#include "common/cursor.h"
#include "schema/flow.h"

enum { LOG_WRITER_LABELS = 32 };

struct log_writer {
	struct slice ns;		/* borrowed, as the labels are */
	struct slice label[LOG_WRITER_LABELS];	/* "app=istio-egressgateway" */
	size_t n;
};

/* NULL: the default egress gateway. */
void log_writer_init(struct log_writer *w, const char *workload);

/*
 * ".../containers/POD_NAMESPACE_CONTAINER-ID.log", ".../NAMESPACE_POD_UID/CONTAINER/0.log".  Of any other path
 * nothing is known.
 */
enum flow_writer log_writer_of_path(const struct log_writer *w, const char *path);

/* The label's place in w->label; SIZE_MAX: it is none of them. */
size_t log_writer_label(const struct log_writer *w, struct slice key, struct slice value);

#endif
