package smtpace

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
)

// block is a receiver that refuses or drops everything that is ours for a while.
type block struct {
	fault       smtptest.Fault
	stage       smtptest.Stage
	from, until time.Duration // since the start
	n           int           // messages
	connections int           // 0 is the default
	domains     int           // recipient domains; 0 is 5
}

// blocked is what was left of it.
type blocked struct {
	results                results
	inFirstMinute, inBlock smtptest.Stats // what the receiver saw, from the begin of the block on
	took                   time.Duration
	log                    lines
}

// lines are the texts that a logger was given.
type lines struct {
	mu    sync.Mutex
	lines []string
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(p))
	return len(p), nil
}

// count returns the number of lines that contain a text.
func (l *lines) count(text string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// run sends b.n messages into the block.
func (b block) run(t *testing.T, more ...func(*Sender, *blocked)) *blocked {
	t.Helper()
	out := &blocked{}
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		srv := smtptest.NewServer(smtptest.Config{
			InMemory: true, Latency: 5 * time.Millisecond, ServiceTime: 20 * time.Millisecond, Record: smtptest.RecordStats,
			Fault: func(ev smtptest.Event) *smtptest.Fault {
				if since := time.Since(start); ev.Stage != b.stage || since < b.from || since >= b.until {
					return nil
				}
				f := b.fault
				return &f
			},
		})
		defer srv.Close()
		relay := relayTo(srv)
		relay.Limits.Connections = b.connections
		s := newSender(t, Config{Relays: []Relay{relay}, Logger: out.log.logger(), Process: throttle.Limits{Connections: 100}, Destination: throttle.Limits{Connections: 64}})
		finished := make(chan struct{})
		go func() {
			defer close(finished)
			time.Sleep(b.from)
			before := srv.Stats()
			time.Sleep(time.Minute)
			out.inFirstMinute = since(before, srv.Stats())
			for _, f := range more {
				f(s, out)
			}
			time.Sleep(b.until - b.from - time.Minute)
			out.inBlock = since(before, srv.Stats())
		}()
		domains := max(b.domains, 1)
		if b.domains == 0 {
			domains = 5
		}
		if err := s.SendAll(t.Context(), func(yield func(Message) bool) {
			for i := range b.n {
				if !yield(rendered(fmt.Sprint(i), fmt.Sprintf("u%d@d%d.example", i, i%domains))) {
					return
				}
			}
		}, out.results.done); err != nil {
			t.Error(err)
		}
		out.took = time.Since(start)
		<-finished
	})
	return out
}

func since(a, b smtptest.Stats) smtptest.Stats {
	return smtptest.Stats{Connections: b.Connections - a.Connections, Mails: b.Mails - a.Mails, Messages: b.Messages - a.Messages}
}

func TestXBlock(t *testing.T) {
	for _, c := range []struct {
		stage smtptest.Stage
		reply string
	}{
		{smtptest.StageMail, "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3150)."},
		{smtptest.StageRcpt, "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org"},
		{smtptest.StageRcpt, "554 5.7.1 <x@y.example>: Relay access denied"},
		{smtptest.StageMail, "451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation"},
		{smtptest.StageMail, "421 4.3.2 Service shutting down"},
		{smtptest.StageMail, "452 4.3.1 Insufficient system storage"},
	} {
		for _, from := range []time.Duration{0, 5 * time.Second} {
			for _, conns := range []int{1, 10, 64} {
				f := smtptest.Fault{Reply: c.reply}
				if c.reply[:3] == "421" {
					f.End = smtptest.Close
				}
				real := realNow()
				b := block{fault: f, stage: c.stage, from: from, until: time.Hour + from, n: 20000, connections: conns}.run(t)
				t.Logf("%-6s %.40s from %v at %d: refused %d, delivered %d of %d after %v; first minute %d conns %d mails, hour %d conns %d mails; log %d %d (%v)", c.stage, c.reply, from, conns,
					b.results.count(Refused), b.results.count(Delivered), 20000, b.took.Round(time.Second), b.inFirstMinute.Connections, b.inFirstMinute.Mails, b.inBlock.Connections, b.inBlock.Mails, b.log.count("refuses or loses"), b.log.count("again"), realNow().Sub(real))
			}
		}
	}
}

func TestXDrop(t *testing.T) {
	for _, c := range []struct {
		stage smtptest.Stage
		end   smtptest.End
	}{{smtptest.StageMail, smtptest.Reset}, {smtptest.StageRcpt, smtptest.Close}, {smtptest.StageDot, smtptest.Reset}, {smtptest.StageBody, smtptest.Reset}, {smtptest.StageHelo, smtptest.Close}} {
		for _, from := range []time.Duration{0, 5 * time.Second} {
			for _, conns := range []int{20, 64} {
				b := block{fault: smtptest.Fault{Silent: true, End: c.end}, stage: c.stage, from: from, until: time.Hour + from, n: 20000, connections: conns}.run(t)
				t.Logf("%-6s drop from %v at %d: refused %d, delivered %d unknown %d of 20000 (%d) after %v; first minute %d conns %d mails, hour %d conns %d mails; log %d %d", c.stage, from, conns,
					b.results.count(Refused), b.results.count(Delivered), b.results.count(Unknown), 20000, b.took.Round(time.Second), b.inFirstMinute.Connections, b.inFirstMinute.Mails, b.inBlock.Connections, b.inBlock.Mails, b.log.count("refuses or loses"), b.log.count("again"))
			}
		}
	}
}

func realNow() time.Time { return time.Now() }
