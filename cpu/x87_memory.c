/* SPDX-License-Identifier: MIT
 *
 * The x87 and memory: operands of all formats, the control word, the environment (Intel SDM vol. 1, 4.2, 4.7
 * and 8.1.10).
 */
#include "x87_core.h"

/* Memory operands. All of one is written or nothing. */

static bool memory_read(struct cpu *c, uint32_t address, void *to, unsigned bytes)
{
    for (unsigned done = 0; done < bytes; done += 4) {
        unsigned part = bytes - done < 4 ? bytes - done : 4;
        uint64_t value = load(c, address + done, part);
        if (value & LOAD_FAILED)
            return false;
        bytes_put((uint8_t *)to + done, (uint32_t)value, part);
    }
    return true;
}

static bool memory_check(struct cpu *c, uint32_t address, unsigned bytes)
{
    for (unsigned done = 0; done < bytes; done += 4)
        if (!modify_begin(c, address + done, bytes - done < 4 ? bytes - done : 4))
            return false;
    return true;
}

/* After memory_check(). */
static void memory_write(struct cpu *c, uint32_t address, const void *from, unsigned bytes)
{
    for (unsigned done = 0; done < bytes; done += 4) {
        unsigned part = bytes - done < 4 ? bytes - done : 4;
        store(c, address + done, bytes_get((const uint8_t *)from + done, part), part);
    }
}

static unsigned format_bytes(enum x87_format format)
{
    static const uint8_t bytes[] = {[X87_SINGLE] = 4, [X87_DOUBLE] = 8, [X87_EXTENDED] = 10, [X87_INT16] = 2,
                                    [X87_INT32] = 4,  [X87_INT64] = 8,  [X87_BCD] = 10};
    return bytes[format];
}

/* An operand as it lies in memory. */
union image {
    uint8_t bytes[10];
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
};

enum { BCD_BYTES = 9 };
#define BCD_LIMIT INT64_C(1000000000000000000)

static struct real bcd_read(const uint8_t *bytes)
{
    int64_t value = 0;
    for (int i = BCD_BYTES - 1; i >= 0; i--)
        value = value * 100 + (bytes[i] >> 4) * 10 + (bytes[i] & 15);
    struct real result = real_from_integer(value);
    result.negative = bytes[BCD_BYTES] >> 7;
    return result;
}

static void bcd_write(uint8_t *bytes, uint64_t magnitude, bool negative)
{
    for (int i = 0; i < BCD_BYTES; i++, magnitude /= 100)
        bytes[i] = (uint8_t)((magnitude / 10 % 10) << 4 | magnitude % 10);
    bytes[BCD_BYTES] = negative ? 0x80 : 0;
}

static struct real image_value(const union image *image, enum x87_format format)
{
    struct x87_register extended;

    switch (format) {
    case X87_SINGLE:
        return real_from_single(image->u32);
    case X87_DOUBLE:
        return real_from_double(image->u64);
    case X87_EXTENDED:
        memcpy(&extended.significand, image->bytes, 8);
        memcpy(&extended.sign_exponent, image->bytes + 8, 2);
        return real_from_extended(extended);
    case X87_INT16:
        return real_from_integer((int16_t)image->u16);
    case X87_INT32:
        return real_from_integer((int32_t)image->u32);
    case X87_INT64:
        return real_from_integer((int64_t)image->u64);
    case X87_BCD:
        break;
    }
    return bcd_read(image->bytes);
}

static bool begin_image(struct cpu *c, const struct op *op, enum x87_format format, union image *image)
{
    uint32_t address = address_of(c, op);
    if (!x87_wait(c) || !memory_read(c, address, image, format_bytes(format)))
        return false;
    c->fpu->operand = address;
    return x87_begin(c, op);
}

bool x87_begin_read(struct cpu *c, const struct op *op, enum x87_format format, struct real *value)
{
    union image image;
    if (!begin_image(c, op, format, &image))
        return false;
    *value = image_value(&image, format);
    return true;
}

/* Loads. */

/* A number in memory that is no extended one, converted; false: not to be pushed. A denormal one is, always. */
static bool converted(struct fpu_state *f, struct real value, struct x87_register *result)
{
    struct real_context context = full_context_of(f);

    if (!x87_nan_result(&context, value, value, result)) {
        context.raised |= value.denormal ? REAL_DENORMAL : 0;
        *result = real_to_extended(&context, value);
    }
    x87_conclude(f, &context);
    return !(context.raised & context.unmasked & REAL_INVALID);
}

