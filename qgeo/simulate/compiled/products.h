/* Products of projected tangents: Re<u|v> as the dot product of real vectors.

   A product is summed over registers, then over lanes. A block of sums stays in registers.
*/
#ifndef PRODUCTS_H
#define PRODUCTS_H

#include "propagation.h"

enum {
    ABREAST = REGISTER_BYTES == 64 ? 6 : 3, /* with four columns, as many sums as 32 or 16 registers hold beside what is multiplied */
    ROOM = REGISTER_BYTES == 64 ? 32 : 16,  /* for the sums, whole registers of totals */
    PIECE = 4096 / REGISTER_BYTES           /* registers of every row at once: ten such rows fit a first-level cache */
};

/* Rows in whole blocks. */
INLINED int64_t padded(int64_t rows) { return (rows + 11) / 12 * 12; }

/* Pairs of registers from one row to the next. A power of two would put the same piece of all rows into the same few sets
   of a cache. */
INLINED int64_t stride_of(int64_t size) { return size < 32 ? size : size + 9; }

/* Rows of one parameter from both sides of the frame add up, as do the two halves of a symmetric matrix. */
INLINED void add_entry(const destination *d, double *sums, int64_t row, int64_t column, double sum)
{
    const int64_t i = d->parameter[row], j = d->parameter[column];
    if (i >= d->summed || j >= d->summed) return;
    sums[i * d->summed + j] += sum;
    if (row != column) sums[j * d->summed + i] += sum;
}

/* row <- (1 - |psi><psi|) row; lanes of no context are emptied. */
EVERY_MACHINE static void project(const bound *b, const amplitude *psi, amplitude *row)
{
    lanes re = { 0 }, im = { 0 }, kept = { 0 };
    for (int64_t lane = 0; lane < (b->c->contexts_in_lanes ? b->count : LANES); lane++) kept[lane] = 1;
    for (int64_t k = 0; k < b->size; k++) {
        re += psi[k].re * row[k].re + psi[k].im * row[k].im;
        im += psi[k].re * row[k].im - psi[k].im * row[k].re;
    }
    re = over_context(b->c, re), im = over_context(b->c, im);
    for (int64_t k = 0; k < b->size; k++) {
        row[k].re = kept * (row[k].re - (re * psi[k].re - im * psi[k].im));
        row[k].im = kept * (row[k].im - (re * psi[k].im + im * psi[k].re));
    }
}

/* directions <- psi/|psi|, and 0 where an amplitude is at most `least` times the largest of its context, or of none. */
EVERY_MACHINE static void directions_of(const bound *b, const amplitude *psi, double least, amplitude *directions)
{
    const int64_t filled = b->c->contexts_in_lanes ? b->count : LANES;
    double largest[LANES] = { 0 };
    for (int64_t k = 0; k < b->size; k++)
        for (int64_t lane = 0; lane < filled; lane++) {
            const double squared = (double)psi[k].re[lane] * psi[k].re[lane] + (double)psi[k].im[lane] * psi[k].im[lane];
            double *so_far = largest + (b->c->contexts_in_lanes ? lane : 0);
            if (squared > *so_far) *so_far = squared;
        }
    for (int64_t k = 0; k < b->size; k++)
        for (int64_t lane = 0; lane < LANES; lane++) {
            const double re = psi[k].re[lane], im = psi[k].im[lane], size = sqrt(re * re + im * im);
            const int seen = lane < filled && size > least * sqrt(largest[b->c->contexts_in_lanes ? lane : 0]);
            directions[k].re[lane] = (NUMBER)(seen ? re / size : 0);
            directions[k].im[lane] = (NUMBER)(seen ? im / size : 0);
        }
}

/* The first half of a row <- 2 Re(direction^* row): the derivative of a probability over its root. */
EVERY_MACHINE static void along(const amplitude *directions, amplitude *row, int64_t size)
{
    lanes *slopes = (lanes *)row;
    for (int64_t k = 0; k < size; k++)
        slopes[k] = broadcast(2) * (directions[k].re * row[k].re + directions[k].im * row[k].im);
}

/* The sums over registers from ... to-1 of ABREAST rows with four others, each in a lane: row by row. */
INLINED void products_of_block(const lanes *rows, const lanes *columns, int64_t stride, int64_t from, int64_t to, lanes *products)
{
    lanes sums[ABREAST][4], in_order[ROOM];
    for (int i = 0; i < ABREAST; i++) for (int j = 0; j < 4; j++) sums[i][j] = (lanes){ 0 };
    for (int64_t k = from; k < to; k++)
        for (int i = 0; i < ABREAST; i++)
            for (int j = 0; j < 4; j++) sums[i][j] += rows[i * stride + k] * columns[j * stride + k];
#pragma GCC unroll 32
    for (int i = 0; i < ROOM; i++) in_order[i] = i < 4 * ABREAST ? sums[i / 4][i % 4] : (lanes){ 0 };
    for (int i = 0; i < ROOM / LANES; i++) products[i] = totals(in_order + i * LANES);
}

/* Adds this member's part of all products of `rows` rows of `length` registers, `stride` registers apart, which are
   followed by empty ones up to a multiple of twelve. */
EVERY_MACHINE static void add_products(const team *t, const lanes *first, int64_t rows, int64_t length, int64_t stride,
                                       const destination *d, double *sums)
{
    lanes block[ROOM / LANES];
    const NUMBER *products = (const NUMBER *)block;
    for (int64_t from = t->index * PIECE; from < length; from += t->count * PIECE)
        for (int64_t i = 0; i < rows; i += ABREAST)
            for (int64_t j = i / 4 * 4; j < rows; j += 4) {
                const int64_t to = from + PIECE < length ? from + PIECE : length;
                products_of_block(first + i * stride, first + j * stride, stride, from, to, block);
                for (int64_t a = 0; a < ABREAST && i + a < rows; a++)
                    for (int64_t b = 0; b < 4 && j + b < rows; b++)
                        if (i + a <= j + b) add_entry(d, sums, i + a, j + b, products[4 * a + b]);
            }
}

/* Products of each row that is kept by context with every row: (contexts, by_context, all), added to. A member does all
   rows of a parameter, from both sides of the frame, since it adds them up in one place. */
EVERY_MACHINE static void add_products_by_context(const bound *b, const team *t, const lanes *first, int64_t rows, int64_t stride,
                                                  const destination *d, double *by_context)
{
    for (int64_t row = 0; row < rows; row++) {
        const int64_t place = d->parameter[row] - d->summed;
        if (place < 0 || place % t->count != t->index) continue;
        for (int64_t column = 0; column < rows; column++) {
            lanes sum = { 0 };
            for (int64_t k = 0; k < 2 * b->size; k++) sum += first[row * stride + k] * first[column * stride + k];
            sum = over_context(b->c, sum);
            for (int64_t lane = 0; lane < b->count; lane++)
                by_context[((b->first + lane) * d->by_context + place) * d->all + d->parameter[column]] += sum[lane];
        }
    }
}

#endif
