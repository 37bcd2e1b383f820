/* An ADS1292R on the host's SPI (chips.cpp). */
#ifndef SPI_H
#define SPI_H

#include <stdint.h>

enum { MSBFIRST = 1, SPI_MODE1 = 1 };

struct SPISettings {
    SPISettings(uint32_t, int, int) {}
};

class SPIClass {
public:
    void begin();
    void beginTransaction(SPISettings);
    void endTransaction();
    uint8_t transfer(uint8_t byte);
};

extern SPIClass SPI;

#endif
