#include "pm_fourier.h"
#include "pm_lanes.h"
#include <math.h>

/* One of four lanes, or four points beside each other: a complex number each. */
struct lanes {
    pm_lanes re, im;
};

static struct lanes load(const struct pm_complex *x, size_t at) {
    return (struct lanes){pm_lanes_load(x->re + at), pm_lanes_load(x->im + at)};
}

static void store(struct pm_complex *x, size_t at, struct lanes a) {
    pm_lanes_store(x->re + at, a.re);
    pm_lanes_store(x->im + at, a.im);
}

static struct lanes add(struct lanes a, struct lanes b) {
    return (struct lanes){a.re + b.re, a.im + b.im};
}

static struct lanes subtract(struct lanes a, struct lanes b) {
    return (struct lanes){a.re - b.re, a.im - b.im};
}

/* a + i b. */
static struct lanes add_turned(struct lanes a, struct lanes b) {
    return (struct lanes){a.re - b.im, a.im + b.re};
}

static struct lanes multiply(struct lanes a, struct lanes b) {
    return (struct lanes){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

static struct lanes scaled(struct lanes a, float by) {
    return (struct lanes){a.re * by, a.im * by};
}

/* The same turn for every lane: exp(-2 pi i k / points). */
static struct lanes turn(const struct pm_fourier *f, size_t k) {
    pm_lanes none = {0};
    return (struct lanes){none + f->turns[0].re[k], none + f->turns[0].im[k]};
}

static inline void four(struct lanes *a) {
    struct lanes even = add(a[0], a[2]), even_less = subtract(a[0], a[2]);
    struct lanes odd = add(a[1], a[3]), odd_less = subtract(a[3], a[1]);
    a[0] = add(even, odd);
    a[1] = add_turned(even_less, odd_less);
    a[2] = subtract(even, odd);
    a[3] = add_turned(even_less, scaled(odd_less, -1.0f));
}

static inline void five(struct lanes *a) {
    static const float COS_1 = 0.309016994f, COS_2 = -0.809016994f, SIN_1 = 0.951056516f, SIN_2 = 0.587785252f;
    struct lanes outer = add(a[1], a[4]), inner = add(a[2], a[3]);
    struct lanes outer_less = subtract(a[4], a[1]), inner_less = subtract(a[3], a[2]);
    struct lanes first = add(a[0], add(scaled(outer, COS_1), scaled(inner, COS_2)));
    struct lanes second = add(a[0], add(scaled(outer, COS_2), scaled(inner, COS_1)));
    struct lanes first_less = add(scaled(outer_less, SIN_1), scaled(inner_less, SIN_2));
    struct lanes second_less = subtract(scaled(outer_less, SIN_2), scaled(inner_less, SIN_1));
    a[0] = add(a[0], add(outer, inner));
    a[1] = add_turned(first, first_less);
    a[4] = add_turned(first, scaled(first_less, -1.0f));
    a[2] = add_turned(second, second_less);
    a[3] = add_turned(second, scaled(second_less, -1.0f));
}

static inline void two(struct lanes *a) {
    struct lanes before = a[0];
    a[0] = add(before, a[1]);
    a[1] = subtract(before, a[1]);
}

/* Rows become columns. */
static void transpose(pm_lanes *a) {
    pm_lanes low = __builtin_shufflevector(a[0], a[1], 0, 4, 1, 5), high = __builtin_shufflevector(a[0], a[1], 2, 6, 3, 7);
    pm_lanes low_next = __builtin_shufflevector(a[2], a[3], 0, 4, 1, 5),
             high_next = __builtin_shufflevector(a[2], a[3], 2, 6, 3, 7);
    a[0] = __builtin_shufflevector(low, low_next, 0, 1, 4, 5);
    a[1] = __builtin_shufflevector(low, low_next, 2, 3, 6, 7);
    a[2] = __builtin_shufflevector(high, high_next, 0, 1, 4, 5);
    a[3] = __builtin_shufflevector(high, high_next, 2, 3, 6, 7);
}

/* The first stage, of radix 4: four neighbours in the lanes. */
static void begin(const struct pm_fourier *f, const struct pm_complex *in, struct pm_complex *out) {
    size_t quarter = f->points / 4;
    for (size_t p = 0; p < quarter; p += PM_LANES) {
        struct lanes a[4];
        pm_lanes re[4], im[4];
        for (size_t k = 0; k < 4; k++) {
            a[k] = load(in, p + quarter * k);
        }
        four(a);
        for (size_t k = 0; k < 4; k++) {
            a[k] = k == 0 ? a[k] : multiply(a[k], load(&f->turns[k - 1], p));
            re[k] = a[k].re;
            im[k] = a[k].im;
        }
        transpose(re);
        transpose(im);
        for (size_t k = 0; k < 4; k++) {
            store(out, 4 * (p + k), (struct lanes){re[k], im[k]});
        }
    }
}

/* A further stage: the transforms of `radix` parts, `stride` of which lie beside each other already. */
static inline void go_on(const struct pm_fourier *f, const struct pm_complex *in, struct pm_complex *out, size_t stride,
                         size_t radix, void (*butterfly)(struct lanes *)) {
    size_t parts = f->points / stride / radix;
    for (size_t p = 0; p < parts; p++) {
        struct lanes turns[5];
        for (size_t k = 1; k < radix; k++) {
            turns[k] = turn(f, p * k * stride);
        }
        for (size_t q = 0; q < stride; q += PM_LANES) {
            struct lanes a[5];
            for (size_t k = 0; k < radix; k++) {
                a[k] = load(in, q + stride * (p + parts * k));
            }
            butterfly(a);
            store(out, q + stride * radix * p, a[0]);
            for (size_t k = 1; k < radix; k++) {
                store(out, q + stride * (radix * p + k), p > 0 ? multiply(a[k], turns[k]) : a[k]);
            }
        }
    }
}

/* Transforms `a`, with `b` for work; returns the one that holds the result. 80 points are 4 x 4 x 5, 160 are 4 x 4 x 5 x 2, 320 are
 * 4 x 4 x 4 x 5. */
static const struct pm_complex *transform(const struct pm_fourier *f, struct pm_complex *a, struct pm_complex *b) {
    begin(f, a, b);
    go_on(f, b, a, 4, 4, four);
    switch (f->points) {
    case 80:
        go_on(f, a, b, 16, 5, five);
        return b;
    case 160:
        go_on(f, a, b, 16, 5, five);
        go_on(f, b, a, 80, 2, two);
        return a;
    default:
        go_on(f, a, b, 16, 4, four);
        go_on(f, b, a, 64, 5, five);
        return a;
    }
}

int pm_fourier_init(struct pm_fourier *f, size_t window) {
    f->points = window / 2;
    if (window != 160 && window != 320 && window != 640) {
        return PM_EARG;
    }
    const double circle = 6.283185307179586;
    for (size_t k = 0; k < f->points; k++) {
        double angle = circle * (double)k / (double)f->points;
        f->half.re[k] = (float)cos(angle / 2);
        f->half.im[k] = (float)-sin(angle / 2);
        for (unsigned i = 0; i < 3; i++) {
            f->turns[i].re[k] = (float)cos(angle * (i + 1));
            f->turns[i].im[k] = (float)-sin(angle * (i + 1));
        }
    }
    return PM_OK;
}

void pm_fourier_forward(const struct pm_fourier *restrict f, const float *restrict samples, struct pm_bins *restrict bins) {
    struct pm_complex pairs, work;
    size_t n = f->points;
    for (size_t k = 0; k < n; k++) {
        pairs.re[k] = samples[2 * k];
        pairs.im[k] = samples[2 * k + 1];
    }
    const struct pm_complex *z = transform(f, &pairs, &work);
    bins->re[0] = z->re[0] + z->im[0];
    bins->re[n] = z->re[0] - z->im[0];
    bins->im[0] = bins->im[n] = 0.0f;
    for (size_t k = 1; k < n; k++) {
        /* Twice the spectra of the even and, turned by a right angle, of the odd samples. */
        float even_re = z->re[k] + z->re[n - k], even_im = z->im[k] - z->im[n - k];
        float odd_re = z->im[k] + z->im[n - k], odd_im = z->re[n - k] - z->re[k];
        bins->re[k] = 0.5f * (even_re + f->half.re[k] * odd_re - f->half.im[k] * odd_im);
        bins->im[k] = 0.5f * (even_im + f->half.re[k] * odd_im + f->half.im[k] * odd_re);
    }
}

void pm_fourier_inverse(const struct pm_fourier *restrict f, const struct pm_bins *restrict bins, float *restrict samples) {
    struct pm_complex pairs, work; /* real and imaginary parts exchanged, which turns the transform round */
    size_t n = f->points;
    for (size_t k = 0; k < n; k++) {
        float even_re = bins->re[k] + bins->re[n - k], even_im = bins->im[k] - bins->im[n - k];
        float less_re = bins->re[k] - bins->re[n - k], less_im = bins->im[k] + bins->im[n - k];
        float odd_re = f->half.re[k] * less_re + f->half.im[k] * less_im,
              odd_im = f->half.re[k] * less_im - f->half.im[k] * less_re;
        pairs.im[k] = even_re - odd_im;
        pairs.re[k] = even_im + odd_re;
    }
    const struct pm_complex *z = transform(f, &pairs, &work);
    for (size_t k = 0; k < n; k++) {
        samples[2 * k] = z->im[k];
        samples[2 * k + 1] = z->re[k];
    }
}
