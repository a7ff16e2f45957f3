/* SPDX-License-Identifier: MIT
 *
 * The ELF loader: a file built here, sound or damaged in one place, and one that the compiler made (its path is in
 * DENALI_TEST_SAMPLE), compared with what readelf and objdump say about it.
 */
#include <criterion/criterion.h>
#include <ctype.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "../../cpu/cpu.h"
#include "../../emu/image.h"

#define MEMORY ((uint32_t)16 << 20)
#define TEXT   0x100000
#define DATA   0x103010

enum { NO_SYMBOL, LATE, EARLY, EARLY_TOO, OBJECT, UNDEFINED, NAMELESS, WILD_NAME, SYMBOLS };

/* A whole file: two segments, of which the second ends in 0x5000 bytes of .bss, and a symbol table. */
struct file {
    Elf32_Ehdr header;
    Elf32_Phdr segments[3];
    uint8_t text[0x1800];
    uint8_t data[0x21];
    uint8_t padding[3];
    Elf32_Sym symbols[SYMBOLS];
    char strings[32];
    Elf32_Shdr sections[3];
};

static Elf32_Sym symbol(uint32_t name, uint32_t address, unsigned type, uint16_t section)
{
    return (Elf32_Sym){
        .st_name = name, .st_value = address, .st_info = ELF32_ST_INFO(STB_GLOBAL, type), .st_shndx = section};
}

static void file_add_symbols(struct file *file)
{
    memcpy(file->strings, "\0early\0late\0second\0object", 26);
    file->symbols[LATE] = symbol(7, TEXT + 0x800, STT_FUNC, 1);
    file->symbols[EARLY] = symbol(1, TEXT + 0x10, STT_FUNC, 1);
    file->symbols[EARLY_TOO] = symbol(12, TEXT + 0x10, STT_FUNC, 1);
    file->symbols[OBJECT] = symbol(19, TEXT + 0x20, STT_OBJECT, 1);
    file->symbols[UNDEFINED] = symbol(19, TEXT + 0x20, STT_FUNC, SHN_UNDEF);
    file->symbols[NAMELESS] = symbol(0, TEXT + 0x20, STT_FUNC, 1);
    /* Behind the strings, at a byte that is not 0. */
    file->symbols[WILD_NAME] =
        symbol(offsetof(struct file, sections[1].sh_type) - offsetof(struct file, strings), TEXT + 0x20, STT_FUNC, 1);
    file->sections[1] = (Elf32_Shdr){.sh_type = SHT_SYMTAB,
                                     .sh_offset = offsetof(struct file, symbols),
                                     .sh_size = sizeof(file->symbols),
                                     .sh_entsize = sizeof(Elf32_Sym),
                                     .sh_link = 2};
    file->sections[2] = (Elf32_Shdr){
        .sh_type = SHT_STRTAB, .sh_offset = offsetof(struct file, strings), .sh_size = sizeof(file->strings)};
}

