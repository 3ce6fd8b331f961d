/* States and tangents through the steps of a circuit.

   A short state lies in a cache and goes through one step after the other. A long one is cut: the flips of a
   few neighbouring steps connect runs of amplitudes into blocks that lie in a first-level cache, and a block goes through
   all of these steps before the next one starts. In a block the steps are those of a circuit on fewer qubits.
*/
#ifndef PROPAGATION_H
#define PROPAGATION_H

#include "dense.h"

#ifndef LONG_STATE /* tests cut shorter ones */
#define LONG_STATE ((1 << 19) / (int64_t)sizeof(amplitude)) /* pairs of registers: half of a second-level cache of 1 MiB */
#endif

enum {
    RUN_BITS = REGISTER_BYTES == 64 ? 3 : 4, /* a run is 8 or 16 pairs of registers, 1 KiB that lie side by side */
    MOST_DIMENSIONS = 5, /* 2^5 runs make a block of 32 KiB, two thirds of a first-level cache */
    DIMENSIONS_OF_TWO = 4, /* 2^4, where two states go through it side by side */
    MOST_TOGETHER = 64,  /* rotations that go through a block at once */
    WORTH_A_PASS = 3,    /* steps, for which cutting a state pays */
    BLOCK = 1 << (RUN_BITS + MOST_DIMENSIONS)
};

/* A circuit at the angles of some contexts, and memory to work in. `members` carry a state together, `table_team` share tables of
   phases. */
typedef struct {
    const circuit *c;
    const team *members, *table_team;
    int64_t first, count, size;
    rotation *rotations;
    lanes *vectors;
    amplitude *phases, *spare, *blocks;
} bound;

/* --- memory ---------------------------------------------------------------------------------------------------------------- */

/* Whole lines of a cache: what is taken from a workspace starts and ends at one. */
INLINED int64_t in_lines(int64_t bytes) { return (bytes + 63) / 64 * 64; }

/* The next `bytes` of a workspace. */
INLINED void *taken(char **workspace, int64_t bytes)
{
    void *start = *workspace;
    *workspace += in_lines(bytes);
    return start;
}

static int64_t bytes_of_bound(const circuit *c)
{
    return in_lines(c->num_operations * (int64_t)sizeof(rotation)) + in_lines(c->num_vectors * (int64_t)sizeof(lanes))
        + in_lines(registers(c) * (int64_t)sizeof(amplitude)) + in_lines(4 * BLOCK * (int64_t)sizeof(amplitude));
}

/* Of the tables that a team shares. */
static int64_t bytes_of_phases(const circuit *c) { return in_lines(c->num_phases * registers(c) * (int64_t)sizeof(amplitude)); }

static bound bound_in(const circuit *c, const team *members, const team *table_team, char **workspace, char **shared)
{
    const int64_t size = registers(c);
    bound b = { .c = c, .members = members, .table_team = table_team, .size = size };
    b.rotations = taken(workspace, c->num_operations * sizeof(rotation));
    b.vectors = taken(workspace, c->num_vectors * sizeof(lanes));
    b.phases = taken(shared, bytes_of_phases(c));
    b.spare = taken(workspace, size * sizeof(amplitude));
    b.blocks = taken(workspace, 4 * BLOCK * sizeof(amplitude));
    return b;
}

/* --- members of a team ------------------------------------------------------------------------------------------------------ */

/* Until all members are here; what any of them wrote before, all can read afterwards. */
static void barrier(const team *t)
{
    if (t->count == 1) return;
    int64_t *arrived = t->barrier, *round = t->barrier + 1;
    const int64_t before = __atomic_load_n(round, __ATOMIC_ACQUIRE);
    if (__atomic_add_fetch(arrived, 1, __ATOMIC_ACQ_REL) == t->count) {
        __atomic_store_n(arrived, 0, __ATOMIC_RELAXED);
        __atomic_store_n(round, before + 1, __ATOMIC_RELEASE);
        return;
    }
    for (int64_t spins = 0; __atomic_load_n(round, __ATOMIC_ACQUIRE) == before; spins++)
        if (spins > 1000) sched_yield();
}

/* --- a circuit at its angles --------------------------------------------------------------------------------------------------- */

INLINED amplitude *tables_of(const bound *b, const operation *o) { return (amplitude *)(b->vectors + o->first_vector); }

INLINED int is_of_context(const circuit *c, const operation *o) { return o->angle >= c->num_shared; }

static int any_of_context(const circuit *c, const step *s)
{
    for (int64_t i = s->first; i <= s->last; i++) if (is_of_context(c, c->operations + i)) return 1;
    return 0;
}

