/* SPDX-License-Identifier: MIT
 *
 * What programs of the day-to-day kind do: records are copied and changed through pointers, short strings compared and
 * copied, small functions called, cases distinguished.
 */
#include <stdbool.h>

#include "kernel.h"
#include "libc.h"

#define RECORDS   64
#define NAME_SIZE 32

const char kernel_name[] = "dhry";
const uint32_t kernel_repeats = 40000;

enum kind { KIND_ACCOUNT, KIND_ORDER, KIND_PAYMENT, KINDS };

struct record {
    struct record *next;
    enum kind kind;
    int32_t amount, total;
    char name[NAME_SIZE];
};

static struct record records[RECORDS];

static const char *const names[] = {"the first of several names", "the first of several others", "something else"};

__attribute__((noinline)) static bool name_is(const struct record *record, const char *name)
{
    return strcmp(record->name, name) == 0;
}

__attribute__((noinline)) static void name_set(struct record *record, const char *name)
{
    char *to = record->name;
    while ((*to++ = *name++) != '\0')
        ;
}

__attribute__((noinline)) static enum kind kind_after(enum kind kind)
{
    return kind + 1 == KINDS ? KIND_ACCOUNT : kind + 1;
}

__attribute__((noinline)) static int32_t amount_rate(int32_t amount, int32_t rate)
{
    return amount * rate / 100 + amount % 7;
}

__attribute__((noinline)) static void record_post(struct record *record, int32_t rate)
{
    switch (record->kind) {
    case KIND_ACCOUNT:
        record->total += record->amount;
        break;
    case KIND_ORDER:
        record->total -= amount_rate(record->amount, rate);
        break;
    default:
        record->total ^= record->amount << 1;
        break;
    }
}

__attribute__((noinline)) static void record_step(struct record *record, uint32_t round)
{
    struct record copy = *record->next;
    copy.kind = kind_after(record->kind);
    copy.amount = record->amount + (int32_t)(round & 0xFF);
    record_post(&copy, (int32_t)(round % 19));
    if (name_is(record, names[0]))
        name_set(&copy, names[1]);
    else if (name_is(record, names[1]))
        name_set(&copy, names[2]);
    else
        name_set(&copy, names[0]);
    copy.next = record->next->next;
    *record->next = copy;
}

uint32_t kernel_run(uint32_t repeats)
{
    for (uint32_t i = 0; i < RECORDS; i++) {
        records[i] = (struct record){.next = &records[(i + 1) % RECORDS], .kind = i % KINDS, .amount = (int32_t)i};
        name_set(&records[i], names[i % 3]);
    }
    uint32_t result = 0;
    while (repeats-- > 0) {
        for (uint32_t i = 0; i < RECORDS; i++)
            record_step(&records[i], repeats);
        result = result * 31 + (uint32_t)records[repeats % RECORDS].total;
    }
    return result;
}
