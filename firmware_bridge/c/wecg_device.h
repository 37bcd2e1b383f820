/* The device's side of the conversation (PROTOCOL.md, section 5). This is all that a firmware calls:
 *
 *     static const wecg_lead LEADS[] = {{"II", WECG_MILLIVOLT, 10, 0.00444f, 1100.0f}};
 *     static const wecg_stream STREAMS[] = {{0, WECG_ECG, 1, 250, 1, LEADS}};
 *     static const wecg_board BOARD = {"my board", "1.0", "", STREAMS, 1};
 *     static wecg_slot slots[8];
 *     static uint8_t counts[WECG_RING_COUNTS(8, 10, 1, WECG_INT16)];
 *     static uint8_t sending[WECG_SENDING(96)];
 *     static wecg_ring ring;
 *     static wecg_device device;
 *
 *     setup:      wecg_ring_init(&ring, slots, counts, 8, 10, 1, WECG_INT16, 1);
 *                 wecg_init(&device, &BOARD, &ring, sending, sizeof sending, link);
 *     interrupt:  wecg_sample(&ring, now_us, &count, lead_off, WECG_ALL_LEADS);
 *     loop:       wecg_receive(&device, bytes, n);      // whatever has come in
 *                 wecg_poll(&device, now_us);           // sends what the link takes, never waits
 *
 * It answers HELLO_REQ, START and STOP, sends DATA and STATUS, drops what the link does not take, and tells the
 * host what it dropped. No call blocks, none allocates. */
#ifndef WECG_DEVICE_H
#define WECG_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wecg_frame.h"
#include "wecg_message.h"
#include "wecg_ring.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How bytes leave. `write` takes up to n of them without waiting and returns how many it took.
 * `packets`: the link has packets of its own (Bluetooth LE, one body in one notification; byte 1 of it is the
 * message's type); then `write` takes all or returns 0. */
typedef struct {
    size_t (*write)(void *context, const uint8_t *bytes, size_t n);
    void *context;
    bool packets;
} wecg_link;

/* Bytes of memory to send a body of at most `body` bytes from. The longest body is the HELLO (21 bytes + texts +
 * 13 for each stream + 18 for each lead) or a DATA frame (32 + its counts, + 1 for each 16 samples if delta). */
#define WECG_SENDING(body) ((body) + 1 + WECG_COBS_HEADROOM + 1)

#define WECG_ACKS 4

typedef struct {
    /* May be set at any time. */
    uint8_t battery; /* percent; WECG_BATTERY_UNKNOWN from the start */
    bool charging;
    /* May be read. */
    uint32_t running;          /* bit k: the stream with id k */
    uint32_t unknown, refused; /* frames of a later version; commands too short or too many at once */
    /* Private. */
    const wecg_board *board;
    wecg_ring *rings;
    wecg_link link;
    wecg_decoder receiver;
    uint8_t command[WECG_MIN_BODY];
    uint8_t *sending;
    size_t sending_size, at, end;
    wecg_ring *sending_ring; /* whose frame is being sent; NULL: another message */
    uint32_t sending_end_us;
    uint8_t sending_n;
    uint8_t turn; /* whose DATA goes next */
    uint8_t acks;
    wecg_ack ack[WECG_ACKS];
    bool hello_due, status_due, data_since_status;
    uint32_t status_us, told; /* when the last STATUS went out; the losses in it, summed up */
    uint16_t seq;
    uint64_t event_us;
    const char *event_text; /* NULL: none waits */
    uint16_t event_number;
} wecg_device;

/* `rings`: one for each stream of the board, in its order, initialised; `board` and `sending` stay in use.
 * False: the board cannot be described (wecg_board_valid), a ring does not fit its stream, or `sending` is too
 * small for its longest message. HELLO and STATUS go out with the first wecg_poll; then the device waits. */
bool wecg_init(wecg_device *device, const wecg_board *board, wecg_ring *rings, uint8_t *sending,
               size_t sending_size, wecg_link link);

/* Bytes that came in over a serial link, cut anywhere. */
void wecg_receive(wecg_device *device, const uint8_t *bytes, size_t n);

/* A body that came in as one packet. */
void wecg_receive_packet(wecg_device *device, const uint8_t *body, size_t n);

/* Send what is due, as far as the link takes it. `now_us` is the clock that the samples have. Call it often:
 * the rings hold what is sampled from one call to the next. */
void wecg_poll(wecg_device *device, uint64_t now_us);

/* Send an EVENT; `text` stays in use until it is sent. False: one is waiting already. */
bool wecg_event(wecg_device *device, uint64_t t_us, uint16_t number, const char *text);

/* The link has ended (Bluetooth): stop, forget what was to be sent. */
void wecg_disconnected(wecg_device *device);

#ifdef __cplusplus
}
#endif
#endif
