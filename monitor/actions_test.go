package monitor

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

const jsonKind = "application/json"

func TestActions(t *testing.T) {
	f := &fake{}
	p := newPage(t, f, Options{Actions: true})
	for _, action := range []string{"pause", "resume", "retry", "forget"} {
		w := ask(p, "POST", "/action", `{"action":"`+action+`","name":"a.example"}`, "Content-Type", jsonKind, "Sec-Fetch-Site", "same-origin")
		if w.Code != http.StatusNoContent {
			t.Errorf("%s: got %d %s", action, w.Code, w.Body)
		}
	}
	if want := []string{"pause a.example", "resume a.example", "retry a.example", "forget a.example"}; !slices.Equal(f.done, want) {
		t.Errorf("did %q, want %q", f.done, want)
	}
}

func TestActionsThatAreRefused(t *testing.T) {
	const body = `{"action":"pause","name":"a.example"}`
	site := func(s string) []string { return []string{"Content-Type", jsonKind, "Sec-Fetch-Site", s} }
	for _, test := range []struct {
		name    string
		options Options
		method  string
		body    string
		header  []string
		status  int
	}{
		{"read-only", Options{}, "POST", body, site("same-origin"), 403},
		{"GET", Options{Actions: true}, "GET", body, site("same-origin"), 405},
		{"another site", Options{Actions: true}, "POST", body, site("cross-site"), 403},
		{"another origin of the site", Options{Actions: true}, "POST", body, site("same-site"), 403},
		{"an old browser, another origin", Options{Actions: true}, "POST", body, []string{"Content-Type", jsonKind, "Origin", "https://evil.example"}, 403},
		{"no origin", Options{Actions: true}, "POST", body, []string{"Content-Type", jsonKind, "Origin", "null"}, 403},
		{"a form", Options{Actions: true}, "POST", body, []string{"Content-Type", "text/plain"}, 415},
		{"no type", Options{Actions: true}, "POST", body, nil, 415},
		{"unknown", Options{Actions: true}, "POST", `{"action":"explode","name":"a"}`, site("same-origin"), 400},
		{"no name", Options{Actions: true}, "POST", `{"action":"pause","name":" "}`, site("same-origin"), 400},
		{"not JSON", Options{Actions: true}, "POST", `pause`, site("same-origin"), 400},
		{"too long", Options{Actions: true}, "POST", `{"action":"pause","name":"` + strings.Repeat("a", mostActionBytes) + `"}`, site("same-origin"), 400},
	} {
		f := &fake{}
		p := newPage(t, f, test.options)
		w := ask(p, test.method, "http://mail.example/action", test.body, test.header...)
		if w.Code != test.status || len(f.done) > 0 {
			t.Errorf("%s: got %d, did %q, want %d", test.name, w.Code, f.done, test.status)
		}
	}
}

// A source that can do less offers less.
func TestActionsThatASourceHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			source  Source
			options Options
			want    string
		}{
			{&fake{}, Options{Actions: true}, "pause resume retry forget"},
			{&fake{}, Options{}, ""},
			{struct{ Source }{&fake{}}, Options{Actions: true}, ""},
		} {
			p := Handler(test.source, test.options)
			v := follow(t, p, "")
			if e := v.next(); strings.Join(e.Actions, " ") != test.want {
				t.Errorf("got %q, want %q", e.Actions, test.want)
			}
			v.leave()
			p.Close()
		}
	})
}
