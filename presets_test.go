package smtpace

import (
	"testing"
	"time"

	"github.com/smtpace/smtpace/profile"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
)

// services returns a set with a service that customers log in to.
func services(t *testing.T) *profile.Set {
	t.Helper()
	return profiles(t, `
		[[profile]]
		name = "service"
		relays = ["smtp.*.service.example"]
		[[profile.figure]]
		limits = "connections:3,rate:30/m,per-connection:2"
		source = "made up"
		[[profile.rule]]
		name = "service-daily"
		codes = [554]
		contains = ["error 99"]
		class = "rate-limited"
		limit = "quota"
		matches = ["554 error 99"]
		rejects = ["554 error 98"]
	`)
}

func TestAServiceSetsTheCeilingsOfItsRelay(t *testing.T) {
	for _, test := range []struct {
		name, addr       string
		own              throttle.Limits
		routed, profiles bool
		connections      int
		took             time.Duration
	}{
		{"relay", "smtp.eu.service.example:587", throttle.Limits{}, false, true, 3, 8 * time.Second},
		{"hop of a Router", "smtp.eu.service.example:587", throttle.Limits{}, true, true, 3, 8 * time.Second},
		{"own limits go first", "smtp.eu.service.example:587", throttle.Limits{MessagesPerConnection: 5}, false, true, 1, 8 * time.Second},
		{"another host", "smtp.service.example:587", throttle.Limits{}, false, true, 1, 0},
		{"without profiles", "smtp.eu.service.example:587", throttle.Limits{}, false, false, 1, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
				relay := relayTo(srv)
				relay.Name, relay.Addr, relay.Limits = "service", test.addr, test.own
				cfg := Config{Relays: []Relay{relay}}
				if test.routed {
					cfg = Config{Router: PromptRouterFunc(func(RouteRequest) (Route, error) { return Via(relay), nil })}
				}
				if test.profiles {
					cfg.Profiles = services(t)
				}
				s := newSender(t, cfg)
				start := time.Now()
				for range 5 {
					if _, err := s.SendMail(t.Context(), newMsg(t, "a@example.net")); err != nil {
						t.Fatal(err)
					}
				}
				if got := srv.Stats().Connections; got != test.connections {
					t.Errorf("5 messages took %d connections, want %d", got, test.connections)
				}
				if got := time.Since(start).Round(time.Second); got != test.took {
					t.Errorf("5 messages took %v, want %v", got, test.took)
				}
			})
		})
	}
}

// A service's own replies are understood at its relay, whoever gets the mail.
func TestAServiceHasItsRulesAtItsRelay(t *testing.T) {
	for _, stage := range []smtptest.Stage{smtptest.StageMail, smtptest.StageRcpt, smtptest.StageDot} {
		t.Run(string(stage), func(t *testing.T) {
			refuse := smtptest.Rule{Stage: stage, Times: 1, Fault: smtptest.Fault{Reply: "554 error 99"}}
			inWorld(t, smtptest.Config{Fault: smtptest.Rules(refuse)}, func(t *testing.T, srv *smtptest.Server) {
				relay := relayTo(srv)
				relay.Addr = "smtp.eu.service.example:587"
				s := newSender(t, Config{Relays: []Relay{relay}, Profiles: services(t).With(known(t)), FailFast: FailFastNever})
				if _, err := s.SendMail(t.Context(), newMsg(t, "a@big.example")); err != nil {
					t.Errorf("a daily quota ended the mail: %v", err)
				}
			})
		})
	}
}
