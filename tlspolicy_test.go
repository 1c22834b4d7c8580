package smtpace

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net/smtp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

// tlsHost returns a receiver with STARTTLS, and the relay that leads to it and trusts it.
func tlsHost(t *testing.T, name string, fault func(smtptest.Event) *smtptest.Fault) (*smtptest.Server, Relay) {
	t.Helper()
	srv := smtptest.NewServer(smtptest.Config{InMemory: true, StartTLS: true, Fault: fault})
	t.Cleanup(srv.Close)
	return srv, Relay{Name: name, Addr: "mx.test:25", TLSConfig: srv.ClientTLS(), DialContext: srv.DialContext}
}

// daneOf returns the policy that the certificate of a receiver satisfies.
func daneOf(t *testing.T, srv *smtptest.Server) TLSPolicy {
	t.Helper()
	conn, err := srv.DialContext(t.Context(), "tcp", srv.Addr)
	if err != nil {
		t.Fatal(err)
	}
	c, err := smtp.NewClient(conn, "mx.test")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.StartTLS(srv.ClientTLS()); err != nil {
		t.Fatal(err)
	}
	state, _ := c.TLSConnectionState()
	sum := sha256.Sum256(state.PeerCertificates[0].RawSubjectPublicKeyInfo)
	return TLSPolicy{Need: pool.NeedDANE, Records: []pool.TLSA{{Usage: 3, Selector: 1, Matching: 1, Data: sum[:]}}}
}

var (
	stsPolicy   = TLSPolicy{Need: pool.NeedMTASTS, Names: []string{"*.test"}}
	otherName   = TLSPolicy{Need: pool.NeedWebPKI, Names: []string{"mx.partner.test"}}
	otherRecord = TLSPolicy{Need: pool.NeedDANE, Records: []pool.TLSA{{Usage: 3, Selector: 1, Matching: 1, Data: make([]byte, 32)}}}
)

// TestHopThatDoesNotProveRests: the next one serves, and Stats and Explain tell what
// it has proved.
func TestHopThatDoesNotProveRests(t *testing.T) {
	for _, policy := range []TLSPolicy{otherName, otherRecord, {Need: pool.NeedMTASTS, Names: []string{"mx.partner.test"}}} {
		t.Run(policy.Need.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				a, first := tlsHost(t, "first", nil)
				b, second := tlsHost(t, "second", nil)
				var unproved atomic.Int32
				s := newSender(t, Config{Router: PromptRouterFunc(func(RouteRequest) (Route, error) {
					return Route{Levels: [][]Hop{{{Relay: first, TLSPolicy: policy}}, {{Relay: second, TLSPolicy: stsPolicy}}}}, nil
				}), Observers: []Observer{{Closed: func(c Connection) {
					if errors.Is(c.Err, pool.ErrTLSProof) && strings.HasPrefix(c.Relay, "first [") {
						unproved.Add(1)
					}
				}}}})
				var got results
				if _, err := s.Submit(t.Context(), rendered("m", "a@x.example"), got.done); err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Second)
				if x := s.Explain("x.example"); x.Proved != "mta-sts" {
					t.Errorf("Explain: endpoint %q has proved %q", x.Endpoint, x.Proved)
				}
				if got.count(Delivered) != 1 || len(received(b)) != 1 || len(a.Times(smtptest.StageMail)) != 0 {
					t.Errorf("got %v; first %v, second %v", got.of("m"), received(a), received(b))
				}
				for _, r := range s.Stats().Relays {
					if r.Name == "second [mta-sts mx.test]" && (r.Proved != "mta-sts" || r.TLS == "") || r.Name == "second" {
						t.Errorf("got %+v", r)
					}
				}
				if unproved.Load() == 0 {
					t.Error("no connection to the first has ended with ErrTLSProof")
				}
			})
		})
	}
}

