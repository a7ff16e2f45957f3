/* SPDX-License-Identifier: MIT
 *
 * Bodies that attract each other, in all three precisions: products, sums, square roots and divisions.
 */
#include "bits.h"

#define BODIES 5
#define STEPS  200

static const int8_t places[BODIES][3] = {{0, 0, 0}, {5, -1, 0}, {8, 4, -4}, {13, -15, -2}, {15, -26, 2}};
static const int8_t speeds[BODIES][3] = {{0, 0, 0}, {6, 28, 0}, {-10, 18, 8}, {11, 9, 0}, {10, 6, 0}};

#define DEFINE_BODIES(type, root)                                                                                      \
    struct body_##type {                                                                                               \
        type place[3], speed[3], mass;                                                                                 \
    };                                                                                                                 \
    static void attract_##type(struct body_##type *a, struct body_##type *b, type step)                                \
    {                                                                                                                  \
        type way[3], square = 0;                                                                                       \
        for (int i = 0; i < 3; i++) {                                                                                  \
            way[i] = a->place[i] - b->place[i];                                                                        \
            square += way[i] * way[i];                                                                                 \
        }                                                                                                              \
        type pull = step / (square * root(square));                                                                    \
        for (int i = 0; i < 3; i++) {                                                                                  \
            a->speed[i] -= way[i] * b->mass * pull;                                                                    \
            b->speed[i] += way[i] * a->mass * pull;                                                                    \
        }                                                                                                              \
    }                                                                                                                  \
    static void step_##type(struct body_##type *bodies, type step)                                                     \
    {                                                                                                                  \
        for (int i = 0; i < BODIES; i++)                                                                               \
            for (int j = i + 1; j < BODIES; j++)                                                                       \
                attract_##type(&bodies[i], &bodies[j], step);                                                          \
        for (int i = 0; i < BODIES; i++)                                                                               \
            for (int j = 0; j < 3; j++)                                                                                \
                bodies[i].place[j] += step * bodies[i].speed[j];                                                       \
    }                                                                                                                  \
    static void run_##type(void)                                                                                       \
    {                                                                                                                  \
        struct body_##type bodies[BODIES];                                                                             \
        for (int i = 0; i < BODIES; i++) {                                                                             \
            bodies[i].mass = (type)40 / (1 + i * 1000);                                                                \
            for (int j = 0; j < 3; j++) {                                                                              \
                bodies[i].place[j] = places[i][j];                                                                     \
                bodies[i].speed[j] = (type)speeds[i][j] / 10;                                                          \
            }                                                                                                          \
        }                                                                                                              \
        for (int i = 0; i < STEPS; i++)                                                                                \
            step_##type(bodies, (type)0.01);                                                                           \
        for (int i = 0; i < BODIES; i++)                                                                               \
            for (int j = 0; j < 3; j++)                                                                                \
                PRINT(#type, bodies[i].place[j]);                                                                      \
    }

typedef long double extended;
DEFINE_BODIES(float, __builtin_sqrtf)
DEFINE_BODIES(double, __builtin_sqrt)
DEFINE_BODIES(extended, __builtin_sqrtl)

int main(void)
{
    run_float();
    run_double();
    run_extended();
    return 0;
}
