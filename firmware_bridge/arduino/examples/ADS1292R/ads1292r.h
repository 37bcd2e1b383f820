/* TI ADS1292R over SPI: channel 1 respiration, channel 2 ECG, 24 bit (datasheet SBAS502). */
#ifndef ADS1292R_H
#define ADS1292R_H

#include <Arduino.h>
#include <SPI.h>

class ADS1292R {
public:
    static constexpr float REFERENCE_MV = 2420, ECG_GAIN = 6, RESP_GAIN = 4;

    struct Sample {
        int32_t resp, ecg;
        bool ecgOff; /* an electrode of the ECG channel */
    };

    /* At 250 samples a second. False: no ADS1292R answers. */
    bool begin(uint8_t cs, uint8_t start, uint8_t reset)
    {
        cs_ = cs;
        pinMode(cs, OUTPUT);
        digitalWrite(cs, HIGH);
        pinMode(start, OUTPUT);
        digitalWrite(start, LOW);
        pinMode(reset, OUTPUT);
        digitalWrite(reset, HIGH);
        SPI.begin();
        delay(1000); /* power-on reset and reference */
        digitalWrite(reset, LOW);
        delayMicroseconds(50);
        digitalWrite(reset, HIGH);
        delay(1);
        command(0x11); /* SDATAC: registers can be reached */
        if (get(0x00) != 0x73)
            return false;
        static const uint8_t SETTINGS[][2] = {
            {0x01, 0x01}, /* CONFIG1: 250 samples/s */
            {0x02, 0xE0}, /* CONFIG2: lead-off comparators and 2.42 V reference on */
            {0x03, 0x10}, /* LOFF: DC, 6 nA, 95 % */
            {0x04, 0x40}, /* CH1SET: gain 4 */
            {0x05, 0x00}, /* CH2SET: gain 6 */
            {0x06, 0x2C}, /* RLD_SENS: right-leg drive from channel 2 */
            {0x07, 0x0C}, /* LOFF_SENS: both electrodes of channel 2 */
            {0x09, 0xF2}, /* RESP1: modulation and demodulation on, phase 135 degrees */
            {0x0A, 0x03}, /* RESP2: internal reference of the right-leg drive */
        };
        for (const auto &setting : SETTINGS) {
            set(setting[0], setting[1]);
            if (get(setting[0]) != setting[1])
                return false;
        }
        command(0x10); /* RDATAC: every conversion is read as it comes */
        digitalWrite(start, HIGH);
        return true;
    }

    /* After data-ready. False: what came is no answer of the chip. */
    bool read(Sample &sample)
    {
        uint8_t raw[9];
        select();
        for (uint8_t &byte : raw)
            byte = SPI.transfer(0);
        deselect();
        uint8_t off = (uint8_t)((raw[0] << 1 | raw[1] >> 7) & 0x1F); /* RLD, IN2N, IN2P, IN1N, IN1P */
        sample.resp = signed24(raw + 3);
        sample.ecg = signed24(raw + 6);
        sample.ecgOff = (off & 0x0C) != 0;
        return (raw[0] & 0xF0) == 0xC0;
    }

private:
    uint8_t cs_ = 0;

    static int32_t signed24(const uint8_t *at) /* high byte first */
    {
        uint32_t value = (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
        return (int32_t)(value ^ 0x800000) - 0x800000;
    }

    void select()
    {
        SPI.beginTransaction(SPISettings(1000000, MSBFIRST, SPI_MODE1));
        digitalWrite(cs_, LOW);
    }

    void deselect()
    {
        delayMicroseconds(10); /* four of the chip's clocks */
        digitalWrite(cs_, HIGH);
        SPI.endTransaction();
        delayMicroseconds(10);
    }

    void command(uint8_t code)
    {
        select();
        SPI.transfer(code);
        deselect();
    }

    uint8_t get(uint8_t address)
    {
        select();
        SPI.transfer((uint8_t)(0x20 | address));
        delayMicroseconds(10);
        SPI.transfer(0); /* one register */
        delayMicroseconds(10);
        uint8_t value = SPI.transfer(0);
        deselect();
        return value;
    }

    void set(uint8_t address, uint8_t value)
    {
        select();
        SPI.transfer((uint8_t)(0x40 | address));
        delayMicroseconds(10);
        SPI.transfer(0);
        delayMicroseconds(10);
        SPI.transfer(value);
        deselect();
    }
};

#endif
