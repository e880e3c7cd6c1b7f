#include "pm_certificate.h"
#include "pm_types.h"
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-."

enum { SERIAL_OCTETS = 16, DAYS_MAX = 3660 };

static bool set_serial(X509 *certificate) {
    uint8_t octets[SERIAL_OCTETS];
    if (RAND_bytes(octets, sizeof octets) != 1) {
        return false;
    }
    octets[0] &= 0x7f; /* RFC 5280 section 4.1.2.2: positive */
    BIGNUM *number = BN_bin2bn(octets, sizeof octets, NULL);
    bool ok = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return ok;
}

static bool add_alternative_name(X509 *certificate, const char *name) {
    char value[sizeof "DNS:" + PM_CERTIFICATE_NAME_MAX] = "DNS:";
    memcpy(value + 4, name, strlen(name) + 1);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, value);
    bool ok = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

static bool fill(X509 *certificate, EVP_PKEY *key, const char *name, unsigned days) {
    X509_NAME *subject = X509_get_subject_name(certificate);
    return X509_set_version(certificate, 2) == 1 && set_serial(certificate) &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), -86400L) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), (long)days * 86400L) != NULL &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0) == 1 &&
           X509_set_issuer_name(certificate, subject) == 1 && X509_set_pubkey(certificate, key) == 1 &&
           add_alternative_name(certificate, name) && X509_sign(certificate, key, EVP_sha256()) > 0;
}

static int write_pem(X509 *certificate, EVP_PKEY *key, char *out, size_t capacity) {
    int octets = PM_ESYSTEM;
    char *pem;
    BIO *memory = BIO_new(BIO_s_mem());
    if (memory != NULL && PEM_write_bio_PrivateKey(memory, key, NULL, NULL, 0, NULL, NULL) == 1 &&
        PEM_write_bio_X509(memory, certificate) == 1) {
        long length = BIO_get_mem_data(memory, &pem);
        if (length > 0 && (size_t)length <= capacity) {
            memcpy(out, pem, (size_t)length);
            octets = (int)length;
        }
    }
    BIO_free(memory);
    return octets;
}

int pm_certificate_make(const char *name, unsigned days, char *out, size_t capacity) {
    size_t length = strlen(name);
    if (length == 0 || length > PM_CERTIFICATE_NAME_MAX || strspn(name, LETTERS) != length || days == 0 || days > DAYS_MAX) {
        return PM_EARG;
    }
    int octets = PM_ESYSTEM;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    if (key != NULL && certificate != NULL && fill(certificate, key, name, days)) {
        octets = write_pem(certificate, key, out, capacity);
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
    return octets;
}
