/* SPDX-License-Identifier: MIT
 *
 * A guest that tries the machine part of the guest library on the emulator. Prints what fails and how
 * much; its status is the number of failures. Also what an interrupt and an exception look like from inside, as
 * docs/architecture.md says.
 */
#include "guest.h"
#include "libc.h"

#define MS      1000000u
#define NOWHERE 0xDEADBEE0u

static uint32_t failures;

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            printf("line %d: %s\n", __LINE__, #condition);                                                             \
            failures++;                                                                                                \
        }                                                                                                              \
    } while (0)

static volatile uint32_t calls, masked_inside;

static void timer_count(uint32_t source)
{
    CHECK(source == DENALI_IRQ_TIMER);
    masked_inside += registers.irq_enabled == 0;
    calls++;
}

/* Long enough for a deadline in the past to be posted and seen. */
static void work(void)
{
    for (int i = 0; i < 1000; i++)
        __asm__ volatile("");
}

static void interrupt_masked_stays_pending_until_enabled(void)
{
    calls = 0;
    timer_arm(0);
    work();
    CHECK(registers.irq_pending == DENALI_IRQ_TIMER);
    CHECK(calls == 0);
    interrupts_enable();
    CHECK(calls == 1);
    CHECK(registers.irq_enabled == 1);
    CHECK(registers.irq_pending == 0);
    CHECK(interrupts_disable() == 1);
    CHECK(interrupts_disable() == 0);
}

static void interrupt_enabled_arrives_while_working(void)
{
    calls = masked_inside = 0;
    interrupts_enable();
    timer_arm(time_now() + MS / 100);
    while (calls == 0)
        ;
    interrupts_disable();
    CHECK(calls == 1 && masked_inside == 1);
}

static void sti_and_popf_deliver_as_a_store_does(void)
{
    calls = 0;
    timer_arm(0);
    work();
    __asm__ volatile("sti" : : : "memory");
    CHECK(calls == 1);
    __asm__ volatile("cli" : : : "memory");
    CHECK(registers.irq_enabled == 0);
    timer_arm(0);
    work();
    __asm__ volatile("pushl $0x202; popfl" : : : "memory", "cc");
    CHECK(calls == 2);
    uint32_t flags;
    __asm__ volatile("pushfl; popl %0" : "=r"(flags) : : "memory");
    CHECK((flags & 0x202) == 0x202);
    interrupts_disable();
}

static void wait_ends_by_timeout_or_interrupt(void)
{
    uint64_t start = time_now();
    CHECK(interrupt_wait(3 * MS) == 0);
    uint64_t now = time_now();
    CHECK(now >= start + 3 * MS && now < start + 4 * MS);
    calls = 0;
    timer_arm(now + MS);
    CHECK(interrupt_wait(NO_TIMEOUT) == DENALI_IRQ_TIMER);
    CHECK(calls == 1);
    CHECK(time_now() >= now + MS && time_now() < now + 2 * MS);
    CHECK(registers.irq_enabled == 0);
}

static void wait_with_something_pending_returns_at_once(void)
{
    calls = 0;
    timer_arm(0);
    work();
    uint64_t start = time_now();
    CHECK(interrupt_wait(NO_TIMEOUT) == DENALI_IRQ_TIMER);
    CHECK(calls == 1);
    CHECK(time_now() - start < MS);
}

static void timer_disarmed_is_silent(void)
{
    timer_arm(time_now() + MS);
    timer_disarm();
    CHECK(interrupt_wait(5 * MS) == 0);
}

static void sleep_reaches_its_time(void)
{
    uint64_t until = time_now() + 1500 * (uint64_t)MS;
    time_sleep_until(until);
    CHECK(time_now() >= until && time_now() < until + MS);
    time_sleep_until(0);
}

static void time_counts_cycles(void)
{
    uint64_t stamp = time_stamp(), now = time_now();
    work();
    uint64_t cycles = time_stamp() - stamp, ns = time_now() - now;
    CHECK(cycles > 1000 && ns > 1000 * (uint64_t)MS / registers.cpu_khz);
}

static struct interrupt_frame frame_seen;
static uint32_t exception_number, exception_error, exception_address, exception_enabled, skip;

static void exception_note(struct interrupt_frame *frame)
{
    frame_seen = *frame;
    exception_number = registers.exc_number;
    exception_error = registers.exc_error;
    exception_address = registers.exc_address;
    exception_enabled = registers.irq_enabled;
    frame->eip += skip;
    skip = 0;
}

