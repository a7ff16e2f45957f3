/* SPDX-License-Identifier: MIT
 *
 * The command line. Everything a value can be wrong in by itself is found here, before anything starts; the message
 * names the option and what it accepts.
 */
#pragma once
#include "libdenali.h"

#define OPTIONS_NETS  7 /* beside a capture */
#define OPTIONS_LINKS 64

enum command {
#define COMMAND(id, operands, help) COMMAND_##id,
#define OPTION(...)
#define LATER(...)
#include "options.def"
#undef COMMAND
#undef OPTION
#undef LATER
    COMMAND_version,
};

struct options {
    enum command command;
    struct denali_config config;
    const char *operand; /* IMAGE or FILE, borrowed from argv */
    const char *stats_path, *trace_path;
    bool keyboard_chosen, vms_max_chosen, clock_chosen, net_chosen, quiet;
    bool man, completion;
    char *disk_files[DENALI_DISKS_MAX];
    const char *nets[OPTIONS_NETS], *links[OPTIONS_LINKS]; /* what config points to; the texts are borrowed from argv */
    char *arguments, *net;                                 /* owned: what config points to */
    struct denali_image *images;                           /* owned, and so are the names; the paths are not */
    char error[512];
};

/* Parses and checks. False: `error` is a sentence for the user. Call options_drop() in either case. */
bool options_parse(struct options *, int argc, char **argv);
void options_drop(struct options *);

/* All of these print what options.def says. */
void options_print_help(FILE *);
void options_print_manual(FILE *);     /* scdoc source */
void options_print_completion(FILE *); /* bash */
