/* SPDX-License-Identifier: MIT
 *
 * A compressor: matches found through chains of equal hashes (LZ77), then two canonical Huffman codes, one for literals
 * and lengths, one for distances. Each repeat makes a new text, compresses it, decompresses that and compares.
 */
#include <stdbool.h>
#include <stddef.h>

#include "kernel.h"
#include "libc.h"

#define TEXT_SIZE     16384
#define PACKED_SIZE   (2 * TEXT_SIZE)
#define WORDS         256
#define WORD_SIZE     8
#define MATCH_MIN     3
#define MATCH_MAX     66
#define CHAIN_MAX     24
#define HASH_BITS     12
#define NOWHERE       UINT16_MAX
#define CODE_BITS     15
#define LENGTH_SYMBOL 256 /* the symbol of a match of the least length; 0 to 255 are literals */
#define SYMBOLS       (LENGTH_SYMBOL + MATCH_MAX - MATCH_MIN + 1)
#define DISTANCES     16 /* a distance's symbol is its number of bits; those behind the first one follow as they are */

const char kernel_name[] = "lz";
const uint32_t kernel_repeats = 350;

struct token {
    uint16_t symbol, distance; /* 0: a literal */
};

/* One Huffman code. */
struct code {
    uint32_t symbols;
    uint32_t counts[SYMBOLS]; /* how often each symbol occurs */
    uint8_t lengths[SYMBOLS]; /* of its code, 0 = does not occur */
    uint16_t bits[SYMBOLS];
    uint16_t sorted[SYMBOLS];            /* symbols in the order of their codes */
    uint16_t with_length[CODE_BITS + 1]; /* how many codes have each length */
};

struct bits {
    uint8_t *bytes;
    size_t position;
    uint32_t waiting, count;
};

static uint8_t text[TEXT_SIZE], packed[PACKED_SIZE], unpacked[TEXT_SIZE];
static char words[WORDS][WORD_SIZE];
static uint16_t heads[1 << HASH_BITS], chain[TEXT_SIZE];
static struct token tokens[TEXT_SIZE];
static struct code literals, distances;

/* The text: words of a small vocabulary, the first ones more often than the others. */

static void words_make(uint32_t *seed)
{
    for (uint32_t i = 0; i < WORDS; i++) {
        uint32_t length = 2 + (random_next(seed) >> 20) % (WORD_SIZE - 2);
        for (uint32_t j = 0; j < length; j++)
            words[i][j] = (char)('a' + (random_next(seed) >> 16) % 26);
        words[i][length - 1] = ' ';
        words[i][length] = '\0';
    }
}

static void text_make(uint32_t *seed)
{
    for (size_t at = 0; at < TEXT_SIZE;) {
        uint32_t random = random_next(seed) >> 8;
        uint32_t word = random % WORDS * (random / WORDS % WORDS) / WORDS;
        for (const char *from = words[word]; *from != '\0' && at < TEXT_SIZE;)
            text[at++] = (uint8_t)*from++;
    }
}

/* Matches. */

static uint32_t hash_at(size_t at)
{
    uint32_t three = text[at] | (uint32_t)text[at + 1] << 8 | (uint32_t)text[at + 2] << 16;
    return three * 2654435761u >> (32 - HASH_BITS);
}

static void position_enter(size_t at)
{
    if (at + MATCH_MIN > TEXT_SIZE)
        return;
    uint16_t *head = &heads[hash_at(at)];
    chain[at] = *head;
    *head = (uint16_t)at;
}

static uint32_t match_length(size_t a, size_t b)
{
    uint32_t length = 0;
    while (length < MATCH_MAX && b + length < TEXT_SIZE && text[a + length] == text[b + length])
        length++;
    return length;
}

/* The longest of the nearest matches. Returns its length. */
static uint32_t match_find(size_t at, uint32_t *distance)
{
    uint32_t longest = 0;
    if (at + MATCH_MIN > TEXT_SIZE)
        return 0;
    uint16_t candidate = heads[hash_at(at)];
    for (uint32_t tries = 0; candidate != NOWHERE && tries < CHAIN_MAX; tries++, candidate = chain[candidate]) {
        uint32_t length = match_length(candidate, at);
        if (length <= longest)
            continue;
        longest = length;
        *distance = (uint32_t)(at - candidate);
    }
    return longest;
}

