/* AD8232 heart monitor board on an Arduino Uno or Nano (ATmega328P) or an ESP32.
 *
 *   AD8232    Uno, Nano   ESP32
 *   OUTPUT    A0          34
 *   LO+       10          25
 *   LO-       11          26
 *   3.3V      3.3V        3V3
 *   GND       GND         GND
 *
 * On the host: wearecg stream --port /dev/ttyACM0 --baud 115200
 *
 * Only ever connect a person to a board that runs on a battery, with the USB cable isolated or off the mains.
 * Not a medical device. */
#include <WearECG.h>
#include <WearECGSampler.h>

/* The electrodes of a 3-wire cable on both arms (RA, LA) give lead I; with the LA electrode on the left leg it is
 * "II", on the chest "ECG" (position unknown). */
#ifndef LEAD
#define LEAD "I"
#endif

#if defined(ARDUINO_ARCH_ESP32)
static const uint8_t SIGNAL_PIN = 34, LO_PLUS = 25, LO_MINUS = 26, LED = 2;
#else
static const uint8_t SIGNAL_PIN = A0, LO_PLUS = 10, LO_MINUS = 11, LED = LED_BUILTIN;
#endif

static const uint16_t RATE = 250;
static const float GAIN = 1100; /* of the usual boards: 100 in the AD8232, 11 in its filter */
static const float SUPPLY_MV = 3300;
static const int16_t ZERO = (int16_t)(SUPPLY_MV / 2 / WEARECG_READING_MV + 0.5f);
/* This near to a rail the output is saturated and says nothing. */
static const int16_t LOWEST = (int16_t)(20 / WEARECG_READING_MV);
static const int16_t HIGHEST = (int16_t)((SUPPLY_MV - 20) / WEARECG_READING_MV);

static const wecg_lead LEADS[] = {{LEAD, WECG_MILLIVOLT, WEARECG_READING_BITS, WEARECG_READING_MV / GAIN, GAIN}};
static const wecg_stream STREAMS[] = {{0, WECG_ECG, 1, RATE, 1, LEADS}};
static const wecg_board BOARD = {"AD8232", "0.1.0", "", STREAMS, 1};

static WearECGMemory<1, 10> memory; /* frames of 40 ms */
static wecg_ring rings[1];
static uint8_t sending[WECG_SENDING(80)];
static WearECG ecg;

static void take(uint64_t t_us, int16_t reading)
{
    int32_t count = reading - ZERO;
    bool off = digitalRead(LO_PLUS) == HIGH || digitalRead(LO_MINUS) == HIGH;
    bool measured = reading > LOWEST && reading < HIGHEST;
    wecg_sample(&rings[0], t_us, &count, off, measured);
}

void setup()
{
    Serial.begin(115200); /* the fastest that an Uno does without error */
    pinMode(LO_PLUS, INPUT);
    pinMode(LO_MINUS, INPUT);
    pinMode(LED, OUTPUT);
    memory.init(rings[0], 1);
    while (!ecg.begin(Serial, BOARD, rings, sending, sizeof sending)) {
        Serial.println("wearecg: BOARD, rings and sending do not fit together");
        delay(1000);
    }
    wearecgSample(SIGNAL_PIN, RATE, take);
}

void loop()
{
    ecg.poll();
    digitalWrite(LED, ecg.running() ? HIGH : LOW); /* lit: a host is listening */
}
