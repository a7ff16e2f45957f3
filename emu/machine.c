/* SPDX-License-Identifier: MIT */
#include "machine.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../devices/container_of.h"
#include "digest.h"

/* What a device is handed: the interrupt line, the memory, the timer's clock. */

static void line_post(struct interrupt_line *line, uint32_t sources)
{
    struct machine *m = container_of(line, struct machine, line);
    m->posted |= sources;
    m->posted_count++;
    m->vm->config->host->posted(m->vm->config->host, m->vm);
}

static bool port_read(struct guest_memory *port, uint32_t address, void *to, uint32_t length, uint32_t *fault)
{
    struct machine *m = container_of(port, struct machine, memory_port);
    return space_read(&m->space, address, to, length, fault);
}

static bool port_write(struct guest_memory *port, uint32_t address, const void *from, uint32_t length, uint32_t *fault)
{
    struct machine *m = container_of(port, struct machine, memory_port);
    return space_write(&m->space, address, from, length, fault);
}

/* With translation on, a buffer can be anywhere, a page here and a page there. */

static uint32_t part_in_page(uint32_t address, uint32_t length)
{
    uint32_t room = PAGE_SIZE - (address & PAGE_MASK);
    return length < room ? length : room;
}

static uint32_t physical_address(const struct machine *m, uint32_t address, uint32_t access)
{
    struct cpu_exception ignored;
    uint32_t physical;
    return cpu_translate(&m->state, address, access, &physical, &ignored) ? physical : UINT32_MAX;
}

/* Can all of a buffer be accessed? For writing its pages are made private, so that nothing can fail any more. */
static bool buffer_ready(struct machine *m, uint32_t address, uint32_t length, uint32_t access, uint32_t *fault)
{
    for (uint32_t part; length > 0; length -= part, address += part) {
        part = part_in_page(address, length);
        uint32_t number = physical_address(m, address, access) >> PAGE_SHIFT;
        if (!space_page(&m->space, number, access & DENALI_FAULT_WRITE)) {
            *fault = address;
            return false;
        }
    }
    return true;
}

static bool buffer_read(struct guest_memory *port, uint32_t address, void *to, uint32_t length, uint32_t *fault)
{
    struct machine *m = container_of(port, struct machine, buffer_port);

    if (!buffer_ready(m, address, length, 0, fault))
        return false;
    for (uint32_t done = 0, part; done < length; done += part) {
        part = part_in_page(address + done, length - done);
        if (!space_read(&m->space, physical_address(m, address + done, 0), (uint8_t *)to + done, part, fault))
            return false;
    }
    return true;
}

static bool buffer_write(struct guest_memory *port, uint32_t address, const void *from, uint32_t length,
                         uint32_t *fault)
{
    struct machine *m = container_of(port, struct machine, buffer_port);
    const uint32_t access = DENALI_FAULT_WRITE;

    if (!buffer_ready(m, address, length, access, fault))
        return false;
    for (uint32_t done = 0, part; done < length; done += part) {
        part = part_in_page(address + done, length - done);
        if (!space_write(&m->space, physical_address(m, address + done, access), (const uint8_t *)from + done, part,
                         fault))
            return false;
    }
    return true;
}

/* What the guest gets when a byte of a buffer cannot be accessed. */
static struct cpu_exception buffer_fault(const struct machine *m, uint32_t address, uint32_t access)
{
    struct cpu_exception exception = {.number = DENALI_EXC_MEMORY, .error = access, .address = address};
    uint32_t physical;
    cpu_translate(&m->state, address, access, &physical, &exception);
    return exception;
}

static void timer_host_arm(struct timer_host *timer_host, uint64_t deadline_ns)
{
    struct machine *m = container_of(timer_host, struct machine, timer_host);
    uint64_t since_start = deadline_ns > CLOCK_EPOCH_NS ? deadline_ns - CLOCK_EPOCH_NS : 0;
    const struct machine_host *host = m->vm->config->host;
    uint64_t at = clock_cycles(host->clock, since_start), now = host->clock->cycles;
    event_schedule(host->events, &m->vm->timer_event, at > now ? at : now);
}

static void timer_host_disarm(struct timer_host *timer_host)
{
    struct machine *m = container_of(timer_host, struct machine, timer_host);
    event_cancel(m->vm->config->host->events, &m->vm->timer_event);
}

static void timer_event_fire(struct event *event)
{
    struct vm *vm = container_of(event, struct vm, timer_event);
    if (vm->machine || vm->config->host->fetch(vm->config->host, vm))
        timer_expire(&vm->machine->timer);
}

