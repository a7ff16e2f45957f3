/* SPDX-License-Identifier: MIT
 *
 * Console, keyboard and NIC: one port instruction for each operation.
 */
#include "guest.h"

void console_write(const char *bytes, size_t length)
{
    port_write_bytes(DENALI_PORT_CONSOLE, bytes, length);
}

uint32_t keyboard_next(void)
{
    return port_read32(DENALI_PORT_KEYBOARD);
}

bool nic_try_send(const void *frame, size_t length)
{
    return port_write_bytes(DENALI_PORT_NIC, frame, length) == 0;
}

bool nic_send(const void *frame, size_t length)
{
    if (length < DENALI_FRAME_MIN || length > DENALI_FRAME_MAX)
        return false;
    uint32_t enabled = interrupts_disable();
    while (!nic_try_send(frame, length))
        interrupt_wait(NO_TIMEOUT); /* for DENALI_IRQ_NIC_TX, or for anything: then the queue is tried again */
    interrupts_restore(enabled);
    return true;
}

uint32_t nic_receive(void *buffer, size_t size)
{
    uint32_t length;
    __asm__ volatile("rep insb" : "+D"(buffer), "+c"(size), "=a"(length) : "d"(DENALI_PORT_NIC) : "memory");
    return length;
}