// TestUnprovedMailWaits: without a hop that proves what is needed, mail waits, goes
// when there is one, and else expires. It is never refused or sent in clear text.
func TestUnprovedMailWaits(t *testing.T) {
	strip := func(ev smtptest.Event) *smtptest.Fault {
		if ev.Stage == smtptest.StageHelo && !ev.TLS {
			return &smtptest.Fault{Reply: "250 mx.test"}
		}
		return nil
	}
	refuse := smtptest.Rules(smtptest.Rule{Stage: smtptest.StageStartTLS, Fault: smtptest.Fault{Reply: "554 5.7.0 no TLS here"}})
	for _, test := range []struct {
		name   string
		policy TLSPolicy
		fault  func(smtptest.Event) *smtptest.Fault
	}{
		{"STARTTLS is stripped", stsPolicy, strip}, {"STARTTLS is stripped, no records", TLSPolicy{Need: pool.NeedDANE}, strip},
		{"STARTTLS is refused", stsPolicy, refuse}, {"another name", otherName, nil}, {"another key", otherRecord, nil},
	} {
		for _, mended := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, mended %v", test.name, mended), func(t *testing.T) {
				bubble(t, func(t *testing.T) { unprovedMailWaits(t, test.policy, test.fault, mended) })
			})
		}
	}
}

func unprovedMailWaits(t *testing.T, policy TLSPolicy, fault func(smtptest.Event) *smtptest.Fault, mended bool) {
	start := time.Now()
	isMended := func() bool { return mended && time.Since(start) > 20*time.Minute }
	srv, relay := tlsHost(t, "mx", func(ev smtptest.Event) *smtptest.Fault {
		if fault == nil || isMended() {
			return nil
		}
		return fault(ev)
	})
	s := newSender(t, Config{Expiry: 2 * time.Hour, Router: PromptRouterFunc(func(RouteRequest) (Route, error) {
		p := policy
		if isMended() {
			p = stsPolicy
		}
		return Route{Levels: [][]Hop{{{Relay: relay, TLSPolicy: p}}}, Until: time.Now().Add(time.Minute)}, nil
	})})
	_, err := s.Send(t.Context(), rendered("m", "a@x.example"))
	took := time.Since(start)
	var all *SendError
	switch {
	case !mended && errors.As(err, &all) && all.Result.Recipients[0].Status != Refused:
		if took < 2*time.Hour || !strings.Contains(err.Error(), "does not prove") && !strings.Contains(err.Error(), "matches none") {
			t.Errorf("got %v after %v", err, took)
		}
	case !mended || err != nil || took < 20*time.Minute:
		t.Errorf("got %v after %v", err, took)
	}
	clear := 0
	for _, tx := range srv.Transactions() {
		if !tx.TLS {
			clear++
		}
	}
	if mails := len(srv.Times(smtptest.StageMail)); clear > 0 || mails != 0 && !mended {
		t.Errorf("%d MAIL commands, %d in clear text", mails, clear)
	}
}

