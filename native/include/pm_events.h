/* What happened and waits to be told: a bounded ring of one owner. */
#ifndef PM_EVENTS_H
#define PM_EVENTS_H

#include "pm_types.h"

/* A period reads at most PM_INBOX_MAX x PM_DRAIN_ROUNDS packets a stream, and nearly all of them mean nothing. Should a flood of
 * made-up digits fill the ring, the newest events are dropped: the oldest are the ones that a caller may already have acted upon.
 */
#define PM_EVENTS_MAX 256

struct pm_events {
    struct pm_event ring[PM_EVENTS_MAX];
    unsigned first;
    unsigned count;
};

static inline void pm_events_push(struct pm_events *events, struct pm_event event) {
    if (events->count < PM_EVENTS_MAX) {
        events->ring[(events->first + events->count++) % PM_EVENTS_MAX] = event;
    }
}

static inline bool pm_events_pop(struct pm_events *events, struct pm_event *event) {
    if (events->count == 0) {
        return false;
    }
    *event = events->ring[events->first];
    events->first = (events->first + 1) % PM_EVENTS_MAX;
    events->count--;
    return true;
}

#endif
