/* The number of the structures in `layout.h`, which `layout.py` computes too, and which sweeps there are. */
#include "layout.h"

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

/* Whether this processor has registers of 64 bytes, and the sweeps over them are built. */
int qgeo_has_long_registers(void)
{
#ifdef LONG_REGISTERS
    return __builtin_cpu_supports("x86-64-v4");
#else
    return 0;
#endif
}

/* Of all structures, field by field in their order. */
uint64_t qgeo_layout(void)
{
    uint64_t number = UINT64_C(14695981039346656037);
    const uint64_t constants[] = { INTERFACE, MOST_MASKS };
    for (size_t i = 0; i < sizeof(constants) / sizeof(*constants); i++) number = layout_with(number, constants[i]);
    FIELD(operation, kind) FIELD(operation, angle) FIELD(operation, x) FIELD(operation, num_masks)
    FIELD(operation, real) FIELD(operation, first_index) FIELD(operation, first_number) FIELD(operation, first_vector)
    SIZE(operation)
    FIELD(step, first) FIELD(step, last) FIELD(step, phases) SIZE(step)
    FIELD(row, first) FIELD(row, last) SIZE(row)
    FIELD(insertion, step) FIELD(insertion, operation) FIELD(insertion, entry) SIZE(insertion)
    FIELD(circuit, num_qubits) FIELD(circuit, contexts_in_lanes) FIELD(circuit, num_operations)
    FIELD(circuit, num_steps) FIELD(circuit, num_phases) FIELD(circuit, num_vectors) FIELD(circuit, num_shared)
    FIELD(circuit, num_by_context) FIELD(circuit, start_re) FIELD(circuit, start_im) FIELD(circuit, operations)
    FIELD(circuit, steps) FIELD(circuit, numbers) FIELD(circuit, indices) FIELD(circuit, shared)
    FIELD(circuit, by_context) SIZE(circuit)
    FIELD(tangent_order, frame) FIELD(tangent_order, num_rows) FIELD(tangent_order, forward)
    FIELD(tangent_order, num_shared_entries) FIELD(tangent_order, num_context_entries) FIELD(tangent_order, rows)
    FIELD(tangent_order, insertions) FIELD(tangent_order, shared_slopes) FIELD(tangent_order, context_slopes)
    SIZE(tangent_order)
    FIELD(destination, summed) FIELD(destination, by_context) FIELD(destination, all) FIELD(destination, parameter)
    SIZE(destination)
    FIELD(team, index) FIELD(team, count) FIELD(team, barrier) SIZE(team)
    FIELD(call, circuit) FIELD(call, order) FIELD(call, destination) FIELD(call, members) FIELD(call, first)
    FIELD(call, last) FIELD(call, contexts) FIELD(call, least) FIELD(call, states) FIELD(call, others)
    FIELD(call, sums) FIELD(call, by_context) FIELD(call, workspace) FIELD(call, shared_workspace) SIZE(call)
    return number;
}
