/* Products of projected tangents: Re<u|v> as the dot product of real vectors.

   A product is summed over amplitudes and, where lanes are contexts, over lanes; where lanes are tangents, every lane
   of one bundle meets every lane of the other. Blocks of 4 x 4 or of 8 x 8 sums stay in registers.
*/

/* Where products go: row r belongs to parameter parameter[r], of which the first `own` are summed over contexts, and
   the `data` = all - own others are kept by context. */
typedef struct { int64_t own, data, all; const int32_t *parameter; } places;

#define PIECE 64 /* amplitudes of every row at once: they stay in a second-level cache */

/* Rows of one parameter from both sides of the frame add up, as do the two halves of a symmetric matrix. */
INLINED void add_entry(const places *p, double *sums, int64_t row, int64_t column, int mirrored, double sum)
{
    const int64_t i = p->parameter[row], j = p->parameter[column];
    if (i >= p->own || j >= p->own) return;
    sums[i * p->own + j] += sum;
    if (mirrored) sums[j * p->own + i] += sum;
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
    const lanes *own = (const lanes *)left, *other = (const lanes *)right;
    const int64_t stride = 2 * size;
    for (int64_t k = 2 * from; k < 2 * to; k++)
        for (int i = 0; i < 4; i++) for (int j = 0; j < 4; j++) sums[i][j] += own[i * stride + k] * other[j * stride + k];
}

/* Adds all products of `rows` rows, which are followed by empty ones up to a multiple of four. */
INLINED void add_products(const amplitude *bundles, int64_t rows, int64_t size, const places *p, double *sums)
{
    lanes block[4][4];
    for (int64_t from = 0; from < size; from += PIECE)
        for (int64_t i = 0; i < rows; i += 4)
            for (int64_t j = i; j < rows; j += 4) {
                products_of_four(bundles + i * size, bundles + j * size, size, from, from + PIECE < size ? from + PIECE : size, block);
                for (int64_t a = 0; a < 4 && i + a < rows; a++)
                    for (int64_t b = 0; b < 4 && j + b < rows; b++)
                        add_entry(p, sums, i + a, j + b, i != j, total(block[a][b], LANES));
            }
}

/* Products of each data row with every row, context by context: (count, data, all), added to. */
INLINED void write_data_products(const amplitude *bundles, int64_t rows, int64_t size, const places *p, int64_t count,
                                 double *by_context)
{
    for (int64_t row = 0; row < rows; row++) {
        const int64_t data = p->parameter[row] - p->own;
        if (data < 0) continue;
        for (int64_t other = 0; other < rows; other++) {
            const amplitude *one = bundles + row * size, *two = bundles + other * size;
            lanes sum = broadcast(0);
            for (int64_t k = 0; k < size; k++) sum += one[k].re * two[k].re + one[k].im * two[k].im;
            for (int64_t lane = 0; lane < count; lane++)
                by_context[(lane * p->data + data) * p->all + p->parameter[other]] += sum[lane];
        }
    }
}

/* Every lane of one bundle with every lane of another. */
INLINED void products_of_bundles(const amplitude *one, const amplitude *other, int64_t size, double block[LANES][LANES])
{
    lanes sums[LANES];
    for (int lane = 0; lane < LANES; lane++) sums[lane] = broadcast(0);
    const double *scalars = (const double *)one;
    const lanes *vectors = (const lanes *)other;
    for (int64_t k = 0; k < 2 * size; k++)
        for (int lane = 0; lane < LANES; lane++) sums[lane] += scalars[k * LANES + lane] * vectors[k];
    for (int i = 0; i < LANES; i++) for (int j = 0; j < LANES; j++) block[i][j] = sums[i][j];
}
