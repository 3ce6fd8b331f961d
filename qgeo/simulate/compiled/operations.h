/* Operations on eight short states side by side: the lanes of a vector register.

       U(a) = cos(w a/2) + sin(w a/2) M,      M = -i P,      dU/da = (w/2) M U         (P a Pauli string)
       (P psi)_k = i^|x&z| (-1)^|(k^x)&z| psi_{k^x}                    (x, z: bit masks of the string)

   A circuit is a list of operations: Pauli rotations, monomial matrices, and dense fixed unitaries. A state
   of eight lanes is 2^n pairs of vectors (real and imaginary parts); an operation's loop runs over amplitudes, its
   arithmetic over lanes. What the lanes are is the sweep's business (`sweeps.c`): contexts, or tangents.
*/
#include <math.h>
#include <string.h>

#include "layout.h"

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
#define EVERY_MACHINE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define EVERY_MACHINE
#endif
#define INLINED static inline __attribute__((always_inline))

INLINED int64_t dimension(const circuit *c) { return (int64_t)1 << c->num_qubits; }

INLINED lanes broadcast(double number)
{
    return (lanes){ number, number, number, number, number, number, number, number };
}

/* Numbers of neighbouring contexts from a (contexts, stride) array; lanes beyond `count` repeat the last. */
INLINED lanes gathered(const double *column, int64_t stride, int64_t count)
{
    lanes values;
    for (int64_t lane = 0; lane < LANES; lane++) values[lane] = column[(lane < count ? lane : count - 1) * stride];
    return values;
}

INLINED double total(lanes terms, int64_t count)
{
    double sum = 0;
    for (int64_t lane = 0; lane < count; lane++) sum += terms[lane];
    return sum;
}

/* --- Pauli rotations ------------------------------------------------------------------------------------------ */

/* M has real entries sign*(+-1) where the string has an odd number of Ys, imaginary ones otherwise. */
INLINED rotation rotation_at(const circuit *c, const operation *o, int64_t first, int64_t count)
{
    const int ys = __builtin_popcount(o->x & o->z);
    const double half_weight = 0.5 * c->numbers[o->first_number];
    lanes angles, cosine, sine;
    if (o->angle < c->num_shared) {
        const double half = half_weight * c->shared[o->angle];
        cosine = broadcast(cos(half)), sine = broadcast(sin(half));
    } else {
        angles = gathered(c->by_context + first * c->num_by_context + o->angle - c->num_shared, c->num_by_context, count);
        for (int lane = 0; lane < LANES; lane++)
            cosine[lane] = cos(half_weight * angles[lane]), sine[lane] = sin(half_weight * angles[lane]);
    }
    if (ys % 4 > 1) sine = -sine;
    return (rotation){ cosine, { sine, -sine }, ys % 4 > 1 ? -half_weight : half_weight, o->x, o->z,
                       o->x ? (int64_t)1 << (31 - __builtin_clz(o->x)) : 0, ys % 2, { 0 } };
}

INLINED int odd(int64_t k, int64_t z) { return __builtin_parityll(k & z); }

INLINED amplitude mixed(amplitude kept, amplitude partner, lanes cosine, lanes sine, int real)
{
    if (real) return (amplitude){ cosine * kept.re + sine * partner.re, cosine * kept.im + sine * partner.im };
    return (amplitude){ cosine * kept.re + sine * partner.im, cosine * kept.im - sine * partner.re };
}

