/* The handshake between two of us in memory: roles, loss, strangers, keys. */
#include "check.h"
#include "pm_dtls.h"
#include <openssl/ssl.h>
#include <string.h>

static struct pm_dtls_identity mine, theirs;

static void begin(struct pm_dtls *client, struct pm_dtls *server) {
    if (mine.certificate == NULL) {
        CHECK(pm_dtls_identity_make(&mine) == PM_OK && pm_dtls_identity_make(&theirs) == PM_OK);
    }
    CHECK(pm_dtls_init(client, &mine, true) == PM_OK && pm_dtls_init(server, &theirs, false) == PM_OK);
    CHECK(pm_dtls_step(client, NULL, 0) == PM_DTLS_RUNNING);
}

/* Carries everything that waits from one to the other; returns how many datagrams. */
static unsigned carry(struct pm_dtls *from, struct pm_dtls *to) {
    uint8_t datagram[PM_DTLS_DATAGRAM_MAX];
    unsigned count = 0;
    for (int octets; (octets = pm_dtls_take(from, datagram, sizeof datagram)) > 0; count++) {
        CHECK(datagram[0] >= 20 && datagram[0] <= 63); /* RFC 7983 section 7 */
        (void)pm_dtls_step(to, datagram, (size_t)octets);
    }
    return count;
}

static void finish(struct pm_dtls *client, struct pm_dtls *server) {
    for (unsigned turns = 0; turns < 10 && (client->state == PM_DTLS_RUNNING || server->state == PM_DTLS_RUNNING); turns++) {
        carry(client, server);
        carry(server, client);
    }
    CHECK(client->state == PM_DTLS_DONE && server->state == PM_DTLS_DONE);
}

static void both_sides_end_with_the_same_keys_and_know_each_other(void) {
    struct pm_dtls client, server;
    struct pm_srtp_keys up, down, up_there, down_there;
    uint8_t hash[PM_DTLS_HASH_MAX];
    begin(&client, &server);
    CHECK(pm_dtls_keys(&client, &up, &down) == PM_ESTATE && pm_dtls_fingerprint(&client, PM_DTLS_SHA256, hash, 64) == PM_ESTATE);
    finish(&client, &server);
    CHECK(pm_dtls_keys(&client, &up, &down) == PM_OK && pm_dtls_keys(&server, &down_there, &up_there) == PM_OK);
    CHECK(up.suite == PM_SRTP_AEAD_AES_256_GCM && up.octets == 44 &&
          memcmp(&up, &up_there, offsetof(struct pm_srtp_keys, key) + 44) == 0);
    CHECK(memcmp(down.key, down_there.key, 44) == 0 && memcmp(up.key, down.key, 44) != 0);
    CHECK(pm_dtls_fingerprint(&client, PM_DTLS_SHA256, hash, sizeof hash) == 32 && memcmp(hash, theirs.fingerprint, 32) == 0);
    CHECK(pm_dtls_fingerprint(&server, PM_DTLS_SHA256, hash, sizeof hash) == 32 && memcmp(hash, mine.fingerprint, 32) == 0);
    CHECK(pm_dtls_fingerprint(&server, PM_DTLS_SHA384, hash, sizeof hash) == 48);
    CHECK(pm_dtls_fingerprint(&server, PM_DTLS_SHA512, hash, sizeof hash) == 64);
    CHECK(pm_dtls_fingerprint(&server, 3, hash, sizeof hash) == PM_EARG && pm_dtls_fingerprint(&server, 0, hash, 63) == PM_EARG);
    pm_dtls_free(&client);
    pm_dtls_free(&server);
    pm_dtls_free(&server);
}

/* OpenSSL has a clock of its own, and repeats for ever what is due at once. */
static unsigned impatient(SSL *ssl, unsigned before_us) {
    (void)ssl;
    (void)before_us;
    return 30000;
}

static void a_lost_last_flight_is_repeated_when_the_client_repeats_its_own(void) {
    struct pm_dtls client, server;
    uint8_t lost[PM_DTLS_DATAGRAM_MAX];
    begin(&client, &server);
    carry(&client, &server);
    DTLS_set_timer_cb(client.ssl, impatient);
    carry(&server, &client);
    carry(&client, &server);
    CHECK(server.state == PM_DTLS_DONE);
    CHECK(client.state == PM_DTLS_RUNNING);
    while (pm_dtls_take(&server, lost, sizeof lost) > 0) {
    }
    while (pm_dtls_timeout_ms(&client) > 1) {
    }
    CHECK(pm_dtls_expire(&client) == PM_DTLS_RUNNING);
    CHECK(carry(&client, &server) > 0 && server.state == PM_DTLS_DONE);
    CHECK(carry(&server, &client) > 0 && client.state == PM_DTLS_DONE && pm_dtls_timeout_ms(&client) == -1);
    pm_dtls_free(&client);
    pm_dtls_free(&server);
}

static void what_is_no_dtls_changes_nothing(void) {
    struct pm_dtls client, server;
    uint8_t junk[100];
    begin(&client, &server);
    for (unsigned i = 0; i < 200; i++) {
        for (unsigned k = 0; k < sizeof junk; k++) {
            junk[k] = (uint8_t)(i * 31 + k * 7);
        }
        junk[0] = (uint8_t)(20 + i % 44);
        (void)pm_dtls_step(&server, junk, i % 100 + 1);
        (void)pm_dtls_step(&client, junk, i % 100 + 1);
    }
    CHECK(server.state == PM_DTLS_RUNNING && client.state == PM_DTLS_RUNNING);
    finish(&client, &server);
    for (unsigned i = 0; i < 50; i++) {
        CHECK(pm_dtls_step(&server, junk, i % 100 + 1) == PM_DTLS_DONE);
    }
    pm_dtls_free(&client);
    pm_dtls_free(&server);
}

static void an_unfetched_flight_is_bounded_and_a_small_buffer_refused(void) {
    struct pm_dtls client, server;
    uint8_t out[PM_DTLS_DATAGRAM_MAX];
    begin(&client, &server);
    CHECK(pm_dtls_take(&client, out, sizeof out - 1) == PM_EARG);
    int octets = pm_dtls_take(&client, out, sizeof out);
    CHECK(octets > 0 && pm_dtls_take(&client, out + octets, sizeof out - (size_t)octets) == PM_EARG);
    CHECK(pm_dtls_timeout_ms(&server) == -1 && pm_dtls_expire(&server) == PM_DTLS_RUNNING);
    pm_dtls_free(&client);
    CHECK(pm_dtls_step(&client, out, 10) == PM_DTLS_FAILED && pm_dtls_take(&client, out, sizeof out) == 0);
    pm_dtls_free(&server);
    pm_dtls_identity_free(&mine);
    pm_dtls_identity_free(&theirs);
}

const struct test dtls_tests[] = {TEST(both_sides_end_with_the_same_keys_and_know_each_other),
                                  TEST(a_lost_last_flight_is_repeated_when_the_client_repeats_its_own),
                                  TEST(what_is_no_dtls_changes_nothing),
                                  TEST(an_unfetched_flight_is_bounded_and_a_small_buffer_refused),
                                  {0}};
