/* Operations on states in lanes.

       U(a) = exp(-i a G/2) = cos(a g_k/2) + sin(a g_k/2) M,     dU/da = (g_k/2) M U      (ROTATION)
       (M psi)_k = psi_{k^x}  or  -i psi_{k^x}                   (x: the bits that G flips)

   G is a Pauli string or a sum of strings that flip the same bits and commute: a row of it has one entry, i^y g_k, and
   g_k depends on k by the parities of a few masks alone, its variant. A rotation under controls and an excitation of
   electrons are of this kind. Whether lanes are amplitudes or contexts is in the vectors of cosines and sines alone.
*/
#ifndef OPERATIONS_H
#define OPERATIONS_H

#include "lanes.h"

enum { MOST_VARIANTS = 1 << MOST_MASKS };

/* A rotation at its angle. Bits of an index below the lanes are in `partner`, the bits above in `flip` and `masks`. */
typedef struct {
    int64_t flip, num_masks, masks[MOST_MASKS], first_variant, real, moves_lanes, simple;
    lane_numbers partner;
    const lanes *cosine, *sine, *rate;
} rotation;

INLINED int64_t variant(const rotation *r, int64_t k)
{
    int64_t parities = r->first_variant ^ odd(r->masks[0] & k);
    for (int64_t m = 1; m < r->num_masks; m++) parities ^= odd(r->masks[m] & k) << m;
    return parities;
}

/* --- rotations at their angles --------------------------------------------------------------------------------------- */

/* The variant that an amplitude's bits within a register contribute. */
INLINED int64_t variant_of_lane(const circuit *c, const operation *o, int64_t lane)
{
    int64_t parities = 0;
    if (!c->contexts_in_lanes)
        for (int64_t m = 0; m < o->num_masks; m++) parities |= odd(c->indices[o->first_index + m] & lane) << m;
    return parities;
}

/* Half the entries: what a derivative multiplies M psi by, for every variant of an index above the lanes. */
INLINED void rates_of(const circuit *c, const operation *o, lanes *rates)
{
    const double *entries = c->numbers + o->first_number;
    for (int64_t lane = 0; lane < LANES; lane++) {
        const int64_t inside = variant_of_lane(c, o, lane);
        for (int64_t v = 0; v < 1 << o->num_masks; v++) ((NUMBER *)(rates + v))[lane] = (NUMBER)(0.5 * entries[v ^ inside]);
    }
}

/* The angle of every lane. */
INLINED void angles_at(const circuit *c, const operation *o, int64_t first, int64_t count, double angles[LANES])
{
    for (int64_t lane = 0; lane < LANES; lane++) {
        const int64_t context = first + (lane < count ? lane : count - 1);
        angles[lane] = o->angle < 0 ? 1
            : o->angle < c->num_shared ? c->shared[o->angle]
            : c->by_context[context * c->num_by_context + o->angle - c->num_shared];
    }
}

/* Cosines and sines of a rotation: few numbers are different, and those are computed once. */
INLINED void cosines_at(const circuit *c, const operation *o, int64_t first, int64_t count, lanes *cosine, lanes *sine)
{
    const double *entries = c->numbers + o->first_number;
    const int64_t variants = (int64_t)1 << o->num_masks;
    double angles[LANES], cosines[MOST_VARIANTS], sines[MOST_VARIANTS];
    angles_at(c, o, first, count, angles);
    for (int64_t lane = 0; lane < LANES; lane++) {
        const int64_t inside = variant_of_lane(c, o, lane);
        for (int64_t v = 0; v < variants && (lane == 0 || angles[lane] != angles[lane - 1]); v++) {
            int64_t same = 0;
            while (same < v && fabs(entries[same]) != fabs(entries[v])) same++;
            cosines[v] = same < v ? cosines[same] : cos(0.5 * angles[lane] * entries[v]);
            sines[v] = same == v ? sin(0.5 * angles[lane] * entries[v])
                : entries[same] == entries[v] ? sines[same] : -sines[same];
        }
        for (int64_t v = 0; v < variants; v++) {
            ((NUMBER *)(cosine + v))[lane] = (NUMBER)cosines[v ^ inside];
            ((NUMBER *)(sine + v))[lane] = (NUMBER)sines[v ^ inside];
        }
    }
}

