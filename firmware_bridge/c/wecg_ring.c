#include "wecg_ring.h"

#include <string.h>

/* A slot must be written before it is seen in `head`, and read before it is given back in `tail`, also where
 * the producer runs on another core. */
#define PUBLISH(index, value) __atomic_store_n(&(index), (value), __ATOMIC_RELEASE)
#define OBSERVE(index) __atomic_load_n(&(index), __ATOMIC_ACQUIRE)

static uint8_t after(const wecg_ring *ring, uint8_t index)
{
    return (uint8_t)(index + 1 == ring->depth ? 0 : index + 1);
}

static void add(volatile uint32_t *counter, uint32_t n)
{
    uint32_t sum = *counter + n;
    *counter = sum < n ? 0xFFFFFFFFuL : sum;
}

/* Where 32 bits take several instructions the interrupt may come between them. */
static uint32_t snapshot(const volatile uint32_t *counter)
{
    uint32_t value;
    do
        value = *counter;
    while (value != *counter);
    return value;
}

void wecg_ring_init(wecg_ring *ring, wecg_slot *slots, uint8_t *counts, uint8_t depth, uint8_t samples,
                    uint8_t leads, uint8_t packing, uint32_t lead_off_known)
{
    memset(ring, 0, sizeof *ring);
    ring->slots = slots;
    ring->counts = counts;
    ring->depth = depth;
    ring->samples = samples;
    ring->leads = leads;
    ring->packing = packing;
    ring->width = packing == WECG_INT16 ? 2 : 3;
    ring->slot_bytes = (uint16_t)(ring->width * samples * leads);
    ring->lead_off_known = lead_off_known;
}

/* End the frame that is being filled: hand it on, or count it as dropped. */
static void end_frame(wecg_ring *ring)
{
    if (ring->filling.n == 0)
        return;
    if (ring->has_room) {
        ring->slots[ring->head] = ring->filling;
        PUBLISH(ring->head, after(ring, ring->head));
    } else {
        add(&ring->dropped_frames, 1);
        add(&ring->dropped_samples, ring->filling.n);
    }
    ring->filling.n = 0;
    ring->filling.seq++;
}

void wecg_sample(wecg_ring *ring, uint64_t t_us, const int32_t *counts, uint32_t lead_off, uint32_t valid)
{
    wecg_slot *filling = &ring->filling;
    if (!ring->running) {
        end_frame(ring);
        return;
    }
    for (uint8_t k = 0; k < ring->leads; k++) {
        uint8_t unused[3];
        if (!wecg_store(unused, counts[k], ring->width))
            valid &= ~((uint32_t)1 << k);
    }
    if (lead_off != filling->lead_off || valid != filling->valid)
        end_frame(ring);
    if (filling->n == 0) {
        filling->t_us = t_us;
        filling->lead_off = lead_off;
        filling->valid = valid;
        ring->has_room = after(ring, ring->head) != OBSERVE(ring->tail);
    }
    if (ring->has_room) {
        uint8_t *at = ring->counts + (size_t)ring->head * ring->slot_bytes +
                      (size_t)filling->n * ring->leads * ring->width;
        for (uint8_t k = 0; k < ring->leads; k++, at += ring->width)
            wecg_store(at, counts[k], ring->width);
    }
    filling->end_us = (uint32_t)t_us;
    if (++filling->n == ring->samples)
        end_frame(ring);
}

void wecg_missed(wecg_ring *ring, uint32_t samples)
{
    end_frame(ring);
    if (!ring->running)
        return;
    ring->filling.seq++;
    add(&ring->dropped_samples, samples);
    add(&ring->overruns, 1);
}

const wecg_slot *wecg_ring_oldest(const wecg_ring *ring)
{
    return OBSERVE(ring->head) == ring->tail ? NULL : &ring->slots[ring->tail];
}

const uint8_t *wecg_ring_counts(const wecg_ring *ring)
{
    return ring->counts + (size_t)ring->tail * ring->slot_bytes;
}

void wecg_ring_next(wecg_ring *ring)
{
    PUBLISH(ring->tail, after(ring, ring->tail));
}

void wecg_ring_losses(const wecg_ring *ring, wecg_losses *losses)
{
    losses->dropped_frames = snapshot(&ring->dropped_frames);
    losses->dropped_samples = snapshot(&ring->dropped_samples);
    losses->overruns = snapshot(&ring->overruns);
    add(&losses->dropped_frames, ring->late_frames);
    add(&losses->dropped_samples, ring->late_samples);
}
