/* SPDX-License-Identifier: MIT
 *
 * What a process does: some work, a line of text by a system call, and so on; in its second turn it may misbehave. All
 * of it is in a section of its own, since a process cannot reach the kernel's code or constants.
 */
#include "process.h"

#define PROCESS       __attribute__((section("process"), no_reorder))
#define PROCESS_START __attribute__((section("process"), no_reorder, aligned(DENALI_PAGE_SIZE)))

#define WORK 150000 /* turns of a loop: more than one quantum */

PROCESS_START void process_begin(void)
{
}

static inline __attribute__((always_inline)) void system_call(uint32_t call, const void *operand, uint32_t length)
{
    __asm__ volatile("int %0" : : "i"(SYSTEM_CALL), "a"(call), "b"(operand), "c"(length) : "memory");
}

PROCESS __attribute__((noinline)) static void misbehave(struct process_data *data)
{
    if (data->misdeed == READ)
        (void)*data->target;
    else if (data->misdeed == WRITE)
        *data->target = 0;
    else if (data->misdeed == USE_PORT)
        port_write32(DENALI_PORT_TIMER, 0);
}

PROCESS __attribute__((regparm(1))) void process_main(struct process_data *data)
{
    for (uint32_t turn = 1; turn <= data->turns; turn++) {
        for (uint32_t i = 0; i < WORK; i++)
            __asm__ volatile("");
        data->text[data->digit] = (char)('0' + turn % 10);
        system_call(CALL_WRITE, data->text, data->length);
        if (turn == 2)
            misbehave(data);
    }
    system_call(CALL_EXIT, NULL, 0);
    __builtin_unreachable();
}

PROCESS_START void process_end(void)
{
}
