#include "pm_srtp.h"
#include "pm_bytes.h"
#include <srtp2/srtp.h>
#include <string.h>

enum { SOURCE_AT_RTP = 8, SOURCE_AT_RTCP = 4, HEADER_RTP = 12, HEADER_RTCP = 8, COPY_MAX = 1500 };

int pm_srtp_library(void) {
    static bool ready; /* the library refuses to be initialised twice */
    ready = ready || srtp_init() == srtp_err_status_ok;
    return ready ? PM_OK : PM_ESYSTEM;
}

unsigned pm_srtp_key_octets(uint8_t suite) {
    switch (suite) {
    case PM_SRTP_AES_CM_128_HMAC_SHA1_80:
    case PM_SRTP_AES_CM_128_HMAC_SHA1_32:
        return SRTP_AES_ICM_128_KEY_LEN_WSALT;
    case PM_SRTP_AES_256_CM_HMAC_SHA1_80:
    case PM_SRTP_AES_256_CM_HMAC_SHA1_32:
        return SRTP_AES_ICM_256_KEY_LEN_WSALT;
    case PM_SRTP_AEAD_AES_128_GCM:
        return SRTP_AES_GCM_128_KEY_LEN_WSALT;
    case PM_SRTP_AEAD_AES_256_GCM:
        return SRTP_AES_GCM_256_KEY_LEN_WSALT;
    default:
        return 0;
    }
}

/* RFC 4568 section 6.2 and RFC 6188 section 4: with the 32-bit tag RTCP keeps 80 bits. */
static void set_policy(srtp_policy_t *p, uint8_t suite) {
    switch (suite) {
    case PM_SRTP_AES_CM_128_HMAC_SHA1_32:
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&p->rtp);
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&p->rtcp);
        return;
    case PM_SRTP_AES_256_CM_HMAC_SHA1_80:
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&p->rtp);
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&p->rtcp);
        return;
    case PM_SRTP_AES_256_CM_HMAC_SHA1_32:
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32(&p->rtp);
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&p->rtcp);
        return;
    case PM_SRTP_AEAD_AES_128_GCM:
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&p->rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&p->rtcp);
        return;
    case PM_SRTP_AEAD_AES_256_GCM:
        srtp_crypto_policy_set_aes_gcm_256_16_auth(&p->rtp);
        srtp_crypto_policy_set_aes_gcm_256_16_auth(&p->rtcp);
        return;
    default:
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&p->rtp);
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&p->rtcp);
    }
}

static srtp_t session(const struct pm_srtp_keys *keys, srtp_ssrc_t ssrc) {
    srtp_policy_t policy;
    srtp_t made = NULL;
    uint8_t key[PM_SRTP_KEY_MAX];
    memcpy(key, keys->key, sizeof key);
    memset(&policy, 0, sizeof policy);
    set_policy(&policy, keys->suite);
    policy.ssrc = ssrc;
    policy.key = key;
    policy.window_size = PM_SRTP_WINDOW;
    srtp_err_status_t status = srtp_create(&made, &policy);
    memset(key, 0, sizeof key);
    return status == srtp_err_status_ok ? made : NULL;
}

static void drop(void **session) {
    if (*session != NULL) {
        (void)srtp_dealloc(*session);
        *session = NULL;
    }
}

int pm_srtp_init(struct pm_srtp *s, const struct pm_srtp_keys *send, const struct pm_srtp_keys *receive, uint32_t ssrc) {
    memset(s, 0, sizeof *s);
    if (pm_srtp_key_octets(send->suite) == 0 || send->octets != pm_srtp_key_octets(send->suite) ||
        pm_srtp_key_octets(receive->suite) == 0 || receive->octets != pm_srtp_key_octets(receive->suite)) {
        return PM_EARG;
    }
    s->send = *send;
    s->receive = *receive;
    s->out = session(send, (srtp_ssrc_t){.type = ssrc_specific, .value = ssrc});
    s->in = session(receive, (srtp_ssrc_t){.type = ssrc_any_inbound, .value = 0});
    if (s->out == NULL || s->in == NULL) {
        pm_srtp_close(s);
        return PM_ESYSTEM;
    }
    return PM_OK;
}

