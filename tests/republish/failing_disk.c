/* Preloaded: from the n-th call of one kind on, calls on the journal's files fail. DISK_CALL: fsync, write; DISK_FROM: n;
   DISK_ERROR: errno; DISK_TIMES: how many fail (0: all). fsync stands for fdatasync too, write for pwrite. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int calls;

static int of_journal(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, "journal.sqlite") != NULL;
}

static int fails(const char *kind, int fd) {
    const char *call = getenv("DISK_CALL"), *from = getenv("DISK_FROM"), *error = getenv("DISK_ERROR");
    const char *times = getenv("DISK_TIMES");
    if (!call || !from || !error || strcmp(call, kind) || !of_journal(fd)) return 0;
    int number = __sync_add_and_fetch(&calls, 1), first = atoi(from), most = times ? atoi(times) : 0;
    if (number < first || (most && number >= first + most)) return 0;
    errno = atoi(error);
    return 1;
}

int fsync(int fd) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
    return fails("fsync", fd) ? -1 : real(fd);
}

int fdatasync(int fd) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync");
    return fails("fsync", fd) ? -1 : real(fd);
}

ssize_t write(int fd, const void *buffer, size_t count) {
    ssize_t (*real)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    return fails("write", fd) ? -1 : real(fd, buffer, count);
}

ssize_t pwrite(int fd, const void *buffer, size_t count, off_t offset) {
    ssize_t (*real)(int, const void *, size_t, off_t) = dlsym(RTLD_NEXT, "pwrite");
    return fails("write", fd) ? -1 : real(fd, buffer, count, offset);
}

ssize_t pwrite64(int fd, const void *buffer, size_t count, off64_t offset) {
    ssize_t (*real)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pwrite64");
    return fails("write", fd) ? -1 : real(fd, buffer, count, offset);
}