static void timeout_event_fire(struct event *event)
{
    struct vm *vm = container_of(event, struct vm, timeout_event);
    vm->config->host->timed_out(vm->config->host, vm);
}

/* The virtual register page. */

static void put32(uint8_t *page, uint32_t offset, uint32_t value)
{
    memcpy(page + offset, &value, sizeof(value));
}

static void put64(uint8_t *page, uint32_t offset, uint64_t value)
{
    memcpy(page + offset, &value, sizeof(value));
}

static uint32_t get32(const uint8_t *page, uint32_t offset)
{
    uint32_t value;
    memcpy(&value, page + offset, sizeof(value));
    return value;
}

size_t machine_arguments(char *to, size_t size, const char *arguments, uint32_t id)
{
    static const char placeholder[] = MACHINE_PLACEHOLDER;
    size_t length = 0;

    while (*arguments) {
        char number[12];
        const char *part = arguments;
        size_t part_length = 1, skip = 1;
        if (strncmp(arguments, placeholder, sizeof(placeholder) - 1) == 0) {
            part = number;
            part_length = (size_t)snprintf(number, sizeof(number), "%" PRIu32, id);
            skip = sizeof(placeholder) - 1;
        }
        if (length + part_length < size)
            memcpy(to + length, part, part_length);
        length += part_length;
        arguments += skip;
    }
    if (size > 0)
        to[length < size ? length : size - 1] = '\0';
    return length;
}

