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

// blocked is the result of a run with a block.
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
			InMemory: true, Latency: 5 * time.Millisecond, ServiceTime: 20 * time.Millisecond, StatsOnly: true,
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

// TestABlockBurnsNoList: of 20,000 messages into a block, at most 10 recipients end
// refused, the relay is asked rarely, the log says so once, and everything is
// delivered soon after the block has been lifted.
func TestABlockBurnsNoList(t *testing.T) {
	for _, c := range []struct {
		stage smtptest.Stage
		reply string
	}{
		{smtptest.StageMail, "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent, part of their network is on our block list (S3150)."},
		{smtptest.StageRcpt, "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org"},
		{smtptest.StageRcpt, "554 5.7.1 <x@y.example>: Relay access denied"},
		{smtptest.StageDot, "554 5.7.1 Message rejected, the domain sender.example has a bad reputation"},
		{smtptest.StageMail, "550 5.7.1 no"},
		{smtptest.StageMail, "552 5.2.2 Mailbox full"},
		{smtptest.StageMail, "552 5.3.4 Message too large"}, // of 53 octets
		{smtptest.StageMail, "450 4.6.7 no"},                // the addresses are plain
		{smtptest.StageDot, "552 Requested mail action aborted: exceeded storage allocation"},
		{smtptest.StageDot, "552 no"},
		{smtptest.StageRcpt, "550 5.1.8 Domain not found"},
		{smtptest.StageDot, "553 5.1.7 The address of the sender is not valid"},
		{smtptest.StageDot, "550 5.7.60 SMTP; Client does not have permissions to send as this sender"},
		{smtptest.StageMail, "451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation"},
		{smtptest.StageMail, "421 4.3.2 Service shutting down"},
		{smtptest.StageData, "421 4.3.2 Service shutting down"},
		{smtptest.StageDot, "421 4.7.0 Try again later"},
		{smtptest.StageMail, "452 4.3.1 Insufficient system storage"},
	} {
		t.Run(fmt.Sprintf("%s %.20s", c.stage, c.reply), func(t *testing.T) {
			f := smtptest.Fault{Reply: c.reply}
			if c.reply[:3] == "421" {
				f.End = smtptest.Close
			}
			for _, b := range whenAndHow(c.reply[0] == '5') {
				b.fault, b.stage = f, c.stage
				b.check(t)
			}
		})
	}
}

// whenAndHow lists the begins of a block and the connections to try; without all,
// the worst of them; with -short and under the race detector, one with fewer messages.
func whenAndHow(all bool) []block {
	cases := []block{
		{until: time.Hour, connections: 1}, {until: time.Hour, connections: 64},
		{from: 5 * time.Second, until: 65 * time.Minute, connections: 1},
		{from: 5 * time.Second, until: 65 * time.Minute, connections: 10},
		{from: 5 * time.Second, until: 65 * time.Minute, connections: 64},
	}
	switch {
	case brief():
		return []block{{from: time.Second, until: 61 * time.Minute, connections: 64, n: shortBlock}}
	case !all:
		cases = cases[len(cases)-1:]
	}
	for i := range cases {
		cases[i].n = 20_000
	}
	return cases
}

// shortBlock is the number of messages of a test that plays less than all: far more than
// go before a block.
const shortBlock = 2000

// check runs a block of an hour and checks what it has cost.
func (b block) check(t *testing.T) {
	t.Helper()
	out := b.run(t)
	refused, delivered := out.results.count(Refused), out.results.count(Delivered)
	if refused > 10 || refused+delivered != b.n {
		t.Errorf("%d refused, %d delivered of %d", refused, delivered, b.n)
	}
	if late := out.took - b.until; late > 30*time.Minute {
		t.Errorf("the last was delivered %v after the block", late)
	}
	flying := max(b.connections, 20)
	if first := out.inFirstMinute; first.Connections > 40 || first.Mails > 40+flying {
		t.Errorf("%d connections and %d MAILs in the first minute, at %d connections", first.Connections, first.Mails, flying)
	}
	if all := out.inBlock; all.Connections > 80 || all.Mails > 80+flying {
		t.Errorf("%d connections and %d MAILs in the hour, at %d connections", all.Connections, all.Mails, flying)
	}
	if opened, closed := out.log.count("refuses or loses"), out.log.count("accepts mail again"); opened != 1 || closed != 1 {
		t.Errorf("%d warnings that it begins, %d that it ends", opened, closed)
	}
}

