/* Maxim MAX86150 over I2C: ECG (18 bit) and infrared PPG (19 bit), 200 pairs a second. */
#ifndef MAX86150_H
#define MAX86150_H

#include <Arduino.h>
#include <Wire.h>

class MAX86150 {
public:
    /* Gain 9.5 * 8, which the chip is trimmed for; 12.247 uV is the typical step of its ADC. */
    static constexpr float ECG_GAIN = 76, ECG_LSB_MV = 0.012247f / 76;

    struct Sample {
        int32_t ppg, ecg;
    };

    /* False: no MAX86150 answers. Its INT pin goes low when a pair is there. */
    bool begin()
    {
        Wire.begin();
        Wire.setClock(400000);
        if (get(0xFF) != 0x1E) /* part id */
            return false;
        static const uint8_t SETTINGS[][2] = {
            {0x0D, 0x01}, /* reset */
            {0x02, 0x40}, /* interrupt: PPG sample ready */
            {0x08, 0x10}, /* FIFO: rolls over, the newest stay */
            {0x09, 0x91}, /* FIFO holds LED 1 (infrared), then ECG */
            {0x0A, 0x00},
            {0x0E, 0xD7}, /* PPG: 32768 nA, 200 samples/s, pulses of 400 us */
            {0x0F, 0x00}, /* no averaging */
            {0x11, 0x66}, /* infrared LED: 20 mA */
            {0x14, 0x00}, /* range 50 mA */
            {0x3C, 0x03}, /* ECG: 200 samples/s */
            {0x3E, 0x0D}, /* gain 8 * 9.5 */
            {0x0D, 0x04}, /* FIFO on */
        };
        for (const auto &setting : SETTINGS) {
            if (!set(setting[0], setting[1]))
                return false;
            delay(1);
        }
        return true;
    }

    /* How many pairs wait, 0 to 32; releases the INT pin. `lost`: pairs that were overwritten since. */
    uint8_t waiting(uint8_t &lost)
    {
        get(0x00);
        uint8_t written = get(0x04), read = get(0x06);
        lost = get(0x05);
        return lost ? 32 : (uint8_t)((written - read) & 0x1F);
    }

    /* The oldest pair. False: the chip does not answer. */
    bool read(Sample &sample)
    {
        uint8_t raw[6];
        if (!request(0x07, sizeof raw))
            return false;
        for (uint8_t &byte : raw)
            byte = (uint8_t)Wire.read();
        sample.ppg = (int32_t)(bits(raw) & 0x7FFFF);
        sample.ecg = (int32_t)((bits(raw + 3) & 0x3FFFF) ^ 0x20000) - 0x20000; /* signed */
        return true;
    }

private:
    static const uint8_t ADDRESS = 0x5E;

    static uint32_t bits(const uint8_t *at) { return (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2]; }

    static bool request(uint8_t address, uint8_t n)
    {
        Wire.beginTransmission(ADDRESS);
        Wire.write(address);
        return Wire.endTransmission(false) == 0 && Wire.requestFrom(ADDRESS, n) == n;
    }

    static uint8_t get(uint8_t address) { return request(address, 1) ? (uint8_t)Wire.read() : 0; }

    static bool set(uint8_t address, uint8_t value)
    {
        Wire.beginTransmission(ADDRESS);
        Wire.write(address);
        Wire.write(value);
        return Wire.endTransmission() == 0;
    }
};

#endif
