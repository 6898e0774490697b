/*
 * privilege - give up what is needed only to open a device.
 */
#ifndef CLI_PRIVILEGE_H
#define CLI_PRIVILEGE_H

#include "common/err.h"

/*
 * From here on the calling thread (the one that will parse packets) has no capability and can gain
 * none, also not by executing a set-user-id program.  Its user stays: files it owns stay its own.
 */
int privilege_drop(struct err *e);

#endif
