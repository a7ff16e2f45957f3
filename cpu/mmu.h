/* SPDX-License-Identifier: MIT
 *
 * The optional MMU: 64 entries that the guest's software loads (docs/architecture.md, section 11). Its state is part of
 * struct cpu_state.
 *
 * Its ports never leave cpu_run(). Nothing outside of the CPU depends on them, a guest uses them at every TLB miss, and
 * the CPU must know at once which of its own translations no longer hold. So they are no crossings either.
 *
 * Translations are kept where all others are, in cpu.tlb: one slot for each virtual page number modulo its size. Each
 * address space and mode has a tag of its own, so switching between them forgets nothing; a changed entry clears the
 * slots of the pages it stood and stands for.
 */
#pragma once
#include "core.h"

/* What cpu_translate() says, of an MMU and a mode. */
bool mmu_translate(const struct mmu_state *, bool user, uint32_t address, uint32_t access, uint32_t *physical,
                   struct cpu_exception *exception);

/* The tag for keys of the present memory, address space and mode, while translation is on. The same as long as none of
 * them changes, and as long as not too many others come between. */
uint64_t mmu_tag(struct cpu *);

/* Is this a port of the MMU, and has the machine one? */
static inline bool mmu_has_port(const struct mmu_state *mmu, uint32_t port)
{
    return mmu->present && port >= DENALI_PORT_MMU_CONTROL && port <= DENALI_PORT_MMU_ENTRIES;
}

uint32_t mmu_port_read(const struct mmu_state *, uint32_t port);
/* Where the next instruction is may have changed too. */
void mmu_port_write(struct cpu *, uint32_t port, uint32_t value);
