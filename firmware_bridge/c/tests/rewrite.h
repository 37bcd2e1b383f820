/* Reading and writing are inverse: a message that was parsed, written again. */
#ifndef WECG_TESTS_REWRITE_H
#define WECG_TESTS_REWRITE_H

#include "wecg_message.h"

#define MOST_COUNTS (255u * 32u)

/* The body's length. What cannot be written again gives another length than it had, or 0: bytes that a later
 * version put into a descriptor or entry, texts with a NUL. Delta packing comes out in its canonical form. */
size_t rewrite(const wecg_message *message, uint8_t *body, size_t room);

#endif
