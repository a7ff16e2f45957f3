/* SPDX-License-Identifier: MIT
 *
 * The guest operating system library: what a guest program needs to use its virtual machine. docs/architecture.md
 * tells what the machine is. There is one address space, one stack and no privilege: the library is called, never
 * entered. Programs define main(); the library's start-up calls it with the argument string split at blanks and
 * ends the machine with its result.
 *
 * Interrupts are masked at start and may stay so: interrupt_wait() lets handlers run at a moment the program chooses.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "denali.h"

/* Page 0, the virtual register page. The linker script puts this object at address 0; lib/registers.c checks the
 * layout. Who writes what: docs/architecture.md, "Virtual registers". */
struct virtual_registers {
    uint32_t magic, abi_version, vm_id, cpu_khz;
    uint32_t memory_size, image_end, args, features;
    uint64_t time_ns, time_tsc;
    uint32_t irq_enabled, irq_pending, irq_handler;
    uint32_t exc_handler, exc_number, exc_error, exc_address;
    uint32_t kernel_stack, fs_base, gs_base;
    uint64_t timer_deadline;
    uint8_t nic_mac[6];
    uint16_t nic_mtu;
    uint32_t nic_rx_waiting, nic_rx_dropped, nic_tx_free;
    uint32_t disk_count, reserved[2];
    struct {
        uint32_t blocks, flags;
    } disks[16];
} __attribute__((packed, aligned(4)));

extern volatile struct virtual_registers registers;

/* Program ---------------------------------------------------------------------------------------------------------- */

/* argv[0] is "" (a machine has no program name), argv[argc] is NULL. The result is the machine's exit status. */
int main(int argc, char **argv);

/* TERMINATE: the machine ends here and now. */
_Noreturn void terminate(uint32_t status);

/* The text after "NAME=" of the first argument that starts so, NULL if there is none. */
const char *argument(char **argv, const char *name);
/* The same as a number (decimal, or hexadecimal after 0x); `otherwise` if there is none. An argument that is not a
 * number that fits is reported on the console and ends the machine with status 2. */
uint32_t argument_number(char **argv, const char *name, uint32_t otherwise);

/* Once, outside of functions: the program is of use only with a network outside, so it is given one if nobody says
 * which (docs/networks.md). A note of the image. */
#define PROGRAM_WANTS_NETWORK                                                                                          \
    static const struct {                                                                                              \
        uint32_t name_size, description_size, type;                                                                    \
        char name[(sizeof(DENALI_NOTE_NAME) + 3) / 4 * 4];                                                             \
    } wants_network __attribute__((section(".note.denali"), used, aligned(4))) = {                                     \
        sizeof(DENALI_NOTE_NAME), 0, DENALI_NOTE_NETWORK, DENALI_NOTE_NAME}

/* Interrupts and exceptions ---------------------------------------------------------------------------------------- */

#define NO_TIMEOUT UINT64_MAX

/* IDLE: leave the processor until `timeout_ns` have passed or an interrupt is posted. Returns irq_pending, 0 after the
 * timeout. Returns at once if irq_pending is not zero. With timeout 0 only the rest of the quantum is given away. */
static inline uint32_t idle(uint64_t timeout_ns)
{
    __asm__ volatile(".byte 0x0F, 0x3F, %c1" : "+A"(timeout_ns) : "i"(DENALI_OP_IDLE) : "memory");
    return (uint32_t)timeout_ns;
}

static inline void interrupts_enable(void)
{
    __asm__ volatile("" : : : "memory");
    registers.irq_enabled = 1;
    __asm__ volatile("" : : : "memory");
}

/* Returns whether they were enabled, for interrupts_restore(). */
static inline uint32_t interrupts_disable(void)
{
    uint32_t enabled = registers.irq_enabled;
    registers.irq_enabled = 0;
    __asm__ volatile("" : : : "memory");
    return enabled;
}

static inline void interrupts_restore(uint32_t enabled)
{
    __asm__ volatile("" : : : "memory");
    registers.irq_enabled = enabled;
    __asm__ volatile("" : : : "memory");
}

/* Have `handler` called for these sources (DENALI_IRQ_*), NULL = nobody. It runs with interrupts masked and is told
 * the source; a call says "look at this device", not how much happened. */
