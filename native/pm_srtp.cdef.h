/* What the interpreter may call of include/pm_srtp.h, which holds the contracts. */

struct pm_srtp { ...; };
struct pm_srtp_keys {
    uint8_t suite;
    uint8_t octets;
    uint8_t key[...];
};
struct pm_secure_ops {
    int (*protect)(void *context, uint8_t *packet, size_t *octets, size_t capacity, bool rtcp);
    int (*unprotect)(void *context, uint8_t *packet, size_t *octets, bool rtcp);
};
#define PM_SECURE_TRAILER_MAX ...

unsigned pm_srtp_key_octets(uint8_t suite);
int pm_srtp_library(void);
int pm_srtp_init(struct pm_srtp *srtp, const struct pm_srtp_keys *send, const struct pm_srtp_keys *receive, uint32_t ssrc);
void pm_srtp_inherit(struct pm_srtp *srtp, struct pm_srtp *old);
void pm_srtp_close(struct pm_srtp *srtp);
const struct pm_secure_ops *pm_srtp_ops(void);
