#include "wecg_delta.h"

#include <string.h>

static int32_t wrap24(uint32_t value)
{
    return (int32_t)((value ^ 0x800000uL) & 0xFFFFFFuL) - 0x800000L;
}

int32_t wecg_int24(const uint8_t *at)
{
    return wrap24((uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16);
}

static size_t block_bytes(size_t fields, uint8_t bits)
{
    return (fields * bits + 7) / 8;
}

/* The difference that leads to value number i of a frame from the same lead's value before. */
static int32_t difference(const uint8_t *counts, size_t i, uint8_t leads)
{
    return wrap24((uint32_t)wecg_int24(counts + 3 * i) - (uint32_t)wecg_int24(counts + 3 * (i - leads)));
}

static uint8_t bits_needed(const uint8_t *counts, size_t first, size_t end, uint8_t leads)
{
    uint32_t magnitude = 0;
    uint8_t bits = 0;
    for (size_t i = first; i < end; i++) {
        int32_t d = difference(counts, i, leads);
        if (d)
            bits = 1;
        magnitude |= (uint32_t)(d < 0 ? ~d : d);
    }
    for (; magnitude; magnitude >>= 1)
        bits++;
    return bits;
}

size_t wecg_delta_pack(uint8_t *out, size_t room, const uint8_t *counts, uint8_t n, uint8_t leads)
{
    const size_t total = (size_t)n * leads;
    size_t at = 3u * leads;
    if (at > room)
        return 0;
    memcpy(out, counts, at);
    for (size_t first = leads; first < total; first += WECG_DELTA_BLOCK * leads) {
        size_t end = first + WECG_DELTA_BLOCK * leads < total ? first + WECG_DELTA_BLOCK * leads : total;
        uint8_t bits = bits_needed(counts, first, end, leads), held = 0;
        uint32_t pending = 0, mask = ((uint32_t)1 << bits) - 1;
        if (1 + block_bytes(end - first, bits) > room - at)
            return 0;
        out[at++] = bits;
        for (size_t i = first; i < end && bits; i++) {
            pending |= ((uint32_t)difference(counts, i, leads) & mask) << held;
            for (held = (uint8_t)(held + bits); held >= 8; held = (uint8_t)(held - 8)) {
                out[at++] = (uint8_t)pending;
                pending >>= 8;
            }
        }
        if (held)
            out[at++] = (uint8_t)pending;
    }
    return at;
}

size_t wecg_delta_length(const uint8_t *payload, size_t size, uint8_t n, uint8_t leads)
{
    size_t at = 3u * leads;
    for (size_t left = n - 1u; left;) {
        size_t samples = left < WECG_DELTA_BLOCK ? left : WECG_DELTA_BLOCK;
        if (at >= size || payload[at] > 24)
            return 0;
        at += 1 + block_bytes(samples * leads, payload[at]);
        left -= samples;
    }
    return at > size ? 0 : at;
}

void wecg_delta_unpack(const uint8_t *payload, uint8_t n, uint8_t leads, int32_t *counts)
{
    const size_t total = (size_t)n * leads;
    for (size_t i = 0; i < leads; i++, payload += 3)
        counts[i] = wecg_int24(payload);
    for (size_t first = leads; first < total; first += WECG_DELTA_BLOCK * leads) {
        size_t end = first + WECG_DELTA_BLOCK * leads < total ? first + WECG_DELTA_BLOCK * leads : total;
        uint8_t bits = *payload++, held = 0;
        uint32_t pending = 0, sign = bits ? (uint32_t)1 << (bits - 1) : 0;
        for (size_t i = first; i < end; i++) {
            for (; held < bits; held = (uint8_t)(held + 8))
                pending |= (uint32_t)*payload++ << held;
            uint32_t field = pending & (((uint32_t)1 << bits) - 1);
            counts[i] = wrap24((uint32_t)counts[i - leads] + ((field ^ sign) - sign));
            pending >>= bits;
            held = (uint8_t)(held - bits);
        }
    }
}
