/*
 * GPIO chips for tests, preloaded into a process: answers ioctl() on ordinary files as the kernel
 * answers on /dev/gpiochipN. Layouts and numbers are those of the kernel's own <linux/gpio.h>,
 * both versions of the interface. Levels are physical; chip_move() is somebody at the wire.
 *
 * Opening a line gives the read end of a pipe, because a pipe polls and reads as a line does; its
 * write end stays here, tells when the line was given back, and carries the edges.
 *
 * /sys/class/leds is looked for in the directory that $LEDS names. What is written into a file there
 * called brightness is also appended to brightness.written, for the file has the last of it only.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHIPS = 32, LINES = 8, EDGES = 16 };              /* the kernel's event buffer has 16 */
/* What a line refuses; FLIPS: somebody moves it right after its level was read. */
enum { BUSY = 1, NO_IRQ = 2, ONE_EDGE = 4, BROKEN = 8, FLIPS = 16 };

struct line {
    char name[GPIO_MAX_NAME_SIZE], consumer[GPIO_MAX_NAME_SIZE];
    int quirks, level, input, active_low, pull, rising, falling, version;
    int held, pipe; /* the write end; valid while held */
    int requests;   /* how often it was asked for and had, reconfigured included */
    int highs, lows; /* how often it was driven so as an output */
    ino_t inode;
};
static struct chip {
    ino_t inode;
    dev_t device;
    char label[GPIO_MAX_NAME_SIZE];
    unsigned lines;
    struct line line[LINES];
} chips[CHIPS];
static unsigned count;

/* -- what a test says and asks ------------------------------------------------------------------ */

int chip_new(const char *path, const char *label, unsigned lines)
{
    struct stat found;
    if (count == CHIPS || lines > LINES || stat(path, &found))
        return -1;
    struct chip *chip = &chips[count];
    chip->inode = found.st_ino;
    chip->device = found.st_dev;
    chip->lines = lines;
    strncpy(chip->label, label, sizeof chip->label - 1);
    return (int)count++;
}

void chip_line(int chip, unsigned offset, const char *name, int quirks)
{
    struct line *line = &chips[chip].line[offset];
    strncpy(line->name, name, sizeof line->name - 1);
    line->quirks = quirks;
}

static int is_held(struct line *line)
{
    struct pollfd end = {.fd = line->pipe};
    if (line->held && poll(&end, 1, 0) == 1 && (end.revents & POLLERR)) {
        close(line->pipe);
        line->held = 0;
    }
    return line->held;
}

void chip_move(int chip, unsigned offset, int level)
{
    struct line *line = &chips[chip].line[offset];
    int moved = line->level != level, queued = 0;
    line->level = level;
    if (!moved || !is_held(line) || !(line->active_low != level ? line->rising : line->falling))
        return;
    struct gpio_v2_line_event two = {
        .id = line->active_low != level ? GPIO_V2_LINE_EVENT_RISING_EDGE
                                        : GPIO_V2_LINE_EVENT_FALLING_EDGE,
        .offset = offset,
    };
    struct gpioevent_data one = {.id = two.id};
    size_t size = line->version == 2 ? sizeof two : sizeof one;
    ioctl(line->pipe, FIONREAD, &queued);
    if ((size_t)queued < EDGES * size) /* the rest is lost, silently */
        if (write(line->pipe, line->version == 2 ? (void *)&two : (void *)&one, size) < 0)
            abort();
}

int chip_level(int chip, unsigned offset) { return chips[chip].line[offset].level; }
int chip_pull(int chip, unsigned offset) { return chips[chip].line[offset].pull; }
int chip_requests(int chip, unsigned offset) { return chips[chip].line[offset].requests; }
int chip_driven(int chip, unsigned offset, int level)
{
    struct line *line = &chips[chip].line[offset];
    return level ? line->highs : line->lows;
}
int chip_held(int chip, unsigned offset) { return is_held(&chips[chip].line[offset]); }
const char *chip_consumer(int chip, unsigned offset) { return chips[chip].line[offset].consumer; }

/* -- the kernel's side -------------------------------------------------------------------------- */

static int fail(int error)
{
    errno = error;
    return -1;
}

struct request {
    int version, output, value, active_low, rising, falling, pull;
    const char *consumer;
};

static void drive(struct line *line, int level)
{
    line->level = level;
    if (level)
        line->highs++;
    else
        line->lows++;
}

