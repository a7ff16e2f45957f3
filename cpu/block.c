/* SPDX-License-Identifier: MIT */
#include "block.h"

#include <stdlib.h>

#include "access.h"

static uint64_t granule_mask(uint32_t offset, uint32_t length)
{
    unsigned first = offset >> CODE_GRANULE_SHIFT, last = (offset + length - 1) >> CODE_GRANULE_SHIFT;
    return (~UINT64_C(0) << first) & (~UINT64_C(0) >> (63 - last));
}

bool code_covers(const struct code *code, uint32_t offset, uint32_t length)
{
    return length > 0 && (code->granules & granule_mask(offset, length));
}

static size_t block_size(size_t ops)
{
    return sizeof(struct block) + ops * sizeof(struct op);
}

static size_t block_ops(const struct block *block)
{
    size_t count = 1;
    while (block->ops[count - 1].run != op_end)
        count++;
    return count;
}

void code_drop(struct page *page)
{
    struct code *code = page->code;
    if (!code)
        return;
    struct cpu *c = code->cpu;
    page->code = NULL;
    for (size_t i = 0; i < CODE_BUCKETS; i++) {
        for (struct block *block = code->buckets[i], *next; block; block = next) {
            next = block->chained;
            c->counters.blocks_bytes -= block_size(block_ops(block));
            free(block);
        }
    }
    *(code->previous ? &code->previous->next : &c->codes) = code->next;
    if (code->next)
        code->next->previous = code->previous;
    c->counters.blocks_bytes -= sizeof(*code);
    free(code);
}

void code_written(struct page *page, uint32_t offset, uint32_t length)
{
    if (page->code && code_covers(page->code, offset, length))
        code_drop(page);
}

void code_drop_all(struct cpu *c)
{
    while (c->codes)
        code_drop(c->codes->page);
}

static struct code *code_new(struct cpu *c, struct page *page)
{
    struct code *code = calloc(1, sizeof(*code));
    if (!code)
        return NULL;
    code->cpu = c;
    code->page = page;
    code->serial = ++c->serials;
    code->next = c->codes;
    if (c->codes)
        c->codes->previous = code;
    c->codes = code;
    c->counters.blocks_bytes += sizeof(*code);
    page->code = code;
    access_protect(c, page);
    return code;
}

/* The operations of a block under construction. */
struct builder {
    struct op ops[BLOCK_OPS];
    size_t count;
    uint16_t instructions, length;
    bool ended; /* by an instruction after which nothing follows */
};

static bool needs_address(const struct insn *insn)
{
    if (insn->encoding->form == FORM_Iw_Ib) /* ENTER: no address, its displacement is another thing */
        return false;
    return insn->segment != SEGMENT_NONE || (insn->narrow && insn->memory);
}

/* An address that is more than base + index + displacement is computed by an operation of its own. */
static void build_address(struct builder *b, struct op *op, const struct insn *insn)
{
    struct op *address = &b->ops[b->count++];
    *address = *op;
    address->run = op_address;
    /* Which base register to add: enum segment_base. */
    address->immediate = insn->segment;
    op->base = SLOT_ADDRESS;
    op->index = SLOT_ZERO;
    op->displacement = 0;
}

static void build_instruction(struct builder *b, const struct insn *insn, op_fn *run)
{
    struct op op = {
        .run = run,
        .immediate = insn->immediate,
        .displacement = insn->displacement,
        .destination = insn->destination,
        .source = insn->source,
        .base = insn->base,
        .index = insn->index,
        .scale = insn->scale,
        .narrow = insn->narrow,
        .repeat = insn->repeat,
        .number = (uint8_t)b->instructions,
        .start = b->length,
        .length = insn->length,
    };
    const struct form_layout *form = &form_layouts[insn->encoding->form];

    if (form->immediate == IMMEDIATE_JUMP_BYTE || form->immediate == IMMEDIATE_JUMP_FULL) {
        op.immediate = op.start + op.length + insn->displacement;
        op.displacement = op.start + op.length;
    } else if (needs_address(insn)) {
        build_address(b, &op, insn);
    }
    b->ops[b->count++] = op;
    b->instructions++;
    b->length += insn->length;
    b->ended = insn->illegal || (insn->encoding->attributes & ENDS_BLOCK) || insn->repeat != REPEAT_NONE;
}

static void build_end(struct builder *b)
{
    b->ops[b->count++] = (struct op){.run = op_end, .displacement = b->length, .number = (uint8_t)b->instructions};
}

