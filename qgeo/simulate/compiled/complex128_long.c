/* The sweeps in double precision, on registers of 64 bytes. */
#include "layout.h"
#ifdef LONG_REGISTERS
#pragma GCC target("arch=x86-64-v4")
#define NUMBER double
#define INTEGER int64_t
#define REGISTER_BYTES 64
#define EXPORTED(name) name##_complex128_long
#include "sweeps.h"
#endif
