/* Runs an Uno program in simavr, instruction by instruction: PROGRAM.elf SECONDS READINGS IN OUT
 *
 * The bytes of IN arrive at its serial port from 0.2 s on, what it sends goes to OUT. Pin A0 has one of the lines
 * of READINGS (0 to 1023) at each conversion; pins 10 and 11 (LO+ and LO-) are high while the line is "!". */
#include <simavr/avr_adc.h>
#include <simavr/avr_ioport.h>
#include <simavr/avr_uart.h>
#include <simavr/sim_avr.h>
#include <simavr/sim_elf.h>
#include <stdio.h>
#include <stdlib.h>

#define HZ 16000000u

static FILE *readings, *from_host, *to_host;
static avr_t *avr;

static void sent(struct avr_irq_t *irq, uint32_t value, void *unused)
{
    (void)irq, (void)unused;
    fputc((int)value, to_host);
}

static void convert(struct avr_irq_t *irq, uint32_t value, void *unused)
{
    char line[32];
    (void)irq, (void)value, (void)unused;
    if (!fgets(line, sizeof line, readings))
        return;
    avr_raise_irq(avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ('B'), 2), line[0] == '!');
    if (line[0] != '!') /* in mV; half a step up, so that it is not rounded down */
        avr_raise_irq(avr_io_getirq(avr, AVR_IOCTL_ADC_GETIRQ, ADC_IRQ_ADC0),
                      (uint32_t)((strtol(line, NULL, 10) * 2 + 1) * 5000 / 2048));
}

int main(int argc, char **argv)
{
    elf_firmware_t program = {0};
    uint32_t flags = 0;
    if (argc != 6 || elf_read_firmware(argv[1], &program) != 0 || !(readings = fopen(argv[3], "r")) ||
        !(from_host = fopen(argv[4], "rb")) || !(to_host = fopen(argv[5], "wb")))
        return 2;
    avr = avr_make_mcu_by_name("atmega328p");
    avr_init(avr);
    avr->log = LOG_NONE;
    program.frequency = HZ;
    avr_load_firmware(avr, &program);
    avr->frequency = HZ;
    avr->vcc = avr->avcc = 5000;
    avr_ioctl(avr, AVR_IOCTL_UART_GET_FLAGS('0'), &flags);
    flags &= ~(uint32_t)(AVR_UART_FLAG_STDIO | AVR_UART_FLAG_POLL_SLEEP);
    avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT), sent, NULL);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_ADC_GETIRQ, ADC_IRQ_OUT_TRIGGER), convert, NULL);
    /* A byte at 115200 baud takes 87 us. */
    uint64_t end = (uint64_t)(strtod(argv[2], NULL) * HZ), next_byte = HZ / 5;
    while (avr->cycle < end) {
        int state = avr_run(avr);
        if (state == cpu_Done || state == cpu_Crashed)
            return 1;
        if (avr->cycle >= next_byte) {
            int byte = fgetc(from_host);
            next_byte = byte == EOF ? end : avr->cycle + HZ / 10000;
            if (byte != EOF)
                avr_raise_irq(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT), (uint32_t)byte);
        }
    }
    return fclose(to_host) == 0 ? 0 : 1;
}
