/* cjose. See libraries.py for what is read and printed. */
#include <cjose/cjose.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *made(const cjose_jwk_t *key, const char *type, const char *kid, const char *claims) {
    const char *text = NULL;
    cjose_header_t *header = cjose_header_new(NULL);
    cjose_header_set(header, CJOSE_HDR_ALG, CJOSE_HDR_ALG_HS256, NULL);
    if (type) cjose_header_set(header, "typ", type, NULL);
    if (kid) cjose_header_set(header, CJOSE_HDR_KID, kid, NULL);
    cjose_jws_export(cjose_jws_sign(key, header, (const uint8_t *)claims, strlen(claims), NULL), &text, NULL);
    return text;
}

int main(void) {
    char text[512];
    printf("cjose %s\n", cjose_version());
    snprintf(text, sizeof text, "{\"kty\":\"oct\",\"k\":\"%s\"}", getenv("SECRET"));
    cjose_jwk_t *key = cjose_jwk_import(text, strlen(text), NULL);
    cjose_jws_t *read = cjose_jws_import(getenv("TOKEN"), strlen(getenv("TOKEN")), NULL);
    puts(read && cjose_jws_verify(read, key, NULL) ? "accepted" : "refused");
    snprintf(text, sizeof text, "{\"sub\":\"%s\"}", getenv("SUB"));
    puts(made(key, NULL, NULL, text));
    puts(made(key, "at+jwt", getenv("KID"), getenv("CLAIMS")));
    return 0;
}
