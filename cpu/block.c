/* SPDX-License-Identifier: MIT */
#include "block.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

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

static size_t block_size(size_t ops, size_t instructions)
{
    return sizeof(struct block) + ops * sizeof(struct op) + (instructions + 1) * sizeof(struct part);
}

void code_drop(struct page *page)
{
    struct code *code = page->code;
    if (!code)
        return;
    struct cpu *c = code->cpu;
    page->code = NULL;
    code_places_forget(c);
    for (size_t i = 0; i < CODE_BUCKETS; i++) {
        for (struct block *block = code->buckets[i], *next; block; block = next) {
            next = block->chained;
            c->counters.blocks_bytes -= block_size(block->op_count, block->instructions);
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

/* A block under construction: its instructions, then its operations. */
struct builder {
    struct insn insns[BLOCK_INSTRUCTIONS];
    struct part parts[BLOCK_INSTRUCTIONS + 1];
    bool unseen[BLOCK_INSTRUCTIONS]; /* nobody looks at the flags that the instruction leaves */
    unsigned instructions;
    struct op ops[BLOCK_OPS];
    unsigned count;
    uint32_t offset; /* of the first instruction in its page */
};

/* Jcc with a 32-bit target; not LOOP and JCXZ. */
static bool is_conditional(const struct insn *insn)
{
    const struct encoding *row = insn->encoding;
    return row->shape == SHAPE_BRANCH && row->flags == FLAGS_READS_ALL && insn->width == 32 &&
           (row->map == MAP_0F || row->first < 0x80) && !insn->illegal;
}

/* JMP, if it stays within the bytes of the page: the block goes on at its target. */
static bool is_followed(const struct insn *insn, int64_t target, size_t size)
{
    return !insn->illegal && insn->width == 32 && insn->encoding->shape == SHAPE_BRANCH &&
           insn->encoding->flags == FLAGS_NONE && (insn->encoding->first & 0xFD) == 0xE9 && target >= 0 &&
           (size_t)target < size;
}

/* Nothing follows it in a block. Jumps forward are taken less often than not; those backward close loops. */
static bool ends_block(const struct insn *insn)
{
    if (is_conditional(insn))
        return (int32_t)insn->displacement < 0;
    return insn->illegal || (insn->encoding->attributes & ENDS_BLOCK) || insn->repeat != REPEAT_NONE;
}

/* From `position` in these bytes, which is `offset` in the page, as many instructions as lie wholly in them and belong
 * to one block. */
static void build_decode(struct builder *b, const uint8_t *bytes, size_t size, size_t position, uint32_t offset,
                         unsigned limit)
{
    b->instructions = b->count = 0;
    b->offset = offset;
    const int64_t shift = (int64_t)offset - (int64_t)position;
    for (bool ended = false; !ended && b->instructions < limit; b->instructions++) {
        struct insn *insn = &b->insns[b->instructions];
        if (position >= size || decode(bytes + position, size - position, insn) != DECODE_OK)
            break;
        b->parts[b->instructions] =
            (struct part){.start = (int16_t)(shift + (int64_t)position), .handlers = insn->illegal ? NULL : insn->run};
        position += insn->length;
        const int64_t target = (int64_t)position + (int32_t)insn->displacement;
        if (is_followed(insn, target, size))
            position = (size_t)target;
        else
            ended = ends_block(insn);
    }
    b->parts[b->instructions] = (struct part){.start = (int16_t)(shift + (int64_t)position)};
}

/* The flags before this instruction may be seen: by an exception, or by code that is not known here. */
static bool shows_flags(const struct insn *insn)
{
    const struct encoding *row = insn->encoding;
    bool harmless = row->shape <= SHAPE_COMPARE;

    if (row->form == FORM_Gv_address) /* LEA: it is not accessed */
        return false;
    return insn->illegal || !harmless || insn->memory || (row->attributes & USES_STACK);
}

/* The status flags that are what the instruction makes them, whatever they were before. */
static uint16_t flags_made(const struct insn *insn)
{
    const struct flag_masks *effect = &flag_effects[insn->encoding->flags];
    bool shift = insn->encoding->flags == FLAGS_SHIFT || insn->encoding->flags == FLAGS_SHIFT_DOUBLE;
    bool certain = shift && form_layouts[insn->encoding->form].immediate == IMMEDIATE_BYTE && (insn->immediate & 31);

    return effect->written & (certain ? ~0 : ~effect->kept);
}

/* Backwards from the end, where all flags may be seen: which instructions leave flags that nobody sees? */
static void build_find_unseen(struct builder *b)
{
    uint16_t wanted = FLAGS_STATUS;

    for (unsigned i = b->instructions; i-- > 0;) {
        const struct insn *insn = &b->insns[i];
        const struct flag_masks *effect = &flag_effects[insn->encoding->flags];
        b->unseen[i] = !(effect->written & wanted);
        wanted = shows_flags(insn) ? FLAGS_STATUS : (wanted & ~flags_made(insn)) | effect->read;
    }
}

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

/* Index of the registers in a table of handlers that know them, or -1: they are not in it. */
static int known_index(enum known_by by, const struct op *op)
{
    const unsigned d = op->destination, s = op->source, b = op->base;
    const struct {
        unsigned first, second, seconds; /* slots; and the numbers of registers that there are */
    } choices[] = {[KNOWN_BY_NONE] = {0, 0, 0},         [KNOWN_BY_D] = {0, d, CPU_REGISTERS},
                   [KNOWN_BY_EAX] = {0, d, 1},          [KNOWN_BY_S] = {0, s, CPU_REGISTERS},
                   [KNOWN_BY_B] = {0, b, KNOWN_BASES},  [KNOWN_BY_DS] = {d, s, CPU_REGISTERS},
                   [KNOWN_BY_DB] = {d, b, KNOWN_BASES}, [KNOWN_BY_SB] = {s, b, KNOWN_BASES}};
    const unsigned first = choices[by].first, second = choices[by].second, seconds = choices[by].seconds;

    if (op->index != SLOT_ZERO || first % 4 || second % 4 || first / 4 >= CPU_REGISTERS || second / 4 >= seconds)
        return -1;
    return (int)(first / 4 * seconds + second / 4);
}

static op_fn *handler(const struct insn *insn, const struct op *op, bool unseen)
{
    if (insn->illegal)
        return op_illegal;
    const int index = known_index(insn->run->known_by, op);
    if (index >= 0)
        return insn->run->known[unseen][index];
    if (insn->run->indexed && op->index % 4 == 0 && op->index < 4 * CPU_REGISTERS)
        return insn->run->indexed[op->index + op->scale];
    return insn->run->run[unseen][op->index == SLOT_ZERO ? ADDRESS_BASE : ADDRESS_ANY];
}

static bool is_jump(const struct insn *insn)
{
    enum immediate immediate = form_layouts[insn->encoding->form].immediate;
    return immediate == IMMEDIATE_JUMP_BYTE || immediate == IMMEDIATE_JUMP_FULL;
}

/* A place for one. */
static void build_link(struct builder *b)
{
    b->ops[b->count++] = (struct op){0};
}

/* A link that leads nowhere yet: to itself. */
static void link_init(struct op *from)
{
    *op_link(from) = (struct link){.run = op_go_far, .to = from + 1, .serial = LINK_UNKNOWN};
    from->cost = 0;
}

/* Operations to where they will stay. */
static void ops_place(struct op *ops, const struct builder *b)
{
    memcpy(ops, b->ops, b->count * sizeof(struct op));
    for (unsigned i = 1; i < b->count; i++)
        if (!ops[i].run)
            link_init(&ops[i - 1]);
}

static void build_instruction(struct builder *b, unsigned number, bool straddles)
{
    const struct insn *insn = &b->insns[number];
    struct op op = {
        .immediate = insn->immediate,
        .displacement = insn->displacement,
        .destination = insn->destination,
        .source = insn->source,
        .base = insn->base,
        .index = insn->index,
        .scale = insn->scale,
        .narrow = insn->narrow,
        .repeat = insn->repeat,
        .left = (uint8_t)(b->instructions - 1 - number),
        .straddles = straddles,
        .start = b->parts[number].start,
        .end = (int16_t)(b->parts[number].start + insn->length),
    };

    if (is_jump(insn))
        op.immediate = (uint32_t)op.end + insn->displacement;
    else if (needs_address(insn))
        build_address(b, &op, insn);
    op.run = handler(insn, &op, b->unseen[number]);
    b->ops[b->count++] = op;
    if (is_jump(insn))
        build_link(b);
}

/* Two instructions as one, if the second is a conditional jump and there is a handler for that: the first operation
 * then does the work of both. */
static void build_fuse(struct builder *b, unsigned number, struct op *op)
{
    const struct insn *first = &b->insns[number], *second = first + 1;

    if (number + 1 == b->instructions || first->illegal || !is_conditional(second))
        return;
    const struct handlers *handlers = first->run;
    op_fn *const *fused = handlers->fused[op->index == SLOT_ZERO ? ADDRESS_BASE : ADDRESS_ANY];
    const unsigned condition = second->encoding->first & 15;
    const int index = known_index(handlers->fused_by, op);
    op_fn *known = index >= 0 ? handlers->fused_known[condition][index] : NULL;
    if (fused && fused[condition])
        op->run = known ? known : fused[condition];
}

static bool is_push_or_pop(const struct insn *insn)
{
    return insn->encoding->form == FORM_push_Zv || insn->encoding->form == FORM_pop_Zv;
}

static bool is_in_run(const struct insn *insn, enum form form)
{
    const uint8_t slot = form == FORM_push_Zv ? insn->source : insn->destination;
    return insn->encoding->form == form && insn->width == 32 && !insn->illegal && slot != ESP * 4;
}

/* Two to four PUSHes, or POPs, that begin here: the first operation does the work of all. */
static void build_run(const struct builder *b, unsigned number, struct op *op)
{
    static op_fn *const pushes[] = {op_push_2, op_push_3, op_push_4}, *const pops[] = {op_pop_2, op_pop_3, op_pop_4};
    const enum form form = b->insns[number].encoding->form;
    unsigned count = 0;

    if (!is_push_or_pop(&b->insns[number]))
        return;
    while (count < RUN_MOST && number + count < b->instructions && is_in_run(&b->insns[number + count], form))
        count++;
    if (count >= RUN_LEAST)
        op->run = (form == FORM_push_Zv ? pushes : pops)[count - RUN_LEAST];
}

/* A jump that has been followed is an instruction, but no operation. */
static bool is_elided(const struct builder *b, unsigned number)
{
    const struct insn *insn = &b->insns[number];
    return is_jump(insn) && b->parts[number + 1].start != b->parts[number].start + insn->length;
}

/* For struct part; `end` is neither the first instruction nor behind the last. Flags before something that shows them
 * are right in any case. */
static unsigned find_affected(const struct builder *b, unsigned end)
{
    unsigned first = end;

    if (is_conditional(&b->insns[end]))
        first = end - 1;
    if (is_push_or_pop(&b->insns[end]))
        while (first > 0 && end - first < RUN_MOST - 1 && is_push_or_pop(&b->insns[first - 1]))
            first--;
    uint16_t wanted = FLAGS_STATUS;
    for (unsigned i = end; wanted && i-- > 0;) {
        const struct insn *insn = &b->insns[i];
        if (b->unseen[i] && i < first)
            first = i;
        wanted = shows_flags(insn) ? 0 : wanted & ~flags_made(insn);
    }
    return first;
}

/* Whatever happens. */
static bool leads_away(const struct insn *insn)
{
    return !insn->illegal && insn->encoding->shape >= SHAPE_CALL;
}

static void build_ops(struct builder *b, bool straddles)
{
    build_find_unseen(b);
    for (unsigned i = 0; i < b->instructions; i++) {
        b->parts[i].op = (uint8_t)b->count;
        if (is_elided(b, i))
            continue;
        build_instruction(b, i, straddles);
        build_fuse(b, i, &b->ops[b->count - 1]);
        build_run(b, i, &b->ops[b->count - 1]);
    }
    b->parts[b->instructions].op = (uint8_t)b->count;
    for (unsigned end = 1; end < b->instructions; end++)
        b->parts[end].affects = (uint8_t)find_affected(b, end);
    if (leads_away(&b->insns[b->instructions - 1]))
        return;
    b->ops[b->count++] = (struct op){.run = op_end, .immediate = (uint32_t)b->parts[b->instructions].start};
    build_link(b);
}

/* Up to INSN_MAX bytes at cpu.eip, from two pages only if the instruction goes on in the second: no other is asked for
 * than what is to be executed. *inside is how many of them lie in the first. */
static size_t fetch(struct cpu *c, uint8_t bytes[INSN_MAX], size_t *inside)
{
    size_t room = PAGE_SIZE - (c->eip & PAGE_MASK);
    struct page *page = fetch_page(c, c->eip);
    struct insn insn;

    *inside = 0;
    if (!page)
        return 0;
    *inside = room < INSN_MAX ? room : INSN_MAX;
    memcpy(bytes, page->bytes + (c->eip & PAGE_MASK), *inside);
    if (*inside == INSN_MAX || decode(bytes, *inside, &insn) != DECODE_MORE)
        return *inside;
    struct page *next = fetch_page(c, c->eip + (uint32_t)*inside);
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

    if (decode(bytes, available, b->insns) != DECODE_OK || b->insns->length <= inside)
        return;
    b->instructions = 1;
    b->parts[0] = (struct part){.start = (int16_t)b->offset, .handlers = b->insns->illegal ? NULL : b->insns->run};
    b->parts[1] = (struct part){.start = (int16_t)(b->offset + b->insns->length)};
    b->ops[b->count++] = (struct op){.run = op_check_tail, .start = (int16_t)b->offset};
    head->tail_length = (uint8_t)(b->insns->length - inside);
    memcpy(head->tail, bytes + inside, head->tail_length);
}

static struct block *block_build(struct cpu *c, struct page *page, uint32_t offset)
{
    struct builder b;
    struct block head = {.offset = (uint16_t)offset};

    build_decode(&b, page->bytes, PAGE_SIZE, offset, offset, BLOCK_INSTRUCTIONS);
    if (b.instructions == 0)
        build_straddler(c, &b, &head);
    if (b.instructions == 0)
        return NULL;
    build_ops(&b, head.tail_length > 0);

    struct code *code = page->code ? page->code : code_new(c, page);
    struct block *block = code ? malloc(block_size(b.count, b.instructions)) : NULL;
    if (!block)
        return NULL;
    head.code = code;
    head.instructions = (uint16_t)b.instructions;
    head.op_count = (uint16_t)b.count;
    head.chained = *code_bucket(code, offset);
    *block = head;
    ops_place(block->ops, &b);
    memcpy(block_parts(block), b.parts, (b.instructions + 1) * sizeof(struct part));
    *code_bucket(code, offset) = block;
    for (unsigned i = 0; i < b.instructions; i++)
        code->granules |= granule_mask((uint32_t)b.parts[i].start, b.insns[i].length - head.tail_length);
    c->counters.blocks_decoded++;
    c->counters.blocks_bytes += block_size(b.count, b.instructions);
    return block;
}

struct code *code_here(struct cpu *c)
{
    struct code_entry *entry = code_entry(c, code_key(c, c->eip));

    if (entry->key == code_key(c, c->eip))
        return entry->code;
    const struct page *page = execute_page(c, c->eip);
    if (!page || !page->code)
        return NULL;
    *code_entry(c, code_key(c, c->eip)) = (struct code_entry){.key = code_key(c, c->eip), .code = page->code};
    return page->code;
}

struct block *block_find(struct cpu *c)
{
    uint32_t offset = c->eip & PAGE_MASK;
    struct code *code = code_here(c);
    struct block *block = code ? code_find(code, offset) : NULL;

    if (block)
        return block;
    struct page *page = execute_page(c, c->eip);
    return !page || page_is_registers(c, page) ? NULL : block_build(c, page, offset);
}

static void scratch_fill(struct cpu *c, const struct builder *b)
{
    *c->scratch = (struct block){.instructions = (uint16_t)b->instructions};
    ops_place(c->scratch->ops, b);
}

/* The operation that an instruction's handler is in. */
static struct op *op_of(struct block *block, unsigned number)
{
    struct op *op = &block->ops[block_parts(block)[number].op];
    return op + (op->run == op_address);
}

void block_cut(struct block *block, unsigned end, op_fn *before[])
{
    const struct part *parts = block_parts(block);

    for (unsigned i = parts[end].affects; i < end; i++) {
        if (parts[i].op == parts[i + 1].op)
            continue;
        struct op *op = op_of(block, i);
        before[i] = op->run;
        op->run = parts[i].handlers->run[FLAGS_SEEN][ADDRESS_ANY];
    }
    before[end] = block->ops[parts[end].op].run;
    block->ops[parts[end].op].run = op_end_part;
}

void block_mend(struct block *block, unsigned end, op_fn *const before[])
{
    const struct part *parts = block_parts(block);

    block->ops[parts[end].op].run = before[end];
    for (unsigned i = parts[end].affects; i < end; i++)
        if (parts[i].op != parts[i + 1].op)
            op_of(block, i)->run = before[i];
}

void block_take_alone(struct cpu *c, const struct block *block)
{
    const struct part *first = block_parts(block);
    const unsigned count = first[1].op;
    struct op *ops = c->scratch->ops;

    *c->scratch = (struct block){.instructions = 1};
    memcpy(ops, block->ops, count * sizeof(struct op));
    if (count > 0) {
        struct op *op = &ops[ops->run == op_address];
        op->left = 0;
        if (first->handlers)
            op->run = first->handlers->run[FLAGS_SEEN][ADDRESS_ANY];
    }
    for (unsigned i = 1; i < count; i++)
        if (ops[i].run == op_go_far)
            link_init(&ops[i - 1]);
    ops[count] = (struct op){.run = op_end, .immediate = (uint32_t)first[1].start};
    link_init(&ops[count]);
}

/* An instruction of more than INSN_MAX bytes. */
static void build_too_long(struct builder *b)
{
    b->count = 0;
    b->insns[0] = (struct insn){.encoding = encoding_find(MAP_1, 0x90, 0), .base = SLOT_ZERO, .illegal = true};
    b->parts[0] = b->parts[1] = (struct part){.start = (int16_t)b->offset};
    b->instructions = 1;
    build_ops(b, false);
    b->ops[0].run = op_too_long;
}

bool block_decode_alone(struct cpu *c)
{
    uint8_t bytes[INSN_MAX];
    size_t inside, available = fetch(c, bytes, &inside);
    struct builder b;
    struct insn insn;

    switch (decode(bytes, available, &insn)) {
    case DECODE_OK:
        build_decode(&b, bytes, available, 0, c->eip & PAGE_MASK, 1);
        assert(b.instructions == 1);
        build_ops(&b, false);
        break;
    case DECODE_TOO_LONG:
        b.offset = c->eip & PAGE_MASK;
        build_too_long(&b);
        break;
    case DECODE_MORE:
        access_fault(c, c->eip + (uint32_t)available, DENALI_FAULT_FETCH);
        return false;
    }
    scratch_fill(c, &b);
    return true;
}