/* Where a rotation's bits are, with its rates, and cosines and sines to be computed in `vectors`. */
INLINED rotation rotation_of(const circuit *c, const operation *o, lanes *vectors)
{
    const int bits = lane_bits(c);
    rotation r = { .flip = o->x >> bits, .num_masks = o->num_masks, .real = o->real };
    for (int64_t m = 0; m < o->num_masks; m++) r.masks[m] = c->indices[o->first_index + m] >> bits;
    for (int lane = 0; lane < LANES; lane++) r.partner[lane] = bits ? lane ^ (o->x & (LANES - 1)) : lane;
    r.moves_lanes = bits && o->x & (LANES - 1);
    r.simple = o->num_masks == 1 && c->numbers[o->first_number] == -c->numbers[o->first_number + 1];
    r.cosine = vectors, r.sine = vectors + (1 << o->num_masks), r.rate = vectors + (2 << o->num_masks);
    rates_of(c, o, vectors + (2 << o->num_masks));
    return r;
}

/* --- applying them ------------------------------------------------------------------------------------------------------ */

INLINED amplitude rotated(amplitude kept, amplitude partner, lanes cosine, lanes sine, int real)
{
    if (real) return (amplitude){ cosine * kept.re + sine * partner.re, cosine * kept.im + sine * partner.im };
    return (amplitude){ cosine * kept.re + sine * partner.im, cosine * kept.im - sine * partner.re };
}

INLINED amplitude across(const rotation *r, amplitude a, int moves_lanes)
{
    if (!moves_lanes) return a;
    return (amplitude){ permuted(a.re, r->partner), permuted(a.im, r->partner) };
}

/* A rotation in the form that its loop is compiled for: real entries of -iG, lanes that change places, and whether it is
   about a single string, with one cosine and two opposite sines. */
#define IN_ITS_FORM(function, r, ...) \
    do { \
        const int form = ((r)->real ? 4 : 0) + ((r)->moves_lanes ? 2 : 0) + (r)->simple; \
        if (form == 0) function(r, __VA_ARGS__, 0, 0, 0); \
        if (form == 1) function(r, __VA_ARGS__, 0, 0, 1); \
        if (form == 2) function(r, __VA_ARGS__, 0, 1, 0); \
        if (form == 3) function(r, __VA_ARGS__, 0, 1, 1); \
        if (form == 4) function(r, __VA_ARGS__, 1, 0, 0); \
        if (form == 5) function(r, __VA_ARGS__, 1, 0, 1); \
        if (form == 6) function(r, __VA_ARGS__, 1, 1, 0); \
        if (form == 7) function(r, __VA_ARGS__, 1, 1, 1); \
    } while (0)

INLINED void rotate_within(const rotation *r, amplitude *psi, int64_t size, int inverse, int real, int moves_lanes, int simple)
{
    const lanes sign = broadcast(inverse ? -1 : 1), same = r->cosine[0];
    for (int64_t k = 0; k < size; k++) {
        const int64_t v = simple ? r->first_variant ^ odd(r->masks[0] & k) : variant(r, k);
        psi[k] = rotated(psi[k], across(r, psi[k], moves_lanes), simple ? same : r->cosine[v], sign * r->sine[v], real);
    }
}

/* Index number `i` among those whose bit `top` is 0. */
INLINED int64_t without_bit(int64_t i, int64_t top) { return ((i & -top) << 1) | (i & (top - 1)); }

