/* Invariants 1, 3 and 11 of SECURITY.md: a handshake between two of us whose datagrams are lost, repeated, swapped, cut, changed or
 * invented. It may fail; it never ends twice, never holds more than its bound, and keys that both sides believe in are the same. */
#include "fuzz_script.h"
#include "pm_dtls.h"
#include <stdlib.h>
#include <string.h>

enum { KEPT_MAX = 8, VERBS_MAX = 64 };

struct side {
    struct pm_dtls dtls;
    int state; /* as it was last seen */
    uint8_t sent[KEPT_MAX][PM_DTLS_DATAGRAM_MAX];
    size_t octets[KEPT_MAX];
    unsigned kept, next;
};

static struct pm_dtls_identity mine, theirs;

static void require(bool holds) {
    if (!holds) {
        __builtin_trap();
    }
}

/* Done stays done, failed stays failed. */
static void moved(struct side *side, int state) {
    require(state >= PM_DTLS_RUNNING && state <= PM_DTLS_FAILED && state == side->dtls.state);
    require(side->state == PM_DTLS_RUNNING || state == side->state);
    require(pm_dtls_timeout_ms(&side->dtls) >= -1);
    side->state = state;
}

static void fetch(struct side *side) {
    uint8_t datagram[PM_DTLS_DATAGRAM_MAX];
    int octets;
    size_t all = 0;
    while ((octets = pm_dtls_take(&side->dtls, datagram, sizeof datagram)) > 0) {
        require(octets <= PM_DTLS_DATAGRAM_MAX && datagram[0] >= 20 && datagram[0] <= 63); /* RFC 7983 section 7 */
        all += (size_t)octets;
        require(all <= PM_DTLS_WAITING_MAX + 16384); /* and the flight that went over the bound */
        unsigned at = side->kept++ % KEPT_MAX;
        memcpy(side->sent[at], datagram, (size_t)octets);
        side->octets[at] = (size_t)octets;
    }
    require(octets == 0);
}

static void give(struct side *to, const uint8_t *data, size_t octets) {
    uint8_t *copy = malloc(octets + 1); /* of its own, so that the sanitizer sees a read beyond the end */
    if (copy == NULL) {
        return;
    }
    memcpy(copy, data, octets);
    moved(to, pm_dtls_step(&to->dtls, copy, octets));
    free(copy);
    fetch(to);
}

/* One datagram of `from` as it is, or with `changes` octets of it exclusive-ored, cut to `keep` when that is not zero. */
static void carry(struct script *s, const struct side *from, struct side *to, unsigned which, unsigned changes, size_t keep) {
    uint8_t datagram[PM_DTLS_DATAGRAM_MAX];
    if (from->kept == 0) {
        return;
    }
    unsigned held = from->kept < KEPT_MAX ? from->kept : KEPT_MAX, at = which % held;
    size_t octets = from->octets[at];
    memcpy(datagram, from->sent[at], octets);
    for (; changes > 0; changes--) {
        size_t place = take(s, 2) % octets;
        datagram[place] ^= (uint8_t)take(s, 1);
    }
    give(to, datagram, keep > 0 && keep < octets ? keep : octets);
}

static void in_order(struct side *from, struct side *to) {
    unsigned oldest = from->kept > KEPT_MAX ? from->kept - KEPT_MAX : 0;
    for (from->next = from->next < oldest ? oldest : from->next; from->next < from->kept; from->next++) {
        unsigned at = from->next % KEPT_MAX;
        give(to, from->sent[at], from->octets[at]);
    }
}

static void invented(struct script *s, struct side *to) {
    size_t octets = take(s, 2) % 1400;
    octets = octets > s->left ? s->left : octets;
    give(to, s->data, octets);
    s->data += octets;
    s->left -= octets;
}

static void act(struct script *s, struct side *from, struct side *to) {
    uint32_t verb = take(s, 1);
    switch (verb % 8) {
    case 0:
        invented(s, to);
        break;
    case 1:
        carry(s, from, to, verb >> 3, 0, 0);
        break;
    case 2:
        carry(s, from, to, verb >> 3, 1 + take(s, 1) % 8, 0);
        break;
    case 3:
        carry(s, from, to, verb >> 3, 0, take(s, 2));
        break;
    case 4:
        moved(to, pm_dtls_expire(&to->dtls));
        fetch(to);
        break;
    case 5:
        moved(to, pm_dtls_step(&to->dtls, NULL, 0));
        fetch(to);
        break;
    case 6:
        from->next = from->kept; /* lost */
        break;
    default:
        in_order(from, to);
    }
}

static void compare(const struct side *client, const struct side *server) {
    struct pm_srtp_keys up, down, up_there, down_there;
    uint8_t hash[PM_DTLS_HASH_MAX];
    int here = pm_dtls_keys(&client->dtls, &up, &down), there = pm_dtls_keys(&server->dtls, &down_there, &up_there);
    require(here == (client->state == PM_DTLS_DONE ? PM_OK : PM_ESTATE) &&
            there == (server->state == PM_DTLS_DONE ? PM_OK : PM_ESTATE));
    if (here == PM_OK && there == PM_OK) {
        require(up.suite == up_there.suite && memcmp(up.key, up_there.key, up.octets) == 0);
        require(memcmp(down.key, down_there.key, down.octets) == 0);
        require(pm_dtls_fingerprint(&client->dtls, PM_DTLS_SHA256, hash, sizeof hash) == 32 &&
                memcmp(hash, theirs.fingerprint, 32) == 0);
        require(pm_dtls_fingerprint(&server->dtls, PM_DTLS_SHA256, hash, sizeof hash) == 32 &&
                memcmp(hash, mine.fingerprint, 32) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t octets) {
    static struct side client, server;
    struct script s = {data, octets};
    if (mine.certificate == NULL) {
        require(pm_dtls_identity_make(&mine) == PM_OK && pm_dtls_identity_make(&theirs) == PM_OK);
    }
    memset(&client, 0, sizeof client);
    memset(&server, 0, sizeof server);
    require(pm_dtls_init(&client.dtls, &mine, true) == PM_OK && pm_dtls_init(&server.dtls, &theirs, false) == PM_OK);
    moved(&client, pm_dtls_step(&client.dtls, NULL, 0));
    fetch(&client);
    for (unsigned verbs = 0; s.left > 0 && verbs < VERBS_MAX; verbs++) {
        bool up = take(&s, 1) & 1;
        act(&s, up ? &client : &server, up ? &server : &client);
    }
    compare(&client, &server);
    pm_dtls_free(&client.dtls);
    pm_dtls_free(&server.dtls);
    return 0;
}
