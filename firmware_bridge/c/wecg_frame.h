/* Frames of the wearecg wire protocol (PROTOCOL.md, section 1): bodies in and out of a byte stream.
 *
 * A body is one message with its CRC; on a serial line it is COBS-encoded and ended by 0x00. */
#ifndef WECG_FRAME_H
#define WECG_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WECG_VERSION 1
#define WECG_MIN_BODY 8u
#define WECG_MAX_BODY 1024u
#define WECG_MAX_WIRE 1029u /* of an encoded body, before its 0x00 */
#define WECG_COBS_HEADROOM 5u

/* CRC-32 of zlib, PNG and Ethernet over `n` bytes more; begin with crc = 0. Bit by bit: a table of 64 bytes
 * would cost an AVR its RAM, and 1.4 kB/s of ECG cost it 1 % of its time like this. */
uint32_t wecg_crc32(uint32_t crc, const uint8_t *bytes, size_t n);

/* COBS with the closing 0x00; returns the bytes written, at most n + n / 254 + 2. `wire` may be the memory that
 * `body` is in, if `body` begins WECG_COBS_HEADROOM bytes behind it. */
size_t wecg_cobs_encode(uint8_t *wire, const uint8_t *body, size_t n);

/* Finds bodies in a byte stream that may be damaged. It keeps the first `room` bytes of a body (a device needs
 * the 8 of a command, a host WECG_MAX_BODY), but counts and checks all of them. */
typedef struct {
    uint32_t bad; /* pieces that failed COBS, length or CRC */
    uint8_t *body;
    uint16_t room;
    uint16_t length; /* of the body that was completed, CRC included */
    /* Private. */
    uint32_t crc;
    uint16_t wire; /* bytes since the last 0x00 */
    uint8_t code, left;
} wecg_decoder;

void wecg_decoder_init(wecg_decoder *decoder, uint8_t *body, uint16_t room);

/* Take one byte. True: it completed a body whose length and CRC hold, which stays until the next call. */
bool wecg_decode(wecg_decoder *decoder, uint8_t byte);

#ifdef __cplusplus
}
#endif
#endif
