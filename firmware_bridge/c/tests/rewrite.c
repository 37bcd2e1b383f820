#include "rewrite.h"

#include <string.h>

static char texts[3][256];
static wecg_stream streams[32];
static wecg_lead leads[64];
static int32_t counts[MOST_COUNTS];
static uint8_t stored[3 * MOST_COUNTS];

static const char *text(char *to, wecg_bytes from)
{
    memcpy(to, from.bytes, from.n);
    to[from.n] = 0;
    return to;
}

static void hello(wecg_writer *w, wecg_message *m)
{
    wecg_board board = {text(texts[0], m->name), text(texts[1], m->firmware), text(texts[2], m->serial), streams,
                        m->streams};
    size_t used = 0;
    for (uint8_t i = 0; i < m->streams; i++) {
        wecg_leads left;
        wecg_next_stream(m, &streams[i], &left);
        streams[i].lead = &leads[used];
        for (uint8_t k = 0; k < streams[i].leads; k++)
            wecg_next_lead(&left, &leads[used++]);
    }
    wecg_put_hello(w, &board, m->t_us, m->flags);
    m->extra = m->entries; /* what the iterators have left is what came behind */
}

static void data(wecg_writer *w, const wecg_message *m)
{
    uint8_t width = m->data.packing == WECG_INT16 ? 2 : 3;
    wecg_unpack(m, counts);
    for (size_t i = 0; i < (size_t)m->data.n * m->data.leads; i++)
        wecg_store(stored + i * width, counts[i], width);
    wecg_put_data(w, &m->data, stored);
}

size_t rewrite(const wecg_message *message, uint8_t *body, size_t room)
{
    wecg_message m = *message;
    wecg_writer w;
    wecg_begin(&w, body, room, m.type, m.seq);
    switch (m.type) {
    case WECG_START:
        wecg_put_start(&w, m.start);
        break;
    case WECG_HELLO:
        hello(&w, &m);
        break;
    case WECG_ACK:
        wecg_put_ack(&w, &m.ack);
        break;
    case WECG_STATUS:
        wecg_put_status(&w, m.t_us, m.flags, m.battery, m.streams);
        for (uint8_t i = 0; i < m.streams; i++) {
            wecg_losses one;
            wecg_next_losses(&m, &one);
            wecg_put_losses(&w, &one);
        }
        break;
    case WECG_EVENT:
        wecg_put_event(&w, m.t_us, m.number, text(texts[0], m.text));
        break;
    case WECG_DATA:
        data(&w, &m);
        break;
    default:
        break;
    }
    wecg_put_bytes(&w, m.extra.bytes, m.extra.n);
    return wecg_finish(&w);
}
