/* SPDX-License-Identifier: MIT */
#include "terminal.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "../container_of.h"

#define FILES_OPEN 32
#define LINE_FIRST 64 /* bytes first allocated for an unfinished line */

/* An unfinished line of one console. */
struct line {
    uint32_t length, capacity;
    uint8_t bytes[];
};

struct console_place {
    struct line *line; /* on a stream: what is unfinished, NULL = nothing */
    bool begun;        /* in a directory: its file exists, so that it is appended to */
};

struct open_file {
    FILE *stream; /* NULL: this place is free */
    uint32_t machine;
    uint64_t used; /* when, counted in writes */
};

struct terminal {
    struct console_sink sink;
    uint32_t machines;
    struct console_place *places; /* by machine */
    int error;                    /* errno of the first failure, 0 = none */
    char *where;                  /* the file it was in, NULL: the stream */

    FILE *stream; /* borrowed; NULL: in a directory */

    /* In a directory: */
    char *directory;
    struct open_file files[FILES_OPEN];
    uint64_t writes;
};

static void terminal_fail(struct terminal *terminal, const char *where)
{
    if (terminal->error != 0)
        return;
    terminal->error = errno;
    terminal->where = where ? strdup(where) : NULL;
}

static void stream_put(struct terminal *terminal, const void *bytes, size_t length)
{
    if (fwrite(bytes, 1, length, terminal->stream) != length)
        terminal_fail(terminal, NULL);
}

static void raw_write(struct console_sink *sink, uint32_t id, const uint8_t *bytes, size_t length)
{
    (void)id;
    stream_put(container_of(sink, struct terminal, sink), bytes, length);
}

/* Machines up to this one are known. False: no memory, and that is noted. */
static bool terminal_reach(struct terminal *terminal, uint32_t machine)
{
    if (machine < terminal->machines)
        return true;
    uint32_t machines = machine < terminal->machines * 2 ? terminal->machines * 2 : machine + 1;
    struct console_place *larger = realloc(terminal->places, machines * sizeof(*larger));
    if (!larger) {
        terminal_fail(terminal, NULL);
        return false;
    }
    memset(larger + terminal->machines, 0, (machines - terminal->machines) * sizeof(*larger));
    terminal->places = larger;
    terminal->machines = machines;
    return true;
}

/* Room for `length` more bytes, at most TERMINAL_LINE_MAX in all. NULL: no memory. */
static struct line *line_grow(struct terminal *terminal, uint32_t machine, size_t length)
{
    struct line *line = terminal->places[machine].line;
    size_t needed = (line ? line->length : 0) + length;
    if (line && needed <= line->capacity)
        return line;
    uint32_t capacity = line ? line->capacity : LINE_FIRST;
    while (capacity < needed)
        capacity *= 2;
    struct line *larger = realloc(line, sizeof(*larger) + capacity);
    if (!larger) {
        terminal_fail(terminal, NULL);
        return NULL;
    }
    if (!line)
        larger->length = 0;
    larger->capacity = capacity;
    terminal->places[machine].line = larger;
    return larger;
}

static void line_finish(struct terminal *terminal, uint32_t machine)
{
    struct line *line = terminal->places[machine].line;
    if (fprintf(terminal->stream, "vm %u: ", machine) < 0)
        terminal_fail(terminal, NULL);
    if (line)
        stream_put(terminal, line->bytes, line->length);
    stream_put(terminal, "\n", 1);
    free(line);
    terminal->places[machine].line = NULL;
}

/* Bytes without a newline. A line that is too long goes on in a new one. */
static void line_extend(struct terminal *terminal, uint32_t machine, const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        const struct line *waiting = terminal->places[machine].line;
        size_t room = TERMINAL_LINE_MAX - (waiting ? waiting->length : 0);
        if (room == 0) {
            line_finish(terminal, machine);
            continue;
        }
        size_t piece = length < room ? length : room;
        struct line *line = line_grow(terminal, machine, piece);
        if (!line)
            return;
        memcpy(line->bytes + line->length, bytes, piece);
        line->length += (uint32_t)piece;
        bytes += piece;
        length -= piece;
    }
}

static void lines_write(struct console_sink *sink, uint32_t id, const uint8_t *bytes, size_t length)
{
    struct terminal *terminal = container_of(sink, struct terminal, sink);
    if (!terminal_reach(terminal, id))
        return;
    for (const uint8_t *newline; length > 0 && (newline = memchr(bytes, '\n', length));) {
        size_t piece = (size_t)(newline - bytes);
        line_extend(terminal, id, bytes, piece);
        line_finish(terminal, id);
        bytes += piece + 1;
        length -= piece + 1;
    }
    line_extend(terminal, id, bytes, length);
}

