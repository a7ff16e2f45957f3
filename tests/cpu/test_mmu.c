/* SPDX-License-Identifier: MIT
 *
 * The optional MMU: translation, every kind of fault, modes, address spaces, registers, on both engines. Random
 * programs are in test_mmu_random.c.
 */
#include "mmu_bench.h"

#define PROGRAM(b, physical, ...)                                                                                      \
    do {                                                                                                               \
        const uint8_t bytes_[] = {__VA_ARGS__};                                                                        \
        put(b, physical, bytes_, sizeof(bytes_));                                                                      \
    } while (0)

#define TERMINATE 0x0F, 0x3F, 0x01

static enum cpu_exit go(struct bench *b)
{
    return cpu_run(b->cpu, &b->state, &b->flat.memory, 10000, 0, &b->executed);
}

/* In user mode, at a program whose page stands at its own address, with a stack. */
static void enter_user_mode(struct bench *b)
{
    b->state.mmu.entries[0] = (struct mmu_entry){CODE, CODE | USER_PAGE | DENALI_MMU_GLOBAL};
    map(b, USER_STACK - PAGE_SIZE, DATA | USER_PAGE);
    b->state.user = true;
    b->state.regs[ESP] = USER_STACK;
    put32(b, DENALI_REG_KERNEL_STACK, KERNEL_STACK);
    put32(b, DENALI_REG_EXC_HANDLER, HANDLER);
    PROGRAM(b, HANDLER, TERMINATE);
}

/* The run ends by an exception without a handler: this one. */
static void expect_crash(struct bench *b, uint32_t number, uint32_t error, uint32_t address)
{
    cr_assert_eq(go(b), CPU_CRASH);
    const struct cpu_crash *crash = cpu_last_crash(b->cpu);
    cr_expect_eq(crash->cause, CRASH_UNHANDLED);
    cr_expect_eq(crash->exception.number, number, "number %u", crash->exception.number);
    cr_expect_eq(crash->exception.error, error, "error %x", crash->exception.error);
    cr_expect_eq(crash->exception.address, address, "address %x", crash->exception.address);
    cr_expect_eq(b->state.eip, CODE);
}

/* Translation. */

Test(cpu_mmu, load_and_store_go_through_the_entry)
{
    FOR_BOTH_ENGINES(bench)
    {
        PROGRAM(&bench, CODE, 0x8B, 0x1F, 0x89, 0x47, 0x10, TERMINATE); /* mov ebx, [edi]; mov [edi + 16], eax */
        map(&bench, VIRTUAL, DATA | KERNEL_PAGE);
        put32(&bench, DATA + 0x20, 0x11223344);
        bench.state.regs[EDI] = VIRTUAL + 0x20;
        bench.state.regs[EAX] = 0x55667788;
        cr_assert_eq(go(&bench), CPU_TERMINATE);
        cr_assert_eq(bench.state.regs[EBX], 0x11223344);
        cr_assert_eq(get32(&bench, DATA + 0x30), 0x55667788);
    }
}

Test(cpu_mmu, operand_across_pages_is_in_two_frames)
{
    FOR_BOTH_ENGINES(bench)
    {
        PROGRAM(&bench, CODE, 0x89, 0x07, 0x83, 0x07, 0x01, 0x8B, 0x1F, TERMINATE); /* mov, add, mov back */
        map(&bench, VIRTUAL, OTHER | KERNEL_PAGE);
        map(&bench, VIRTUAL + PAGE_SIZE, DATA | KERNEL_PAGE);
        bench.state.regs[EDI] = VIRTUAL + PAGE_SIZE - 2;
        bench.state.regs[EAX] = 0x44332211;
        cr_assert_eq(go(&bench), CPU_TERMINATE);
        cr_assert_eq(bench.state.regs[EBX], 0x44332212);
        cr_assert_eq(get32(&bench, OTHER + PAGE_SIZE - 4), 0x22120000);
        cr_assert_eq(get32(&bench, DATA), 0x4433);
    }
}

Test(cpu_mmu, instruction_across_pages_is_in_two_frames)
{
    FOR_BOTH_ENGINES(bench)
    {
        map(&bench, VIRTUAL, OTHER | KERNEL_PAGE);
        map(&bench, VIRTUAL + PAGE_SIZE, DATA | KERNEL_PAGE);
        PROGRAM(&bench, OTHER + PAGE_SIZE - 2, 0xB8, 0x11); /* mov eax, 44332211; terminate */
        PROGRAM(&bench, DATA, 0x22, 0x33, 0x44, TERMINATE);
        bench.state.eip = VIRTUAL + PAGE_SIZE - 2;
        cr_assert_eq(go(&bench), CPU_TERMINATE);
        cr_assert_eq(bench.state.regs[EAX], 0x44332211);
    }
}

Test(cpu_mmu, one_frame_at_two_addresses_is_one_memory)
{
    FOR_BOTH_ENGINES(bench)
    {
        PROGRAM(&bench, CODE, 0x89, 0x07, 0x8B, 0x1E, TERMINATE); /* mov [edi], eax; mov ebx, [esi] */
        map(&bench, VIRTUAL, DATA | KERNEL_PAGE);
        map(&bench, VIRTUAL + PAGE_SIZE, DATA | KERNEL_PAGE);
        bench.state.regs[EDI] = VIRTUAL + 8;
        bench.state.regs[ESI] = VIRTUAL + PAGE_SIZE + 8;
        bench.state.regs[EAX] = 7;
        cr_assert_eq(go(&bench), CPU_TERMINATE);
        cr_assert_eq(bench.state.regs[EBX], 7);
    }
}

