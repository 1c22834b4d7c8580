package promsmtpace_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/smtpace/smtpace"
	promsmtpace "github.com/smtpace/smtpace/metrics/prometheus"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
)

// newWorld returns a Sender that c observes, and a receiver in memory that limits the
// rate and refuses some. Mail to w.example meets a relay that is down, and the tenant
// "slow" has a limit.
func newWorld(t *testing.T, c *promsmtpace.Collector) (*smtpace.Sender, *smtptest.Server) {
	t.Helper()
	receiver := smtptest.NewServer(smtptest.Config{
		InMemory: true, Limits: smtptest.Limits{MessageRate: smtptest.Rate{Count: 20, Burst: 5}},
		Fault: smtptest.Rules(
			smtptest.Rule{Stage: smtptest.StageRcpt, Recipient: "gone@x.example", Fault: smtptest.Fault{Reply: "550 5.1.1 no such user"}},
			smtptest.Rule{Stage: smtptest.StageRcpt, Recipient: "later@y.example", Fault: smtptest.Fault{Reply: "451 4.2.0 try later"}},
		),
	})
	up := smtpace.Relay{Name: "up", Addr: receiver.Addr, TLS: pool.TLSNone, DialContext: receiver.DialContext}
	dead := smtpace.Relay{Name: "dead", Addr: "dead.example:25", TLS: pool.TLSNone, DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("connection refused")
	}}
	router := smtpace.PromptRouterFunc(func(r smtpace.RouteRequest) (smtpace.Route, error) {
		route := smtpace.Via(up)
		if r.Domain == "w.example" {
			route = smtpace.Via(dead)
		}
		if r.Tenant != "" {
			route.Parents = []throttle.Scope{{Kind: throttle.ScopeTenant, Name: r.Tenant}}
		}
		return route, nil
	})
	sender, err := smtpace.New(smtpace.Config{
		Router: router, Observers: []smtpace.Observer{c.Observer()}, Logger: slog.New(slog.DiscardHandler), IdleTimeout: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := sender.SetLimits(throttle.Scope{Kind: throttle.ScopeTenant, Name: "slow"}, throttle.Limits{MessageRate: throttle.Rate{Count: 1, Per: time.Minute}}); err != nil {
		t.Fatal(err)
	}
	return sender, receiver
}

// submit submits a message that is not waited for.
func submit(t *testing.T, s *smtpace.Sender, to, tenant string) {
	t.Helper()
	m := smtpace.Message{From: "a@s.example", To: []string{to}, Tenant: tenant, Data: []byte("Subject: x\r\n\r\nx\r\n")}
	if _, err := s.Submit(context.WithoutCancel(t.Context()), m, nil); err != nil {
		t.Fatal(err)
	}
}

// play sends 101 messages, and waits for all.
func play(t *testing.T, s *smtpace.Sender) {
	t.Helper()
	for i := range 100 {
		submit(t, s, fmt.Sprintf("r%d@x.example", i), "")
	}
	submit(t, s, "gone@x.example", "")
	for s.Stats().Total.Waiting > 0 {
		time.Sleep(time.Second)
	}
	time.Sleep(time.Minute) // connections end
}