static void file_path(const struct terminal *terminal, uint32_t machine, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/vm-%u.txt", terminal->directory, machine);
}

static void file_fail(struct terminal *terminal, uint32_t machine)
{
    char path[PATH_MAX];
    file_path(terminal, machine, path);
    terminal_fail(terminal, path);
}

static void file_close(struct terminal *terminal, struct open_file *file)
{
    if (file->stream && fclose(file->stream) != 0)
        file_fail(terminal, file->machine);
    file->stream = NULL;
}

/* The machine's file if it is open, else the place to open it in: a free one, or that of the one unused for longest. */
static struct open_file *file_place(struct terminal *terminal, uint32_t machine)
{
    struct open_file *oldest = &terminal->files[0];
    for (struct open_file *file = terminal->files; file < terminal->files + FILES_OPEN; file++) {
        if (file->stream && file->machine == machine)
            return file;
        if ((file->stream ? file->used : 0) < (oldest->stream ? oldest->used : 0))
            oldest = file;
    }
    return oldest;
}

/* NULL: it cannot be opened, and that is noted. */
static FILE *file_stream(struct terminal *terminal, uint32_t machine)
{
    char path[PATH_MAX];
    struct open_file *file = file_place(terminal, machine);
    file->used = ++terminal->writes;
    if (file->stream && file->machine == machine)
        return file->stream;
    file_close(terminal, file);
    file_path(terminal, machine, path);
    file->stream = fopen(path, terminal->places[machine].begun ? "abe" : "wbe");
    file->machine = machine;
    if (file->stream)
        terminal->places[machine].begun = true;
    else
        terminal_fail(terminal, path);
    return file->stream;
}

static void directory_write(struct console_sink *sink, uint32_t id, const uint8_t *bytes, size_t length)
{
    struct terminal *terminal = container_of(sink, struct terminal, sink);
    FILE *stream = terminal_reach(terminal, id) ? file_stream(terminal, id) : NULL;
    if (stream && fwrite(bytes, 1, length, stream) != length)
        file_fail(terminal, id);
}

static void terminal_release(struct terminal *terminal)
{
    free(terminal->where);
    free(terminal->places);
    free(terminal->directory);
    free(terminal);
}

static struct terminal *terminal_empty(uint32_t machines,
                                       void (*write)(struct console_sink *, uint32_t, const uint8_t *, size_t))
{
    struct terminal *terminal = calloc(1, sizeof(*terminal));
    if (!terminal)
        return NULL;
    terminal->sink.write = write;
    terminal->machines = machines;
    terminal->places = calloc(machines, sizeof(*terminal->places));
    if (terminal->places)
        return terminal;
    terminal_release(terminal);
    return NULL;
}

struct terminal *terminal_new(FILE *stream, uint32_t machines)
{
    struct terminal *terminal = terminal_empty(machines, machines > 1 ? lines_write : raw_write);
    if (terminal)
        terminal->stream = stream;
    return terminal;
}

struct terminal *terminal_new_directory(const char *directory, uint32_t machines)
{
    struct terminal *terminal = terminal_empty(machines, directory_write);
    if (!terminal)
        return NULL;
    terminal->directory = strdup(directory);
    if (terminal->directory)
        return terminal;
    terminal_release(terminal);
    return NULL;
}

struct console_sink *terminal_sink(struct terminal *terminal)
{
    return &terminal->sink;
}

static void stream_flush(struct terminal *terminal, uint32_t first, uint32_t last)
{
    for (uint32_t i = first; i <= last && i < terminal->machines; i++)
        if (terminal->places[i].line)
            line_finish(terminal, i);
    if (fflush(terminal->stream) != 0)
        terminal_fail(terminal, NULL);
}

static void directory_flush(struct terminal *terminal, uint32_t first, uint32_t last)
{
    for (struct open_file *file = terminal->files; file < terminal->files + FILES_OPEN; file++)
        if (file->machine >= first && file->machine <= last)
            file_close(terminal, file);
}

void terminal_flush(struct terminal *terminal, uint32_t machine)
{
    uint32_t first = machine == UINT32_MAX ? 0 : machine;
    if (terminal->stream)
        stream_flush(terminal, first, machine);
    else
        directory_flush(terminal, first, machine);
}

bool terminal_free(struct terminal *terminal, char *error, size_t error_size)
{
    terminal_flush(terminal, UINT32_MAX);
    bool whole = terminal->error == 0;
    if (!whole)
        snprintf(error, error_size, "%s: %s", terminal->where ? terminal->where : "console", strerror(terminal->error));
    terminal_release(terminal);
    return whole;
}
