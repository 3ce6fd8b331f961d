/* Products of projected tangents: Re<u|v> as the dot product of real vectors.

   A product is summed over amplitudes and, where lanes are contexts, over lanes; where lanes are tangents, every lane
   of one bundle meets every lane of the other. Blocks of 4 x 4 or of 8 x 8 sums stay in registers.
*/

#define PIECE 64 /* amplitudes of every row at once: they stay in a second-level cache */

/* Rows of one parameter from both sides of the frame add up, as do the two halves of a symmetric matrix. */
INLINED void add_entry(const destination *d, double *sums, int64_t row, int64_t column, int mirrored, double sum)
{
    const int64_t i = d->parameter[row], j = d->parameter[column];
    if (i >= d->summed || j >= d->summed) return;
    sums[i * d->summed + j] += sum;
    if (mirrored) sums[j * d->summed + i] += sum;
}

/* row <- (1 - |psi><psi|) row; lanes from `count` on are emptied. */
INLINED void project(const amplitude *psi, int64_t count, amplitude *row, int64_t size)
{
    lanes re = broadcast(0), im = broadcast(0), kept = broadcast(0);
    for (int64_t lane = 0; lane < count; lane++) kept[lane] = 1;
    for (int64_t k = 0; k < size; k++) {
        re += psi[k].re * row[k].re + psi[k].im * row[k].im;
        im += psi[k].re * row[k].im - psi[k].im * row[k].re;
    }
    for (int64_t k = 0; k < size; k++) {
        row[k].re = kept * (row[k].re - (re * psi[k].re - im * psi[k].im));
        row[k].im = kept * (row[k].im - (re * psi[k].im + im * psi[k].re));
    }
}

/* The sums over amplitudes from ... to-1 of four rows with four others, lane by lane. */
INLINED void products_of_four(const amplitude *left, const amplitude *right, int64_t size, int64_t from, int64_t to,
                              lanes sums[4][4])
{
    for (int i = 0; i < 4; i++) for (int j = 0; j < 4; j++) sums[i][j] = broadcast(0);
    const lanes *rows = (const lanes *)left, *columns = (const lanes *)right;
    const int64_t stride = 2 * size;
    for (int64_t k = 2 * from; k < 2 * to; k++)
        for (int i = 0; i < 4; i++) for (int j = 0; j < 4; j++) sums[i][j] += rows[i * stride + k] * columns[j * stride + k];
}

/* Adds all products of `rows` rows, which are followed by empty ones up to a multiple of four. */
INLINED void add_products(const amplitude *bundles, int64_t rows, int64_t size, const destination *d, double *sums)
{
    lanes block[4][4];
    for (int64_t from = 0; from < size; from += PIECE)
        for (int64_t i = 0; i < rows; i += 4)
            for (int64_t j = i; j < rows; j += 4) {
                products_of_four(bundles + i * size, bundles + j * size, size, from, from + PIECE < size ? from + PIECE : size, block);
                for (int64_t a = 0; a < 4 && i + a < rows; a++)
                    for (int64_t b = 0; b < 4 && j + b < rows; b++)
                        add_entry(d, sums, i + a, j + b, i != j, total(block[a][b], LANES));
            }
}

/* Products of each row that is kept by context with every row: (count, by_context, all), added to. */
INLINED void write_products_by_context(const amplitude *bundles, int64_t rows, int64_t size, const destination *d,
                                       int64_t count, double *by_context)
{
    for (int64_t row = 0; row < rows; row++) {
        const int64_t place = d->parameter[row] - d->summed;
        if (place < 0) continue;
        for (int64_t column = 0; column < rows; column++) {
            const amplitude *left = bundles + row * size, *right = bundles + column * size;
            lanes sum = broadcast(0);
            for (int64_t k = 0; k < size; k++) sum += left[k].re * right[k].re + left[k].im * right[k].im;
            for (int64_t lane = 0; lane < count; lane++)
                by_context[(lane * d->by_context + place) * d->all + d->parameter[column]] += sum[lane];
        }
    }
}

/* Every lane of one bundle with every lane of another. */
INLINED void products_of_bundles(const amplitude *left, const amplitude *right, int64_t size, double block[LANES][LANES])
{
    lanes sums[LANES];
    for (int lane = 0; lane < LANES; lane++) sums[lane] = broadcast(0);
    const double *scalars = (const double *)left;
    const lanes *vectors = (const lanes *)right;
    for (int64_t k = 0; k < 2 * size; k++)
        for (int lane = 0; lane < LANES; lane++) sums[lane] += scalars[k * LANES + lane] * vectors[k];
    for (int i = 0; i < LANES; i++) for (int j = 0; j < LANES; j++) block[i][j] = sums[i][j];
}
