/* SPDX-License-Identifier: MIT
 *
 * The commands of `denali`, each in its file. They print errors themselves and return the exit status.
 */
#pragma once
#include "options.h"

enum {
    STATUS_OK = 0,
    STATUS_MACHINE = 1,    /* a machine failed or ended with another status than 0 */
    STATUS_USAGE = 2,      /* command line, image, capture */
    STATUS_HOST = 3,       /* an output cannot be written, no memory */
    STATUS_DIVERGENCE = 4, /* verify */
    STATUS_INTERRUPTED = 130,
};

int run_command(struct options *);
int verify_command(struct options *);
int disasm_command(struct options *);
int info_command(struct options *);
int doctor_command(struct options *);

/* Every file the run will need can be opened, and no output is also an input. Otherwise complains. */
int check_files(const struct options *);
/* "denali: …" on standard error; returns the status. */
int complain(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
