/* The door's own certificate: what it says, that its key fits, and what is refused. */
#include "check.h"
#include "pm_certificate.h"
#include "pm_types.h"
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

static void it_names_the_door_and_its_key_fits(void) {
    char pem[PM_CERTIFICATE_PEM_MAX];
    int octets = pm_certificate_make("portero.local", 825, pem, sizeof pem);
    CHECK(octets > 0);
    BIO *memory = BIO_new_mem_buf(pem, octets);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(memory, NULL, NULL, NULL);
    X509 *certificate = PEM_read_bio_X509(memory, NULL, NULL, NULL);
    CHECK(key != NULL && certificate != NULL && X509_check_private_key(certificate, key) == 1);
    CHECK(X509_verify(certificate, key) == 1);
    CHECK(X509_check_host(certificate, "portero.local", 0, 0, NULL) == 1 &&
          X509_check_host(certificate, "other.local", 0, 0, NULL) == 0);
    CHECK(X509_cmp_current_time(X509_get0_notBefore(certificate)) < 0 &&
          X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0);
    X509_free(certificate);
    EVP_PKEY_free(key);
    BIO_free(memory);
}

static void no_two_are_alike(void) {
    char one[PM_CERTIFICATE_PEM_MAX], other[PM_CERTIFICATE_PEM_MAX];
    int first = pm_certificate_make("a", 1, one, sizeof one), second = pm_certificate_make("a", 1, other, sizeof other);
    CHECK(first > 0 && second > 0 && (first != second || memcmp(one, other, (size_t)first) != 0));
}

static void what_is_no_name_or_no_time_is_refused(void) {
    char pem[PM_CERTIFICATE_PEM_MAX], name[PM_CERTIFICATE_NAME_MAX + 2];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    CHECK(pm_certificate_make(name, 1, pem, sizeof pem) == PM_EARG && pm_certificate_make(name + 1, 1, pem, sizeof pem) > 0);
    CHECK(pm_certificate_make("", 1, pem, sizeof pem) == PM_EARG);
    CHECK(pm_certificate_make("a,DNS:bank.example", 1, pem, sizeof pem) == PM_EARG);
    CHECK(pm_certificate_make("a", 0, pem, sizeof pem) == PM_EARG && pm_certificate_make("a", 3661, pem, sizeof pem) == PM_EARG);
    CHECK(pm_certificate_make("a", 1, pem, 100) == PM_ESYSTEM);
}

const struct test certificate_tests[] = {
    TEST(it_names_the_door_and_its_key_fits), TEST(no_two_are_alike), TEST(what_is_no_name_or_no_time_is_refused), {0}};
