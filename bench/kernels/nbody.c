/* SPDX-License-Identifier: MIT
 *
 * Bodies that attract each other, moved by the leapfrog method: scalar doubles in SSE registers, with square roots and
 * divisions.
 */
#include "real.h"

#define BODIES     16
#define STEPS      16
#define DIMENSIONS 3

const char kernel_name[] = "nbody";
const uint32_t kernel_repeats = 10000;

static const double step = 1.0 / 512, softening = 1.0 / 64;

struct body {
    double position[DIMENSIONS], velocity[DIMENSIONS], acceleration[DIMENSIONS], mass;
};

static struct body bodies[BODIES];

static void bodies_make(void)
{
    uint32_t seed = 11;
    for (int i = 0; i < BODIES; i++) {
        bodies[i].mass = (random_real(&seed) + 2) / BODIES;
        for (int d = 0; d < DIMENSIONS; d++) {
            bodies[i].position[d] = random_real(&seed);
            bodies[i].velocity[d] = random_real(&seed) / 4;
        }
    }
}

static void attract(struct body *a, struct body *b)
{
    double offset[DIMENSIONS], square = softening;
    for (int d = 0; d < DIMENSIONS; d++) {
        offset[d] = b->position[d] - a->position[d];
        square += offset[d] * offset[d];
    }
    double strength = 1 / (square * __builtin_sqrt(square));
    for (int d = 0; d < DIMENSIONS; d++) {
        a->acceleration[d] += offset[d] * strength * b->mass;
        b->acceleration[d] -= offset[d] * strength * a->mass;
    }
}

static void accelerate(void)
{
    for (int i = 0; i < BODIES; i++) {
        for (int d = 0; d < DIMENSIONS; d++)
            bodies[i].acceleration[d] = 0;
    }
    for (int i = 0; i < BODIES; i++) {
        for (int j = i + 1; j < BODIES; j++)
            attract(&bodies[i], &bodies[j]);
    }
}

static void move(void)
{
    accelerate();
    for (int i = 0; i < BODIES; i++) {
        for (int d = 0; d < DIMENSIONS; d++) {
            bodies[i].velocity[d] += bodies[i].acceleration[d] * step;
            bodies[i].position[d] += bodies[i].velocity[d] * step;
        }
    }
}

uint32_t kernel_run(uint32_t repeats)
{
    uint32_t result = 0;
    bodies_make();
    while (repeats-- > 0) {
        for (int i = 0; i < STEPS; i++)
            move();
        result = mix_real(result, bodies[repeats % BODIES].position[repeats % DIMENSIONS]);
    }
    return result;
}
