#include "wecg_message.h"

#include <string.h>

#include "wecg_delta.h"
#include "wecg_frame.h"

static void put(wecg_writer *w, uint64_t value, uint8_t bytes)
{
    uint8_t raw[8];
    for (uint8_t i = 0; i < bytes; i++)
        raw[i] = (uint8_t)(value >> (8 * i));
    wecg_put_bytes(w, raw, bytes);
}

static void put_float(wecg_writer *w, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put(w, bits, 4);
}

static void put_text(wecg_writer *w, const char *text)
{
    size_t n = strlen(text);
    if (n > 255)
        w->full = true;
    put(w, n, 1);
    wecg_put_bytes(w, text, n);
}

void wecg_put_bytes(wecg_writer *w, const void *bytes, size_t n)
{
    if (w->full || n > w->room - w->n) {
        w->full = true;
        return;
    }
    memcpy(w->bytes + w->n, bytes, n);
    w->n += n;
}

void wecg_begin(wecg_writer *w, uint8_t *body, size_t room, uint8_t type, uint16_t seq)
{
    w->bytes = body;
    w->room = room < WECG_MAX_BODY ? room : WECG_MAX_BODY;
    w->n = 0;
    w->full = false;
    put(w, WECG_VERSION, 1);
    put(w, type, 1);
    put(w, seq, 2);
}

size_t wecg_finish(wecg_writer *w)
{
    put(w, wecg_crc32(0, w->bytes, w->n), 4);
    return w->full ? 0 : w->n;
}

void wecg_put_start(wecg_writer *w, uint32_t streams)
{
    put(w, streams, 4);
}

static void put_stream(wecg_writer *w, const wecg_stream *stream)
{
    const uint8_t head[5] = {13, stream->id, stream->kind, stream->leads, 18};
    wecg_put_bytes(w, head, sizeof head);
    put(w, stream->rate_num, 4);
    put(w, stream->rate_den, 4);
    for (uint8_t i = 0; i < stream->leads; i++) {
        const wecg_lead *lead = &stream->lead[i];
        char name[8] = {0};
        for (uint8_t k = 0; k < sizeof name && lead->name[k]; k++)
            name[k] = lead->name[k];
        wecg_put_bytes(w, name, sizeof name);
        put(w, lead->unit, 1);
        put(w, lead->adc_bits, 1);
        put_float(w, lead->lsb);
        put_float(w, lead->gain);
    }
}

void wecg_put_hello(wecg_writer *w, const wecg_board *board, uint64_t t_us, uint8_t flags)
{
    put(w, flags, 1);
    put(w, board->streams, 1);
    put(w, t_us, 8);
    put_text(w, board->name);
    put_text(w, board->firmware);
    put_text(w, board->serial);
    for (uint8_t i = 0; i < board->streams; i++)
        put_stream(w, &board->stream[i]);
}

void wecg_put_ack(wecg_writer *w, const wecg_ack *ack)
{
    put(w, ack->command, 1);
    put(w, ack->status, 1);
    put(w, ack->command_seq, 2);
}

void wecg_put_status(wecg_writer *w, uint64_t t_us, uint8_t flags, uint8_t battery, uint8_t entries)
{
    put(w, t_us, 8);
    put(w, flags, 1);
    put(w, battery, 1);
    put(w, entries, 1);
    put(w, 13, 1);
}

void wecg_put_losses(wecg_writer *w, const wecg_losses *losses)
{
    put(w, losses->stream, 1);
    put(w, losses->dropped_frames, 4);
    put(w, losses->dropped_samples, 4);
    put(w, losses->overruns, 4);
}

void wecg_put_event(wecg_writer *w, uint64_t t_us, uint16_t number, const char *text)
{
    put(w, t_us, 8);
    put(w, number, 2);
    put_text(w, text);
}

void wecg_put_data(wecg_writer *w, const wecg_data *data, const uint8_t *counts)
{
    const uint8_t head[4] = {data->stream, data->packing, data->leads, data->n};
    wecg_put_bytes(w, head, sizeof head);
    put(w, data->t_us, 8);
    put(w, data->lead_off, 4);
    put(w, data->lead_off_known, 4);
    put(w, data->valid, 4);
    if (data->packing == WECG_DELTA) {
        size_t size = w->full ? 0 : wecg_delta_pack(w->bytes + w->n, w->room - w->n, counts, data->n, data->leads);
        w->full = size == 0;
        w->n += size;
    } else {
        size_t width = data->packing == WECG_INT16 ? 2 : 3;
        wecg_put_bytes(w, counts, width * data->n * data->leads);
    }
}

bool wecg_store(uint8_t *at, int32_t count, uint8_t width)
{
    int32_t limit = width == 2 ? 0x8000L : 0x800000L;
    for (uint8_t i = 0; i < width; i++)
        at[i] = (uint8_t)((uint32_t)count >> (8 * i));
    return -limit <= count && count < limit;
}

bool wecg_lead_valid(const wecg_lead *lead)
{
    uint8_t n = 0;
    uint32_t lsb, gain;
    while (n < sizeof lead->name && lead->name[n]) {
        if (lead->name[n] <= ' ' || lead->name[n] > '~')
            return false;
        n++;
    }
    /* Positive floats order like their bits: no floating point needed on a Cortex-M0. */
    memcpy(&lsb, &lead->lsb, sizeof lsb);
    memcpy(&gain, &lead->gain, sizeof gain);
    return n >= 1 && n <= 8 && lsb > 0 && lsb < 0x49742400uL /* 1e6 */ &&
           (gain < 0x7F800000uL /* infinity */ || gain == 0x80000000uL /* -0 */);
}

bool wecg_board_valid(const wecg_board *board)
{
    uint32_t seen = 0;
    if (strlen(board->name) > 255 || strlen(board->firmware) > 255 || strlen(board->serial) > 255)
        return false;
    for (uint8_t i = 0; i < board->streams; i++) {
        const wecg_stream *stream = &board->stream[i];
        if (stream->id > 31 || (seen >> stream->id) & 1 || stream->leads < 1 || stream->leads > 32 ||
            stream->rate_num == 0 || stream->rate_den == 0)
            return false;
        seen |= (uint32_t)1 << stream->id;
        for (uint8_t k = 0; k < stream->leads; k++)
            if (!wecg_lead_valid(&stream->lead[k]))
                return false;
    }
    return true;
}
