/* Vector registers of NUMBERs: REGISTER_BYTES, 64 or 32, whichever the processor has (on others two or four make one).

   A state is a sequence of pairs of registers, real and imaginary parts. Its lanes are neighbouring amplitudes of one
   context, or one amplitude of neighbouring contexts.
*/
#ifndef LANES_H
#define LANES_H

#include <math.h>
#include <sched.h>
#include <string.h>

#include "layout.h"

#ifdef EVERY_MACHINE /* given to the compiler: empty where sanitizers are built in, which choosing a clone comes before */
#elif REGISTER_BYTES == 32 && defined(LONG_REGISTERS)
#define EVERY_MACHINE __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define EVERY_MACHINE
#endif
#define INLINED static inline __attribute__((always_inline))

enum { LANES = REGISTER_BYTES / sizeof(NUMBER), LANE_BITS = LANES == 4 ? 2 : LANES == 8 ? 3 : 4 };
typedef NUMBER lanes __attribute__((vector_size(REGISTER_BYTES)));
typedef INTEGER lane_numbers __attribute__((vector_size(REGISTER_BYTES)));
typedef struct { lanes re, im; } amplitude;

INLINED lanes broadcast(double number) { return (NUMBER)number - (lanes){ 0 }; }

/* Lane l takes what is in lane by[l]. */
INLINED lanes permuted(lanes values, lane_numbers by)
{
#if defined(__GNUC__) && !defined(__clang__)
    return __builtin_shuffle(values, by);
#else
    lanes result;
    for (int lane = 0; lane < LANES; lane++) result[lane] = values[by[lane]];
    return result;
#endif
}

INLINED double total(lanes terms, int64_t count)
{
    double sum = 0;
    for (int64_t lane = 0; lane < count; lane++) sum += terms[lane];
    return sum;
}

/* Sums of pairs of neighbouring groups of `width` lanes: those of `a` in groups 0, 2, ..., those of `b` in groups 1, 3, ... */
INLINED lanes folded(lanes a, lanes b, int width)
{
#if defined(__GNUC__) && !defined(__clang__)
    lane_numbers first, second;
    for (int lane = 0; lane < LANES; lane++) {
        first[lane] = lane / width % 2 ? LANES + lane - width : lane;
        second[lane] = lane / width % 2 ? LANES + lane : lane + width;
    }
    return __builtin_shuffle(a, b, first) + __builtin_shuffle(a, b, second);
#else
    lanes sums;
    for (int lane = 0; lane < LANES; lane++)
        sums[lane] = lane / width % 2 ? b[lane - width] + b[lane] : a[lane] + a[lane + width];
    return sums;
#endif
}

#define FOLD(width) for (int i = 0; i < LANES / (2 * width); i++) sums[i] = folded(sums[2 * i], sums[2 * i + 1], width);

/* The total of each of LANES registers, in one: a third of the work of as many totals. */
INLINED lanes totals(const lanes terms[LANES])
{
    lanes sums[LANES];
    for (int i = 0; i < LANES; i++) sums[i] = terms[i];
    FOLD(1) FOLD(2)
    if (LANES > 4) FOLD(4)
    if (LANES > 8) FOLD(8)
    return sums[0];
}

/* Numbers of neighbouring contexts from a (contexts, stride) array; lanes beyond `count` repeat the last. */
INLINED lanes gathered(const double *column, int64_t stride, int64_t count)
{
    lanes values;
    for (int64_t lane = 0; lane < LANES; lane++) values[lane] = (NUMBER)column[(lane < count ? lane : count - 1) * stride];
    return values;
}

INLINED int64_t odd(int64_t bits) { return __builtin_popcountll((uint64_t)bits) & 1; }

INLINED int64_t top_bit(int64_t bits) { return bits ? (int64_t)1 << (63 - __builtin_clzll((uint64_t)bits)) : 0; }

/* --- where bits of an amplitude's index are ------------------------------------------------------------------------ */

INLINED int lane_bits(const circuit *c) { return c->contexts_in_lanes ? 0 : LANE_BITS; }

/* Pairs of registers of a state. */
INLINED int64_t registers(const circuit *c)
{
    const int64_t bits = c->num_qubits - lane_bits(c);
    return (int64_t)1 << (bits < 0 ? 0 : bits);
}

/* How many of the lanes hold anything, and how many contexts a register takes. */
INLINED int64_t amplitudes_in_lanes(const circuit *c)
{
    return c->num_qubits < LANE_BITS ? (int64_t)1 << c->num_qubits : LANES;
}

INLINED int64_t contexts_together(const circuit *c, int64_t first, int64_t last)
{
    if (!c->contexts_in_lanes) return 1;
    return last - first < LANES ? last - first : LANES;
}

