#include "WearECGSampler.h"

#include "WearECG.h"

#if defined(__AVR_ATmega328P__)

static void (*taker)(uint64_t, int16_t);
static uint64_t startedAt;

ISR(TIMER1_COMPA_vect)
{
    ADCSRA |= _BV(ADSC);
    startedAt = wearecgMicros();
}

ISR(ADC_vect) /* 0.1 ms later */
{
    taker(startedAt, (int16_t)ADC);
}

void wearecgSample(uint8_t pin, uint16_t rate, void (*take)(uint64_t, int16_t))
{
    taker = take;
    cli();
    ADMUX = (uint8_t)(_BV(REFS0) | ((pin - A0) & 7)); /* against AVcc */
    ADCSRA = _BV(ADEN) | _BV(ADIE) | _BV(ADPS2) | _BV(ADPS1) | _BV(ADPS0);
    TCCR1A = 0;
    TCCR1B = _BV(WGM12) | _BV(CS11);           /* counts clock / 8 up to OCR1A */
    OCR1A = (uint16_t)(F_CPU / 8 / rate - 1); /* from 31 Hz */
    TCNT1 = 0;
    TIMSK1 = _BV(OCIE1A);
    sei();
}

#elif defined(ARDUINO_ARCH_ESP32)

#include <esp_timer.h>

static void (*taker)(uint64_t, int16_t);
static uint8_t pin_;

static void tick(void *)
{
    uint64_t now = wearecgMicros();
    taker(now, (int16_t)analogReadMilliVolts(pin_));
}

void wearecgSample(uint8_t pin, uint16_t rate, void (*take)(uint64_t, int16_t))
{
    esp_timer_create_args_t what = {};
    esp_timer_handle_t timer;
    taker = take;
    pin_ = pin;
    what.callback = tick;
    what.name = "wearecg";
    analogReadMilliVolts(pin); /* sets the pin up here, not in the first tick */
    esp_timer_create(&what, &timer);
    esp_timer_start_periodic(timer, 1000000u / rate);
}

#elif !defined(WEARECG_HOST)
#error "WearECGSampler knows ATmega328P and ESP32; on another chip call wecg_sample from a timer of yours"
#endif
