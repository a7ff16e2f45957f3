/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include <sys/resource.h>

#include "../../devices/host/terminal.h"
#include "temporary.h"

struct bench {
    char *text;
    size_t length;
    FILE *stream;
    struct terminal *terminal;
};

static void bench_init(struct bench *bench, uint32_t machines)
{
    bench->stream = open_memstream(&bench->text, &bench->length);
    bench->terminal = terminal_new(bench->stream, machines);
    cr_assert_not_null(bench->terminal);
}

static void write_to(struct terminal *terminal, uint32_t machine, const char *text)
{
    struct console_sink *sink = terminal_sink(terminal);
    sink->write(sink, machine, (const uint8_t *)text, strlen(text));
}

static void expect(struct bench *bench, const char *text)
{
    fflush(bench->stream);
    cr_assert_str_eq(bench->text, text);
}

static void bench_drop(struct bench *bench)
{
    char error[256];
    cr_assert(terminal_free(bench->terminal, error, sizeof(error)));
    fclose(bench->stream);
    free(bench->text);
}

Test(terminal, one_machine_writes_its_bytes_as_they_are)
{
    struct bench bench;
    bench_init(&bench, 1);
    write_to(bench.terminal, 0, "a\nb");
    write_to(bench.terminal, 0, "c");
    expect(&bench, "a\nbc");
    bench_drop(&bench);
}

Test(terminal, several_machines_write_whole_lines_with_names)
{
    struct bench bench;
    bench_init(&bench, 3);
    write_to(bench.terminal, 0, "he");
    write_to(bench.terminal, 2, "other\n\npart");
    write_to(bench.terminal, 0, "llo\nwor");
    expect(&bench, "vm 2: other\nvm 2: \nvm 0: hello\n");
    terminal_flush(bench.terminal, 1);
    terminal_flush(bench.terminal, 2);
    expect(&bench, "vm 2: other\nvm 2: \nvm 0: hello\nvm 2: part\n");
    terminal_flush(bench.terminal, UINT32_MAX);
    expect(&bench, "vm 2: other\nvm 2: \nvm 0: hello\nvm 2: part\nvm 0: wor\n");
    bench_drop(&bench);
}

Test(terminal, free_writes_what_has_no_newline)
{
    char error[256];
    struct bench bench;
    bench_init(&bench, 2);
    write_to(bench.terminal, 1, "end");
    cr_assert(terminal_free(bench.terminal, error, sizeof(error)));
    expect(&bench, "vm 1: end\n");
    fclose(bench.stream);
    free(bench.text);
}

Test(terminal, line_of_the_longest_length_is_not_cut)
{
    char line[TERMINAL_LINE_MAX], expected[TERMINAL_LINE_MAX + 16];
    struct bench bench;
    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\0';
    snprintf(expected, sizeof(expected), "vm 0: %sy\n", line);
    bench_init(&bench, 2);
    write_to(bench.terminal, 0, line);
    write_to(bench.terminal, 0, "y\n");
    expect(&bench, expected);
    bench_drop(&bench);
}

Test(terminal, line_too_long_goes_on_in_a_new_one)
{
    char line[2 * TERMINAL_LINE_MAX + 12], expected[2 * TERMINAL_LINE_MAX + 64];
    struct bench bench;
    memset(line, 'x', sizeof(line));
    memcpy(line + 2 * TERMINAL_LINE_MAX + 10, "\n", 2);
    int piece = TERMINAL_LINE_MAX;
    snprintf(expected, sizeof(expected), "vm 0: %.*s\nvm 0: %.*s\nvm 0: xxxxxxxxxx\n", piece, line, piece, line);
    bench_init(&bench, 2);
    write_to(bench.terminal, 0, line);
    expect(&bench, expected);
    bench_drop(&bench);
}

Test(terminal, bytes_one_by_one_give_the_same_lines)
{
    struct bench bench;
    bench_init(&bench, 2);
    for (int i = 0; i < 300; i++)
        write_to(bench.terminal, 1, "y");
    write_to(bench.terminal, 1, "\n");
    fflush(bench.stream);
    cr_assert_eq(bench.length, strlen("vm 1: \n") + 300);
    bench_drop(&bench);
}

Test(terminal, full_disk_is_reported_when_freed)
{
    char error[256] = "";
    FILE *full = fopen("/dev/full", "w");
    struct terminal *terminal = terminal_new(full, 2);
    write_to(terminal, 0, "lost\n");
    cr_assert_not(terminal_free(terminal, error, sizeof(error)));
    cr_assert_str_eq(error, "console: No space left on device");
    fclose(full);
}

Test(terminal, directory_gets_a_file_for_each_machine_that_writes)
{
    char error[256], path[TEMPORARY_MAX];
    size_t length;
    struct temporary temporary = temporary_new();
    file_set(temporary_path(&temporary, "vm-3.txt", path), "old", 3);
    struct terminal *terminal = terminal_new_directory(temporary.directory, 5);
    write_to(terminal, 3, "a\nb");
    write_to(terminal, 4, "x");
    write_to(terminal, 3, "c");
    terminal_flush(terminal, 3);
    char *text = file_bytes(temporary_path(&temporary, "vm-3.txt", path), &length);
    cr_assert_str_eq(text, "a\nbc");
    free(text);
    write_to(terminal, 3, "d");
    cr_assert(terminal_free(terminal, error, sizeof(error)));
    text = file_bytes(path, &length);
    cr_assert_str_eq(text, "a\nbcd");
    free(text);
    cr_assert_neq(access(temporary_path(&temporary, "vm-0.txt", path), F_OK), 0);
    temporary_remove(&temporary);
}

Test(terminal, directory_serves_more_machines_than_files_may_be_open)
{
    char error[256], path[TEMPORARY_MAX], name[32];
    size_t length;
    struct temporary temporary = temporary_new();
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 60;
    setrlimit(RLIMIT_NOFILE, &limit);
    struct terminal *terminal = terminal_new_directory(temporary.directory, 200);
    for (uint32_t turn = 0; turn < 3; turn++)
        for (uint32_t i = 0; i < 200; i++)
            write_to(terminal, i, "line\n");
    cr_assert(terminal_free(terminal, error, sizeof(error)), "%s", error);
    for (uint32_t i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "vm-%u.txt", i);
        char *text = file_bytes(temporary_path(&temporary, name, path), &length);
        cr_assert_str_eq(text, "line\nline\nline\n");
        free(text);
    }
    temporary_remove(&temporary);
}

Test(terminal, directory_missing_is_reported_with_the_file)
{
    char error[256] = "";
    struct terminal *terminal = terminal_new_directory("/nowhere/at/all", 2);
    write_to(terminal, 1, "x");
    cr_assert_not(terminal_free(terminal, error, sizeof(error)));
    cr_assert_str_eq(error, "/nowhere/at/all/vm-1.txt: No such file or directory");
}
