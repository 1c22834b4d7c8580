package main

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/foxcpp/go-mockdns"
	"github.com/smtpace/smtpace/preflight"
	"github.com/smtpace/smtpace/smtptest"
)

// bulkMessage is a newsletter that keeps to the rules.
const bulkMessage = "From: News <news@sender.example>\nSubject: News\nList-Unsubscribe: <https://sender.example/u>\n" +
	"List-Unsubscribe-Post: List-Unsubscribe=One-Click\n\nHello\n"

// recording is a Resolver that keeps the names that it is asked about.
type recording struct {
	mockdns.Resolver
	mu    sync.Mutex
	asked []string
}

func (r *recording) note(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, strings.ToLower(strings.TrimSuffix(name, ".")))
}

func (r *recording) LookupTXT(ctx context.Context, name string) ([]string, error) {
	r.note(name)
	return r.Resolver.LookupTXT(ctx, name)
}

func (r *recording) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	r.note(name)
	return r.Resolver.LookupMX(ctx, name)
}

func (r *recording) LookupIPAddr(ctx context.Context, name string) ([]net.IPAddr, error) {
	r.note(name)
	return r.Resolver.LookupIPAddr(ctx, name)
}

func (r *recording) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	r.note(addr)
	return r.Resolver.LookupAddr(ctx, addr)
}

// withPreflight runs a job whose sender is looked up with a resolver.
func (j *job) withPreflight(t *testing.T, srv *smtptest.Server, resolver preflight.Resolver, flags ...string) outcome {
	t.Helper()
	var stdout, stderr buffer
	o, err := parseOptions(append(append(j.args(t, srv.Addr), "-preflight", "on"), flags...), &stdout)
	if err != nil {
		t.Fatal(err)
	}
	o.relay.DialContext, o.resolver = srv.DialContext, resolver
	c, err := newCampaign(o, newConsole(&stderr))
	if err != nil {
		t.Fatal(err)
	}
	status := c.run(t.Context(), nil, &stdout)
	return j.outcome(t, status, stdout.String(), stderr.String())
}

// What DNS lacks is a warning, and the mail goes out. Nobody is asked about names that
// are not the sender's.
func TestPreflightWarns(t *testing.T) {
	srv := newServer(t, smtptest.Config{})
	resolver := &recording{Resolver: mockdns.Resolver{Zones: map[string]mockdns.Zone{
		"sender.example.":        {TXT: []string{"v=spf1 include:far.example a:far.example -all"}, MX: []net.MX{{Host: "mx.far.example."}}},
		"_dmarc.sender.example.": {TXT: []string{"v=DMARC1; p=none; rua=mailto:d@far.example"}},
	}}}
	j := job{list: addresses(3, "example.net"), message: plainMessage}
	o := j.withPreflight(t, srv, resolver)
	o.want(t, "delivered=3")
	for _, want := range []string{
		"preflight: warn: dmarc.record: p=none", `"v=DMARC1; p=quarantine; rua=mailto:d@far.example"`,
		"preflight: fail: bulk.unsubscribe: the message has 0 List-Unsubscribe fields",
		"the mail goes out nevertheless",
	} {
		if !strings.Contains(o.stderr, want) {
			t.Errorf("no %q in\n%s", want, o.stderr)
		}
	}
	if len(resolver.asked) == 0 {
		t.Error("DNS was not asked")
	}
	for _, name := range resolver.asked {
		if name != "sender.example" && !strings.HasSuffix(name, ".sender.example") {
			t.Errorf("asked about %s", name)
		}
	}
}