static void exception_returns_where_its_handler_says(void)
{
    exception_register(exception_note);
    __asm__ volatile("int $0x30" : : : "memory");
    CHECK(exception_number == DENALI_EXC_INT_N && exception_error == 0x30);
    CHECK(frame_seen.cs == DENALI_CS_KERNEL && !(frame_seen.eflags & 0x200));
    skip = 2;
    __asm__ volatile("ud2" : : : "memory");
    CHECK(exception_number == DENALI_EXC_ILLEGAL && exception_error == 0 && skip == 0);
    interrupts_enable();
    __asm__ volatile("int3" : : : "memory");
    CHECK(exception_number == DENALI_EXC_BREAKPOINT && exception_enabled == 0);
    CHECK(frame_seen.eflags & 0x200);
    CHECK(interrupts_disable() == 1);
    exception_register(NULL);
    CHECK(registers.exc_handler == 0);
}

static void memory_fault_tells_address_and_kind(void)
{
    exception_register(exception_note);
    uint32_t value = 7;
    skip = 2;
    __asm__ volatile("movl (%1), %0" : "+a"(value) : "b"(NOWHERE) : "memory");
    CHECK(value == 7);
    CHECK(exception_number == DENALI_EXC_MEMORY && exception_error == 0 && exception_address == NOWHERE);
    skip = 2;
    __asm__ volatile("movl %0, (%1)" : : "a"(value), "b"(NOWHERE) : "memory");
    CHECK(exception_error == DENALI_FAULT_WRITE && exception_address == NOWHERE);
    skip = 2;
    __asm__ volatile("rep outsb" : : "S"(NOWHERE), "c"(20), "d"(DENALI_PORT_NIC) : "memory");
    CHECK(exception_number == DENALI_EXC_MEMORY && exception_error == 0 && exception_address == NOWHERE && skip == 0);
    exception_register(NULL);
}

static void devices_idle_have_nothing(void)
{
    uint8_t frame[DENALI_FRAME_MAX] = {0};
    CHECK(nic_receive(frame, sizeof(frame)) == 0);
    CHECK(!nic_send(frame, DENALI_FRAME_MIN - 1));
    CHECK(!nic_try_send(frame, DENALI_FRAME_MAX + 1));
    interrupts_enable();
    CHECK(nic_send(frame, DENALI_FRAME_MIN));
    CHECK(interrupts_disable() == 1);
    CHECK(nic_send(frame, DENALI_FRAME_MIN));
    CHECK(registers.irq_enabled == 0);
    CHECK(keyboard_next() == 0);
    CHECK(port_read32(DENALI_PORT_DISK_DONE) == UINT32_MAX);
    CHECK(port_read32(0x7777) == UINT32_MAX);
    port_write32(0x7777, 1);
}

static void registers_are_as_at_boot(void)
{
    CHECK(registers.magic == DENALI_MAGIC && registers.abi_version == DENALI_ABI_VERSION);
    CHECK(registers.args == DENALI_REG_ARGS_TEXT && registers.features == 0 && registers.disk_count == 0);
    CHECK(registers.nic_mac[0] == 2 && registers.nic_mac[1] == 0x44 && registers.nic_mac[2] == 0x4E);
    CHECK(registers.nic_mac[5] == registers.vm_id && registers.nic_mtu == DENALI_NIC_MTU);
    CHECK(registers.image_end >= (uint32_t)(&failures + 1) && registers.image_end < registers.memory_size);
    CHECK(time_now() / 1000000000 == 1039392000); /* 2002-12-09T00:00:00Z */
}

static void heap_lies_between_image_and_stack(void)
{
    uint8_t *block = malloc(100000), *other = malloc(1);
    CHECK((uint32_t)block - registers.image_end < 32 && other > block && malloc(registers.memory_size) == NULL);
    memset(block, 0xA5, 100000);
    free(block);
    CHECK(malloc(50000) == block);
    free(NULL);
}

static void arguments_are_split(int argc, char **argv)
{
    CHECK(argc == 4 && argv[4] == NULL && argv[0][0] == '\0');
    CHECK(strcmp(argv[1], "one") == 0 && strcmp(argv[2], "n=0x20") == 0 && strcmp(argv[3], "three") == 0);
    CHECK(argument_number(argv, "n", 1) == 32);
}

int main(int argc, char **argv)
{
    registers_are_as_at_boot();
    arguments_are_split(argc, argv);
    interrupt_register(DENALI_IRQ_TIMER, timer_count);
    interrupt_masked_stays_pending_until_enabled();
    interrupt_enabled_arrives_while_working();
    sti_and_popf_deliver_as_a_store_does();
    wait_ends_by_timeout_or_interrupt();
    wait_with_something_pending_returns_at_once();
    timer_disarmed_is_silent();
    sleep_reaches_its_time();
    time_counts_cycles();
    exception_returns_where_its_handler_says();
    memory_fault_tells_address_and_kind();
    devices_idle_have_nothing();
    heap_lies_between_image_and_stack();
    printf("%u failures\n", failures);
    return (int)failures;
}
