/* What Python drives the library through (ctypes): flat functions over one decoder and one device. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rewrite.h"
#include "wecg_device.h"

/* Decoding. */

static uint8_t body[WECG_MAX_BODY];
static wecg_decoder decoder;
static uint32_t malformed, unknown;
static int32_t counts[MOST_COUNTS];

void shim_reset(void);
size_t shim_feed(const uint8_t *bytes, size_t n, uint8_t *out);
void shim_counters(uint32_t *bad, uint32_t *not_understood);
size_t shim_cobs(const uint8_t *from, size_t n, uint8_t *out);
size_t shim_rewrite(const uint8_t *from, size_t n, uint8_t *out);
size_t shim_describe(const uint8_t *from, size_t n, char *out);

void shim_reset(void)
{
    wecg_decoder_init(&decoder, body, sizeof body);
    malformed = unknown = 0;
}

/* For each message: u32 length, the body, u32 how many counts, the counts (int32). */
size_t shim_feed(const uint8_t *bytes, size_t n, uint8_t *out)
{
    uint8_t *at = out;
    while (n--) {
        wecg_message m;
        wecg_result result;
        uint32_t length, total;
        if (!wecg_decode(&decoder, *bytes++))
            continue;
        length = decoder.length;
        result = wecg_parse(body, length, &m);
        malformed += result == WECG_MALFORMED;
        unknown += result == WECG_UNKNOWN;
        if (result != WECG_OK)
            continue;
        total = m.type == WECG_DATA ? (uint32_t)m.data.n * m.data.leads : 0;
        if (total)
            wecg_unpack(&m, counts);
        memcpy(at, &length, 4);
        memcpy(at + 4, body, length);
        memcpy(at + 4 + length, &total, 4);
        memcpy(at + 8 + length, counts, 4 * total);
        at += 8 + length + 4 * total;
    }
    return (size_t)(at - out);
}

void shim_counters(uint32_t *bad, uint32_t *not_understood)
{
    *bad = decoder.bad + malformed;
    *not_understood = unknown;
}

size_t shim_cobs(const uint8_t *from, size_t n, uint8_t *out)
{
    memcpy(out + WECG_COBS_HEADROOM, from, n);
    return wecg_cobs_encode(out, out + WECG_COBS_HEADROOM, n);
}

size_t shim_rewrite(const uint8_t *from, size_t n, uint8_t *out)
{
    wecg_message m;
    return wecg_parse(from, n, &m) == WECG_OK ? rewrite(&m, out, WECG_MAX_BODY) : 0;
}

/* The fields as "name=value" lines, named as in vectors/frames.json; texts and bytes in hex. */

static char *line;

static void put(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    line += vsprintf(line, format, arguments);
    va_end(arguments);
}

static void hex(const char *name, wecg_bytes bytes)
{
    put("%s=", name);
    for (size_t i = 0; i < bytes.n; i++)
        put("%02x", bytes.bytes[i]);
    put("\n");
}

static void describe_hello(wecg_message *m)
{
    put("t_us=%" PRIu64 "\nflags=%u\nstreams.count=%u\n", m->t_us, m->flags, m->streams);
    hex("name", m->name);
    hex("firmware", m->firmware);
    hex("serial", m->serial);
    for (unsigned i = 0; i < m->streams; i++) {
        wecg_stream s;
        wecg_leads left;
        wecg_next_stream(m, &s, &left);
        put("streams.%u.id=%u\nstreams.%u.kind=%u\nstreams.%u.leads.count=%u\n", i, s.id, i, s.kind, i, s.leads);
        put("streams.%u.rate_num=%" PRIu32 "\nstreams.%u.rate_den=%" PRIu32 "\n", i, s.rate_num, i, s.rate_den);
        for (unsigned k = 0; k < s.leads; k++) {
            wecg_lead one;
            wecg_next_lead(&left, &one);
            put("streams.%u.leads.%u.name=%s\nstreams.%u.leads.%u.unit=%u\n", i, k, one.name, i, k, one.unit);
            put("streams.%u.leads.%u.adc_bits=%u\n", i, k, one.adc_bits);
            put("streams.%u.leads.%u.lsb=%.9g\n", i, k, (double)one.lsb);
            put("streams.%u.leads.%u.gain=%.9g\n", i, k, (double)one.gain);
        }
    }
    m->extra = m->entries;
}

static void describe_status(wecg_message *m)
{
    put("t_us=%" PRIu64 "\nflags=%u\nbattery=%u\nstreams.count=%u\n", m->t_us, m->flags, m->battery, m->streams);
    for (unsigned i = 0; i < m->streams; i++) {
        wecg_losses one;
        wecg_next_losses(m, &one);
        put("streams.%u.stream=%u\nstreams.%u.dropped_frames=%" PRIu32 "\n", i, one.stream, i, one.dropped_frames);
        put("streams.%u.dropped_samples=%" PRIu32 "\n", i, one.dropped_samples);
        put("streams.%u.overruns=%" PRIu32 "\n", i, one.overruns);
    }
}

