/* SPDX-License-Identifier: MIT
 *
 * Inverts matrices, in all three precisions, with pivots; multiplies the inverse with the matrix. The program's status
 * is not 0: the last matrix has no inverse.
 */
#include <stdbool.h>

#include "bits.h"

#define SIZE 9

/* The same numbers each time, between -1 and 1, in 24 bits that every type holds. */
static int32_t random_next(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return (int32_t)*state >> 8;
}

#define DEFINE_MATRIX(type)                                                                                            \
    static int pivot_##type(type rows[SIZE][2 * SIZE], int column)                                                     \
    {                                                                                                                  \
        int best = column;                                                                                             \
        for (int i = column + 1; i < SIZE; i++) {                                                                      \
            type candidate = rows[i][column], leader = rows[best][column];                                             \
            if ((candidate < 0 ? -candidate : candidate) > (leader < 0 ? -leader : leader))                            \
                best = i;                                                                                              \
        }                                                                                                              \
        return best;                                                                                                   \
    }                                                                                                                  \
    static bool invert_##type(type rows[SIZE][2 * SIZE])                                                               \
    {                                                                                                                  \
        for (int column = 0; column < SIZE; column++) {                                                                \
            int best = pivot_##type(rows, column);                                                                     \
            type pivot = rows[best][column];                                                                           \
            if (pivot == 0)                                                                                            \
                return false;                                                                                          \
            for (int j = 0; j < 2 * SIZE; j++) {                                                                       \
                type other = rows[column][j];                                                                          \
                rows[column][j] = rows[best][j] / pivot;                                                               \
                if (best != column)                                                                                    \
                    rows[best][j] = other;                                                                             \
            }                                                                                                          \
            for (int i = 0; i < SIZE; i++) {                                                                           \
                type factor = rows[i][column];                                                                         \
                for (int j = 0; i != column && j < 2 * SIZE; j++)                                                      \
                    rows[i][j] -= factor * rows[column][j];                                                            \
            }                                                                                                          \
        }                                                                                                              \
        return true;                                                                                                   \
    }                                                                                                                  \
    static bool run_##type(uint32_t seed, bool singular)                                                               \
    {                                                                                                                  \
        type rows[SIZE][2 * SIZE], matrix[SIZE][SIZE];                                                                 \
        for (int i = 0; i < SIZE; i++) {                                                                               \
            for (int j = 0; j < SIZE; j++) {                                                                           \
                matrix[i][j] = singular && i == SIZE - 1 ? 0 : (type)random_next(&seed) / 0x800000;                    \
                rows[i][j] = matrix[i][j];                                                                             \
                rows[i][SIZE + j] = i == j;                                                                            \
            }                                                                                                          \
        }                                                                                                              \
        if (!invert_##type(rows))                                                                                      \
            return false;                                                                                              \
        for (int i = 0; i < SIZE; i++) {                                                                               \
            for (int j = 0; j < SIZE; j++) {                                                                           \
                type sum = 0;                                                                                          \
                for (int k = 0; k < SIZE; k++)                                                                         \
                    sum += matrix[i][k] * rows[k][SIZE + j];                                                           \
                PRINT(#type, sum);                                                                                     \
                PRINT(#type, rows[i][SIZE + j]);                                                                       \
            }                                                                                                          \
        }                                                                                                              \
        return true;                                                                                                   \
    }

typedef long double extended;
DEFINE_MATRIX(float)
DEFINE_MATRIX(double)
DEFINE_MATRIX(extended)

int main(void)
{
    bool done = run_float(1, false) && run_double(2, false) && run_extended(3, false);
    done = done && run_double(4, true);
    return done ? 0 : 3;
}
