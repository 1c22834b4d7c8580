package main

import (
	"strings"
	"testing"

	"github.com/smtpace/smtpace/smtptest"
)

func TestSender(t *testing.T) {
	values := []string{"ann+x@example.com", "Ann", "7-a"}
	for from, want := range map[string]string{
		"news@sender.example":                    "news@sender.example",
		"bounce+{{.email}}@sender.example":       "bounce+ann+x=example.com@sender.example",
		"b-{{.token}}-{{.email}}@sender.example": "b-7-a-ann+x=example.com@sender.example",
		"b@{{.name}}.sender.example":             "b@Ann.sender.example",
		"{{.email}}":                             "ann+x@example.com",
		"a&lt&ltname&gt&gt@sender.example":       "a&lt&ltname&gt&gt@sender.example", // no HTML
	} {
		s, err := newSender(from, crowd)
		if err == nil {
			err = s.check(values)
		}
		if got := s.fill(values); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", from, got, err, want)
		}
	}
	for from, want := range map[string]string{
		"bounce+{{token}}@sender.example": "{{token}} is no placeholder: write {{.token}}",
		"bounce+{{.tokn}}@sender.example": `unknown name "tokn"`,
		"bounce+%7B%7B.token}}@x.example": "is no placeholder",
		"bounce@sender.example>":          "address",
	} {
		if _, err := newSender(from, crowd); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", from, err, want)
		}
	}
}

// TestRunLongSenders has envelope senders whose local parts are longer than the 64
// octets that every server must take, and addresses with dots in odd places.
func TestRunLongSenders(t *testing.T) {
	srv := newServer(t, smtptest.Config{})
	long := strings.Repeat("long.name.", 25) + "x@example.com" // 263 octets
	j := job{
		list: "email\n" + long + "\na..b.@example.com\n", message: "From: n@sender.example\nSubject: x\n\nx\n",
		flags: []string{"-from", "bounce-0123456789-{{.email}}@sender.example"},
	}
	got := j.run(t, srv.Addr)
	got.want(t, "messages=2 delivered=2")
	want := map[string]string{
		long:                  "bounce-0123456789-" + strings.Replace(long, "@", "=", 1) + "@sender.example",
		`"a..b."@example.com`: `"bounce-0123456789-a..b.=example.com"@sender.example`,
	}
	for _, m := range srv.Messages() {
		header, _ := parse(t, string(m.Data))
		to := m.Recipients[0].Address
		if m.From != want[to] || header.Get("To") != to {
			t.Errorf("to %s from %s, field To %s", to, m.From, header.Get("To"))
		}
	}
}

// With a placeholder in -from each recipient has an envelope sender of its own;
// a line that makes none is named before anything is sent.
func TestRunOwnSenders(t *testing.T) {
	srv := newServer(t, smtptest.Config{})
	j := job{
		list: "email,token\nann@example.com,1\nbob@example.com,2 3\n", message: "From: n@sender.example\nSubject: x\n\nx\n",
		flags: []string{"-from", "bounce+{{.token}}@sender.example"},
	}
	got := j.run(t, srv.Addr)
	got.want(t, "messages=2 delivered=1 refused=1")
	if m := srv.Messages(); len(m) != 1 || m[0].From != "bounce+1@sender.example" || !strings.Contains(string(m[0].Data), "@sender.example>\r\n") {
		t.Errorf("messages %+v", m)
	}
	if !strings.Contains(got.stderr, "list:3: -from: address") {
		t.Errorf("stderr %q", got.stderr)
	}
	j = job{list: "email,token\nann@example.com,1\n", message: "Subject: x\n\nx\n", flags: j.flags}
	if got := j.run(t, srv.Addr); got.status != 2 || !strings.Contains(got.stderr, "m.eml:1: no From field") {
		t.Errorf("no From: status %d, stderr %q", got.status, got.stderr)
	}
}
