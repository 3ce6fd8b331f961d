/* Sweeps over short states, eight lanes at a time: what torch's calls are too slow for.

   States forward, the adjoint gradient back, tangents from both ends into a frame in the middle, and the Gram matrix
   of projected tangents, whose tangents never leave the cache. Lanes are contexts, except where `width` is LANES:
   then a sweep is of one context, and the lanes of a bundle are tangents. The operations themselves: `operations.h`; the
   products: `products.h`.
*/
#include "operations.h"
#include "products.h"

/* psi <- U psi of a step, or its inverse; `phases`: the step's table, if it has one. */
INLINED void apply_step(const circuit *c, const step *s, const rotation *rotations, const amplitude *phases, amplitude *psi,
                     amplitude *spare, int inverse)
{
    if (phases) apply_phases(phases, psi, dimension(c), inverse);
    else for (int64_t i = s->first; i <= s->last; i++) apply(c, c->operations + i, rotations + i, psi, spare, inverse);
}

/* --- states, and their adjoint gradient ---------------------------------------------------------------------------- */

/* U|0>, into states (contexts, 2^n), for contexts first ... last-1. Workspace: two states. */
EVERY_MACHINE void qgeo_states(const circuit *c, int64_t first, int64_t last, double *states, void *workspace)
{
    const int64_t size = dimension(c);
    amplitude *psi = workspace, *spare = psi + size;
    rotation r = { 0 };
    for (; first < last; first += LANES) {
        const int64_t count = in_register(first, last);
        zero_state(psi, size);
        for (const operation *o = c->operations; o < c->operations + c->num_operations; o++) {
            if (o->kind == ROTATION) r = rotation_at(c, o, first, count);
            apply(c, o, &r, psi, spare, 0);
        }
        store(psi, count, states + 2 * first * size, size, 1);
    }
}

/* dL/da for dL = Re<cotangent|dpsi>: shared (m,), added to; by_context (contexts, m'). Workspace: four states, a rotation an
   operation. */
EVERY_MACHINE void qgeo_gradient(const circuit *c, int64_t first, int64_t last, const double *states,
                                 const double *cotangents, double *shared, double *by_context, void *workspace)
{
    const int64_t size = dimension(c);
    amplitude *psi = workspace, *lambda = psi + size, *spare = lambda + size, *phases = spare + size;
    rotation *rotations = (rotation *)(phases + size);
    for (; first < last; first += LANES) {
        const int64_t count = in_register(first, last);
        load(states + 2 * first * size, count, psi, size);
        load(cotangents + 2 * first * size, count, lambda, size);
        for (const step *s = c->steps + c->num_steps - 1; s >= c->steps; s--) {
            for (int64_t i = s->first; i <= s->last; i++) {
                const operation *o = c->operations + i;
                if (o->kind != ROTATION) continue;
                rotations[i] = rotation_at(c, o, first, count);
                const lanes slope = slope_along(rotations + i, psi, lambda, size);
                if (o->angle < c->num_shared) shared[o->angle] += total(slope, count);
                else for (int64_t lane = 0; lane < count; lane++)
                    by_context[(first + lane) * c->num_by_context + o->angle - c->num_shared] += slope[lane];
            }
            const amplitude *table = s->first < s->last ? phases : NULL;
            if (table) compute_phases(s, rotations, phases, size);
            apply_step(c, s, rotations, table, psi, spare, 1);
            apply_step(c, s, rotations, table, lambda, spare, 1);
        }
    }
}

/* --- tangents -------------------------------------------------------------------------------------------------- */

/* A state that is propagated along the circuit, forth and back, for `count` contexts from `first` on. Of a single one all
   lanes are alike: its tables of phases are an eighth as long, and leave the cache to the tangents. */
typedef struct {
    const circuit *c;
    int64_t first, count, position;
    const rotation *rotations;
    amplitude *psi, *spare, *phases;
} propagated;

