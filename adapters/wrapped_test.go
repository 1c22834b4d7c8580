package adapters

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jordan-wright/email"
	"github.com/knadh/smtppool/v2"
	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
	"gopkg.in/gomail.v2"
)

// newPacer makes a Pacer that is closed at the end of the test.
func newPacer(t *testing.T, cfg smtpace.PacerConfig) *smtpace.Pacer {
	t.Helper()
	cfg.Logger = slog.New(slog.DiscardHandler)
	p, err := smtpace.NewPacer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// receiver allows 3 connections and 40 messages a second, and says the same to whatever
// is too much.
func receiver(t *testing.T) (srv *smtptest.Server, host string, port int) {
	t.Helper()
	const tooMany = "421 4.7.0 mx.test Server is not currently available, possibly due to too many connections"
	srv = smtptest.NewServer(smtptest.Config{
		Fault: smtptest.Rules(smtptest.Rule{Stage: smtptest.StageDot, Fault: smtptest.Fault{Delay: 40 * time.Millisecond}}),
		Limits: smtptest.Limits{
			Connections: smtptest.Cap{Max: 3, Reply: tooMany},
			MessageRate: smtptest.Rate{Count: 40, Per: time.Second, Burst: 10, Reply: tooMany},
		},
	})
	t.Cleanup(srv.Close)
	host, text, err := net.SplitHostPort(srv.Addr)
	if err != nil {
		t.Fatal(err)
	}
	if port, err = strconv.Atoi(text); err != nil {
		t.Fatal(err)
	}
	return srv, host, port
}

// Wrapped code of every library has each message delivered once, and is refused at most
// half as often again as a Sender.
func TestWrappedLibraries(t *testing.T) {
	const messages = 60
	refused := map[string]int{}
	for _, test := range []struct {
		name string
		way  func(t *testing.T, srv *smtptest.Server, host string, port int) func(to, subject string) error
	}{
		{"Sender", func(t *testing.T, srv *smtptest.Server, _ string, _ int) func(to, subject string) error {
			s, err := smtpace.New(smtpace.Config{Relays: []smtpace.Relay{{Addr: srv.Addr, TLS: pool.TLSNone}}, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			return func(to, subject string) error {
				_, err := s.Send(t.Context(), smtpace.Message{From: "from@sender.example", To: []string{to}, Data: []byte("Subject: " + subject + "\r\n\r\nhello\r\n")})
				return err
			}
		}},
		{"net/smtp", func(t *testing.T, srv *smtptest.Server, _ string, _ int) func(to, subject string) error {
			p := newPacer(t, smtpace.PacerConfig{})
			return func(to, subject string) error {
				return p.SendMail(srv.Addr, nil, "from@sender.example", []string{to}, []byte("Subject: "+subject+"\r\n\r\nhello\r\n"))
			}
		}},
		{"gomail", func(t *testing.T, _ *smtptest.Server, host string, port int) func(to, subject string) error {
			s := gomailSender(newPacer(t, smtpace.PacerConfig{}), gomail.NewDialer(host, port, "", ""))
			return func(to, subject string) error { return gomail.Send(s, message(to, subject)) }
		}},
		{"smtppool", func(t *testing.T, srv *smtptest.Server, host string, port int) func(to, subject string) error {
			connections, err := smtppool.New(smtppool.Opt{Host: host, Port: port, MaxConns: 10, MaxMessageRetries: 1, IdleTimeout: time.Second, PoolWaitTimeout: 5 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { connections.Close() })
			p := newPacer(t, smtpace.PacerConfig{})
			return func(to, subject string) error {
				return throughPool(p, connections, srv.Addr, smtppool.Email{From: "from@sender.example", To: []string{to}, Subject: subject, Text: []byte("hello")})
			}
		}},
		{"go-smtp", func(t *testing.T, srv *smtptest.Server, _ string, _ int) func(to, subject string) error {
			p := newPacer(t, smtpace.PacerConfig{})
			return func(to, subject string) error {
				return throughGoSMTP(p, srv.Addr, "from@sender.example", []string{to}, "Subject: "+subject+"\r\n\r\nhello\r\n")
			}
		}},
		{"email", func(t *testing.T, srv *smtptest.Server, _ string, _ int) func(to, subject string) error {
			p := newPacer(t, smtpace.PacerConfig{})
			return func(to, subject string) error {
				return sendEmail(p, srv.Addr, &email.Email{From: "from@sender.example", To: []string{to}, Subject: subject, Text: []byte("hello")})
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			srv, host, port := receiver(t)
			send := test.way(t, srv, host, port)
			start := time.Now()
			inParallel(20, messages, func(i int) {
				if err := send(fmt.Sprintf("u%d@d%d.example", i, i%5), strconv.Itoa(i)); err != nil {
					t.Errorf("message %d: %v", i, err)
				}
			})
			got := map[string]int{}
			for _, tx := range srv.Transactions() {
				if tx.Accepted {
					got[subjectOf(tx.Data)]++
				}
			}
			for subject, n := range got {
				if n != 1 {
					t.Errorf("message %s was accepted %d times", subject, n)
				}
			}
			if len(got) != messages {
				t.Errorf("%d messages were accepted, want %d", len(got), messages)
			}
			refused[test.name] = srv.Stats().Throttled
			t.Logf("%d refused, %v", refused[test.name], time.Since(start))
			if most := refused["Sender"]*3/2 + 2; refused[test.name] > most { // 2 more by chance
				t.Errorf("%d were refused, want %d at most", refused[test.name], most)
			}
		})
	}
}

// inParallel calls do for 0 to n-1 on so many goroutines.
func inParallel(goroutines, n int, do func(i int)) {
	work := make(chan int)
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for i := range work {
				do(i)
			}
		})
	}
	for i := range n {
		work <- i
	}
	close(work)
	wg.Wait()
}

// gomail.Send leaves text alone of a refusal; a Pacer understands it all the same.
func TestTextOfGomail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(t, smtpace.PacerConfig{})
		for _, test := range []struct {
			err   error
			calls int
			want  smtpace.Status
		}{
			{textReply(450, "4.2.0 Greylisted, try again in 60 seconds"), 2, smtpace.Delivered},
			{textReply(550, "5.1.1 no such user"), 1, smtpace.Refused},
			{errors.New("gomail: could not send email 1: gomail: invalid address"), 2, smtpace.Delivered},
		} {
			calls := 0
			err := p.Do(t.Context(), "ann@example.com", func(context.Context) error {
				if calls++; calls == 1 {
					return test.err
				}
				return nil
			})
			got := smtpace.Delivered
			if failed, ok := errors.AsType[*smtpace.SendError](err); ok {
				got = failed.Result.Recipients[0].Status
			}
			if got != test.want || calls != test.calls {
				t.Errorf("%v: got %v after %d calls, want %v after %d", test.err, got, calls, test.want, test.calls)
			}
		}
	})
}

// Workers that give jobs back to their queue call the function once a job.
func TestWorkers(t *testing.T) {
	const jobs, perSecond = 1000, 50
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(t, smtpace.PacerConfig{Destination: throttle.Limits{MessageRate: throttle.Rate{Count: perSecond, Per: time.Second}}})
		var mu sync.Mutex
		calls, given := 0, 0
		var wg sync.WaitGroup
		for i := range jobs {
			wg.Go(func() {
				for {
					mu.Lock()
					given++
					mu.Unlock()
					again, err := work(t.Context(), p, fmt.Sprintf("u%d@example.com", i), func(context.Context) error {
						mu.Lock()
						defer mu.Unlock()
						calls++
						return nil
					})
					if err != nil {
						t.Error(err)
					}
					if again == 0 {
						return
					}
					time.Sleep(again)
				}
			})
		}
		wg.Wait()
		if calls != jobs || given > jobs*21/10 {
			t.Errorf("%d jobs were given %d times and sent %d times, want 2.1 and 1 a job at most", jobs, given, calls)
		}
	})
}
