/* Sweeps over short states, eight contexts at a time: what torch's calls are too slow for.

       U(a) = cos(w a/2) + sin(w a/2) M,      M = -i P,      dU/da = (w/2) M U         (P a Pauli string)
       (P psi)_k = i^|x&z| (-1)^|(k^x)&z| psi_{k^x}                    (x, z: bit masks of the string)

   A circuit is a list of operations: Pauli rotations, index maps with phases, and dense fixed unitaries. A state
   of eight contexts is 2^n pairs of vectors (real and imaginary parts); an operation's loop runs over amplitudes,
   its arithmetic over contexts. Three sweeps: states forward, the adjoint gradient back, tangents from both ends
   into a frame in the middle. All of them stay in a first- or second-level cache.
*/
#include <math.h>
#include <stdint.h>
#include <string.h>

#define LANES 8
typedef double lanes __attribute__((vector_size(8 * LANES), aligned(8)));
typedef struct { lanes re, im; } amplitude;

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
#define EVERY_MACHINE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define EVERY_MACHINE
#endif
#define INLINED static inline __attribute__((always_inline))

enum { ROTATION, MAP, DENSE };

/* One operation. ROTATION: angle, x, z, numbers[number] = w. MAP: indices[index] source and inverse source, 2^n
   each; numbers[number] phases and inverse phases. DENSE: `size` D; numbers[number] matrix and adjoint, row by row;
   indices[index] D offsets, then 2^n/D bases. */
typedef struct { int32_t kind, angle, x, z, size, number, index, unused; } operation;

/* A circuit at its angles. Angles below `num_shared` are every context's; by_context is (contexts, num_by_context).
   The entries of da/dp of angle j are first_entry[j] ... first_entry[j+1]; slopes are stored like angles. */
typedef struct {
    int64_t num_qubits, num_operations, num_shared, num_by_context, num_shared_entries, num_context_entries;
    const operation *operations;
    const double *numbers;
    const int32_t *indices;
    const double *shared, *by_context;
    const int32_t *first_entry, *row_of_entry;
    const double *shared_slopes, *context_slopes;
} circuit;

INLINED int64_t dimension(const circuit *c) { return (int64_t)1 << c->num_qubits; }

INLINED lanes broadcast(double number)
{
    return (lanes){ number, number, number, number, number, number, number, number };
}

/* Numbers of the contexts in a tile from a (contexts, stride) array; lanes beyond `count` repeat the last. */
INLINED lanes gathered(const double *column, int64_t stride, int64_t count)
{
    lanes found;
    for (int64_t lane = 0; lane < LANES; lane++) found[lane] = column[(lane < count ? lane : count - 1) * stride];
    return found;
}

INLINED double total(lanes terms, int64_t count)
{
    double sum = 0;
    for (int64_t lane = 0; lane < count; lane++) sum += terms[lane];
    return sum;
}

/* --- Pauli rotations ------------------------------------------------------------------------------------------ */

typedef struct { int64_t x, z, top; int real; lanes cosine, sine[2]; double half_weight; } rotation;

/* M has real entries sign*(+-1) where the string has an odd number of Ys, imaginary ones otherwise. */
INLINED rotation rotation_at(const circuit *c, const operation *o, int64_t first, int64_t count)
{
    const int ys = __builtin_popcount(o->x & o->z);
    const double weight = c->numbers[o->number];
    lanes angles, cosine, sine;
    if (o->angle < c->num_shared) {
        const double half = 0.5 * weight * c->shared[o->angle];
        cosine = broadcast(cos(half)), sine = broadcast(sin(half));
    } else {
        angles = gathered(c->by_context + first * c->num_by_context + o->angle - c->num_shared, c->num_by_context, count);
        for (int lane = 0; lane < LANES; lane++)
            cosine[lane] = cos(0.5 * weight * angles[lane]), sine[lane] = sin(0.5 * weight * angles[lane]);
    }
    if (ys % 4 > 1) sine = -sine;
    return (rotation){ o->x, o->z, o->x ? (int64_t)1 << (31 - __builtin_clz(o->x)) : 0, ys % 2, cosine,
                       { sine, -sine }, ys % 4 > 1 ? -0.5 * weight : 0.5 * weight };
}

INLINED int odd(int64_t k, int64_t z) { return __builtin_parityll(k & z); }

INLINED amplitude mixed(amplitude own, amplitude other, lanes cosine, lanes sine, int real)
{
    if (real) return (amplitude){ cosine * own.re + sine * other.re, cosine * own.im + sine * other.im };
    return (amplitude){ cosine * own.re + sine * other.im, cosine * own.im - sine * other.re };
}

INLINED void rotate_pairs(const rotation *r, amplitude *psi, int64_t size, int inverse, int real)
{
    for (int64_t high = 0; high < size; high += 2 * r->top)
        for (int64_t k = high; k < high + r->top; k++) {
            const int64_t j = k ^ r->x;
            const amplitude one = psi[k], other = psi[j];
            psi[k] = mixed(one, other, r->cosine, r->sine[odd(j, r->z) ^ inverse], real);
            psi[j] = mixed(other, one, r->cosine, r->sine[odd(k, r->z) ^ inverse], real);
        }
}

