/* SPDX-License-Identifier: MIT */
#include "input.h"

#include <string.h>

#include "../../cpu/vector.h"
#include "../../cpu/x87.h"

bool input_read(struct input *self, const uint8_t *bytes, size_t size, const uint8_t **program, size_t *program_size)
{
    if (size <= sizeof(*self))
        return false;
    memcpy(self, bytes, sizeof(*self));
    *program = bytes + sizeof(*self);
    *program_size = size - sizeof(*self);
    return true;
}

uint32_t input_entry(const struct input *self)
{
    return self->entry < DENALI_IMAGE_BASE ? DENALI_IMAGE_BASE + self->entry : self->entry;
}

struct mmu_entry input_mapping(const struct input *self, uint32_t page)
{
    const uint32_t all = DENALI_MMU_VALID | DENALI_MMU_WRITABLE | DENALI_MMU_USER | DENALI_MMU_GLOBAL;
    uint32_t frame = page ^ self->mappings[page] >> 4, flags = all ^ (self->mappings[page] & 0xF);

    return (struct mmu_entry){page << PAGE_SHIFT, frame << PAGE_SHIFT | flags};
}

static void input_fpu(const struct input *self, struct fpu_state *fpu)
{
    x87_set_control(fpu, self->x87_control);
    x87_set_status(fpu, self->x87_status);
    fpu->full = self->x87_full;
    fpu->mxcsr = self->mxcsr & MXCSR_VALID;
    for (unsigned i = 0; i < 8; i++) {
        fpu->registers[i].significand = self->st[i].significand;
        fpu->registers[i].sign_exponent = self->st[i].sign_exponent;
    }
    memcpy(fpu->xmm, self->xmm, sizeof(fpu->xmm));
}

static void input_mmu(const struct input *self, struct mmu_state *mmu)
{
    mmu->present = mmu->on = true;
    for (uint32_t i = 0; i < INPUT_PAGES; i++)
        mmu->entries[i] = input_mapping(self, i);
}

void input_state(const struct input *self, struct cpu_state *state)
{
    cpu_state_reset(state, input_entry(self), 0);
    memcpy(state->regs, self->regs, sizeof(state->regs));
    cpu_state_set_eflags(state, self->eflags);
    input_fpu(self, &state->fpu);
    if (self->variant & INPUT_MMU) {
        input_mmu(self, &state->mmu);
        state->user = self->variant & INPUT_USER;
    }
}
