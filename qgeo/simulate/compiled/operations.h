/* Operations on eight short states side by side: the lanes of a vector register.

       U(a) = cos(w a/2) + sin(w a/2) M,      M = -i P,      dU/da = (w/2) M U         (P a Pauli string)
       (P psi)_k = i^|x&z| (-1)^|(k^x)&z| psi_{k^x}                    (x, z: bit masks of the string)

   A circuit is a list of operations: Pauli rotations, index maps with phases, and dense fixed unitaries. A state
   of eight lanes is 2^n pairs of vectors (real and imaginary parts); an operation's loop runs over amplitudes, its
   arithmetic over lanes. What the lanes are is the sweep's business (`sweeps.c`): contexts, or tangents.
*/
#include <math.h>
#include <stdint.h>
#include <stddef.h>
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

/* Operations first ... last that are done as one. Several are rotations without X or Y: they only turn phases, commute,
   and are multiplied into table number `phases` (-1: into none). */
typedef struct { int32_t first, last, phases; } step;

/* A circuit at its angles. Angles below `num_shared` are every context's; by_context is (contexts, num_by_context). */
typedef struct {
    int64_t num_qubits, num_operations, num_steps, num_phases, num_shared, num_by_context;
    const operation *operations;
    const step *steps;
    const double *numbers;
    const int32_t *indices;
    const double *shared, *by_context;
} circuit;

INLINED int64_t dimension(const circuit *c) { return (int64_t)1 << c->num_qubits; }

INLINED lanes broadcast(double number)
{
    return (lanes){ number, number, number, number, number, number, number, number };
}

/* Numbers of neighbouring contexts from a (contexts, stride) array; lanes beyond `count` repeat the last. */
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

/* A rotation at its angles; of an operation of another kind only the place. */
typedef struct { lanes cosine, sine[2]; double half_weight; int64_t x, z, top, real, unused[3]; } rotation;

/* M has real entries sign*(+-1) where the string has an odd number of Ys, imaginary ones otherwise. */
INLINED rotation rotation_at(const circuit *c, const operation *o, int64_t first, int64_t count)
{
    const int ys = __builtin_popcount(o->x & o->z);
    const double half_weight = 0.5 * c->numbers[o->number];
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

INLINED amplitude mixed(amplitude own, amplitude other, lanes cosine, lanes sine, int real)
{
    if (real) return (amplitude){ cosine * own.re + sine * other.re, cosine * own.im + sine * other.im };
    return (amplitude){ cosine * own.re + sine * other.im, cosine * own.im - sine * other.re };
}

INLINED void rotate_pairs(const rotation *r, amplitude *psi, int64_t size, int inverse, int real)
{
    const lanes cosine = r->cosine;
    for (int64_t high = 0; high < size; high += 2 * r->top)
        for (int64_t k = high; k < high + r->top; k++) {
            const int64_t j = k ^ r->x;
            const amplitude one = psi[k], other = psi[j];
            psi[k] = mixed(one, other, cosine, r->sine[odd(j, r->z) ^ inverse], real);
            psi[j] = mixed(other, one, cosine, r->sine[odd(k, r->z) ^ inverse], real);
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

/* psi <- U psi, or its inverse; `spare` is room for a state. */
INLINED void move(const circuit *c, const operation *o, const rotation *r, amplitude *psi, amplitude *spare, int inverse)
{
    if (o->kind == ROTATION) rotate(r, psi, dimension(c), inverse);
    else if (o->kind == MAP) relabel(c, o, psi, spare, inverse);
    else multiply(c, o, psi, spare, inverse);
}

/* --- rotations done as one ------------------------------------------------------------------------------------- */

/* What the step's rotations multiply every amplitude by. */
INLINED void find_phases(const step *s, const rotation *rotations, amplitude *phases, int64_t size)
{
    for (int64_t k = 0; k < size; k++) phases[k] = (amplitude){ broadcast(1), broadcast(0) };
    for (int64_t i = s->first; i <= s->last; i++) rotate(rotations + i, phases, size, 0);
}

INLINED void turn(const amplitude *phases, amplitude *psi, int64_t size, int inverse)
{
    for (int64_t k = 0; k < size; k++) {
        const amplitude one = psi[k], factor = { phases[k].re, inverse ? -phases[k].im : phases[k].im };
        psi[k].re = factor.re * one.re - factor.im * one.im;
        psi[k].im = factor.re * one.im + factor.im * one.re;
    }
}

/* The same where all lanes are alike: a table of one complex number an amplitude. */
INLINED void turn_alike(const double *phases, amplitude *psi, int64_t size, int inverse)
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
        double *own = states + 2 * lane * stride * size;
        const double *column = (const double *)psi + lane;
        for (int64_t k = 0; k < 2 * size; k++) own[k] = column[k * LANES];
    }
}

INLINED void zero_state(amplitude *psi, int64_t size)
{
    memset(psi, 0, size * sizeof(amplitude));
    psi[0].re = broadcast(1);
}

INLINED int64_t in_register(int64_t first, int64_t last) { return last - first < LANES ? last - first : LANES; }
