package monitor

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestServesUnderAnyPath(t *testing.T) {
	p := newPage(t, &fake{}, Options{})
	mounted := http.NewServeMux()
	mounted.Handle("/a/mail/", http.StripPrefix("/a/mail", p))
	mounted.Handle("/b/", http.StripPrefix("/b/", p))
	mounted.Handle("/c", http.StripPrefix("/c", p))
	mounted.Handle("/e:vil/x", http.StripPrefix("/e:vil/x", p))
	for _, test := range []struct {
		handler       http.Handler
		path          string
		status        int
		kind, contain string
	}{
		{p, "/", 200, "text/html; charset=utf-8", "<title>smtpace</title>"},
		{p, "/page.js", 200, "text/javascript; charset=utf-8", "EventSource"},
		{p, "/uplot.LICENSE", 200, "text/plain; charset=utf-8", "Leon Sorokin"},
		{p, "/page.go", 404, "", ""},
		{p, "/assets/page.js", 404, "", ""},
		{mounted, "/a/mail/", 200, "text/html; charset=utf-8", "<title>smtpace</title>"},
		{mounted, "/a/mail/page.css", 200, "text/css; charset=utf-8", "prefers-color-scheme"},
		{mounted, "/b/", 200, "text/html; charset=utf-8", "<title>smtpace</title>"},
		{mounted, "/b/icon.svg", 200, "image/svg+xml", "<svg"},
		{mounted, "/c", 308, "", ""},
		{mounted, "/e:vil/x?y=/", 308, "", ""},
	} {
		w := ask(test.handler, "GET", test.path, "")
		if w.Code != test.status || test.kind != "" && w.Header().Get("Content-Type") != test.kind || !strings.Contains(w.Body.String(), test.contain) {
			t.Errorf("%s: got %d, %s, %.60q", test.path, w.Code, w.Header().Get("Content-Type"), w.Body)
		}
	}
	for path, want := range map[string]string{"/c": "./c/", "/e:vil/x?y=/": "./x/"} {
		if got := ask(mounted, "GET", path, "").Header().Get("Location"); got != want {
			t.Errorf("%s: redirected to %q, want %q", path, got, want)
		}
	}
}

// Every answer has the policy, and nothing of the page needs more than it allows.
func TestPageIsStrict(t *testing.T) {
	p := newPage(t, &fake{}, Options{})
	for _, path := range []string{"/", "/page.js", "/nothing", "/action"} {
		h := ask(p, "GET", path, "").Header()
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self'", "frame-ancestors 'none'"} {
			if !strings.Contains(h.Get("Content-Security-Policy"), want) {
				t.Errorf("%s: the policy %q lacks %q", path, h.Get("Content-Security-Policy"), want)
			}
		}
		if h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: got X-Content-Type-Options %q", path, h.Get("X-Content-Type-Options"))
		}
	}
	html := ask(p, "GET", "/", "").Body.String()
	if found := regexp.MustCompile(`(?i)<script[^>]*>[^<]|<style| style=| on[a-z]+=|(?:src|href)="(?:https?:|//|/)`).FindString(html); found != "" {
		t.Errorf("the page has %q", found)
	}
	for _, path := range []string{"/page.js", "/plot.js", "/uplot.js"} {
		script := ask(p, "GET", path, "").Body.String()
		if found := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function`).FindString(script); found != "" {
			t.Errorf("%s has %q", path, found)
		}
	}
}

// While nobody looks there is no goroutine, and after Close no timer asks for Stats.
func TestNothingRunsWhileNobodyLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		p := Handler(f, Options{})
		one, other := follow(t, p, ""), follow(t, p, "search=x")
		one.next()
		other.next()
		one.leave()
		other.leave()
		one.end()
		other.end()
		if len(p.viewers) > 0 {
			t.Errorf("got %d viewers after all have left", len(p.viewers))
		}
		p.Close()
		p.Close()
		before := f.calls()
		time.Sleep(time.Hour)
		if n := f.calls(); n != before {
			t.Errorf("Stats was asked for %d times after Close", n-before)
		}
		if status := follow(t, p, "").end(); status != http.StatusServiceUnavailable {
			t.Errorf("events of a closed page: got %d", status)
		}
	}) // a goroutine that is left fails the test
}

// end waits for the end of the events and returns the status of the answer.
func (f *follower) end() int {
	return <-f.status
}

func TestCloseEndsTheEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := Handler(&fake{}, Options{})
		f := follow(t, p, "")
		f.next()
		p.Close()
		f.end()
	})
}

func TestViewersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPage(t, &fake{}, Options{})
		var all []*follower
		for range mostViewers {
			f := follow(t, p, "")
			f.next()
			all = append(all, f)
		}
		if status := follow(t, p, "").end(); status != http.StatusServiceUnavailable {
			t.Errorf("one more: got %d", status)
		}
		all[0].leave()
		all[0].end()
		follow(t, p, "").next()
		for _, f := range all {
			f.leave()
		}
		p.Close()
	})
}