/* Workspace: two states, one for each table of phases, and a rotation an operation. */
INLINED propagated propagated_from_start(const circuit *c, int64_t first, int64_t count, amplitude *workspace)
{
    const int64_t size = dimension(c);
    amplitude *phases = workspace + 2 * size;
    rotation *rotations = (rotation *)(phases + c->num_phases * size);
    for (int64_t i = 0; i < c->num_operations; i++)
        if (c->operations[i].kind == ROTATION) rotations[i] = rotation_at(c, c->operations + i, first, count);
    for (const step *s = c->steps; s < c->steps + c->num_steps; s++) {
        if (s->phases < 0) continue;
        if (count > 1) compute_phases(s, rotations, phases + s->phases * size, size);
        else {
            compute_phases(s, rotations, workspace, size);
            store(workspace, 1, (double *)phases + 2 * s->phases * size, size, 1);
        }
    }
    zero_state(workspace, size);
    return (propagated){ c, first, count, 0, rotations, workspace, workspace + size, phases };
}

/* Any state by step i, or by its inverse. */
INLINED void carry(const propagated *p, int64_t i, amplitude *psi, int inverse)
{
    const step *s = p->c->steps + i;
    const int64_t size = dimension(p->c), start = s->phases * size;
    if (s->phases >= 0 && p->count == 1) apply_phases_alike((const double *)p->phases + 2 * start, psi, size, inverse);
    else apply_step(p->c, s, p->rotations, s->phases < 0 ? NULL : p->phases + start, psi, p->spare, inverse);
}

INLINED void propagate_to(propagated *p, int64_t position)
{
    for (; p->position < position; p->position++) carry(p, p->position, p->psi, 0);
    for (; p->position > position; p->position--) carry(p, p->position - 1, p->psi, 1);
}

/* Adds an operation's own derivative, where the propagated state is, to those rows of a bundle that are its angle's. */
INLINED void insert(const propagated *p, const tangent_order *t, const bundle *b, const operation *o, const rotation *r,
                   amplitude *rows)
{
    for (int64_t e = t->first_entry[o->angle]; e < t->first_entry[o->angle + 1]; e++) {
        const int64_t row = t->row_of_entry[e] - b->first_row, of_context = e - t->num_shared_entries;
        if (row < 0 || row >= b->rows) continue;
        lanes slope = of_context < 0 ? broadcast(t->shared_slopes[e])
            : gathered(t->context_slopes + p->first * t->num_context_entries + of_context, t->num_context_entries, p->count);
        if (t->width > 1) {
            lanes alone = broadcast(0);
            alone[row] = slope[row];
            slope = alone;
        }
        add_derivative(r, slope, p->psi, rows, dimension(p->c));
    }
}

/* Everything that is inserted at step i, behind it. */
INLINED void insert_at(propagated *p, const tangent_order *t, const bundle *b, int64_t i, amplitude *rows)
{
    const step *s = p->c->steps + i;
    propagate_to(p, i + 1);
    for (int64_t o = s->first; o <= s->last; o++)
        if (p->c->operations[o].kind == ROTATION) insert(p, t, b, p->c->operations + o, p->rotations + o, rows);
}

/* One bundle, moved to the frame as soon as its last row has been inserted: it stays in a cache all the way. */
INLINED void sweep_bundle(propagated *p, const tangent_order *t, int64_t number, amplitude *rows)
{
    const bundle *b = t->bundles + number;
    int64_t i = b->first_step;
    memset(rows, 0, dimension(p->c) * sizeof(amplitude));
    if (number < t->forward) {
        for (; i <= b->last_step; i++) {
            if (i > b->first_step) carry(p, i, rows, 0);
            insert_at(p, t, b, i, rows);
        }
        for (; i < t->frame; i++) carry(p, i, rows, 0);
    } else {
        for (; i >= b->last_step; i--) {
            insert_at(p, t, b, i, rows);
            carry(p, i, rows, 1);
        }
        for (; i >= t->frame; i--) carry(p, i, rows, 1);
    }
}