bool x87_load(struct cpu *c, const struct op *op, enum x87_format format)
{
    struct fpu_state *f = c->fpu;
    struct x87_register result = indefinite;
    union image image;

    if (!begin_image(c, op, format, &image))
        return false;
    set_conditions(f, X87_C1, 0);
    if (is_full(f, 7)) {
        x87_push(f, indefinite);
    } else if (format == X87_EXTENDED) {
        memcpy(&result.significand, image.bytes, 8);
        memcpy(&result.sign_exponent, image.bytes + 8, 2);
        push_stack(f, result);
    } else if (converted(f, image_value(&image, format), &result)) {
        push_stack(f, result);
    }
    return x87_end(c, op);
}

/* Stores. */

static uint32_t single_image(struct real_context *context, struct real value)
{
    struct x87_register nan;
    if (!x87_nan_result(context, value, value, &nan))
        return real_to_single(context, value);
    return (uint32_t)(nan.sign_exponent & SIGN) << 16 | 0x7F800000 | (uint32_t)(nan.significand << 1 >> 41);
}

static uint64_t double_image(struct real_context *context, struct real value)
{
    struct x87_register nan;
    if (!x87_nan_result(context, value, value, &nan))
        return real_to_double(context, value);
    return (uint64_t)(nan.sign_exponent & SIGN) << 48 | UINT64_C(0x7FF) << 52 | nan.significand << 1 >> 12;
}

static int64_t integer_image(struct real_context *context, struct real value, unsigned bits)
{
    if (!value.invalid)
        return real_to_integer(context, value, bits);
    context->raised |= REAL_INVALID;
    return (int64_t)(~UINT64_C(0) << (bits - 1));
}

static void bcd_image(struct real_context *context, struct real value, uint8_t *bytes)
{
    static const uint8_t bcd_indefinite[] = {0, 0, 0, 0, 0, 0, 0, 0xC0, 0xFF, 0xFF};
    struct real_context attempt = *context;
    int64_t integer = integer_image(&attempt, value, 64);

    if (attempt.raised & REAL_INVALID || integer <= -BCD_LIMIT || integer >= BCD_LIMIT) {
        context->raised |= REAL_INVALID;
        memcpy(bytes, bcd_indefinite, sizeof(bcd_indefinite));
        return;
    }
    *context = attempt;
    bcd_write(bytes, (uint64_t)(integer < 0 ? -integer : integer), value.negative);
}

static void image_make(struct real_context *context, struct x87_register from, enum x87_format format,
                       union image *image)
{
    struct real value = real_from_extended(from);

    switch (format) {
    case X87_SINGLE:
        image->u32 = single_image(context, value);
        break;
    case X87_DOUBLE:
        image->u64 = double_image(context, value);
        break;
    case X87_EXTENDED:
        memcpy(image->bytes, &from.significand, 8);
        memcpy(image->bytes + 8, &from.sign_exponent, 2);
        break;
    case X87_INT16:
        image->u16 = (uint16_t)integer_image(context, value, 16);
        break;
    case X87_INT32:
        image->u32 = (uint32_t)integer_image(context, value, 32);
        break;
    case X87_INT64:
        image->u64 = (uint64_t)integer_image(context, value, 64);
        break;
    case X87_BCD:
        bcd_image(context, value, image->bytes);
        break;
    }
}

/* With these unmasked nothing goes to memory (SDM vol. 1, 8.5.4 and 8.5.5). */
#define FORBIDS_STORE (REAL_INVALID | REAL_OVERFLOW | REAL_UNDERFLOW)

static bool store_rounded(struct cpu *c, const struct op *op, enum x87_format format, bool pops,
                          struct real_context context)
{
    struct fpu_state *f = c->fpu;
    union image image;
    uint32_t address = address_of(c, op);
    bool underflow = !is_full(f, 0);

    if (underflow)
        context.raised = REAL_INVALID;
    image_make(&context, underflow ? indefinite : *st(f, 0), format, &image);
    unsigned forbidding = context.raised & context.unmasked & FORBIDS_STORE;
    if (forbidding) {
        context.raised = (uint8_t)forbidding;
        context.rounded_up = false;
    }
    if (!x87_wait(c) || !memory_check(c, address, format_bytes(format)))
        return false;
    if (!forbidding)
        memory_write(c, address, &image, format_bytes(format));
    x87_begin(c, op);
    f->operand = address;
    if (underflow)
        x87_stack_fault(f, STACK_UNDERFLOW);
    else
        x87_conclude(f, &context);
    if (!forbidding && pops)
        pop_stack(f, 1);
    return x87_end(c, op);
}

bool x87_store(struct cpu *c, const struct op *op, enum x87_format format, bool pops)
{
    return store_rounded(c, op, format, pops, full_context_of(c->fpu));
}

