#include "pm_predict.h"
#include <math.h>
#include <string.h>

/* Keeps the prediction stable where rounding would make a pure tone grow. */
#define REFLECTION_MAX 0.99999F
/* How much louder than what it was learned from a continuation may be. Sound stays far below; cutting nearer would disturb it. */
#define LIMIT 2.0F
/* Partial sums: floats may not be reordered by the compiler, and one chain of additions would wait for each. */
#define LANES 8

static float sum_of(const float lanes[LANES]) {
    float sum = 0.0F;
    for (unsigned i = 0; i < LANES; i++) {
        sum += lanes[i];
    }
    return sum;
}

/* Twice the correlation of f and b over their energy: minus the reflection coefficient. */
static float reflection(const float *f, const float *b, unsigned n) {
    float cross[LANES] = {0}, energy[LANES] = {0};
    unsigned i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (unsigned k = 0; k < LANES; k++) {
            cross[k] += f[i + k] * b[i + k];
            energy[k] += f[i + k] * f[i + k] + b[i + k] * b[i + k];
        }
    }
    for (; i < n; i++) {
        cross[0] += f[i] * b[i];
        energy[0] += f[i] * f[i] + b[i] * b[i];
    }
    float total = sum_of(energy);
    float k = total > 0.0F ? 2.0F * sum_of(cross) / total : 0.0F;
    return k > REFLECTION_MAX ? REFLECTION_MAX : k < -REFLECTION_MAX ? -REFLECTION_MAX : k;
}

void pm_predict_raise(float *weights, unsigned m, float k) {
    float before[PM_PREDICT_ORDER];
    memcpy(before, weights, (m - 1) * sizeof *before);
    for (unsigned i = 0; i + 1 < m; i++) {
        weights[i] = before[i] - k * before[m - 2 - i];
    }
    weights[m - 1] = k;
}

void pm_predict_learn(struct pm_predictor *p, const float *x, unsigned n, unsigned order) {
    float forward[PM_PREDICT_WINDOW], backward[PM_PREDICT_WINDOW];
    float power = 0.0F;
    p->limit = 0.0F;
    for (unsigned i = 0; i < n; i++) {
        power += x[i] * x[i];
        p->limit = fmaxf(p->limit, LIMIT * fabsf(x[i]));
    }
    power /= n > 0 ? (float)n : 1.0F;
    memcpy(forward, x, n * sizeof *x);
    memcpy(backward, x, n * sizeof *x);
    p->order = n / 2 < order ? n / 2 : order;
    for (unsigned m = 1; m <= p->order; m++) {
        /* forward[i] is the error at sample i + m of predicting it from before, backward[i] at sample i from behind. */
        unsigned count = n - m;
        float *ahead = forward + 1;
        float k = reflection(ahead, backward, count);
        for (unsigned i = 0; i < count; i++) {
            float f = ahead[i], b = backward[i];
            forward[i] = f - k * b;
            backward[i] = b - k * f;
        }
        pm_predict_raise(p->weights, m, k);
        power *= 1.0F - k * k;
    }
    p->residual = sqrtf(power);
}

float pm_predict_next(const struct pm_predictor *p, const float *at) {
    float sums[LANES] = {0};
    unsigned i = 0;
    for (; i + LANES <= p->order; i += LANES) {
        for (unsigned k = 0; k < LANES; k++) {
            sums[k] += p->weights[i + k] * at[-1 - (int)(i + k)];
        }
    }
    for (; i < p->order; i++) {
        sums[0] += p->weights[i] * at[-1 - (int)i];
    }
    float next = sum_of(sums);
    return next > p->limit ? p->limit : next < -p->limit ? -p->limit : next;
}