/* A file in which nothing is wrong. The data segment comes first in the table, and lives elsewhere virtually. */
static void file_init(struct file *file)
{
    memset(file, 0, sizeof(*file));
    file->header = (Elf32_Ehdr){
        .e_ident = {0x7F, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_EXEC,
        .e_machine = EM_386,
        .e_version = EV_CURRENT,
        .e_entry = TEXT + 0x10,
        .e_phoff = offsetof(struct file, segments),
        .e_phentsize = sizeof(Elf32_Phdr),
        .e_phnum = 3,
        .e_shoff = offsetof(struct file, sections),
        .e_shentsize = sizeof(Elf32_Shdr),
        .e_shnum = 3,
    };
    file->segments[0] = (Elf32_Phdr){.p_type = PT_LOAD,
                                     .p_offset = offsetof(struct file, data),
                                     .p_paddr = DATA,
                                     .p_vaddr = 0xC0000000,
                                     .p_filesz = sizeof(file->data),
                                     .p_memsz = 0x5000};
    file->segments[1] = (Elf32_Phdr){.p_type = PT_LOAD,
                                     .p_offset = offsetof(struct file, text),
                                     .p_paddr = TEXT,
                                     .p_vaddr = TEXT,
                                     .p_filesz = sizeof(file->text),
                                     .p_memsz = sizeof(file->text)};
    file->segments[2] = (Elf32_Phdr){.p_type = PT_GNU_STACK};
    for (unsigned i = 0; i < sizeof(file->text); i++)
        file->text[i] = (uint8_t)(1 + i % 251);
    memset(file->data, 0xDD, sizeof(file->data));
    file_add_symbols(file);
}

struct bench {
    struct frame_pool *pool;
    struct image image;
    char error[256];
};

static bool bench_load(struct bench *bench, const void *bytes, size_t size, uint32_t memory, uint64_t frames)
{
    bench->pool = frame_pool_new(frames);
    bench->error[0] = '\0';
    bool loaded =
        image_load_bytes(&bench->image, "NAME", bytes, size, bench->pool, memory, bench->error, sizeof(bench->error));
    if (!loaded) {
        cr_expect_eq(frame_pool_used(bench->pool), 0);
        frame_pool_free(bench->pool);
    }
    return loaded;
}

static void bench_drop(struct bench *bench)
{
    image_drop(&bench->image);
    cr_expect_eq(frame_pool_used(bench->pool), 0);
    frame_pool_free(bench->pool);
}

static void expect_error(const char *error, const char *start)
{
    cr_expect_eq(strncmp(error, start, strlen(start)), 0, "\"%s\" instead of \"%s\"", error, start);
}

static void expect_refused(const void *bytes, size_t size, const char *start)
{
    struct bench bench;
    bool loaded = bench_load(&bench, bytes, size, MEMORY, 100);
    cr_expect(!loaded, "loaded instead of \"%s\"", start);
    if (loaded)
        bench_drop(&bench);
    else
        expect_error(bench.error, start);
}

Test(image, sound_file_is_loaded_by_physical_address)
{
    struct file file;
    struct bench bench;
    uint8_t bytes[sizeof(file.text)];
    uint32_t fault;
    file_init(&file);
    cr_assert(bench_load(&bench, &file, sizeof(file), MEMORY, 100), "%s", bench.error);
    cr_expect_eq(bench.image.entry, TEXT + 0x10);
    cr_expect_eq(bench.image.end, DATA + 0x5000);
    cr_expect_eq(bench.image.hash, XXH3_64bits(&file, sizeof(file)));
    cr_expect_eq(frame_pool_used(bench.pool), 3, "text: two pages, data: one, .bss: none");
    space_read(&bench.image.space, TEXT, bytes, sizeof(file.text), &fault);
    cr_expect_eq(memcmp(bytes, file.text, sizeof(file.text)), 0);
    space_read(&bench.image.space, DATA, bytes, sizeof(file.data) + 1, &fault);
    cr_expect_eq(memcmp(bytes, file.data, sizeof(file.data)), 0);
    cr_expect_eq(bytes[sizeof(file.data)], 0);
    space_read(&bench.image.space, DATA - 1, bytes, 1, &fault);
    cr_expect_eq(bytes[0], 0);
    bench_drop(&bench);
}

Test(image, bytes_of_the_caller_are_not_kept)
{
    struct file file;
    struct bench bench;
    uint32_t offset;
    file_init(&file);
    cr_assert(bench_load(&bench, &file, sizeof(file), MEMORY, 100));
    memset(&file, 0xFF, sizeof(file));
    cr_expect_str_eq(image_symbol(&bench.image, TEXT + 0x10, &offset), "early");
    bench_drop(&bench);
}

Test(image, segment_up_to_the_very_end_of_memory_is_loaded)
{
    struct file file;
    struct bench bench;
    file_init(&file);
    file.segments[0].p_memsz = MEMORY - DATA;
    cr_assert(bench_load(&bench, &file, sizeof(file), MEMORY, 100), "%s", bench.error);
    cr_expect_eq(bench.image.end, MEMORY);
    bench_drop(&bench);
}

Test(image, segments_that_touch_or_are_empty_are_no_overlap)
{
    struct file file;
    struct bench bench;
    file_init(&file);
    file.segments[0].p_paddr = TEXT + sizeof(file.text);
    file.segments[2] = (Elf32_Phdr){.p_type = PT_LOAD, .p_paddr = 0}; /* of no bytes: it lies nowhere */
    cr_assert(bench_load(&bench, &file, sizeof(file), MEMORY, 100), "%s", bench.error);
    bench_drop(&bench);
}

/* What the image wants whose notes these are, placed so that the file ends behind `size` bytes of them. */
static bool wants_network(const void *notes, uint32_t length, uint32_t size)
{
    struct file file;
    struct bench bench;
    uint8_t *bytes = malloc(sizeof(file) + size);
    file_init(&file);
    file.segments[2] = (Elf32_Phdr){.p_type = PT_NOTE, .p_offset = sizeof(file), .p_filesz = length};
    memcpy(bytes, &file, sizeof(file));
    memcpy(bytes + sizeof(file), notes, size);
    cr_assert(bench_load(&bench, bytes, sizeof(file) + size, MEMORY, 100), "%s", bench.error);
    bool wants = bench.image.wants_network;
    bench_drop(&bench);
    free(bytes);
    return wants;
}

Test(image, note_says_that_a_network_is_wanted)
{
    struct {
        Elf32_Nhdr other;
        char other_name[4], other_description[8];
        Elf32_Nhdr note;
        char name[8];
    } notes = {{4, 5, 3}, "GNU", "12345", {7, 0, 1}, "denali"};
    cr_expect(wants_network(&notes, sizeof(notes), sizeof(notes)));
    cr_expect_not(wants_network(&notes, sizeof(notes) - 8, sizeof(notes)), "its name is outside");
    cr_expect_not(wants_network(&notes, sizeof(notes), sizeof(notes) - 1), "the notes are not all in the file");
    cr_expect_not(wants_network(&notes, 0, 0));
    notes.note.n_type = 2;
    cr_expect_not(wants_network(&notes, sizeof(notes), sizeof(notes)));
    notes.note.n_type = 1;
    notes.name[0] = 'D';
    cr_expect_not(wants_network(&notes, sizeof(notes), sizeof(notes)));
    notes.name[0] = 'd';
    notes.other.n_descsz = UINT32_MAX;
    cr_expect_not(wants_network(&notes, sizeof(notes), sizeof(notes)));
    notes.other.n_descsz = 5;
    notes.other.n_namesz = UINT32_MAX;
    cr_expect_not(wants_network(&notes, sizeof(notes), sizeof(notes)));
}

/* Overwrite one number of a sound file. */
struct damage {
    size_t offset, size; /* of the number */
    uint32_t value;
    const char *error; /* how the message must begin */
};

#define FIELD(field) offsetof(struct file, field), sizeof(((struct file *)0)->field)

static const struct damage damages[] = {
    {FIELD(header.e_ident[0]), 0x7E, "NAME: not an ELF file: it begins with 7e 45 4c 46"},
    {FIELD(header.e_ident[EI_CLASS]), ELFCLASS64, "NAME: ELF header: a 64-bit file"},
    {FIELD(header.e_ident[EI_CLASS]), 7, "NAME: ELF header: class 7 (byte 4)"},
    {FIELD(header.e_ident[EI_DATA]), ELFDATA2MSB, "NAME: ELF header: a big-endian file"},
    {FIELD(header.e_ident[EI_DATA]), 0, "NAME: ELF header: data encoding 0 (byte 5)"},
    {FIELD(header.e_machine), EM_ARM, "NAME: ELF header: for processor 40, not for the 386"},
    {FIELD(header.e_type), ET_DYN, "NAME: ELF header: a position-independent executable: link with -no-pie -static"},
    {FIELD(header.e_type), ET_REL, "NAME: ELF header: an object file"},
    {FIELD(header.e_type), ET_CORE, "NAME: ELF header: type 4 is not an executable"},
    {FIELD(header.e_phentsize), 56, "NAME: ELF header: program headers of 56 bytes, they have 32"},
    {FIELD(header.e_phentsize), 0, "NAME: ELF header: program headers of 0 bytes"},
    {FIELD(header.e_phnum), 0, "NAME: program header table: nothing to load (no PT_LOAD among 0 headers)"},
    {FIELD(header.e_phnum), 0xFFFF, "NAME: program header table: 2097120 bytes at offset 52 lie outside the file of"},
    {FIELD(header.e_phoff), sizeof(struct file) - 95, "NAME: program header table: 96 bytes at offset"},
    {FIELD(header.e_phoff), 0xFFFFFFFF, "NAME: program header table: 96 bytes at offset 4294967295 lie outside"},
    {FIELD(header.e_entry), TEXT - 1, "NAME: ELF header: entry point 0x000fffff lies in no loaded segment"},
    {FIELD(header.e_entry), TEXT + 0x1800, "NAME: ELF header: entry point 0x00101800 lies in no loaded segment"},
    {FIELD(header.e_entry), 0, "NAME: ELF header: entry point 0x00000000 lies in no loaded segment"},
    {FIELD(segments[2].p_type), PT_INTERP, "NAME: program header 2: asks for a dynamic linker"},
    {FIELD(segments[1].p_paddr), 0xFFF, "NAME: program header 1: segment at 0x00000fff, below 0x1000"},
    {FIELD(segments[0].p_paddr), 0, "NAME: program header 0: segment at 0x00000000, below 0x1000"},
    {FIELD(segments[0].p_paddr), MEMORY,
     "NAME: program header 0: segment from 0x01000000 to 0x01005000 lies beyond the machine's memory"},
    {FIELD(segments[0].p_paddr), 0x08048000, "NAME: program header 0: segment from 0x08048000 to 0x0804d000 lies"},
    {FIELD(segments[0].p_memsz), MEMORY - DATA + 1, "NAME: program header 0: segment from 0x00103010 to 0x01000001"},
    {FIELD(segments[0].p_memsz), 0x20, "NAME: program header 0: more bytes in the file (33) than in memory (32)"},
    {FIELD(segments[0].p_memsz), 0, "NAME: program header 0: more bytes in the file (33) than in memory (0)"},
    {FIELD(segments[1].p_offset), sizeof(struct file) - 0x17FF, "NAME: program header 1: 6144 bytes at offset"},
    {FIELD(segments[1].p_offset), 0xFFFFF000, "NAME: program header 1: 6144 bytes at offset 4294963200 lie outside"},
    {FIELD(segments[0].p_paddr), 0xFFFFC000, "NAME: program header 0: 0x5000 bytes at 0xffffc000 overflow the address"},
    {FIELD(segments[0].p_memsz), 0xFFFFFFFF, "NAME: program header 0: 0xffffffff bytes at 0x00103010 overflow"},
    {FIELD(segments[0].p_paddr), TEXT + 0x17FF,
     "NAME: program header 0: segment at 0x001017ff overlaps that of program header 1"},
    {FIELD(segments[0].p_paddr), TEXT,
     "NAME: program header 1: segment at 0x00100000 overlaps that of program header 0"},
};

Test(image, file_damaged_in_one_place_is_refused_with_the_place)
{
    for (unsigned i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        struct file file;
        file_init(&file);
        memcpy((uint8_t *)&file + damages[i].offset, &damages[i].value, damages[i].size);
        expect_refused(&file, sizeof(file), damages[i].error);
    }
}

Test(image, file_without_segments_to_load_is_refused)
{
    struct file file;
    file_init(&file);
    file.segments[0].p_type = file.segments[1].p_type = PT_NOTE;
    expect_refused(&file, sizeof(file), "NAME: program header table: nothing to load (no PT_LOAD among 3 headers)");
}

Test(image, file_cut_anywhere_is_refused_until_only_symbols_are_missing)
{
    struct file file;
    file_init(&file);
    expect_refused(&file, 0, "NAME: the file is empty");
    expect_refused(&file, 1, "NAME: too short: 1 bytes, an ELF header has 52");
    expect_refused(&file, 51, "NAME: too short: 51 bytes, an ELF header has 52");
    expect_refused(&file, 52, "NAME: program header table: 96 bytes at offset 52 lie outside the file of 52 bytes");
    expect_refused(&file, offsetof(struct file, data), "NAME: program header 0: 33 bytes at offset");
    for (size_t size = 0; size < offsetof(struct file, padding); size += 13)
        expect_refused(&file, size, "NAME: ");
    for (size_t size = offsetof(struct file, padding); size <= sizeof(file); size++) {
        struct bench bench;
        cr_assert(bench_load(&bench, &file, size, MEMORY, 100), "%zu bytes: %s", size, bench.error);
        cr_expect_eq(bench.image.function_count, size < sizeof(file) ? 0 : 2);
        bench_drop(&bench);
    }
}

Test(image, out_of_frames_is_refused)
{
    struct file file;
    struct bench bench;
    file_init(&file);
    cr_assert(!bench_load(&bench, &file, sizeof(file), MEMORY, 1));
    expect_error(bench.error, "NAME: program header 1: out of physical memory at 0x00101000");
}

Test(image, error_is_cut_to_its_buffer)
{
    struct frame_pool *pool = frame_pool_new(1);
    for (size_t size = 0; size < 12; size++) {
        struct image image;
        char error[64];
        memset(error, '#', sizeof(error));
        cr_assert(!image_load_bytes(&image, "NAME", "", 0, pool, MEMORY, error, size));
        for (size_t i = size; i < sizeof(error); i++)
            cr_expect_eq(error[i], '#');
        if (size > 0)
            cr_expect_eq(strlen(error), size - 1);
    }
    frame_pool_free(pool);
}

Test(image, many_segments_are_checked_in_reasonable_time)
{
    enum { COUNT = 0xFFFF };
    size_t size = sizeof(Elf32_Ehdr) + COUNT * sizeof(Elf32_Phdr);
    uint8_t *bytes = calloc(1, size);
    struct file file;
    file_init(&file);
    file.header.e_phnum = COUNT;
    file.header.e_shnum = 0;
    file.header.e_entry = 0x1000;
    memcpy(bytes, &file.header, sizeof(file.header));
    for (uint32_t i = 0; i < COUNT; i++) {
        Elf32_Phdr segment = {
            .p_type = PT_LOAD, .p_paddr = 0x1000 + (COUNT - 1 - i) * 16, .p_filesz = 16, .p_memsz = 16};
        memcpy(bytes + sizeof(Elf32_Ehdr) + i * sizeof(segment), &segment, sizeof(segment));
    }
    struct bench bench;
    cr_assert(bench_load(&bench, bytes, size, MEMORY, 1000), "%s", bench.error);
    cr_expect_eq(bench.image.end, 0x1000 + COUNT * 16);
    bench_drop(&bench);
    free(bytes);
}

Test(image, notes_without_end_are_not_looked_at, .timeout = 10)
{
    enum { COUNT = 0xFFFF, NOTES = 4 << 20 }; /* zeros: notes of 12 bytes */
    const size_t head = sizeof(struct file) + COUNT * sizeof(Elf32_Phdr), size = head + NOTES;
    struct file *file = calloc(1, size);
    file_init(file);
    file->header.e_phnum = COUNT;
    file->header.e_phoff = sizeof(*file);
    Elf32_Phdr *segments = (Elf32_Phdr *)(void *)(file + 1);
    memcpy(segments, file->segments, sizeof(file->segments));
    for (uint32_t i = 2; i < COUNT; i++)
        segments[i] = (Elf32_Phdr){.p_type = PT_NOTE, .p_offset = head, .p_filesz = NOTES};
    struct bench bench;
    cr_assert(bench_load(&bench, file, size, MEMORY, 100), "%s", bench.error);
    cr_expect_not(bench.image.wants_network);
    bench_drop(&bench);
    free(file);
}

static void expect_symbol(const struct image *image, uint32_t address, const char *name, uint32_t distance)
{
    uint32_t offset = 0;
    const char *found = image_symbol(image, address, &offset);
    cr_assert_not_null(found, "%x: none", address);
    cr_expect_str_eq(found, name, "%x: %s", address, found);
    cr_expect_eq(offset, distance, "%x: %s+%x", address, found, offset);
}

Test(image, symbol_is_the_function_at_or_before_the_address)
{
    struct file file;
    struct bench bench;
    uint32_t offset;
    file_init(&file);
    cr_assert(bench_load(&bench, &file, sizeof(file), MEMORY, 100));
    cr_expect_null(image_symbol(&bench.image, 0, &offset));
    cr_expect_null(image_symbol(&bench.image, TEXT + 0xF, &offset));
    expect_symbol(&bench.image, TEXT + 0x10, "early", 0);
    expect_symbol(&bench.image, TEXT + 0x7FF, "early", 0x7EF);
    expect_symbol(&bench.image, TEXT + 0x800, "late", 0);
    expect_symbol(&bench.image, bench.image.end - 1, "late", bench.image.end - 1 - TEXT - 0x800);
    cr_expect_null(image_symbol(&bench.image, bench.image.end, &offset));
    cr_expect_null(image_symbol(&bench.image, 0xFFFFFFFF, &offset));
    bench_drop(&bench);
}

static const struct damage symbol_damages[] = {
    {FIELD(header.e_shoff), 0xFFFFFFF0, NULL},
    {FIELD(header.e_shoff), sizeof(struct file) - 79, NULL},
    {FIELD(header.e_shentsize), 64, NULL},
    {FIELD(header.e_shnum), 0, NULL},
    {FIELD(header.e_shnum), 2, NULL},
    {FIELD(sections[1].sh_type), SHT_DYNSYM, NULL},
    {FIELD(sections[1].sh_entsize), 24, NULL},
    {FIELD(sections[1].sh_entsize), 0, NULL},
    {FIELD(sections[1].sh_offset), sizeof(struct file) - 8, NULL},
    {FIELD(sections[1].sh_size), 0xFFFFFFFF, NULL},
    {FIELD(sections[1].sh_link), 3, NULL},
    {FIELD(sections[1].sh_link), 1, NULL},
    {FIELD(sections[2].sh_type), SHT_NOBITS, NULL},
    {FIELD(sections[2].sh_offset), 0xFFFFFFFF, NULL},
    {FIELD(sections[2].sh_size), 0, NULL},
    {FIELD(sections[2].sh_size), 5, NULL}, /* does not end with NUL */
};

Test(image, unsound_symbol_table_means_no_symbols)
{
    for (unsigned i = 0; i < sizeof(symbol_damages) / sizeof(symbol_damages[0]); i++) {
        struct file file;
        struct bench bench;
        uint32_t offset;
        file_init(&file);
        memcpy((uint8_t *)&file + symbol_damages[i].offset, &symbol_damages[i].value, symbol_damages[i].size);
        cr_assert(bench_load(&bench, &file, sizeof(file), MEMORY, 100), "case %u: %s", i, bench.error);
        cr_expect_null(image_symbol(&bench.image, TEXT + 0x10, &offset), "case %u", i);
        bench_drop(&bench);
    }
}

Test(image, empty_string_table_at_the_start_of_the_file_means_no_symbols)
{
    struct file file;
    struct bench bench;
    file_init(&file);
    file.sections[2].sh_offset = file.sections[2].sh_size = 0;
    cr_assert(bench_load(&bench, &file, sizeof(file), MEMORY, 100), "%s", bench.error);
    cr_expect_eq(bench.image.function_count, 0);
    bench_drop(&bench);
}

/* An image that has no end of its own is read in steps: what one asks for tells what the next one needs. */
Test(image, extent_grows_with_what_is_known_to_the_whole_file)
{
    struct file file;
    uint8_t longer[sizeof(file) + 5000] = {0};
    size_t known = 0, steps = 0;
    file_init(&file);
    memcpy(longer, &file, sizeof(file));
    for (uint64_t wanted; (wanted = image_extent(longer, known)) > known; steps++) {
        cr_assert_leq(wanted, sizeof(file));
        known = wanted;
    }
    cr_assert_eq(known, sizeof(file));
    cr_assert_leq(steps, 4);
}

Test(image, extent_of_nonsense_is_small_or_bounded)
{
    Elf32_Ehdr header = {.e_phoff = UINT32_MAX, .e_phnum = UINT16_MAX};
    cr_assert_eq(image_extent("xyz", 3), sizeof(header));
    cr_assert_eq(image_extent(&header, sizeof(header)), sizeof(header), "it is no ELF file");
    memcpy(header.e_ident, ELFMAG, SELFMAG);
    cr_assert_eq(image_extent(&header, sizeof(header)), 256 << 20);
    header.e_phnum = 0;
    header.e_shoff = 1;
    cr_assert_eq(image_extent(&header, sizeof(header)), sizeof(header), "an empty table is nowhere");
}

/* Files. */

static void expect_path_refused(const char *path, const char *reason)
{
    struct frame_pool *pool = frame_pool_new(100);
    struct image image;
    char error[256] = "", expected[256];
    snprintf(expected, sizeof(expected), "%s: %s", path, reason);
    cr_expect(!image_load(&image, path, pool, MEMORY, error, sizeof(error)));
    expect_error(error, expected);
    frame_pool_free(pool);
}

Test(image, path_that_is_no_regular_file_is_refused)
{
    expect_path_refused("/nonexistent/guest.elf", "cannot be opened: No such file or directory");
    expect_path_refused("/", "not a regular file");
    expect_path_refused("/dev/zero", "not a regular file");
}

Test(image, fifo_without_a_writer_is_refused_at_once, .timeout = 10)
{
    char path[] = "/tmp/denali-test-XXXXXX";
    close(mkstemp(path));
    unlink(path);
    cr_assert_eq(mkfifo(path, 0600), 0);
    expect_path_refused(path, "not a regular file");
    unlink(path);
}

Test(image, file_too_large_is_refused_unread)
{
    char path[] = "/tmp/denali-test-XXXXXX";
    int descriptor = mkstemp(path);
    cr_assert_eq(ftruncate(descriptor, ((off_t)256 << 20) + 1), 0);
    expect_path_refused(path, "too large: 268435457 bytes, at most 268435456 are read");
    cr_assert_eq(ftruncate(descriptor, 0), 0);
    expect_path_refused(path, "the file is empty");
    close(descriptor);
    unlink(path);
}

/* The compiler's file, and binutils as the second opinion. */

struct sample {
    const char *path;
    struct frame_pool *pool;
    struct image image;
};

static void sample_load(struct sample *sample)
{
    char error[256];
    sample->path = getenv("DENALI_TEST_SAMPLE");
    cr_assert_not_null(sample->path, "DENALI_TEST_SAMPLE is not set");
    sample->pool = frame_pool_new(100);
    cr_assert(image_load(&sample->image, sample->path, sample->pool, MEMORY, error, sizeof(error)), "%s", error);
}

static void sample_drop(struct sample *sample)
{
    image_drop(&sample->image);
    frame_pool_free(sample->pool);
}

/* Runs `tool path` and calls `line` for each line it prints. Returns how often that returned true. */
static unsigned tool_lines(struct sample *sample, const char *tool, bool (*line)(struct sample *, const char *))
{
    char command[512], text[512];
    unsigned hits = 0;
    snprintf(command, sizeof(command), "LC_ALL=C %s %s", tool, sample->path);
    FILE *output = popen(command, "r");
    cr_assert_not_null(output);
    while (fgets(text, sizeof(text), output))
        hits += line(sample, text);
    cr_assert_eq(pclose(output), 0, "%s failed", command);
    return hits;
}

static bool check_entry_line(struct sample *sample, const char *line)
{
    uint32_t entry;
    if (sscanf(line, " Entry point address: 0x%x", &entry) != 1)
        return false;
    cr_expect_eq(sample->image.entry, entry);
    return true;
}

static bool check_load_line(struct sample *sample, const char *line)
{
    uint32_t address, size;
    if (sscanf(line, " LOAD %*x %*x %x %*x %x", &address, &size) != 2)
        return false;
    cr_expect_leq(address + size, sample->image.end);
    return address + size == sample->image.end;
}

static bool check_function_line(struct sample *sample, const char *line)
{
    uint32_t address, size;
    char name[64];
    if (sscanf(line, " %*u: %x %u FUNC %*s %*s %*s %63s", &address, &size, name) != 3)
        return false;
    uint32_t offset, last = size - 1;
    const char *found = image_symbol(&sample->image, address + last, &offset);
    cr_expect_not_null(found);
    cr_expect_eq(offset, last, "%s", name);
    /* Two names of one function: either. */
    cr_expect(found && strncmp(found, name, 8) == 0, "%s instead of %s", found, name);
    return true;
}

/* " 103000 44332211 00000000 ….  text": up to 16 bytes in groups of four. */
static bool check_dump_line(struct sample *sample, const char *line)
{
    unsigned address, value;
    int length;
    if (line[0] != ' ' || sscanf(line, " %x%n", &address, &length) != 1)
        return false;
    line += length;
    for (uint32_t i = 0; i < 16; i++, line += 2) {
        line += i % 4 == 0;
        if (!isxdigit((unsigned char)*line))
            break;
        cr_assert_eq(sscanf(line, "%2x", &value), 1);
        uint32_t fault;
        uint8_t byte = 0;
        cr_expect(space_read(&sample->image.space, address + i, &byte, 1, &fault));
        cr_expect_eq(byte, value, "%x: %02x instead of %02x", address + i, byte, value);
    }
    return true;
}

Test(image, compiled_file_is_loaded_as_binutils_reads_it)
{
    struct sample sample;
    sample_load(&sample);
    cr_expect_eq(tool_lines(&sample, "readelf -hW", check_entry_line), 1);
    cr_expect_eq(tool_lines(&sample, "readelf -lW", check_load_line), 1, "one segment is the last");
    cr_expect_eq(tool_lines(&sample, "readelf -sW", check_function_line), 4);
    cr_expect_geq(tool_lines(&sample, "objdump -s -j .text -j .rodata -j .data", check_dump_line), 8,
                  "text, at least 3 lines, constants 4, data 1");
    sample_drop(&sample);
}