static void build_one(struct builder *b, const struct insn *insn)
{
    build_instruction(b, insn, insn->illegal ? op_illegal : insn->run);
}

/* As many instructions as lie wholly in the page, up to the first that ends a block. */
static void build_page(struct builder *b, const uint8_t *bytes, size_t available)
{
    struct insn insn;

    while (!b->ended && b->instructions < BLOCK_INSTRUCTIONS &&
           decode(bytes + b->length, available - b->length, &insn) == DECODE_OK)
        build_one(b, &insn);
}

/* Up to INSN_MAX bytes at cpu.eip, from one page or two. *inside is how many of them lie in the first. */
static size_t fetch(struct cpu *c, uint8_t bytes[INSN_MAX], size_t *inside)
{
    size_t room = PAGE_SIZE - (c->eip & PAGE_MASK);
    struct page *page = fetch_page(c, c->eip);

    *inside = 0;
    if (!page)
        return 0;
    *inside = room < INSN_MAX ? room : INSN_MAX;
    memcpy(bytes, page->bytes + (c->eip & PAGE_MASK), *inside);
    struct page *next = *inside < INSN_MAX ? fetch_page(c, c->eip + (uint32_t)*inside) : NULL;
    if (!next)
        return *inside;
    memcpy(bytes + *inside, next->bytes, INSN_MAX - *inside);
    return INSN_MAX;
}

/* An instruction that goes on in the next page is a block of its own. It keeps a copy of the bytes there and compares
 * them whenever it runs, because that page may be another one in another machine, or be written. */
static void build_straddler(struct cpu *c, struct builder *b, struct block *head)
{
    uint8_t bytes[INSN_MAX];
    size_t inside, available = fetch(c, bytes, &inside);
    struct insn insn;

    if (decode(bytes, available, &insn) != DECODE_OK || insn.length <= inside)
        return;
    b->ops[b->count++] = (struct op){.run = op_check_tail};
    build_one(b, &insn);
    head->tail_length = (uint8_t)(insn.length - inside);
    memcpy(head->tail, bytes + inside, head->tail_length);
}

static struct block *block_build(struct cpu *c, struct page *page, uint32_t offset)
{
    struct builder b = {0};
    struct block head = {.offset = (uint16_t)offset};

    build_page(&b, page->bytes + offset, PAGE_SIZE - offset);
    if (b.instructions == 0)
        build_straddler(c, &b, &head);
    if (b.instructions == 0)
        return NULL;
    build_end(&b);

    struct code *code = page->code ? page->code : code_new(c, page);
    struct block *block = code ? malloc(block_size(b.count)) : NULL;
    if (!block)
        return NULL;
    head.code = code;
    head.instructions = b.instructions;
    head.length = b.length;
    head.chained = *code_bucket(code, offset);
    *block = head;
    memcpy(block->ops, b.ops, b.count * sizeof(struct op));
    *code_bucket(code, offset) = block;
    code->granules |= granule_mask(offset, (uint32_t)b.length - head.tail_length);
    c->counters.blocks_decoded++;
    c->counters.blocks_bytes += block_size(b.count);
    return block;
}

struct block *block_find(struct cpu *c)
{
    uint32_t offset = c->eip & PAGE_MASK;
    struct page *page = fetch_page(c, c->eip);

    if (!page)
        return NULL;
    struct block *block = page->code ? code_find(page->code, offset) : NULL;
    if (block || page_is_registers(c, page))
        return block;
    return block_build(c, page, offset);
}

/* Too long or cut off: what the decoder could not finish. */
static bool decode_failed(struct cpu *c, enum decode_status status, size_t available, struct builder *b)
{
    if (status == DECODE_TOO_LONG) {
        build_instruction(b, &(struct insn){.encoding = encoding_find(MAP_1, 0x90, 0), .base = SLOT_ZERO}, op_too_long);
        return true;
    }
    access_fault(c, c->eip + (uint32_t)available, DENALI_FAULT_FETCH);
    return false;
}

bool block_decode_alone(struct cpu *c)
{
    uint8_t bytes[INSN_MAX];
    size_t inside, available = fetch(c, bytes, &inside);
    struct builder b = {0};
    struct insn insn;

    enum decode_status status = decode(bytes, available, &insn);
    if (status == DECODE_OK)
        build_one(&b, &insn);
    else if (!decode_failed(c, status, available, &b))
        return false;
    build_end(&b);
    *c->scratch = (struct block){.instructions = 1, .length = b.length};
    memcpy(c->scratch->ops, b.ops, b.count * sizeof(struct op));
    return true;
}
