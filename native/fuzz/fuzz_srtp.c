/* Invariants 1 and 12 of SECURITY.md: datagrams of any kind against a stream's keys, forged ones and sealed ones with octets
 * changed; rekeying in between. What is not authentic never comes through. */
#include "fuzz_script.h"
#include "pm_srtp.h"
#include <stdlib.h>
#include <string.h>

enum { SSRC = 9, ROOM = 1500 };

static struct pm_srtp near, far;

static struct pm_srtp_keys keys(uint8_t suite, uint8_t fill) {
    struct pm_srtp_keys k = {.suite = suite, .octets = (uint8_t)pm_srtp_key_octets(suite)};
    memset(k.key, fill, k.octets);
    return k;
}

static void rekey(uint8_t suite, uint8_t fill, bool begin) {
    struct pm_srtp a, b;
    struct pm_srtp_keys one = keys(suite, fill), other = keys(suite, (uint8_t)(fill + 1));
    if (pm_srtp_init(&a, &one, &other, SSRC) != PM_OK || pm_srtp_init(&b, &other, &one, SSRC + 1) != PM_OK) {
        __builtin_trap();
    }
    if (!begin) {
        pm_srtp_inherit(&a, &near);
        pm_srtp_inherit(&b, &far);
        pm_srtp_close(&near);
        pm_srtp_close(&far);
    }
    near = a;
    far = b;
}

/* A forged packet passes with a chance of 2^-32 at best: never, here. */
static void forged(const uint8_t *data, size_t octets, bool rtcp) {
    uint8_t *copy = malloc(octets + 1); /* of its own, so that the sanitizer sees a read beyond the end */
    size_t left = octets;
    if (copy == NULL) {
        return;
    }
    memcpy(copy, data, octets);
    (void)pm_packet_kind(copy, octets);
    if (pm_srtp_ops()->unprotect(&far, copy, &left, rtcp) == PM_OK) {
        __builtin_trap();
    }
    free(copy);
}

static void sealed(struct script *s, uint16_t sequence, bool rtcp) {
    _Alignas(8) uint8_t packet[ROOM] = {0x80, rtcp ? 201 : 8};
    size_t octets = 12 + take(s, 1), at = take(s, 1);
    uint8_t change = (uint8_t)take(s, 1);
    packet[2] = rtcp ? 0 : (uint8_t)(sequence >> 8);
    packet[3] = rtcp ? (uint8_t)(octets / 4 - 1) : (uint8_t)sequence;
    packet[rtcp ? 7 : 11] = SSRC;
    octets = rtcp ? octets / 4 * 4 : octets;
    if (pm_srtp_ops()->protect(&near, packet, &octets, sizeof packet, rtcp) != PM_OK) {
        return; /* the sequence was used before */
    }
    at = at < octets ? at : octets - 1;
    packet[at] ^= change;
    bool passed = pm_srtp_ops()->unprotect(&far, packet, &octets, rtcp) == PM_OK;
    if (passed && change != 0) {
        __builtin_trap();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t octets) {
    struct script s = {data, octets};
    uint16_t sequence = 0;
    if (pm_srtp_library() != PM_OK) {
        __builtin_trap();
    }
    rekey((uint8_t)(take(&s, 1) % 6 + 1), 1, true);
    while (s.left > 0) {
        uint32_t verb = take(&s, 1);
        if (verb % 4 == 0) {
            size_t length = take(&s, 1);
            length = length > s.left ? s.left : length;
            forged(s.data, length, verb & 4);
            s.data += length;
            s.left -= length;
        } else if (verb % 4 == 3 && verb > 200) {
            rekey((uint8_t)(take(&s, 1) % 6 + 1), (uint8_t)verb, false);
        } else {
            sequence = (uint16_t)(sequence + (verb >> 3));
            sealed(&s, sequence, verb % 4 == 2);
        }
    }
    pm_srtp_close(&near);
    pm_srtp_close(&far);
    return 0;
}
