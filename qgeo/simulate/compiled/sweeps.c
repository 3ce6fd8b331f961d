/* Sweeps over short states, eight lanes at a time: what torch's calls are too slow for.

   States forward, the adjoint gradient back, tangents from both ends into a frame in the middle, and the Gram matrix
   of projected tangents, whose tangents never leave the cache. Lanes are contexts, except where `width` is LANES:
   then a sweep is of one context, and the lanes of a bundle are tangents. The operations themselves: `operations.h`; the
   products: `products.h`.
*/
#include "operations.h"
#include "products.h"

/* psi <- U psi of a step, or its inverse; `phases`: the step's table, if it has one. */
INLINED void move_by(const circuit *c, const step *s, const rotation *rotations, const amplitude *phases, amplitude *psi,
                     amplitude *spare, int inverse)
{
    if (phases) turn(phases, psi, dimension(c), inverse);
    else for (int64_t i = s->first; i <= s->last; i++) move(c, c->operations + i, rotations + i, psi, spare, inverse);
}

/* --- states, and their adjoint gradient ---------------------------------------------------------------------------- */

/* U|0>, into states (contexts, 2^n), for contexts first ... last-1. Room: two states. */
EVERY_MACHINE void qgeo_states(const circuit *c, int64_t first, int64_t last, double *states, void *room)
{
    const int64_t size = dimension(c);
    amplitude *psi = room, *spare = psi + size;
    rotation r = { 0 };
    for (; first < last; first += LANES) {
        const int64_t count = in_register(first, last);
        zero_state(psi, size);
        for (const operation *o = c->operations; o < c->operations + c->num_operations; o++) {
            if (o->kind == ROTATION) r = rotation_at(c, o, first, count);
            move(c, o, &r, psi, spare, 0);
        }
        store(psi, count, states + 2 * first * size, size, 1);
    }
}

/* dL/da for dL = Re<cotangent|dpsi>: shared (m,), added to; by_context (contexts, m'). Room: four states, a rotation an
   operation. */
EVERY_MACHINE void qgeo_gradient(const circuit *c, int64_t first, int64_t last, const double *states,
                                 const double *cotangents, double *shared, double *by_context, void *room)
{
    const int64_t size = dimension(c);
    amplitude *psi = room, *lambda = psi + size, *spare = lambda + size, *phases = spare + size;
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
            if (table) find_phases(s, rotations, phases, size);
            move_by(c, s, rotations, table, psi, spare, 1);
            move_by(c, s, rotations, table, lambda, spare, 1);
        }
    }
}

/* --- tangents -------------------------------------------------------------------------------------------------- */

/* Tangents that move together: rows first_row ... first_row+rows-1, one in all lanes or one a lane. They enter at
   steps enters ... leaves, which descend behind the frame. */
typedef struct { int32_t first_row, rows, enters, leaves; } bundle;

/* Which tangents, and where they meet: in front of step `frame`; the first `forward` bundles come from before it.
   Entries of da/dp of angle j are first_entry[j] ... first_entry[j+1]; slopes are stored like angles. */
typedef struct {
    int64_t frame, width, num_bundles, forward, num_shared_entries, num_context_entries;
    const bundle *bundles;
    const int32_t *first_entry, *row_of_entry;
    const double *shared_slopes, *context_slopes;
} tangent_order;

/* A state that walks along the circuit, forth and back, for `count` contexts from `first` on. Of a single one all lanes
   are alike: its tables of phases are an eighth as long, and leave the cache to the tangents. */
typedef struct {
    const circuit *c;
    int64_t first, count, position;
    const rotation *rotations;
    amplitude *psi, *spare, *phases;
} walker;

