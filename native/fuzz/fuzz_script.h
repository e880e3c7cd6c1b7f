/* The fuzzer's octets as a script: numbers are taken from the front, and zero when none is left. */
#ifndef FUZZ_SCRIPT_H
#define FUZZ_SCRIPT_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t octets);

struct script {
    const uint8_t *data;
    size_t left;
};

static inline uint32_t take(struct script *s, unsigned octets) {
    uint32_t v = 0;
    for (; octets > 0 && s->left > 0; octets--, s->left--) {
        v = v << 8 | *s->data++;
    }
    return v;
}

#endif
