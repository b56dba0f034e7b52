// A bare reverse proxy out of Go's standard library, and a handler that answers every check with 200 and looks at nothing:
// what the gateway's speed is held against.
// Usage: goproxy LISTEN UPSTREAM, for example: goproxy 127.0.0.1:9000 http://127.0.0.1:8000; everything below /check/ is the handler's.
package main

import (
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
)

func main() {
	target, err := url.Parse(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(request *httputil.ProxyRequest) { request.SetURL(target) },
		Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true},
	}
	http.Handle("/", proxy)
	http.HandleFunc("/check/", func(answer http.ResponseWriter, _ *http.Request) { answer.WriteHeader(http.StatusOK) })
	log.Fatal(http.ListenAndServe(os.Args[1], nil))
}