/* Room: two states, one for each table of phases, and a rotation an operation. */
INLINED walker walker_at_start(const circuit *c, int64_t first, int64_t count, amplitude *room)
{
    const int64_t size = dimension(c);
    amplitude *phases = room + 2 * size;
    rotation *rotations = (rotation *)(phases + c->num_phases * size);
    for (int64_t i = 0; i < c->num_operations; i++)
        if (c->operations[i].kind == ROTATION) rotations[i] = rotation_at(c, c->operations + i, first, count);
    for (const step *s = c->steps; s < c->steps + c->num_steps; s++) {
        if (s->phases < 0) continue;
        if (count > 1) find_phases(s, rotations, phases + s->phases * size, size);
        else {
            find_phases(s, rotations, room, size);
            store(room, 1, (double *)phases + 2 * s->phases * size, size, 1);
        }
    }
    zero_state(room, size);
    return (walker){ c, first, count, 0, rotations, room, room + size, phases };
}

/* Any state by step i, or by its inverse. */
INLINED void carry(const walker *w, int64_t i, amplitude *psi, int inverse)
{
    const step *s = w->c->steps + i;
    const int64_t size = dimension(w->c), start = s->phases * size;
    if (s->phases >= 0 && w->count == 1) turn_alike((const double *)w->phases + 2 * start, psi, size, inverse);
    else move_by(w->c, s, w->rotations, s->phases < 0 ? NULL : w->phases + start, psi, w->spare, inverse);
}

INLINED void walk_to(walker *w, int64_t position)
{
    for (; w->position < position; w->position++) carry(w, w->position, w->psi, 0);
    for (; w->position > position; w->position--) carry(w, w->position - 1, w->psi, 1);
}

/* Adds an operation's own derivative, where the walker's state is, to those rows of a bundle that are its angle's. */
INLINED void enter(const walker *w, const tangent_order *t, const bundle *own, const operation *o, const rotation *r,
                   amplitude *rows)
{
    for (int64_t e = t->first_entry[o->angle]; e < t->first_entry[o->angle + 1]; e++) {
        const int64_t row = t->row_of_entry[e] - own->first_row, of_context = e - t->num_shared_entries;
        if (row < 0 || row >= own->rows) continue;
        lanes slope = of_context < 0 ? broadcast(t->shared_slopes[e])
            : gathered(t->context_slopes + w->first * t->num_context_entries + of_context, t->num_context_entries, w->count);
        if (t->width > 1) {
            lanes alone = broadcast(0);
            alone[row] = slope[row];
            slope = alone;
        }
        add_derivative(r, slope, w->psi, rows, dimension(w->c));
    }
}

/* Everything that enters at step i, behind it. */
INLINED void enter_at(walker *w, const tangent_order *t, const bundle *own, int64_t i, amplitude *rows)
{
    const step *s = w->c->steps + i;
    walk_to(w, i + 1);
    for (int64_t o = s->first; o <= s->last; o++)
        if (w->c->operations[o].kind == ROTATION) enter(w, t, own, w->c->operations + o, w->rotations + o, rows);
}

/* One bundle, moved to the frame as soon as its last row has entered: it stays in a cache all the way. */
INLINED void sweep_bundle(walker *w, const tangent_order *t, int64_t number, amplitude *rows)
{
    const bundle *own = t->bundles + number;
    int64_t i = own->enters;
    memset(rows, 0, dimension(w->c) * sizeof(amplitude));
    if (number < t->forward) {
        for (; i <= own->leaves; i++) {
            if (i > own->enters) carry(w, i, rows, 0);
            enter_at(w, t, own, i, rows);
        }
        for (; i < t->frame; i++) carry(w, i, rows, 0);
    } else {
        for (; i >= own->leaves; i--) {
            enter_at(w, t, own, i, rows);
            carry(w, i, rows, 1);
        }
        for (; i >= t->frame; i--) carry(w, i, rows, 1);
    }
}

/* Every `step`-th bundle from `from` on, in the frame, and the state there. */
INLINED void sweep_bundles(walker *w, const tangent_order *t, int64_t from, int64_t step, amplitude *bundles)
{
    for (int64_t number = from; number < t->num_bundles; number += step)
        sweep_bundle(w, t, number, bundles + number * dimension(w->c));
    walk_to(w, t->frame);
}

