/* SPDX-License-Identifier: MIT
 *
 * A kernel with two protected processes, on the MMU: each has an address space, they take turns by the timer, write by
 * a system call, and the one that touches what is not its own dies while the other goes on. Arguments: touch=NAME: what
 * process 1 does in its second turn (touch=list prints the names); turns=N.
 *
 * The kernel's own pages stand at their physical addresses in entries that never change: global, not for users. The
 * processes' code is a page at its physical address too, but theirs. A process's pages are loaded when it misses them,
 * into the entries that are left. Interrupts are masked in the kernel.
 */
#include "libc.h"
#include "process.h"

#define PROCESSES  2
#define QUANTUM_NS 100000
#define DATA_AT    0x40000000u /* of process 0; the next ones' follow */
#define STACK_AT   0x50000000u /* of every process */

/* On the stack after an entry from user mode, and what resume() takes. */
struct trap_frame {
    uint32_t edi, esi, ebp, kernel_esp, ebx, edx, ecx, eax; /* PUSHA */
    uint32_t eip, cs, eflags, esp, ss;
};

/* A line of a process's page table: the two words of an MMU entry. */
struct mapping {
    uint32_t page, frame;
};

#define MAPPINGS 3

struct process {
    struct trap_frame frame;
    struct mapping mappings[MAPPINGS];
    uint32_t asid;
    bool alive;
};

static struct process processes[PROCESSES];
static struct process *current;
static uint32_t entries_pinned, entry_next;
static uint32_t stack[DENALI_PAGE_SIZE / 4];
static union {
    struct process_data data;
    uint8_t bytes[DENALI_PAGE_SIZE];
} pages[PROCESSES][2] __attribute__((aligned(DENALI_PAGE_SIZE))); /* data and stack */

/* Entries and the way back. Each handler is told where the registers are and returns those to go on with. */
struct trap_frame *on_exception(struct trap_frame *);
struct trap_frame *on_interrupt(struct trap_frame *);
void enter_exception(void), enter_interrupt(void);
_Noreturn void resume(const struct trap_frame *);
__asm__(".text\n"
        "enter_exception: pushal; cld; movl %esp, %eax; pushl %eax; call on_exception; pushl %eax; call resume\n"
        "enter_interrupt: pushal; cld; movl %esp, %eax; pushl %eax; call on_interrupt; pushl %eax; call resume\n"
        "resume: movl 4(%esp), %esp; popal; iret\n");

/* The MMU. */

static void entry_write(uint32_t index, uint32_t page, uint32_t frame)
{
    port_write32(DENALI_PORT_MMU_INDEX, index);
    port_write32(DENALI_PORT_MMU_PAGE, page);
    port_write32(DENALI_PORT_MMU_FRAME, frame);
}

static void entry_pin(uint32_t page)
{
    entry_write(entries_pinned++, page, page | DENALI_MMU_VALID | DENALI_MMU_WRITABLE | DENALI_MMU_GLOBAL);
}

/* The kernel: page 0, the image but for the processes' code, and the page main() has its stack on. */
static void translation_start(void)
{
    for (uint32_t page = 0; page < registers.image_end; page += DENALI_PAGE_SIZE) {
        if (page < (uint32_t)process_begin || page >= (uint32_t)process_end)
            entry_pin(page);
    }
    entry_pin(registers.memory_size - DENALI_PAGE_SIZE);
    entry_next = entries_pinned;
    port_write32(DENALI_PORT_MMU_CONTROL, DENALI_MMU_ON);
}

/* The process's mapping of an address, NULL if it has none. */
static const struct mapping *mapping_find(const struct process *p, uint32_t address)
{
    for (size_t i = 0; i < MAPPINGS; i++) {
        if (p->mappings[i].page == address / DENALI_PAGE_SIZE * DENALI_PAGE_SIZE)
            return &p->mappings[i];
    }
    return NULL;
}

static bool entry_load(const struct process *p, uint32_t address)
{
    const struct mapping *mapping = mapping_find(p, address);
    if (mapping == NULL)
        return false;
    entry_write(entry_next, mapping->page | p->asid, mapping->frame);
    if (++entry_next == DENALI_MMU_ENTRIES)
        entry_next = entries_pinned;
    return true;
}

/* Processes. */

static void process_create(uint32_t number, const struct process_data *data)
{
    struct process *p = &processes[number];
    const uint32_t user = DENALI_MMU_VALID | DENALI_MMU_USER, data_at = DATA_AT + number * DENALI_PAGE_SIZE;

    *p = (struct process){
        .frame = {.eax = data_at,
                  .eip = (uint32_t)process_main,
                  .cs = DENALI_CS_USER,
                  .eflags = 0x202, /* interrupts enabled */
                  .esp = STACK_AT + DENALI_PAGE_SIZE,
                  .ss = DENALI_SS_USER},
        .mappings = {{(uint32_t)process_begin, (uint32_t)process_begin | user},
                     {data_at, (uint32_t)&pages[number][0] | user | DENALI_MMU_WRITABLE},
                     {STACK_AT, (uint32_t)&pages[number][1] | user | DENALI_MMU_WRITABLE}},
        .asid = number + 1,
        .alive = true,
    };
    struct process_data *own = &pages[number][0].data;
    *own = *data;
    own->length = (uint32_t)snprintf(own->text, sizeof(own->text), "process %u: turn ?\n", number);
    own->digit = own->length - 2;
}

