/* SPDX-License-Identifier: MIT
 *
 * The ELF loader (Tool Interface Standard: ELF 1.2, book I). Nothing in the file is believed: every offset is checked
 * against the file's size, every address against the machine's memory, before anything is loaded. Work and memory are
 * bounded by the size of the file. Symbols are a help for people only: a file whose symbol table is unsound has none.
 */
#include "image.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define FILE_SIZE_MAX ((size_t)256 << 20)

struct image_function {
    uint32_t address;
    uint32_t name; /* where in the file; ends with NUL there */
};

/* A program header of type PT_LOAD that occupies memory. */
struct segment {
    uint32_t number; /* in the program header table */
    uint32_t offset, file_size;
    uint32_t address, size; /* their sum does not overflow */
};

/* One load in progress. */
struct loader {
    struct image *image;
    const char *name;
    uint32_t memory_size;
    char *error;
    size_t error_size;
    Elf32_Ehdr header;
    struct segment *segments; /* owned */
    uint32_t segment_count;
};

__attribute__((format(printf, 2, 3))) static bool load_fail(struct loader *loader, const char *format, ...)
{
    int length = snprintf(loader->error, loader->error_size, "%s: ", loader->name);
    if (length < 0 || (size_t)length >= loader->error_size)
        return false;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(loader->error + length, loader->error_size - (size_t)length, format, arguments);
    va_end(arguments);
    return false;
}

static bool file_has(const struct image *image, uint64_t offset, uint64_t length)
{
    return offset <= image->file_size && length <= image->file_size - offset;
}

static bool check_ident(struct loader *loader)
{
    const unsigned char *ident = loader->header.e_ident;
    if (memcmp(ident, ELFMAG, SELFMAG) != 0)
        return load_fail(loader, "not an ELF file: it begins with %02x %02x %02x %02x instead of 7f 45 4c 46", ident[0],
                         ident[1], ident[2], ident[3]);
    if (ident[EI_CLASS] == ELFCLASS64)
        return load_fail(loader, "ELF header: a 64-bit file, machines are 32-bit: compile and link with -m32");
    if (ident[EI_CLASS] != ELFCLASS32)
        return load_fail(loader, "ELF header: class %u (byte %d) is neither 32-bit nor 64-bit", ident[EI_CLASS],
                         EI_CLASS);
    if (ident[EI_DATA] == ELFDATA2MSB)
        return load_fail(loader, "ELF header: a big-endian file, machines are little-endian");
    if (ident[EI_DATA] != ELFDATA2LSB)
        return load_fail(loader, "ELF header: data encoding %u (byte %d) is neither little-endian nor big-endian",
                         ident[EI_DATA], EI_DATA);
    return true;
}

static bool check_type(struct loader *loader)
{
    switch (loader->header.e_type) {
    case ET_EXEC:
        return true;
    case ET_DYN:
        return load_fail(loader, "ELF header: a position-independent executable: link with -no-pie -static");
    case ET_REL:
        return load_fail(loader, "ELF header: an object file, not an executable: link it");
    default:
        return load_fail(loader, "ELF header: type %u is not an executable (ET_EXEC, %d)", loader->header.e_type,
                         ET_EXEC);
    }
}

static bool read_header(struct loader *loader)
{
    const struct image *image = loader->image;
    Elf32_Ehdr *header = &loader->header;
    if (image->file_size == 0)
        return load_fail(loader, "the file is empty");
    if (image->file_size < sizeof(*header))
        return load_fail(loader, "too short: %zu bytes, an ELF header has %zu", image->file_size, sizeof(*header));
    memcpy(header, image->file, sizeof(*header));
    if (!check_ident(loader))
        return false;
    if (header->e_machine != EM_386)
        return load_fail(loader, "ELF header: for processor %u, not for the 386 (EM_386, %d)", header->e_machine,
                         EM_386);
    if (!check_type(loader))
        return false;
    if (header->e_phentsize != sizeof(Elf32_Phdr))
        return load_fail(loader, "ELF header: program headers of %u bytes, they have %zu", header->e_phentsize,
                         sizeof(Elf32_Phdr));
    uint64_t table = (uint64_t)header->e_phnum * sizeof(Elf32_Phdr);
    if (!file_has(image, header->e_phoff, table))
        return load_fail(
            loader, "program header table: %" PRIu64 " bytes at offset %" PRIu32 " lie outside the file of %zu bytes",
            table, header->e_phoff, image->file_size);
    return true;
}