INLINED void rotate_pairs(const rotation *r, amplitude *psi, int64_t size, int inverse, int real, int moves_lanes, int simple)
{
    const lanes sign = broadcast(inverse ? -1 : 1), same = r->cosine[0];
    const int64_t top = top_bit(r->flip), flip = r->flip, mask = r->masks[0], first = r->first_variant;
    const int64_t other = simple ? odd(mask & flip) : variant(r, flip) ^ first;
    const lanes *cosine = r->cosine;
    const lanes sines[2] = { sign * r->sine[first], simple ? sign * r->sine[first ^ 1] : sign };
    for (int64_t i = 0; i < size / 2; i++) {
        const int64_t k = without_bit(i, top), j = k ^ flip;
        const amplitude lower = psi[k], upper = psi[j];
        if (simple) {
            const int64_t v = odd(mask & k);
            psi[k] = rotated(lower, across(r, upper, moves_lanes), same, sines[v], real);
            psi[j] = rotated(upper, across(r, lower, moves_lanes), same, sines[v ^ other], real);
        } else {
            const int64_t v = variant(r, k), w = v ^ other;
            psi[k] = rotated(lower, across(r, upper, moves_lanes), cosine[v], sign * r->sine[v], real);
            psi[j] = rotated(upper, across(r, lower, moves_lanes), cosine[w], sign * r->sine[w], real);
        }
    }
}

/* psi <- U psi, or its inverse. */
EVERY_MACHINE static void rotate(const rotation *r, amplitude *psi, int64_t size, int inverse)
{
    if (r->flip) IN_ITS_FORM(rotate_pairs, r, psi, size, inverse);
    else IN_ITS_FORM(rotate_within, r, psi, size, inverse);
}

INLINED void add_moved(const rotation *r, const lanes *slope, const amplitude *psi, amplitude *row, int64_t size, int real,
                       int moves_lanes, int simple)
{
    const amplitude none = { { 0 }, { 0 } };
    lanes rates[MOST_VARIANTS];
    for (int64_t v = 0; v < 1 << r->num_masks; v++) rates[v] = *slope * r->rate[v];
    for (int64_t k = 0; k < size; k++) {
        const int64_t v = simple ? r->first_variant ^ odd(r->masks[0] & k) : variant(r, k);
        const amplitude moved = rotated(none, across(r, psi[k ^ r->flip], moves_lanes), none.re, rates[v], real);
        row[k].re += moved.re, row[k].im += moved.im;
    }
}

/* row += slope g/2 M psi. */
EVERY_MACHINE static void add_derivative(const rotation *r, const lanes *slope, const amplitude *psi, amplitude *row,
                                         int64_t size)
{
    IN_ITS_FORM(add_moved, r, slope, psi, row, size);
}

INLINED void add_slopes(const rotation *r, const amplitude *psi, const amplitude *lambda, int64_t size,
                        lanes *sum, int real, int moves_lanes, int simple)
{
    lanes sums[2] = { { 0 }, { 0 } };
    for (int64_t k = 0; k < size; k++) {
        const int64_t v = simple ? r->first_variant ^ odd(r->masks[0] & k) : variant(r, k);
        const amplitude partner = across(r, psi[k ^ r->flip], moves_lanes);
        const lanes along = real ? lambda[k].re * partner.re + lambda[k].im * partner.im
                                 : lambda[k].re * partner.im - lambda[k].im * partner.re;
        if (k & 1) sums[1] += r->rate[v] * along;
        else sums[0] += r->rate[v] * along;
    }
    *sum += sums[0] + sums[1];
}

/* sum += Re<lambda| g/2 M psi>, lane by lane. */
EVERY_MACHINE static void add_slope(const rotation *r, const amplitude *psi, const amplitude *lambda,
                                    int64_t size, lanes *sum)
{
    IN_ITS_FORM(add_slopes, r, psi, lambda, size, sum);
}

/* --- diagonal rotations ---------------------------------------------------------------------------------------------------- */

