/* Delta packing (PROTOCOL.md, section 4): a reference, then blocks of 16 samples of bit-packed differences. */
#ifndef WECG_DELTA_H
#define WECG_DELTA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WECG_DELTA_BLOCK 16u

int32_t wecg_int24(const uint8_t *at); /* three bytes, low first */

/* Pack n * leads counts of three bytes each; the bytes written, 0 where `room` is too small. */
size_t wecg_delta_pack(uint8_t *out, size_t room, const uint8_t *counts, uint8_t n, uint8_t leads);

/* Bytes that n samples take at the front of `payload`; 0 where it is too short or a field too wide. */
size_t wecg_delta_length(const uint8_t *payload, size_t size, uint8_t n, uint8_t leads);

/* Inverse of wecg_delta_pack, for a payload that has passed wecg_delta_length. */
void wecg_delta_unpack(const uint8_t *payload, uint8_t n, uint8_t leads, int32_t *counts);

#ifdef __cplusplus
}
#endif
#endif