/* States (contexts, 2^n) and rows of tangents (rows, contexts, 2^n) in the frame, for contexts first ... last-1.
   Room: num_bundles states, and a walker's. */
EVERY_MACHINE void qgeo_tangents(const circuit *c, const tangent_order *t, int64_t first, int64_t last, int64_t contexts,
                                 double *states, double *tangents, void *room)
{
    const int64_t size = dimension(c);
    amplitude *bundles = room;
    while (first < last) {
        const int64_t count = t->width > 1 ? 1 : in_register(first, last);
        walker w = walker_at_start(c, first, count, bundles + t->num_bundles * size);
        sweep_bundles(&w, t, 0, 1, bundles);
        store(w.psi, count, states + 2 * first * size, size, 1);
        for (int64_t number = 0; number < t->num_bundles; number++) {
            double *found = tangents + 2 * (t->bundles[number].first_row * contexts + first) * size;
            if (t->width > 1) store(bundles + number * size, t->bundles[number].rows, found, size, contexts);
            else store(bundles + number * size, count, found, size, 1);
        }
        first += count;
    }
}

/* --- Gram matrices ---------------------------------------------------------------------------------------------- */

/* For contexts first ... last-1 side by side: adds the Gram matrix of projected tangents to `sums`, and writes that of
   the data's with all of each context to by_context. Room: the same, with bundles to a multiple of four. */
EVERY_MACHINE void qgeo_gram(const circuit *c, const tangent_order *t, const places *p, int64_t first, int64_t last,
                             double *sums, double *by_context, void *room)
{
    const int64_t size = dimension(c), padded = (t->num_bundles + 3) / 4 * 4;
    amplitude *bundles = room;
    memset(bundles + t->num_bundles * size, 0, (padded - t->num_bundles) * size * sizeof(amplitude));
    for (; first < last; first += LANES) {
        const int64_t count = in_register(first, last);
        walker w = walker_at_start(c, first, count, bundles + padded * size);
        sweep_bundles(&w, t, 0, 1, bundles);
        for (int64_t row = 0; row < t->num_bundles; row++) project(w.psi, count, bundles + row * size, size);
        add_products(bundles, t->num_bundles, size, p, sums);
        if (p->data) write_data_products(bundles, t->num_bundles, size, p, count, by_context + first * p->data * p->all);
    }
}

/* For one context whose tangents lie side by side: every `step`-th bundle from `from` on, projected. */
EVERY_MACHINE void qgeo_bundles(const circuit *c, const tangent_order *t, int64_t context, int64_t from, int64_t step,
                              amplitude *bundles, void *room)
{
    const int64_t size = dimension(c);
    walker w = walker_at_start(c, context, 1, room);
    sweep_bundles(&w, t, from, step, bundles);
    for (int64_t number = from; number < t->num_bundles; number += step)
        project(w.psi, LANES, bundles + number * size, size);
}

/* ... and the products of every `step`-th of those bundles with the later ones, added to `sums`. */
EVERY_MACHINE void qgeo_gram_of_bundles(const circuit *c, const tangent_order *t, const places *p, int64_t from, int64_t step,
                                      const amplitude *bundles, double *sums)
{
    const int64_t size = dimension(c);
    for (int64_t one = from; one < t->num_bundles; one += step)
        for (int64_t other = one; other < t->num_bundles; other++) {
            double block[LANES][LANES];
            products_of_bundles(bundles + one * size, bundles + other * size, size, block);
            for (int64_t i = 0; i < t->bundles[one].rows; i++)
                for (int64_t j = 0; j < t->bundles[other].rows; j++)
                    add_entry(p, sums, t->bundles[one].first_row + i, t->bundles[other].first_row + j, one != other, block[i][j]);
        }
}
