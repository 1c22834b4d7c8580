package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/smtptest"
)

// inBubble runs f in virtual time against an in-memory server.
func inBubble(t *testing.T, cfg smtptest.Config, f func(t *testing.T, srv *smtptest.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cfg.InMemory = true
		srv := newServer(t, cfg)
		f(t, srv)
	})
}

func TestGreylisted(t *testing.T) {
	cfg := smtptest.Config{Domains: map[string]smtptest.Domain{"grey.example": {Greylist: smtptest.Greylist{
		Delay: 20 * time.Second, Reply: "451 4.7.1 Greylisted, please try again in 30 seconds",
	}}}}
	inBubble(t, cfg, func(t *testing.T, srv *smtptest.Server) {
		j := job{list: "a@grey.example\nb@example.com\n", message: plainMessage}
		got := j.runWith(t, srv)
		got.want(t, "messages=2 delivered=2 tries=3 throttled=0")
		r := got.record(t, "a@grey.example")
		if s := r["seconds"].(float64); s < 30 || s > 37 || r["tries"] != 2.0 {
			t.Errorf("record %v", r)
		}
		if r := got.record(t, "b@example.com"); r["seconds"].(float64) > 1 {
			t.Errorf("record %v", r)
		}
	})
}

func TestThrottled(t *testing.T) {
	cfg := smtptest.Config{Limits: smtptest.Limits{
		Connections: smtptest.Cap{Max: 2}, MessageRate: smtptest.Rate{Count: 20, Burst: 5},
	}}
	inBubble(t, cfg, func(t *testing.T, srv *smtptest.Server) {
		j := job{list: addresses(300, "example.com"), message: plainMessage}
		got := j.runWith(t, srv)
		got.want(t, "messages=300 delivered=300 ambiguous=0")
		if n := srv.Stats().Throttled; n == 0 || got.summary["throttled"] != float64(n) {
			t.Errorf("throttled %v, the server says %d", got.summary["throttled"], n)
		}
	})
}

// The limits of the flags are kept.
func TestLimits(t *testing.T) {
	inBubble(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		j := job{
			list: addresses(40, "slow.example") + addresses(40, "fast.example"), message: plainMessage,
			flags: []string{"-connections", "3", "-rate", "20/s", "-domain-limit", "slow.example=rate:2/s burst 2"},
		}
		start := time.Now()
		got := j.runWith(t, srv)
		got.want(t, "delivered=80 throttled=0 tries=80")
		if peak := srv.Stats().Peak; peak > 3 {
			t.Errorf("%d connections at once", peak)
		}
		if took := time.Since(start); took < 18*time.Second || took > 25*time.Second {
			t.Errorf("40 messages at 2 a second took %v", took)
		}
		fast := time.Duration(0)
		for _, m := range srv.Messages() {
			if strings.HasSuffix(m.Recipients[0].Address, "fast.example") {
				fast = max(fast, m.End.Sub(start))
			}
		}
		if fast > 8*time.Second {
			t.Errorf("the other domain took %v", fast)
		}
	})
}

func TestExpires(t *testing.T) {
	cfg := smtptest.Config{Fault: smtptest.Rules(smtptest.Rule{
		Stage: smtptest.StageRcpt, Recipient: "a@example.com", Fault: smtptest.Fault{Reply: "451 4.3.0 not today"},
	})}
	inBubble(t, cfg, func(t *testing.T, srv *smtptest.Server) {
		j := job{list: "a@example.com\nb@example.com\n", message: plainMessage, flags: []string{"-expire", "1h"}}
		got := j.runWith(t, srv)
		got.want(t, "messages=2 delivered=1 gave_up=1")
		if r := got.record(t, "a@example.com"); r["code"] != 451.0 || r["seconds"].(float64) > 3601 {
			t.Errorf("record %v", r)
		}
	})
}

