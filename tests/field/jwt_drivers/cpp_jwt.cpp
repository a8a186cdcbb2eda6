// cpp-jwt. See libraries.py for what is read and printed: here the key comes as hexadecimal digits in HEX.
#include <cstdlib>
#include <iostream>
#include <jwt/jwt.hpp>

int main() {
    using namespace jwt::params;
    std::string hex = std::getenv("HEX"), key;
    for (size_t place = 0; place < hex.size(); place += 2) key += char(std::stoi(hex.substr(place, 2), nullptr, 16));
    std::cout << "cpp-jwt 1.4, as Debian has it\n";
    std::error_code refused;
    jwt::decode(std::getenv("TOKEN"), algorithms({"HS256"}), refused, secret(key), issuer("authref"), aud("authref"), verify(true));
    std::cout << (refused ? "refused: " + refused.message() : "accepted") << "\n";
    jwt::jwt_object plain{algorithm("HS256"), secret(key)};
    plain.add_claim("sub", std::string(std::getenv("SUB")));
    std::cout << plain.signature() << "\n";
    jwt::jwt_object right{algorithm("HS256"), secret(key), headers({{"typ", "at+jwt"}, {"kid", std::getenv("KID")}})};
    auto claims = nlohmann::json::parse(std::getenv("CLAIMS"));
    for (auto claim = claims.begin(); claim != claims.end(); ++claim) right.add_claim(claim.key(), claim.value());
    std::cout << right.signature() << "\n";
}