static void fill_mac(uint8_t *mac, uint32_t id)
{
    const uint8_t bytes[6] = {0x02, 0x44, 0x4E, (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id};
    memcpy(mac, bytes, sizeof(bytes));
}

static void boot_disks(const struct machine *m, uint8_t *page)
{
    const struct disk *disk = m->vm->disks ? &m->vm->disks->disk : NULL;

    for (uint32_t i = 0; disk && i < disk->unit_count; i++) {
        const struct disk_backend *backend = disk->units[i].backend;
        put32(page, DENALI_REG_DISKS + 8 * i, backend->blocks);
        put32(page, DENALI_REG_DISKS + 8 * i + 4, backend->read_only ? DENALI_DISK_READ_ONLY : 0);
    }
    put32(page, DENALI_REG_DISK_COUNT, disk ? disk->unit_count : 0);
}

static bool boot_registers(struct machine *m, const struct image *image, const char *arguments)
{
    uint8_t *page = space_registers(&m->space);
    const uint16_t mtu = DENALI_NIC_MTU;

    if (!page)
        return false;
    put32(page, DENALI_REG_MAGIC, DENALI_MAGIC);
    put32(page, DENALI_REG_ABI_VERSION, DENALI_ABI_VERSION);
    put32(page, DENALI_REG_VM_ID, m->vm->id);
    put32(page, DENALI_REG_CPU_KHZ, m->vm->config->host->clock->khz);
    put32(page, DENALI_REG_MEMORY_SIZE, m->space.memory.size);
    put32(page, DENALI_REG_IMAGE_END, image->end);
    put32(page, DENALI_REG_ARGS, DENALI_REG_ARGS_TEXT);
    put32(page, DENALI_REG_FEATURES,
          (m->state.mmu.present ? DENALI_FEATURE_MMU : 0) | (m->supervisor.host ? DENALI_FEATURE_SUPERVISOR : 0));
    fill_mac(page + DENALI_REG_NIC_MAC, m->vm->id);
    memcpy(page + DENALI_REG_NIC_MTU, &mtu, sizeof(mtu));
    boot_disks(m, page);
    return machine_arguments((char *)page + DENALI_REG_ARGS_TEXT, DENALI_ARGS_MAX + 1, arguments, m->vm->id) <=
           DENALI_ARGS_MAX;
}

static void init_devices(struct machine *m, const struct machine_config *config)
{
    m->line.post = line_post;
    m->memory_port = (struct guest_memory){.read = port_read, .write = port_write};
    m->buffer_port = (struct guest_memory){.read = buffer_read, .write = buffer_write};
    m->timer_host = (struct timer_host){.arm = timer_host_arm, .disarm = timer_host_disarm};
    console_init(&m->console, m->vm->id, config->console);
    debug_port_init(&m->debug, m->vm->id, config->debug);
    keyboard_init(&m->keyboard, &m->line);
    timer_init(&m->timer, &m->line, &m->memory_port, &m->timer_host);
    nic_init(&m->nic, m->vm->id, &m->line, config->wire, config->queue_frames);
    if (m->vm->disks)
        disks_connect(m->vm->disks, &m->line, &m->memory_port);
    supervisor_init(&m->supervisor, &m->line, &m->memory_port, config->supervisor);
}

void vm_init(struct vm *vm, uint32_t id, struct image *image, const struct machine_config *config)
{
    *vm = (struct vm){
        .id = id,
        .state = MACHINE_STOPPED,
        .image = image,
        .config = config,
        .sched = {.id = id},
        .timer_event = {.source = id, .class = EVENT_TIMER, .fire = timer_event_fire},
        .timeout_event = {.source = id, .class = EVENT_TIMEOUT, .fire = timeout_event_fire},
    };
}

bool vm_has_ended(const struct vm *vm)
{
    return vm->state == MACHINE_TERMINATED || vm->state == MACHINE_FAILED;
}

void machine_init_blank(struct machine *m, struct vm *vm)
{
    struct image *image = vm->image;

    *m = (struct machine){.vm = vm};
    cpu_state_reset(&m->state, image->entry, image->space.memory.size);
    m->state.mmu.present = vm->config->mmu;
    space_clone(&m->space, &image->space);
    init_devices(m, vm->config);
}

static bool attach_disks(struct vm *vm, const struct machine_boot *boot)
{
    struct disks *disks = vm->config->disks;

    if (!disks || boot->disks.count == 0)
        return true;
    vm->disks = disks_attach(disks, &boot->disks, vm->id, vm->config->host->events);
    return vm->disks;
}

bool machine_init(struct machine *m, struct vm *vm, const struct machine_boot *boot)
{
    struct pager *pager = vm->config->pager;
    bool attached = attach_disks(vm, boot);

    machine_init_blank(m, vm);
    return attached && (!pager || space_attach(&m->space, pager)) && boot_registers(m, vm->image, boot->arguments);
}

#define MACHINE_DEVICES 7

/* Returns how many there are. */
static size_t list_devices(const struct machine *m, const struct device *devices[MACHINE_DEVICES])
{
    const struct device *list[] = {&m->console.device,
                                   &m->debug.device,
                                   &m->keyboard.device,
                                   &m->timer.device,
                                   &m->nic.device,
                                   &m->supervisor.device,
                                   m->vm->disks ? &m->vm->disks->disk.device : NULL};
    _Static_assert(sizeof(list) / sizeof(list[0]) == MACHINE_DEVICES, "every device of struct machine");
    memcpy(devices, list, sizeof(list));
    return MACHINE_DEVICES - !m->vm->disks;
}

static struct device *device_mutable(const struct device *device)
{
    return (struct device *)(uintptr_t)device;
}

static void release(struct machine *m)
{
    const struct device *devices[MACHINE_DEVICES];

    event_cancel(m->vm->config->host->events, &m->vm->timer_event);
    event_cancel(m->vm->config->host->events, &m->vm->timeout_event);
    size_t count = list_devices(m, devices) - !!m->vm->disks;
    for (size_t i = 0; i < count; i++)
        if (devices[i]->ops->drop)
            devices[i]->ops->drop(device_mutable(devices[i]));
    disks_detach(m->vm->disks);
    m->vm->disks = NULL;
    space_drop(&m->space);
}

void machine_drop(struct machine *m)
{
    if (!vm_has_ended(m->vm))
        release(m);
    free(m->failure);
}

void machine_end(struct machine *m, enum machine_state how)
{
    m->final_digest = machine_digest(m);
    release(m);
    m->vm->state = how;
}

int machine_cross(struct machine *m)
{
    uint8_t *page = space_registers(&m->space);
    if (!page)
        return -1;
    uint32_t pending = get32(page, DENALI_REG_IRQ_PENDING) | m->posted;
    int batch = (int)m->posted_count;

    put64(page, DENALI_REG_TIME_NS, clock_time_ns(m->vm->config->host->clock));
    put64(page, DENALI_REG_TIME_TSC, m->vm->config->host->clock->cycles);
    put32(page, DENALI_REG_IRQ_PENDING, pending);
    put32(page, DENALI_REG_NIC_RX_WAITING, nic_receive_waiting(&m->nic));
    put32(page, DENALI_REG_NIC_RX_DROPPED, m->nic.receive_dropped);
    put32(page, DENALI_REG_NIC_TX_FREE, nic_transmit_free(&m->nic));
    if (m->idle_answer)
        m->state.regs[EAX] = pending;
    m->idle_answer = false;
    m->posted = m->posted_count = 0;
    return batch;
}

bool machine_has_interrupts(struct machine *m)
{
    const uint8_t *bytes = m->space.memory.registers;

    if (!bytes) {
        const struct page *page = space_page(&m->space, 0, false);
        bytes = page ? page->bytes : NULL;
    }
    return m->posted || (bytes && get32(bytes, DENALI_REG_IRQ_PENDING));
}

/* Ports. */

static uint8_t form_of(const struct cpu_io *io)
{
    if (io->string)
        return io->bytes != 1 ? 0 : io->in ? PORT_STRING_IN8 : PORT_STRING_OUT8;
    if (io->bytes == 1)
        return io->in ? PORT_IN8 : PORT_OUT8;
    if (io->bytes == 4)
        return io->in ? PORT_IN32 : PORT_OUT32;
    return 0;
}

/* The device that takes this form on this port, NULL if none does. */
static struct device *find_device(const struct machine *m, uint16_t port, uint8_t form)
{
    const struct device *devices[MACHINE_DEVICES];

    size_t count = list_devices(m, devices);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < 2; j++)
            if (devices[i]->ops->ports[j].port == port && (devices[i]->ops->ports[j].forms & form))
                return device_mutable(devices[i]);
    return NULL;
}

