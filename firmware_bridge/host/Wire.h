/* A MAX86150 on the host's I2C (chips.cpp). */
#ifndef WIRE_H
#define WIRE_H

#include <stdint.h>

class TwoWire {
public:
    void begin();
    void setClock(uint32_t hz);
    void beginTransmission(uint8_t address);
    void write(uint8_t byte);
    uint8_t endTransmission(bool stop = true);
    uint8_t requestFrom(uint8_t address, uint8_t n);
    int read();
};

extern TwoWire Wire;

#endif
