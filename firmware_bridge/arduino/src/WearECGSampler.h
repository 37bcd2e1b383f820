/* Samples one analogue pin at an even pace, whatever loop() is busy with.
 *
 * AVR (ATmega328P: Uno, Nano): Timer1's interrupt starts the conversions; Timer1 and the ADC are taken (no Servo,
 * no PWM on pins 9 and 10, no analogRead). ESP32: a timer task. */
#ifndef WEARECG_SAMPLER_H
#define WEARECG_SAMPLER_H

#include <Arduino.h>

/* Millivolts at the pin for one step of a reading, and bits of a reading. */
#if defined(ARDUINO_ARCH_ESP32)
#define WEARECG_READING_MV 1.0f /* calibrated by the core */
#define WEARECG_READING_BITS 12
#else
#define WEARECG_READING_MV (5000.0f / 1024) /* AVcc = 5 V */
#define WEARECG_READING_BITS 10
#endif

/* From now on call `take` `rate` times a second with a reading of `pin` (A0 to A7) and its time. On AVR it runs
 * in an interrupt: keep it short. */
void wearecgSample(uint8_t pin, uint16_t rate, void (*take)(uint64_t t_us, int16_t reading));

#endif
