package main

import (
	"crypto/subtle"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// handler returns the handler of all requests. Those of pages of another origin are
// refused.
func (s *service) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /messages", s.accept)
	mux.HandleFunc("GET /stats", s.stats)
	mux.Handle("GET /metrics", s.metrics)
	mux.Handle("/mail/", http.StripPrefix("/mail", s.page))
	mux.Handle("GET /{$}", http.RedirectHandler("/mail/", http.StatusSeeOther))
	guarded := http.NewCrossOriginProtection().Handler(s.guard(mux))
	open := http.NewServeMux()
	open.HandleFunc("GET /healthz", s.health)
	open.Handle("/", guarded)
	return open
}

// health answers 200 while messages are taken.
func (s *service) health(w http.ResponseWriter, _ *http.Request) {
	if s.stopping.Err() != nil {
		http.Error(w, "stopping", http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ok\n")) // an error is one of the connection
}

// stats answers with the statistics of the Sender.
func (s *service) stats(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s.sender.Stats()) // an error is one of the connection
}

// guard lets requests through that have the token. Without a token it lets requests
// through that name this machine: another name means a page elsewhere whose own name was
// made to lead here.
func (s *service) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case s.token == "" && isLoopback(r.Host), s.token != "" && s.hasToken(r):
			next.ServeHTTP(w, r)
		case s.token == "":
			http.Error(w, "ask for localhost", http.StatusForbidden)
		default:
			w.Header().Set("WWW-Authenticate", `Basic realm="service", charset="UTF-8"`)
			http.Error(w, "want the token of SERVICE_TOKEN", http.StatusUnauthorized)
		}
	})
}

// hasToken reports whether a request has the token, as a Bearer token (RFC 6750) or as
// the password of a Basic login (RFC 7617).
func (s *service) hasToken(r *http.Request) bool {
	given, is := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !is {
		_, given, _ = r.BasicAuth()
	}
	return subtle.ConstantTimeCompare([]byte(given), []byte(s.token)) == 1
}

// isLoopback reports whether a Host names the loopback.
func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if host == "localhost" {
		return true
	}
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && address.IsLoopback()
}
