/* The messages of the wearecg wire protocol (PROTOCOL.md, sections 3 and 4), both directions.
 *
 * To write one, put its fields between wecg_begin and wecg_finish:
 *
 *     wecg_begin(&w, body, sizeof body, WECG_ACK, seq);
 *     wecg_put_ack(&w, &ack);
 *     length = wecg_finish(&w);                   // 0: it does not fit
 *
 * To read one, hand a body from wecg_decode to wecg_parse. A device needs neither: see wecg_device.h. */
#ifndef WECG_MESSAGE_H
#define WECG_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { /* types */
    WECG_HELLO_REQ = 0x01,
    WECG_START = 0x02,
    WECG_STOP = 0x03,
    WECG_HELLO = 0x81,
    WECG_ACK = 0x82,
    WECG_STATUS = 0x83,
    WECG_EVENT = 0x84,
    WECG_DATA = 0x90
};
enum { WECG_ECG = 1, WECG_PPG = 2, WECG_ACC = 3, WECG_RESP = 4 };              /* kinds of streams */
enum { WECG_ARBITRARY = 0, WECG_MILLIVOLT = 1, WECG_G = 2 };                   /* units */
enum { WECG_INT16 = 1, WECG_INT24 = 2, WECG_DELTA = 3 };                       /* packings */
enum { WECG_DONE = 0, WECG_NOT_SUPPORTED = 1, WECG_BAD_ARGUMENT = 2, WECG_CANNOT_NOW = 3 }; /* of ACK */
enum { WECG_RUNNING = 1, WECG_CHARGING = 2 };                                  /* flags */
enum { WECG_BUTTON = 1, WECG_LOG = 2 };                                        /* events */
#define WECG_BATTERY_UNKNOWN 255u
#define WECG_ALL_STREAMS 0xFFFFFFFFuL

/* What a board is. All of it may be const. */
typedef struct {
    char name[9]; /* 1 to 8 characters: I II III aVR aVL aVF V1..V6 ECG PPG RESP ACC_X ACC_Y ACC_Z */
    uint8_t unit;
    uint8_t adc_bits; /* 0: unknown */
    float lsb;        /* units of one count at the electrodes, gain included; above 0, below 1e6 */
    float gain;       /* of the amplifier; 0: unknown */
} wecg_lead;

typedef struct {
    uint8_t id; /* 0 to 31, each once */
    uint8_t kind;
    uint8_t leads; /* 1 to 32 */
    uint32_t rate_num, rate_den;
    const wecg_lead *lead; /* `leads` of them; NULL in a stream that was read */
} wecg_stream;

typedef struct {
    const char *name, *firmware, *serial; /* UTF-8 for people, may be "" */
    const wecg_stream *stream;
    uint8_t streams;
} wecg_board;

typedef struct {
    uint8_t command, status;
    uint16_t command_seq;
} wecg_ack;

typedef struct { /* of one stream since power-up, see STATUS */
    uint8_t stream;
    uint32_t dropped_frames, dropped_samples, overruns;
} wecg_losses;

typedef struct {
    uint64_t t_us; /* of the first sample */
    uint32_t lead_off, lead_off_known, valid;
    uint8_t stream, packing, leads, n;
} wecg_data;

/* Writing. */

typedef struct {
    uint8_t *bytes;
    size_t room, n;
    bool full;
} wecg_writer;

void wecg_begin(wecg_writer *w, uint8_t *body, size_t room, uint8_t type, uint16_t seq);
size_t wecg_finish(wecg_writer *w); /* adds the CRC; the body's length, 0 where it does not fit */

void wecg_put_start(wecg_writer *w, uint32_t streams);
void wecg_put_hello(wecg_writer *w, const wecg_board *board, uint64_t t_us, uint8_t flags);
void wecg_put_ack(wecg_writer *w, const wecg_ack *ack);
void wecg_put_status(wecg_writer *w, uint64_t t_us, uint8_t flags, uint8_t battery, uint8_t entries);
void wecg_put_losses(wecg_writer *w, const wecg_losses *losses); /* `entries` times, behind the STATUS */
void wecg_put_event(wecg_writer *w, uint64_t t_us, uint16_t number, const char *text);
/* `counts`: n * leads of them as wecg_store leaves them, 2 bytes each for int16, 3 for int24 and delta. */
void wecg_put_data(wecg_writer *w, const wecg_data *data, const uint8_t *counts);
void wecg_put_bytes(wecg_writer *w, const void *bytes, size_t n);

/* Store a count in `width` bytes, 2 or 3; false where it does not fit. */
bool wecg_store(uint8_t *at, int32_t count, uint8_t width);

/* Whether the protocol can say this: ids, names, rates and scales are in range. */
bool wecg_board_valid(const wecg_board *board);
bool wecg_lead_valid(const wecg_lead *lead);

/* Reading. Pointers lead into the body. */

typedef struct {
    const uint8_t *bytes;
    size_t n;
} wecg_bytes;

typedef struct {
    wecg_bytes left;
    uint8_t size; /* of one */
} wecg_leads;

typedef struct {
    uint8_t type;
    uint16_t seq;
    uint8_t flags;        /* HELLO, STATUS */
    uint64_t t_us;        /* HELLO, STATUS, EVENT */
    uint32_t start;       /* START: bitmap of streams */
    wecg_ack ack;         /* ACK */
    wecg_data data;       /* DATA */
    wecg_bytes samples;   /* DATA: for wecg_unpack */
    wecg_bytes name, firmware, serial; /* HELLO */
    wecg_bytes text;      /* EVENT */
    uint16_t number;      /* EVENT */
    uint8_t battery;      /* STATUS */
    uint8_t streams;      /* HELLO: for wecg_next_stream; STATUS: for wecg_next_losses */
    uint8_t entry_size;   /* STATUS */
    wecg_bytes entries;   /* HELLO, STATUS */
    wecg_bytes extra;     /* what a later version appended */
} wecg_message;

typedef enum {
    WECG_OK,
    WECG_MALFORMED,
    WECG_UNKNOWN /* version, type or packing of a later version: ignore it */
} wecg_result;

/* Read a body whose CRC holds. Only what belongs to its type is set. */
wecg_result wecg_parse(const uint8_t *body, size_t length, wecg_message *message);

/* The n * leads counts of a DATA message, sample by sample. */
void wecg_unpack(const wecg_message *message, int32_t *counts);

/* The next of message->streams descriptors of a HELLO, the next of stream->leads leads of it, the next of
 * message->streams entries of a STATUS. Call none of them more often than that. */
void wecg_next_stream(wecg_message *message, wecg_stream *stream, wecg_leads *leads);
void wecg_next_lead(wecg_leads *leads, wecg_lead *lead);
void wecg_next_losses(wecg_message *message, wecg_losses *losses);

#ifdef __cplusplus
}
#endif
#endif
