/* Sweeps, as they are called: states forward, the adjoint gradient back, tangents from both ends into a frame, and Gram
   matrices of tangents.

   NUMBER is double or float, and EXPORTED(name) the name with the type behind it (`complex128.c` and others). What a
   sweep reads and writes, and where it works, is in its `call` (`layout.h`).
*/
#include "gradient.h"
#include "products.h"
#include "tangents.h"

/* --- states -------------------------------------------------------------------------------------------------------------------- */

/* Bytes that a part works in, and those that a team shares: tables of phases, and two states at most. */
int64_t EXPORTED(qgeo_states_bytes)(const circuit *c) { return bytes_of_bound(c); }

int64_t EXPORTED(qgeo_shared_bytes)(const circuit *c) { return bytes_of_phases(c) + 2 * registers(c) * (int64_t)sizeof(amplitude); }

/* Bytes of a context's state, or of those of a register of contexts. */
int64_t EXPORTED(qgeo_state_bytes)(const circuit *c) { return registers(c) * (int64_t)sizeof(amplitude); }

/* U|0> of some contexts, carried by a team, into psi. */
static void sweep_states(bound *b, int64_t first, int64_t count, amplitude *psi)
{
    bind(b, first, count);
    if (b->members->index == 0) start_state(b->c, psi);
    barrier(b->members);
    carry(b, 0, b->c->num_steps, psi);
}

/* U|0>, into states (contexts, 2^n). A team shares a state. */
EVERY_MACHINE void EXPORTED(qgeo_states)(const call *o)
{
    const circuit *c = o->circuit;
    char *workspace = o->workspace, *shared = o->shared_workspace;
    bound b = bound_in(c, &o->members, &o->members, &workspace, &shared);
    for (int64_t first = o->first, count; first < o->last; first += count) {
        count = contexts_together(c, first, o->last);
        sweep_states(&b, first, count, (amplitude *)shared);
        store(c, &o->members, (amplitude *)shared, count, (NUMBER *)o->states + (first << (c->num_qubits + 1)));
        barrier(&o->members);
    }
}

/* Where the state of context `first` is among states that lie in lanes. */
INLINED amplitude *state_in_lanes(const circuit *c, void *states, int64_t first)
{
    return (amplitude *)states + (c->contexts_in_lanes ? first / LANES : first) * registers(c);
}

/* |U|0>|^2, into others (contexts, 2^n), and the states as they lie in lanes. */
EVERY_MACHINE void EXPORTED(qgeo_probabilities)(const call *o)
{
    const circuit *c = o->circuit;
    char *workspace = o->workspace, *shared = o->shared_workspace;
    bound b = bound_in(c, &o->members, &o->members, &workspace, &shared);
    for (int64_t first = o->first, count; first < o->last; first += count) {
        amplitude *psi = state_in_lanes(c, o->states, first);
        count = contexts_together(c, first, o->last);
        sweep_states(&b, first, count, psi);
        store_probabilities(c, &o->members, psi, count, (NUMBER *)o->others + (first << c->num_qubits));
    }
}

/* --- gradients ------------------------------------------------------------------------------------------------------------------ */

int64_t EXPORTED(qgeo_gradient_bytes)(const circuit *c)
{
    return bytes_of_bound(c) + in_lines(registers(c) * (int64_t)sizeof(lanes)) + in_lines(c->num_operations * (int64_t)sizeof(lanes));
}

/* psi and lambda of some contexts, as a gradient starts from them. */
typedef void starter(const call *o, int64_t first, int64_t count, amplitude *psi, amplitude *lambda);

/* From final states and cotangents, (contexts, 2^n). */
EVERY_MACHINE static void start_from_cotangents(const call *o, int64_t first, int64_t count, amplitude *psi, amplitude *lambda)
{
    const int64_t place = first << (o->circuit->num_qubits + 1);
    load(o->circuit, &o->members, (const NUMBER *)o->states + place, count, psi);
    load(o->circuit, &o->members, (const NUMBER *)o->others + place, count, lambda);
}

/* From final states as they lie in lanes, and weights (contexts, 2^n). */
EVERY_MACHINE static void start_from_weights(const call *o, int64_t first, int64_t count, amplitude *psi, amplitude *lambda)
{
    const circuit *c = o->circuit;
    const range share = share_of(&o->members, registers(c));
    const amplitude *state = state_in_lanes(c, o->states, first);
    memcpy(psi + share.from, state + share.from, (share.to - share.from) * sizeof(amplitude));
    weigh(c, &o->members, (const NUMBER *)o->others + (first << c->num_qubits), count, state, lambda);
}

/* Slopes of all angles, added to sums (m,) and by_context (contexts, m'). A team shares psi and lambda, and has a `sums` and a
   `by_context` each. */
static void sweep_gradient(const call *o, starter *begin)
{
    const circuit *c = o->circuit;
    char *workspace = o->workspace, *shared = o->shared_workspace;
    bound b = bound_in(c, &o->members, &o->members, &workspace, &shared);
    amplitude *psi = (amplitude *)shared, *lambda = psi + b.size;
    lanes *overlaps = taken(&workspace, b.size * sizeof(lanes));
    lanes *slopes = taken(&workspace, c->num_operations * sizeof(lanes));
    for (int64_t first = o->first, count; first < o->last; first += count) {
        count = contexts_together(c, first, o->last);
        bind(&b, first, count);
        begin(o, first, count, psi, lambda);
        memset(slopes, 0, c->num_operations * sizeof(lanes));
        barrier(&o->members);
        go_back(&b, psi, lambda, overlaps, slopes);
        add_slopes_of_contexts(&b, slopes, o->sums, o->by_context);
    }
}