static size_t tokens_find(void)
{
    size_t count = 0;
    memset(heads, 0xFF, sizeof(heads));
    for (size_t at = 0; at < TEXT_SIZE;) {
        uint32_t distance = 0, length = match_find(at, &distance);
        if (length < MATCH_MIN) {
            tokens[count++] = (struct token){.symbol = text[at]};
            length = 1;
        } else {
            tokens[count++] = (struct token){.symbol = (uint16_t)(LENGTH_SYMBOL + length - MATCH_MIN),
                                             .distance = (uint16_t)distance};
        }
        for (; length > 0; length--)
            position_enter(at++);
    }
    return count;
}

/* Huffman codes. */

struct tree {
    uint32_t weights[2 * SYMBOLS];
    uint16_t parents[2 * SYMBOLS];
    uint16_t heap[SYMBOLS]; /* roots of subtrees, the lightest first */
    uint32_t size;
};

static bool is_lighter(const struct tree *tree, uint16_t a, uint16_t b)
{
    return tree->weights[a] < tree->weights[b] || (tree->weights[a] == tree->weights[b] && a < b);
}

static void heap_put(struct tree *tree, uint16_t node)
{
    uint32_t place = tree->size++;
    for (; place > 0 && is_lighter(tree, node, tree->heap[(place - 1) / 2]); place = (place - 1) / 2)
        tree->heap[place] = tree->heap[(place - 1) / 2];
    tree->heap[place] = node;
}

static uint16_t heap_take(struct tree *tree)
{
    uint16_t lightest = tree->heap[0], moved = tree->heap[--tree->size];
    uint32_t place = 0;
    for (uint32_t child; (child = 2 * place + 1) < tree->size; place = child) {
        if (child + 1 < tree->size && is_lighter(tree, tree->heap[child + 1], tree->heap[child]))
            child++;
        if (!is_lighter(tree, tree->heap[child], moved))
            break;
        tree->heap[place] = tree->heap[child];
    }
    tree->heap[place] = moved;
    return lightest;
}

/* Joins the lightest two until one is left. Returns the root. */
static uint16_t tree_build(struct tree *tree, const struct code *code)
{
    uint16_t node = SYMBOLS;
    tree->size = 0;
    for (uint16_t i = 0; i < code->symbols; i++) {
        tree->weights[i] = code->counts[i];
        if (code->counts[i] > 0)
            heap_put(tree, i);
    }
    for (; tree->size > 1; node++) {
        uint16_t a = heap_take(tree), b = heap_take(tree);
        tree->weights[node] = tree->weights[a] + tree->weights[b];
        tree->parents[a] = tree->parents[b] = node;
        heap_put(tree, node);
    }
    return tree->heap[0];
}

/* The lengths of the codes. False: one would be too long. */
static bool lengths_find(struct code *code)
{
    static struct tree tree;
    uint16_t root = tree_build(&tree, code);
    for (uint16_t i = 0; i < code->symbols; i++) {
        uint32_t length = 0;
        for (uint16_t node = i; code->counts[i] > 0 && node != root; node = tree.parents[node])
            length++;
        if (length > CODE_BITS)
            return false;
        code->lengths[i] = (uint8_t)length;
    }
    return true;
}

/* Codes in the order of their lengths, then of their symbols: all that follows from the lengths. */
static void codes_assign(struct code *code)
{
    uint16_t next = 0, place = 0;
    memset(code->with_length, 0, sizeof(code->with_length));
    for (uint32_t length = 1; length <= CODE_BITS; length++) {
        next = (uint16_t)(next << 1);
        for (uint16_t i = 0; i < code->symbols; i++) {
            if (code->lengths[i] != length)
                continue;
            code->bits[i] = next++;
            code->with_length[length]++;
            code->sorted[place++] = i;
        }
    }
}

/* Counts are flattened until no code is too long. A symbol that is alone gets company: a code has a bit at least. */
static void code_build(struct code *code)
{
    code->counts[0] += code->counts[0] == 0;
    code->counts[1] += code->counts[1] == 0;
    while (!lengths_find(code)) {
        for (uint32_t i = 0; i < code->symbols; i++)
            code->counts[i] = (code->counts[i] + 1) / 2;
    }
    codes_assign(code);
}

/* Bits, the highest of a number first. */

