// POCO's JWT. See libraries.py for what is read and printed: here the key comes as hexadecimal digits in HEX.
#include <Poco/Environment.h>
#include <Poco/JSON/Parser.h>
#include <Poco/JWT/Signer.h>
#include <cstdlib>
#include <iostream>

int main() {
    std::string hex = std::getenv("HEX"), key;
    for (size_t place = 0; place < hex.size(); place += 2) key += char(std::stoi(hex.substr(place, 2), nullptr, 16));
    unsigned version = Poco::Environment::libraryVersion();
    std::cout << "POCO " << (version >> 24) << "." << (version >> 16 & 255) << "." << (version >> 8 & 255) << "\n";
    Poco::JWT::Signer signer(key);
    Poco::JWT::Token read;
    std::cout << (signer.tryVerify(std::getenv("TOKEN"), read) ? "accepted" : "refused") << "\n";
    Poco::JWT::Token plain;
    plain.setSubject(std::getenv("SUB"));
    std::cout << signer.sign(plain, Poco::JWT::Signer::ALGO_HS256) << "\n";
    Poco::JWT::Token right;
    right.setType("at+jwt");
    right.header().set("kid", std::string(std::getenv("KID")));
    auto claims = Poco::JSON::Parser().parse(std::getenv("CLAIMS")).extract<Poco::JSON::Object::Ptr>();
    for (auto &claim : *claims) right.payload().set(claim.first, claim.second);
    std::cout << signer.sign(right, Poco::JWT::Signer::ALGO_HS256) << "\n";
}
