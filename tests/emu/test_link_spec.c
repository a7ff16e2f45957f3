/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "../../emu/link_spec.h"

static struct link_spec parsed(const char *text)
{
    struct link_spec spec;
    char error[256] = "";
    cr_assert(link_spec_parse(&spec, text, error, sizeof(error)), "%s: %s", text, error);
    return spec;
}

Test(link_spec, every_key_is_read)
{
    struct link_spec spec = parsed("7-9:delay=2ms,rate=10Mbit,loss=1%,dup=0.5%,reorder=0.25");
    cr_assert(spec.first == 7 && spec.last == 9);
    cr_assert_eq(spec.shape.delay_ns, 2000000);
    cr_assert_eq(spec.shape.rate, 10000000);
    cr_assert_eq(spec.shape.loss, LINK_CERTAIN / 100);
    cr_assert_eq(spec.shape.duplicate, LINK_CERTAIN / 200);
    cr_assert_eq(spec.shape.reorder, LINK_CERTAIN / 4);
}

Test(link_spec, machines_are_one_a_range_or_all)
{
    struct link_spec one = parsed("12:loss=0%"), all = parsed("all:delay=1.5us");
    cr_assert(one.first == 12 && one.last == 12);
    cr_assert(all.first == 0 && all.last == 0xFFFFFF && all.shape.delay_ns == 1500);
    cr_assert_eq(parsed("0-16777215:rate=64kbit").shape.rate, 64000);
    cr_assert_eq(parsed("0:delay=3s,delay=20ns").shape.delay_ns, 20);
}

Test(link_spec, malformed_is_refused_with_the_place)
{
    static const char *const texts[][2] = {
        {"", "names no machines"},
        {"x:loss=1%", "names no machines"},
        {"3", "names no machines"},
        {"9-7:loss=1%", "9-7"},
        {"3-:loss=1%", "names no machines"},
        {"16777216:loss=1%", "names no machines"},
        {"-1:loss=1%", "-1"},
        {"1:", "'' is none of"},
        {"1:loss", "'loss'"},
        {"1:loss=101%", "'loss=101%'"},
        {"1:loss=x", "'loss=x'"},
        {"1:delay=2", "'delay=2'"},
        {"1:delay=2h", "'delay=2h'"},
        {"1:rate=0bit", "'rate=0bit'"},
        {"1:rate=10MB", "'rate=10MB'"},
        {"1:lose=1%", "'lose=1%'"},
        {"1:loss=1%,", "'' is none of"},
        {"1:delay=9999999999s", "up to 1 h"},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct link_spec spec;
        char error[256] = "";
        cr_assert_not(link_spec_parse(&spec, texts[i][0], error, sizeof(error)), "%s", texts[i][0]);
        cr_assert_not_null(strstr(error, texts[i][1]), "%s: %s", texts[i][0], error);
    }
}
