/* The sweeps in double precision, on registers of 32 bytes. */
#define NUMBER double
#define INTEGER int64_t
#define REGISTER_BYTES 32
#define EXPORTED(name) name##_complex128
#include "sweeps.h"