static bool io_string(struct machine *m, struct device *device, const struct cpu_io *io,
                      struct cpu_exception *exception)
{
    struct port_string string = {.address = io->address, .count = io->count};
    struct guest_memory *memory = m->state.mmu.on ? &m->buffer_port : &m->memory_port;
    enum port_result result =
        io->in ? device->ops->string_in(device, memory, &string) : device->ops->string_out(device, memory, &string);
    if (result == PORT_FAULT) {
        *exception = buffer_fault(m, string.fault, io->in ? DENALI_FAULT_WRITE : 0);
        return false;
    }
    cpu_io_done(io, &m->state, 0, string.count);
    if (io->in)
        m->state.regs[EAX] = string.answer;
    return true;
}

bool machine_io(struct machine *m, const struct cpu_io *io, struct cpu_exception *exception)
{
    struct device *device = find_device(m, io->port, form_of(io));

    if (io->string) {
        if (device && !(m->state.control & FLAG_DF))
            return io_string(m, device, io, exception);
        cpu_io_done(io, &m->state, 0, io->count);
        return true;
    }
    uint32_t value = UINT32_MAX;
    if (device && io->in)
        value = device->ops->in(device, io->port);
    else if (device)
        device->ops->out(device, io->port, io->value);
    cpu_io_done(io, &m->state, value, 0);
    return true;
}

/* State. */

bool machine_is_quiet(const struct machine *m)
{
    const struct device *devices[MACHINE_DEVICES];

    size_t count = list_devices(m, devices);
    for (size_t i = 0; i < count; i++)
        if (devices[i]->ops->quiet && !devices[i]->ops->quiet(devices[i]))
            return false;
    return !m->failure;
}

static void show_fpu(struct fpu_state *fpu, struct state_visitor *visitor)
{
    for (size_t i = 0; i < 8; i++) {
        STATE_NUMBER(visitor, &fpu->registers[i], significand);
        STATE_NUMBER(visitor, &fpu->registers[i], sign_exponent);
        STATE_NUMBER(visitor, &fpu->xmm[i], u64[0]);
        STATE_NUMBER(visitor, &fpu->xmm[i], u64[1]);
    }
    STATE_NUMBER(visitor, fpu, control);
    STATE_NUMBER(visitor, fpu, status);
    STATE_NUMBER(visitor, fpu, full);
    STATE_NUMBER(visitor, fpu, opcode);
    STATE_NUMBER(visitor, fpu, instruction);
    STATE_NUMBER(visitor, fpu, operand);
    STATE_NUMBER(visitor, fpu, mxcsr);
}

static void show_mmu(struct mmu_state *mmu, struct state_visitor *visitor)
{
    STATE_NUMBER(visitor, mmu, on);
    STATE_NUMBER(visitor, mmu, asid);
    STATE_NUMBER(visitor, mmu, index);
    STATE_NUMBER(visitor, mmu, probed);
    STATE_NUMBER(visitor, mmu, page);
    for (size_t i = 0; i < DENALI_MMU_ENTRIES; i++) {
        STATE_NUMBER(visitor, &mmu->entries[i], page);
        STATE_NUMBER(visitor, &mmu->entries[i], frame);
    }
}