// TestADroppingServerIsLeftAlone: so do connections that are dropped at any command.
func TestADroppingServerIsLeftAlone(t *testing.T) {
	for _, stage := range []smtptest.Stage{smtptest.StageMail, smtptest.StageRcpt, smtptest.StageData, smtptest.StageBody, smtptest.StageDot} {
		for _, end := range []smtptest.End{smtptest.Close, smtptest.Reset} {
			t.Run(fmt.Sprintf("%s %v", stage, end), func(t *testing.T) {
				for _, b := range whenAndHow(stage == smtptest.StageMail && end == smtptest.Close) {
					b.fault, b.stage = smtptest.Fault{Silent: true, End: end}, stage
					b.check(t)
				}
			})
		}
	}
}

// TestRefusedAtEHLO: a server that cannot even be greeted rests as before, and
// refuses nobody.
func TestRefusedAtEHLO(t *testing.T) {
	for _, f := range []smtptest.Fault{
		{Silent: true, End: smtptest.Close}, {Reply: "421 4.3.2 no", End: smtptest.Close}, {Reply: "550 5.7.1 blocked"}, {Reply: "450 4.7.1 not now"},
	} {
		t.Run(f.Reply, func(t *testing.T) {
			b := block{fault: f, stage: smtptest.StageHelo, from: 5 * time.Second, until: 65 * time.Minute, n: 10_000}
			if brief() {
				b.from, b.until, b.n = time.Second, 61*time.Minute, shortBlock
			}
			out := b.run(t)
			if n := out.results.count(Delivered); n != b.n || out.inFirstMinute.Connections > 20 || out.inBlock.Connections > 60 {
				t.Errorf("%d of %d delivered, %d connections in the first minute, %d in the hour", n, b.n, out.inFirstMinute.Connections, out.inBlock.Connections)
			}
			if late := out.took - b.until; late > 10*time.Minute {
				t.Errorf("the last was delivered %v after the block", late)
			}
		})
	}
}

// TestStatsAndExplainTellOfABreaker looks at them in the midst of a block.
func TestStatsAndExplainTellOfABreaker(t *testing.T) {
	const reply = "554 5.7.1 Relay access denied"
	for _, domains := range []int{1, 5} {
		b := block{fault: smtptest.Fault{Reply: reply}, stage: smtptest.StageRcpt, until: time.Hour, n: 1000, domains: domains}
		b.run(t, func(s *Sender, _ *blocked) {
			x, st := s.Explain("d0.example"), s.Stats()
			if x.Next == nil { // a probe was under way
				time.Sleep(time.Second)
				x = s.Explain("d0.example")
			}
			if x.Bind.Limit != "breaker" || x.Next == nil || !strings.Contains(breakerAnswer(x), reply) {
				t.Errorf("%d domains: %+v, next %v, refusal %q", domains, x.Bind, x.Next, breakerAnswer(x))
			}
			told := st.Relays[0].Breaker
			if domains == 1 {
				told = st.Destinations[0].Breaker
			}
			if !strings.Contains(told, reply) {
				t.Errorf("%d domains: Stats do not tell of the breaker: %+v", domains, st)
			}
		})
	}
}

// TestAnotherRelayTakesOver: when the first relay refuses or loses everything, all
// mail goes through the second, and later through the first again. The second is
// the one of a level of its own, or of the same.
func TestAnotherRelayTakesOver(t *testing.T) {
	for _, c := range []struct {
		stage smtptest.Stage
		reply string
	}{
		{smtptest.StageMail, "530 5.7.0 Authentication required"}, {smtptest.StageMail, "452 4.3.1 Insufficient system storage"},
		{smtptest.StageMail, "421 4.3.2 Service shutting down"}, {smtptest.StageDot, "451 4.3.0 Error: queue file write error"},
		{smtptest.StageRcpt, "554 5.7.1 Relay access denied"}, {smtptest.StageMail, ""}, {smtptest.StageRcpt, ""},
	} {
		for _, domains := range []int{1, 2, 50} {
			for _, weights := range [][]int{nil, {1, 1}, {1, 20}} {
				if brief() && (domains == 2 || len(weights) > 0 && weights[1] == 1) {
					continue
				}
				t.Run(fmt.Sprintf("%s %.3s, %d domains, weights %v", c.stage, c.reply, domains, weights), func(t *testing.T) {
					relayTakesOver(t, c.stage, c.reply, domains, weights)
				})
			}
		}
	}
}

