/* What a sketch with one int16 stream of one lead keeps in RAM: 8 frames of 10 samples (280 ms at 250 Hz). */
#include "wecg_device.h"

wecg_device ram_device;
wecg_ring ram_ring;
wecg_slot ram_slots[8];
uint8_t ram_counts[WECG_RING_COUNTS(8, 10, 1, WECG_INT16)];
uint8_t ram_sending[WECG_SENDING(96)];
