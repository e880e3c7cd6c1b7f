#include "pm_socket.h"
#include "pm_stream.h"
#include <string.h>

void pm_latch_open(struct pm_latch *l, const struct pm_address *signalled, int64_t window_end_ns) {
    memset(l, 0, sizeof *l);
    l->signalled = *signalled;
    l->remote = *signalled;
    l->window_end_ns = window_end_ns;
}

static void move(struct pm_latch *l, const struct pm_address *to, bool moved) {
    l->remote = *to;
    l->moved = moved;
    l->has_candidate = false;
}

bool pm_latch_admits(struct pm_latch *l, const struct pm_address *from, uint16_t sequence, int64_t now_ns, bool *moved) {
    *moved = false;
    bool open = now_ns < l->window_end_ns && !l->confirmed;
    if (open && pm_address_equal(from, &l->signalled)) {
        /* The address that was agreed on wins over any other, and closes the window. */
        *moved = l->moved;
        l->confirmed = true;
        move(l, from, false);
        return true;
    }
    if (pm_address_equal(from, &l->remote)) {
        return true;
    }
    if (!open || l->moved) {
        return false;
    }
    if (l->has_candidate && pm_address_equal(from, &l->candidate) && sequence == (uint16_t)(l->candidate_sequence + 1)) {
        move(l, from, true);
        *moved = true;
        return true;
    }
    l->has_candidate = true;
    l->candidate = *from;
    l->candidate_sequence = sequence;
    return false;
}