Test(cpu_mmu, kernel_sees_physical_memory_above_the_bypass)
{
    FOR_BOTH_ENGINES(bench)
    {
        PROGRAM(&bench, CODE, 0x8B, 0x1F, 0x89, 0x06, TERMINATE); /* mov ebx, [edi]; mov [esi], eax */
        put32(&bench, DENALI_REG_VM_ID, 42);
        bench.state.regs[EDI] = DENALI_MMU_BYPASS + DENALI_REG_VM_ID;
        bench.state.regs[ESI] = DENALI_MMU_BYPASS + DATA;
        bench.state.regs[EAX] = 43;
        bench.state.eip = DENALI_MMU_BYPASS + CODE;
        cr_assert_eq(go(&bench), CPU_TERMINATE);
        cr_assert_eq(bench.state.regs[EBX], 42);
        cr_assert_eq(get32(&bench, DATA), 43);
    }
}

Test(cpu_mmu, store_to_interrupt_registers_counts_at_any_address)
{
    const uint32_t addresses[] = {DENALI_MMU_BYPASS + DENALI_REG_IRQ_ENABLED, VIRTUAL + DENALI_REG_IRQ_ENABLED};
    for (size_t i = 0; i < 2; i++)
        FOR_BOTH_ENGINES(bench)
        {
            PROGRAM(&bench, CODE, 0x89, 0x07, 0x43, TERMINATE); /* mov [edi], eax; inc ebx; terminate */
            PROGRAM(&bench, HANDLER, TERMINATE);
            map(&bench, VIRTUAL, KERNEL_PAGE);
            put32(&bench, DENALI_REG_IRQ_HANDLER, HANDLER);
            put32(&bench, DENALI_REG_IRQ_PENDING, 1);
            bench.state.regs[EDI] = addresses[i];
            bench.state.regs[EAX] = 1;
            cr_assert_eq(go(&bench), CPU_TERMINATE);
            cr_assert_eq(bench.state.regs[EBX], 0);
            cr_assert_eq(get32(&bench, DENALI_REG_IRQ_ENABLED), 0);
        }
}

Test(cpu_mmu, register_page_runs_at_any_address_and_is_never_stale)
{
    FOR_BOTH_ENGINES(bench)
    {
        /* L: inc eax; dec ecx; jnz L; terminate: twice, the second time with another first instruction */
        PROGRAM(&bench, DENALI_REG_ARGS_TEXT, 0x40, 0x49, 0x75, 0xFC, TERMINATE);
        map(&bench, VIRTUAL, KERNEL_PAGE);
        for (int i = 0; i < 2; i++) {
            bench.state.regs[ECX] = 10;
            bench.state.eip = VIRTUAL + DENALI_REG_ARGS_TEXT;
            cr_assert_eq(go(&bench), CPU_TERMINATE);
            *flat_memory_at(&bench.flat, DENALI_REG_ARGS_TEXT) = 0x43; /* the kernel writes as it likes: inc ebx */
        }
        cr_assert_eq(bench.state.regs[EAX], 10);
        cr_assert_eq(bench.state.regs[EBX], 10);
    }
}

/* Faults. */

static const uint8_t load_edi[] = {0x8B, 0x1F, TERMINATE}, store_edi[] = {0x89, 0x07, TERMINATE};

