/* SPDX-License-Identifier: MIT
 *
 * The smallest image: one segment with the program, at DENALI_IMAGE_BASE, entered at its start.
 */
#pragma once
#include <elf.h>
#include <string.h>

#include "denali.h"

/* Returns the image's size; 0 if it does not fit. */
static inline size_t tiny_image(uint8_t *to, size_t room, const uint8_t *program, size_t size)
{
    const size_t head = sizeof(Elf32_Ehdr) + sizeof(Elf32_Phdr);
    const Elf32_Phdr segment = {.p_type = PT_LOAD,
                                .p_offset = (Elf32_Off)head,
                                .p_vaddr = DENALI_IMAGE_BASE,
                                .p_paddr = DENALI_IMAGE_BASE,
                                .p_filesz = (Elf32_Word)size,
                                .p_memsz = (Elf32_Word)size,
                                .p_flags = PF_R | PF_W | PF_X};
    Elf32_Ehdr header = {.e_type = ET_EXEC,
                         .e_machine = EM_386,
                         .e_version = EV_CURRENT,
                         .e_entry = DENALI_IMAGE_BASE,
                         .e_phoff = sizeof(Elf32_Ehdr),
                         .e_ehsize = sizeof(Elf32_Ehdr),
                         .e_phentsize = sizeof(Elf32_Phdr),
                         .e_phnum = 1};
    if (head + size > room)
        return 0;
    memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS32;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    memcpy(to, &header, sizeof(header));
    memcpy(to + sizeof(header), &segment, sizeof(segment));
    memcpy(to + head, program, size);
    return head + size;
}
