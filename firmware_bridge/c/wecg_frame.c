#include "wecg_frame.h"

#include <string.h>

/* What a CRC-32 is after the bytes that it belongs to and its own four. */
#define RESIDUE 0x2144DF1CuL

uint32_t wecg_crc32(uint32_t crc, const uint8_t *bytes, size_t n)
{
    crc = ~crc;
    while (n--) {
        crc ^= *bytes++;
        for (uint8_t bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (0xEDB88320uL & (0u - (crc & 1u)));
    }
    return ~crc;
}

size_t wecg_cobs_encode(uint8_t *wire, const uint8_t *body, size_t n)
{
    size_t group = 0, out = 1;
    bool open = true; /* the last group still wants its code */
    for (size_t i = 0; i < n; i++) {
        uint8_t byte = body[i];
        if (!open) {
            group = out++;
            open = true;
        }
        if (byte)
            wire[out++] = byte;
        if (!byte || out - group == 255) {
            wire[group] = (uint8_t)(out - group);
            open = false;
            if (!byte) {
                group = out++;
                open = true;
            }
        }
    }
    if (open)
        wire[group] = (uint8_t)(out - group);
    wire[out++] = 0;
    return out;
}

void wecg_decoder_init(wecg_decoder *decoder, uint8_t *body, uint16_t room)
{
    memset(decoder, 0, sizeof *decoder);
    decoder->body = body;
    decoder->room = room;
}

static void keep(wecg_decoder *decoder, uint8_t byte)
{
    if (decoder->length < decoder->room)
        decoder->body[decoder->length] = byte;
    decoder->length++;
    decoder->crc = wecg_crc32(decoder->crc, &byte, 1);
}

static bool at_delimiter(wecg_decoder *decoder)
{
    uint16_t wire = decoder->wire;
    decoder->wire = 0;
    if (wire == 0 || wire > WECG_MAX_WIRE) /* an empty frame; one that was counted when it grew too long */
        return false;
    if (decoder->left == 0 && decoder->length >= WECG_MIN_BODY && decoder->length <= WECG_MAX_BODY &&
        decoder->crc == RESIDUE)
        return true;
    decoder->bad++;
    return false;
}

bool wecg_decode(wecg_decoder *decoder, uint8_t byte)
{
    if (byte == 0)
        return at_delimiter(decoder);
    if (decoder->wire == 0) {
        decoder->length = 0;
        decoder->crc = 0;
        decoder->left = 0;
        decoder->code = 0xFF;
    }
    if (decoder->wire <= WECG_MAX_WIRE && ++decoder->wire > WECG_MAX_WIRE)
        decoder->bad++;
    if (decoder->wire > WECG_MAX_WIRE)
        return false;
    if (decoder->left) {
        decoder->left--;
        keep(decoder, byte);
    } else {
        if (decoder->code < 0xFF)
            keep(decoder, 0);
        decoder->code = byte;
        decoder->left = (uint8_t)(byte - 1);
    }
    return false;
}