// What fails for every message, and does not go away, ends the run before the
// first.
func TestVerify(t *testing.T) {
	t.Setenv("BULK_TEST_PASSWORD", "canary")
	login := []string{"-user", "u", "-password-env", "BULK_TEST_PASSWORD"}
	users := map[string]string{"u": "canary"}
	reply := func(stage smtptest.Stage, text string, times int) func(smtptest.Event) *smtptest.Fault {
		return smtptest.Rules(smtptest.Rule{Stage: stage, Times: times, Fault: smtptest.Fault{Reply: text}})
	}
	for name, c := range map[string]struct {
		cfg   smtptest.Config
		flags []string
		want  string // on stderr; with status 2
		waits bool   // mail waits instead
	}{
		"fine":             {},
		"login":            {cfg: smtptest.Config{Users: users, StartTLS: true, RequireTLS: true}, flags: append(login, "-tls", "mandatory")},
		"implicit TLS":     {cfg: smtptest.Config{ImplicitTLS: true}, flags: []string{"-tls", "implicit"}},
		"opportunistic":    {flags: []string{"-tls", "opportunistic"}},
		"refused login":    {cfg: smtptest.Config{Users: map[string]string{"u": "other"}, StartTLS: true}, flags: append(login, "-tls", "mandatory"), want: "AUTH: 535"},
		"no login offered": {cfg: smtptest.Config{StartTLS: true}, flags: append(login, "-tls", "mandatory"), want: "login mechanism is not offered"},
		"no STARTTLS":      {flags: []string{"-tls", "mandatory"}, want: "STARTTLS is not offered"},
		"STARTTLS refused": {cfg: smtptest.Config{StartTLS: true, Fault: reply(smtptest.StageStartTLS, "502 5.5.1 no", 0)}, flags: []string{"-tls", "mandatory"}, want: "502 5.5.1 no"},
		"no TLS behind it": {flags: []string{"-tls", "implicit"}, want: "tls:"},
		"refused for good": {cfg: smtptest.Config{Fault: reply(smtptest.StageConnect, "554 5.7.1 go away", 0)}, want: "554 5.7.1 go away"},
		"no SMTP":          {cfg: smtptest.Config{Fault: smtptest.Rules(smtptest.Rule{Stage: smtptest.StageConnect, Fault: smtptest.Fault{Raw: "* OK IMAP4rev1 ready\r\n"}})}, want: "protocol"},
		"busy":             {cfg: smtptest.Config{Fault: reply(smtptest.StageConnect, "421 4.3.2 too busy", 2)}, want: "421 4.3.2 too busy", waits: true},
		"login later":      {cfg: smtptest.Config{Users: users, StartTLS: true, Fault: reply(smtptest.StageAuth, "454 4.7.0 not now", 2)}, flags: append(login, "-tls", "mandatory"), want: "454 4.7.0 not now", waits: true},
		"too many":         {cfg: smtptest.Config{Fault: reply(smtptest.StageConnect, "554 5.7.0 too many connections from your host", 2)}, want: "554", waits: true},
		"closed": {cfg: smtptest.Config{Fault: smtptest.Rules(smtptest.Rule{
			Stage: smtptest.StageDial, Times: 3, Fault: smtptest.Fault{End: smtptest.Close}})}, want: "refused", waits: true},
		"silent": {cfg: smtptest.Config{Fault: smtptest.Rules(smtptest.Rule{
			Stage: smtptest.StageConnect, Times: 1, Fault: smtptest.Fault{Silent: true, End: smtptest.Stall}})}, want: "timeout", waits: true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, c.cfg, func(t *testing.T, srv *smtptest.Server) {
				j := job{list: "a@example.com\n", message: plainMessage, flags: c.flags}
				got := j.runWith(t, srv)
				if !strings.Contains(got.stderr, c.want) || (got.stderr == "") != (c.want == "") {
					t.Errorf("stderr %q, want %q", got.stderr, c.want)
				}
				if told := strings.Contains(got.stderr, " has not answered for 5s; waiting"); told != (name == "silent") {
					t.Errorf("that the relay is silent is told: %v; stderr %q", told, got.stderr)
				}
				if strings.Contains(got.stderr, "canary") {
					t.Error("the password was printed")
				}
				if c.want != "" && !c.waits {
					if got.status != 2 || len(srv.Transactions()) > 0 {
						t.Errorf("status %d, %d transactions", got.status, len(srv.Transactions()))
					}
					return
				}
				got.want(t, "messages=1 delivered=1")
			})
		})
	}
}