static bool check_segment(struct loader *loader, uint32_t number, const Elf32_Phdr *header)
{
    uint32_t first = header->p_paddr;
    uint64_t end = (uint64_t)first + header->p_memsz;
    if (header->p_filesz > header->p_memsz)
        return load_fail(
            loader, "program header %" PRIu32 ": more bytes in the file (%" PRIu32 ") than in memory (%" PRIu32 ")",
            number, header->p_filesz, header->p_memsz);
    if (!file_has(loader->image, header->p_offset, header->p_filesz))
        return load_fail(loader,
                         "program header %" PRIu32 ": %" PRIu32 " bytes at offset %" PRIu32
                         " lie outside the file of %zu bytes",
                         number, header->p_filesz, header->p_offset, loader->image->file_size);
    if (end > UINT32_MAX)
        return load_fail(
            loader, "program header %" PRIu32 ": 0x%" PRIx32 " bytes at 0x%08" PRIx32 " overflow the address space",
            number, header->p_memsz, first);
    if (first < DENALI_IMAGE_BASE)
        return load_fail(loader,
                         "program header %" PRIu32 ": segment at 0x%08" PRIx32
                         ", below 0x%x, where the virtual registers are",
                         number, first, DENALI_IMAGE_BASE);
    if (end > loader->memory_size)
        return load_fail(loader,
                         "program header %" PRIu32 ": segment from 0x%08" PRIx32 " to 0x%08" PRIx64
                         " lies beyond the machine's memory, which ends at 0x%08" PRIx32
                         ": link it lower (-Ttext-segment=0x100000) or give the machine more memory",
                         number, first, end, loader->memory_size);
    return true;
}

#define NOTES_MAX 4096 /* bytes: 65,535 headers may all name the whole file */

/* Is it among these notes? What makes no sense among them is nobody's business. */
static bool has_network_note(const struct image *image, const Elf32_Phdr *header)
{
    const char name[(sizeof(DENALI_NOTE_NAME) + 3) / 4 * 4] = DENALI_NOTE_NAME;
    Elf32_Nhdr note;

    if (header->p_filesz > NOTES_MAX || !file_has(image, header->p_offset, header->p_filesz))
        return false;
    const uint8_t *bytes = image->file + header->p_offset;
    for (uint64_t at = 0, next; at + sizeof(note) <= header->p_filesz; at = next) {
        memcpy(&note, bytes + at, sizeof(note));
        next = at + sizeof(note) + (note.n_namesz + UINT64_C(3)) / 4 * 4 + (note.n_descsz + UINT64_C(3)) / 4 * 4;
        if (next <= header->p_filesz && note.n_type == DENALI_NOTE_NETWORK &&
            note.n_namesz == sizeof(DENALI_NOTE_NAME) && memcmp(bytes + at + sizeof(note), name, sizeof(name)) == 0)
            return true;
    }
    return false;
}

