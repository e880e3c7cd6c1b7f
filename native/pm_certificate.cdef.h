/* What the interpreter may call of include/pm_certificate.h, which holds the contract. */

#define PM_CERTIFICATE_PEM_MAX ...

int pm_certificate_make(const char *name, unsigned days, char *out, size_t capacity);
