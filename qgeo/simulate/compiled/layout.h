/* What Python and the compiled sweeps share: the structures, their sizes, and a number that both sides derive.

   `layout.py` describes the same structures. A library whose number is another one was built from other sources, and
   is refused when it is loaded: it would read one field as another.
*/
#ifndef LAYOUT_H
#define LAYOUT_H

#include <stddef.h>
#include <stdint.h>

/* Whether sweeps over registers of 64 bytes are built, beside those of 32. */
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
#define LONG_REGISTERS
#endif

enum { ROTATION, MONOMIAL, DENSE };

/* Raised by hand, here and in layout.py, when the arguments of a function or the meaning of a field change. */
enum { INTERFACE = 2 };

/* Most masks of one operation: an operation has 2^masks variants. */
enum { MOST_MASKS = 5 };

/* One operation. Its masks start at indices[first_index], its numbers at numbers[first_number], the vectors that are
   computed from its angle at vector `first_vector` of a workspace. Angle -1: none, a fixed operation.

   ROTATION: exp(-i a G/2), where G sums strings that flip the same bits x. The parities of k with the masks are the
   variant of k, and numbers has G's entry (without its power of i) for each variant; `real` where the entries of -i G
   are real.
   DENSE: exp(-i a G/2) for a matrix on as many qubits as there are masks, a bit each, given by its eigenvectors (D, D)
   and its D eigenvalues; numbers: eigenvectors row by row, eigenvalues. Behind the masks x flips, by positions of qubits: all
   that have entries.
   MONOMIAL: indices source and inverse source, 2^n each; numbers phases and inverse phases, if there are any: `real` 0. */
typedef struct { int32_t kind, angle, x, num_masks, real, first_index, first_number, first_vector; } operation;

/* Operations first ... last that are applied as one. Several are diagonal rotations: they commute, and are multiplied
   into table number `phases` (-1: into none). */
typedef struct { int32_t first, last, phases; } step;

/* The tangent of one parameter from one side of the frame: insertions first ... last-1, in the order of the way. */
typedef struct { int32_t first, last; } row;

/* Where a derivative is added to a row: behind operation `operation` of step `step`, times slope number `entry`. */
typedef struct { int32_t step, operation, entry; } insertion;

/* A circuit at its angles, on start |0>. Angles below `num_shared` are every context's; by_context is (contexts,
   num_by_context). Lanes of a register: neighbouring amplitudes, or contexts where `contexts_in_lanes`. */
typedef struct {
    int64_t num_qubits, contexts_in_lanes, num_operations, num_steps, num_phases, num_vectors, num_shared, num_by_context;
    double start_re, start_im;
    const operation *operations;
    const step *steps;
    const double *numbers;
    const int32_t *indices;
    const double *shared, *by_context;
} circuit;

/* Which tangents, and where they meet: in front of step `frame`; the first `forward` rows come from before it. Slopes
   da/dp below entry num_shared_entries are every context's, the others (contexts, num_context_entries). */
typedef struct {
    int64_t frame, num_rows, forward, num_shared_entries, num_context_entries;
    const row *rows;
    const insertion *insertions;
    const double *shared_slopes, *context_slopes;
} tangent_order;

/* Where products go: row r belongs to parameter parameter[r], of which the first `summed` are summed over contexts, and
   the by_context = all - summed others are kept by context. */
typedef struct { int64_t summed, by_context, all; const int32_t *parameter; } destination;

/* Who works on one state, or on the rows of one context, together. `barrier` is two zeros in the beginning. */
typedef struct { int64_t index, count; int64_t *barrier; } team;

/* A call of a sweep, or one member's part of it: contexts first ... last-1 of `contexts`. Each sweep says what its arrays are
   (`sweeps.h`); workspaces start at whole registers, and `shared_workspace` is the team's. */
typedef struct {
    const circuit *circuit;
    const tangent_order *order;
    const destination *destination;
    team members;
    int64_t first, last, contexts;
    double least;
    void *states, *others;
    double *sums, *by_context;
    void *workspace, *shared_workspace;
} call;

_Static_assert(sizeof(operation) == 8 * 4 && sizeof(step) == 3 * 4, "rows of 32-bit integers");
_Static_assert(sizeof(row) == 2 * 4 && sizeof(insertion) == 3 * 4, "rows of 32-bit integers");
_Static_assert(sizeof(circuit) == 10 * 8 + 6 * sizeof(void *), "no padding");
_Static_assert(sizeof(tangent_order) == 5 * 8 + 4 * sizeof(void *), "no padding");
_Static_assert(sizeof(destination) == 3 * 8 + sizeof(void *), "no padding");
_Static_assert(sizeof(team) == 2 * 8 + sizeof(void *), "no padding");
_Static_assert(sizeof(call) == 6 * 8 + 10 * sizeof(void *), "no padding");

#endif