/* Collect the segments that occupy memory. */
static bool read_segments(struct loader *loader)
{
    loader->segments = calloc(loader->header.e_phnum + 1u, sizeof(*loader->segments));
    if (!loader->segments)
        return load_fail(loader, "out of memory for %u program headers", loader->header.e_phnum);
    for (uint32_t i = 0; i < loader->header.e_phnum; i++) {
        Elf32_Phdr header;
        memcpy(&header, loader->image->file + loader->header.e_phoff + i * sizeof(header), sizeof(header));
        if (header.p_type == PT_INTERP)
            return load_fail(loader, "program header %" PRIu32 ": asks for a dynamic linker: link with -no-pie -static",
                             i);
        if (header.p_type == PT_NOTE)
            loader->image->wants_network |= has_network_note(loader->image, &header);
        if (header.p_type != PT_LOAD || (header.p_memsz == 0 && header.p_filesz == 0))
            continue;
        if (!check_segment(loader, i, &header))
            return false;
        loader->segments[loader->segment_count++] = (struct segment){
            .number = i,
            .offset = header.p_offset,
            .file_size = header.p_filesz,
            .address = header.p_paddr,
            .size = header.p_memsz,
        };
    }
    if (loader->segment_count == 0)
        return load_fail(loader, "program header table: nothing to load (no PT_LOAD among %u headers)",
                         loader->header.e_phnum);
    return true;
}

static int segment_compare(const void *a, const void *b)
{
    const struct segment *left = a, *right = b;
    if (left->address != right->address)
        return left->address < right->address ? -1 : 1;
    return left->number < right->number ? -1 : left->number > right->number;
}

/* Sort the segments by address and see that they lie apart, with the entry point in one of them. */
static bool check_layout(struct loader *loader)
{
    const struct segment *segments = loader->segments;
    uint32_t entry = loader->header.e_entry;
    bool entry_found = false;
    qsort(loader->segments, loader->segment_count, sizeof(*segments), segment_compare);
    for (uint32_t i = 0; i < loader->segment_count; i++) {
        if (i > 0 && segments[i].address - segments[i - 1].address < segments[i - 1].size)
            return load_fail(loader,
                             "program header %" PRIu32 ": segment at 0x%08" PRIx32
                             " overlaps that of program header %" PRIu32,
                             segments[i].number, segments[i].address, segments[i - 1].number);
        entry_found |= entry >= segments[i].address && entry - segments[i].address < segments[i].size;
    }
    if (!entry_found)
        return load_fail(loader, "ELF header: entry point 0x%08" PRIx32 " lies in no loaded segment", entry);
    loader->image->end = segments[loader->segment_count - 1].address + segments[loader->segment_count - 1].size;
    return true;
}

static bool load_segments(struct loader *loader)
{
    struct image *image = loader->image;
    for (uint32_t i = 0; i < loader->segment_count; i++) {
        const struct segment *segment = &loader->segments[i];
        uint32_t fault;
        if (!space_write(&image->space, segment->address, image->file + segment->offset, segment->file_size, &fault))
            return load_fail(loader, "program header %" PRIu32 ": out of physical memory at 0x%08" PRIx32,
                             segment->number, fault);
    }
    image->entry = loader->header.e_entry;
    return true;
}

/* False: there is no such section, or it lies outside the file. */
static bool section_read(const struct image *image, const Elf32_Ehdr *header, uint32_t index, Elf32_Shdr *section)
{
    if (index >= header->e_shnum || header->e_shentsize != sizeof(*section))
        return false;
    uint64_t offset = header->e_shoff + (uint64_t)index * sizeof(*section);
    if (!file_has(image, offset, sizeof(*section)))
        return false;
    memcpy(section, image->file + offset, sizeof(*section));
    return section->sh_type == SHT_NOBITS || file_has(image, section->sh_offset, section->sh_size);
}

/* Find the symbol table and its strings. False: there is none, or it is unsound. */
static bool symbols_find(const struct image *image, const Elf32_Ehdr *header, Elf32_Shdr *symbols, Elf32_Shdr *strings)
{
    for (uint32_t i = 0; i < header->e_shnum; i++) {
        if (section_read(image, header, i, symbols) && symbols->sh_type == SHT_SYMTAB)
            return symbols->sh_entsize == sizeof(Elf32_Sym) && section_read(image, header, symbols->sh_link, strings) &&
                   strings->sh_type == SHT_STRTAB && strings->sh_size > 0 &&
                   image->file[strings->sh_offset + strings->sh_size - 1] == '\0';
    }
    return false;
}

