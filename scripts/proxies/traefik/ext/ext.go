// Package ext stands where Traefik's go.mod replaces a module by a folder of its own, which no published module contains: two empty types are embedded.
package ext

// HTTP extends the HTTP configuration by nothing.
type HTTP struct{}

// Router extends a router by nothing.
type Router struct{}
