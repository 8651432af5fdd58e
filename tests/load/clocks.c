/* For LD_PRELOAD: the clocks of one process, each moved by as much as a file says at this moment.
 *
 * $MOVED_CLOCKS names it: nanoseconds as int64_t, one for each clock id of clock_gettime(2). The
 * kernel's own waits are not moved: whoever slept looks at its clock again, as it has to anyway. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { CLOCKS = 8, SECOND = 1000000000 }; /* CLOCK_BOOTTIME is 7 */

static const volatile int64_t *moved;

__attribute__((constructor)) static void find_file(void)
{
    const char *path = getenv("MOVED_CLOCKS");
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    void *found = mmap(NULL, CLOCKS * sizeof *moved, PROT_READ, MAP_SHARED, fd, 0);

    if (found == MAP_FAILED)
        abort(); /* rather than prove nothing */
    moved = found;
    close(fd);
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    if (syscall(SYS_clock_gettime, id, now) != 0)
        return -1;
    if (moved != NULL && id >= 0 && id < CLOCKS) {
        int64_t total = (int64_t)now->tv_sec * SECOND + now->tv_nsec + moved[id];

        now->tv_sec = total / SECOND;
        now->tv_nsec = total % SECOND;
    }
    return 0;
}
