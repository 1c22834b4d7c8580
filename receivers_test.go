package smtpace

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/profile"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
)

// known returns a set with one profile.
func known(t *testing.T) *profile.Set {
	t.Helper()
	return profiles(t, `
		[[profile]]
		name = "big"
		domains = ["big.example", "*.big.example", "own.example"]
		mx = ["mx.test"]
		[[profile.figure]]
		limits = "connections:2,per-message:3,per-connection:4"
		source = "made up"
		[[profile.rule]]
		name = "big-slow"
		codes = [550]
		contains = ["error 77"]
		class = "rate-limited"
		limit = "message-rate"
		matches = ["550 error 77"]
		rejects = ["550 error 78"]
	`)
}

// profiles reads a set.
func profiles(t *testing.T, toml string) *profile.Set {
	t.Helper()
	set, err := profile.Parse(strings.NewReader(toml), "test.toml")
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestDomainsOfAProfileAreOneDestination(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{
			Relays: []Relay{relayTo(srv)}, Profiles: known(t),
			Destinations: map[string]throttle.Limits{"own.example": {Connections: 5}},
		})
		r, err := s.SendMail(t.Context(), newMsg(t, "a@big.example", "b@mail.big.example", "c@own.example", "d@other.example", "e@big.example", "f@big.example"))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, to := range r.Recipients {
			got = append(got, to.Destination)
		}
		if want := []string{"big", "big", "own.example", "other.example", "big", "big"}; !slices.Equal(got, want) {
			t.Errorf("destinations %q, want %q", got, want)
		}
		for _, tx := range srv.Transactions() {
			if n := len(tx.Recipients); n > 3 {
				t.Errorf("%d recipients in one message, want 3 at most", n)
			}
		}
	})
}

func TestLimitsOfTheUserOverrideThoseOfAProfile(t *testing.T) {
	for _, test := range []struct {
		name string
		cfg  Config
		want throttle.Limits
	}{
		{"profile behind a relay", Config{}, throttle.Limits{Connections: 2, RecipientsPerMessage: 3}},
		{"profile with a route", Config{Router: RouteTable{}},
			throttle.Limits{Connections: 2, RecipientsPerMessage: 3, MessagesPerConnection: 4}},
		{"for every destination", Config{Destination: throttle.Limits{Connections: 7}}, throttle.Limits{Connections: 7, RecipientsPerMessage: 3}},
		{"for this one", Config{Destinations: map[string]throttle.Limits{"big": {RecipientsPerMessage: 9}}},
			throttle.Limits{Connections: 2, RecipientsPerMessage: 9}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.cfg.Profiles = known(t)
			if got := test.cfg.limits()["big"]; got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// TestRulesOfAProfile has a 550 that a receiver's own dialect makes a limit:
// it refuses nobody, and the dialect is that of no other.
func TestRulesOfAProfile(t *testing.T) {
	refuse := smtptest.Rule{Stage: smtptest.StageRcpt, Times: 2, Fault: smtptest.Fault{Reply: "550 error 77"}}
	inWorld(t, smtptest.Config{Fault: smtptest.Rules(refuse)}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, Profiles: known(t)})
		r, err := s.SendMail(t.Context(), newMsg(t, "a@big.example"))
		if err != nil || r.Recipients[0].Attempts != 1 {
			t.Errorf("%+v, %v; want delivered with one attempt", r.Recipients[0], err)
		}
	})
	inWorld(t, smtptest.Config{Fault: smtptest.Rules(refuse)}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, Profiles: known(t)})
		if r, _ := s.SendMail(t.Context(), newMsg(t, "a@other.example")); r.Recipients[0].Status != Refused {
			t.Errorf("%+v, want refused", r.Recipients[0])
		}
	})
}

func TestRulesOfTheUser(t *testing.T) {
	inWorld(t, smtptest.Config{Fault: smtptest.Rules(
		smtptest.Rule{Stage: smtptest.StageDot, Times: 1, Fault: smtptest.Fault{Reply: "554 come back later, friend"}},
	)}, func(t *testing.T, srv *smtptest.Server) {
		own := classify.Rule{
			Name: "friend", Codes: []int{554}, Contains: []string{"friend"}, Class: classify.ClassServerBusy, Later: true,
			Matches: []string{"554 friend"}, Rejects: []string{"554 foe"},
		}
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, Rules: []classify.Rule{own}})
		if r, err := s.SendMail(t.Context(), newMsg(t, "a@x.example")); err != nil {
			t.Errorf("%+v, %v", r.Recipients[0], err)
		}
		if _, err := New(Config{Relays: []Relay{relayTo(srv)}, Rules: []classify.Rule{{Name: "bad"}}}); err == nil || errors.Unwrap(err) == err {
			t.Errorf("a rule without a class: got %v", err)
		}
	})
}