static int function_compare(const void *a, const void *b)
{
    const struct image_function *left = a, *right = b;
    if (left->address != right->address)
        return left->address < right->address ? -1 : 1;
    return left->name < right->name ? -1 : left->name > right->name;
}

/* Of several names for one address keep the first. */
static size_t functions_deduplicate(struct image_function *functions, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || functions[i].address != functions[kept - 1].address)
            functions[kept++] = functions[i];
    }
    return kept;
}

static bool load_symbols(struct loader *loader)
{
    struct image *image = loader->image;
    Elf32_Shdr symbols, strings;
    if (image->original || !symbols_find(image, &loader->header, &symbols, &strings))
        return true;
    size_t total = symbols.sh_size / sizeof(Elf32_Sym), count = 0;
    struct image_function *functions = calloc(total + 1, sizeof(*functions));
    if (!functions)
        return load_fail(loader, "symbol table: out of memory for %zu symbols", total);
    for (size_t i = 0; i < total; i++) {
        Elf32_Sym symbol;
        memcpy(&symbol, image->file + symbols.sh_offset + i * sizeof(symbol), sizeof(symbol));
        if (ELF32_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_shndx == SHN_UNDEF)
            continue;
        if (symbol.st_name >= strings.sh_size || image->file[strings.sh_offset + symbol.st_name] == '\0')
            continue;
        functions[count++] = (struct image_function){symbol.st_value, strings.sh_offset + symbol.st_name};
    }
    qsort(functions, count, sizeof(*functions), function_compare);
    image->functions = functions;
    image->function_count = functions_deduplicate(functions, count);
    return true;
}

/* The file's bytes are in image->file. */
static bool load_file(struct loader *loader, struct frame_pool *pool)
{
    struct image *image = loader->image;
    space_init(&image->space, pool, loader->memory_size);
    image->end = 0;
    bool good = read_header(loader) && read_segments(loader) && check_layout(loader) && load_segments(loader) &&
                load_symbols(loader);
    free(loader->segments);
    if (!good)
        image_drop(image);
    else if (!image->original)
        image->hash = XXH3_64bits(image->file, image->file_size);
    return good;
}

static bool check_file_size(struct loader *loader, uint64_t size)
{
    if (size > FILE_SIZE_MAX)
        return load_fail(loader, "too large: %" PRIu64 " bytes, at most %zu are read", size, FILE_SIZE_MAX);
    return true;
}

/* Room for the file's bytes. */
static bool reserve_file(struct loader *loader, size_t size)
{
    loader->image->file = malloc(size + 1);
    return loader->image->file || load_fail(loader, "out of memory for %zu bytes", size);
}

