/* The adjoint gradient: a state and a cotangent go back through the circuit side by side. */
#include "propagation.h"

/* Adds the slopes by a step's angles, psi and lambda behind it, on a state or on a block of one. */
static void add_step_slopes(const bound *b, const step *s, const rotation *rotations, const amplitude *psi,
                            const amplitude *lambda, int64_t size, lanes *overlaps, lanes *slopes)
{
    const operation *operations = b->c->operations + s->first;
    const int diagonal = operations->x == 0;
    if (diagonal) imaginary_overlaps(psi, lambda, overlaps, size);
    for (int64_t i = 0; i <= s->last - s->first; i++) {
        if (operations[i].angle < 0) continue;
        if (diagonal) add_diagonal_slope(rotations + i, overlaps, size, slopes + s->first + i);
        else add_slope(rotations + i, psi, lambda, size, slopes + s->first + i);
    }
}

/* The same of a dense matrix: Re<lambda|(-i G/2) psi>. */
static void add_dense_slope(const bound *b, const operation *o, const amplitude *psi, const amplitude *lambda, lanes *slope)
{
    if (o->angle < 0) return;
    const dense d = dense_of(b->c, o, tables_of(b, o), GENERATOR);
    multiply_dense(&d, psi, b->spare, b->size);
    add_real_overlap(lambda, b->spare, b->size, slope);
}

static void go_back_one_step(const bound *b, int64_t i, amplitude *psi, amplitude *lambda, lanes *overlaps, lanes *slopes)
{
    const step *s = b->c->steps + i;
    const operation *o = b->c->operations + s->first;
    if (o->kind == ROTATION) add_step_slopes(b, s, b->rotations + s->first, psi, lambda, b->size, overlaps, slopes);
    if (o->kind == DENSE) add_dense_slope(b, o, psi, lambda, slopes + s->first);
    apply_step(b, s, psi, 1);
    apply_step(b, s, lambda, 1);
}

static void go_back_in_blocks(const bound *b, pass *p, amplitude *psi, amplitude *lambda, lanes *slopes)
{
    amplitude *of_psi = b->blocks, *of_lambda = of_psi + BLOCK, *phases = of_lambda + BLOCK;
    lanes *overlaps = (lanes *)(phases + BLOCK);
    const int64_t runs = b->size >> RUN_BITS;
    const rotation *end = end_of(b, p);
    for (int64_t base = next_base(p, 0, b->members->index); base < runs; base = next_base(p, base, b->members->count)) {
        const rotation *placed = p->rotations;
        move_to_block(p, end, base);
        gather(p, psi, base, of_psi);
        gather(p, lambda, base, of_lambda);
        for (int64_t i = 0; i < steps_in(p); i++) {
            const step *s = step_in(b, p, i);
            add_step_slopes(b, s, placed, of_psi, of_lambda, block_size(p), overlaps, slopes);
            gather_phases(b, p, s, base, phases);
            apply_in_block(b, p, s, placed, of_psi, phases);
            apply_in_block(b, p, s, placed, of_lambda, phases);
            placed += s->last - s->first + 1;
        }
        scatter(p, of_psi, base, psi);
        scatter(p, of_lambda, base, lambda);
    }
    barrier(b->members);
}

/* All slopes of lambda along psi, lane by lane; both end at the start. */
static void go_back(const bound *b, amplitude *psi, amplitude *lambda, lanes *overlaps, lanes *slopes)
{
    pass p;
    for (int64_t i = b->c->num_steps; i > 0;) {
        p.from = p.to = i, p.backward = 1;
        if (b->size > LONG_STATE) prepare_pass(b, i, 0, DIMENSIONS_OF_TWO, &p);
        if (steps_in(&p)) {
            go_back_in_blocks(b, &p, psi, lambda, slopes);
            i = p.to;
            continue;
        }
        if (b->members->index == 0) go_back_one_step(b, i - 1, psi, lambda, overlaps, slopes);
        barrier(b->members);
        i--;
    }
}

/* To the angles' places: shared ones (m,), and those of contexts (contexts, m'), added to. */
static void add_slopes_of_contexts(const bound *b, const lanes *slopes, double *shared, double *by_context)
{
    const circuit *c = b->c;
    for (int64_t i = 0; i < c->num_operations; i++) {
        const int64_t angle = c->operations[i].angle;
        if (angle < 0) continue;
        const lanes slope = over_context(c, slopes[i]);
        for (int64_t lane = 0; lane < b->count; lane++) {
            if (angle < c->num_shared) shared[angle] += slope[lane];
            else by_context[(b->first + lane) * c->num_by_context + angle - c->num_shared] += slope[lane];
        }
    }
}
