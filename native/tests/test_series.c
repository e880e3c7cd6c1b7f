/* Runs of losses, as the scatter of the other side's reports tells. */
#include "check.h"
#include "pm_series.h"
#include <math.h>

static uint32_t chance = 1;

static double fraction(void) {
    chance = chance * 1664525u + 1013904223u;
    return (chance >> 8) / 16777216.0;
}

/* So many reports of 250 packets from a chain of two states; `stays` is the chance that a loss follows a loss. */
static double told(unsigned reports, double share, double stays, uint32_t first) {
    struct pm_series s = {0};
    double falls = share * (1.0 - stays) / (1.0 - share);
    bool is_lost = false;
    int32_t lost = 0;
    uint32_t highest = first;
    pm_series_add(&s, highest, lost);
    for (unsigned report = 0; report < reports; report++) {
        for (unsigned i = 0; i < 250; i++) {
            is_lost = fraction() < (is_lost ? stays : falls);
            lost += is_lost;
        }
        highest += 250;
        pm_series_add(&s, highest, lost);
    }
    return pm_series_burst_ratio(&s);
}

static void losses_by_chance_have_the_ratio_one(void) {
    double ratio = told(2000, 0.05, 0.05, 0xffffff00u);
    CHECK(fabs(ratio - 1.0) < 0.1);
}

struct chain {
    double share, stays;
};

static void runs_have_the_ratio_of_their_chain(void) {
    const struct chain cases[] = {{0.05, 0.5}, {0.05, 2.0 / 3.0}, {0.1, 0.75}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double falls = cases[i].share * (1.0 - cases[i].stays) / (1.0 - cases[i].share);
        double wanted = 1.0 / (falls + 1.0 - cases[i].stays); /* G.107: 1 / (p + q) */
        double ratio = told(2000, cases[i].share, cases[i].stays, 7);
        CHECK(fabs(ratio - wanted) < 0.12 * wanted);
    }
}

static void a_few_reports_or_losses_tell_nothing(void) {
    CHECK(told(5, 0.2, 0.9, 0) == 1.0);
    CHECK(told(2000, 0.0, 0.0, 0) == 1.0);
    CHECK(told(2000, 1.0 - 1e-9, 1.0, 0) == 1.0);
}

static void reports_that_cannot_be_true_do_no_harm(void) {
    struct pm_series s = {0};
    const struct {
        uint32_t highest;
        int32_t lost;
    } told_ones[] = {{100, 5}, {350, -8000000},  {600, 8000000}, {600, 3},
                     {500, 2}, {4000000000u, 1}, {250, 0},       {INT32_MAX, INT32_MIN}};
    for (unsigned round = 0; round < 20; round++) {
        for (size_t i = 0; i < sizeof told_ones / sizeof *told_ones; i++) {
            pm_series_add(&s, told_ones[i].highest, told_ones[i].lost);
            double ratio = pm_series_burst_ratio(&s);
            CHECK(ratio >= 1.0 && ratio <= 8.0);
        }
    }
    CHECK(s.reports == 40); /* of each round the two that follow on the one before */
}

const struct test series_tests[] = {TEST(losses_by_chance_have_the_ratio_one),
                                    TEST(runs_have_the_ratio_of_their_chain),
                                    TEST(a_few_reports_or_losses_tell_nothing),
                                    TEST(reports_that_cannot_be_true_do_no_harm),
                                    {0}};
