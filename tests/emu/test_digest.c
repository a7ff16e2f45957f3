/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "../../emu/digest.h"

static uint64_t digest_two(const char *first, size_t first_length, const char *second, size_t second_length)
{
    struct digest digest;
    digest_begin(&digest);
    digest.visitor.bytes(&digest.visitor, "first", first, first_length);
    digest.visitor.bytes(&digest.visitor, "second", second, second_length);
    return digest_end(&digest);
}

Test(digest, is_xxh3_of_the_bytes)
{
    struct digest digest;
    digest_begin(&digest);
    digest_bytes(&digest, "denali", 6);
    cr_assert_eq(digest_end(&digest), XXH3_64bits("denali", 6));
}

Test(digest, number_is_eight_little_endian_bytes)
{
    struct digest digest;
    digest_begin(&digest);
    digest_number(&digest, 0x0807060504030201);
    cr_assert_eq(digest_end(&digest), XXH3_64bits("\1\2\3\4\5\6\7\10", 8));
}

Test(digest, visited_strings_keep_their_borders)
{
    cr_assert_neq(digest_two("ab", 2, "c", 1), digest_two("a", 1, "bc", 2));
    cr_assert_eq(digest_two("ab", 2, "c", 1), digest_two("ab", 2, "c", 1));
}
