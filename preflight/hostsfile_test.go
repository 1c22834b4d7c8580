package preflight

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
)

// What the hosts file of the machine says is no answer of DNS: a mail host has its own
// name there, often at 127.0.1.1, and net would take that for what receivers see.
func TestHostsFileIsNotDNS(t *testing.T) {
	dead := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no connection")
	}}
	m := withoutHosts(dead, "127.0.0.1 localhost\n127.0.1.1\tMail.kept.example mail # this host\n# 192.0.2.1 old.example\n192.0.2.10 mx.kept.example.\n\nfe80::1%eth0 six.example\nnonsense x.example\n")
	for name, in := range map[string]bool{
		"mail.kept.example.": true, "MAIL.kept.example": true, "mx.kept.example": true, "six.example": true, "mail": true,
		"old.example": false, "x.example": false, "kept.example": false, "this": false,
	} {
		if _, err := m.LookupIPAddr(t.Context(), name); err == nil || isNotFound(err) || strings.Contains(err.Error(), "hosts file") != in {
			t.Errorf("%s: got %v, want an error that nobody knows; in the file: %v", name, err, in)
		}
	}
	for addr, in := range map[string]bool{"127.0.1.1": true, "192.0.2.10": true, "::ffff:192.0.2.10": true, "fe80::1": true, "192.0.2.1": false} {
		if _, err := m.LookupAddr(t.Context(), addr); err == nil || isNotFound(err) || strings.Contains(err.Error(), "hosts file") != in {
			t.Errorf("%s: got %v, want an error that nobody knows; in the file: %v", addr, err, in)
		}
	}

	w := keptWorld(t)
	w.options.Resolver = m
	for _, f := range Check(t.Context(), w.sender, w.options) {
		if (f.ID == "source.helo" || f.ID == "source.ptr") && f.Level != Unknown {
			t.Errorf("%s is %v: %s", f.ID, f.Level, f.Why)
		}
	}
}