/* overlaps <- Re(lambda^* (-i psi)), of which every diagonal rotation's slope is a signed sum. */
EVERY_MACHINE static void imaginary_overlaps(const amplitude *psi, const amplitude *lambda, lanes *overlaps, int64_t size)
{
    for (int64_t k = 0; k < size; k++) overlaps[k] = lambda[k].re * psi[k].im - lambda[k].im * psi[k].re;
}

EVERY_MACHINE static void add_diagonal_slope(const rotation *r, const lanes *overlaps, int64_t size, lanes *sum)
{
    lanes sums[2] = { { 0 }, { 0 } };
    for (int64_t k = 0; k + 1 < size; k += 2) {
        sums[0] += r->rate[variant(r, k)] * overlaps[k];
        sums[1] += r->rate[variant(r, k + 1)] * overlaps[k + 1];
    }
    if (size == 1) sums[0] = r->rate[variant(r, 0)] * overlaps[0];
    *sum += sums[0] + sums[1];
}

INLINED void multiply(const amplitude *phases, amplitude *psi, int64_t size, int inverse)
{
    for (int64_t k = 0; k < size; k++) {
        const amplitude value = psi[k], factor = { phases[k].re, inverse ? -phases[k].im : phases[k].im };
        psi[k].re = factor.re * value.re - factor.im * value.im;
        psi[k].im = factor.re * value.im + factor.im * value.re;
    }
}

EVERY_MACHINE static void multiply_phases(const amplitude *phases, amplitude *psi, int64_t size, int inverse)
{
    if (inverse) multiply(phases, psi, size, 1);
    else multiply(phases, psi, size, 0);
}

/* The bits of an index above the lanes that a rotation's entries depend on. */
INLINED int64_t bits_of(const rotation *r)
{
    int64_t bits = 0;
    for (int64_t m = 0; m < r->num_masks; m++) bits |= r->masks[m];
    return bits;
}

/* What the rotations multiply every amplitude by. The table doubles with every bit, and a rotation enters as soon as all
   of its bits have: most do while it is short. */
static void compute_phases(const rotation *rotations, int64_t count, amplitude *phases, int64_t size)
{
    phases[0] = (amplitude){ broadcast(1), { 0 } };
    for (int64_t length = 1; length <= size; length *= 2) {
        for (int64_t i = 0; i < count; i++)
            if (2 * top_bit(bits_of(rotations + i)) == length || (length == 1 && !bits_of(rotations + i)))
                rotate(rotations + i, phases, length, 0);
        if (length < size) memcpy(phases + length, phases, length * sizeof(amplitude));
    }
}

/* --- monomial matrices ------------------------------------------------------------------------------------------------------- */

/* psi <- W psi, or its inverse; `spare`: a state to work in. */
static void apply_monomial(const circuit *c, const operation *o, amplitude *psi, amplitude *spare, int inverse)
{
    const int64_t dimension = (int64_t)1 << c->num_qubits, contexts = c->contexts_in_lanes ? LANES : 1;
    const int32_t *source = c->indices + o->first_index + inverse * dimension;
    const double *phase = c->numbers + o->first_number + 2 * inverse * dimension;
    NUMBER *to = (NUMBER *)psi;
    const NUMBER *from = (const NUMBER *)spare;
    memcpy(spare, psi, registers(c) * sizeof(amplitude));
    for (int64_t k = 0; k < dimension; k++)
        for (int64_t context = 0; context < contexts; context++) {
            const NUMBER re = from[place(c, source[k], context)], im = from[place(c, source[k], context) + LANES];
            NUMBER *at = to + place(c, k, context);
            at[0] = o->real ? re : (NUMBER)phase[2 * k] * re - (NUMBER)phase[2 * k + 1] * im;
            at[LANES] = o->real ? im : (NUMBER)phase[2 * k] * im + (NUMBER)phase[2 * k + 1] * re;
        }
}

#endif
