#include "wecg_device.h"

#include <string.h>

#include "wecg_delta.h"

#define STATUS_EVERY_US 4000000uL /* the protocol wants one every 5 s */
#define LATE_US 1000000L
#define BODY (1 + WECG_COBS_HEADROOM) /* where it begins in `sending`: behind a 0x00 and what COBS adds */

static size_t longest_body(const wecg_board *board, const wecg_ring *rings)
{
    size_t hello = 14 + 3 + strlen(board->name) + strlen(board->firmware) + strlen(board->serial) + 4;
    size_t longest = 20u + 13u * board->streams; /* STATUS */
    for (uint8_t i = 0; i < board->streams; i++) {
        const wecg_ring *ring = &rings[i];
        size_t blocks = ring->packing == WECG_DELTA ? (ring->samples + WECG_DELTA_BLOCK - 1u) / WECG_DELTA_BLOCK : 0;
        size_t data = 32 + ring->slot_bytes + blocks;
        hello += 13 + 18u * board->stream[i].leads;
        longest = data > longest ? data : longest;
    }
    return hello > longest ? hello : longest;
}

bool wecg_init(wecg_device *d, const wecg_board *board, wecg_ring *rings, uint8_t *sending, size_t sending_size,
               wecg_link link)
{
    size_t longest;
    memset(d, 0, sizeof *d);
    d->battery = WECG_BATTERY_UNKNOWN;
    d->board = board;
    d->rings = rings;
    d->link = link;
    d->sending = sending;
    d->sending_size = sending_size;
    d->hello_due = true;
    wecg_decoder_init(&d->receiver, d->command, sizeof d->command);
    if (!wecg_board_valid(board))
        return false;
    for (uint8_t i = 0; i < board->streams; i++)
        if (rings[i].leads != board->stream[i].leads || rings[i].samples == 0 || rings[i].depth < 2)
            return false;
    longest = longest_body(board, rings);
    return longest <= WECG_MAX_BODY && WECG_SENDING(longest) <= sending_size;
}

/* Receiving. */

static void run(wecg_device *d, uint32_t streams)
{
    d->running = 0;
    for (uint8_t i = 0; i < d->board->streams; i++) {
        uint32_t bit = (uint32_t)1 << d->board->stream[i].id;
        d->rings[i].running = (streams & bit) != 0;
        d->running |= streams & bit;
    }
}

static uint8_t start(wecg_device *d, uint32_t streams)
{
    uint32_t known = 0;
    for (uint8_t i = 0; i < d->board->streams; i++)
        known |= (uint32_t)1 << d->board->stream[i].id;
    if (streams != WECG_ALL_STREAMS && (streams & ~known))
        return WECG_BAD_ARGUMENT;
    run(d, streams);
    return WECG_DONE;
}

static void take(wecg_device *d, const uint8_t *c, size_t length)
{
    wecg_ack ack = {c[1], WECG_DONE, (uint16_t)(c[2] | c[3] << 8)};
    if (c[1] == WECG_HELLO_REQ) { /* of any version */
        d->hello_due = true;
        return;
    }
    if (c[0] != WECG_VERSION || (c[1] != WECG_START && c[1] != WECG_STOP)) {
        d->unknown++;
        return;
    }
    /* What cannot be answered is not done: the host repeats it. */
    if (d->acks == WECG_ACKS || (c[1] == WECG_START && length < 12)) {
        d->refused++;
        return;
    }
    if (c[1] == WECG_STOP)
        run(d, 0);
    else
        ack.status = start(d, (uint32_t)c[4] | (uint32_t)c[5] << 8 | (uint32_t)c[6] << 16 | (uint32_t)c[7] << 24);
    d->ack[d->acks++] = ack;
}

void wecg_receive(wecg_device *d, const uint8_t *bytes, size_t n)
{
    while (n--)
        if (wecg_decode(&d->receiver, *bytes++))
            take(d, d->command, d->receiver.length);
}

void wecg_receive_packet(wecg_device *d, const uint8_t *body, size_t n)
{
    uint32_t crc = 0;
    if (n >= WECG_MIN_BODY && n <= WECG_MAX_BODY)
        for (size_t i = 4; i; i--)
            crc = crc << 8 | body[n - 5 + i];
    if (n < WECG_MIN_BODY || n > WECG_MAX_BODY || wecg_crc32(0, body, n - 4) != crc)
        d->receiver.bad++;
    else
        take(d, body, n);
}

/* Sending. */

static void drop(wecg_ring *ring, uint8_t n)
{
    ring->late_frames += ring->late_frames != 0xFFFFFFFFuL;
    ring->late_samples = ring->late_samples > 0xFFFFFFFFuL - n ? 0xFFFFFFFFuL : ring->late_samples + n;
}

static bool late(uint32_t end_us, uint64_t now_us)
{
    return (int32_t)((uint32_t)now_us - end_us) > LATE_US;
}

static void drop_late(wecg_device *d, uint64_t now_us)
{
    const wecg_slot *slot;
    if (d->sending_ring && d->at <= 1 && late(d->sending_end_us, now_us)) {
        drop(d->sending_ring, d->sending_n);
        d->sending_ring = NULL;
        d->end = 0;
    }
    for (uint8_t i = 0; i < d->board->streams; i++)
        while ((slot = wecg_ring_oldest(&d->rings[i])) != NULL && late(slot->end_us, now_us)) {
            drop(&d->rings[i], slot->n);
            wecg_ring_next(&d->rings[i]);
        }
}