INLINED void rotate(const rotation *r, amplitude *psi, int64_t size, int inverse)
{
    if (r->x == 0)
        for (int64_t k = 0; k < size; k++) psi[k] = mixed(psi[k], psi[k], r->cosine, r->sine[odd(k, r->z) ^ inverse], 0);
    else if (r->real) rotate_pairs(r, psi, size, inverse, 1);
    else rotate_pairs(r, psi, size, inverse, 0);
}

/* row += slope (w/2) M psi */
INLINED void enter(const rotation *r, lanes slope, const amplitude *psi, amplitude *row, int64_t size)
{
    const lanes factor = slope * r->half_weight;
    const lanes none = broadcast(0);
    for (int64_t k = 0; k < size; k++) {
        const int64_t j = k ^ r->x;
        const amplitude moved = mixed(psi[k], psi[j], none, odd(j, r->z) ? -factor : factor, r->real);
        row[k].re += moved.re, row[k].im += moved.im;
    }
}

/* (w/2) Re<lambda|M psi> */
INLINED lanes slope_along(const rotation *r, const amplitude *psi, const amplitude *lambda, int64_t size)
{
    lanes sums[2] = { broadcast(0), broadcast(0) };
    if (r->real)
        for (int64_t k = 0; k < size; k++) {
            const int64_t j = k ^ r->x;
            sums[odd(j, r->z)] += lambda[k].re * psi[j].re + lambda[k].im * psi[j].im;
        }
    else
        for (int64_t k = 0; k < size; k++) {
            const int64_t j = k ^ r->x;
            sums[odd(j, r->z)] += lambda[k].re * psi[j].im - lambda[k].im * psi[j].re;
        }
    return (sums[0] - sums[1]) * r->half_weight;
}

/* --- fixed operations ----------------------------------------------------------------------------------------- */

INLINED amplitude times(double re, double im, amplitude a)
{
    return (amplitude){ re * a.re - im * a.im, re * a.im + im * a.re };
}

INLINED void relabel(const circuit *c, const operation *o, amplitude *psi, amplitude *spare, int inverse)
{
    const int64_t size = dimension(c);
    const int32_t *source = c->indices + o->index + inverse * size;
    const double *phase = c->numbers + o->number + 2 * inverse * size;
    memcpy(spare, psi, size * sizeof(amplitude));
    for (int64_t k = 0; k < size; k++)
        psi[k] = o->size ? times(phase[2 * k], phase[2 * k + 1], spare[source[k]]) : spare[source[k]];
}

INLINED void multiply(const circuit *c, const operation *o, amplitude *psi, amplitude *spare, int inverse)
{
    const int64_t size = o->size;
    const double *matrix = c->numbers + o->number + 2 * inverse * size * size;
    const int32_t *offset = c->indices + o->index, *base = offset + size;
    for (int64_t group = 0; group < dimension(c) / size; group++) {
        for (int64_t j = 0; j < size; j++) spare[j] = psi[base[group] + offset[j]];
        for (int64_t i = 0; i < size; i++) {
            amplitude sum = { broadcast(0), broadcast(0) };
            for (int64_t j = 0; j < size; j++) {
                const double *entry = matrix + 2 * (i * size + j);
                const amplitude term = times(entry[0], entry[1], spare[j]);
                sum.re += term.re, sum.im += term.im;
            }
            psi[base[group] + offset[i]] = sum;
        }
    }
}

/* `states` states in a row, one after the other. */
INLINED void move(const circuit *c, const operation *o, const rotation *r, amplitude *psi, int64_t states,
                  amplitude *spare, int inverse)
{
    const int64_t size = dimension(c);
    for (amplitude *own = psi; own < psi + states * size; own += size) {
        if (o->kind == ROTATION) rotate(r, own, size, inverse);
        else if (o->kind == MAP) relabel(c, o, own, spare, inverse);
        else multiply(c, o, own, spare, inverse);
    }
}

INLINED rotation rotation_or_nothing(const circuit *c, const operation *o, int64_t first, int64_t count)
{
    if (o->kind == ROTATION) return rotation_at(c, o, first, count);
    return (rotation){ 0 };
}

/* --- between (contexts, 2^n) complex numbers and tiles ----------------------------------------------------------- */

INLINED void load(const double *states, int64_t count, amplitude *tile, int64_t size)
{
    for (int64_t k = 0; k < size; k++) {
        tile[k].re = gathered(states + 2 * k, 2 * size, count);
        tile[k].im = gathered(states + 2 * k + 1, 2 * size, count);
    }
}

INLINED void store(const amplitude *tile, int64_t count, double *states, int64_t size)
{
    for (int64_t lane = 0; lane < count; lane++) {
        double *own = states + 2 * lane * size;
        const double *column = (const double *)tile + lane;
        for (int64_t k = 0; k < 2 * size; k++) own[k] = column[k * LANES];
    }
}

