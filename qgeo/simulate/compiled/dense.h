/* Dense matrices on a few qubits, as sums over flips:   (A psi)_k = sum_x A_{k, k^x} psi_{k^x}.

   An entry depends on k by the bits of the matrix's qubits alone, its variant, so that a matrix is a table of registers,
   (flips, variants), each entry in the lane of its k. Flips whose entries are all 0 are left out.
*/
#ifndef DENSE_H
#define DENSE_H

#include "operations.h"

/* Which of an operation's matrices: U(a), its adjoint, or the generator -i G/2 that takes U to its derivative. */
typedef enum { UNITARY, ADJOINT, GENERATOR } which;

/* A matrix at its angle: flips of an index above the lanes, and the lanes that they exchange. */
typedef struct {
    int64_t num_masks, masks[MOST_MASKS], num_flips, flips[MOST_VARIANTS], moves_lanes;
    lane_numbers partners[MOST_VARIANTS];
    const amplitude *values;
} dense;

INLINED int64_t registers_of_matrix(const operation *o) { return (int64_t)o->x << o->num_masks; }

/* Whole masks of a flip, given by positions in the matrix's qubits. */
INLINED int64_t spread_flip(const circuit *c, const operation *o, int64_t flip)
{
    int64_t x = 0;
    for (int64_t m = 0; m < o->num_masks; m++) if (flip >> m & 1) x |= c->indices[o->first_index + m];
    return x;
}

static dense dense_of(const circuit *c, const operation *o, const amplitude *tables, which matrix)
{
    const int bits = lane_bits(c);
    dense d = { .num_masks = o->num_masks, .num_flips = o->x, .values = tables + matrix * registers_of_matrix(o) };
    for (int64_t m = 0; m < o->num_masks; m++) d.masks[m] = c->indices[o->first_index + m] >> bits;
    for (int64_t f = 0; f < o->x; f++) {
        const int64_t x = spread_flip(c, o, c->indices[o->first_index + o->num_masks + f]);
        d.flips[f] = x >> bits;
        d.moves_lanes |= bits && x & (LANES - 1);
        for (int lane = 0; lane < LANES; lane++) d.partners[f][lane] = bits ? lane ^ (int)(x & (LANES - 1)) : lane;
    }
    return d;
}

/* f(e) for every eigenvalue e: exp(-i a e/2), its conjugate, or -i e/2. */
INLINED void spectrum_at(const double *eigenvalues, int64_t dimension, double angle, which matrix, double *re, double *im)
{
    for (int64_t e = 0; e < dimension; e++) {
        const double half = 0.5 * eigenvalues[e];
        re[e] = matrix == GENERATOR ? 0 : cos(angle * half);
        im[e] = matrix == GENERATOR ? -half : matrix == ADJOINT ? sin(angle * half) : -sin(angle * half);
    }
}

/* Entry (i, j) of sum_e |e> f(e) <e| over the rows of eigenvectors. */
INLINED void dense_entry(const double *row, const double *column, int64_t dimension, const double *re, const double *im,
                         double entry[2])
{
    entry[0] = entry[1] = 0;
    for (int64_t e = 0; e < dimension; e++) {
        const double *left = row + 2 * e, *right = column + 2 * e;
        const double real = left[0] * right[0] + left[1] * right[1], imaginary = left[1] * right[0] - left[0] * right[1];
        entry[0] += real * re[e] - imaginary * im[e];
        entry[1] += real * im[e] + imaginary * re[e];
    }
}

/* The entries (i, i^flip) of a matrix at an angle, for all i. */
INLINED void entries_of_flip(const circuit *c, const operation *o, int64_t flip, double angle, which matrix,
                             double entries[MOST_VARIANTS][2])
{
    const int64_t dimension = (int64_t)1 << o->num_masks;
    const double *vectors = c->numbers + o->first_number;
    double re[MOST_VARIANTS], im[MOST_VARIANTS];
    spectrum_at(vectors + 2 * dimension * dimension, dimension, angle, matrix, re, im);
    for (int64_t i = 0; i < dimension; i++)
        dense_entry(vectors + 2 * i * dimension, vectors + 2 * (i ^ flip) * dimension, dimension, re, im, entries[i]);
}

/* The table of one matrix, with the angle of every lane's context. */
static void dense_table(const circuit *c, const operation *o, const double angles[LANES], which matrix, amplitude *table)
{
    const int64_t dimension = (int64_t)1 << o->num_masks;
    double entries[MOST_VARIANTS][2];
    for (int64_t f = 0; f < o->x; f++)
        for (int64_t lane = 0; lane < LANES; lane++) {
            const int64_t inside = variant_of_lane(c, o, lane), flip = c->indices[o->first_index + o->num_masks + f];
            if (lane == 0 || angles[lane] != angles[lane - 1]) entries_of_flip(c, o, flip, angles[lane], matrix, entries);
            for (int64_t v = 0; v < dimension; v++) {
                NUMBER *value = (NUMBER *)(table + f * dimension + v);
                value[lane] = (NUMBER)entries[v ^ inside][0], value[lane + LANES] = (NUMBER)entries[v ^ inside][1];
            }
        }
}

/* All tables of an operation; the generator's, which no angle enters, the first time only. */
static void dense_tables(const circuit *c, const operation *o, int64_t first, int64_t count, int everything, amplitude *tables)
{
    double angles[LANES];
    angles_at(c, o, first, count, angles);
    for (which matrix = UNITARY; matrix <= GENERATOR; matrix++)
        if (matrix != GENERATOR || everything) dense_table(c, o, angles, matrix, tables + matrix * registers_of_matrix(o));
}

INLINED void dense_product(const dense *d, const amplitude *psi, amplitude *result, int64_t size, int moves_lanes)
{
    for (int64_t k = 0; k < size; k++) {
        int64_t v = 0;
        for (int64_t m = 0; m < d->num_masks; m++) v |= odd(d->masks[m] & k) << m;
        const amplitude *values = d->values + v;
        amplitude sum = { { 0 }, { 0 } };
        for (int64_t f = 0; f < d->num_flips; f++, values += (int64_t)1 << d->num_masks) {
            amplitude a = psi[k ^ d->flips[f]];
            if (moves_lanes) a = (amplitude){ permuted(a.re, d->partners[f]), permuted(a.im, d->partners[f]) };
            sum.re += values->re * a.re - values->im * a.im;
            sum.im += values->re * a.im + values->im * a.re;
        }
        result[k] = sum;
    }
}

/* result <- A psi. */
EVERY_MACHINE static void multiply_dense(const dense *d, const amplitude *psi, amplitude *result, int64_t size)
{
    if (d->moves_lanes) dense_product(d, psi, result, size, 1);
    else dense_product(d, psi, result, size, 0);
}

EVERY_MACHINE static void add_scaled(const lanes *factor, const amplitude *psi, amplitude *row, int64_t size)
{
    for (int64_t k = 0; k < size; k++) row[k].re += *factor * psi[k].re, row[k].im += *factor * psi[k].im;
}

/* Re<lambda|psi>, lane by lane. */
EVERY_MACHINE static void add_real_overlap(const amplitude *lambda, const amplitude *psi, int64_t size, lanes *sum)
{
    for (int64_t k = 0; k < size; k++) *sum += lambda[k].re * psi[k].re + lambda[k].im * psi[k].im;
}

#endif
