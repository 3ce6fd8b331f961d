/* Tangents: each row is carried to the frame from the places where derivatives are added to it. */
#include "propagation.h"

/* The state that derivatives are taken of: at `position`, in front of a step. Each member carries one of its own. `there`
   is that state in the frame. */
typedef struct { bound b; int64_t position; amplitude *psi, *there; } propagated;

static const team ALONE = { 0, 1, NULL };

static propagated propagated_in(const circuit *c, const team *table_team, char **workspace, char **shared)
{
    propagated w = { .b = bound_in(c, &ALONE, table_team, workspace, shared) };
    w.psi = taken(workspace, w.b.size * sizeof(amplitude));
    w.there = taken(workspace, w.b.size * sizeof(amplitude));
    return w;
}

static void propagate_to(propagated *w, int64_t position)
{
    carry(&w->b, w->position, position, w->psi);
    w->position = position;
}

/* At the start of some contexts, with the state in the frame known. */
static void start(propagated *w, const tangent_order *t, int64_t first, int64_t count)
{
    bind(&w->b, first, count);
    start_state(w->b.c, w->psi);
    w->position = 0;
    propagate_to(w, t->frame);
    memcpy(w->there, w->psi, w->b.size * sizeof(amplitude));
    start_state(w->b.c, w->psi);
    w->position = 0;
}

/* da/dp of an insertion, in the lanes of its contexts. */
static void slope_of(const bound *b, const tangent_order *t, int64_t entry, NUMBER slope[LANES])
{
    const int64_t of_context = entry - t->num_shared_entries;
    for (int64_t lane = 0; lane < LANES; lane++) {
        const int64_t context = b->first + (lane < b->count ? lane : b->count - 1);
        slope[lane] = (NUMBER)(of_context < 0 ? t->shared_slopes[entry]
            : t->context_slopes[context * t->num_context_entries + of_context]);
    }
}

/* row += da/dp dU/da, where the propagated state is: behind the operation. */
static void insert(const propagated *w, const tangent_order *t, const insertion *at, amplitude *row)
{
    const bound *b = &w->b;
    const operation *o = b->c->operations + at->operation;
    lanes slope;
    slope_of(b, t, at->entry, (NUMBER *)&slope);
    if (o->kind == ROTATION) {
        add_derivative(b->rotations + at->operation, &slope, w->psi, row, b->size);
        return;
    }
    const dense d = dense_of(b->c, o, tables_of(b, o), GENERATOR);
    multiply_dense(&d, w->psi, b->spare, b->size);
    add_scaled(&slope, b->spare, row, b->size);
}

/* Row `number`, carried to the frame from insertion to insertion. */
static void sweep_row(propagated *w, const tangent_order *t, int64_t number, amplitude *row)
{
    const insertion *first = t->insertions + t->rows[number].first, *last = t->insertions + t->rows[number].last;
    int64_t position = first->step + 1;
    memset(row, 0, w->b.size * sizeof(amplitude));
    for (const insertion *i = first; i < last; i++) {
        carry(&w->b, position, i->step + 1, row);
        position = i->step + 1;
        propagate_to(w, position);
        insert(w, t, i, row);
    }
    carry(&w->b, position, t->frame, row);
}

