/*
 * log_grpc - the status of a gRPC call as Envoy prints it.
 */
#ifndef CAPTURE_LOG_GRPC_H
#define CAPTURE_LOG_GRPC_H

#include "common/cursor.h"

/*
 * A code's number, or its name: InvalidArgument, INVALID_ARGUMENT.  -1: neither, or what Envoy prints where the
 * server sent no number.
 */
int log_grpc_status(struct slice s);

#endif
