/* MAX86150 (ECG from two fingers, PPG under one of them) on an ESP32: two streams of 200 samples a second.
 *
 *   MAX86150  ESP32
 *   SDA       21
 *   SCL       22
 *   INT       4
 *   VIN, GND  3V3 or 5V as the board wants it, GND
 *
 * On the host: wearecg stream --port /dev/ttyUSB0
 *
 * Only ever connect a person to a board that runs on a battery. Not a medical device. */
#include <WearECG.h>

#include "max86150.h"

static const uint8_t INT_PIN = 4, LED = 2;
static const uint32_t PERIOD_US = 5000;

static const wecg_lead ECG[] = {{"I", WECG_MILLIVOLT, 18, MAX86150::ECG_LSB_MV, MAX86150::ECG_GAIN}};
static const wecg_lead PPG[] = {{"PPG", WECG_ARBITRARY, 19, 1, 0}};
static const wecg_stream STREAMS[] = {{0, WECG_ECG, 1, 200, 1, ECG}, {1, WECG_PPG, 1, 200, 1, PPG}};
static const wecg_board BOARD = {"MAX86150", "0.1.0", "", STREAMS, 2};

static WearECGMemory<1, 8, WECG_INT24, 16> ecgMemory;
static WearECGMemory<1, 8, WECG_INT24, 16> ppgMemory;
static wecg_ring rings[2];
static uint8_t sending[WECG_SENDING(128)];
static WearECG ecg;

static MAX86150 chip;
static bool chipAnswers;
static volatile bool ready;
static volatile uint32_t readyAt;

#if defined(ARDUINO_ARCH_ESP32)
static void IRAM_ATTR pairReady()
#else
static void pairReady()
#endif
{
    readyAt = micros();
    ready = true;
}

/* The interrupt stamps the newest pair; those before it are a period apart. The chip cannot tell that a finger is
 * off: lead-off is unknown. */
static void takeSamples()
{
    if (!ready)
        return;
    ready = false;
    uint64_t now = wearecgMicros();
    uint64_t newest = now - ((uint32_t)now - readyAt);
    uint8_t lost, n = chip.waiting(lost);
    for (uint8_t i = 0; i < 2 && lost; i++)
        wecg_missed(&rings[i], lost);
    while (n--) {
        MAX86150::Sample sample;
        bool measured = chip.read(sample);
        uint64_t t_us = newest - (uint64_t)n * PERIOD_US;
        wecg_sample(&rings[0], t_us, &sample.ecg, 0, measured);
        wecg_sample(&rings[1], t_us, &sample.ppg, 0, measured);
    }
}

void setup()
{
    Serial.begin(921600);
    pinMode(LED, OUTPUT);
    ecgMemory.init(rings[0], 0);
    ppgMemory.init(rings[1], 0);
    while (!ecg.begin(Serial, BOARD, rings, sending, sizeof sending))
        delay(1000); /* BOARD, rings and sending do not fit together */
    pinMode(INT_PIN, INPUT_PULLUP);
    attachInterrupt(digitalPinToInterrupt(INT_PIN), pairReady, FALLING);
    chipAnswers = chip.begin();
}

void loop()
{
    takeSamples();
    ecg.poll();
    digitalWrite(LED, ecg.running() ? HIGH : LOW); /* lit: a host is listening */
    static uint32_t saidAt;
    if (!chipAnswers && millis() - saidAt > 5000) {
        wecg_event(&ecg.device, wearecgMicros(), WECG_LOG, "no MAX86150 answers: check power and I2C wires");
        saidAt = millis();
    }
}
