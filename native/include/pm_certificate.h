/* A self-signed certificate for the door's own web server, made by OpenSSL where there is time: once in the life of a device. */
#ifndef PM_CERTIFICATE_H
#define PM_CERTIFICATE_H

#include <stddef.h>

enum {
    PM_CERTIFICATE_NAME_MAX = 63, /* of a name: one label of the DNS (RFC 1035 section 2.3.4) with ".local" fits twice */
    PM_CERTIFICATE_PEM_MAX = 4096 /* a P-256 key and its certificate have about 1 kB */
};

/* Writes a new P-256 key (PKCS #8) and its certificate, both in PEM, into `out`; returns their octets.
 *
 * `name` is a DNS name, ended by NUL: the subject, and the one subjectAltName (RFC 6125 section 6.4.4). It is valid for `days` from
 * a day ago on, because clocks of boards without a battery go slow. PM_EARG: a name that is empty, too long or holds anything but
 * letters, digits, '-' and '.'; no day, or more than ten years. PM_ESYSTEM: no memory, no randomness, or `capacity` is too small;
 * `out` then holds nothing of use.
 */
int pm_certificate_make(const char *name, unsigned days, char *out, size_t capacity);

#endif
