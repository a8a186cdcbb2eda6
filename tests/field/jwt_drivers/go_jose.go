// go-jose, from Square. See libraries.py for what is read and printed.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"gopkg.in/square/go-jose.v2"
	"gopkg.in/square/go-jose.v2/jwt"
)

func made(key []byte, claims map[string]interface{}, options *jose.SignerOptions) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: key}, options)
	if err != nil {
		panic(err)
	}
	text, _ := jwt.Signed(signer).Claims(claims).CompactSerialize()
	return text
}

func main() {
	fmt.Println("go-jose 2, as Debian has it")
	key, _ := base64.RawURLEncoding.DecodeString(os.Getenv("SECRET"))
	var read jwt.Claims
	token, err := jwt.ParseSigned(os.Getenv("TOKEN"))
	if err == nil {
		err = token.Claims(key, &read)
	}
	if err == nil {
		err = read.Validate(jwt.Expected{Issuer: "authref", Audience: jwt.Audience{"authref"}, Time: time.Now()})
	}
	if err != nil {
		fmt.Println("refused:", err)
	} else {
		fmt.Println("accepted")
	}
	var claims map[string]interface{}
	json.Unmarshal([]byte(os.Getenv("CLAIMS")), &claims)
	fmt.Println(made(key, map[string]interface{}{"sub": claims["sub"]}, nil))
	fmt.Println(made(key, claims, (&jose.SignerOptions{}).WithType("at+jwt").WithHeader("kid", os.Getenv("KID"))))
}
