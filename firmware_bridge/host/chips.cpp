/* The chips of the ADS1292R and MAX86150 sketches, as far as their registers and data go. */
#include "SPI.h"
#include "Wire.h"
#include "hal.h"

SPIClass SPI;
TwoWire Wire;

/* ADS1292R: a transaction is a command, or, in continuous mode, the nine bytes of a conversion. The respiration
 * channel reads the negative of the ECG. */

static uint8_t registers[16], frame[9], command, position;
static bool continuous = true;

static void put24(uint8_t *at, int32_t value)
{
    for (int i = 0; i < 3; i++)
        at[i] = (uint8_t)((uint32_t)value >> (16 - 8 * i));
}

static void convert_ads1292r()
{
    frame[0] = (uint8_t)(0xC0 | (hal.off ? 0x02 : 0)); /* IN2P */
    frame[1] = frame[2] = 0;
    put24(frame + 3, -hal.reading);
    put24(frame + 6, hal.reading);
}

void SPIClass::begin()
{
    registers[0] = 0x73;
    hal.rate = 250;
    hal.convert = convert_ads1292r;
}

void SPIClass::beginTransaction(SPISettings) { position = 0; }

void SPIClass::endTransaction() {}

uint8_t SPIClass::transfer(uint8_t byte)
{
    uint8_t at = position++;
    if (at == 0)
        command = byte;
    if (at == 0 && (byte == 0x10 || byte == 0x11))
        continuous = byte == 0x10;
    else if (continuous)
        return at < sizeof frame ? frame[at] : 0;
    else if (at == 2 && (command & 0xE0) == 0x20)
        return registers[command & 0x0F];
    else if (at == 2 && (command & 0xE0) == 0x40)
        registers[command & 0x0F] = byte;
    return 0;
}

/* MAX86150: a FIFO of 32 pairs, PPG first. The PPG reads 100000 less the ECG. */

static uint8_t fifo[32][6], written, taken, at_byte, held, overwritten, pointer, sent;

static void convert_max86150()
{
    put24(fifo[written], (100000 - hal.reading) & 0x7FFFF);
    put24(fifo[written] + 3, hal.reading & 0x3FFFF);
    written = (uint8_t)((written + 1) % 32);
    if (held == 32) {
        taken = written;
        overwritten++;
    } else {
        held++;
    }
}

void TwoWire::begin()
{
    hal.rate = 200;
    hal.convert = convert_max86150;
}

void TwoWire::setClock(uint32_t) {}

void TwoWire::beginTransmission(uint8_t) { sent = 0; }

void TwoWire::write(uint8_t byte)
{
    if (sent++ == 0)
        pointer = byte;
}

uint8_t TwoWire::endTransmission(bool) { return 0; }

uint8_t TwoWire::requestFrom(uint8_t, uint8_t n) { return n; }

int TwoWire::read()
{
    if (pointer == 0xFF)
        return 0x1E;
    if (pointer == 0x04)
        return written;
    if (pointer == 0x05)
        return overwritten;
    if (pointer == 0x06)
        return taken;
    if (pointer != 0x07 || held == 0)
        return 0;
    uint8_t byte = fifo[taken][at_byte++];
    if (at_byte == 6) {
        at_byte = 0;
        overwritten = 0;
        held--;
        taken = (uint8_t)((taken + 1) % 32);
    }
    return byte;
}