bool x87_store_truncated(struct cpu *c, const struct op *op, enum x87_format format)
{
    struct real_context context = full_context_of(c->fpu);
    context.rounding = ROUND_ZERO;
    return store_rounded(c, op, format, true, context);
}

/* Tags of two bits (SDM vol. 1, 8.1.7). */
enum { TAG_VALID, TAG_ZERO, TAG_SPECIAL, TAG_EMPTY };

static unsigned tag_of(const struct fpu_state *f, unsigned i)
{
    const struct x87_register *r = &f->registers[i];
    unsigned exponent = r->sign_exponent & EXPONENT_INFINITE;

    if (!(f->full >> i & 1))
        return TAG_EMPTY;
    if (exponent == 0 && r->significand == 0)
        return TAG_ZERO;
    return exponent == 0 || exponent == EXPONENT_INFINITE || !(r->significand >> 63) ? TAG_SPECIAL : TAG_VALID;
}

static uint16_t tags(const struct fpu_state *f)
{
    unsigned word = 0;
    for (unsigned i = 0; i < 8; i++)
        word |= tag_of(f, i) << (2 * i);
    return (uint16_t)word;
}

static uint8_t full_by_tags(uint16_t word)
{
    unsigned full = 0;
    for (unsigned i = 0; i < 8; i++)
        full |= (unsigned)((word >> (2 * i) & 3) != TAG_EMPTY) << i;
    return (uint8_t)full;
}

/* The environment is seven words, of 32 or 16 bits; the registers follow it, ST(0) first. */
enum { ENVIRONMENT_WORDS = 7, REGISTER_BYTES = 10, STATE_BYTES = ENVIRONMENT_WORDS * 4 + 8 * REGISTER_BYTES };
enum { WORD_CONTROL, WORD_STATUS, WORD_TAGS, WORD_INSTRUCTION, WORD_CODE_SEGMENT, WORD_OPERAND, WORD_DATA_SEGMENT };

static unsigned state_bytes(unsigned bits, bool registers)
{
    return ENVIRONMENT_WORDS * (bits / 8) + (registers ? 8 * REGISTER_BYTES : 0);
}

bool x87_store_environment(struct cpu *c, const struct op *op, unsigned bits, bool registers)
{
    struct fpu_state *f = c->fpu;
    const uint32_t high = 0xFFFF0000;
    const uint32_t words[ENVIRONMENT_WORDS] = {high | f->control,
                                               high | f->status,
                                               high | tags(f),
                                               f->instruction,
                                               (uint32_t)f->opcode << 16,
                                               f->operand,
                                               high};
    uint8_t bytes[STATE_BYTES];

    for (unsigned i = 0; i < ENVIRONMENT_WORDS; i++)
        bytes_put(bytes + i * (bits / 8), words[i], bits / 8);
    for (unsigned i = 0; i < 8; i++) {
        uint8_t *place = bytes + state_bytes(bits, false) + i * REGISTER_BYTES;
        memcpy(place, &st(f, i)->significand, 8);
        memcpy(place + 8, &st(f, i)->sign_exponent, 2);
    }
    if (!memory_check(c, address_of(c, op), state_bytes(bits, registers)))
        return false;
    memory_write(c, address_of(c, op), bytes, state_bytes(bits, registers));
    if (registers)
        x87_reset(f);
    else
        x87_set_control(f, f->control | X87_EXCEPTIONS);
    return true;
}

bool x87_load_environment(struct cpu *c, const struct op *op, unsigned bits, bool registers)
{
    struct fpu_state *f = c->fpu;
    uint8_t bytes[STATE_BYTES];
    uint32_t words[ENVIRONMENT_WORDS];

    if (!x87_wait(c) || !memory_read(c, address_of(c, op), bytes, state_bytes(bits, registers)))
        return false;
    for (unsigned i = 0; i < ENVIRONMENT_WORDS; i++)
        words[i] = bytes_get(bytes + i * (bits / 8), bits / 8);
    x87_set_status(f, (uint16_t)words[WORD_STATUS]);
    x87_set_control(f, (uint16_t)words[WORD_CONTROL]);
    f->full = full_by_tags((uint16_t)words[WORD_TAGS]);
    f->instruction = words[WORD_INSTRUCTION];
    f->opcode = words[WORD_CODE_SEGMENT] >> 16 & 0x7FF;
    f->operand = words[WORD_OPERAND];
    for (unsigned i = 0; registers && i < 8; i++) {
        const uint8_t *place = bytes + state_bytes(bits, false) + i * REGISTER_BYTES;
        memcpy(&st(f, i)->significand, place, 8);
        memcpy(&st(f, i)->sign_exponent, place + 8, 2);
    }
    return true;
}