// connections returns the domains of the recipients that each connection has carried,
// sorted, one text a connection.
func connections(srv *smtptest.Server) (all []string) {
	by := map[int]map[string]bool{}
	for _, tx := range srv.Transactions() {
		for _, to := range tx.To() {
			if by[tx.Conn] == nil {
				by[tx.Conn] = map[string]bool{}
			}
			by[tx.Conn][domainOf(to)] = true
		}
	}
	for _, domains := range by {
		all = append(all, strings.Join(slices.Sorted(maps.Keys(domains)), " "))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// TestPoliciesShareNoConnection sends to domains with policies of their own at one
// host, in every order. Domains share a connection only if it has proved what both need.
func TestPoliciesShareNoConnection(t *testing.T) {
	for _, test := range []struct {
		domains []string
		want    string
	}{
		{[]string{"any.example", "sts.example", "dane.example"}, `["any.example" "dane.example" "sts.example"]`},
		{[]string{"dane.example", "any.example", "sts.example"}, `["any.example" "dane.example" "sts.example"]`},
		{[]string{"sts.example", "any.example"}, `["any.example" "sts.example"]`},
		{[]string{"any.example", "false.example"}, `["any.example"]`},
		{[]string{"false.example", "any.example"}, `["any.example"]`},
		{[]string{"sts.example", "listed.example"}, `["listed.example sts.example"]`},
		{[]string{"plain.example", "sts.example"}, `["plain.example" "sts.example"]`},
	} {
		t.Run(fmt.Sprint(test.domains), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				srv, relay := tlsHost(t, "mx", nil)
				relay.Limits.Connections = 1
				policies := map[string]TLSPolicy{
					"any.example": {Need: pool.NeedOpportunistic}, "sts.example": stsPolicy, "dane.example": daneOf(t, srv),
					"false.example": otherRecord, "listed.example": {Need: pool.NeedMTASTS, Names: []string{"a.example", "MX.test"}},
				}
				s := newSender(t, Config{Router: PromptRouterFunc(func(r RouteRequest) (Route, error) {
					return Route{Destination: "one", Levels: [][]Hop{{{Relay: relay, TLSPolicy: policies[r.Domain]}}}}, nil
				})})
				var got results
				for i := range 12 {
					domain := test.domains[i%len(test.domains)]
					if _, err := s.Submit(t.Context(), rendered(fmt.Sprint(i), "a@"+domain), got.done); err != nil {
						t.Fatal(err)
					}
					if i < len(test.domains) {
						time.Sleep(3 * time.Second) // the connection of the first is idle then
					}
				}
				time.Sleep(10 * time.Second)
				if domains := connections(srv); fmt.Sprintf("%q", domains) != test.want {
					t.Errorf("the connections have carried %q, want %s", domains, test.want)
				}
				for _, tx := range srv.Transactions() {
					if !tx.TLS || slices.ContainsFunc(tx.To(), func(to string) bool { return domainOf(to) == "false.example" }) {
						t.Errorf("a message for %v went, over TLS %v", tx.To(), tx.TLS)
					}
				}
			})
		})
	}
}

// TestNewPolicyNeedsNewProof has a Router change the policy of a domain while a
// connection is idle: it stays in use only while its proof is the one needed.
func TestNewPolicyNeedsNewProof(t *testing.T) {
	for _, prompt := range []bool{true, false} {
		t.Run(fmt.Sprint("prompt ", prompt), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				srv, relay := tlsHost(t, "mx", nil)
				var policy atomic.Pointer[TLSPolicy]
				answer := func(RouteRequest) (Route, error) {
					return Route{Levels: [][]Hop{{{Relay: relay, TLSPolicy: *policy.Load()}}}, Until: time.Now().Add(2 * time.Second)}, nil
				}
				var router Router = PromptRouterFunc(answer)
				if !prompt {
					router = waiting(answer)
				}
				s := newSender(t, Config{Router: router, IdleTimeout: 4 * time.Minute})
				var got results
				send := func(id string, p TLSPolicy) (connections int) {
					policy.Store(&p)
					if _, err := s.Submit(t.Context(), rendered(id, "a@x.example"), got.done); err != nil {
						t.Fatal(err)
					}
					time.Sleep(5 * time.Second)
					return srv.Stats().Connections
				}
				relisted := stsPolicy
				relisted.Names = []string{"mx.test", "b.test"}
				if n := send("1", stsPolicy); n != 1 || send("2", relisted) != 1 {
					t.Errorf("%d, then %d connections for policies that one satisfies", n, srv.Stats().Connections)
				}
				if send("3", TLSPolicy{Need: pool.NeedWebPKI, Names: []string{"mx.test"}}) != 2 {
					t.Error("a new need had no new connection")
				}
				send("4", otherRecord)
				if got.of("4") != nil || got.count(Delivered) != 3 {
					t.Errorf("%d delivered; the one whose policy nobody satisfies: %v", got.count(Delivered), got.of("4"))
				}
			})
		})
	}
}

