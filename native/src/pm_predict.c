#include "pm_predict.h"
#include "pm_lanes.h"
#include <math.h>
#include <string.h>

/* Keeps the prediction stable where rounding would make a pure tone grow. */
#define REFLECTION_MAX 0.99999F
/* How much louder than what it was learned from a continuation may be. Sound stays far below; cutting nearer would disturb it. */
#define LIMIT 2.0F
void pm_predict_raise(float *weights, unsigned m, float k) {
    for (unsigned i = 0; 2 * i + 2 < m + 1; i++) {
        float first = weights[i], last = weights[m - 2 - i];
        weights[i] = first - k * last;
        weights[m - 2 - i] = last - k * first;
    }
    weights[m - 1] = k;
}

enum { STEP = 2 * PM_LANES };

/* The errors of both directions before an order: forward[i] at sample i + m of predicting it from before, backward[i] at sample i
 * from behind; and what the next reflection coefficient is made of. Behind `count` there are zeros, so that whole steps do. */
struct errors {
    float forward[PM_PREDICT_WINDOW + STEP], backward[PM_PREDICT_WINDOW + STEP];
    size_t count;
    float cross;   /* sum of their products */
    double energy; /* of both together */
};

/* Of an order that leaves less than this of the energy, what is left is summed up anew: the difference of two sums that are nearly
 * the same has no digits. Few orders do. */
static const double LEFT_LEAST = 0.1;

static double energy_of(const float *x, size_t n) {
    return (double)pm_dot(x, x, (unsigned)n);
}

static void begin(struct errors *e, const float *x, unsigned n) {
    e->count = n - 1;
    memset(e->forward + e->count, 0, (STEP + 1) * sizeof *x);
    memset(e->backward + e->count, 0, (STEP + 1) * sizeof *x);
    memcpy(e->forward, x + 1, e->count * sizeof *x);
    memcpy(e->backward, x, e->count * sizeof *x);
    e->cross = pm_dot(e->forward, e->backward, n - 1);
    e->energy = energy_of(e->forward, e->count) + energy_of(e->backward, e->count);
}

static float reflection(const struct errors *e) {
    float k = e->energy > 0.0 ? (float)(2.0 * (double)e->cross / e->energy) : 0.0F;
    return k > REFLECTION_MAX ? REFLECTION_MAX : k < -REFLECTION_MAX ? -REFLECTION_MAX : k;
}

/* The errors after an order, and the sum for the next one in the same pass. Each direction loses a sample at one end. */
static void reduce(struct errors *e, float k) {
    float *f = e->forward, *b = e->backward;
    float first = f[0] - k * b[0], last = b[e->count - 1] - k * f[e->count - 1];
    double left = 1.0 - (double)k * (double)k;
    e->energy = left * e->energy - (double)first * (double)first - (double)last * (double)last;
    e->count--;
    pm_lanes sums[2] = {{0}};
    for (size_t i = 0; i < e->count; i += STEP) {
        for (unsigned part = 0; part < 2; part++) {
            float *fi = f + i + part * PM_LANES, *bi = b + i + part * PM_LANES;
            pm_lanes ahead = pm_lanes_load(fi + 1) - k * pm_lanes_load(bi + 1);
            pm_lanes behind = pm_lanes_load(bi) - k * pm_lanes_load(fi);
            pm_lanes_store(fi, ahead);
            pm_lanes_store(bi, behind);
            sums[part] += ahead * behind;
        }
    }
    e->cross = pm_lanes_sum(sums[0] + sums[1]);
    f[e->count] = b[e->count] = 0.0F;
    if (left < LEFT_LEAST) {
        e->energy = energy_of(f, e->count) + energy_of(b, e->count);
    }
}

/* As pm_predict_raise, with the same weights in both orders: no step has to turn them round. `backwards` grows to the front. */
static void raise_both(float *restrict weights, float *restrict backwards, unsigned m, float k) {
    float *behind = backwards + PM_PREDICT_ORDER - (m - 1);
    for (unsigned i = 0; i + 1 < m; i++) {
        float first = weights[i], last = behind[i];
        weights[i] = first - k * last;
        behind[i] = last - k * first;
    }
    weights[m - 1] = behind[-1] = k;
}

void pm_predict_learn(struct pm_predictor *p, const float *x, unsigned n, unsigned order, float *missed, unsigned count) {
    struct errors errors;
    p->limit = 0.0F;
    for (unsigned i = 0; i < n; i++) {
        float size = fabsf(x[i]);
        p->limit = size > p->limit ? size : p->limit;
    }
    p->limit *= LIMIT;
    float power = n > 0 ? pm_dot(x, x, n) / (float)n : 0.0F;
    p->order = n / 2 < order ? n / 2 : order;
    if (p->order > 0) {
        begin(&errors, x, n);
    }
    for (unsigned m = 1; m <= p->order; m++) {
        float k = reflection(&errors);
        reduce(&errors, k);
        raise_both(p->weights, p->backwards, m, k);
        power *= 1.0F - k * k;
    }
    p->residual = sqrtf(power);
    if (count > 0) {
        memcpy(missed, errors.forward + errors.count - count, count * sizeof *missed);
    }
}

float pm_predict_next(const struct pm_predictor *p, const float *at) {
    float next = pm_dot(p->backwards + PM_PREDICT_ORDER - p->order, at - p->order, p->order);
    return next > p->limit ? p->limit : next < -p->limit ? -p->limit : next;
}