static void show_cpu(struct cpu_state *state, struct state_visitor *visitor)
{
    for (size_t i = 0; i < CPU_REGISTERS; i++)
        STATE_NUMBER(visitor, state, regs[i]);
    STATE_NUMBER(visitor, state, eip);
    STATE_NUMBER(visitor, state, control);
    STATE_NUMBER(visitor, state, flags.result);
    STATE_NUMBER(visitor, state, flags.mix);
    STATE_NUMBER(visitor, state, user);
    STATE_NUMBER(visitor, state, undelivered.waits);
    STATE_NUMBER(visitor, state, undelivered.exception.number);
    STATE_NUMBER(visitor, state, undelivered.exception.error);
    STATE_NUMBER(visitor, state, undelivered.exception.address);
    show_fpu(&state->fpu, visitor);
    if (state->mmu.present)
        show_mmu(&state->mmu, visitor);
}

void machine_show(struct machine *m, struct state_visitor *visitor)
{
    const struct device *devices[MACHINE_DEVICES];

    show_cpu(&m->state, visitor);
    STATE_NUMBER(visitor, m, posted);
    STATE_NUMBER(visitor, m, posted_count);
    STATE_NUMBER(visitor, m, idle_answer);
    STATE_NUMBER(visitor, m, quantum_left);
    STATE_NUMBER(visitor, m, instructions);
    STATE_NUMBER(visitor, m, space.owner.time);
    size_t count = list_devices(m, devices);
    for (size_t i = 0; i < count; i++)
        devices[i]->ops->state(device_mutable(devices[i]), visitor);
}

/* Digest. */

static void digest_page(void *owner, uint32_t number, const uint8_t *bytes)
{
    static const uint8_t zeroes[PAGE_SIZE];
    struct digest *digest = owner;
    uint8_t masked[PAGE_SIZE];

    if (!bytes) { /* swap cannot give it back */
        digest_number(digest, UINT64_MAX);
        return;
    }
    if (number == 0) {
        memcpy(masked, bytes, PAGE_SIZE);
        memset(masked + DENALI_REG_TIME_NS, 0, 8);
        memset(masked + DENALI_REG_TIME_TSC, 0, 8);
        bytes = masked;
    }
    /* A page of zeroes is the same as no page. */
    if (memcmp(bytes, zeroes, PAGE_SIZE) == 0)
        return;
    digest_number(digest, number);
    digest_bytes(digest, bytes, PAGE_SIZE);
}

static void digest_fpu(struct digest *digest, const struct fpu_state *fpu)
{
    for (size_t i = 0; i < 8; i++) {
        digest_number(digest, fpu->registers[i].significand);
        digest_number(digest, fpu->registers[i].sign_exponent);
    }
    const uint64_t rest[] = {fpu->control,     fpu->status,  fpu->full, fpu->opcode,
                             fpu->instruction, fpu->operand, fpu->mxcsr};
    digest_bytes(digest, rest, sizeof(rest));
    digest_bytes(digest, fpu->xmm, sizeof(fpu->xmm));
}

static void digest_mmu(struct digest *digest, const struct cpu_state *state)
{
    const struct mmu_state *mmu = &state->mmu;

    if (!mmu->present)
        return;
    const uint64_t rest[] = {state->user, mmu->on, mmu->asid, mmu->index, mmu->probed, mmu->page};
    digest_bytes(digest, rest, sizeof(rest));
    digest_bytes(digest, mmu->entries, sizeof(mmu->entries));
}

static void digest_state(const struct machine *m, struct digest *digest)
{
    digest_number(digest, m->vm->id);
    digest_number(digest, m->instructions);
    for (size_t i = 0; i < CPU_REGISTERS; i++)
        digest_number(digest, m->state.regs[i]);
    digest_number(digest, m->state.eip);
    digest_number(digest, cpu_state_eflags(&m->state));
    digest_fpu(digest, &m->state.fpu);
    digest_mmu(digest, &m->state);
    digest_number(digest, m->vm->state);
    digest_number(digest, m->posted);
}

uint64_t machine_digest(const struct machine *m)
{
    const struct device *devices[MACHINE_DEVICES];
    struct digest digest;

    if (vm_has_ended(m->vm))
        return m->final_digest;
    digest_begin(&digest);
    digest_state(m, &digest);
    space_visit(&m->space, digest_page, &digest);
    size_t count = list_devices(m, devices);
    for (size_t i = 0; i < count; i++)
        devices[i]->ops->state(device_mutable(devices[i]), &digest.visitor); /* a digest changes nothing */
    return digest_end(&digest);
}