// TestRouteWithBadPolicyIsAnError names what is wrong, and holds up no other mail.
func TestRouteWithBadPolicyIsAnError(t *testing.T) {
	for _, test := range []struct {
		change func(*Hop)
		want   string
	}{
		{func(h *Hop) { h.TLSPolicy = TLSPolicy{Need: pool.NeedMTASTS} }, "the need mta-sts has no Names; want"},
		{func(h *Hop) {
			h.TLSPolicy = TLSPolicy{Need: pool.NeedDANE, Records: []pool.TLSA{{Usage: 3, Matching: 1, Data: []byte{1}}}}
		}, "Records[0]: TLSA record of matching type 1 has 1 bytes of data; want the 32"},
		{func(h *Hop) {
			h.TLSPolicy = TLSPolicy{Need: pool.NeedDANE, Records: []pool.TLSA{{Usage: 1, Data: []byte{1}}}}
		}, "usage 1; want 2 or 3"},
		{func(h *Hop) { h.Relay.TLS, h.TLSPolicy = pool.TLSNone, stsPolicy }, "contradicts TLS none; want"},
		{func(h *Hop) { h.Relay.TLSConfig = &tls.Config{InsecureSkipVerify: true} }, "contradicts InsecureSkipVerify"},
	} {
		bubble(t, func(t *testing.T) {
			srv, relay := tlsHost(t, "mx", nil)
			s := newSender(t, Config{Expiry: time.Hour, Router: PromptRouterFunc(func(r RouteRequest) (Route, error) {
				h := Hop{Relay: relay, TLSPolicy: stsPolicy}
				if r.Domain == "bad.example" {
					test.change(&h)
				}
				return Route{Levels: [][]Hop{{h}}}, nil
			})})
			var got results
			for _, domain := range []string{"bad.example", "good.example"} {
				if _, err := s.Submit(t.Context(), rendered(domain, "a@"+domain), got.done); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(2 * time.Hour)
			synctest.Wait()
			if r := got.of("good.example"); r == nil || r.Recipients[0].Status != Delivered {
				t.Errorf("%s: the other domain: %v", test.want, r)
			}
			r := got.of("bad.example").Recipients[0]
			if text := fmt.Sprint(r.Err); r.Status != NotTried || !errors.Is(r.Err, ErrNoRoute) || !strings.Contains(text, test.want) || !strings.Contains(text, `relay "mx"`) {
				t.Errorf("got %v, want %s", r, test.want)
			}
			if len(received(srv)) != 1 {
				t.Errorf("the host has %v", received(srv))
			}
		})
	}
}

// A relay of a Route that has settings of its own has a Name, which tells it from others.
func TestHopsWithSettingsHaveAName(t *testing.T) {
	for name, set := range map[string]func(r *Relay){
		"none":        func(*Relay) {},
		"Credentials": func(r *Relay) { r.Credentials = func(context.Context) (string, string, error) { return "u", "p", nil } },
		"SASL":        func(r *Relay) { r.SASL = func(context.Context) (pool.SASL, error) { return nil, nil } },
		"TLSConfig":   func(r *Relay) { r.TLSConfig = &tls.Config{} },
		"DialContext": func(r *Relay) { r.DialContext = dialFails(errRefused) },
	} {
		h := Hop{Relay: Relay{Addr: "mx.example:25"}}
		set(&h.Relay)
		if err := h.validate(); (err == nil) != (name == "none") || err != nil && !strings.Contains(err.Error(), "no Name") {
			t.Errorf("%s: got %v", name, err)
		}
		h.Relay.Name = "mx"
		if err := h.validate(); err != nil {
			t.Errorf("%s, with a Name: got %v", name, err)
		}
	}
}