func TestKeysOfDestinationsAreBroughtIntoNormalForm(t *testing.T) {
	for key, to := range map[string]string{
		"one.example":           "a@one.example",
		"One.Example":           "a@one.example",
		"one.example.":          "a@One.Example",
		"bücher.example":        "a@bücher.example",
		"XN--BCHER-KVA.example": "a@bücher.example",
		"BÜCHER.EXAMPLE":        "a@xn--bcher-kva.example",
		"my_host.Example":       "a@my_host.example",
		"[192.0.2.1]":           "a@[192.0.2.1]",
		"[ipv6:2001:DB8::0:1]":  "a@[IPv6:2001:db8::1]",
		"big":                   "a@big.example",
	} {
		t.Run(key, func(t *testing.T) {
			inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{
					Relays: []Relay{relayTo(srv)}, Profiles: known(t),
					Destinations: map[string]throttle.Limits{key: {MessageRate: throttle.Rate{Count: 1, Per: time.Minute}}},
				})
				begin := time.Now()
				messages := []Message{rendered("1", to), rendered("2", to), rendered("3", to)}
				if err := s.SendAll(t.Context(), slices.Values(messages), nil); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(begin); took < 2*time.Minute {
					t.Errorf("3 messages at 1/min took %v, want 2 minutes", took)
				}
			})
		})
	}
}

func TestKeysThatAreNoDestinationsAreMistakes(t *testing.T) {
	for _, test := range []struct {
		keys []string
		want []string // parts of the error
	}{
		{[]string{""}, []string{`key ""`, "example.com"}},
		{[]string{"."}, []string{`key "."`}},
		{[]string{"@yahoo.com"}, []string{`key "@yahoo.com"`, `write "yahoo.com"`}},
		{[]string{"Me@Yahoo.com"}, []string{`key "Me@Yahoo.com"`, `"yahoo.com"`}},
		{[]string{"one example"}, []string{`key "one example"`}},
		{[]string{"one..example"}, []string{`key "one..example"`}},
		{[]string{"one.example\r\n"}, []string{`key "one.example\r\n"`}},
		{[]string{"[192.0.2]"}, []string{`key "[192.0.2]"`}},
		{[]string{"*.one.example"}, []string{`key "*.one.example"`}},
		{[]string{"One.example", "one.example."}, []string{`"One.example"`, `"one.example."`, "same destination"}},
		{[]string{"", "@yahoo.com"}, []string{`key ""`, `key "@yahoo.com"`}},
	} {
		destinations, warmUps := map[string]throttle.Limits{}, map[string]throttle.WarmUp{}
		for _, key := range test.keys {
			destinations[key] = throttle.Limits{Connections: 1}
			warmUps[key] = throttle.WarmUp{Table: []int{10}}
		}
		for field, cfg := range map[string]Config{
			"Config.Destinations": {Destinations: destinations},
			"Config.WarmUps":      {WarmUps: warmUps, Memory: noMemory{}},
		} {
			cfg.Relays = []Relay{{Addr: "mx.example:25"}}
			_, err := New(cfg)
			if err == nil {
				t.Errorf("%s: %q is accepted", field, test.keys)
				continue
			}
			for _, part := range append(test.want, field) {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%s: %q: the error is %v, want it to say %s", field, test.keys, err, part)
				}
			}
		}
	}
}

// noMemory is a Memory that keeps nothing. A file may take longer than Close waits.
type noMemory struct{}

func (noMemory) Load() ([]byte, error) { return nil, nil }

func (noMemory) Save([]byte) error { return nil }

func TestWarmUpOfADomainThatHasAnotherDestinationIsAMistake(t *testing.T) {
	plan := throttle.WarmUp{Start: epoch, Table: []int{10}}
	make := func(key string, destinations map[string]throttle.Limits) error {
		s, err := New(Config{
			Relays: []Relay{{Addr: "mx.example:25"}}, Profiles: known(t), Memory: noMemory{},
			Destinations: destinations, WarmUps: map[string]throttle.WarmUp{key: plan},
		})
		if err == nil {
			return s.Close()
		}
		return err
	}
	if err := make("mail.big.example", nil); err == nil || !strings.Contains(err.Error(), `destination "big"`) {
		t.Errorf("got %v", err)
	}
	for _, key := range []string{"big", "Own.example.", "other.example"} {
		if err := make(key, map[string]throttle.Limits{"own.example": {Connections: 5}}); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
}
