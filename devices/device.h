/* SPDX-License-Identifier: MIT
 *
 * What a virtual device is, and the little it is given: an interrupt line and a view of its machine's memory. A
 * device never sees the machine, the CPU or the scheduler, so each can be tested alone with fakes for these two.
 * A device lives inside its machine, embedded; its operations are one constant table; it starts initialised and
 * one port instruction is one complete operation.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "denali.h"

/* Where a device posts its interrupt: sets bits of the batch, wakes an idle machine, nothing more. */
struct interrupt_line {
    void (*post)(struct interrupt_line *, uint32_t sources); /* sources: DENALI_IRQ_* */
};

/* A machine's memory as a device may touch it. Both copy all or nothing: on false nothing was copied and *fault
 * is the first address that is not accessible. */
struct guest_memory {
    bool (*read)(struct guest_memory *, uint32_t address, void *to, uint32_t length, uint32_t *fault);
    bool (*write)(struct guest_memory *, uint32_t address, const void *from, uint32_t length, uint32_t *fault);
};

/* Instruction forms a port takes; any other reads all ones and writes nothing. */
enum port_form {
    PORT_IN8 = 1,
    PORT_IN32 = 2,
    PORT_OUT8 = 4,
    PORT_OUT32 = 8,
    PORT_STRING_IN8 = 16,
    PORT_STRING_OUT8 = 32,
};

/* The outcome of a string operation. The operation is restartable: after PORT_FAULT the device is as before. */
enum port_result { PORT_DONE, PORT_FAULT };

/* A string operation (INS, OUTS), filled in by the kernel, answered by the device. */
struct port_string {
    uint32_t address; /* in: of the guest's buffer */
    uint32_t count;   /* in: its bytes; out: bytes not transferred, what ECX becomes */
    uint32_t answer;  /* out, NIC receive: what EAX becomes */
    uint32_t fault;   /* out, PORT_FAULT: the address */
};

struct device;
struct state_visitor;

struct device_port {
    uint16_t port; /* DENALI_PORT_* */
    uint8_t forms; /* of enum port_form */
};

struct device_ops {
    const char *name;
    struct device_port ports[2]; /* the unused second has no forms */
    /* Called for the forms listed only; what no form names is NULL. */
    uint32_t (*in)(struct device *, uint16_t port);
    void (*out)(struct device *, uint16_t port, uint32_t value);
    enum port_result (*string_in)(struct device *, struct guest_memory *, struct port_string *);
    enum port_result (*string_out)(struct device *, struct guest_memory *, struct port_string *);
    /* Show every field that a guest could come to feel, in a fixed order: digest, save, load and print are visitors.
     * Each number becomes what the visitor returns. */
    void (*state)(struct device *, struct state_visitor *);
    /* Nothing is under way and nothing waits: state() shows numbers only, and they are all there is to save. NULL: so
     * it is always. */
    bool (*quiet)(const struct device *);
    /* Give back what the device holds. It is not used again. */
    void (*drop)(struct device *);
};

struct device {
    const struct device_ops *ops;
};

/* Receives a device's state, or gives it one. Values are little-endian whatever the host. */
struct state_visitor {
    uint64_t (*number)(struct state_visitor *, const char *name, uint64_t value); /* returns what it is to be */
    void (*bytes)(struct state_visitor *, const char *name, const void *bytes, size_t length);
};

/* Show one field of a device to a visitor, or let it be set. */
#define STATE_NUMBER(visitor, device, field) ((device)->field = (visitor)->number(visitor, #field, (device)->field))
