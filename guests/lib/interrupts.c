/* SPDX-License-Identifier: MIT
 *
 * Interrupts arrive in batches: one entry for all that is pending. The entry takes the whole batch with one exchange,
 * so that a bit set meanwhile belongs to the next batch, and calls the handler of each source.
 */
#include "interrupts.h"

#define SOURCES 32

static interrupt_handler *handlers[SOURCES];
static exception_handler *on_exception;

void interrupt_register(uint32_t sources, interrupt_handler *handler)
{
    for (int i = 0; i < SOURCES; i++) {
        if (sources & 1u << i)
            handlers[i] = handler;
    }
}

static uint32_t batch_take(void)
{
    uint32_t batch = 0;
    __asm__ volatile("xchgl %0, %1" : "+r"(batch), "+m"(registers.irq_pending) : : "memory");
    return batch;
}

__attribute__((interrupt)) void interrupt_entry(struct interrupt_frame *frame)
{
    (void)frame;
    for (uint32_t batch = batch_take(); batch != 0; batch &= batch - 1) {
        int i = __builtin_ctz(batch);
        if (handlers[i])
            handlers[i](1u << i);
    }
}

uint32_t interrupt_wait(uint64_t timeout_ns)
{
    uint32_t pending = idle(timeout_ns);
    interrupts_enable(); /* the batch is delivered here */
    interrupts_disable();
    return pending;
}

__attribute__((interrupt)) static void exception_entry(struct interrupt_frame *frame)
{
    on_exception(frame);
}

void exception_register(exception_handler *handler)
{
    on_exception = handler;
    registers.exc_handler = handler ? (uint32_t)exception_entry : 0;
}