INLINED void rotate_pairs(const rotation *r, amplitude *psi, int64_t size, int inverse, int real)
{
    const lanes cosine = r->cosine;
    for (int64_t high = 0; high < size; high += 2 * r->top)
        for (int64_t k = high; k < high + r->top; k++) {
            const int64_t j = k ^ r->x;
            const amplitude lower = psi[k], upper = psi[j];
            psi[k] = mixed(lower, upper, cosine, r->sine[odd(j, r->z) ^ inverse], real);
            psi[j] = mixed(upper, lower, cosine, r->sine[odd(k, r->z) ^ inverse], real);
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
INLINED void add_derivative(const rotation *r, lanes slope, const amplitude *psi, amplitude *row, int64_t size)
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

INLINED void apply_monomial(const circuit *c, const operation *o, amplitude *psi, amplitude *spare, int inverse)
{
    const int64_t size = dimension(c);
    const int32_t *source = c->indices + o->first_index + inverse * size;
    const double *phase = c->numbers + o->first_number + 2 * inverse * size;
    memcpy(spare, psi, size * sizeof(amplitude));
    for (int64_t k = 0; k < size; k++)
        psi[k] = o->size ? times(phase[2 * k], phase[2 * k + 1], spare[source[k]]) : spare[source[k]];
}

INLINED void apply_dense(const circuit *c, const operation *o, amplitude *psi, amplitude *spare, int inverse)
{
    const int64_t size = o->size;
    const double *matrix = c->numbers + o->first_number + 2 * inverse * size * size;
    const int32_t *offset = c->indices + o->first_index, *base = offset + size;
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

/* psi <- U psi, or its inverse; `spare`: a state to work in. */
INLINED void apply(const circuit *c, const operation *o, const rotation *r, amplitude *psi, amplitude *spare, int inverse)
{
    if (o->kind == ROTATION) rotate(r, psi, dimension(c), inverse);
    else if (o->kind == MONOMIAL) apply_monomial(c, o, psi, spare, inverse);
    else apply_dense(c, o, psi, spare, inverse);
}

/* --- diagonal rotations applied as one ------------------------------------------------------------------------- */

/* What the step's rotations multiply every amplitude by. */
INLINED void compute_phases(const step *s, const rotation *rotations, amplitude *phases, int64_t size)
{
    for (int64_t k = 0; k < size; k++) phases[k] = (amplitude){ broadcast(1), broadcast(0) };
    for (int64_t i = s->first; i <= s->last; i++) rotate(rotations + i, phases, size, 0);
}

INLINED void apply_phases(const amplitude *phases, amplitude *psi, int64_t size, int inverse)
{
    for (int64_t k = 0; k < size; k++) {
        const amplitude value = psi[k], factor = { phases[k].re, inverse ? -phases[k].im : phases[k].im };
        psi[k].re = factor.re * value.re - factor.im * value.im;
        psi[k].im = factor.re * value.im + factor.im * value.re;
    }
}

/* The same where all lanes are alike: a table of one complex number an amplitude. */
INLINED void apply_phases_alike(const double *phases, amplitude *psi, int64_t size, int inverse)
{
    for (int64_t k = 0; k < size; k++)
        psi[k] = times(phases[2 * k], inverse ? -phases[2 * k + 1] : phases[2 * k + 1], psi[k]);
}

/* --- between (contexts, 2^n) complex numbers and lanes ----------------------------------------------------------- */

INLINED void load(const double *states, int64_t count, amplitude *psi, int64_t size)
{
    for (int64_t k = 0; k < size; k++) {
        psi[k].re = gathered(states + 2 * k, 2 * size, count);
        psi[k].im = gathered(states + 2 * k + 1, 2 * size, count);
    }
}

/* The first `count` lanes as states, `stride` states apart. */
INLINED void store(const amplitude *psi, int64_t count, double *states, int64_t size, int64_t stride)
{
    for (int64_t lane = 0; lane < count; lane++) {
        double *state = states + 2 * lane * stride * size;
        const double *column = (const double *)psi + lane;
        for (int64_t k = 0; k < 2 * size; k++) state[k] = column[k * LANES];
    }
}

INLINED void zero_state(amplitude *psi, int64_t size)
{
    memset(psi, 0, size * sizeof(amplitude));
    psi[0].re = broadcast(1);
}

INLINED int64_t in_register(int64_t first, int64_t last) { return last - first < LANES ? last - first : LANES; }
