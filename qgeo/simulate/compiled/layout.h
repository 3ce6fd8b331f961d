/* What Python and the compiled sweeps share: the structures, their sizes, and a number that both sides derive.

   `layout.py` describes the same structures. A library whose number is another one was built from other sources, and
   is refused when it is loaded: it would read one field as another.
*/
#include <stddef.h>
#include <stdint.h>

#define LANES 8
typedef double lanes __attribute__((vector_size(8 * LANES), aligned(8)));
typedef struct { lanes re, im; } amplitude;

enum { ROTATION, MONOMIAL, DENSE };

/* Raised by hand, here and in layout.py, when the arguments of a function or the meaning of a field change. */
enum { INTERFACE = 1 };

/* One operation; its numbers start at numbers[first_number], its indices at indices[first_index]. ROTATION: angle, x, z
   and the number w. MONOMIAL: indices source and inverse source, 2^n each; numbers phases and inverse phases, which are
   all 1 where `size` is 0. DENSE: `size` D; numbers matrix and adjoint, row by row; indices D offsets, 2^n/D bases. */
typedef struct { int32_t kind, angle, x, z, size, first_number, first_index, unused; } operation;

/* Operations first ... last that are applied as one. Several are diagonal rotations: they commute, and are multiplied
   into table number `phases` (-1: into none). */
typedef struct { int32_t first, last, phases; } step;

/* Tangents that move together: rows first_row ... first_row+rows-1, one in all lanes or one a lane. They are inserted at
   steps first_step ... last_step, which descend behind the frame. */
typedef struct { int32_t first_row, rows, first_step, last_step; } bundle;

/* A circuit at its angles. Angles below `num_shared` are every context's; by_context is (contexts, num_by_context). */
typedef struct {
    int64_t num_qubits, num_operations, num_steps, num_phases, num_shared, num_by_context;
    const operation *operations;
    const step *steps;
    const double *numbers;
    const int32_t *indices;
    const double *shared, *by_context;
} circuit;

/* Which tangents, and where they meet: in front of step `frame`; the first `forward` bundles come from before it.
   Entries of da/dp of angle j are first_entry[j] ... first_entry[j+1]; slopes are stored like angles. */
typedef struct {
    int64_t frame, width, num_bundles, forward, num_shared_entries, num_context_entries;
    const bundle *bundles;
    const int32_t *first_entry, *row_of_entry;
    const double *shared_slopes, *context_slopes;
} tangent_order;

/* Where products go: row r belongs to parameter parameter[r], of which the first `summed` are summed over contexts, and
   the by_context = all - summed others are kept by context. */
typedef struct { int64_t summed, by_context, all; const int32_t *parameter; } destination;

/* A rotation at its angles, made by the sweeps; Python knows its size only. */
typedef struct { lanes cosine, sine[2]; double half_weight; int64_t x, z, top, real, unused[3]; } rotation;

_Static_assert(sizeof(amplitude) == 16 * LANES, "two numbers a lane");
_Static_assert(sizeof(rotation) == 32 * sizeof(double), "a workspace has so much room for one");
_Static_assert(sizeof(operation) == 8 * 4 && sizeof(step) == 3 * 4 && sizeof(bundle) == 4 * 4, "rows of 32-bit integers");
_Static_assert(sizeof(circuit) == 6 * 8 + 6 * sizeof(void *), "no padding");
_Static_assert(sizeof(tangent_order) == 6 * 8 + 5 * sizeof(void *), "no padding");
_Static_assert(sizeof(destination) == 3 * 8 + sizeof(void *), "no padding");

/* FNV-1a, a number at a time: Fowler, Noll and Vo. */
static uint64_t layout_with(uint64_t number, uint64_t next) { return (number ^ next) * UINT64_C(1099511628211); }

static uint64_t layout_with_field(uint64_t number, const char *name, uint64_t offset, uint64_t size)
{
    for (; *name; name++) number = layout_with(number, (unsigned char)*name);
    return layout_with(layout_with(number, offset), size);
}

#define FIELD(type, field) \
    number = layout_with_field(number, #field, offsetof(type, field), sizeof(((type *)0)->field));

#define SIZE(type) number = layout_with(number, sizeof(type));

/* Of all structures, field by field in their order. */
uint64_t qgeo_layout(void)
{
    uint64_t number = UINT64_C(14695981039346656037);
    const uint64_t sizes[] = { INTERFACE, LANES, sizeof(amplitude), sizeof(rotation) };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) number = layout_with(number, sizes[i]);
    FIELD(operation, kind) FIELD(operation, angle) FIELD(operation, x) FIELD(operation, z) FIELD(operation, size)
    FIELD(operation, first_number) FIELD(operation, first_index) FIELD(operation, unused) SIZE(operation)
    FIELD(step, first) FIELD(step, last) FIELD(step, phases) SIZE(step)
    FIELD(bundle, first_row) FIELD(bundle, rows) FIELD(bundle, first_step) FIELD(bundle, last_step) SIZE(bundle)
    FIELD(circuit, num_qubits) FIELD(circuit, num_operations) FIELD(circuit, num_steps) FIELD(circuit, num_phases)
    FIELD(circuit, num_shared) FIELD(circuit, num_by_context) FIELD(circuit, operations) FIELD(circuit, steps)
    FIELD(circuit, numbers) FIELD(circuit, indices) FIELD(circuit, shared) FIELD(circuit, by_context) SIZE(circuit)
    FIELD(tangent_order, frame) FIELD(tangent_order, width) FIELD(tangent_order, num_bundles)
    FIELD(tangent_order, forward) FIELD(tangent_order, num_shared_entries) FIELD(tangent_order, num_context_entries)
    FIELD(tangent_order, bundles) FIELD(tangent_order, first_entry) FIELD(tangent_order, row_of_entry)
    FIELD(tangent_order, shared_slopes) FIELD(tangent_order, context_slopes) SIZE(tangent_order)
    FIELD(destination, summed) FIELD(destination, by_context) FIELD(destination, all) FIELD(destination, parameter)
    SIZE(destination)
    return number;
}
