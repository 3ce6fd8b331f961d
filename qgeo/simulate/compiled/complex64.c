/* The sweeps in single precision, on registers of 32 bytes. Angles, slopes and sums over pieces of rows are double. */
#define NUMBER float
#define INTEGER int32_t
#define REGISTER_BYTES 32
#define EXPORTED(name) name##_complex64
#include "sweeps.h"
