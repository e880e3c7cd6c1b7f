#include "pm_dtls.h"
#include "pm_bytes.h"
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/time.h>

/* Strongest first; the server chooses (RFC 5764 section 4.1.1). */
#define PROFILES "SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80"
/* RFC 5764 section 4.2. */
#define EXPORT_LABEL "EXTRACTOR-dtls_srtp"

enum { RECORD_HEADER = 13, RECORD_LENGTH_AT = 11, VALID_DAYS = 30 };

void pm_dtls_identity_free(struct pm_dtls_identity *identity) {
    X509_free(identity->certificate);
    EVP_PKEY_free(identity->key);
    identity->certificate = identity->key = NULL;
}

static bool fill_certificate(X509 *certificate, EVP_PKEY *key) {
    uint8_t serial[8];
    if (RAND_bytes(serial, sizeof serial) != 1) {
        return false;
    }
    serial[0] &= 0x7f; /* RFC 5280 section 4.1.2.2: positive */
    BIGNUM *number = BN_bin2bn(serial, sizeof serial, NULL);
    bool ok = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    X509_NAME *name = X509_get_subject_name(certificate);
    /* Clocks of boards without a battery are wrong at first, and nobody checks the dates (RFC 8122 section 6.2). */
    return ok && X509_set_version(certificate, 2) == 1 && X509_gmtime_adj(X509_getm_notBefore(certificate), -86400L) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), VALID_DAYS * 86400L) != NULL &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"door", -1, -1, 0) == 1 &&
           X509_set_issuer_name(certificate, name) == 1 && X509_set_pubkey(certificate, key) == 1 &&
           X509_sign(certificate, key, EVP_sha256()) > 0;
}

int pm_dtls_identity_make(struct pm_dtls_identity *identity) {
    unsigned length = 0;
    EVP_PKEY *key = EVP_EC_gen("P-256"); /* RFC 8827 section 6.5 */
    X509 *certificate = X509_new();
    identity->certificate = certificate;
    identity->key = key;
    if (key == NULL || certificate == NULL || !fill_certificate(certificate, key) ||
        X509_digest(certificate, EVP_sha256(), identity->fingerprint, &length) != 1 || length != sizeof identity->fingerprint) {
        pm_dtls_identity_free(identity);
        return PM_ESYSTEM;
    }
    return PM_OK;
}

/* Whose certificate it is, the fingerprint of the signalling says, not an authority: compared by the caller when all is done. */
static int take_any(int ok, X509_STORE_CTX *store) {
    (void)ok;
    (void)store;
    return 1;
}

/* RFC 6347 section 4.2.4.1: 1 s at first, or less where waiting hurts: here somebody has just picked up. */
static unsigned patience(SSL *ssl, unsigned before_us) {
    (void)ssl;
    return before_us == 0 ? 200000 : before_us < 4000000 ? 2 * before_us : before_us;
}

static SSL_CTX *context(const struct pm_dtls_identity *identity) {
    SSL_CTX *c = SSL_CTX_new(DTLS_method());
    if (c == NULL) {
        return NULL;
    }
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, take_any);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(c, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_QUERY_MTU | SSL_OP_NO_COMPRESSION);
    bool ok = SSL_CTX_set_min_proto_version(c, DTLS1_2_VERSION) == 1 && SSL_CTX_use_certificate(c, identity->certificate) == 1 &&
              SSL_CTX_use_PrivateKey(c, identity->key) == 1 && SSL_CTX_set_tlsext_use_srtp(c, PROFILES) == 0; /* 0: no error */
    if (!ok) {
        SSL_CTX_free(c);
        return NULL;
    }
    return c;
}

int pm_dtls_init(struct pm_dtls *d, const struct pm_dtls_identity *identity, bool client) {
    memset(d, 0, sizeof *d);
    d->client = client;
    d->context = context(identity);
    d->ssl = d->context != NULL ? SSL_new(d->context) : NULL;
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    if (d->ssl == NULL || in == NULL || out == NULL) {
        BIO_free(in);
        BIO_free(out);
        pm_dtls_free(d);
        return PM_ESYSTEM;
    }
    BIO_set_mem_eof_return(in, -1);
    BIO_set_mem_eof_return(out, -1);
    SSL_set_bio(d->ssl, in, out);
    d->in = in;
    d->out = out;
    SSL_set_mtu(d->ssl, PM_DTLS_DATAGRAM_MAX);
    DTLS_set_timer_cb(d->ssl, patience);
    if (client) {
        SSL_set_connect_state(d->ssl);
    } else {
        SSL_set_accept_state(d->ssl);
    }
    return PM_OK;
}

void pm_dtls_free(struct pm_dtls *d) {
    SSL_free(d->ssl); /* and its BIOs */
    SSL_CTX_free(d->context);
    d->ssl = d->context = d->in = d->out = NULL;
    d->state = PM_DTLS_FAILED;
}

static int run(struct pm_dtls *d) {
    uint8_t ignored[256];
    ERR_clear_error();
    /* Once done, reading answers a repeated last flight of the other side, and takes alerts; data means nothing here. */
    int result = d->state == PM_DTLS_DONE ? SSL_read(d->ssl, ignored, sizeof ignored) : SSL_do_handshake(d->ssl);
    if (result > 0) {
        d->state = PM_DTLS_DONE;
    } else if (d->state == PM_DTLS_RUNNING) {
        int why = SSL_get_error(d->ssl, result);
        if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
            d->state = PM_DTLS_FAILED;
        }
    }
    ERR_clear_error();
    return d->state;
}