func relayTakesOver(t *testing.T, stage smtptest.Stage, reply string, domains int, weights []int) {
	synctest.Test(t, func(t *testing.T) {
		start, block := time.Now(), 30*time.Minute
		cfg := smtptest.Config{InMemory: true, Latency: 5 * time.Millisecond, ServiceTime: 20 * time.Millisecond, StatsOnly: true}
		good := smtptest.NewServer(cfg)
		defer good.Close()
		cfg.Fault = func(ev smtptest.Event) *smtptest.Fault {
			if ev.Stage != stage || time.Since(start) > block {
				return nil
			}
			f := &smtptest.Fault{Reply: reply, Silent: reply == ""}
			if f.Silent || reply[:3] == "421" {
				f.End = smtptest.Close
			}
			return f
		}
		bad := smtptest.NewServer(cfg)
		defer bad.Close()
		a, b := relayTo(bad), relayTo(good)
		a.Name, b.Name = "bad", "good"
		route := Via(a, b)
		if weights != nil {
			route = Route{Levels: [][]Hop{{{Relay: a, Weight: weights[0]}, {Relay: b, Weight: weights[1]}}}}
		}
		s := newSender(t, Config{Router: PromptRouterFunc(func(RouteRequest) (Route, error) { return route, nil })})
		send := func(n int) (delivered int, took time.Duration) {
			var got results
			begun := time.Now()
			if err := s.SendAll(t.Context(), func(yield func(Message) bool) {
				for i := range n {
					if !yield(rendered(fmt.Sprint(i), fmt.Sprintf("u%d@d%d.example", i, i%domains))) {
						return
					}
				}
			}, got.done); err != nil {
				t.Error(err)
			}
			return got.count(Delivered), time.Since(begun)
		}
		if n, took := send(500); n != 500 || took > time.Minute {
			t.Errorf("%d of 500 delivered in %v", n, took)
		}
		if n := bad.Stats().Mails; n > 60 {
			t.Errorf("%d MAILs to the bad relay", n)
		}
		for time.Since(start) < 2*block { // a little mail, so that the relay is probed
			send(1)
			time.Sleep(30 * time.Second)
		}
		before := bad.Stats().Messages
		if n, took := send(500); n != 500 || took > time.Minute || bad.Stats().Messages-before < 10 {
			t.Errorf("later %d of 500 delivered in %v, %d through the bad relay", n, took, bad.Stats().Messages-before)
		}
	})
}

// TestABlockThatLetsAFewThrough: what is accepted by chance in a block keeps the breaker
// closed, and looks like a limit at an ever lower rate. The end of the block is noticed
// all the same, and few messages and connections are burnt until then.
func TestABlockThatLetsAFewThrough(t *testing.T) {
	for _, c := range []struct {
		stage  smtptest.Stage
		fault  smtptest.Fault
		passes int // one of so many
	}{
		{smtptest.StageMail, smtptest.Fault{Reply: "421 4.3.2 Service shutting down", End: smtptest.Close}, 10},
		{smtptest.StageMail, smtptest.Fault{Silent: true, End: smtptest.Close}, 10},
		{smtptest.StageMail, smtptest.Fault{Reply: "550 5.7.1 blocked for its bad reputation"}, 10},
		{smtptest.StageMail, smtptest.Fault{Silent: true, End: smtptest.Close}, 50},
		{smtptest.StageMail, smtptest.Fault{Reply: "550 5.7.1 blocked for its bad reputation"}, 50},
	} {
		t.Run(fmt.Sprintf("%.3q, one of %d passes", c.fault.Reply, c.passes), func(t *testing.T) {
			inWorld(t, smtptest.Config{}, func(t *testing.T, _ *smtptest.Server) {
				start, mails := time.Now(), 0
				var mu sync.Mutex
				srv := smtptest.NewServer(smtptest.Config{
					InMemory: true, Latency: 5 * time.Millisecond, ServiceTime: 20 * time.Millisecond, StatsOnly: true,
					Fault: func(ev smtptest.Event) *smtptest.Fault {
						mu.Lock()
						defer mu.Unlock()
						if since := time.Since(start); ev.Stage != c.stage || since < 5*time.Second || since > time.Hour {
							return nil
						}
						if mails++; mails%c.passes == 0 {
							return nil
						}
						f := c.fault
						return &f
					},
				})
				defer srv.Close()
				relay := relayTo(srv)
				relay.Limits.Connections = 10
				s := newSender(t, Config{Relays: []Relay{relay}})
				var got results
				go func() {
					if err := s.SendAll(t.Context(), func(yield func(Message) bool) {
						for i := 0; i < 3000 && yield(rendered(fmt.Sprint(i), fmt.Sprintf("u%d@d%d.example", i, i%5))); i++ {
						}
					}, got.done); err != nil {
						t.Error(err)
					}
				}()
				time.Sleep(5 * time.Second)
				before := srv.Stats()
				time.Sleep(time.Hour - 5*time.Second)
				if in := since(before, srv.Stats()); in.Mails > 300 || in.Connections > 300 {
					t.Errorf("%d MAILs on %d connections in the hour", in.Mails, in.Connections)
				}
				time.Sleep(4 * time.Hour)
				if n := got.count(Delivered); n < 2900 || got.count(Refused) > 10 {
					t.Errorf("%d of 3000 delivered four hours after the block, %d refused", n, got.count(Refused))
				}
			})
		})
	}
}
