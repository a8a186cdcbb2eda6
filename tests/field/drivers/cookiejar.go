// Go's net/http with net/http/cookiejar
package main

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"os"
	"runtime"
	"strings"
)

func main() {
	fmt.Println(runtime.Version())
	jar, _ := cookiejar.New(nil)
	client := &http.Client{Jar: jar}
	show := func(answer *http.Response, err error) {
		if err != nil {
			panic(err)
		}
		answer.Body.Close()
		fmt.Println(answer.StatusCode)
	}
	url := os.Args[1]
	show(client.Post(url+"/login", "application/json", strings.NewReader(os.Getenv("BODY"))))
	show(client.Get(url + "/me"))
	show(client.Post(url+"/logout", "", nil))
	show(client.Get(url + "/me"))
}
