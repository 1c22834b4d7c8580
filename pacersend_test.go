package smtpace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/smtp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/smtpace/smtpace/smtptest"
	"github.com/wneessen/go-mail"
)

// quickstart returns the receiver of examples/quickstart, in clear text: 3 connections,
// 20 messages a second, a round trip of 20 ms, one answer to whatever is too much, and a
// domain that greylists for 3 s.
func quickstart() smtptest.Config {
	const tooMany = "421 4.7.0 mx.test Server is not currently available, possibly due to too many connections"
	var slow []smtptest.Rule
	for _, stage := range []smtptest.Stage{
		smtptest.StageConnect, smtptest.StageHelo, smtptest.StageMail, smtptest.StageRcpt, smtptest.StageData, smtptest.StageDot,
		smtptest.StageRset, smtptest.StageNoop, smtptest.StageQuit,
	} {
		slow = append(slow, smtptest.Rule{Stage: stage, Fault: smtptest.Fault{Delay: 20 * time.Millisecond}})
	}
	return smtptest.Config{
		Fault: smtptest.Rules(slow...),
		Limits: smtptest.Limits{
			Connections: smtptest.Cap{Max: 3, Reply: tooMany},
			MessageRate: smtptest.Rate{Count: 20, Per: time.Second, Burst: 10, Reply: tooMany},
		},
		Domains: map[string]smtptest.Domain{"greylisting.example": {Greylist: smtptest.Greylist{
			Delay: 3 * time.Second, Reply: "450 4.2.0 Greylisted, try again in 3 seconds",
		}}},
	}
}

var quickstartDomains = []string{"greylisting.example", "red.example", "green.example", "blue.example", "white.example"}

