/* The golden vectors, and the ring between two threads. `check frames.json malformed.json` prints what it did
 * and ends with 1 at the first thing that is wrong. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rewrite.h"
#include "wecg_device.h"

#define FAIL(...) (fprintf(stderr, __VA_ARGS__), fputc('\n', stderr), exit(1))

static char line[1 << 16];
static uint8_t body[WECG_MAX_BODY];

static FILE *open_vectors(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file)
        FAIL("%s cannot be opened", path);
    return file;
}

/* The text of a field of the entry on this line. */
static const char *text(const char *name)
{
    static char value[1 << 15];
    char key[32];
    const char *at;
    size_t n;
    sprintf(key, "\"%s\": \"", name);
    at = strstr(line, key);
    if (!at)
        FAIL("no %s in %.60s", name, line);
    at += strlen(key);
    n = strcspn(at, "\"");
    memcpy(value, at, n);
    value[n] = 0;
    return value;
}

static size_t bytes(const char *name, uint8_t *out)
{
    const char *hex = text(name);
    size_t n = strlen(hex) / 2;
    for (size_t i = 0; i < n; i++) {
        unsigned byte;
        if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
            FAIL("%s is not hex", name);
        out[i] = (uint8_t)byte;
    }
    return n;
}

static int frames(FILE *file)
{
    static uint8_t golden[WECG_MAX_BODY], wire[1 << 14], again[WECG_COBS_HEADROOM + WECG_MAX_BODY + 2];
    int count = 0;
    while (fgets(line, sizeof line, file)) {
        size_t length, size;
        bool delivered = false;
        wecg_decoder decoder;
        wecg_message m;
        if (line[0] != '{')
            continue;
        length = bytes("body", golden);
        size = bytes("wire", wire);
        wecg_decoder_init(&decoder, body, sizeof body);
        for (size_t i = 0; i < size; i++)
            delivered = wecg_decode(&decoder, wire[i]);
        if (!delivered || decoder.length != length || memcmp(body, golden, length) != 0)
            FAIL("%s: not decoded", text("name"));
        if (wecg_parse(body, length, &m) != WECG_OK)
            FAIL("%s: not understood", text("name"));
        if (rewrite(&m, again + WECG_COBS_HEADROOM, WECG_MAX_BODY) != length ||
            memcmp(again + WECG_COBS_HEADROOM, golden, length) != 0)
            FAIL("%s: written differently", text("name"));
        if (wecg_cobs_encode(again, again + WECG_COBS_HEADROOM, length) != size || memcmp(again, wire, size) != 0)
            FAIL("%s: framed differently", text("name"));
        count++;
    }
    return count;
}

static int malformed(FILE *file)
{
    static uint8_t wire[1 << 14];
    int count = 0;
    while (fgets(line, sizeof line, file)) {
        unsigned bad, unknown = 0, delivered = 0;
        wecg_decoder decoder;
        size_t size;
        if (line[0] != '{')
            continue;
        size = bytes("wire", wire);
        wecg_decoder_init(&decoder, body, sizeof body);
        bad = 0;
        for (size_t i = 0; i < size; i++)
            if (wecg_decode(&decoder, wire[i])) {
                wecg_message m;
                wecg_result result = wecg_parse(body, decoder.length, &m);
                bad += result == WECG_MALFORMED;
                unknown += result == WECG_UNKNOWN;
                delivered += result == WECG_OK;
            }
        bad += decoder.bad;
        if (delivered || (strcmp(text("expect"), "bad") == 0 ? bad != 1 || unknown : bad || unknown != 1))
            FAIL("%s: %u delivered, %u bad, %u unknown", text("name"), delivered, bad, unknown);
        count++;
    }
    return count;
}

/* Two threads: one samples, the other sends. What arrives must be what was sampled, in order, each sample once,
 * and the rest told as dropped. */

#define SAMPLES 2000000L
static const wecg_lead LEAD[] = {{"II", WECG_MILLIVOLT, 24, 0.001f, 1.0f}};
static const wecg_stream STREAM[] = {{0, WECG_ECG, 1, 250, 1, LEAD}};
static const wecg_board BOARD = {"", "", "", STREAM, 1};
static wecg_slot slots[4];
static uint8_t counts[WECG_RING_COUNTS(4, 8, 1, WECG_INT24)];
static uint8_t sending[WECG_SENDING(80)];
static wecg_ring ring;
static wecg_device device;
static long arrived, last = -1, told;
static int done; /* only through __atomic */

static void *produce(void *unused)
{
    for (int32_t i = 0; i < SAMPLES; i++)
        wecg_sample(&ring, (uint64_t)i, &i, (uint32_t)(i / 1000) & 1, WECG_ALL_LEADS);
    __atomic_store_n(&done, 1, __ATOMIC_RELEASE);
    return unused;
}

static size_t receive(void *unused, const uint8_t *packet, size_t n)
{
    wecg_message m;
    int32_t values[8];
    (void)unused;
    if (wecg_parse(packet, n, &m) != WECG_OK)
        FAIL("the device sent what is no message");
    if (m.type == WECG_STATUS) {
        wecg_losses losses;
        wecg_next_losses(&m, &losses);
        told = (long)losses.dropped_samples;
    }
    if (m.type != WECG_DATA)
        return n;
    wecg_unpack(&m, values);
    for (uint8_t i = 0; i < m.data.n; i++, last++, arrived++) {
        if (i == 0 && values[0] > last)
            last = values[0] - 1;
        if (values[i] != last + 1 || m.data.t_us != (uint64_t)values[0] ||
            m.data.lead_off != ((uint32_t)(values[i] / 1000) & 1))
            FAIL("sample %ld after %ld", (long)values[i], last);
    }
    return n;
}

static void threads(void)
{
    const uint8_t start[12] = {1, WECG_START, 0, 0, 1, 0, 0, 0};
    uint8_t command[12];
    wecg_link link = {receive, NULL, true};
    pthread_t producer;
    uint32_t crc = wecg_crc32(0, start, 8);
    memcpy(command, start, 8);
    for (int i = 0; i < 4; i++)
        command[8 + i] = (uint8_t)(crc >> (8 * i));
    wecg_ring_init(&ring, slots, counts, 4, 8, 1, WECG_INT24, 1);
    if (!wecg_init(&device, &BOARD, &ring, sending, sizeof sending, link))
        FAIL("the device does not start");
    wecg_receive_packet(&device, command, sizeof command);
    if (device.running != 1 || pthread_create(&producer, NULL, produce, NULL) != 0)
        FAIL("the producer does not start");
    while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE))
        wecg_poll(&device, 0);
    pthread_join(producer, NULL);
    for (int i = 0; i < 2; i++) { /* the rest, then the STATUS that counts all */
        wecg_poll(&device, 0);
        device.status_due = true;
    }
    if (arrived + told != SAMPLES)
        FAIL("%ld arrived and %ld dropped of %ld", arrived, told, SAMPLES);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        FAIL("usage: check frames.json malformed.json");
    printf("%d frames, ", frames(open_vectors(argv[1])));
    printf("%d malformed frames, ", malformed(open_vectors(argv[2])));
    threads();
    printf("%ld samples between two threads (%ld arrived, %ld dropped and told): all as they should be\n", SAMPLES,
           arrived, told);
    return 0;
}
