/* Stands between a program and the calls that change files (LD_PRELOAD).

   A page shared with the test says at which call what happens: the process is killed before it,
   after it, or in the middle of a write; or the call fails. Calls are counted only while the page
   is armed, and only for files whose name begins and ends as the page says. Layout and numbers
   are repeated in disk_shim.py. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

enum { COUNT = 0, KILL_BEFORE = 1, KILL_AFTER = 2, KILL_TORN = 3, FAIL = 4, SHORT_WRITE = 5 };
enum { WRITE = 1, SYNC = 2, TRUNCATE = 4, NAME = 8 };

struct page {
    volatile uint32_t armed, action, calls, nth, error, times, seen, hits, last_hit;
    char under[512], ending[64];
};

static struct page *page;

__attribute__((constructor)) static void map_page(void)
{
    const char *name = getenv("DISK_SHIM_PAGE");
    if (!name)
        return;
    int fd = open(name, O_RDWR | O_CLOEXEC);
    void *at = fd < 0 ? MAP_FAILED
                      : mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        _exit(97); /* without the page a test would find no fault and be green */
    close(fd);
    page = at;
}

static int is_meant(const char *path, size_t length)
{
    size_t under = strlen(page->under), ending = strlen(page->ending);
    return length >= under && !strncmp(path, page->under, under) && length >= ending
        && !strcmp(path + length - ending, page->ending);
}

static void die(void)
{
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

/* What happens at this call: an action, or -1 for nothing. */
static int turn(uint32_t call, const char *path)
{
    if (!(page->calls & call) || !is_meant(path, strlen(path)))
        return -1;
    uint32_t number = __sync_add_and_fetch(&page->seen, 1);
    if (page->action == COUNT || number < page->nth || number - page->nth >= page->times)
        return -1;
    __sync_add_and_fetch(&page->hits, 1);
    page->last_hit = call;
    if (page->action == KILL_BEFORE)
        die();
    return (int)page->action;
}

static int turn_of(uint32_t call, int fd)
{
    if (!page || !page->armed)
        return -1;
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        _exit(97);
    path[length] = 0;
    return turn(call, path);
}

#define REAL(type, name, ...)                                                                     \
    static type (*real)(__VA_ARGS__);                                                             \
    if (!real)                                                                                    \
        real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name);

#define AROUND(result, what)                                                                      \
    if (what == FAIL) {                                                                           \
        errno = (int)page->error;                                                                 \
        return -1;                                                                                \
    }                                                                                             \
    int returned = (int)(result);                                                                 \
    if (what == KILL_AFTER || what == KILL_TORN)                                                  \
        die();                                                                                    \
    return returned;

ssize_t write(int fd, const void *data, size_t size)
{
    REAL(ssize_t, "write", int, const void *, size_t)
    int what = turn_of(WRITE, fd);
    if (what == KILL_TORN || what == SHORT_WRITE)
        size = size > 1 ? size / 2 : size;
    AROUND(real(fd, data, size), what)
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t)
    int what = turn_of(WRITE, fd);
    if (what == KILL_TORN || what == SHORT_WRITE)
        size = size > 1 ? size / 2 : size;
    AROUND(real(fd, data, size, at), what)
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    return pwrite64(fd, data, size, at);
}

int fsync(int fd)
{
    REAL(int, "fsync", int)
    int what = turn_of(SYNC, fd);
    AROUND(real(fd), what)
}

int fdatasync(int fd)
{
    REAL(int, "fdatasync", int)
    int what = turn_of(SYNC, fd);
    AROUND(real(fd), what)
}

int ftruncate64(int fd, off64_t size)
{
    REAL(int, "ftruncate64", int, off64_t)
    int what = turn_of(TRUNCATE, fd);
    AROUND(real(fd, size), what)
}

int ftruncate(int fd, off_t size)
{
    return ftruncate64(fd, size);
}

int rename(const char *from, const char *to)
{
    REAL(int, "rename", const char *, const char *)
    int what = page && page->armed ? turn(NAME, to) : -1;
    AROUND(real(from, to), what)
}

int unlink(const char *path)
{
    REAL(int, "unlink", const char *)
    int what = page && page->armed ? turn(NAME, path) : -1;
    AROUND(real(path), what)
}