INLINED void zero_state(amplitude *psi, int64_t size)
{
    memset(psi, 0, size * sizeof(amplitude));
    psi[0].re = broadcast(1);
}

INLINED int64_t in_tile(int64_t first, int64_t last) { return last - first < LANES ? last - first : LANES; }

/* --- the three sweeps, for contexts first ... last-1 ------------------------------------------------------------- */

/* U|0>, into states (contexts, 2^n). Room: two states. */
EVERY_MACHINE void qgeo_states(const circuit *c, int64_t first, int64_t last, double *states, void *room)
{
    const int64_t size = dimension(c);
    amplitude *psi = room, *spare = psi + size;
    for (; first < last; first += LANES) {
        const int64_t count = in_tile(first, last);
        zero_state(psi, size);
        for (const operation *o = c->operations; o < c->operations + c->num_operations; o++) {
            const rotation r = rotation_or_nothing(c, o, first, count);
            move(c, o, &r, psi, 1, spare, 0);
        }
        store(psi, count, states + 2 * first * size, size);
    }
}

/* dL/da for dL = Re<cotangent|dpsi>: shared (m,), added to; by_context (contexts, m'). Room: three states. */
EVERY_MACHINE void qgeo_gradient(const circuit *c, int64_t first, int64_t last, const double *states,
                                 const double *cotangents, double *shared, double *by_context, void *room)
{
    const int64_t size = dimension(c);
    amplitude *pair = room, *spare = pair + 2 * size;
    for (; first < last; first += LANES) {
        const int64_t count = in_tile(first, last);
        load(states + 2 * first * size, count, pair, size);
        load(cotangents + 2 * first * size, count, pair + size, size);
        for (const operation *o = c->operations + c->num_operations - 1; o >= c->operations; o--) {
            const rotation r = rotation_or_nothing(c, o, first, count);
            if (o->kind == ROTATION) {
                const lanes slope = slope_along(&r, pair, pair + size, size);
                if (o->angle < c->num_shared) shared[o->angle] += total(slope, count);
                else for (int64_t lane = 0; lane < count; lane++)
                    by_context[(first + lane) * c->num_by_context + o->angle - c->num_shared] += slope[lane];
            }
            move(c, o, &r, pair, 2, spare, 1);
        }
    }
}

/* Adds an operation's own derivative to the rows of its angle's parameters. */
INLINED void enter_all(const circuit *c, const operation *o, const rotation *r, int64_t first, int64_t count,
                       const amplitude *psi, amplitude *rows)
{
    const int64_t size = dimension(c);
    for (int32_t e = c->first_entry[o->angle]; e < c->first_entry[o->angle + 1]; e++) {
        const int64_t own = e - c->num_shared_entries;
        const lanes slope = own < 0 ? broadcast(c->shared_slopes[e])
            : gathered(c->context_slopes + first * c->num_context_entries + own, c->num_context_entries, count);
        enter(r, slope, psi, rows + c->row_of_entry[e] * size, size);
    }
}

/* States and tangents in front of operation `frame`: states (contexts, 2^n), rows (num_rows, contexts, 2^n).
   Rows below ahead[o] have entered once operation o is done in the sweep forward, rows from behind[o] on in the
   sweep back. Room: num_rows + 2 states. */
EVERY_MACHINE void qgeo_tangents(const circuit *c, int64_t first, int64_t last, int64_t frame, int64_t num_rows,
                                 const int32_t *ahead, const int32_t *behind, int64_t contexts, double *states,
                                 double *tangents, void *room)
{
    const int64_t size = dimension(c);
    amplitude *psi = room, *spare = psi + size, *rows = spare + size;
    for (; first < last; first += LANES) {
        const int64_t count = in_tile(first, last);
        zero_state(psi, size);
        memset(rows, 0, num_rows * size * sizeof(amplitude));
        for (int64_t i = 0; i < frame; i++) {
            const operation *o = c->operations + i;
            const rotation r = rotation_or_nothing(c, o, first, count);
            move(c, o, &r, psi, 1, spare, 0);
            if (i) move(c, o, &r, rows, ahead[i - 1], spare, 0);
            if (o->kind == ROTATION) enter_all(c, o, &r, first, count, psi, rows);
        }
        store(psi, count, states + 2 * first * size, size);
        for (int64_t i = frame; i < c->num_operations; i++) {
            const operation *o = c->operations + i;
            const rotation r = rotation_or_nothing(c, o, first, count);
            move(c, o, &r, psi, 1, spare, 0);
        }
        for (int64_t i = c->num_operations - 1; i >= frame; i--) {
            const operation *o = c->operations + i;
            const rotation r = rotation_or_nothing(c, o, first, count);
            if (o->kind == ROTATION) enter_all(c, o, &r, first, count, psi, rows);
            move(c, o, &r, psi, 1, spare, 1);
            move(c, o, &r, rows + behind[i] * size, num_rows - behind[i], spare, 1);
        }
        for (int64_t row = 0; row < num_rows; row++)
            store(rows + row * size, count, tangents + 2 * (row * contexts + first) * size, size);
    }
}