static void bits_write(struct bits *bits, uint32_t number, uint32_t count)
{
    bits->waiting = bits->waiting << count | number;
    for (bits->count += count; bits->count >= 8; bits->count -= 8)
        bits->bytes[bits->position++] = (uint8_t)(bits->waiting >> (bits->count - 8));
}

static uint32_t bits_read(struct bits *bits, uint32_t count)
{
    for (; bits->count < count; bits->count += 8)
        bits->waiting = bits->waiting << 8 | bits->bytes[bits->position++];
    bits->count -= count;
    return bits->waiting >> bits->count & ((1u << count) - 1);
}

static uint32_t bit_length(uint32_t number)
{
    uint32_t length = 0;
    for (; number > 0; number >>= 1)
        length++;
    return length;
}

static void symbol_write(struct bits *bits, const struct code *code, uint32_t symbol)
{
    bits_write(bits, code->bits[symbol], code->lengths[symbol]);
}

static uint32_t symbol_read(struct bits *bits, const struct code *code)
{
    uint32_t number = 0, first = 0, place = 0;
    for (uint32_t length = 1; length <= CODE_BITS; length++) {
        uint32_t with_length = code->with_length[length];
        number |= bits_read(bits, 1);
        if (number - first < with_length)
            return code->sorted[place + number - first];
        place += with_length;
        first = (first + with_length) << 1;
        number <<= 1;
    }
    return 0;
}

static void lengths_write(struct bits *bits, const struct code *code)
{
    for (uint32_t i = 0; i < code->symbols; i++)
        bits_write(bits, code->lengths[i], 4);
}

static void lengths_read(struct bits *bits, struct code *code)
{
    for (uint32_t i = 0; i < code->symbols; i++)
        code->lengths[i] = (uint8_t)bits_read(bits, 4);
    codes_assign(code);
}

/* Both directions. */

static void codes_build(size_t count)
{
    literals = (struct code){.symbols = SYMBOLS};
    distances = (struct code){.symbols = DISTANCES};
    for (size_t i = 0; i < count; i++) {
        literals.counts[tokens[i].symbol]++;
        if (tokens[i].distance > 0)
            distances.counts[bit_length(tokens[i].distance)]++;
    }
    code_build(&literals);
    code_build(&distances);
}

static void token_write(struct bits *bits, struct token token)
{
    symbol_write(bits, &literals, token.symbol);
    if (token.distance == 0)
        return;
    uint32_t length = bit_length(token.distance);
    symbol_write(bits, &distances, length);
    bits_write(bits, token.distance & ((1u << (length - 1)) - 1), length - 1);
}

static size_t compress(void)
{
    struct bits bits = {.bytes = packed};
    size_t count = tokens_find();
    codes_build(count);
    lengths_write(&bits, &literals);
    lengths_write(&bits, &distances);
    for (size_t i = 0; i < count; i++)
        token_write(&bits, tokens[i]);
    bits_write(&bits, 0, 7); /* the last byte goes out */
    return bits.position;
}

static void decompress(void)
{
    struct bits bits = {.bytes = packed};
    lengths_read(&bits, &literals);
    lengths_read(&bits, &distances);
    for (size_t at = 0; at < TEXT_SIZE;) {
        uint32_t symbol = symbol_read(&bits, &literals);
        if (symbol < LENGTH_SYMBOL) {
            unpacked[at++] = (uint8_t)symbol;
            continue;
        }
        uint32_t width = symbol_read(&bits, &distances) - 1;
        uint32_t distance = 1u << width | bits_read(&bits, width);
        for (uint32_t left = symbol - LENGTH_SYMBOL + MATCH_MIN; left > 0; left--, at++)
            unpacked[at] = unpacked[at - distance];
    }
}

static uint32_t packed_sum(size_t size)
{
    uint32_t sum = (uint32_t)size;
    for (size_t i = 0; i < size; i++)
        sum = sum * 31 + packed[i];
    return sum;
}

/* A text that does not come back as it was spoils the result for good. */
uint32_t kernel_run(uint32_t repeats)
{
    uint32_t result = 0, seed = 7;
    words_make(&seed);
    while (repeats-- > 0) {
        text_make(&seed);
        result = result * 31 + packed_sum(compress());
        memset(unpacked, 0, sizeof(unpacked));
        decompress();
        if (memcmp(text, unpacked, TEXT_SIZE) != 0)
            return 0xBAD;
    }
    return result;
}