// blindly does what smtp.SendMail does over a connection of srv: its errors tell no
// stage, and one of QUIT looks like one of the message.
func blindly(ctx context.Context, srv *smtptest.Server, from string, to []string, msg []byte) error {
	conn, err := srv.DialContext(ctx, "tcp", srv.Addr)
	if err != nil {
		return err
	}
	c, err := smtp.NewClient(conn, "mx.test")
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Mail(from); err != nil {
		return err
	}
	for _, one := range to {
		if err := c.Rcpt(one); err != nil {
			return err
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(msg); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return c.Quit()
}

// goMailTo returns a client of go-mail for a receiver in memory.
func goMailTo(t *testing.T, srv *smtptest.Server) *mail.Client {
	t.Helper()
	c, err := mail.NewClient("mx.test", mail.WithTLSPolicy(mail.NoTLS), mail.WithDialContextFunc(srv.DialContext))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Twenty goroutines of wrapped sending code have every message delivered once, and are
// refused at most half as often again as the Sender.
func TestWrappedCodeAgainstQuickstart(t *testing.T) {
	const messages = 120
	type way func(t *testing.T, srv *smtptest.Server, send func(do func(i int, to string)))
	paced := func(one func(t *testing.T, p *Pacer, srv *smtptest.Server, i int, to string) error) way {
		return func(t *testing.T, srv *smtptest.Server, send func(func(i int, to string))) {
			p := newPacer(t, PacerConfig{})
			send(func(i int, to string) {
				if err := one(t, p, srv, i, to); err != nil {
					t.Errorf("%s: %v", to, err)
				}
			})
			if testing.Verbose() {
				for _, r := range p.Stats().Relays {
					t.Logf("%+v", r)
				}
			}
		}
	}
	text := func(i int) []byte { return []byte(fmt.Sprintf("Subject: %d\r\n\r\nhello\r\n", i)) }
	refused := map[string]int{}
	for _, test := range []struct {
		name string
		way  way
	}{
		{"Sender", func(t *testing.T, srv *smtptest.Server, send func(func(i int, to string))) {
			s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
			send(func(i int, to string) {
				if _, err := s.Send(t.Context(), rendered(fmt.Sprint(i), to)); err != nil {
					t.Errorf("%s: %v", to, err)
				}
			})
		}},
		{"SendMail", paced(func(t *testing.T, p *Pacer, srv *smtptest.Server, i int, to string) error {
			return p.sendMail(t.Context(), srv.DialContext, srv.Addr, nil, "from@sender.example", []string{to}, text(i))
		})},
		{"wrapped SendMail", paced(func(t *testing.T, p *Pacer, srv *smtptest.Server, i int, to string) error {
			return p.DoRequest(t.Context(), PaceRequest{To: []string{to}, Relay: srv.Addr, Connect: true}, func(ctx context.Context, to []string) error {
				return blindly(ctx, srv, "from@sender.example", to, text(i))
			})
		})},
		{"go-mail", func(t *testing.T, srv *smtptest.Server, send func(func(i int, to string))) {
			c := newPacer(t, PacerConfig{}).Client(goMailTo(t, srv))
			send(func(i int, to string) {
				m := newMsg(t, to)
				m.Subject(fmt.Sprint(i))
				if err := c.DialAndSend(m); err != nil {
					t.Errorf("%s: %v", to, err)
				}
			})
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, quickstart(), func(t *testing.T, srv *smtptest.Server) {
				start := time.Now()
				test.way(t, srv, func(do func(i int, to string)) {
					work := make(chan int)
					var wg sync.WaitGroup
					for range 20 {
						wg.Go(func() {
							for i := range work {
								do(i, fmt.Sprintf("reader%d@%s", i, quickstartDomains[i%len(quickstartDomains)]))
							}
						})
					}
					for i := range messages {
						work <- i
					}
					close(work)
					wg.Wait()
				})
				got := accepted(srv)
				for id, n := range got {
					if n != 1 {
						t.Errorf("%s was accepted %d times", id, n)
					}
				}
				if len(got) != messages {
					t.Errorf("%d messages were accepted, want %d", len(got), messages)
				}
				refused[test.name] = srv.Stats().Throttled
				t.Logf("%d refused, %v", refused[test.name], time.Since(start))
			})
			if got, most := refused[test.name], refused["Sender"]*3/2; got > most {
				t.Errorf("%d were refused, want %d at most", got, most)
			}
		})
	}
}

// A hundred goroutines share one client of go-mail without an error.
func TestClientIsShared(t *testing.T) {
	inWorld(t, smtptest.Config{Limits: smtptest.Limits{Connections: smtptest.Cap{Max: 8, Reply: "421 4.7.0 too many connections"}}}, func(t *testing.T, srv *smtptest.Server) {
		c := newPacer(t, PacerConfig{}).Client(goMailTo(t, srv))
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				for k := range 3 {
					m := newMsg(t, fmt.Sprintf("u%d@d%d.example", i, i%7), fmt.Sprintf("v%d@d%d.example", i, k))
					m.Subject(fmt.Sprintf("%d.%d", i, k))
					if err := c.DialAndSend(m); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		got := accepted(srv)
		for id, n := range got {
			if n != 1 {
				t.Errorf("%s was accepted %d times", id, n)
			}
		}
		if len(got) != 600 {
			t.Errorf("%d were accepted, want 600", len(got))
		}
	})
}

// go-mail sends the same through a Client as alone: the options of the client apply, and
// so do those of the message.
func TestClientSendsWhatGoMailSends(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		m := newMsg(t, "ann@example.com")
		m.SetMessageID()
		m.SetDate()
		if err := m.EnvelopeFrom("bounce@sender.example"); err != nil {
			t.Fatal(err)
		}
		alone := goMailTo(t, srv)
		if err := alone.DialAndSend(m); err != nil {
			t.Fatal(err)
		}
		if err := newPacer(t, PacerConfig{}).Client(alone).DialAndSend(m); err != nil {
			t.Fatal(err)
		}
		got := srv.Transactions()
		if len(got) != 2 || !bytes.Equal(got[0].Data, got[1].Data) || got[0].From != got[1].From {
			t.Errorf("got %q from %s and %q from %s, want the same twice", got[0].Data, got[0].From, got[1].Data, got[1].From)
		}
	})
}

// A recipient who is refused does not stop the others, and those who are put off are
// tried again alone.
func TestSendMailCarriesPartialAcceptance(t *testing.T) {
	inWorld(t, smtptest.Config{Domains: map[string]smtptest.Domain{
		"example.com": {Greylist: smtptest.Greylist{Delay: time.Minute, Reply: "450 4.2.0 Greylisted, try again in 60 seconds"}},
	}, Fault: func(ev smtptest.Event) *smtptest.Fault {
		if ev.Stage == smtptest.StageRcpt && ev.Line == "RCPT TO:<nobody@example.org>" {
			return &smtptest.Fault{Reply: "550 5.1.1 no such user"}
		}
		return nil
	}}, func(t *testing.T, srv *smtptest.Server) {
		p := newPacer(t, PacerConfig{})
		err := p.sendMail(t.Context(), srv.DialContext, srv.Addr, nil, "from@sender.example",
			[]string{"ann@example.org", "nobody@example.org", "bob@example.com"}, []byte("Subject: x\r\n\r\nhello\r\n"))
		failed, ok := errors.AsType[*SendError](err)
		if !ok {
			t.Fatalf("got %v, want a SendError", err)
		}
		var got []Status
		for _, r := range failed.Result.Recipients {
			got = append(got, r.Status)
		}
		if fmt.Sprint(got) != "[delivered refused delivered]" {
			t.Errorf("got %v: %v", got, err)
		}
		if n := accepted(srv); len(n) != 2 || n["x ann@example.org"] != 1 || n["x bob@example.com"] != 1 {
			t.Errorf("got %v accepted", n)
		}
	})
}

// loginCounter decides about a login at a time, with those that it has allowed before.
type loginCounter func(now time.Time, before []time.Time) bool

// countWithin returns the number of times in the span before now.
func countWithin(span time.Duration, now time.Time, times []time.Time) (n int) {
	for _, at := range times {
		if now.Sub(at) < span {
			n++
		}
	}
	return n
}

// A server that counts logins, as Gmail does, refuses a few, and is not asked more often
// than it allows from then on, however it counts.
func TestLoginsAreCounted(t *testing.T) {
	for name, test := range map[string]struct {
		allowed loginCounter
		most    int // in any minute
		callers int
	}{
		"20 in any minute":  {func(now time.Time, before []time.Time) bool { return countWithin(time.Minute, now, before) < 20 }, 20, 20},
		"5 in any minute":   {func(now time.Time, before []time.Time) bool { return countWithin(time.Minute, now, before) < 5 }, 5, 20},
		"100 in any minute": {func(now time.Time, before []time.Time) bool { return countWithin(time.Minute, now, before) < 100 }, 100, 20},
		"20 in each minute": {func(now time.Time, before []time.Time) bool {
			return countWithin(now.Sub(now.Truncate(time.Minute))+1, now, before) < 20
		}, 20, 20},
		"20 in any minute, 3 callers": {func(now time.Time, before []time.Time) bool { return countWithin(time.Minute, now, before) < 20 }, 20, 3},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var logins, refusals []time.Time
			paceTest(t, func(t *testing.T) {
				p := newPacer(t, PacerConfig{})
				login := func() error {
					mu.Lock()
					defer mu.Unlock()
					now := time.Now()
					if !test.allowed(now, logins) {
						refusals = append(refusals, now)
						return reply(454, "4.7.0 Too many login attempts, please try again later.")
					}
					logins = append(logins, now)
					return nil
				}
				end := time.Now().Add(time.Hour)
				var wg sync.WaitGroup
				for i := range test.callers {
					wg.Go(func() {
						for time.Now().Before(end) {
							r := PaceRequest{To: []string{fmt.Sprintf("u@d%d.example", i)}, Relay: "smtp.gmail.example:587", Connect: true}
							if err := p.DoRequest(t.Context(), r, func(context.Context, []string) error {
								err := login()
								time.Sleep(300 * time.Millisecond)
								return err
							}); err != nil {
								t.Error(err)
							}
						}
					})
				}
				wg.Wait()
			})
			t.Logf("%d refused, %d logins in an hour", len(refusals), len(logins))
			if len(refusals) == 0 || len(refusals) > 5 {
				t.Errorf("%d were refused in an hour, want 5 at most", len(refusals))
			}
			all := slices.SortedFunc(slices.Values(slices.Concat(logins, refusals)), time.Time.Compare)
			for i, at := range all {
				// From a minute after the burst on, whose logins the first refusal has followed.
				if n := countWithin(time.Minute, at, all[:i+1]); at.Sub(refusals[0]) > time.Minute+time.Second && n > test.most {
					t.Errorf("%d logins in the minute before %v, want %d at most", n, at.Sub(all[0]), test.most)
					break
				}
			}
		})
	}
}
