/* Rhonabwy. See libraries.py for what is read and printed. */
#include <rhonabwy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
    printf("Rhonabwy %s\n", RHONABWY_VERSION_STR);
    jwk_t *key = NULL;
    jwt_t *read = NULL, *plain = NULL, *right = NULL;
    r_jwk_init(&key);
    r_jwk_set_property_str(key, "kty", "oct");
    r_jwk_set_property_str(key, "k", getenv("SECRET"));
    r_jwt_init(&read);
    int good = r_jwt_parse(read, getenv("TOKEN"), 0) == RHN_OK && r_jwt_verify_signature(read, key, 0) == RHN_OK;
    puts(good ? "accepted" : "refused");
    r_jwt_init(&plain);
    r_jwt_set_sign_alg(plain, R_JWA_ALG_HS256);
    r_jwt_set_claim_str_value(plain, "sub", getenv("SUB"));
    puts(r_jwt_serialize_signed(plain, key, 0));
    r_jwt_init(&right);
    r_jwt_set_sign_alg(right, R_JWA_ALG_HS256);
    r_jwt_set_header_str_value(right, "typ", "at+jwt");
    r_jwt_set_header_str_value(right, "kid", getenv("KID"));
    r_jwt_set_full_claims_json_str(right, getenv("CLAIMS"));
    puts(r_jwt_serialize_signed(right, key, 0));
    return 0;
}