/* dL/da for dL = Re<cotangent|dpsi>. */
void EXPORTED(qgeo_gradient)(const call *o) { sweep_gradient(o, start_from_cotangents); }

/* dL/da for dL = sum w d|psi|^2. */
void EXPORTED(qgeo_probability_gradient)(const call *o) { sweep_gradient(o, start_from_weights); }

/* --- tangents and their products ------------------------------------------------------------------------------------------------- */

/* Of a propagated state, and of a row. */
int64_t EXPORTED(qgeo_tangents_bytes)(const circuit *c)
{
    return bytes_of_bound(c) + 3 * registers(c) * (int64_t)sizeof(amplitude);
}

/* Bytes that a team shares: tables of phases, and rows. */
int64_t EXPORTED(qgeo_rows_bytes)(const circuit *c, const tangent_order *t)
{
    return bytes_of_phases(c) + padded(t->num_rows) * stride_of(registers(c)) * (int64_t)sizeof(amplitude);
}

/* States (contexts, 2^n) and rows of tangents (rows, all contexts, 2^n) in the frame. */
EVERY_MACHINE void EXPORTED(qgeo_tangents)(const call *o)
{
    const circuit *c = o->circuit;
    const int64_t numbers = (int64_t)2 << c->num_qubits;
    char *workspace = o->workspace, *shared = o->shared_workspace;
    propagated w = propagated_in(c, &o->members, &workspace, &shared);
    amplitude *row = taken(&workspace, w.b.size * sizeof(amplitude));
    for (int64_t first = o->first, count; first < o->last; first += count) {
        count = contexts_together(c, first, o->last);
        start(&w, o->order, first, count);
        for (int64_t number = o->members.index; number < o->order->num_rows; number += o->members.count) {
            sweep_row(&w, o->order, number, row);
            store(c, &ALONE, row, count, (NUMBER *)o->others + numbers * (number * o->contexts + first));
        }
        if (o->members.index == 0) store(c, &ALONE, w.there, count, (NUMBER *)o->states + numbers * first);
        barrier(&o->members); /* the tables of phases are the team's, and the next contexts' are other ones */
    }
}

/* What becomes of a row in the frame, where its propagated knows the state. */
typedef void finisher(const propagated *w, amplitude *row);

static void finish_projected(const propagated *w, amplitude *row) { project(&w->b, w->there, row); }

static void finish_along(const propagated *w, amplitude *row) { along(w->there, row, w->b.size); }

/* This member's rows of some contexts, in the memory that the team shares. */
static void sweep_rows(propagated *w, const call *o, finisher *finish, amplitude *rows)
{
    const int64_t stride = stride_of(w->b.size);
    for (int64_t number = o->members.index; number < o->order->num_rows; number += o->members.count) {
        sweep_row(w, o->order, number, rows + number * stride);
        finish(w, rows + number * stride);
    }
    barrier(&o->members);
}

/* The rows that fill the last block of products. */
static void empty_the_last(const call *o, int64_t stride, amplitude *rows)
{
    const int64_t count = o->order->num_rows;
    if (o->members.index) return;
    memset(rows + count * stride, 0, (padded(count) - count) * stride * sizeof(amplitude));
}

/* Adds Re<u|v> of projected tangents to `sums`, and those of the data's with all of each context to by_context. A team
   shares the rows, and has a `sums` each. */
void EXPORTED(qgeo_quantum_gram)(const call *o)
{
    char *workspace = o->workspace, *shared = o->shared_workspace;
    propagated w = propagated_in(o->circuit, &o->members, &workspace, &shared);
    amplitude *rows = (amplitude *)shared;
    const int64_t size = w.b.size, stride = stride_of(size), num_rows = o->order->num_rows;
    empty_the_last(o, stride, rows);
    for (int64_t first = o->first, count; first < o->last; first += count) {
        count = contexts_together(o->circuit, first, o->last);
        start(&w, o->order, first, count);
        sweep_rows(&w, o, finish_projected, rows);
        add_products(&o->members, (lanes *)rows, num_rows, 2 * size, 2 * stride, o->destination, o->sums);
        if (o->destination->by_context)
            add_products_by_context(&w.b, &o->members, (lanes *)rows, num_rows, 2 * stride, o->destination, o->by_context);
        barrier(&o->members);
    }
}

/* Adds F_C of all outcomes, sum over y of dp dp/p, `order` to the end of the circuit. Outcomes whose amplitude is at most
   `least` times the largest are left out. */
void EXPORTED(qgeo_classical_gram)(const call *o)
{
    char *workspace = o->workspace, *shared = o->shared_workspace;
    propagated w = propagated_in(o->circuit, &o->members, &workspace, &shared);
    amplitude *rows = (amplitude *)shared;
    const int64_t size = w.b.size, stride = stride_of(size), num_rows = o->order->num_rows;
    empty_the_last(o, stride, rows);
    for (int64_t first = o->first, count; first < o->last; first += count) {
        count = contexts_together(o->circuit, first, o->last);
        start(&w, o->order, first, count);
        directions_of(&w.b, w.there, o->least, w.there);
        sweep_rows(&w, o, finish_along, rows);
        add_products(&o->members, (lanes *)rows, num_rows, size, 2 * stride, o->destination, o->sums);
        barrier(&o->members);
    }
}
