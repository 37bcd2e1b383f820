/* Runs a sketch as a host program: PROGRAM [--speed X] [--link PATH] FILE
 *
 * FILE ("-": standard input) has one reading of the sensor a line, or "!" while an electrode is off. It is played
 * from the moment that a host has sent START (the sketch lights its LED), at the sketch's own sample rate; before
 * that the sensor measures nothing (mid-scale). When it ends the port is gone. */
#include "hal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "Arduino.h"

Hal hal;
Stream Serial;

static int port = -1, far_end = -1;
static const unsigned TX_BUFFER = 63; /* of an Uno */
static const int32_t AD8232_MIDDLE = 338;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* The core. */

void pinMode(uint8_t, uint8_t) {}

void digitalWrite(uint8_t pin, uint8_t level)
{
    if ((pin == LED_BUILTIN || pin == 2) && level == HIGH)
        hal.playing = true;
}

int digitalRead(uint8_t) { return hal.off ? HIGH : LOW; }

uint8_t digitalPinToInterrupt(uint8_t pin) { return pin; }

void attachInterrupt(uint8_t, void (*handler)(), int) { hal.interrupt = handler; }

unsigned long micros() { return (uint32_t)hal.now_us; }

unsigned long millis() { return (uint32_t)(hal.now_us / 1000); }

void delay(unsigned long ms) { hal.now_us += 1000 * ms; }

void delayMicroseconds(unsigned int) {}

void wearecgSample(uint8_t, uint16_t rate, void (*take)(uint64_t, int16_t))
{
    hal.rate = rate;
    hal.take = take;
    hal.reading = AD8232_MIDDLE;
}

/* Serial. */

void Stream::begin(unsigned long) {}

int Stream::available()
{
    pollfd one = {port, POLLIN, 0};
    return poll(&one, 1, 0) == 1 && (one.revents & POLLIN);
}

int Stream::read()
{
    uint8_t byte;
    return ::read(port, &byte, 1) == 1 ? byte : -1;
}

int Stream::availableForWrite()
{
    pollfd one = {port, POLLOUT, 0};
    return poll(&one, 1, 0) == 1 && (one.revents & POLLOUT) ? (int)TX_BUFFER : 0;
}

size_t Stream::write(const uint8_t *bytes, size_t n)
{
    ssize_t sent = n ? ::write(port, bytes, n) : 0;
    return sent > 0 ? (size_t)sent : 0;
}

void Stream::println(const char *text) { fprintf(stderr, "%s\n", text); }

static void open_port(const char *link)
{
    port = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (port < 0 || grantpt(port) != 0 || unlockpt(port) != 0)
        fail("pseudo-terminal");
    const char *path = ptsname(port);
    /* Stays open here, so that a host that closes it and comes again finds it as it was. */
    far_end = open(path, O_RDWR | O_NOCTTY);
    termios mode;
    if (far_end < 0 || tcgetattr(far_end, &mode) != 0)
        fail(path);
    cfmakeraw(&mode);
    tcsetattr(far_end, TCSANOW, &mode);
    if (link) {
        unlink(link);
        if (symlink(path, link) != 0)
            fail(link);
    }
    printf("%s\n", link ? link : path);
    fflush(stdout);
}

/* Time. */

static double wall()
{
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void wait_until(double due)
{
    double left = due - wall();
    if (left > 0) {
        timespec span = {(time_t)left, (long)(1e9 * (left - (double)(time_t)left))};
        nanosleep(&span, nullptr);
    }
}

/* The next line into hal.reading and hal.off; false at the end. */
static bool next_reading(FILE *file)
{
    char line[64];
    if (!fgets(line, sizeof line, file))
        return false;
    hal.off = line[0] == '!';
    if (!hal.off)
        hal.reading = (int32_t)strtol(line, nullptr, 10);
    return true;
}

/* A port that closes takes with it what the host has not read yet. */
static void linger()
{
    int unread = 1;
    for (double end = wall() + 5; unread && wall() < end; wait_until(wall() + 0.02))
        if (ioctl(far_end, FIONREAD, &unread) != 0)
            return;
}

static void sample()
{
    if (hal.convert)
        hal.convert();
    if (hal.take)
        hal.take(hal.now_us, (int16_t)hal.reading);
    if (hal.interrupt)
        hal.interrupt();
}

int main(int argc, char **argv)
{
    double speed = 1;
    const char *link = nullptr, *name = nullptr;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--speed") == 0 && i + 1 < argc)
            speed = strtod(argv[++i], nullptr);
        else if (strcmp(argv[i], "--link") == 0 && i + 1 < argc)
            link = argv[++i];
        else
            name = argv[i];
    }
    if (!name || !(speed > 0)) {
        fprintf(stderr, "usage: %s [--speed X] [--link PATH] FILE\n", argv[0]);
        return 2;
    }
    FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "r");
    if (!file)
        fail(name);
    open_port(link);
    setup();
    if (hal.rate == 0) {
        fprintf(stderr, "%s: the sketch samples nothing\n", argv[0]);
        return 1;
    }

    double began = wall();
    uint64_t booted_us = hal.now_us;
    unsigned long played = 0, after = 0;
    for (uint64_t tick = 1; after < hal.rate / 2; tick++) {
        hal.now_us = booted_us + tick * 1000000u / hal.rate;
        wait_until(began + 1e-6 * (double)(hal.now_us - booted_us) / speed);
        if (after == 0 && hal.playing) {
            if (next_reading(file))
                played++;
            else
                after = 1;
        }
        if (after)
            after++; /* half a second for what still waits */
        else
            sample();
        loop();
    }
    linger();
    fprintf(stderr, "played %lu readings\n", played);
    if (link)
        unlink(link);
    return 0;
}
