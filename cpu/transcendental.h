/* SPDX-License-Identifier: MIT
 *
 * The x87's transcendental functions (Intel SDM vol. 1, 8.3.7 and 8.3.9), in integers. The result is the true value of
 * the function at the exact argument (pi has all its bits, unlike SDM vol. 1, 8.3.8) with a relative error below
 * 2^-123: what real_to_extended() makes of it is nearest to the true value but for a one in 2^50 chance, on every host.
 * Inexactness is in `sticky` and `more` as usual. The precision control does not concern these instructions (SDM vol.
 * 1, 8.1.5.2): round with precision 64.
 *
 * Arguments are zero, finite (denormals too) or infinite, not NaN. Signed zeros and infinities give what the tables in
 * SDM vol. 2 say; INVALID, DIVIDE and (in their absence) DENORMAL are raised in the context. The others are found by
 * real_to_extended().
 */
#pragma once
#include "real.h"

/* F2XM1: 2^x - 1, precise for tiny x. For |x| > 1, where SDM leaves it undefined, that too: inf - 1 is inf, 2^-inf - 1
 * is -1. */
struct real real_exp2_minus_one(struct real_context *, struct real x);
/* FYL2X: y * log2(x). Here y is ST(1), x is ST(0). */
struct real real_y_log2(struct real_context *, struct real y, struct real x);
/* FYL2XP1: y * log2(x + 1), precise for tiny x. Outside |x| <= 1 - sqrt(1/2), where SDM leaves it undefined, that too:
 * as real_y_log2() of x + 1. */
struct real real_y_log2_plus_one(struct real_context *, struct real y, struct real x);

/* Whether FSIN, FCOS, FSINCOS and FPTAN compute something: x is not finite or |x| < 2^63. If not, they set C2 and leave
 * ST(0) alone. */
static inline bool real_is_angle(struct real x)
{
    return x.class != REAL_FINITE || x.exponent < 63;
}

/* FSIN, FCOS, FPTAN. real_is_angle(x) must hold; infinity is INVALID. */
struct real real_sine(struct real_context *, struct real x);
struct real real_cosine(struct real_context *, struct real x);
struct real real_tangent(struct real_context *, struct real x);
/* FPATAN: the angle, -pi to pi, of the point (x, y). Here y is ST(1), x is ST(0). */
struct real real_arc_tangent(struct real_context *, struct real y, struct real x);