/* Everything at the contexts' angles; from the second time on what depends on a context alone. */
static void bind(bound *b, int64_t first, int64_t count)
{
    const circuit *c = b->c;
    const int everything = b->count == 0;
    b->first = first, b->count = count;
    for (int64_t i = 0; i < c->num_operations; i++) {
        const operation *o = c->operations + i;
        if (o->kind == MONOMIAL || !(everything || is_of_context(c, o))) continue;
        lanes *vectors = b->vectors + o->first_vector;
        if (o->kind == DENSE) dense_tables(c, o, first, count, everything, (amplitude *)vectors);
        else {
            if (everything) b->rotations[i] = rotation_of(c, o, vectors);
            cosines_at(c, o, first, count, vectors, vectors + (1 << o->num_masks));
        }
    }
    for (const step *s = c->steps; s < c->steps + c->num_steps; s++)
        if (s->phases >= 0 && s->phases % b->table_team->count == b->table_team->index && (everything || any_of_context(c, s)))
            compute_phases(b->rotations + s->first, s->last - s->first + 1, b->phases + s->phases * b->size, b->size);
    barrier(b->table_team);
}

/* --- short states --------------------------------------------------------------------------------------------------------------- */

static void apply_step(const bound *b, const step *s, amplitude *psi, int inverse)
{
    const circuit *c = b->c;
    const operation *o = c->operations + s->first;
    if (s->phases >= 0) multiply_phases(b->phases + s->phases * b->size, psi, b->size, inverse);
    else if (o->kind == MONOMIAL) apply_monomial(c, o, psi, b->spare, inverse);
    else if (o->kind == DENSE) {
        const dense d = dense_of(c, o, tables_of(b, o), inverse ? ADJOINT : UNITARY);
        memcpy(b->spare, psi, b->size * sizeof(amplitude));
        multiply_dense(&d, b->spare, psi, b->size);
    } else for (int64_t i = s->first; i <= s->last; i++) rotate(b->rotations + i, psi, b->size, inverse);
}

/* --- long states: steps whose flips span a few dimensions ------------------------------------------------------------------------ */

/* A subspace of flips of runs in reduced echelon form: pivot[i] is a bit of basis[i] alone. */
typedef struct { int64_t dimensions, most, pivots, basis[MOST_DIMENSIONS], pivot[MOST_DIMENSIONS]; } span;

/* Whether the flip is in the subspace, or there was room for it. */
static int joined(span *s, int64_t flip)
{
    for (int64_t i = 0; i < s->dimensions; i++) if (flip & s->pivot[i]) flip ^= s->basis[i];
    if (!flip) return 1;
    if (s->dimensions == s->most) return 0;
    const int64_t pivot = top_bit(flip);
    for (int64_t i = 0; i < s->dimensions; i++) if (s->basis[i] & pivot) s->basis[i] ^= flip;
    s->basis[s->dimensions] = flip, s->pivot[s->dimensions++] = pivot, s->pivots |= pivot;
    return 1;
}

/* Steps that go through a block together, and their rotations as a block's: `runs` are their masks over whole runs. */
typedef struct {
    span s;
    int64_t from, to, backward, runs[1 << MOST_DIMENSIONS];
    rotation rotations[MOST_TOGETHER];
    int64_t masks[MOST_TOGETHER][MOST_MASKS];
} pass;

/* The steps that follow `from` on the way to `to` and fit into one pass. */
static void take_steps(const bound *b, int64_t from, int64_t to, int64_t most_dimensions, pass *p)
{
    int64_t rotations = 0;
    p->s = (span){ .most = most_dimensions };
    p->from = p->to = from, p->backward = to < from;
    while (p->to != to) {
        const step *s = b->c->steps + (p->backward ? p->to - 1 : p->to);
        rotations += s->last - s->first + 1;
        if (b->c->operations[s->first].kind != ROTATION || rotations > MOST_TOGETHER) break;
        if (!joined(&p->s, b->rotations[s->first].flip >> RUN_BITS)) break;
        p->to += p->backward ? -1 : 1;
    }
}

INLINED int64_t steps_in(const pass *p) { return p->backward ? p->from - p->to : p->to - p->from; }

INLINED const step *step_in(const bound *b, const pass *p, int64_t i)
{
    return b->c->steps + (p->backward ? p->from - 1 - i : p->from + i);
}

/* A rotation of the whole state as one of a block. */
INLINED void place_in_block(const rotation *r, const span *s, rotation *placed, int64_t masks[MOST_MASKS])
{
    const int64_t inside = (1 << RUN_BITS) - 1;
    *placed = *r;
    placed->flip = r->flip & inside;
    for (int64_t i = 0; i < s->dimensions; i++)
        if ((r->flip >> RUN_BITS) & s->pivot[i]) placed->flip |= (int64_t)1 << (RUN_BITS + i);
    for (int64_t m = 0; m < r->num_masks; m++) {
        masks[m] = r->masks[m] >> RUN_BITS;
        placed->masks[m] = r->masks[m] & inside;
        for (int64_t i = 0; i < s->dimensions; i++) placed->masks[m] |= odd(masks[m] & s->basis[i]) << (RUN_BITS + i);
    }
}

