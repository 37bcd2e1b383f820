/* ADS1292R (ProtoCentral breakout and others) on an ESP32: lead I and respiration, 250 samples a second.
 *
 *   ADS1292R  ESP32        ADS1292R  ESP32
 *   SCLK      18           DRDY      4
 *   MISO      19           START     16
 *   MOSI      23           RESET     17
 *   CS        5            VDD, GND  3V3 or 5V as the board wants it, GND
 *
 * Over USB: wearecg stream --port /dev/ttyUSB0. Over Bluetooth LE: set BLE to 1.
 *
 * Only ever connect a person to a board that runs on a battery. Not a medical device. */
#ifndef BLE
#define BLE 0
#endif

#include <WearECG.h>
#if BLE
#include <WearECGBle.h>
#endif

#include "ads1292r.h"

static const uint8_t CS = 5, DRDY = 4, START = 16, RESET = 17, LED = 2;
static const uint8_t SETTLING = 4; /* conversions that are not settled yet */

static const float LSB = ADS1292R::REFERENCE_MV / 8388608.0f;
static const wecg_lead ECG[] = {{"I", WECG_MILLIVOLT, 24, LSB / ADS1292R::ECG_GAIN, ADS1292R::ECG_GAIN}};
static const wecg_lead RESP[] = {{"RESP", WECG_ARBITRARY, 24, LSB / ADS1292R::RESP_GAIN, ADS1292R::RESP_GAIN}};
static const wecg_stream STREAMS[] = {{0, WECG_ECG, 1, 250, 1, ECG}, {1, WECG_RESP, 1, 250, 1, RESP}};
static const wecg_board BOARD = {"ADS1292R", "0.1.0", "", STREAMS, 2};

/* Frames of 40 ms; over Bluetooth, which sends only now and then, of 100 ms. */
static const uint8_t FRAME = BLE ? 25 : 10;
static WearECGMemory<1, FRAME, WECG_DELTA, 8> ecgMemory;
static WearECGMemory<1, FRAME, WECG_DELTA, 8> respMemory;
static wecg_ring rings[2];
static uint8_t sending[WECG_SENDING(128)];
static WearECG ecg;
#if BLE
static WearECGBle ble;
#endif

static ADS1292R chip;
static bool chipAnswers;
static volatile uint8_t conversions; /* counted by the data-ready interrupt */
static volatile uint32_t convertedAt;

#if defined(ARDUINO_ARCH_ESP32)
static void IRAM_ATTR dataReady()
#else
static void dataReady()
#endif
{
    convertedAt = micros();
    conversions = (uint8_t)(conversions + 1);
}

/* Reads the conversion that is ready. One that loop() came too late for is told as an overrun. */
static void takeSample()
{
    static uint8_t seen, settling = SETTLING;
    uint8_t fresh = (uint8_t)(conversions - seen);
    if (fresh == 0)
        return;
    seen = (uint8_t)(seen + fresh);
    uint64_t now = wearecgMicros();
    uint64_t t_us = now - ((uint32_t)now - convertedAt);
    ADS1292R::Sample sample;
    bool measured = chip.read(sample) && settling == 0;
    settling = settling ? (uint8_t)(settling - 1) : 0;
    for (uint8_t i = 0; i < 2; i++) {
        if (fresh > 1)
            wecg_missed(&rings[i], (uint32_t)(fresh - 1));
        wecg_sample(&rings[i], t_us, i ? &sample.resp : &sample.ecg, i ? 0 : sample.ecgOff, measured);
    }
}

void setup()
{
    pinMode(LED, OUTPUT);
    ecgMemory.init(rings[0], 1);
    respMemory.init(rings[1], 0);
#if BLE
    bool fits = ecg.begin(ble.begin("wearecg ADS1292R"), BOARD, rings, sending, sizeof sending);
#else
    Serial.begin(921600);
    bool fits = ecg.begin(Serial, BOARD, rings, sending, sizeof sending);
#endif
    while (!fits)
        delay(1000); /* BOARD, rings and sending do not fit together */
    pinMode(DRDY, INPUT);
    attachInterrupt(digitalPinToInterrupt(DRDY), dataReady, FALLING);
    chipAnswers = chip.begin(CS, START, RESET);
}

void loop()
{
#if BLE
    ble.poll(ecg);
#endif
    takeSample();
    ecg.poll();
    digitalWrite(LED, ecg.running() ? HIGH : LOW); /* lit: a host is listening */
    static uint32_t saidAt;
    if (!chipAnswers && millis() - saidAt > 5000) {
        wecg_event(&ecg.device, wearecgMicros(), WECG_LOG, "no ADS1292R answers: check power and SPI wires");
        saidAt = millis();
    }
}
