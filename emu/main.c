/* SPDX-License-Identifier: MIT
 *
 * The command `denali`: finds out what is wanted and hands it to the command's file.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>

#include "command.h"

int complain(int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("denali: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return status;
}

static int help_command(struct options *options)
{
    if (options->command == COMMAND_version)
        printf("denali %s\n", denali_build());
    else if (options->man)
        options_print_manual(stdout);
    else if (options->completion)
        options_print_completion(stdout);
    else
        options_print_help(stdout);
    return STATUS_OK;
}

static int dispatch(struct options *options)
{
    switch (options->command) {
    case COMMAND_run:
        return run_command(options);
    case COMMAND_verify:
        return verify_command(options);
    case COMMAND_disasm:
        return disasm_command(options);
    case COMMAND_info:
        return info_command(options);
    case COMMAND_doctor:
        return doctor_command(options);
    default:
        return help_command(options);
    }
}

int main(int argc, char **argv)
{
    struct options options;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit on the size of files is an error where it is met */
    int status = options_parse(&options, argc, argv) ? dispatch(&options) : complain(STATUS_USAGE, "%s", options.error);
    options_drop(&options);
    if ((fflush(stdout) != 0 || ferror(stdout)) && status != STATUS_HOST)
        return complain(STATUS_HOST, "standard output: %s", strerror(errno));
    return status;
}
