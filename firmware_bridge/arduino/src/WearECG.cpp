#include "WearECG.h"

#if defined(ARDUINO_ARCH_ESP32)
#include <esp_timer.h>

uint64_t wearecgMicros()
{
    return (uint64_t)esp_timer_get_time();
}

#else

/* micros() wraps every 71.6 minutes; samples come more often than that. */
uint64_t wearecgMicros()
{
    static uint32_t last, wraps;
#if defined(__AVR__)
    uint8_t interrupts_before = SREG;
    cli();
#endif
    uint32_t now = micros();
    wraps += now < last;
    last = now;
    uint64_t value = (uint64_t)wraps << 32 | now;
#if defined(__AVR__)
    SREG = interrupts_before;
#endif
    return value;
}

#endif

static size_t writeToPort(void *context, const uint8_t *bytes, size_t n)
{
    Stream *port = static_cast<Stream *>(context);
    size_t room = (size_t)max(port->availableForWrite(), 0);
    return port->write(bytes, min(n, room));
}

bool WearECG::begin(Stream &port, const wecg_board &board, wecg_ring *rings, uint8_t *sending, size_t size)
{
    port_ = &port;
    wecg_link link = {writeToPort, &port, false};
    return wecg_init(&device, &board, rings, sending, size, link);
}

bool WearECG::begin(wecg_link link, const wecg_board &board, wecg_ring *rings, uint8_t *sending, size_t size)
{
    port_ = nullptr;
    return wecg_init(&device, &board, rings, sending, size, link);
}

void WearECG::poll()
{
    while (port_ && port_->available() > 0) {
        uint8_t byte = (uint8_t)port_->read();
        wecg_receive(&device, &byte, 1);
    }
    wecg_poll(&device, wearecgMicros());
}
