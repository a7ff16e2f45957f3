/* SPDX-License-Identifier: MIT
 *
 * `denali disasm` and `denali info`: what is in a file, before anything runs.
 */
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "../devices/host/capture.h"
#include "command.h"
#include "disassembler.h"
#include "image.h"
#include "switch.h"
#include "text.h"

#define INSPECT_MEMORY 0xFFFFF000u /* the largest machine: what fits no other is still worth a look */

/* An image and the pool under it. */
struct specimen {
    struct frame_pool *pool;
    struct image image;
};

static int specimen_load(struct specimen *specimen, const char *path)
{
    char error[512];
    specimen->pool = frame_pool_new(INSPECT_MEMORY);
    if (!specimen->pool)
        return complain(STATUS_HOST, "out of memory");
    if (image_load(&specimen->image, path, specimen->pool, INSPECT_MEMORY, error, sizeof(error)))
        return STATUS_OK;
    frame_pool_free(specimen->pool);
    return complain(STATUS_USAGE, "%s", error);
}

static void specimen_drop(struct specimen *specimen)
{
    image_drop(&specimen->image);
    frame_pool_free(specimen->pool);
}

/* A record of `size` bytes in the file. False: the file ends before. */
static bool file_read(const struct image *image, uint64_t offset, void *to, size_t size)
{
    if (offset > image->file_size || size > image->file_size - offset)
        return false;
    memcpy(to, image->file + offset, size);
    return true;
}

static bool section_read(const struct image *image, unsigned index, Elf32_Shdr *section)
{
    Elf32_Ehdr head;
    return file_read(image, 0, &head, sizeof(head)) && head.e_shentsize == sizeof(*section) && index < head.e_shnum &&
           file_read(image, head.e_shoff + (uint64_t)index * sizeof(*section), section, sizeof(*section));
}

static bool segment_read(const struct image *image, unsigned index, Elf32_Phdr *segment)
{
    Elf32_Ehdr head;
    return file_read(image, 0, &head, sizeof(head)) && index < head.e_phnum &&
           file_read(image, head.e_phoff + (uint64_t)index * sizeof(*segment), segment, sizeof(*segment));
}

static void print_symbol_of(const struct image *image, uint32_t address, const char *before, const char *after)
{
    uint32_t offset;
    const char *symbol = image_symbol(image, address, &offset);
    if (!symbol)
        return;
    printf("%s%s", before, symbol);
    if (offset)
        printf("+0x%x", offset);
    fputs(after, stdout);
}

static uint32_t print_instruction(const struct image *image, struct disassembler *disassembler, const uint8_t *bytes,
                                  size_t count, uint32_t address)
{
    uint32_t offset;
    const char *symbol = image_symbol(image, address, &offset);
    struct disassembly line = disassemble(disassembler, bytes, count, address);
    uint32_t length = line.length ? line.length : 1;
    if (symbol && offset == 0)
        printf("\n%s:\n", symbol);
    printf("%8x  ", address);
    for (uint32_t i = 0; i < length; i++)
        printf("%02x ", bytes[i]);
    printf("%*s%s", length < 8 ? (int)(8 - length) * 3 : 0, "", line.length ? line.text : ".byte");
    if (line.target)
        print_symbol_of(image, line.target, " <", ">");
    putchar('\n');
    return length;
}

static void print_code(const struct image *image, struct disassembler *disassembler, uint32_t address, uint64_t offset,
                       uint32_t size)
{
    if (offset > image->file_size || size > image->file_size - offset)
        return;
    for (uint32_t at = 0; at < size && !ferror(stdout);)
        at += print_instruction(image, disassembler, image->file + offset + at, size - at, address + at);
}

/* By sections, which tell code from data; without them by segments. */
static void print_image_code(const struct image *image, struct disassembler *disassembler)
{
    Elf32_Shdr section;
    Elf32_Phdr segment;
    unsigned printed = 0;
    for (unsigned i = 0; section_read(image, i, &section); i++)
        if (section.sh_type == SHT_PROGBITS && (section.sh_flags & SHF_EXECINSTR)) {
            print_code(image, disassembler, section.sh_addr, section.sh_offset, section.sh_size);
            printed++;
        }
    for (unsigned i = 0; printed == 0 && segment_read(image, i, &segment); i++)
        if (segment.p_type == PT_LOAD && (segment.p_flags & PF_X))
            print_code(image, disassembler, segment.p_paddr, segment.p_offset, segment.p_filesz);
}

int disasm_command(struct options *options)
{
    struct specimen specimen = {.pool = NULL};
    struct disassembler disassembler;
    int status = specimen_load(&specimen, options->operand);
    if (status != STATUS_OK)
        return status;
    if (disassembler_open(&disassembler)) {
        print_image_code(&specimen.image, &disassembler);
        disassembler_close(&disassembler);
    } else {
        status = complain(STATUS_HOST, "out of memory");
    }
    specimen_drop(&specimen);
    return status;
}

static uint32_t count_symbols(const struct image *image)
{
    Elf32_Shdr section;
    for (unsigned i = 0; section_read(image, i, &section); i++)
        if (section.sh_type == SHT_SYMTAB)
            return section.sh_size / sizeof(Elf32_Sym);
    return 0;
}