/* What is summed over the amplitudes of a register, summed over those of its lanes too: for each lane its context's. */
INLINED lanes over_context(const circuit *c, lanes sums)
{
    return c->contexts_in_lanes ? sums : broadcast(total(sums, LANES));
}

/* --- between (contexts, 2^n) complex numbers and lanes --------------------------------------------------------------- */

/* Where amplitude k of a context is among the NUMBERs of a state, its real part; the imaginary one is LANES further. */
INLINED int64_t place(const circuit *c, int64_t k, int64_t context)
{
    return c->contexts_in_lanes ? 2 * LANES * k + context : 2 * LANES * (k / LANES) + k % LANES;
}

/* A member's share of so many things that lie side by side. */
typedef struct { int64_t from, to; } range;

INLINED range share_of(const team *t, int64_t things)
{
    return (range){ things * t->index / t->count, things * (t->index + 1) / t->count };
}

INLINED int64_t dimension(const circuit *c) { return (int64_t)1 << c->num_qubits; }

/* Lanes of contexts: those beyond `count` repeat the last. */
INLINED int64_t contexts_in(const circuit *c) { return c->contexts_in_lanes ? LANES : 1; }

INLINED int64_t nearest(int64_t context, int64_t count) { return context < count ? context : count - 1; }

/* Lanes beyond 2^n hold nothing. */
INLINED void empty_if_short(const circuit *c, amplitude *psi)
{
    if (dimension(c) < LANES) memset(psi, 0, registers(c) * sizeof(amplitude));
}

/* This member's amplitudes of `count` contexts, from states (contexts, 2^n). */
INLINED void load(const circuit *c, const team *t, const NUMBER *states, int64_t count, amplitude *psi)
{
    const range share = share_of(t, dimension(c));
    NUMBER *numbers = (NUMBER *)psi;
    empty_if_short(c, psi);
    for (int64_t context = 0; context < contexts_in(c); context++) {
        const NUMBER *state = states + 2 * dimension(c) * nearest(context, count);
        for (int64_t k = share.from; k < share.to; k++) {
            numbers[place(c, k, context)] = state[2 * k];
            numbers[place(c, k, context) + LANES] = state[2 * k + 1];
        }
    }
}

INLINED void store(const circuit *c, const team *t, const amplitude *psi, int64_t count, NUMBER *states)
{
    const range share = share_of(t, dimension(c));
    const NUMBER *numbers = (const NUMBER *)psi;
    for (int64_t context = 0; context < count; context++) {
        NUMBER *state = states + 2 * dimension(c) * context;
        for (int64_t k = share.from; k < share.to; k++) {
            state[2 * k] = numbers[place(c, k, context)];
            state[2 * k + 1] = numbers[place(c, k, context) + LANES];
        }
    }
}

/* |psi_k|^2, into probabilities (contexts, 2^n). */
INLINED void store_probabilities(const circuit *c, const team *t, const amplitude *psi, int64_t count, NUMBER *probabilities)
{
    const range share = share_of(t, dimension(c));
    const NUMBER *numbers = (const NUMBER *)psi;
    for (int64_t context = 0; context < count; context++)
        for (int64_t k = share.from; k < share.to; k++) {
            const NUMBER *at = numbers + place(c, k, context);
            probabilities[dimension(c) * context + k] = at[0] * at[0] + at[LANES] * at[LANES];
        }
}

/* lambda <- 2 w psi for weights (contexts, 2^n): the cotangent of sum w |psi|^2. */
INLINED void weigh(const circuit *c, const team *t, const NUMBER *weights, int64_t count, const amplitude *psi, amplitude *lambda)
{
    const range share = share_of(t, dimension(c));
    const NUMBER *from = (const NUMBER *)psi;
    NUMBER *to = (NUMBER *)lambda;
    empty_if_short(c, lambda);
    for (int64_t context = 0; context < contexts_in(c); context++)
        for (int64_t k = share.from; k < share.to; k++) {
            const int64_t at = place(c, k, context);
            const NUMBER twice = 2 * weights[dimension(c) * nearest(context, count) + k];
            to[at] = twice * from[at], to[at + LANES] = twice * from[at + LANES];
        }
}

INLINED void start_state(const circuit *c, amplitude *psi)
{
    memset(psi, 0, registers(c) * sizeof(amplitude));
    for (int64_t lane = 0; lane < (c->contexts_in_lanes ? LANES : 1); lane++)
        psi[0].re[lane] = (NUMBER)c->start_re, psi[0].im[lane] = (NUMBER)c->start_im;
}

#endif
