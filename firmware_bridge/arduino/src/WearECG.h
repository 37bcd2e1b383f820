/* A wearecg device on an Arduino: the C library (wecg_device.h says how it works) on a port.
 *
 *     static const wecg_lead LEADS[] = {{"I", WECG_MILLIVOLT, 10, LSB, GAIN}};
 *     static const wecg_stream STREAMS[] = {{0, WECG_ECG, 1, 250, 1, LEADS}};
 *     static const wecg_board BOARD = {"my board", "1.0", "", STREAMS, 1};
 *     static WearECGMemory<1, 10> memory;      // one lead, 10 samples a frame
 *     static wecg_ring rings[1];
 *     static uint8_t sending[WECG_SENDING(96)];
 *     static WearECG ecg;
 *
 * setup(): memory.init(rings[0], 1); ecg.begin(Serial, BOARD, rings, sending, sizeof sending);
 * where a sample is taken: wecg_sample(&rings[0], wearecgMicros(), &count, leadOff, measured);
 * loop(): ecg.poll(); */
#ifndef WEARECG_H
#define WEARECG_H

#include <Arduino.h>

#include "wecg_device.h"

/* Microseconds since power-up that never wrap, for samples and poll alike; also from an interrupt. */
uint64_t wearecgMicros();

/* Memory for one stream: what its ring holds. `Depth` frames are kept while the link is busy. */
template <uint8_t Leads, uint8_t Samples, uint8_t Packing = WECG_INT16, uint8_t Depth = 8>
struct WearECGMemory {
    wecg_slot slots[Depth];
    uint8_t counts[WECG_RING_COUNTS(Depth, Samples, Leads, Packing)];

    /* `leadOffKnown`: bit k, the board can tell whether lead k is off. */
    void init(wecg_ring &ring, uint32_t leadOffKnown)
    {
        wecg_ring_init(&ring, slots, counts, Depth, Samples, Leads, Packing, leadOffKnown);
    }
};

class WearECG {
public:
    wecg_device device;

    /* On a serial port that is open already. False: see wecg_init. */
    bool begin(Stream &port, const wecg_board &board, wecg_ring *rings, uint8_t *sending, size_t size);

    /* On another link (WearECGBle.h); hand what arrives to wecg_receive_packet. */
    bool begin(wecg_link link, const wecg_board &board, wecg_ring *rings, uint8_t *sending, size_t size);

    /* Take what has come in, send what is due. From loop(), as often as possible; never waits. */
    void poll();

    bool running() const { return device.running != 0; }

private:
    Stream *port_ = nullptr;
};

#endif