static void swap(void **a, void **b) {
    void *kept = *a;
    *a = *b;
    *b = kept;
}

static bool same(const struct pm_srtp_keys *a, const struct pm_srtp_keys *b) {
    return a->suite == b->suite && a->octets == b->octets && memcmp(a->key, b->key, a->octets) == 0;
}

void pm_srtp_inherit(struct pm_srtp *s, struct pm_srtp *old) {
    if (same(&s->send, &old->send)) {
        swap(&s->out, &old->out);
    }
    if (same(&s->receive, &old->receive)) {
        swap(&s->in, &old->in);
        swap(&s->before, &old->before);
        s->grace = old->grace;
        memcpy(s->sources, old->sources, sizeof s->sources);
        s->source_count = old->source_count;
    } else {
        swap(&s->before, &old->in);
        s->grace = PM_SRTP_GRACE_PACKETS;
    }
}

void pm_srtp_close(struct pm_srtp *s) {
    drop(&s->out);
    drop(&s->in);
    drop(&s->before);
    memset(&s->send, 0, sizeof s->send);
    memset(&s->receive, 0, sizeof s->receive);
}

static int protect(void *context, uint8_t *packet, size_t *octets, size_t capacity, bool rtcp) {
    struct pm_srtp *s = context;
    int length = (int)*octets;
    if (*octets > COPY_MAX || capacity < *octets + PM_SECURE_TRAILER_MAX || s->out == NULL) {
        return PM_EARG;
    }
    srtp_err_status_t status = rtcp ? srtp_protect_rtcp(s->out, packet, &length) : srtp_protect(s->out, packet, &length);
    if (status != srtp_err_status_ok) {
        return PM_ESYSTEM;
    }
    *octets = (size_t)length;
    return PM_OK;
}

static bool is_known(const struct pm_srtp *s, uint32_t source) {
    for (unsigned i = 0; i < s->source_count; i++) {
        if (s->sources[i] == source) {
            return true;
        }
    }
    return false;
}

static bool authentic(void *session, uint8_t *packet, size_t *octets, bool rtcp) {
    int length = (int)*octets;
    srtp_err_status_t status = rtcp ? srtp_unprotect_rtcp(session, packet, &length) : srtp_unprotect(session, packet, &length);
    if (status != srtp_err_status_ok || length < 0 || (size_t)length > *octets) {
        return false;
    }
    *octets = (size_t)length;
    return true;
}

static int unprotect(void *context, uint8_t *packet, size_t *octets, bool rtcp) {
    struct pm_srtp *s = context;
    if (*octets < (rtcp ? HEADER_RTCP : HEADER_RTP) || *octets > COPY_MAX || s->in == NULL) {
        return PM_EMALFORMED;
    }
    uint32_t source = pm_load32(packet + (rtcp ? SOURCE_AT_RTCP : SOURCE_AT_RTP));
    bool known = is_known(s, source);
    uint8_t copy[COPY_MAX];
    size_t copied = 0;
    if (s->before != NULL) {
        /* A failed attempt may leave the octets changed (AES-GCM decrypts before it compares). */
        copied = *octets;
        memcpy(copy, packet, copied);
    }
    if ((known || s->source_count < PM_SRTP_SOURCES_MAX) && authentic(s->in, packet, octets, rtcp)) {
        if (!known) {
            s->sources[s->source_count++] = source;
        }
        if (s->before != NULL && --s->grace == 0) {
            drop(&s->before);
        }
        return PM_OK;
    }
    if (copied > 0) {
        memcpy(packet, copy, copied);
        *octets = copied;
        return authentic(s->before, packet, octets, rtcp) ? PM_OK : PM_EMALFORMED;
    }
    return PM_EMALFORMED;
}

const struct pm_secure_ops *pm_srtp_ops(void) {
    static const struct pm_secure_ops ops = {.protect = protect, .unprotect = unprotect};
    return &ops;
}
