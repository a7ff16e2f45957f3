/* SPDX-License-Identifier: MIT
 *
 * libFuzzer: any bytes are an instruction, too short, too long or not one. What the decoder says of them must make
 * sense, and must not depend on bytes that it does not count in.
 */
#include <stdlib.h>
#include <string.h>

#include "../../cpu/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void check(int holds)
{
    if (!holds)
        __builtin_trap();
}

/* The instruction alone, at the very end of its memory, is the same instruction; no part of it is one. */
static void check_extent(const uint8_t *bytes, const struct insn *insn)
{
    struct insn again;
    uint8_t *exact = malloc(insn->length);

    check(exact != NULL);
    memcpy(exact, bytes, insn->length);
    check(decode(exact, insn->length, &again) == DECODE_OK);
    check(again.length == insn->length && again.encoding == insn->encoding && again.illegal == insn->illegal);
    check(again.immediate == insn->immediate && again.displacement == insn->displacement);
    free(exact);
    for (size_t part = 1; part < insn->length; part++)
        check(decode(bytes, part, &again) != DECODE_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct insn insn;

    switch (decode(bytes, size, &insn)) {
    case DECODE_OK:
        check(insn.length >= 1 && insn.length <= INSN_MAX && insn.length <= size);
        check(insn.encoding != NULL && insn.destination <= SLOT_ADDRESS && insn.source <= SLOT_ADDRESS);
        check(insn.base <= SLOT_ADDRESS && insn.index <= SLOT_ADDRESS && insn.scale <= 3);
        if (!insn.illegal) /* its length means nothing */
            check_extent(bytes, &insn);
        break;
    case DECODE_MORE:
        check(size < INSN_MAX);
        break;
    case DECODE_TOO_LONG:
        check(size >= INSN_MAX);
        break;
    }
    return 0;
}