static uint32_t losses(const wecg_device *d)
{
    uint32_t sum = 0;
    for (uint8_t i = 0; i < d->board->streams; i++) {
        wecg_losses one;
        wecg_ring_losses(&d->rings[i], &one);
        sum += one.dropped_frames + one.dropped_samples + one.overruns;
    }
    return sum;
}

static void put_status(wecg_device *d, wecg_writer *w, uint64_t now_us)
{
    uint8_t flags = (uint8_t)((d->running ? WECG_RUNNING : 0) | (d->charging ? WECG_CHARGING : 0));
    d->told = losses(d);
    d->status_us = (uint32_t)now_us;
    d->status_due = d->data_since_status = false;
    wecg_put_status(w, now_us, flags, d->battery, d->board->streams);
    for (uint8_t i = 0; i < d->board->streams; i++) {
        wecg_losses one;
        wecg_ring_losses(&d->rings[i], &one);
        one.stream = d->board->stream[i].id;
        wecg_put_losses(w, &one);
    }
}

/* The next DATA in turn; false: none waits. */
static bool put_data(wecg_device *d, wecg_writer *w, uint8_t *body, size_t room)
{
    for (uint8_t k = 0; k < d->board->streams; k++) {
        wecg_ring *ring = &d->rings[d->turn];
        const wecg_slot *slot = wecg_ring_oldest(ring);
        uint8_t id = d->board->stream[d->turn].id;
        d->turn = (uint8_t)(d->turn + 1 == d->board->streams ? 0 : d->turn + 1);
        if (slot) {
            wecg_data data = {slot->t_us, slot->lead_off, ring->lead_off_known, slot->valid, id, ring->packing,
                              ring->leads, slot->n};
            wecg_begin(w, body, room, WECG_DATA, slot->seq);
            wecg_put_data(w, &data, wecg_ring_counts(ring));
            d->sending_ring = ring;
            d->sending_end_us = slot->end_us;
            d->sending_n = slot->n;
            d->data_since_status = true;
            wecg_ring_next(ring);
            return true;
        }
    }
    return false;
}

/* Prepare the next body that is due; its length, 0: none is. Answers go before waiting DATA. */
static size_t next_body(wecg_device *d, uint8_t *body, size_t room, uint64_t now_us)
{
    wecg_writer w;
    d->sending_ring = NULL;
    if (d->acks) {
        wecg_begin(&w, body, room, WECG_ACK, d->seq++);
        wecg_put_ack(&w, &d->ack[0]);
        memmove(&d->ack[0], &d->ack[1], --d->acks * sizeof d->ack[0]);
    } else if (d->hello_due) {
        wecg_begin(&w, body, room, WECG_HELLO, d->seq++);
        wecg_put_hello(&w, d->board, now_us, d->running ? WECG_RUNNING : 0);
        d->hello_due = false;
        d->status_due = true;
    } else if (d->status_due || (d->running && (uint32_t)now_us - d->status_us >= STATUS_EVERY_US) ||
               (d->data_since_status && losses(d) != d->told)) {
        wecg_begin(&w, body, room, WECG_STATUS, d->seq++);
        put_status(d, &w, now_us);
    } else if (d->event_text) {
        wecg_begin(&w, body, room, WECG_EVENT, d->seq++);
        wecg_put_event(&w, d->event_us, d->event_number, d->event_text);
        d->event_text = NULL;
    } else if (!put_data(d, &w, body, room)) {
        return 0;
    }
    return wecg_finish(&w);
}

void wecg_poll(wecg_device *d, uint64_t now_us)
{
    uint8_t *body = d->sending + BODY;
    drop_late(d, now_us);
    for (;;) {
        if (d->end == 0) {
            size_t length = next_body(d, body, d->sending_size - BODY - 1, now_us);
            if (length == 0)
                return;
            d->at = 0;
            d->end = length;
            if (!d->link.packets) {
                /* A 0x00 first ends what noise left on the line in a pause. DATA comes without a pause. */
                d->sending[0] = 0;
                d->at = d->sending_ring ? 1 : 0;
                d->end = 1 + wecg_cobs_encode(d->sending + 1, body, length);
            }
        }
        d->at += d->link.write(d->link.context, (d->link.packets ? body : d->sending) + d->at, d->end - d->at);
        if (d->at < d->end)
            return;
        d->end = 0;
    }
}

bool wecg_event(wecg_device *d, uint64_t t_us, uint16_t number, const char *text)
{
    if (d->event_text || strlen(text) > 255 || WECG_SENDING(19 + strlen(text)) > d->sending_size)
        return false;
    d->event_us = t_us;
    d->event_number = number;
    d->event_text = text;
    return true;
}

void wecg_disconnected(wecg_device *d)
{
    run(d, 0);
    if (d->sending_ring && d->end)
        drop(d->sending_ring, d->sending_n);
    for (uint8_t i = 0; i < d->board->streams; i++)
        for (const wecg_slot *slot; (slot = wecg_ring_oldest(&d->rings[i])) != NULL; wecg_ring_next(&d->rings[i]))
            drop(&d->rings[i], slot->n);
    d->sending_ring = NULL;
    d->end = 0;
    d->acks = 0;
    d->hello_due = d->status_due = d->data_since_status = false;
    d->event_text = NULL;
    wecg_decoder_init(&d->receiver, d->command, sizeof d->command);
}
