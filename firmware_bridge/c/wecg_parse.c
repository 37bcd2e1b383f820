#include <string.h>

#include "wecg_delta.h"
#include "wecg_frame.h"
#include "wecg_message.h"

/* Takes fields off the front; one that ends too soon reads as 0 and marks the whole as malformed. */
typedef struct {
    wecg_bytes left;
    bool malformed;
} reader;

static wecg_bytes take(reader *r, size_t n)
{
    wecg_bytes taken = {r->left.bytes, n};
    if (n > r->left.n) {
        r->malformed = true;
        taken.n = n = 0;
    }
    r->left.bytes += n;
    r->left.n -= n;
    return taken;
}

static uint64_t number(reader *r, uint8_t bytes)
{
    wecg_bytes raw = take(r, bytes);
    uint64_t value = 0;
    for (size_t i = raw.n; i--;)
        value = value << 8 | raw.bytes[i];
    return value;
}

static uint8_t u8(reader *r)
{
    return (uint8_t)number(r, 1);
}

static uint32_t u32(reader *r)
{
    return (uint32_t)number(r, 4);
}

/* Bytes of the UTF-8 character at `s`, at most `n`; 0 where there is none (RFC 3629: no overlong forms, no
 * surrogates, nothing above U+10FFFF). */
static size_t character(const uint8_t *s, size_t n)
{
    if (s[0] < 0x80)
        return 1;
    size_t size = s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    if (s[0] < 0xC2 || s[0] > 0xF4 || size > n)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) || (s[0] == 0xF0 && s[1] < 0x90) ||
        (s[0] == 0xF4 && s[1] > 0x8F))
        return 0;
    return size;
}

static wecg_bytes text(reader *r)
{
    wecg_bytes whole = take(r, u8(r));
    for (size_t at = 0, size; at < whole.n; at += size) {
        size = character(whole.bytes + at, whole.n - at);
        if (size == 0) {
            r->malformed = true;
            break;
        }
    }
    return whole;
}

static void lead(reader *r, size_t size, wecg_lead *lead)
{
    wecg_bytes name;
    uint32_t lsb, gain;
    if (size < 18)
        r->malformed = true;
    name = take(r, 8);
    memset(lead->name, 0, sizeof lead->name);
    memcpy(lead->name, name.bytes, name.n);
    for (uint8_t i = 1; i < sizeof lead->name; i++) /* a 0x00 inside the name */
        if (lead->name[i] && !lead->name[i - 1])
            r->malformed = true;
    lead->unit = u8(r);
    lead->adc_bits = u8(r);
    lsb = u32(r);
    gain = u32(r);
    memcpy(&lead->lsb, &lsb, sizeof lsb);
    memcpy(&lead->gain, &gain, sizeof gain);
    take(r, size < 18 ? 0 : size - 18);
}

/* The descriptor without its leads; what it says of their size. */
static uint8_t descriptor(reader *r, wecg_stream *stream)
{
    uint8_t size = u8(r), lead_size;
    stream->id = u8(r);
    stream->kind = u8(r);
    stream->leads = u8(r);
    lead_size = u8(r);
    stream->rate_num = u32(r);
    stream->rate_den = u32(r);
    stream->lead = NULL;
    if (size < 13 || stream->id > 31 || stream->leads < 1 || stream->leads > 32 || !stream->rate_num ||
        !stream->rate_den)
        r->malformed = true;
    take(r, size < 13 ? 0 : size - 13u);
    return lead_size;
}

static void hello(reader *r, wecg_message *m)
{
    uint32_t seen = 0;
    m->flags = u8(r);
    m->streams = u8(r);
    m->t_us = number(r, 8);
    m->name = text(r);
    m->firmware = text(r);
    m->serial = text(r);
    m->entries = r->left;
    for (uint8_t i = 0; i < m->streams && !r->malformed; i++) {
        wecg_stream stream;
        uint8_t size = descriptor(r, &stream);
        for (uint8_t k = 0; k < stream.leads && !r->malformed; k++) {
            wecg_lead one;
            lead(r, size, &one);
            if (!wecg_lead_valid(&one))
                r->malformed = true;
        }
        if (!r->malformed && (seen >> stream.id) & 1)
            r->malformed = true;
        if (!r->malformed)
            seen |= (uint32_t)1 << stream.id;
    }
}

