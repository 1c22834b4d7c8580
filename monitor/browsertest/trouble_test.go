package browsertest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
)

// limited are the limits of the receivers in trouble.
var limited = smtptest.Config{
	InMemory: true,
	Latency:  5 * time.Millisecond,
	Domains: map[string]smtptest.Domain{
		"bigmail.example":    {MessageRate: smtptest.Rate{Count: 50, Per: time.Second, Burst: 20, Reply: "450 4.7.1 You are sending too fast: slow down, see https://postmaster.bigmail.example/limits"}},
		"webmail.example":    {MessageRate: smtptest.Rate{Count: 8, Per: time.Second, Burst: 5, Reply: "421 4.7.28 Our system has detected an unusual rate of mail from your address"}},
		"freemail.example":   {Transactions: smtptest.Cap{Max: 3, Reply: "451 4.7.0 Too many concurrent transactions"}, MessageRate: smtptest.Rate{Count: 30, Per: time.Second, Burst: 30}},
		"greylist.example":   {Greylist: smtptest.Greylist{Delay: 20 * time.Minute, Reply: "450 4.2.0 Greylisted, try again in 20 minutes"}},
		"university.example": {MessageRate: smtptest.Rate{Count: 2, Per: time.Second, Burst: 2, Reply: "450 4.7.1 Error: too much mail from 192.0.2.25"}},
	},
}

// waiting are the messages that each domain is given at the start.
var waiting = []struct {
	domain   string
	messages int
}{
	{"bigmail.example", 14000}, {"webmail.example", 2600}, {"freemail.example", 5200}, {"greylist.example", 40}, {"university.example", 900},
	{"down.example", 320}, {"held.example", 180}, {"shop.example", 60}, {"club.example", 35}, {"news.example", 25},
}

// troubled returns a Sender whose receivers are in trouble of several kinds, and that
// has mail for all of them.
func troubled(t *testing.T) *smtpace.Sender {
	t.Helper()
	sender := troubledSender(t)
	if err := sender.SetLimits(throttle.Scope{Kind: throttle.ScopeTenant, Name: "acme"}, throttle.Limits{MessageRate: throttle.Rate{Count: 40, Per: time.Second}}); err != nil {
		t.Fatal(err)
	}
	sender.Pause("held.example")
	for _, to := range waiting {
		for i := range to.messages {
			submit(t, sender, fmt.Sprintf("reader%d@%s", i, to.domain), []string{"", "", "", "acme"}[i%4])
		}
	}
	return sender
}

// troubledSender returns a Sender whose receivers are in trouble, without mail.
func troubledSender(t *testing.T) *smtpace.Sender {
	t.Helper()
	receiver := smtptest.NewServer(limited)
	t.Cleanup(receiver.Close)
	down := smtpace.Relay{Name: "mx.down.example:25", Addr: "192.0.2.25:25", TLS: pool.TLSNone, DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("dial tcp 192.0.2.25:25: connect: connection refused")
	}}
	sender, err := smtpace.New(smtpace.Config{
		Router: smtpace.PromptRouterFunc(func(r smtpace.RouteRequest) (smtpace.Route, error) {
			if r.Domain == "down.example" {
				return smtpace.Via(down), nil
			}
			route := smtpace.Via(smtpace.Relay{Name: "mx." + r.Domain + ":25", Addr: receiver.Addr, TLS: pool.TLSNone, DialContext: receiver.DialContext})
			route.Parents = []throttle.Scope{{Kind: throttle.ScopeTenant, Name: r.Tenant}}
			return route, nil
		}),
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sender.Close() })
	return sender
}

// submit gives a Sender a message.
func submit(t *testing.T, sender *smtpace.Sender, to, tenant string) {
	t.Helper()
	_, err := sender.Submit(t.Context(), smtpace.Message{
		From: "news@sender.example", To: []string{to}, Tenant: tenant, Data: []byte("From: news@sender.example\r\nSubject: News\r\n\r\nHello.\r\n"),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
}

// fake is a source of which every text is an attack.
type fake struct{ attack string }

func (f fake) Stats() smtpace.Stats {
	now := time.Now()
	pace := throttle.Pace{Concurrency: 3, MessageRate: "4.5/s", Inferred: f.attack, LastRefusal: f.attack, RefusedAt: &now, Breaker: f.attack}
	s := smtpace.Stats{Time: now, Queued: 3}
	s.Destinations = []smtpace.DestinationStats{{DestinationStats: throttle.DestinationStats{Name: f.attack, Queued: 3, Pace: pace}}}
	s.Relays = []smtpace.RelayStats{{EndpointStats: throttle.EndpointStats{Name: f.attack, Pace: pace}, Fault: f.attack, TLS: f.attack, Proved: f.attack}}
	s.Scopes = []throttle.ScopeStats{{Kind: f.attack, Name: f.attack, Bind: throttle.Binding{Scope: f.attack, Name: f.attack, Limit: f.attack}}}
	return s
}

func (f fake) Explain(string) throttle.Explanation {
	s := f.Stats()
	return throttle.Explanation{
		Time: s.Time, Destination: f.attack, Known: true, Queued: 3, Endpoint: f.attack, Proved: f.attack, Pace: s.Destinations[0].Pace, Via: &s.Relays[0].Pace,
		Bind: throttle.Binding{Scope: f.attack, Name: f.attack, Limit: f.attack},
	}
}

// attacks are texts that break a page which takes them for more than text.
var attacks = strings.Join([]string{
	`"><script>attacked = 1</script>`, `<img src=x onerror="attacked = 1">`, `</script><svg onload=attacked=1>`, `'-attacked=1-'`,
	`javascript:attacked=1`, `&lt;b&gt;`, "\u2028\u2029\u202e", `${attacked=1}`, `#/..%2f?name=&x`,
}, " ")