static void describe_data(const wecg_message *m)
{
    const wecg_data *d = &m->data;
    put("stream=%u\npacking=%u\nleads=%u\nn=%u\nt_us=%" PRIu64 "\n", d->stream, d->packing, d->leads, d->n, d->t_us);
    put("lead_off=%" PRIu32 "\nlead_off_known=%" PRIu32 "\nvalid=%" PRIu32 "\nsamples=", d->lead_off,
        d->lead_off_known, d->valid);
    wecg_unpack(m, counts);
    for (size_t i = 0; i < (size_t)d->n * d->leads; i++)
        put("%s%" PRId32, i ? "," : "", counts[i]);
    put("\n");
}

size_t shim_describe(const uint8_t *from, size_t n, char *out)
{
    wecg_message m;
    if (wecg_parse(from, n, &m) != WECG_OK)
        return 0;
    line = out;
    put("type=%u\nseq=%u\n", m.type, m.seq);
    if (m.type == WECG_START)
        put("streams=%" PRIu32 "\n", m.start);
    if (m.type == WECG_HELLO)
        describe_hello(&m);
    if (m.type == WECG_ACK)
        put("command=%u\nstatus=%u\ncommand_seq=%u\n", m.ack.command, m.ack.status, m.ack.command_seq);
    if (m.type == WECG_STATUS)
        describe_status(&m);
    if (m.type == WECG_EVENT) {
        put("t_us=%" PRIu64 "\nnumber=%u\n", m.t_us, m.number);
        hex("text", m.text);
    }
    if (m.type == WECG_DATA)
        describe_data(&m);
    hex("extra", m.extra);
    return (size_t)(line - out);
}

/* A device of two streams: ECG of two leads in the packing asked for, PPG of one in int24. */

#define DEPTH 8
static const wecg_lead ECG[] = {{"II", WECG_MILLIVOLT, 16, 0.001f, 6.0f}, {"V1", WECG_MILLIVOLT, 16, 0.001f, 6.0f}};
static const wecg_lead PPG[] = {{"PPG", WECG_ARBITRARY, 19, 1.0f, 0.0f}};
static const wecg_stream STREAMS[] = {{0, WECG_ECG, 2, 250, 1, ECG}, {5, WECG_PPG, 1, 100, 1, PPG}};
static const wecg_board BOARD = {"shim", "1.0", "A7", STREAMS, 2};
static wecg_slot slots[2][DEPTH];
static uint8_t memory[2][WECG_RING_COUNTS(DEPTH, 10, 2, WECG_INT24)];
static uint8_t sending[WECG_SENDING(128)];
static wecg_ring rings[2];
static wecg_device device;
static uint8_t *taken;
static size_t room;

bool shim_device(uint8_t packing, bool packets, size_t sending_size);
void shim_sample(uint8_t stream, uint64_t t_us, const int32_t *values, uint32_t lead_off, uint32_t valid);
void shim_missed(uint8_t stream, uint32_t samples);
void shim_receive(const uint8_t *bytes, size_t n, bool packet);
size_t shim_poll(uint64_t now_us, size_t link_takes, uint8_t *out);
bool shim_event(uint64_t t_us, uint16_t number, const char *text);
void shim_disconnected(void);
uint32_t shim_running(void);
void shim_set(uint32_t dropped_frames, uint16_t seq);

static size_t take(void *context, const uint8_t *bytes, size_t n)
{
    (void)context;
    if (device.link.packets) {
        uint32_t length = (uint32_t)n;
        if (n > room)
            return 0;
        memcpy(taken, &length, 4);
        taken += 4;
    }
    n = n < room ? n : room;
    memcpy(taken, bytes, n);
    taken += n;
    room -= n;
    return n;
}

bool shim_device(uint8_t packing, bool packets, size_t sending_size)
{
    wecg_link link = {take, NULL, packets};
    wecg_ring_init(&rings[0], slots[0], memory[0], DEPTH, 10, 2, packing, 3);
    wecg_ring_init(&rings[1], slots[1], memory[1], DEPTH, 4, 1, WECG_INT24, 0);
    return wecg_init(&device, &BOARD, rings, sending, sending_size ? sending_size : sizeof sending, link);
}

void shim_sample(uint8_t stream, uint64_t t_us, const int32_t *values, uint32_t lead_off, uint32_t valid)
{
    wecg_sample(&rings[stream], t_us, values, lead_off, valid);
}

void shim_missed(uint8_t stream, uint32_t samples)
{
    wecg_missed(&rings[stream], samples);
}

void shim_receive(const uint8_t *bytes, size_t n, bool packet)
{
    if (packet)
        wecg_receive_packet(&device, bytes, n);
    else
        wecg_receive(&device, bytes, n);
}

/* What the device sends when the link takes so many bytes; of a packet link u32 length and bytes of each. */
size_t shim_poll(uint64_t now_us, size_t link_takes, uint8_t *out)
{
    taken = out;
    room = link_takes;
    wecg_poll(&device, now_us);
    return (size_t)(taken - out);
}

bool shim_event(uint64_t t_us, uint16_t number, const char *text)
{
    return wecg_event(&device, t_us, number, text);
}

void shim_disconnected(void)
{
    wecg_disconnected(&device);
}

uint32_t shim_running(void)
{
    return device.running;
}

/* As after a long time. */
void shim_set(uint32_t dropped_frames, uint16_t seq)
{
    rings[0].dropped_frames = dropped_frames;
    rings[0].filling.seq = seq;
}
