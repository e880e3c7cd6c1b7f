/* What the interpreter may call of include/pm_dtls.h, which holds the contracts. */

struct pm_dtls { ...; };
struct pm_dtls_identity {
    uint8_t fingerprint[32];
    ...;
};
struct pm_srtp_keys {
    uint8_t suite;
    uint8_t octets;
    uint8_t key[...];
};
#define PM_DTLS_DATAGRAM_MAX ...
#define PM_DTLS_HASH_MAX ...
#define PM_DTLS_RUNNING ...
#define PM_DTLS_DONE ...
#define PM_DTLS_FAILED ...

int pm_dtls_identity_make(struct pm_dtls_identity *identity);
void pm_dtls_identity_free(struct pm_dtls_identity *identity);
int pm_dtls_init(struct pm_dtls *dtls, const struct pm_dtls_identity *identity, bool client);
void pm_dtls_free(struct pm_dtls *dtls);
int pm_dtls_step(struct pm_dtls *dtls, const uint8_t *datagram, size_t octets);
int pm_dtls_take(struct pm_dtls *dtls, uint8_t *out, size_t capacity);
int pm_dtls_timeout_ms(struct pm_dtls *dtls);
int pm_dtls_expire(struct pm_dtls *dtls);
int pm_dtls_fingerprint(const struct pm_dtls *dtls, unsigned hash, uint8_t *out, size_t capacity);
int pm_dtls_keys(const struct pm_dtls *dtls, struct pm_srtp_keys *send, struct pm_srtp_keys *receive);