func TestVerifyCertificate(t *testing.T) {
	srv := newServer(t, smtptest.Config{StartTLS: true})
	j := job{list: "a@example.com\n", message: plainMessage, flags: []string{"-tls", "mandatory"}}
	got := j.run(t, srv.Addr)
	if got.status != 2 || !strings.Contains(got.stderr, "certificate") || len(srv.Transactions()) > 0 {
		t.Errorf("status %d, stderr %q", got.status, got.stderr)
	}
}

// noSuchHost answers as a resolver does.
type noSuchHost struct{ notFound bool }

func (h noSuchHost) DialContext(_ context.Context, network, addr string) (net.Conn, error) {
	err := &net.DNSError{Err: "no such host", Name: addr, IsNotFound: h.notFound, IsTemporary: !h.notFound}
	return nil, &net.OpError{Op: "dial", Net: network, Err: err}
}

func TestVerifyUnknownHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := job{list: "a@example.com\n", message: plainMessage, flags: []string{"-expire", "10m"}}
		got := j.runDialling(t, "mail.example.com:25", noSuchHost{notFound: true})
		if got.status != 2 || !strings.Contains(got.stderr, "no such host") {
			t.Errorf("status %d, stderr %q", got.status, got.stderr)
		}
	})
	synctest.Test(t, func(t *testing.T) { // the resolver is down
		j := job{list: "a@example.com\n", message: plainMessage, flags: []string{"-expire", "10m"}}
		got := j.runDialling(t, "mail.example.com:25", noSuchHost{})
		if got.status != 1 || !strings.Contains(got.stderr, "mail waits") {
			t.Errorf("status %d, stderr %q", got.status, got.stderr)
		}
		got.want(t, "not_tried=1 tries=0")
		if r := got.record(t, "a@example.com"); !strings.Contains(r["text"].(string), "no such host") {
			t.Errorf("record %v", r)
		}
	})
}

// One interrupt finishes what is on the wire; all that is left is reported, what
// was never read of the list included.
func TestInterrupt(t *testing.T) {
	inBubble(t, smtptest.Config{ServiceTime: 3 * time.Second}, func(t *testing.T, srv *smtptest.Server) {
		j := job{
			list: addresses(500, "example.com") + "nobody\n", message: plainMessage, queued: 100,
			flags: []string{"-connections", "2"}, interrupts: make(chan os.Signal, 2),
		}
		start := time.Now()
		time.AfterFunc(20*time.Second+time.Millisecond, func() { j.interrupts <- os.Interrupt })
		got := j.runWith(t, srv)
		if took := time.Since(start); got.status != 1 || took > 24*time.Second {
			t.Errorf("status %d after %v", got.status, took)
		}
		n := got.summary["delivered"]
		if n < 6 || n != float64(len(srv.Messages())) || len(srv.Transactions()) != len(srv.Messages()) {
			t.Errorf("%v delivered, %d arrived of %d", n, len(srv.Messages()), len(srv.Transactions()))
		}
		got.want(t, "messages=501 refused=1 gave_up=0 unknown=0")
		seen := map[any]bool{}
		for _, r := range got.records {
			seen[r["address"]] = true
		}
		if len(seen) != 501 || !strings.Contains(got.stderr, "interrupted: finishing") {
			t.Errorf("%d addresses in the report; stderr %q", len(seen), got.stderr)
		}
	})
}

// stalled is a server that never answers the dot.
var stalled = smtptest.Config{Fault: smtptest.Rules(
	smtptest.Rule{Stage: smtptest.StageDot, Fault: smtptest.Fault{Silent: true, End: smtptest.Stall}},
)}

func TestInterruptGrace(t *testing.T) {
	inBubble(t, stalled, func(t *testing.T, srv *smtptest.Server) {
		j := job{list: addresses(5, "example.com"), message: plainMessage, flags: []string{"-connections", "1"}, interrupts: make(chan os.Signal, 2)}
		start := time.Now()
		time.AfterFunc(5*time.Second, func() { j.interrupts <- os.Interrupt })
		got := j.runWith(t, srv)
		if took := time.Since(start); took < 15*time.Second || took > 16*time.Second {
			t.Errorf("it took %v, want 5 s and %v", took, grace)
		}
		got.want(t, "messages=5 unknown=1 not_tried=4")
	})
}

