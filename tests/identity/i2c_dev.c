/* A /dev/i2c-… for one process, preloaded: open() and ioctl() follow a table instead of a bus.
 *
 * $I2C_TABLE names a file of lines, used from top to bottom, each once:
 *
 *     PATH                              open() of it succeeds
 *     funcs HEX                         I2C_FUNCS answers this
 *     funcs !ERRNO                      or fails
 *     rdwr ADDRESS w:HEX r:COUNT = HEX  I2C_RDWR of these two messages answers this
 *     rdwr ADDRESS w:HEX r:COUNT !ERRNO or fails
 *
 * Messages are taken apart with the kernel's own headers, so that a program with another idea of
 * struct i2c_msg is found out. What does not follow the table fails with EPROTO and a word on stderr;
 * close() of the bus writes "left N" to stderr when N lines were not used.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LONGEST 1024

static FILE *table;
static int bus = -1;
static char line[LONGEST];

static int next_line(void)
{
	if (!table || !fgets(line, sizeof line, table))
		return 0;
	line[strcspn(line, "\n")] = 0;
	return 1;
}

static int refuse(const char *asked)
{
	fprintf(stderr, "i2c table: expected \"%s\", got \"%s\"\n", line, asked);
	errno = EPROTO;
	return -1;
}

/* Where the answer of the current line begins, if the line begins with `asked`. */
static const char *answer_to(const char *asked)
{
	size_t length = strlen(asked);

	if (!next_line() || strncmp(line, asked, length) || line[length] != ' ')
		return NULL;
	return line + length + 1;
}

static int failed(const char *answer)
{
	if (*answer != '!')
		return 0;
	errno = atoi(answer + 1);
	return 1;
}

static int funcs(unsigned long *found)
{
	const char *answer = answer_to("funcs");

	if (!answer)
		return refuse("funcs");
	if (failed(answer))
		return -1;
	*found = strtoul(answer, NULL, 16);
	return 0;
}

static int rdwr(struct i2c_rdwr_ioctl_data *asked)
{
	struct i2c_msg *out = &asked->msgs[0], *in = &asked->msgs[1];
	char words[LONGEST];
	const char *answer;
	int used, byte;

	if (asked->nmsgs != 2 || out->flags || in->flags != I2C_M_RD || out->addr != in->addr)
		return refuse("messages that are no write and read of one device");
	used = snprintf(words, sizeof words, "rdwr %02x w:", out->addr);
	for (byte = 0; byte < out->len; byte++)
		used += snprintf(words + used, sizeof words - used, "%02x", out->buf[byte]);
	snprintf(words + used, sizeof words - used, " r:%d", in->len);
	answer = answer_to(words);
	if (!answer)
		return refuse(words);
	if (failed(answer))
		return -1;
	for (byte = 0; byte < in->len; byte++) {
		unsigned int value = 0;

		sscanf(answer + 2 + 2 * byte, "%2x", &value);
		in->buf[byte] = value;
	}
	return asked->nmsgs;
}

static int open_bus(const char *path)
{
	const char *name = getenv("I2C_TABLE");
	int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");

	if (!name || strncmp(path, "/dev/i2c-", 9))
		return -2;
	if (!table)
		table = fopen(name, "re");
	if (!next_line() || strcmp(line, path))
		return refuse(path);
	bus = real("/dev/null", O_RDWR | O_CLOEXEC);
	return bus;
}

static mode_t mode_of(int flags, va_list more)
{
	return flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
	int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
	int found = open_bus(path);
	mode_t mode;
	va_list more;

	va_start(more, flags);
	mode = mode_of(flags, more);
	va_end(more);
	return found == -2 ? real(path, flags, mode) : found;
}

int open64(const char *path, int flags, ...)
{
	int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open64");
	int found = open_bus(path);
	mode_t mode;
	va_list more;

	va_start(more, flags);
	mode = mode_of(flags, more);
	va_end(more);
	return found == -2 ? real(path, flags, mode) : found;
}

int ioctl(int fd, unsigned long request, ...)
{
	int (*real)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
	void *argument;
	va_list more;

	va_start(more, request);
	argument = va_arg(more, void *);
	va_end(more);
	if (bus < 0 || fd != bus)
		return real(fd, request, argument);
	if (request == I2C_FUNCS)
		return funcs(argument);
	if (request == I2C_RDWR)
		return rdwr(argument);
	return refuse("another ioctl");
}

int close(int fd)
{
	int (*real)(int) = dlsym(RTLD_NEXT, "close");
	int left = 0;

	if (bus >= 0 && fd == bus) {
		while (next_line())
			left++;
		fprintf(stderr, "closed, left %d\n", left);
		bus = -1;
	}
	return real(fd);
}
