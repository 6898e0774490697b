/* doctor_host: may this process do what it is asked to, and has the machine room for it. */
#include "cli/doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <unistd.h>

#include "capture/device.h"

static bool may_capture(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { { 0, 0, 0 } };

	return !syscall(SYS_capget, &head, data) &&
	       (data[CAP_TO_INDEX(CAP_NET_RAW)].effective & CAP_TO_MASK(CAP_NET_RAW));
}

static void capturing(struct doctor *d)
{
	static const char fix[] = "setcap cap_net_raw+ep on the egret binary; in Kubernetes securityContext.capabilities.add: "
				  "[NET_RAW]; or start it as root with capture.user";
	bool may = may_capture();
	struct err e = { 0 };

	if (!d->asked.interface) {
		doctor_add(d, may ? DOCTOR_OK : DOCTOR_UNCHECKED, "permission.capture", may ? NULL : fix,
			   may ? "this process may tap interfaces (CAP_NET_RAW)"
			   : "this process may not tap interfaces (no CAP_NET_RAW); none was asked for (-i)");
		return;
	}
	struct device *dev = device_open(d->asked.interface, d->asked.bpf, 0, &e);
	if (dev)
		doctor_add(d, DOCTOR_OK, "permission.capture", NULL, "interface %s can be tapped", d->asked.interface);
	else
		doctor_add(d, DOCTOR_PROBLEM, "permission.capture", may ? "ip link shows the interfaces there are" : fix,
			   "interface %s: %s%s", d->asked.interface, e.msg, may ? "" : " (no CAP_NET_RAW)");
	device_close(&dev);
}

/* Only what no other check opens. */
static void file_readable(struct doctor *d, const char *path, const char *what)
{
	if (!path)
		return;
	if (access(path, R_OK))
		doctor_add(d, DOCTOR_PROBLEM, "permission.files", "check the path, and the rights of egret's user",
			   "%s %s: %s", what, path, strerror(errno));
	else
		doctor_add(d, DOCTOR_OK, "permission.files", NULL, "%s %s can be read", what, path);
}

static void folder_of(const char *path, char *to, size_t n)
{
	const char *slash = strrchr(path, '/');

	snprintf(to, n, "%.*s", slash ? (int)(slash - path) + (slash == path) : 1, slash ? path : ".");
}

static void database_folder(struct doctor *d, const char *folder)
{
	struct stat st;
	bool there = !stat(d->asked.db, &st);

	if (access(folder, W_OK | X_OK))
		doctor_add(d, DOCTOR_PROBLEM, "permission.database",
			   "give egret's user the right to write the folder (the write-ahead log stands there too)",
			   "folder %s of database %s: %s", folder, d->asked.db, strerror(errno));
	else if (there && access(d->asked.db, W_OK))
		doctor_add(d, DOCTOR_PROBLEM, "permission.database", "give egret's user the right to write it",
			   "database %s: %s", d->asked.db, strerror(errno));
	else
		doctor_add(d, DOCTOR_OK, "permission.database", NULL, "database %s %s be written", d->asked.db,
			   there ? "can" : "does not exist yet and can");
}

static void disk(struct doctor *d, const char *folder)
{
	struct statvfs v;

	if (statvfs(folder, &v)) {
		doctor_add(d, DOCTOR_UNCHECKED, "disk.space", NULL, "%s: %s", folder, strerror(errno));
		return;
	}
	uint64_t room = (uint64_t)v.f_bavail * v.f_frsize, mib = room >> 20;
	/* About a hundred bytes a flow (docs/performance.md). */
	doctor_add(d, mib < 64 ? DOCTOR_PROBLEM : mib < 1024 ? DOCTOR_WARNING : DOCTOR_OK, "disk.space",
		   mib < 1024 ? "free some space, or keep fewer rows (store.rows: notable)" : NULL,
		   "%s has %" PRIu64 " MiB free, room for some %" PRIu64 " million flows", folder, mib, mib / 100);
}

static void machine_clock(struct doctor *d)
{
	struct timex t = { 0 };
	int state = adjtimex(&t);

	if (state >= 0 && state != TIME_ERROR && !(t.status & STA_UNSYNC))
		doctor_add(d, DOCTOR_OK, "clock.machine", NULL, "the kernel's clock is synchronised");
	else
		doctor_add(d, DOCTOR_UNCHECKED, "clock.machine", "run chrony, ntpd or systemd-timesyncd on this machine",
			   "nothing tells the kernel that its clock is synchronised");
}

void doctor_host(struct doctor *d)
{
	char folder[4096];

	machine_clock(d);
	capturing(d);
	file_readable(d, d->asked.inventory, "inventory");
	file_readable(d, d->asked.trust, "trusted roots");
	folder_of(d->asked.db, folder, sizeof folder);
	database_folder(d, folder);
	disk(d, folder);
}
