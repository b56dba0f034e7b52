// A bare reverse proxy out of Go's standard library: what the gateway's speed is held against.
// Usage: goproxy LISTEN UPSTREAM, for example: goproxy 127.0.0.1:9000 http://127.0.0.1:8000
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
	log.Fatal(http.ListenAndServe(os.Args[1], proxy))
}