Test(cpu_mmu, fault_is_miss_or_protection_by_access_and_mode)
{
    const struct {
        bool user, store;
        uint32_t frame, number, error;
    } cases[] = {
        {false, false, 0, DENALI_EXC_TLB_MISS, 0},
        {false, true, 0, DENALI_EXC_TLB_MISS, DENALI_FAULT_WRITE},
        {true, false, 0, DENALI_EXC_TLB_MISS, DENALI_FAULT_USER},
        {true, true, 0, DENALI_EXC_TLB_MISS, DENALI_FAULT_USER | DENALI_FAULT_WRITE},
        {false, true, DENALI_MMU_VALID, DENALI_EXC_TLB_PROTECTION, DENALI_FAULT_PRESENT | DENALI_FAULT_WRITE},
        {true, false, DENALI_MMU_VALID, DENALI_EXC_TLB_PROTECTION, DENALI_FAULT_PRESENT | DENALI_FAULT_USER},
        {true, true, KERNEL_PAGE, DENALI_EXC_TLB_PROTECTION,
         DENALI_FAULT_PRESENT | DENALI_FAULT_USER | DENALI_FAULT_WRITE},
        {true, true, DENALI_MMU_VALID | DENALI_MMU_USER, DENALI_EXC_TLB_PROTECTION,
         DENALI_FAULT_PRESENT | DENALI_FAULT_USER | DENALI_FAULT_WRITE},
        {false, false, MEMORY_SIZE | KERNEL_PAGE, DENALI_EXC_MEMORY, 0},
        {true, true, MEMORY_SIZE | USER_PAGE, DENALI_EXC_MEMORY, DENALI_FAULT_USER | DENALI_FAULT_WRITE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        FOR_BOTH_ENGINES(bench)
        {
            if (cases[i].user)
                enter_user_mode(&bench);
            put32(&bench, DENALI_REG_EXC_HANDLER, 0);
            put(&bench, CODE, cases[i].store ? store_edi : load_edi, sizeof(load_edi));
            map(&bench, VIRTUAL, (cases[i].frame ? DATA : 0) | cases[i].frame);
            if (cases[i].frame & MEMORY_SIZE)
                bench.state.mmu.entries[bench.entries - 1].frame = cases[i].frame;
            bench.state.regs[EDI] = VIRTUAL + 0x123;
            expect_crash(&bench, cases[i].number, cases[i].error, VIRTUAL + 0x123);
        }
}

Test(cpu_mmu, permitted_accesses_do_not_fault)
{
    const struct {
        bool user, store;
        uint32_t frame;
    } cases[] = {
        {false, false, DENALI_MMU_VALID}, {false, true, DENALI_MMU_VALID | DENALI_MMU_WRITABLE},
        {false, true, USER_PAGE},         {true, false, DENALI_MMU_VALID | DENALI_MMU_USER},
        {true, true, USER_PAGE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        FOR_BOTH_ENGINES(bench)
        {
            if (cases[i].user)
                enter_user_mode(&bench);
            put(&bench, CODE, cases[i].store ? store_edi : load_edi, sizeof(load_edi));
            *flat_memory_at(&bench.flat, CODE + 2) = 0xCC; /* int3: user mode cannot terminate */
            *flat_memory_at(&bench.flat, HANDLER) = 0x0F;
            put32(&bench, DENALI_REG_EXC_HANDLER, HANDLER);
            PROGRAM(&bench, HANDLER, TERMINATE);
            map(&bench, VIRTUAL, DATA | cases[i].frame);
            bench.state.regs[EDI] = VIRTUAL;
            cr_assert_eq(go(&bench), CPU_TERMINATE);
            cr_assert_eq(get32(&bench, DENALI_REG_EXC_NUMBER), DENALI_EXC_BREAKPOINT);
        }
}

Test(cpu_mmu, second_half_of_an_access_faults_at_its_own_address)
{
    FOR_BOTH_ENGINES(bench)
    {
        put(&bench, CODE, store_edi, sizeof(store_edi));
        map(&bench, VIRTUAL, DATA | KERNEL_PAGE);
        map(&bench, VIRTUAL + PAGE_SIZE, OTHER | DENALI_MMU_VALID);
        bench.state.regs[EDI] = VIRTUAL + PAGE_SIZE - 3;
        bench.state.regs[EAX] = 0x11111111;
        expect_crash(&bench, DENALI_EXC_TLB_PROTECTION, DENALI_FAULT_PRESENT | DENALI_FAULT_WRITE, VIRTUAL + PAGE_SIZE);
        cr_assert_eq(get32(&bench, DATA + PAGE_SIZE - 4), 0, "nothing of it was written");
    }
}

Test(cpu_mmu, fetch_faults_tell_so)
{
    FOR_BOTH_ENGINES(bench)
    {
        enter_user_mode(&bench);
        bench.state.eip = HANDLER;
        cr_assert_eq(go(&bench), CPU_TERMINATE);
        cr_assert_eq(get32(&bench, DENALI_REG_EXC_NUMBER), DENALI_EXC_TLB_PROTECTION);
        cr_assert_eq(get32(&bench, DENALI_REG_EXC_ERROR),
                     DENALI_FAULT_PRESENT | DENALI_FAULT_USER | DENALI_FAULT_FETCH);
        cr_assert_eq(get32(&bench, DENALI_REG_EXC_ADDRESS), HANDLER);

        /* An instruction whose second byte is on a page that is not there. */
        *flat_memory_at(&bench.flat, CODE + PAGE_SIZE - 1) = 0xB8;
        bench.state.user = true;
        bench.state.eip = CODE + PAGE_SIZE - 1;
        cr_assert_eq(go(&bench), CPU_TERMINATE);
        cr_assert_eq(get32(&bench, DENALI_REG_EXC_NUMBER), DENALI_EXC_TLB_MISS);
        cr_assert_eq(get32(&bench, DENALI_REG_EXC_ERROR), DENALI_FAULT_USER | DENALI_FAULT_FETCH);
        cr_assert_eq(get32(&bench, DENALI_REG_EXC_ADDRESS), CODE + PAGE_SIZE);
        cr_assert_eq(get32(&bench, KERNEL_STACK - 20), CODE + PAGE_SIZE - 1);
    }
}

Test(cpu_mmu, user_mode_has_nothing_above_the_bypass)
{
    FOR_BOTH_ENGINES(bench)
    {
        enter_user_mode(&bench);
        put32(&bench, DENALI_REG_EXC_HANDLER, 0);
        put(&bench, CODE, load_edi, sizeof(load_edi));
        map(&bench, DENALI_MMU_BYPASS, DATA | USER_PAGE);
        bench.state.regs[EDI] = DENALI_MMU_BYPASS;
        expect_crash(&bench, DENALI_EXC_TLB_PROTECTION, DENALI_FAULT_PRESENT | DENALI_FAULT_USER, DENALI_MMU_BYPASS);
    }
}

Test(cpu_mmu, miss_is_restarted_after_the_handler_has_filled_the_entry)
{
    FOR_BOTH_ENGINES(bench)
    {
        /* rep movsb over two pages of each kind; terminate */
        PROGRAM(&bench, CODE, 0xF3, 0xA4, TERMINATE);
        /* push eax, edx; mov eax, [bypass + exc_address]; and eax, -4096; out 53h; mov dl, 0; add eax, DATA - VIRTUAL
         * | flags; out 54h; inc ebx; pop edx, eax; iret */
        PROGRAM(&bench, HANDLER, 0x50, 0x52, 0xA1, DENALI_REG_EXC_ADDRESS, 0, 0, 0xF0, 0x25, 0, 0xF0, 0xFF, 0xFF, 0xE7,
                DENALI_PORT_MMU_PAGE, 0x05, KERNEL_PAGE, 0x80, 0, 0xC0, 0xE7, DENALI_PORT_MMU_FRAME, 0x43, 0x5A, 0x58,
                0xCF);
        put32(&bench, DENALI_REG_EXC_HANDLER, HANDLER);
        bench.state.mmu.index = 60; /* on the way it wraps, and overwrites nothing that is needed */
        for (uint32_t i = 0; i < PAGE_SIZE; i++)
            *flat_memory_at(&bench.flat, DATA + 0x800 + i) = (uint8_t)(i * 7);
        bench.state.regs[ESI] = VIRTUAL + 0x800;
        bench.state.regs[EDI] = VIRTUAL + 0x2800;
        bench.state.regs[ECX] = PAGE_SIZE;
        cr_assert_eq(go(&bench), CPU_TERMINATE);
        cr_assert_eq(bench.state.regs[EBX], 4, "a miss for each page");
        cr_assert_eq(bench.state.regs[ECX], 0);
        for (uint32_t i = 0; i < PAGE_SIZE; i++)
            cr_assert_eq(*flat_memory_at(&bench.flat, DATA + 0x2800 + i), (uint8_t)(i * 7));
    }
}

/* Address spaces. */

Test(cpu_mmu, entry_belongs_to_its_space_unless_global)
{
    FOR_BOTH_ENGINES(bench)
    {
        /* 5 and 197 have the same place among the processor's contexts. */
        PROGRAM(&bench, CODE, 0x8B, 0x1F, TERMINATE);
        map(&bench, VIRTUAL | 5, DATA | (DENALI_MMU_VALID));
        map(&bench, VIRTUAL | 197, OTHER | (DENALI_MMU_VALID));
        map(&bench, (VIRTUAL + PAGE_SIZE) | 7, OTHER | DENALI_MMU_VALID | DENALI_MMU_GLOBAL);
        put32(&bench, DATA, 5);
        put32(&bench, OTHER, 197);
        bench.state.regs[EDI] = VIRTUAL;
        for (int i = 0; i < 3; i++) { /* switching back finds what was there, not what the other space had */
            bench.state.eip = CODE;
            bench.state.mmu.asid = i % 2 ? 197 : 5;
            cr_assert_eq(go(&bench), CPU_TERMINATE);
            cr_assert_eq(bench.state.regs[EBX], bench.state.mmu.asid);
        }
        bench.state.eip = CODE;
        bench.state.mmu.asid = 6;
        expect_crash(&bench, DENALI_EXC_TLB_MISS, 0, VIRTUAL);
        bench.state.regs[EDI] = VIRTUAL + PAGE_SIZE;
        cr_assert_eq(go(&bench), CPU_TERMINATE);
        cr_assert_eq(bench.state.regs[EBX], 197);
    }
}

Test(cpu_mmu, first_of_several_entries_counts)
{
    FOR_BOTH_ENGINES(bench)
    {
        PROGRAM(&bench, CODE, 0x8B, 0x1F, TERMINATE);
        map(&bench, VIRTUAL, DATA | KERNEL_PAGE);
        map(&bench, VIRTUAL, OTHER | KERNEL_PAGE);
        put32(&bench, DATA, 1);
        put32(&bench, OTHER, 2);
        bench.state.regs[EDI] = VIRTUAL;
        cr_assert_eq(go(&bench), CPU_TERMINATE);
        cr_assert_eq(bench.state.regs[EBX], 1);
    }
}

Test(cpu_mmu, code_of_two_spaces_at_one_address_is_not_confused)
{
    FOR_BOTH_ENGINES(bench)
    {
        /* L: call [VIRTUAL]; mov eax, esi; out 51h (ASID); xchg esi, edi; dec ecx; jnz L; terminate */
        PROGRAM(&bench, CODE, 0xE8, 0xFB, 0xEF, 0xFF, 0x3F, 0x89, 0xF0, 0xE7, DENALI_PORT_MMU_ASID, 0x87, 0xF7, 0x49,
                0x75, 0xF2, TERMINATE);
        PROGRAM(&bench, DATA, 0x43, 0xC3);  /* inc ebx; ret */
        PROGRAM(&bench, OTHER, 0x4B, 0xC3); /* dec ebx; ret */
        map(&bench, VIRTUAL | 1, DATA | DENALI_MMU_VALID);
        map(&bench, VIRTUAL | 2, OTHER | DENALI_MMU_VALID);
        bench.state.mmu.asid = 1;
        bench.state.regs[ESI] = 2;
        bench.state.regs[EDI] = 1;
        bench.state.regs[ECX] = 11; /* six times in space 1, five in space 2 */
        cr_assert_eq(go(&bench), CPU_TERMINATE);
        cr_assert_eq(bench.state.regs[EBX], 1);
    }
}

/* Two pages that are one frame: a jump from the first into the second stays in the same code, and yet leaves the page.
 * Where the same code is entered at another address the jump must not lead where it led before. */
Test(cpu_mmu, link_within_one_frame_but_across_pages_is_not_trusted)
{
    FOR_BOTH_ENGINES(bench)
    {
        PROGRAM(&bench, DATA, 0xE9, 0xFB, 0x0F, 0, 0); /* jmp $ + 1000h */
        PROGRAM(&bench, DATA + 0x10, 0xEB, 0xEE);      /* jmp 0 */
        PROGRAM(&bench, OTHER, 0x43, TERMINATE);       /* inc ebx; terminate */
        map(&bench, VIRTUAL, DATA | DENALI_MMU_VALID); /* then: */
        map(&bench, VIRTUAL + 0x1000, DATA | DENALI_MMU_VALID);
        map(&bench, VIRTUAL + 0x2000, OTHER | DENALI_MMU_VALID);
        bench.state.eip = VIRTUAL;
        cr_assert_eq(go(&bench), CPU_TERMINATE);
        bench.state.eip = VIRTUAL;
        cr_assert_eq(go(&bench), CPU_TERMINATE);
        bench.state.eip = VIRTUAL + 0x1010;
        cr_assert_eq(go(&bench), CPU_TERMINATE);
        cr_assert_eq(bench.state.regs[EBX], 3);
        cr_assert_eq(bench.state.eip, VIRTUAL + 0x2004);
    }
}

Test(cpu_mmu, narrow_jump_from_two_addresses_goes_to_two_targets)
{
    FOR_BOTH_ENGINES(bench)
    {
        /* 16-bit: jz over the int3 in the low 64 KB: from the second page of addresses it leads elsewhere */
        PROGRAM(&bench, DATA, 0x66, 0x74, 0x01, 0xCC, 0x43, TERMINATE);
        map(&bench, 0x4000, DATA | DENALI_MMU_VALID);
        map(&bench, 0x5000, DATA | DENALI_MMU_VALID);
        map(&bench, VIRTUAL + 0x5000, DATA | DENALI_MMU_VALID);
        cpu_state_set_eflags(&bench.state, FLAG_ZF);
        for (uint32_t i = 0; i < 3; i++) {
            const uint32_t starts[] = {0x4000, 0x4000, VIRTUAL + 0x5000};
            bench.state.eip = starts[i];
            cr_assert_eq(go(&bench), CPU_TERMINATE);
            cr_assert_eq(bench.state.eip, (starts[i] & 0xFFFF) + 8);
            cpu_state_set_eflags(&bench.state, FLAG_ZF);
        }
        cr_assert_eq(bench.state.regs[EBX], 3);
    }
}

/* Modes. */

Test(cpu_mmu, privileged_instructions_raise_13_in_user_mode)
{
    static const uint8_t instructions[][3] = {
        {0xE4, 0x14},
        {0xE5, DENALI_PORT_MMU_ASID},
        {0xE6, 0x10},
        {0xE7, DENALI_PORT_MMU_CONTROL},
        {0xEC},
        {0xEF},
        {0x6C},
        {0x6E},
        {0xF3, 0x6E},
        {0xFA},
        {0xFB},
        {0xF4},
        {0x0F, 0x3F, 0x00},
        {0x0F, 0x3F, 0x01},
    };
    for (size_t i = 0; i < sizeof(instructions) / sizeof(instructions[0]); i++)
        FOR_BOTH_ENGINES(bench)
        {
            enter_user_mode(&bench);
            put32(&bench, DENALI_REG_EXC_HANDLER, 0);
            put(&bench, CODE, instructions[i], sizeof(instructions[i]));
            expect_crash(&bench, DENALI_EXC_PROTECTION, 0, 0);
            cr_assert_eq(get32(&bench, DENALI_REG_IRQ_ENABLED), 0);
            cr_assert(bench.state.mmu.on && bench.state.mmu.asid == 0);
        }
}

Test(cpu_mmu, system_call_enters_the_kernel_on_its_stack_and_returns)
{
    FOR_BOTH_ENGINES(bench)
    {
        enter_user_mode(&bench);
        PROGRAM(&bench, CODE, 0xF9, 0xCD, 0x80, 0x43, 0x0F, 0x0B); /* stc; int 80h; inc ebx; ud2 */
        /* cmp dword [bypass + exc_number], 48; jne T; inc ecx; mov edx, esp; iret; T: terminate */
        PROGRAM(&bench, HANDLER, 0x83, 0x3D, DENALI_REG_EXC_NUMBER, 0, 0, 0xF0, DENALI_EXC_INT_N, 0x75, 0x04, 0x41,
                0x89, 0xE2, 0xCF, TERMINATE);
        put32(&bench, DENALI_REG_IRQ_ENABLED, 1);
        cr_assert_eq(go(&bench), CPU_TERMINATE);
        cr_assert_eq(bench.state.regs[ECX], 1);
        cr_assert_eq(bench.state.regs[EBX], 1, "it went on behind the call");
        cr_assert_eq(bench.state.regs[EDX], KERNEL_STACK - 20);
        cr_assert_eq(bench.state.regs[ESP], KERNEL_STACK - 20);
        /* of UD2 */
        const uint32_t frame[] = {CODE + 4, DENALI_CS_USER, FLAG_ONE | FLAG_CF | FLAG_IF, USER_STACK, DENALI_SS_USER};
        for (uint32_t i = 0; i < 5; i++)
            cr_assert_eq(get32(&bench, KERNEL_STACK - 20 + 4 * i), frame[i], "word %u", i);
        cr_assert(!bench.state.user);
    }
}

Test(cpu_mmu, exception_in_kernel_mode_pushes_three_words_where_it_is)
{
    FOR_BOTH_ENGINES(bench)
    {
        PROGRAM(&bench, CODE, 0x0F, 0x0B);
        PROGRAM(&bench, HANDLER, TERMINATE);
        put32(&bench, DENALI_REG_EXC_HANDLER, HANDLER);
        put32(&bench, DENALI_REG_KERNEL_STACK, KERNEL_STACK);
        cr_assert_eq(go(&bench), CPU_TERMINATE);
        cr_assert_eq(bench.state.regs[ESP], STACK - 12);
        cr_assert_eq(get32(&bench, STACK - 8), DENALI_CS_KERNEL);
    }
}

Test(cpu_mmu, interrupt_takes_user_mode_into_the_kernel)
{
    FOR_BOTH_ENGINES(bench)
    {
        enter_user_mode(&bench);
        PROGRAM(&bench, CODE, 0xEB, 0xFE);
        put32(&bench, DENALI_REG_IRQ_HANDLER, HANDLER);
        put32(&bench, DENALI_REG_IRQ_ENABLED, 1);
        put32(&bench, DENALI_REG_IRQ_PENDING, 1);
        cr_assert_eq(go(&bench), CPU_TERMINATE);
        cr_assert_eq(bench.executed, 1);
        cr_assert_eq(get32(&bench, KERNEL_STACK - 20), CODE);
        cr_assert_eq(get32(&bench, KERNEL_STACK - 16), DENALI_CS_USER);
        cr_assert_eq(get32(&bench, KERNEL_STACK - 8), USER_STACK);
    }
}

Test(cpu_mmu, kernel_without_a_stack_is_a_double_fault)
{
    FOR_BOTH_ENGINES(bench)
    {
        enter_user_mode(&bench);
        PROGRAM(&bench, CODE, 0x0F, 0x0B);
        put32(&bench, DENALI_REG_KERNEL_STACK, VIRTUAL + 0x100);
        cr_assert_eq(go(&bench), CPU_CRASH);
        const struct cpu_crash *crash = cpu_last_crash(bench.cpu);
        cr_assert_eq(crash->cause, CRASH_DOUBLE);
        cr_assert_eq(crash->first.number, DENALI_EXC_ILLEGAL);
        cr_assert_eq(crash->exception.number, DENALI_EXC_TLB_MISS);
        cr_assert_eq(crash->exception.error, DENALI_FAULT_WRITE, "it was the kernel's stack");
        cr_assert(bench.state.user && bench.state.regs[ESP] == USER_STACK && bench.state.eip == CODE);
    }
}

Test(cpu_mmu, popf_and_iret_in_user_mode_keep_the_interrupt_flag)
{
    FOR_BOTH_ENGINES(bench)
    {
        enter_user_mode(&bench);
        /* push 0; popf; push 1; push 8; push CODE + 12; iret; int3 */
        PROGRAM(&bench, CODE, 0x6A, 0x00, 0x9D, 0x6A, 0x01, 0x6A, 0x08, 0x68, 0x0D, 0x10, 0, 0, 0xCF, 0xCC);
        put32(&bench, DENALI_REG_IRQ_ENABLED, 1);
        cr_assert_eq(go(&bench), CPU_TERMINATE);
        cr_assert_eq(get32(&bench, DENALI_REG_EXC_NUMBER), DENALI_EXC_BREAKPOINT);
        cr_assert_eq(get32(&bench, KERNEL_STACK - 16), DENALI_CS_USER);
        cr_assert_eq(get32(&bench, KERNEL_STACK - 12), FLAG_ONE | FLAG_CF | FLAG_IF);
        cr_assert_eq(get32(&bench, KERNEL_STACK - 8), USER_STACK);
    }
}

Test(cpu_mmu, iret_to_user_is_restartable)
{
    FOR_BOTH_ENGINES(bench)
    {
        /* Three words of the frame on a page that is there, two on one that is not. */
        PROGRAM(&bench, CODE, 0xCF);
        map(&bench, VIRTUAL, DATA | KERNEL_PAGE);
        bench.state.regs[ESP] = VIRTUAL + PAGE_SIZE - 12;
        put32(&bench, DATA + PAGE_SIZE - 8, DENALI_CS_USER);
        put32(&bench, DATA + PAGE_SIZE - 4, FLAG_IF | FLAG_CF);
        expect_crash(&bench, DENALI_EXC_TLB_MISS, 0, VIRTUAL + PAGE_SIZE);
        cr_assert_eq(bench.state.regs[ESP], VIRTUAL + PAGE_SIZE - 12);
        cr_assert_eq(get32(&bench, DENALI_REG_IRQ_ENABLED), 0);
        cr_assert_eq(cpu_state_eflags(&bench.state), FLAG_ONE);
    }
}

Test(cpu_mmu, without_translation_iret_ignores_cs)
{
    FOR_BOTH_ENGINES(bench)
    {
        bench.state.mmu.on = false;
        PROGRAM(&bench, CODE, 0x6A, 0, 0x6A, DENALI_CS_USER, 0x68, 0x0A, 0x10, 0, 0, 0xCF, TERMINATE);
        cr_assert_eq(go(&bench), CPU_TERMINATE);
        cr_assert_eq(bench.state.regs[ESP], STACK);
        cr_assert(!bench.state.user);
    }
}

/* Registers. */

/* Runs one port instruction, from where it stays whatever it does; `value` goes out, what EAX is afterwards comes back.
 */
static uint32_t port(struct bench *b, bool in, uint8_t number, uint32_t value)
{
    PROGRAM(b, CODE, in ? 0xE5 : 0xE7, number, TERMINATE);
    code_drop(&b->flat.pages[CODE / PAGE_SIZE]);
    b->state.eip = number == DENALI_PORT_MMU_CONTROL || !b->state.mmu.on ? CODE : DENALI_MMU_BYPASS + CODE;
    b->state.regs[EAX] = value;
    cr_assert_eq(go(b), CPU_TERMINATE, "port %x left the processor", number);
    return b->state.regs[EAX];
}

static uint32_t port_in(struct bench *b, uint8_t number)
{
    return port(b, true, number, 0x55555555);
}

static void port_out(struct bench *b, uint8_t number, uint32_t value)
{
    port(b, false, number, value);
}

Test(cpu_mmu, registers_keep_the_bits_that_mean_something)
{
    FOR_BOTH_ENGINES(bench)
    {
        cr_assert_eq(port_in(&bench, DENALI_PORT_MMU_CONTROL), DENALI_MMU_ON);
        port_out(&bench, DENALI_PORT_MMU_CONTROL, ~1u);
        cr_assert_eq(port_in(&bench, DENALI_PORT_MMU_CONTROL), 0);
        port_out(&bench, DENALI_PORT_MMU_ASID, 0x1234);
        cr_assert_eq(port_in(&bench, DENALI_PORT_MMU_ASID), 0x34);
        port_out(&bench, DENALI_PORT_MMU_INDEX, 64 + 63);
        cr_assert_eq(port_in(&bench, DENALI_PORT_MMU_INDEX), 63);
        cr_assert_eq(port_in(&bench, DENALI_PORT_MMU_ENTRIES), DENALI_MMU_ENTRIES);
        cr_assert_eq(port_in(&bench, DENALI_PORT_MMU_FLUSH), UINT32_MAX);
        cr_assert_eq(port_in(&bench, DENALI_PORT_MMU_FLUSH_PAGE), UINT32_MAX);
    }
}

Test(cpu_mmu, entry_is_written_and_read_back_and_the_index_advances)
{
    FOR_BOTH_ENGINES(bench)
    {
        port_out(&bench, DENALI_PORT_MMU_INDEX, 63);
        port_out(&bench, DENALI_PORT_MMU_PAGE, 0x12345FFF);
        port_out(&bench, DENALI_PORT_MMU_FRAME, 0x00008FFF);
        cr_assert_eq(port_in(&bench, DENALI_PORT_MMU_INDEX), 0);
        cr_assert_eq(port_in(&bench, DENALI_PORT_MMU_PAGE), CODE, "of entry 0");
        port_out(&bench, DENALI_PORT_MMU_INDEX, 63);
        cr_assert_eq(port_in(&bench, DENALI_PORT_MMU_PAGE), 0x123450FF);
        cr_assert_eq(port_in(&bench, DENALI_PORT_MMU_FRAME), 0x0000800F);
    }
}

Test(cpu_mmu, probe_finds_the_entry_or_says_there_is_none)
{
    FOR_BOTH_ENGINES(bench)
    {
        cr_assert_eq(port_in(&bench, DENALI_PORT_MMU_PROBE), UINT32_MAX);
        map(&bench, VIRTUAL | 9, DATA | DENALI_MMU_VALID);
        port_out(&bench, DENALI_PORT_MMU_PROBE, VIRTUAL | 9);
        cr_assert_eq(port_in(&bench, DENALI_PORT_MMU_PROBE), bench.entries - 1);
        cr_assert_eq(port_in(&bench, DENALI_PORT_MMU_INDEX), bench.entries - 1);
        port_out(&bench, DENALI_PORT_MMU_PROBE, VIRTUAL | 8);
        cr_assert_eq(port_in(&bench, DENALI_PORT_MMU_PROBE), UINT32_MAX);
        cr_assert_eq(port_in(&bench, DENALI_PORT_MMU_INDEX), bench.entries - 1);
        port_out(&bench, DENALI_PORT_MMU_PROBE, HANDLER | 77);
        cr_assert_eq(port_in(&bench, DENALI_PORT_MMU_PROBE), 1, "a global entry is in every space");
    }
}

/* What a load from VIRTUAL gives in address space 3: its value, or the number of the exception with the sign set. */
static int32_t load_virtual(struct bench *b)
{
    PROGRAM(b, DATA + 0x100, 0xA1, 0, 0, 0, 0x40, TERMINATE);
    b->state.mmu.asid = 3;
    b->state.eip = DENALI_MMU_BYPASS + DATA + 0x100;
    if (go(b) == CPU_CRASH)
        return -(int32_t)cpu_last_crash(b->cpu)->exception.number;
    return (int32_t)b->state.regs[EAX];
}

static void write_entry(struct bench *b, uint32_t index, uint32_t page, uint32_t frame)
{
    port_out(b, DENALI_PORT_MMU_INDEX, index);
    port_out(b, DENALI_PORT_MMU_PAGE, page);
    port_out(b, DENALI_PORT_MMU_FRAME, frame);
}

Test(cpu_mmu, changed_entry_counts_at_once)
{
    FOR_BOTH_ENGINES(bench)
    {
        put32(&bench, DATA, 1);
        put32(&bench, OTHER, 2);
        cr_assert_eq(load_virtual(&bench), -DENALI_EXC_TLB_MISS);
        write_entry(&bench, 20, VIRTUAL | 3, DATA | DENALI_MMU_VALID);
        cr_assert_eq(load_virtual(&bench), 1);
        write_entry(&bench, 20, VIRTUAL | 3, OTHER | DENALI_MMU_VALID);
        cr_assert_eq(load_virtual(&bench), 2);
        write_entry(&bench, 10, 0x77000, DATA | DENALI_MMU_VALID);
        cr_assert_eq(load_virtual(&bench), 2);
        write_entry(&bench, 10, VIRTUAL | 3, DATA | DENALI_MMU_VALID); /* before the other one */
        cr_assert_eq(load_virtual(&bench), 1);
        write_entry(&bench, 10, VIRTUAL + 0x107000, DATA | DENALI_MMU_VALID); /* now it is for another page */
        cr_assert_eq(load_virtual(&bench), 2);
        write_entry(&bench, 20, VIRTUAL | 3, OTHER);
        cr_assert_eq(load_virtual(&bench), -DENALI_EXC_TLB_MISS);
    }
}

Test(cpu_mmu, flush_takes_a_page_a_space_or_everything)
{
    FOR_BOTH_ENGINES(bench)
    {
        const uint32_t spaces[] = {3, 4}, frames[] = {DENALI_MMU_VALID, DENALI_MMU_VALID | DENALI_MMU_GLOBAL};
        put32(&bench, DATA, 1);
        write_entry(&bench, 20, VIRTUAL | 3, DATA | frames[0]);
        cr_assert_eq(load_virtual(&bench), 1);
        port_out(&bench, DENALI_PORT_MMU_FLUSH, spaces[1]);
        port_out(&bench, DENALI_PORT_MMU_FLUSH_PAGE, VIRTUAL | spaces[1]);
        port_out(&bench, DENALI_PORT_MMU_FLUSH_PAGE, (VIRTUAL + PAGE_SIZE) | spaces[0]);
        cr_assert_eq(load_virtual(&bench), 1, "these are not meant");
        port_out(&bench, DENALI_PORT_MMU_FLUSH_PAGE, VIRTUAL | spaces[0]);
        cr_assert_eq(load_virtual(&bench), -DENALI_EXC_TLB_MISS);
        write_entry(&bench, 20, VIRTUAL | 3, DATA | frames[0]);
        cr_assert_eq(load_virtual(&bench), 1);
        port_out(&bench, DENALI_PORT_MMU_FLUSH, spaces[0]);
        cr_assert_eq(load_virtual(&bench), -DENALI_EXC_TLB_MISS);
        write_entry(&bench, 20, VIRTUAL | 3, DATA | frames[1]);
        port_out(&bench, DENALI_PORT_MMU_FLUSH, spaces[0]);
        cr_assert_eq(load_virtual(&bench), 1, "global entries belong to no space");
        port_out(&bench, DENALI_PORT_MMU_FLUSH, DENALI_MMU_FLUSH_ALL);
        cr_assert_eq(load_virtual(&bench), -DENALI_EXC_TLB_MISS);
    }
}

Test(cpu_mmu, turning_translation_on_moves_the_next_instruction)
{
    FOR_BOTH_ENGINES(bench)
    {
        /* At its own address: out 50h; int3. What translation puts there: inc ebx; terminate. */
        bench.state.mmu.on = false;
        bench.state.mmu.entries[0].frame = DATA | KERNEL_PAGE;
        PROGRAM(&bench, CODE, 0xE7, DENALI_PORT_MMU_CONTROL, 0xCC);
        PROGRAM(&bench, DATA, 0xCC, 0xCC, 0x43, TERMINATE);
        bench.state.regs[EAX] = DENALI_MMU_ON;
        cr_assert_eq(go(&bench), CPU_TERMINATE);
        cr_assert_eq(bench.state.regs[EBX], 1);
    }
}

Test(cpu_mmu, other_forms_and_machines_without_an_mmu_leave_it_alone)
{
    FOR_BOTH_ENGINES(bench)
    {
        PROGRAM(&bench, CODE, 0xE6, DENALI_PORT_MMU_CONTROL); /* outb */
        cr_assert_eq(go(&bench), CPU_IO);
        PROGRAM(&bench, CODE + 0x10, 0xE7, DENALI_PORT_MMU_ENTRIES + 1);
        bench.state.eip = CODE + 0x10;
        cr_assert_eq(go(&bench), CPU_IO);
        PROGRAM(&bench, CODE + 0x20, 0xE7, DENALI_PORT_MMU_CONTROL);
        bench.state.eip = CODE + 0x20;
        bench.state.mmu.on = bench.state.mmu.present = false;
        cr_assert_eq(go(&bench), CPU_IO);
    }
}