/* As many steps from `from` towards `to` as fit, placed; none where the first is no rotation. */
static void prepare_pass(const bound *b, int64_t from, int64_t to, int64_t most_dimensions, pass *p)
{
    take_steps(b, from, to, most_dimensions, p);
    for (int64_t j = 0; j < 1 << p->s.dimensions; j++) {
        p->runs[j] = 0;
        for (int64_t i = 0; i < p->s.dimensions; i++) if (j >> i & 1) p->runs[j] ^= p->s.basis[i];
    }
    rotation *placed = p->rotations;
    for (int64_t i = 0; i < steps_in(p); i++) {
        const step *s = step_in(b, p, i);
        for (int64_t o = s->first; o <= s->last; o++, placed++)
            place_in_block(b->rotations + o, &p->s, placed, p->masks[placed - p->rotations]);
    }
}

/* The placed rotations, in the block of run `base`. */
INLINED void move_to_block(pass *p, const rotation *end, int64_t base)
{
    for (rotation *r = p->rotations; r < end; r++) {
        r->first_variant = 0;
        for (int64_t m = 0; m < r->num_masks; m++) r->first_variant |= odd(p->masks[r - p->rotations][m] & base) << m;
    }
}

INLINED const rotation *end_of(const bound *b, const pass *p)
{
    const rotation *end = p->rotations;
    for (int64_t i = 0; i < steps_in(p); i++) end += step_in(b, p, i)->last - step_in(b, p, i)->first + 1;
    return end;
}

INLINED int64_t block_size(const pass *p) { return (int64_t)1 << (RUN_BITS + p->s.dimensions); }

/* The runs of the block of run `base`, to and from a place of its own. */
EVERY_MACHINE static void gather(const pass *p, const amplitude *psi, int64_t base, amplitude *block)
{
    for (int64_t j = 0; j < 1 << p->s.dimensions; j++)
        for (int64_t k = 0; k < 1 << RUN_BITS; k++)
            block[(j << RUN_BITS) + k] = psi[((base ^ p->runs[j]) << RUN_BITS) + k];
}

EVERY_MACHINE static void scatter(const pass *p, const amplitude *block, int64_t base, amplitude *psi)
{
    for (int64_t j = 0; j < 1 << p->s.dimensions; j++)
        for (int64_t k = 0; k < 1 << RUN_BITS; k++)
            psi[((base ^ p->runs[j]) << RUN_BITS) + k] = block[(j << RUN_BITS) + k];
}

/* The first run of this member's next block from `base` on: bits of pivots are 0. */
INLINED int64_t next_base(const pass *p, int64_t base, int64_t blocks)
{
    for (int64_t i = 0; i < blocks; i++) base = ((base | p->s.pivots) + 1) & ~p->s.pivots;
    return base;
}

/* Step s, whose rotations are placed, on a block; the block's table of phases is gathered into `phases`, if there is one. */
static void apply_in_block(const bound *b, const pass *p, const step *s, const rotation *placed, amplitude *block,
                           const amplitude *phases)
{
    const int64_t size = block_size(p);
    if (s->phases >= 0) multiply_phases(phases, block, size, p->backward);
    else for (int64_t i = 0; i <= s->last - s->first; i++) rotate(placed + i, block, size, p->backward);
    (void)b;
}

INLINED void gather_phases(const bound *b, const pass *p, const step *s, int64_t base, amplitude *phases)
{
    if (s->phases >= 0) gather(p, b->phases + s->phases * b->size, base, phases);
}

static void run_pass(const bound *b, pass *p, amplitude *psi)
{
    amplitude *block = b->blocks, *phases = b->blocks + BLOCK;
    const int64_t runs = b->size >> RUN_BITS;
    const rotation *end = end_of(b, p);
    for (int64_t base = next_base(p, 0, b->members->index); base < runs; base = next_base(p, base, b->members->count)) {
        const rotation *placed = p->rotations;
        move_to_block(p, end, base);
        gather(p, psi, base, block);
        for (int64_t i = 0; i < steps_in(p); i++) {
            const step *s = step_in(b, p, i);
            gather_phases(b, p, s, base, phases);
            apply_in_block(b, p, s, placed, block, phases);
            placed += s->last - s->first + 1;
        }
        scatter(p, block, base, psi);
    }
    barrier(b->members);
}

/* --- all states ------------------------------------------------------------------------------------------------------------------- */

/* psi from in front of step `from` to in front of step `to`: through the steps, or back through their inverses. A team
   carries one state together. */
static void carry(const bound *b, int64_t from, int64_t to, amplitude *psi)
{
    const int backward = to < from;
    pass p;
    while (from != to) {
        p.from = p.to = from, p.backward = backward;
        if (b->size > LONG_STATE) prepare_pass(b, from, to, MOST_DIMENSIONS, &p);
        if (steps_in(&p) >= WORTH_A_PASS || (steps_in(&p) && b->members->count > 1)) {
            run_pass(b, &p, psi);
            from = p.to;
            continue;
        }
        if (b->members->index == 0) apply_step(b, b->c->steps + (backward ? from - 1 : from), psi, backward);
        barrier(b->members);
        from += backward ? -1 : 1;
    }
}

#endif