static int image_info(const char *path)
{
    struct specimen specimen = {.pool = NULL};
    Elf32_Phdr segment;
    int status = specimen_load(&specimen, path);
    if (status != STATUS_OK)
        return status;
    printf("%s: image (ELF32, IA-32), %s, hash %016" PRIx64 "\n", path, text_bytes(specimen.image.file_size).chars,
           specimen.image.hash);
    printf("  entry    0x%08x", specimen.image.entry);
    print_symbol_of(&specimen.image, specimen.image.entry, " (", ")");
    printf("\n  end      0x%08x: a machine needs more memory than that\n", specimen.image.end);
    for (unsigned i = 0; segment_read(&specimen.image, i, &segment); i++)
        if (segment.p_type == PT_LOAD)
            printf("  segment  0x%08x to 0x%08x, %s in the file, %s in memory, %c%c%c\n", segment.p_paddr,
                   segment.p_paddr + segment.p_memsz, text_bytes(segment.p_filesz).chars,
                   text_bytes(segment.p_memsz).chars, segment.p_flags & PF_R ? 'r' : '-',
                   segment.p_flags & PF_W ? 'w' : '-', segment.p_flags & PF_X ? 'x' : '-');
    if (specimen.image.wants_network)
        printf("  network  the program wants one: without --net it gets --net user\n");
    printf("  symbols  %s\n", text_count(count_symbols(&specimen.image)).chars);
    specimen_drop(&specimen);
    return STATUS_OK;
}

enum protocol { ARP, ICMP, UDP, TCP, IPV4_OTHER, IPV6, OTHER, PROTOCOLS };

struct census {
    uint64_t frames, bytes, last_ns, group, machine;
    uint64_t protocols[PROTOCOLS];
    uint32_t highest_machine;
};

/* By EtherType and, in IPv4, by the protocol field (RFC 791, 3.1). */
static enum protocol packet_protocol(const struct packet *packet)
{
    uint16_t type = packet->bytes[12] << 8 | packet->bytes[13];
    if (type == 0x0806)
        return ARP;
    if (type == 0x86DD)
        return IPV6;
    if (type != 0x0800 || packet->length < 34)
        return OTHER;
    uint8_t protocol = packet->bytes[23];
    return protocol == 1 ? ICMP : protocol == 17 ? UDP : protocol == 6 ? TCP : IPV4_OTHER;
}

static void census_add(struct census *census, const struct packet *packet, uint64_t time_ns)
{
    uint32_t machine = mac_machine(packet->bytes);
    census->frames++;
    census->bytes += packet->length;
    census->last_ns = time_ns;
    census->protocols[packet_protocol(packet)]++;
    if (packet->bytes[0] & 1) {
        census->group++;
    } else if (machine != UINT32_MAX) {
        census->machine++;
        if (machine > census->highest_machine)
            census->highest_machine = machine;
    }
}

static void census_print(const struct census *census, const char *path, uint64_t unusable)
{
    static const char *const names[] = {"ARP", "ICMP", "UDP", "TCP", "other IPv4", "IPv6", "other"};
    printf("%s: capture, %s frames, %s, over %s\n ", path, text_count(census->frames).chars,
           text_bytes(census->bytes).chars, text_time(census->last_ns).chars);
    for (int i = 0; i < PROTOCOLS; i++)
        if (census->protocols[i])
            printf(" %s %s", text_count(census->protocols[i]).chars, names[i]);
    printf("\n  to machines %s", text_count(census->machine).chars);
    if (census->machine)
        printf(" (the highest is vm %u)", census->highest_machine);
    printf(", to groups %s, to others %s\n", text_count(census->group).chars,
           text_count(census->frames - census->machine - census->group).chars);
    if (unusable)
        printf("  passed over %s: cut short or of a length that the NIC does not take\n", text_count(unusable).chars);
}

static int capture_info(const char *path)
{
    char error[512];
    struct census census = {0};
    struct capture_reader *reader = capture_open(path, error, sizeof(error));
    struct packet *packet;
    uint64_t time_ns;
    enum capture_next next;
    if (!reader)
        return complain(STATUS_USAGE, "%s", error);
    while ((next = capture_read(reader, &packet, &time_ns)) == CAPTURE_FRAME) {
        census_add(&census, packet, time_ns);
        packet_unref(packet);
    }
    census_print(&census, path, capture_unusable(reader));
    int status = next == CAPTURE_BAD ? complain(STATUS_USAGE, "%s", capture_error(reader)) : STATUS_OK;
    capture_close(reader);
    return status;
}

int info_command(struct options *options)
{
    char magic[SELFMAG] = "";
    FILE *file = fopen(options->operand, "rb");
    if (!file)
        return complain(STATUS_USAGE, "%s: %s", options->operand, strerror(errno));
    size_t count = fread(magic, 1, sizeof(magic), file);
    fclose(file);
    return count == SELFMAG && memcmp(magic, ELFMAG, SELFMAG) == 0 ? image_info(options->operand)
                                                                   : capture_info(options->operand);
}