/* The next one that lives; the last one's end is the machine's. */
static struct trap_frame *schedule(void)
{
    size_t next = (size_t)(current - processes);
    for (size_t i = 0; i < PROCESSES; i++) {
        next = (next + 1) % PROCESSES;
        if (processes[next].alive) {
            current = &processes[next];
            port_write32(DENALI_PORT_MMU_ASID, current->asid);
            timer_arm(time_now() + QUANTUM_NS);
            return &current->frame;
        }
    }
    printf("no process is left\n");
    terminate(0);
}

static void process_kill(struct process *p, const char *what, uint32_t address)
{
    printf("process %u is killed: %s %08x\n", p->asid - 1, what, address);
    p->alive = false;
}

/* The kernel reads a process's memory where it is, behind the bypass. */
static void call_write(struct process *p, uint32_t text, uint32_t length)
{
    const struct mapping *mapping = mapping_find(p, text);
    uint32_t offset = text % DENALI_PAGE_SIZE;
    if (mapping == NULL || length > DENALI_PAGE_SIZE - offset) {
        process_kill(p, "bad text at", text);
        return;
    }
    uint32_t frame = mapping->frame / DENALI_PAGE_SIZE * DENALI_PAGE_SIZE;
    console_write((const char *)(DENALI_MMU_BYPASS + frame + offset), length);
}

static void system_call(struct process *p)
{
    if (p->frame.eax == CALL_WRITE)
        call_write(p, p->frame.ebx, p->frame.ecx);
    else if (p->frame.eax == CALL_EXIT)
        p->alive = false;
    else
        process_kill(p, "no such system call:", p->frame.eax);
}

static void fault(struct process *p)
{
    uint32_t number = registers.exc_number, address = registers.exc_address;

    if (number == DENALI_EXC_TLB_MISS && entry_load(p, address))
        return;
    if (number == DENALI_EXC_TLB_MISS || number == DENALI_EXC_TLB_PROTECTION)
        process_kill(p, registers.exc_error & DENALI_FAULT_WRITE ? "write to" : "read of", address);
    else
        process_kill(p, "exception at", p->frame.eip);
}

struct trap_frame *on_exception(struct trap_frame *frame)
{
    if (frame->cs != DENALI_CS_USER) {
        printf("the kernel itself: exception %u at %08x\n", registers.exc_number, frame->eip);
        terminate(3);
    }
    current->frame = *frame;
    if (registers.exc_number == DENALI_EXC_INT_N && registers.exc_error == SYSTEM_CALL)
        system_call(current);
    else
        fault(current);
    return current->alive ? &current->frame : schedule();
}

struct trap_frame *on_interrupt(struct trap_frame *frame)
{
    registers.irq_pending = 0; /* there is only the timer */
    current->frame = *frame;
    return schedule();
}

/* What process 1 may touch. */
static const struct touch {
    const char *name;
    enum misdeed misdeed;
    void *target;
} touches[] = {
    {"nothing", BEHAVE, NULL},
    {"kernel", READ, &current},
    {"kernel-write", WRITE, &current},
    {"registers", WRITE, (void *)DENALI_REG_EXC_HANDLER},
    {"physical", READ, (void *)DENALI_MMU_BYPASS},
    {"other", READ, (void *)DATA_AT},
    {"code", WRITE, (void *)process_begin},
    {"port", USE_PORT, NULL},
};

static const struct touch *touch_find(const char *name)
{
    for (size_t i = 0; i < sizeof(touches) / sizeof(*touches); i++) {
        if (strcmp(touches[i].name, name) == 0)
            return &touches[i];
    }
    return NULL;
}

static int touches_print(void)
{
    for (size_t i = 0; i < sizeof(touches) / sizeof(*touches); i++)
        printf("%s\n", touches[i].name);
    return 0;
}

int main(int argc, char **argv)
{
    (void)argc;
    const char *name = argument(argv, "touch");
    const struct touch *touch = touch_find(name != NULL ? name : "kernel");
    struct process_data data = {.turns = argument_number(argv, "turns", 3)};

    if (name != NULL && strcmp(name, "list") == 0)
        return touches_print();
    if (touch == NULL || !(registers.features & DENALI_FEATURE_MMU)) {
        printf(touch == NULL ? "touch=list prints the names\n" : "this machine has no MMU (--mmu)\n");
        return 2;
    }
    process_create(0, &data);
    data.misdeed = touch->misdeed;
    data.target = touch->target;
    process_create(1, &data);
    registers.exc_handler = (uint32_t)enter_exception;
    registers.irq_handler = (uint32_t)enter_interrupt;
    registers.kernel_stack = (uint32_t)(stack + sizeof(stack) / sizeof(*stack));
    translation_start();
    current = &processes[PROCESSES - 1];
    resume(schedule());
}
