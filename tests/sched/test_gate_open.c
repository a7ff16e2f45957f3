/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include "../../sched/gatekeeper.h"

Test(gate_open, whoever_wants_to_run_may_and_may_stay)
{
    struct gatekeeper *gate = gate_open_new();
    struct gate_entity entities[100] = {0};
    for (unsigned i = 0; i < 100; i++) {
        entities[i].frames = UINT32_MAX;
        cr_expect(gate->ops->admit(gate, &entities[i]));
        cr_expect(entities[i].admitted && !entities[i].waiting);
    }
    for (unsigned i = 0; i < 100; i++)
        cr_expect(gate->ops->may_stay(gate, &entities[i]));
    cr_expect_null(gate->ops->next(gate));
    gate->ops->leave(gate, &entities[3]);
    cr_expect(!entities[3].admitted);
    gate->ops->leave(gate, &entities[3]);
    cr_expect(gate->ops->admit(gate, &entities[3]));
    gate->ops->free(gate);
}
