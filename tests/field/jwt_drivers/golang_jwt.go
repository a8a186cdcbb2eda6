// golang-jwt. See libraries.py for what is read and printed.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"

	"github.com/golang-jwt/jwt"
)

func main() {
	fmt.Println("golang-jwt 4, as Debian has it")
	key, _ := base64.RawURLEncoding.DecodeString(os.Getenv("SECRET"))
	_, err := jwt.Parse(os.Getenv("TOKEN"), func(token *jwt.Token) (interface{}, error) { return key, nil })
	if err != nil {
		fmt.Println("refused:", err)
	} else {
		fmt.Println("accepted")
	}
	var claims jwt.MapClaims
	json.Unmarshal([]byte(os.Getenv("CLAIMS")), &claims)
	plain, _ := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": claims["sub"]}).SignedString(key)
	fmt.Println(plain)
	right := jwt.NewWithClaims(jwt.SigningMethodHS256, claims)
	right.Header["typ"], right.Header["kid"] = "at+jwt", os.Getenv("KID")
	text, _ := right.SignedString(key)
	fmt.Println(text)
}