int pm_dtls_step(struct pm_dtls *d, const uint8_t *datagram, size_t octets) {
    if (d->ssl == NULL || d->state == PM_DTLS_FAILED) {
        return PM_DTLS_FAILED;
    }
    if (BIO_pending((BIO *)d->out) > PM_DTLS_WAITING_MAX) {
        (void)BIO_reset((BIO *)d->out); /* nobody fetched it: what is lost is repeated */
    }
    (void)BIO_reset((BIO *)d->in); /* a rest of the last datagram is no beginning of this one */
    if (datagram != NULL && (octets > 65535 || BIO_write(d->in, datagram, (int)octets) != (int)octets)) {
        return d->state;
    }
    return run(d);
}

int pm_dtls_take(struct pm_dtls *d, uint8_t *out, size_t capacity) {
    if (capacity < PM_DTLS_DATAGRAM_MAX) {
        return PM_EARG;
    }
    if (d->ssl == NULL) {
        return 0;
    }
    /* A memory BIO forgets where one write ended: whole records go into a datagram, as many as fit. */
    char *waiting = NULL;
    long left = BIO_get_mem_data((BIO *)d->out, &waiting);
    size_t taken = 0, here = left > 0 ? (size_t)left : 0;
    while (here - taken >= RECORD_HEADER) {
        size_t record = RECORD_HEADER + pm_load16((const uint8_t *)waiting + taken + RECORD_LENGTH_AT);
        if (record > here - taken || taken + record > PM_DTLS_DATAGRAM_MAX) {
            break;
        }
        taken += record;
    }
    if (taken == 0) {
        (void)BIO_reset((BIO *)d->out); /* a record that is larger than a datagram can be: the MTU forbids it */
        return 0;
    }
    return BIO_read(d->out, out, (int)taken);
}

int pm_dtls_timeout_ms(struct pm_dtls *d) {
    struct timeval left;
    if (d->ssl == NULL || d->state == PM_DTLS_FAILED || DTLSv1_get_timeout(d->ssl, &left) != 1) {
        return -1;
    }
    return (int)(left.tv_sec * 1000 + left.tv_usec / 1000) + 1;
}

int pm_dtls_expire(struct pm_dtls *d) {
    if (d->ssl != NULL && d->state == PM_DTLS_RUNNING && DTLSv1_handle_timeout(d->ssl) < 0) {
        d->state = PM_DTLS_FAILED;
    }
    ERR_clear_error();
    return d->state;
}

int pm_dtls_fingerprint(const struct pm_dtls *d, unsigned hash, uint8_t *out, size_t capacity) {
    const EVP_MD *kind = hash == PM_DTLS_SHA256   ? EVP_sha256()
                         : hash == PM_DTLS_SHA384 ? EVP_sha384()
                         : hash == PM_DTLS_SHA512 ? EVP_sha512()
                                                  : NULL;
    if (kind == NULL || capacity < PM_DTLS_HASH_MAX) {
        return PM_EARG;
    }
    X509 *theirs = d->state == PM_DTLS_DONE ? SSL_get0_peer_certificate(d->ssl) : NULL;
    unsigned length = 0;
    return theirs != NULL && X509_digest(theirs, kind, out, &length) == 1 ? (int)length : PM_ESTATE;
}

static uint8_t suite_of(unsigned long profile) {
    switch (profile) {
    case SRTP_AES128_CM_SHA1_80:
        return PM_SRTP_AES_CM_128_HMAC_SHA1_80;
    case SRTP_AEAD_AES_128_GCM:
        return PM_SRTP_AEAD_AES_128_GCM;
    case SRTP_AEAD_AES_256_GCM:
        return PM_SRTP_AEAD_AES_256_GCM;
    default:
        return 0;
    }
}

int pm_dtls_keys(const struct pm_dtls *d, struct pm_srtp_keys *send, struct pm_srtp_keys *receive) {
    const SRTP_PROTECTION_PROFILE *profile = d->state == PM_DTLS_DONE ? SSL_get_selected_srtp_profile(d->ssl) : NULL;
    uint8_t suite = profile != NULL ? suite_of(profile->id) : 0, material[2 * PM_SRTP_KEY_MAX];
    bool gcm = suite >= PM_SRTP_AEAD_AES_128_GCM;
    size_t key = suite == PM_SRTP_AEAD_AES_256_GCM ? 32 : 16, salt = gcm ? 12 : 14;
    if (suite == 0 ||
        SSL_export_keying_material(d->ssl, material, 2 * (key + salt), EXPORT_LABEL, sizeof EXPORT_LABEL - 1, NULL, 0, 0) != 1) {
        return PM_ESTATE;
    }
    /* RFC 5764 section 4.2: client key, server key, client salt, server salt. */
    struct pm_srtp_keys *const of_client = d->client ? send : receive, *const of_server = d->client ? receive : send;
    send->suite = receive->suite = suite;
    send->octets = receive->octets = (uint8_t)(key + salt);
    memcpy(of_client->key, material, key);
    memcpy(of_server->key, material + key, key);
    memcpy(of_client->key + key, material + 2 * key, salt);
    memcpy(of_server->key + key, material + 2 * key + salt, salt);
    OPENSSL_cleanse(material, sizeof material);
    return PM_OK;
}