/* Take a line; returns its descriptor. */
static int take(struct chip *chip, unsigned offset, struct request wanted)
{
    if (offset >= chip->lines)
        return fail(EINVAL);
    struct line *line = &chip->line[offset];
    int ends[2];
    struct stat made;
    if ((line->quirks & BUSY) || is_held(line))
        return fail(EBUSY);
    if ((line->quirks & NO_IRQ) && (wanted.rising || wanted.falling))
        return fail(ENODEV);
    if ((line->quirks & ONE_EDGE) && wanted.rising && wanted.falling)
        return fail(EINVAL);
    if (pipe2(ends, O_CLOEXEC) || fstat(ends[0], &made))
        abort();
    line->held = 1;
    line->pipe = ends[1];
    line->inode = made.st_ino;
    line->version = wanted.version;
    line->input = !wanted.output;
    line->active_low = wanted.active_low;
    line->rising = wanted.rising;
    line->falling = wanted.falling;
    line->pull = wanted.pull;
    snprintf(line->consumer, sizeof line->consumer, "%s", wanted.consumer);
    line->requests++;
    if (wanted.output)
        drive(line, wanted.value != wanted.active_low);
    return ends[0];
}

static int pull_of(int up, int down) { return up ? 1 : down ? -1 : 0; }

static int take_v2(struct chip *chip, struct gpio_v2_line_request *given)
{
    __u64 flags = given->config.flags;
    struct request wanted = {
        .version = 2,
        .output = !!(flags & GPIO_V2_LINE_FLAG_OUTPUT),
        .active_low = !!(flags & GPIO_V2_LINE_FLAG_ACTIVE_LOW),
        .rising = !!(flags & GPIO_V2_LINE_FLAG_EDGE_RISING),
        .falling = !!(flags & GPIO_V2_LINE_FLAG_EDGE_FALLING),
        .pull = pull_of(!!(flags & GPIO_V2_LINE_FLAG_BIAS_PULL_UP),
                        !!(flags & GPIO_V2_LINE_FLAG_BIAS_PULL_DOWN)),
        .consumer = given->consumer,
    };
    if (given->num_lines != 1 || given->config.num_attrs > 1)
        return fail(EINVAL);
    if (given->config.num_attrs == 1) {
        if (given->config.attrs[0].attr.id != GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES)
            return fail(EINVAL);
        wanted.value = given->config.attrs[0].attr.values & given->config.attrs[0].mask & 1;
    }
    return (given->fd = take(chip, given->offsets[0], wanted)) < 0 ? -1 : 0;
}

static int take_v1(struct chip *chip, struct gpiohandle_request *given)
{
    struct request wanted = {
        .version = 1,
        .output = !!(given->flags & GPIOHANDLE_REQUEST_OUTPUT),
        .active_low = !!(given->flags & GPIOHANDLE_REQUEST_ACTIVE_LOW),
        .value = given->default_values[0],
        .pull = pull_of(given->flags & GPIOHANDLE_REQUEST_BIAS_PULL_UP,
                        given->flags & GPIOHANDLE_REQUEST_BIAS_PULL_DOWN),
        .consumer = given->consumer_label,
    };
    if (given->lines != 1)
        return fail(EINVAL);
    return (given->fd = take(chip, given->lineoffsets[0], wanted)) < 0 ? -1 : 0;
}

static int take_v1_event(struct chip *chip, struct gpioevent_request *given)
{
    struct request wanted = {
        .version = 1,
        .active_low = !!(given->handleflags & GPIOHANDLE_REQUEST_ACTIVE_LOW),
        .rising = !!(given->eventflags & GPIOEVENT_REQUEST_RISING_EDGE),
        .falling = !!(given->eventflags & GPIOEVENT_REQUEST_FALLING_EDGE),
        .pull = pull_of(given->handleflags & GPIOHANDLE_REQUEST_BIAS_PULL_UP,
                        given->handleflags & GPIOHANDLE_REQUEST_BIAS_PULL_DOWN),
        .consumer = given->consumer_label,
    };
    return (given->fd = take(chip, given->lineoffset, wanted)) < 0 ? -1 : 0;
}

static int on_chip(struct chip *chip, unsigned long request, void *argument)
{
    switch (request) {
    case GPIO_GET_CHIPINFO_IOCTL: {
        struct gpiochip_info *info = argument;
        memset(info, 0, sizeof *info);
        strcpy(info->name, "gpiochip");
        strcpy(info->label, chip->label);
        info->lines = chip->lines;
        return 0;
    }
    case GPIO_GET_LINEINFO_IOCTL: {
        struct gpioline_info *info = argument;
        if (info->line_offset >= chip->lines)
            return fail(EINVAL);
        strcpy(info->name, chip->line[info->line_offset].name);
        return 0;
    }
    case GPIO_V2_GET_LINEINFO_IOCTL: {
        struct gpio_v2_line_info *info = argument;
        if (info->offset >= chip->lines)
            return fail(EINVAL);
        strcpy(info->name, chip->line[info->offset].name);
        return 0;
    }
    case GPIO_V2_GET_LINE_IOCTL:
        return take_v2(chip, argument);
    case GPIO_GET_LINEHANDLE_IOCTL:
        return take_v1(chip, argument);
    case GPIO_GET_LINEEVENT_IOCTL:
        return take_v1_event(chip, argument);
    default:
        return fail(ENOTTY);
    }
}

