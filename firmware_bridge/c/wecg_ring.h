/* From the sampling interrupt to the sending loop: frames of one stream in a ring, without locks.
 *
 * The interrupt (or task) that samples calls wecg_sample; it never waits. Where the ring is full, whole frames
 * are dropped and counted, and sequence numbers run on (PROTOCOL.md, sections 2 and 5). wecg_device.h is the
 * other end. One producer and one consumer for each ring, on one core or two. */
#ifndef WECG_RING_H
#define WECG_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "wecg_message.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    uint64_t t_us; /* of the first sample */
    uint32_t lead_off, valid;
    uint32_t end_us; /* of the last sample, low half */
    uint16_t seq;
    uint8_t n;
} wecg_slot;

typedef struct {
    /* Set by wecg_ring_init. */
    wecg_slot *slots;
    uint8_t *counts;
    uint32_t lead_off_known;
    uint16_t slot_bytes;
    uint8_t depth, samples, leads, packing, width;
    /* Written by the consumer. */
    volatile uint8_t tail, running;
    uint32_t late_frames, late_samples;
    /* Written by the producer. */
    volatile uint8_t head;
    volatile uint32_t dropped_frames, dropped_samples, overruns;
    wecg_slot filling;
    bool has_room;
} wecg_ring;

/* Bytes of `counts` for a ring. */
#define WECG_RING_COUNTS(depth, samples, leads, packing) \
    ((depth) * (samples) * (leads) * ((packing) == WECG_INT16 ? 2 : 3))

/* `slots`: `depth` of them, 2 to 255; one is always being filled. `samples` of each lead make a frame (20 to
 * 40 ms of them is a good choice). `lead_off_known`: bit k, the board can tell whether lead k is off. */
void wecg_ring_init(wecg_ring *ring, wecg_slot *slots, uint8_t *counts, uint8_t depth, uint8_t samples,
                    uint8_t leads, uint8_t packing, uint32_t lead_off_known);

/* The interrupt's side: one count for each lead, taken at `t_us` on the board's own clock. Bit k of `lead_off`:
 * electrode of lead k is off; of `valid`: the count is a measurement (WECG_ALL_LEADS if all are). A count that
 * does not fit the packing is none. Does nothing while the stream is not running. */
void wecg_sample(wecg_ring *ring, uint64_t t_us, const int32_t *counts, uint32_t lead_off, uint32_t valid);
#define WECG_ALL_LEADS 0xFFFFFFFFuL

/* The interrupt's side: so many samples could not be taken since the last one (acquisition itself was late). */
void wecg_missed(wecg_ring *ring, uint32_t samples);

/* The loop's side, for wecg_device.c: the oldest whole frame or NULL; where its counts are; done with it. */
const wecg_slot *wecg_ring_oldest(const wecg_ring *ring);
const uint8_t *wecg_ring_counts(const wecg_ring *ring);
void wecg_ring_next(wecg_ring *ring);
void wecg_ring_losses(const wecg_ring *ring, wecg_losses *losses);

#ifdef __cplusplus
}
#endif
#endif