/* Read all of an open file, of which `size` bytes are expected; a file that shrinks meanwhile is what was read. */
static bool read_all(struct loader *loader, int descriptor, size_t size)
{
    struct image *image = loader->image;
    while (image->file_size < size) {
        ssize_t got = read(descriptor, image->file + image->file_size, size - image->file_size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return load_fail(loader, "cannot be read: %s", strerror(errno));
        if (got == 0)
            break;
        image->file_size += (size_t)got;
    }
    return true;
}

static bool read_file(struct loader *loader, int descriptor)
{
    struct stat status;
    if (fstat(descriptor, &status) < 0)
        return load_fail(loader, "cannot be read: %s", strerror(errno));
    if (!S_ISREG(status.st_mode))
        return load_fail(loader, "not a regular file");
    size_t size = (size_t)status.st_size;
    if (!check_file_size(loader, size) || !reserve_file(loader, size))
        return false;
    if (read_all(loader, descriptor, size))
        return true;
    free(loader->image->file);
    return false;
}

bool image_load(struct image *image, const char *path, struct frame_pool *pool, uint32_t memory_size, char *error,
                size_t error_size)
{
    struct loader loader = {
        .image = image, .name = path, .memory_size = memory_size, .error = error, .error_size = error_size};
    *image = (struct image){0};
    /* Not blocking: opening a FIFO would wait for its writer. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return load_fail(&loader, "cannot be opened: %s", strerror(errno));
    bool read = read_file(&loader, descriptor);
    close(descriptor);
    return read && load_file(&loader, pool);
}

bool image_load_bytes(struct image *image, const char *name, const void *bytes, size_t size, struct frame_pool *pool,
                      uint32_t memory_size, char *error, size_t error_size)
{
    struct loader loader = {
        .image = image, .name = name, .memory_size = memory_size, .error = error, .error_size = error_size};
    *image = (struct image){0};
    if (!check_file_size(&loader, size) || !reserve_file(&loader, size))
        return false;
    if (size > 0)
        memcpy(image->file, bytes, size);
    image->file_size = size;
    return load_file(&loader, pool);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* The end of a table, or of the last thing that its entries point to; those can be looked at only if it is there. */

static uint64_t segments_extent(const uint8_t *bytes, size_t size, const Elf32_Ehdr *header)
{
    uint64_t extent = header->e_phoff + (uint64_t)header->e_phnum * sizeof(Elf32_Phdr);

    for (uint32_t i = 0, known = extent <= size; known && i < header->e_phnum; i++) {
        Elf32_Phdr segment;
        memcpy(&segment, bytes + header->e_phoff + i * sizeof(segment), sizeof(segment));
        if (segment.p_type == PT_LOAD)
            extent = larger(extent, (uint64_t)segment.p_offset + segment.p_filesz);
    }
    return header->e_phnum ? extent : 0;
}

static uint64_t sections_extent(const uint8_t *bytes, size_t size, const Elf32_Ehdr *header)
{
    uint64_t extent = header->e_shoff + (uint64_t)header->e_shnum * sizeof(Elf32_Shdr);

    for (uint32_t i = 0, known = extent <= size; known && i < header->e_shnum; i++) {
        Elf32_Shdr section;
        memcpy(&section, bytes + header->e_shoff + i * sizeof(section), sizeof(section));
        if (section.sh_type != SHT_NOBITS)
            extent = larger(extent, (uint64_t)section.sh_offset + section.sh_size);
    }
    return header->e_shnum ? extent : 0;
}

uint64_t image_extent(const void *bytes, size_t size)
{
    Elf32_Ehdr header;

    if (size < sizeof(header))
        return sizeof(header);
    memcpy(&header, bytes, sizeof(header));
    if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
        return sizeof(header);
    uint64_t segments = segments_extent(bytes, size, &header), sections = sections_extent(bytes, size, &header);
    uint64_t extent = larger(larger(segments, sections), sizeof(header));
    return extent < FILE_SIZE_MAX ? extent : FILE_SIZE_MAX;
}

bool image_load_variant(struct image *image, const struct image *original, struct frame_pool *pool,
                        uint32_t memory_size, char *error, size_t error_size)
{
    struct loader loader = {
        .image = image, .name = "image", .memory_size = memory_size, .error = error, .error_size = error_size};
    *image = *original;
    image->original = original;
    return load_file(&loader, pool);
}

void image_drop(struct image *image)
{
    space_drop(&image->space);
    if (image->original)
        return;
    free(image->functions);
    free(image->file);
}

const char *image_symbol(const struct image *image, uint32_t address, uint32_t *offset)
{
    size_t low = 0,
           high = image->function_count; /* functions before low lie at or before address, those from high after */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (image->functions[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || address >= image->end)
        return NULL;
    *offset = address - image->functions[low - 1].address;
    return (const char *)image->file + image->functions[low - 1].name;
}