/* The level as it is told; a line that flips has moved on by then. */
static int told(struct line *line)
{
    int level = line->level;
    for (int chip = 0; (line->quirks & FLIPS) && chip < (int)count; chip++)
        if (line >= chips[chip].line && line < chips[chip].line + LINES)
            chip_move(chip, (unsigned)(line - chips[chip].line), !level);
    return level != line->active_low;
}

static int on_line(struct line *line, unsigned long request, void *argument)
{
    struct gpio_v2_line_values *two = argument;
    struct gpiohandle_data *one = argument;
    if (line->quirks & BROKEN)
        return fail(EIO);
    switch (request) {
    case GPIO_V2_LINE_GET_VALUES_IOCTL:
        two->bits = told(line) & two->mask;
        return 0;
    case GPIOHANDLE_GET_LINE_VALUES_IOCTL:
        one->values[0] = told(line);
        return 0;
    case GPIO_V2_LINE_SET_VALUES_IOCTL:
        if (line->input)
            return fail(EPERM);
        drive(line, (int)(two->bits & two->mask & 1) != line->active_low);
        return 0;
    case GPIOHANDLE_SET_LINE_VALUES_IOCTL:
        if (line->input)
            return fail(EPERM);
        drive(line, !!one->values[0] != line->active_low);
        return 0;
    default:
        return fail(ENOTTY);
    }
}

int ioctl(int fd, unsigned long request, ...)
{
    static int (*real)(int, unsigned long, ...);
    va_list rest;
    va_start(rest, request);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    struct stat found;
    if (_IOC_TYPE(request) == 0xB4 && fstat(fd, &found) == 0)
        for (unsigned c = 0; c < count; c++) {
            if (found.st_ino == chips[c].inode && found.st_dev == chips[c].device)
                return on_chip(&chips[c], request, argument);
            for (unsigned l = 0; l < chips[c].lines; l++)
                if (chips[c].line[l].held && found.st_ino == chips[c].line[l].inode)
                    return on_line(&chips[c].line[l], request, argument);
        }
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "ioctl");
    return real(fd, request, argument);
}

/* -- /sys/class/leds ---------------------------------------------------------------------------- */

static const char *led(const char *path, char *room, size_t size)
{
    static const char leds[] = "/sys/class/leds/";
    const char *instead = getenv("LEDS");
    if (!instead || strncmp(path, leds, sizeof leds - 1))
        return path;
    snprintf(room, size, "%s/%s", instead, path + sizeof leds - 1);
    return room;
}

#define OPEN(name)                                                          \
    int name(const char *path, int flags, ...)                              \
    {                                                                       \
        static int (*real)(const char *, int, ...);                         \
        char room[4096];                                                    \
        va_list rest;                                                       \
        va_start(rest, flags);                                              \
        int mode = va_arg(rest, int);                                       \
        va_end(rest);                                                       \
        if (!real)                                                          \
            *(void **)&real = dlsym(RTLD_NEXT, #name);                      \
        return real(led(path, room, sizeof room), flags, mode);             \
    }
#define STAT(name)                                                          \
    int name(const char *path, struct name *found)                          \
    {                                                                       \
        static int (*real)(const char *, struct name *);                    \
        char room[4096];                                                    \
        if (!real)                                                          \
            *(void **)&real = dlsym(RTLD_NEXT, #name);                      \
        return real(led(path, room, sizeof room), found);                   \
    }
OPEN(open)
OPEN(open64)
STAT(stat)
STAT(stat64)

ssize_t write(int fd, const void *data, size_t size)
{
    static ssize_t (*real)(int, const void *, size_t);
    static const char end[] = "/brightness";
    char link[64], path[4096];
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "write");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = getenv("LEDS") ? readlink(link, path, sizeof path - sizeof ".written") : 0;
    if (length >= (ssize_t)sizeof end && !strncmp(path + length - sizeof end + 1, end, sizeof end - 1)) {
        strcpy(path + length, ".written");
        int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (log < 0 || real(log, data, size) != (ssize_t)size || close(log))
            abort();
    }
    return real(fd, data, size);
}