/* Every `step`-th bundle from `from` on, in the frame, and the state there. */
INLINED void sweep_bundles(propagated *p, const tangent_order *t, int64_t from, int64_t step, amplitude *bundles)
{
    for (int64_t number = from; number < t->num_bundles; number += step)
        sweep_bundle(p, t, number, bundles + number * dimension(p->c));
    propagate_to(p, t->frame);
}

/* States (contexts, 2^n) and rows of tangents (rows, contexts, 2^n) in the frame, for contexts first ... last-1.
   Workspace: num_bundles states, and a propagated state's. */
EVERY_MACHINE void qgeo_tangents(const circuit *c, const tangent_order *t, int64_t first, int64_t last, int64_t contexts,
                                 double *states, double *tangents, void *workspace)
{
    const int64_t size = dimension(c);
    amplitude *bundles = workspace;
    while (first < last) {
        const int64_t count = t->width > 1 ? 1 : in_register(first, last);
        propagated p = propagated_from_start(c, first, count, bundles + t->num_bundles * size);
        sweep_bundles(&p, t, 0, 1, bundles);
        store(p.psi, count, states + 2 * first * size, size, 1);
        for (int64_t number = 0; number < t->num_bundles; number++) {
            double *rows = tangents + 2 * (t->bundles[number].first_row * contexts + first) * size;
            if (t->width > 1) store(bundles + number * size, t->bundles[number].rows, rows, size, contexts);
            else store(bundles + number * size, count, rows, size, 1);
        }
        first += count;
    }
}

/* --- Gram matrices ---------------------------------------------------------------------------------------------- */

/* For contexts first ... last-1 side by side: adds the Gram matrix of projected tangents to `sums`, and writes that of
   the data's with all of each context to by_context. Workspace: the same, with bundles to a multiple of four. */
EVERY_MACHINE void qgeo_gram(const circuit *c, const tangent_order *t, const destination *d, int64_t first, int64_t last,
                             double *sums, double *by_context, void *workspace)
{
    const int64_t size = dimension(c), padded = (t->num_bundles + 3) / 4 * 4;
    amplitude *bundles = workspace;
    memset(bundles + t->num_bundles * size, 0, (padded - t->num_bundles) * size * sizeof(amplitude));
    for (; first < last; first += LANES) {
        const int64_t count = in_register(first, last);
        propagated p = propagated_from_start(c, first, count, bundles + padded * size);
        sweep_bundles(&p, t, 0, 1, bundles);
        for (int64_t row = 0; row < t->num_bundles; row++) project(p.psi, count, bundles + row * size, size);
        add_products(bundles, t->num_bundles, size, d, sums);
        if (d->by_context) write_products_by_context(bundles, t->num_bundles, size, d, count, by_context + first * d->by_context * d->all);
    }
}

/* For one context whose tangents lie side by side: every `step`-th bundle from `from` on, projected. */
EVERY_MACHINE void qgeo_bundles(const circuit *c, const tangent_order *t, int64_t context, int64_t from, int64_t step,
                              amplitude *bundles, void *workspace)
{
    const int64_t size = dimension(c);
    propagated p = propagated_from_start(c, context, 1, workspace);
    sweep_bundles(&p, t, from, step, bundles);
    for (int64_t number = from; number < t->num_bundles; number += step)
        project(p.psi, LANES, bundles + number * size, size);
}

/* ... and the products of every `step`-th of those bundles with the later ones, added to `sums`. */
EVERY_MACHINE void qgeo_gram_of_bundles(const circuit *c, const tangent_order *t, const destination *d, int64_t from, int64_t step,
                                      const amplitude *bundles, double *sums)
{
    const int64_t size = dimension(c);
    for (int64_t left = from; left < t->num_bundles; left += step)
        for (int64_t right = left; right < t->num_bundles; right++) {
            double block[LANES][LANES];
            products_of_bundles(bundles + left * size, bundles + right * size, size, block);
            for (int64_t i = 0; i < t->bundles[left].rows; i++)
                for (int64_t j = 0; j < t->bundles[right].rows; j++)
                    add_entry(d, sums, t->bundles[left].first_row + i, t->bundles[right].first_row + j, left != right, block[i][j]);
        }
}
