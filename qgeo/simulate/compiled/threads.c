/* Calls in the threads of an OpenMP runtime that is loaded already: torch's, whose threads would compete with others. */
#include "layout.h"

typedef void sweep(const call *);
typedef void parallel(void (*)(void *), void *, unsigned, unsigned); /* GOMP_parallel */
typedef int number(void);                                            /* omp_get_thread_num, omp_get_num_threads */

typedef struct { sweep *function; const call *calls; number *own, *all; int count, fewer; } dealt;

static void do_own(void *given)
{
    dealt *d = given;
    if (d->all() < d->count) d->fewer = 1;
    else if (d->own() < d->count) d->function(d->calls + d->own());
}

/* All calls at once, a thread each: members of a team wait for each other. Whether there were threads enough; if not, nothing
   was done. */
int qgeo_in_threads(parallel *start, number *own, number *all, sweep *function, const call *calls, int count)
{
    dealt d = { function, calls, own, all, count, 0 };
    start(do_own, &d, (unsigned)count, 0);
    return !d.fewer;
}
