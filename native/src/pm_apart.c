#include "pm_inbox.h"
#include <string.h>

void pm_apart_keep(struct pm_apart *a, uint8_t slot, const struct pm_datagram *d) {
    if (a->count == PM_APART_MAX || d->octets > PM_DATAGRAM_OCTETS) {
        return;
    }
    unsigned at = (a->first + a->count++) % PM_APART_MAX;
    a->ring[at].slot = slot;
    a->ring[at].from = d->from;
    a->ring[at].octets = d->octets;
    memcpy(a->ring[at].data, d->data, d->octets);
}

int pm_apart_take(struct pm_apart *a, unsigned *slot, struct pm_address *from, uint8_t *data, size_t capacity) {
    if (capacity < PM_DATAGRAM_OCTETS) {
        return PM_EARG;
    }
    if (a->count == 0) {
        return 0;
    }
    unsigned at = a->first;
    *slot = a->ring[at].slot;
    *from = a->ring[at].from;
    memcpy(data, a->ring[at].data, a->ring[at].octets);
    a->first = (at + 1) % PM_APART_MAX;
    a->count--;
    return (int)a->ring[at].octets;
}