func TestInterruptTwice(t *testing.T) {
	inBubble(t, stalled, func(t *testing.T, srv *smtptest.Server) {
		j := job{list: addresses(5, "example.com"), message: plainMessage, flags: []string{"-connections", "1"}, interrupts: make(chan os.Signal, 2)}
		start := time.Now()
		time.AfterFunc(5*time.Second, func() { j.interrupts <- os.Interrupt })
		time.AfterFunc(6*time.Second, func() { j.interrupts <- os.Interrupt })
		got := j.runWith(t, srv)
		if took := time.Since(start); took < 6*time.Second || took > 6500*time.Millisecond {
			t.Errorf("it took %v, want 6 s", took)
		}
		got.want(t, "messages=5 unknown=1 not_tried=4")
		if !strings.Contains(got.stderr, "stopping at once") {
			t.Errorf("stderr %q", got.stderr)
		}
	})
}

func TestInterruptVerify(t *testing.T) {
	cfg := smtptest.Config{Fault: smtptest.Rules(
		smtptest.Rule{Stage: smtptest.StageConnect, Fault: smtptest.Fault{Silent: true, End: smtptest.Stall}},
	)}
	inBubble(t, cfg, func(t *testing.T, srv *smtptest.Server) {
		j := job{list: "a@example.com\nb@example.com\n", message: plainMessage, interrupts: make(chan os.Signal, 2)}
		start := time.Now()
		time.AfterFunc(5*time.Second, func() { j.interrupts <- os.Interrupt })
		got := j.runWith(t, srv)
		if took := time.Since(start); got.status != 1 || took > 5500*time.Millisecond {
			t.Errorf("status %d after %v", got.status, took)
		}
		got.want(t, "messages=2 not_tried=2")
	})
}

// A recipient whom the Sender calls a mistake of the caller's is told with the line of the
// list; what a receiver has refused is in the report only.
func TestSettledMistakes(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("%w: its value is wrong", smtpace.ErrInvalid), "bulk: people.csv:7: smtpace: invalid message: its value is wrong\n"},
		{errors.New("550 no such user"), ""},
		{nil, ""},
	} {
		var stderr buffer
		c := &campaign{console: newConsole(&stderr), list: &list{path: "people.csv"}, pulled: map[*entry]struct{}{}}
		e := &entry{line: 7, address: "ann@example.com"}
		c.pulled[e] = struct{}{}
		c.settled(&smtpace.Result{ID: e, Recipients: []smtpace.Recipient{{Address: e.address, Status: smtpace.Refused, Err: tt.err}}})
		if got := stderr.String(); got != tt.want || len(c.pulled) > 0 {
			t.Errorf("%v: stderr %q and %d under way, want %q and none", tt.err, got, len(c.pulled), tt.want)
		}
	}
}

// A report that cannot be written stops the run: nobody could tell later who
// got the mail.
func TestReportFails(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full here")
	}
	inBubble(t, smtptest.Config{ServiceTime: time.Second}, func(t *testing.T, srv *smtptest.Server) {
		j := job{list: addresses(200, "example.com"), message: plainMessage, flags: []string{"-connections", "1", "-report", "/dev/full"}}
		var stdout, stderr buffer
		o, err := parseOptions(j.args(t, srv.Addr), &stdout)
		if err != nil {
			t.Fatal(err)
		}
		o.relay.DialContext = srv.DialContext
		c, err := newCampaign(o, newConsole(&stderr))
		if err != nil {
			t.Fatal(err)
		}
		if status := c.run(t.Context(), nil, &stdout); status != 1 {
			t.Errorf("status %d", status)
		}
		if n := len(srv.Messages()); n == 0 || n > 3 {
			t.Errorf("%d messages were sent", n)
		}
		if n := strings.Count(stderr.String(), "-report: "); n != 1 {
			t.Errorf("stderr %q", stderr.String())
		}
		if !strings.Contains(stdout.String(), `"messages":200`) {
			t.Errorf("stdout %q", stdout.String())
		}
	})
}
