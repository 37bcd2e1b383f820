/* What the host's pins measure at the moment: the current line of the file that is played. */
#ifndef HAL_H
#define HAL_H

#include <stdint.h>

struct Hal {
    uint64_t now_us = 0;
    int32_t reading = 0;
    bool off = false;              /* an electrode */
    unsigned rate = 0;             /* samples a second, set by whoever samples */
    bool playing = false;          /* the sketch has lit its LED: a host has sent START */
    void (*take)(uint64_t, int16_t) = nullptr; /* wearecgSample */
    void (*interrupt)() = nullptr; /* attachInterrupt */
    void (*convert)() = nullptr;   /* a chip's conversion (chips.cpp) */
};
extern Hal hal;

#endif