typedef void interrupt_handler(uint32_t source);
void interrupt_register(uint32_t sources, interrupt_handler *handler);

/* The one way to wait. Call it with interrupts disabled, after finding that there is nothing to do: it idles, lets
 * handlers run, and returns with interrupts disabled again. What is posted between the test and the wait is not lost,
 * since IDLE returns at once while something is pending. Returns the interrupts it woke for, 0 after the timeout. */
uint32_t interrupt_wait(uint64_t timeout_ns);

/* What an interrupt or exception pushes on the stack. */
struct interrupt_frame {
    uint32_t eip, cs, eflags;
};

/* Have `handler` called for exceptions; registers.exc_* tell which. It may change the frame and returns to it.
 * NULL (as at boot): an exception ends the machine. */
typedef void exception_handler(struct interrupt_frame *frame);
void exception_register(exception_handler *handler);

/* Ports ------------------------------------------------------------------------------------------------------------ */

static inline void port_write8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void port_write32(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint32_t port_read32(uint16_t port)
{
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

/* One operation for the whole buffer. Returns the bytes not written. */
static inline uint32_t port_write_bytes(uint16_t port, const void *bytes, uint32_t length)
{
    __asm__ volatile("rep outsb" : "+S"(bytes), "+c"(length) : "d"(port) : "memory");
    return length;
}

/* Time ------------------------------------------------------------------------------------------------------------- */

/* The time stamp counter: cycles of the simulated CPU, cpu_khz of them in a millisecond. */
static inline uint64_t time_stamp(void)
{
    uint64_t cycles;
    __asm__ volatile("rdtsc" : "=A"(cycles));
    return cycles;
}

/* System time: nanoseconds since 1970-01-01T00:00:00Z, to the cycle. */
uint64_t time_now(void);
/* Waits, with interrupts disabled as interrupt_wait(), until this system time has come. */
void time_sleep_until(uint64_t time_ns);

/* Have DENALI_IRQ_TIMER posted at or after this system time; replaces an earlier deadline. */
void timer_arm(uint64_t deadline_ns);
void timer_disarm(void);

/* Devices ---------------------------------------------------------------------------------------------------------- */

/* One operation for the whole text. */
void console_write(const char *bytes, size_t length);

/* The next key event (DENALI_KEY_*), 0 if there is none. */
uint32_t keyboard_next(void);

/* A request to a disk, as DENALI_PORT_DISK takes it. Address and buffer are physical. */
struct disk_request {
    uint32_t op, disk, block; /* DENALI_DISK_READ, _WRITE, _FLUSH; the block means nothing for a flush */
    void *buffer;             /* DENALI_DISK_BLOCK bytes; they are read or written when the request is complete */
    uint32_t tag;             /* the program's own */
    volatile int32_t status;  /* 0 until it is complete; then DENALI_DISK_COMPLETE, or negative: -DENALI_E* */
};

/* Start it. False: there are too many; take one that is complete, and try again. */
bool disk_start(struct disk_request *request);
/* A request that is complete, NULL if there is none. DENALI_IRQ_DISK says when to look. */
struct disk_request *disk_completed(void);

/* One operation, waiting as interrupt_wait() does until it is complete. Whatever else completes meanwhile is taken too:
 * its status tells. The result is 0 or -DENALI_E*. */
int disk_read(uint32_t disk, uint32_t block, void *buffer);
int disk_write(uint32_t disk, uint32_t block, const void *buffer);
/* What was written survives the end of the emulator, however it ends. */
int disk_flush(uint32_t disk);

/* Send one Ethernet frame of DENALI_FRAME_MIN to DENALI_FRAME_MAX bytes, without checksum. False: the transmit queue is
 * full, DENALI_IRQ_NIC_TX will say when it has room; or the length is invalid. */
bool nic_try_send(const void *frame, size_t length);
/* The same, but waits as interrupt_wait() does while the queue is full. False: the length is invalid. */
bool nic_send(const void *frame, size_t length);
/* Receive one frame. Returns its length, 0 if there is none. A frame longer than `size` is cut: the result is then
 * larger than `size`. */
uint32_t nic_receive(void *buffer, size_t size);
