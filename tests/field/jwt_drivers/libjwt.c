/* libjwt. See libraries.py for what is read and printed: here the key comes as hexadecimal digits in HEX. */
#include <jwt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
    unsigned char key[256];
    const char *hex = getenv("HEX");
    int length = (int)strlen(hex) / 2;
    for (int place = 0; place < length; place++) sscanf(hex + 2 * place, "%2hhx", &key[place]);
    puts("libjwt 1, as Debian has it");
    jwt_t *read = NULL, *plain = NULL, *right = NULL;
    puts(jwt_decode(&read, getenv("TOKEN"), key, length) == 0 ? "accepted" : "refused");
    jwt_new(&plain);
    jwt_add_grant(plain, "sub", getenv("SUB"));
    jwt_set_alg(plain, JWT_ALG_HS256, key, length);
    puts(jwt_encode_str(plain));
    jwt_new(&right);
    jwt_add_grants_json(right, getenv("CLAIMS"));
    jwt_add_header(right, "typ", "at+jwt");
    jwt_add_header(right, "kid", getenv("KID"));
    jwt_set_alg(right, JWT_ALG_HS256, key, length);
    puts(jwt_encode_str(right));
    return 0;
}