static void status(reader *r, wecg_message *m)
{
    m->t_us = number(r, 8);
    m->flags = u8(r);
    m->battery = u8(r);
    m->streams = u8(r);
    m->entry_size = u8(r);
    if (m->streams && m->entry_size < 13)
        r->malformed = true;
    m->entries = take(r, (size_t)m->streams * m->entry_size);
}

/* False: a packing of a later version. */
static bool data(reader *r, wecg_message *m)
{
    size_t size = 0;
    m->data.stream = u8(r);
    m->data.packing = u8(r);
    m->data.leads = u8(r);
    m->data.n = u8(r);
    m->data.t_us = number(r, 8);
    m->data.lead_off = u32(r);
    m->data.lead_off_known = u32(r);
    m->data.valid = u32(r);
    if (r->malformed)
        return true;
    if (m->data.packing < WECG_INT16 || m->data.packing > WECG_DELTA)
        return false;
    if (m->data.leads >= 1 && m->data.leads <= 32 && m->data.n >= 1) {
        if (m->data.packing == WECG_DELTA)
            size = wecg_delta_length(r->left.bytes, r->left.n, m->data.n, m->data.leads);
        else
            size = (m->data.packing == WECG_INT16 ? 2u : 3u) * m->data.n * m->data.leads;
    }
    if (size == 0)
        r->malformed = true;
    m->samples = take(r, size);
    return true;
}

wecg_result wecg_parse(const uint8_t *body, size_t length, wecg_message *m)
{
    reader r = {{body, 0}, false};
    if (length < WECG_MIN_BODY || length > WECG_MAX_BODY)
        return WECG_MALFORMED;
    if (body[0] != WECG_VERSION)
        return WECG_UNKNOWN;
    memset(m, 0, sizeof *m);
    r.left.n = length - 4;
    take(&r, 1);
    m->type = u8(&r);
    m->seq = (uint16_t)number(&r, 2);
    switch (m->type) {
    case WECG_HELLO_REQ:
    case WECG_STOP:
        break;
    case WECG_START:
        m->start = u32(&r);
        break;
    case WECG_HELLO:
        hello(&r, m);
        break;
    case WECG_ACK:
        m->ack.command = u8(&r);
        m->ack.status = u8(&r);
        m->ack.command_seq = (uint16_t)number(&r, 2);
        break;
    case WECG_STATUS:
        status(&r, m);
        break;
    case WECG_EVENT:
        m->t_us = number(&r, 8);
        m->number = (uint16_t)number(&r, 2);
        m->text = text(&r);
        break;
    case WECG_DATA:
        if (!data(&r, m))
            return WECG_UNKNOWN;
        break;
    default:
        return WECG_UNKNOWN;
    }
    m->extra = r.left;
    return r.malformed ? WECG_MALFORMED : WECG_OK;
}

void wecg_unpack(const wecg_message *m, int32_t *counts)
{
    const uint8_t *at = m->samples.bytes;
    size_t total = (size_t)m->data.n * m->data.leads;
    if (m->data.packing == WECG_DELTA) {
        wecg_delta_unpack(at, m->data.n, m->data.leads, counts);
    } else if (m->data.packing == WECG_INT24) {
        for (size_t i = 0; i < total; i++)
            counts[i] = wecg_int24(at + 3 * i);
    } else {
        for (size_t i = 0; i < total; i++)
            counts[i] = ((at[2 * i] | (int32_t)at[2 * i + 1] << 8) ^ 0x8000) - 0x8000;
    }
}

void wecg_next_stream(wecg_message *m, wecg_stream *stream, wecg_leads *leads)
{
    reader r = {m->entries, false};
    leads->size = descriptor(&r, stream);
    leads->left = take(&r, (size_t)leads->size * stream->leads);
    m->entries = r.left;
}

void wecg_next_lead(wecg_leads *leads, wecg_lead *one)
{
    reader r = {leads->left, false};
    lead(&r, leads->size, one);
    leads->left = r.left;
}

void wecg_next_losses(wecg_message *m, wecg_losses *losses)
{
    reader r = {m->entries, false};
    losses->stream = u8(&r);
    losses->dropped_frames = u32(&r);
    losses->dropped_samples = u32(&r);
    losses->overruns = u32(&r);
    take(&r, m->entry_size - 13u);
    m->entries = r.left;
}
