/* SPDX-License-Identifier: MIT
 *
 * What kernel and processes agree on: system calls, and what a process finds in its memory.
 */
#pragma once
#include "guest.h"

/* A system call: INT 80h, the call in EAX, its operands in EBX and ECX. No call has a result. */
enum {
    SYSTEM_CALL = 0x80,
    CALL_WRITE, /* EBX: text in the process's data, ECX: its length */
    CALL_EXIT,
};

/* How a process misbehaves in its second turn. */
enum misdeed { BEHAVE, READ, WRITE, USE_PORT };

/* The data of one process, a page of its own. */
struct process_data {
    uint32_t turns;
    uint32_t misdeed; /* enum misdeed */
    volatile uint32_t *target;
    uint32_t length;
    uint32_t digit; /* where in the text the number of the turn stands */
    char text[64];
};

/* The processes' code: whole pages, which they share, and which hold nothing else. */
void process_begin(void);
__attribute__((regparm(1))) void process_main(struct process_data *);
void process_end(void);
