/* libFuzzer target: whatever arrives, nothing is read or written outside its memory, and what was written can be
 * read. The input is taken as bytes on the wire, as a body (which gets a CRC that holds), as counts to pack, and
 * as what a host says to a device. */
#include <stdlib.h>
#include <string.h>

#include "rewrite.h"
#include "wecg_delta.h"
#include "wecg_device.h"

#define MUST(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int32_t counts[MOST_COUNTS];

static void message(const uint8_t *body, size_t length)
{
    static uint8_t once[WECG_MAX_BODY], twice[WECG_MAX_BODY];
    wecg_message m;
    size_t n;
    if (wecg_parse(body, length, &m) != WECG_OK)
        return;
    if (m.type == WECG_DATA)
        wecg_unpack(&m, counts);
    n = rewrite(&m, once, sizeof once);
    if (n == 0)
        return;
    /* Not the same bytes: delta packing that no sender would choose; the entry size of a STATUS without entries. */
    if (n == length && !(m.type == WECG_DATA && m.data.packing == WECG_DELTA) &&
        !(m.type == WECG_STATUS && m.streams == 0))
        MUST(memcmp(once, body, n) == 0);
    MUST(wecg_parse(once, n, &m) == WECG_OK);
    MUST(rewrite(&m, twice, sizeof twice) == n && memcmp(once, twice, n) == 0);
}

static void wire(const uint8_t *data, size_t size)
{
    static uint8_t body[WECG_MAX_BODY];
    wecg_decoder decoder;
    wecg_decoder_init(&decoder, body, sizeof body);
    for (size_t i = 0; i < size; i++)
        if (wecg_decode(&decoder, data[i]))
            message(body, decoder.length);
}

static void framed(const uint8_t *data, size_t size)
{
    static uint8_t frame[WECG_COBS_HEADROOM + WECG_MAX_BODY + 1], body[WECG_MAX_BODY];
    uint8_t *at = frame + WECG_COBS_HEADROOM, *sent;
    uint32_t crc;
    size_t n, length = size + 4;
    wecg_decoder decoder;
    if (size < 4 || length > WECG_MAX_BODY)
        return;
    memcpy(at, data, size);
    crc = wecg_crc32(0, data, size);
    for (int i = 0; i < 4; i++)
        at[size + (size_t)i] = (uint8_t)(crc >> (8 * i));
    message(at, length);
    sent = malloc(length); /* so that reading behind it shows */
    MUST(sent != NULL);
    memcpy(sent, at, length);
    n = wecg_cobs_encode(frame, at, length);
    MUST(n <= sizeof frame && frame[n - 1] == 0 && !memchr(frame, 0, n - 1));
    wecg_decoder_init(&decoder, body, sizeof body);
    for (size_t i = 0; i < n; i++)
        MUST(wecg_decode(&decoder, frame[i]) == (i + 1 == n));
    MUST(decoder.length == length && memcmp(body, sent, length) == 0);
    free(sent);
}

static void packed(const uint8_t *data, size_t size)
{
    static uint8_t out[WECG_MAX_BODY];
    uint8_t leads, n;
    size_t length;
    if (size < 4)
        return;
    leads = (uint8_t)(1 + data[0] % 32);
    if ((size - 1) / 3 < leads)
        return;
    n = (uint8_t)((size - 1) / 3 / leads > 255 ? 255 : (size - 1) / 3 / leads);
    length = wecg_delta_pack(out, sizeof out, data + 1, n, leads);
    if (length == 0)
        return;
    MUST(wecg_delta_length(out, length, n, leads) == length);
    wecg_delta_unpack(out, n, leads, counts);
    for (size_t i = 0; i < (size_t)n * leads; i++)
        MUST(counts[i] == wecg_int24(data + 1 + 3 * i));
}

/* A link that takes as much as the input says; what it took must be frames. */
static const uint8_t *room;
static size_t rooms;
static wecg_decoder host;

static size_t take(void *unused, const uint8_t *bytes, size_t n)
{
    (void)unused;
    if (rooms == 0)
        return 0;
    rooms--;
    n = n < *room ? n : *room;
    room++;
    for (size_t i = 0; i < n; i++)
        if (wecg_decode(&host, bytes[i])) {
            wecg_message m;
            MUST(wecg_parse(host.body, host.length, &m) == WECG_OK);
        }
    MUST(host.bad == 0);
    return n;
}

static void conversation(const uint8_t *data, size_t size)
{
    static const wecg_lead LEADS[] = {{"II", WECG_MILLIVOLT, 24, 0.001f, 6.0f}};
    static const wecg_stream STREAMS[] = {{3, WECG_ECG, 1, 250, 1, LEADS}};
    static const wecg_board BOARD = {"fuzz", "", "", STREAMS, 1};
    static wecg_slot slots[3];
    static uint8_t memory[WECG_RING_COUNTS(3, 5, 1, WECG_DELTA)], sending[WECG_SENDING(80)], body[WECG_MAX_BODY];
    static wecg_ring ring;
    static wecg_device device;
    uint8_t frame[WECG_COBS_HEADROOM + 14];
    wecg_writer w;
    wecg_link link = {take, NULL, false};
    uint64_t now = 0;
    room = data;
    rooms = size;
    wecg_decoder_init(&host, body, sizeof body);
    wecg_ring_init(&ring, slots, memory, 3, 5, 1, WECG_DELTA, 1);
    MUST(wecg_init(&device, &BOARD, &ring, sending, sizeof sending, link));
    for (size_t i = 0; i < size; i++) {
        int32_t count = (int32_t)data[i] * 40000;
        if (data[i] % 16 < 3) { /* a command, else whatever the byte is */
            wecg_begin(&w, frame + WECG_COBS_HEADROOM, 12, (uint8_t)(1 + data[i] % 16), (uint16_t)i);
            if (data[i] % 16 == 1)
                wecg_put_start(&w, WECG_ALL_STREAMS);
            wecg_receive(&device, frame, wecg_cobs_encode(frame, frame + WECG_COBS_HEADROOM, wecg_finish(&w)));
        } else {
            wecg_receive(&device, data + i, 1);
        }
        now += data[i] == 77 ? 3000000 : 4000;
        wecg_sample(&ring, now, &count, data[i] > 250, WECG_ALL_LEADS);
        if (data[i] == 33)
            wecg_missed(&ring, 1);
        if (data[i] == 44)
            wecg_event(&device, now, WECG_BUTTON, "pressed");
        if (data[i] & 1)
            wecg_poll(&device, now);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wire(data, size);
    framed(data, size);
    packed(data, size);
    conversation(data, size);
    return 0;
}