// A sender without a fault is not spoken of, and -preflight off asks nothing.
func TestPreflightIsSilent(t *testing.T) {
	srv := newServer(t, smtptest.Config{})
	resolver := &recording{Resolver: mockdns.Resolver{Zones: map[string]mockdns.Zone{
		"sender.example.":        {TXT: []string{"v=spf1 mx -all"}, MX: []net.MX{{Host: "mx.sender.example."}}},
		"mx.sender.example.":     {A: []string{"192.0.2.1"}},
		"_dmarc.sender.example.": {TXT: []string{"v=DMARC1; p=reject; rua=mailto:d@sender.example"}},
	}}}
	j := job{list: addresses(3, "example.net"), message: bulkMessage}
	if o := j.withPreflight(t, srv, resolver); strings.Contains(o.stderr, "preflight") || len(resolver.asked) == 0 {
		t.Errorf("asked %q, said %s", resolver.asked, o.stderr)
	}
	resolver.asked = nil
	j.message = plainMessage
	if o := j.withPreflight(t, srv, resolver, "-preflight", "off"); strings.Contains(o.stderr, "preflight") || len(resolver.asked) != 0 {
		t.Errorf("asked %q, said %s", resolver.asked, o.stderr)
	}
}

// hanging is a Resolver that answers after a time, whatever its context says.
type hanging time.Duration

func (h hanging) wait() error {
	time.Sleep(time.Duration(h))
	return errors.New("too late")
}

func (h hanging) LookupTXT(context.Context, string) ([]string, error)        { return nil, h.wait() }
func (h hanging) LookupMX(context.Context, string) ([]*net.MX, error)        { return nil, h.wait() }
func (h hanging) LookupIPAddr(context.Context, string) ([]net.IPAddr, error) { return nil, h.wait() }
func (h hanging) LookupAddr(context.Context, string) ([]string, error)       { return nil, h.wait() }

// firstMail returns the time until the first mail in virtual time, where DNS answers
// after a time and the relay is so far away.
func firstMail(t *testing.T, dns, latency time.Duration, flags ...string) (took time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		srv := smtptest.NewServer(smtptest.Config{InMemory: true, Latency: latency})
		defer srv.Close()
		began := time.Now()
		j := job{list: addresses(3, "example.net"), message: bulkMessage}
		j.withPreflight(t, srv, hanging(dns), flags...).want(t, "delivered=3")
		took = srv.Messages()[0].Start.Sub(began)
		time.Sleep(2 * time.Minute) // the resolver's goroutines end
	})
	return took
}

// Where DNS does not answer, what the message alone shows is told all the same, and so is
// why the rest is not known.
func TestPreflightWithoutDNS(t *testing.T) {
	for _, dns := range []time.Duration{time.Minute, checkTime - time.Millisecond} { // a socket may end just before the context
		synctest.Test(t, func(t *testing.T) {
			srv := smtptest.NewServer(smtptest.Config{InMemory: true})
			defer srv.Close()
			began := time.Now()
			j := job{list: addresses(3, "example.net"), message: plainMessage}
			o := j.withPreflight(t, srv, hanging(dns))
			o.want(t, "delivered=3")
			for _, want := range []string{"preflight: fail: bulk.unsubscribe: ", "preflight: DNS did not answer within 3s"} {
				if !strings.Contains(o.stderr, want) {
					t.Errorf("%v: no %q in\n%s", dns, want, o.stderr)
				}
			}
			if took := srv.Messages()[0].Start.Sub(began); took > preflightTime+100*time.Millisecond {
				t.Errorf("%v: the first mail goes after %v", dns, took)
			}
			time.Sleep(2 * time.Minute) // the resolver's goroutines end
		})
	}
}

// DNS that does not answer costs three seconds at most, and no mail. DNS that is no
// slower than the relay costs nothing.
func TestPreflightTakesThreeSeconds(t *testing.T) {
	if took := firstMail(t, time.Minute, 0); took > 3100*time.Millisecond || took < 2900*time.Millisecond {
		t.Errorf("the first mail went out after %v, want 3 s", took)
	}
	off := firstMail(t, 500*time.Millisecond, time.Second, "-preflight", "off")
	if on := firstMail(t, 500*time.Millisecond, time.Second); on > off {
		t.Errorf("the first mail went out after %v, without the checks after %v", on, off)
	}
}
