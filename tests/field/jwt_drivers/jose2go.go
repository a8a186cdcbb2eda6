// jose2go. See libraries.py for what is read and printed.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"

	jose "github.com/dvsekhvalnov/jose2go"
)

func main() {
	fmt.Println("jose2go 1, as Debian has it")
	key, _ := base64.RawURLEncoding.DecodeString(os.Getenv("SECRET"))
	_, _, err := jose.Decode(os.Getenv("TOKEN"), key)
	if err != nil {
		fmt.Println("refused:", err)
	} else {
		fmt.Println("accepted")
	}
	var claims map[string]interface{}
	json.Unmarshal([]byte(os.Getenv("CLAIMS")), &claims)
	plain, _ := json.Marshal(map[string]interface{}{"sub": claims["sub"]})
	text, _ := jose.SignBytes(plain, jose.HS256, key)
	fmt.Println(text)
	text, _ = jose.Sign(os.Getenv("CLAIMS"), jose.HS256, key, jose.Headers(map[string]interface{}{"typ": "at+jwt", "kid": os.Getenv("KID")}))
	fmt.Println(text)
}
