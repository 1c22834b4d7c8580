package smtpace

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
	"github.com/wneessen/go-mail"
)

// TestOneRoundTripPerMessage has a busy connection carry a message in every
// round trip, whatever the number of recipients.
func TestOneRoundTripPerMessage(t *testing.T) {
	const messages, latency = 300, 10 * time.Millisecond
	inWorld(t, smtptest.Config{Latency: latency}, func(t *testing.T, srv *smtptest.Server) {
		relay := relayTo(srv)
		relay.Limits = throttle.Limits{Connections: 1, MessagesPerConnection: throttle.Unlimited}
		s := newSender(t, Config{Relays: []Relay{relay}, Process: relay.Limits, Destination: relay.Limits})
		all := newsletterTo(messages, "a@x.example", "b@y.example", "c@x.example")
		var got results
		start := time.Now()
		if err := s.SendAll(t.Context(), slices.Values(all), got.done); err != nil {
			t.Fatal(err)
		}
		if n := got.count(Delivered); n != 3*messages {
			t.Errorf("%d recipients were delivered", n)
		}
		// Two destinations are two transactions.
		within(t, start, (2*messages+10)*2*latency)
		if n := srv.Stats().Connections; n != 1 {
			t.Errorf("%d connections", n)
		}
		intact(t, srv, all...)
	})
}

func newsletterTo(n int, to ...string) []Message {
	var all []Message
	for i := range n {
		all = append(all, rendered(fmt.Sprintf("m%d", i), to...))
	}
	return all
}

func TestAnnouncedLimitsAreKept(t *testing.T) {
	inWorld(t, smtptest.Config{Offer: []string{"LIMITS MAILMAX=3 RCPTMAX=4 RCPTDOMAINMAX=2"}}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, Router: PromptRouterFunc(func(RouteRequest) (Route, error) { return Route{Destination: "all"}, ErrUseRelays })})
		var to []string
		for i := range 12 {
			to = append(to, fmt.Sprintf("r%d@d%d.example", i, i%3))
		}
		var got results
		if err := s.SendAll(t.Context(), slices.Values(newsletterTo(5, to...)), got.done); err != nil {
			t.Fatal(err)
		}
		if n := got.count(Delivered); n != 60 {
			t.Errorf("%d recipients were delivered, want 60", n)
		}
		for _, tx := range srv.Transactions() {
			domains := map[string]bool{}
			for _, to := range tx.To() {
				domains[to[strings.IndexByte(to, '@'):]] = true
			}
			if tx.Message > 3 || len(tx.Recipients) > 4 || len(domains) > 2 {
				t.Errorf("message %d of its connection had %d recipients of %d domains", tx.Message, len(tx.Recipients), len(domains))
			}
		}
	})
}

func TestReportsAreAskedFor(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		m := rendered("m", "a@x.example")
		m.DSN = pool.DSN{Notify: []mail.DSNRcptNotifyOption{mail.DSNRcptNotifyNever}, Return: mail.DSNMailReturnHeadersOnly, EnvelopeID: "m=1"}
		var got results
		if err := s.SendAll(t.Context(), slices.Values([]Message{m}), got.done); err != nil {
			t.Fatal(err)
		}
		tx := srv.Transactions()[0]
		if want := []string{"RET=HDRS", "ENVID=m+3D1"}; !slices.Equal(tx.Params[1:], want) {
			t.Errorf("parameters %q, want SIZE and %q", tx.Params, want)
		}
		m.DSN.EnvelopeID = "\r\n"
		if _, err := s.Submit(t.Context(), m, nil); err == nil {
			t.Error("an envelope ID with a line end was accepted")
		}
	})
}

// TestUnknownParameter covers a server that refuses a parameter which it
// offers: the message goes again without, at once, and it costs no attempt.
func TestUnknownParameter(t *testing.T) {
	inWorld(t, smtptest.Config{Fault: func(ev smtptest.Event) *smtptest.Fault {
		if ev.Stage == smtptest.StageMail && strings.Contains(ev.Line, "SIZE=") {
			return &smtptest.Fault{Reply: "555 5.5.4 unsupported parameter"}
		}
		return nil
	}}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		var got results
		start := time.Now()
		if err := s.SendAll(t.Context(), slices.Values(newsletterTo(20, "a@x.example")), got.done); err != nil {
			t.Fatal(err)
		}
		within(t, start, time.Second)
		for id, r := range got.by {
			if r.Recipients[0].Status != Delivered || r.Recipients[0].Tries != 1 {
				t.Errorf("%v: %+v", id, r.Recipients[0])
			}
		}
	})
}

// TestCancelBehindAnUnansweredDot withdraws a message whose envelope is out
// behind the dot of another: that one is delivered, once.
func TestCancelBehindAnUnansweredDot(t *testing.T) {
	inWorld(t, smtptest.Config{ServiceTime: 10 * time.Second}, func(t *testing.T, srv *smtptest.Server) {
		relay := relayTo(srv)
		relay.Limits.Connections = 1
		s := newSender(t, Config{Relays: []Relay{relay}})
		var got results
		if _, err := s.Submit(t.Context(), rendered("first", "a@x.example"), got.done); err != nil {
			t.Fatal(err)
		}
		cancelled := make(chan *Result, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			r, _ := s.SendMail(ctx, newMsg(t, "b@x.example"))
			cancelled <- r
		}()
		time.Sleep(time.Second)
		if n := srv.Stats().Mails; n != 1 {
			t.Fatalf("%d MAIL were answered, want 1", n)
		}
		start := time.Now()
		cancel()
		r := <-cancelled
		within(t, start, 100*time.Millisecond)
		if status := r.Recipients[0].Status; status == Delivered || status == Unknown || status == Refused {
			t.Errorf("the cancelled one is %v", status)
		}
		time.Sleep(time.Minute)
		if got.count(Delivered) != 1 || srv.Stats().Messages != 1 {
			t.Errorf("%d delivered, receiver has %d", got.count(Delivered), srv.Stats().Messages)
		}
	})
}

// TestParametersThatDoNotWork cost one further command each, and refuse nobody.
func TestParametersThatDoNotWork(t *testing.T) {
	for _, tt := range []struct {
		stage       smtptest.Stage
		word, reply string
	}{
		{smtptest.StageMail, "SIZE=", "501 5.5.4 Unrecognized parameter"},
		{smtptest.StageMail, "BODY=", "504 5.5.4 Parameter not implemented"},
		{smtptest.StageMail, "RET=", "555 5.5.4 Unsupported option"},
		{smtptest.StageRcpt, "NOTIFY=", "501 5.5.4 Syntax error in parameters"},
		{smtptest.StageMail, "SIZE=", "455 4.5.1 Unable to accommodate parameters"},
		{smtptest.StageMail, "BODY=", "502 5.5.1 Not implemented"},
		{smtptest.StageMail, "RET=", "550 5.5.4 No"},
		{smtptest.StageMail, "SIZE=", "553 Syntax: MAIL FROM:<address>"},
		{smtptest.StageMail, "BODY=", "554 Unsupported: BODY"},
		{smtptest.StageRcpt, "NOTIFY=", "550 Invalid argument"},
		{smtptest.StageMail, "SIZE=", "503 5.5.1 Bad sequence of commands"},
		{smtptest.StageMail, "BODY=", "503 no"},
		{smtptest.StageMail, "RET=", "503 5.5.1 Bad sequence of commands"},
		{smtptest.StageRcpt, "NOTIFY=", "503 5.5.1 Bad sequence of commands"},
		{smtptest.StageMail, "SIZE=", "550 5.5.1 Command not allowed"},
		{smtptest.StageMail, "BODY=", "554 5.5.1 Error: bad command"},
		{smtptest.StageMail, "SIZE=", "550 5.5.0 Protocol error"},
		{smtptest.StageMail, "SIZE=", "550 Command rejected"},
	} {
		t.Run(tt.word+" "+tt.reply, func(t *testing.T) {
			inWorld(t, smtptest.Config{Fault: func(ev smtptest.Event) *smtptest.Fault {
				if ev.Stage == tt.stage && strings.Contains(ev.Line, tt.word) {
					return &smtptest.Fault{Reply: tt.reply}
				}
				return nil
			}}, func(t *testing.T, srv *smtptest.Server) {
				relay := relayTo(srv)
				relay.Limits.Connections = 1
				s := newSender(t, Config{Relays: []Relay{relay}})
				var got results
				start := time.Now()
				for i := range 20 {
					m := rendered(fmt.Sprint("\xc3\xa4", i), "a@x.example", "b@x.example")
					m.DSN = pool.DSN{Return: mail.DSNMailReturnFull, Notify: []mail.DSNRcptNotifyOption{mail.DSNRcptNotifyFailure}}
					r, err := s.Send(t.Context(), m)
					if err != nil {
						t.Fatal(err)
					}
					got.done(r)
				}
				if n, mails := got.count(Delivered), srv.Stats().Mails; n != 40 || mails > 25 {
					t.Errorf("%d of 40 delivered with %d MAIL", n, mails)
				}
				within(t, start, time.Minute)
			})
		})
	}
}

// TestParametersThatOneServerOfTwoRefuses has a parameter refused always, on every second
// connection, or from the third message on, with the codes that servers have for it. Every
// recipient is delivered who needs no SMTPUTF8, and no message costs many commands.
func TestParametersThatOneServerOfTwoRefuses(t *testing.T) {
	replies := []string{
		"500 5.5.1 what", "501 5.5.4 Syntax error in parameters", "501 syntax", "502 5.5.1 not implemented", "503 5.5.2 bad", "504 5.5.4 no such parameter", "504 no", "555 5.5.4 unsupported", "555", "503", "503 5.5.1 Bad sequence of commands",
		"550 5.5.4 invalid argument", "553 5.5.4 bad option", "554 5.5.4 unsupported option", "455 4.5.1 cannot accommodate", "451 4.5.0 parameter?", "452 4.5.4 not now",
	}
	for _, reply := range replies {
		for _, param := range []string{"SIZE=", "BODY=", "SMTPUTF8", "RET=", "ENVID=", "NOTIFY="} {
			for _, when := range []string{"always", "every second connection", "from the third message"} {
				bubble(t, func(t *testing.T) { oneServerOfTwoRefuses(t, reply, param, when) })
			}
		}
	}
}

func oneServerOfTwoRefuses(t *testing.T, reply, param, when string) {
	var mails atomic.Int64
	srv := smtptest.NewServer(smtptest.Config{InMemory: true, Fault: func(ev smtptest.Event) *smtptest.Fault {
		n := mails.Load()
		if ev.Stage == smtptest.StageMail {
			n = mails.Add(1)
		}
		if when == "every second connection" && ev.Conn%2 == 0 || when == "from the third message" && n < 3 || !strings.Contains(ev.Line, param) {
			return nil
		}
		return &smtptest.Fault{Reply: reply}
	}})
	defer srv.Close()
	s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
	got, ascii := &results{}, 0
	for i := range 40 {
		to := []string{fmt.Sprintf("a%d@d.example", i)}
		if ascii++; i%4 == 0 {
			to = append(to, "jörg@d.example")
		}
		m := rendered(fmt.Sprint(i), to...)
		m.Data = fmt.Appendf(nil, "Subject: %d\r\n\r\n\xc3\xa4\r\n", i)
		if i%2 == 0 {
			m.DSN = pool.DSN{Return: "HDRS", EnvelopeID: "x", Notify: []mail.DSNRcptNotifyOption{"FAILURE"}}
		}
		if _, err := s.Submit(t.Context(), m, got.done); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(3 * time.Minute)
	delivered := 0
	for i := range 40 {
		if r := got.of(fmt.Sprint(i)); r != nil && r.Recipients[0].Status == Delivered {
			delivered++
		}
	}
	if delivered != ascii || param != "SMTPUTF8" && got.count(Delivered) != 50 {
		t.Errorf("%q to %s %s: %d of %d recipients were delivered, %d with those who need SMTPUTF8, %d refused", reply, param, when, delivered, ascii, got.count(Delivered), got.count(Refused))
	}
	if n := mails.Load(); n > 120 {
		t.Errorf("%q to %s %s: %d MAIL commands for 40 messages", reply, param, when, n)
	}
}

// TestSequenceErrorsOfOtherKinds: a 503 to parameters that were accepted, on a connection in
// use, speaks of the transaction before. It costs its own message a second at most, and the
// parameters are used as before.
func TestSequenceErrorsOfOtherKinds(t *testing.T) {
	for _, reply := range []string{"503 5.5.1 Error: nested MAIL command", "503 5.5.1 Sender already specified", "503 5.5.2 Sender already specified", "503"} {
		t.Run(reply, func(t *testing.T) {
			inWorld(t, smtptest.Config{Fault: smtptest.Rules(
				smtptest.Rule{Stage: smtptest.StageMail, Message: 3, Fault: smtptest.Fault{Reply: reply}},
			)}, func(t *testing.T, srv *smtptest.Server) {
				relay := relayTo(srv)
				relay.Limits.Connections = 1
				s := newSender(t, Config{Relays: []Relay{relay}})
				var got results
				start := time.Now()
				if err := s.SendAll(t.Context(), slices.Values(newsletterTo(20, "a@x.example")), got.done); err != nil {
					t.Fatal(err)
				}
				within(t, start, 30*time.Second)
				for _, tx := range srv.Transactions() {
					if !slices.ContainsFunc(tx.Params, func(p string) bool { return strings.HasPrefix(p, "SIZE=") }) {
						t.Errorf("MAIL without SIZE: %q", tx.Params)
					}
				}
				if n := got.count(Delivered); n != 20 {
					t.Errorf("%d of 20 delivered", n)
				}
			})
		})
	}
}

// TestAddressesRefusedInTheCodesOfParameters: a refusal of the address is final, and none of
// NOTIFY, of the sender or of the server, whatever its code.
func TestAddressesRefusedInTheCodesOfParameters(t *testing.T) {
	for _, reply := range []string{
		"501 5.0.0 Invalid domain name", "501 5.1.3 Bad recipient address syntax", "501 5.1.2 bad domain", "501 Invalid recipient address", "553 Invalid domain",
		"501 Syntax error in recipient address", "504 5.5.2 <a>: Recipient address rejected: need fully-qualified address", "501 5.1.3 no",
	} {
		t.Run(reply, func(t *testing.T) {
			inWorld(t, smtptest.Config{Fault: smtptest.Rules(
				smtptest.Rule{Stage: smtptest.StageRcpt, Fault: smtptest.Fault{Reply: reply}},
			)}, func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
				for i := range 30 {
					m := rendered(fmt.Sprint(i), "a@x.example")
					m.DSN.Notify = []mail.DSNRcptNotifyOption{mail.DSNRcptNotifyFailure}
					start := time.Now()
					r, _ := s.Send(t.Context(), m)
					within(t, start, time.Second)
					if got := r.Recipients[0]; got.Status != Refused || got.Tries != 1 {
						t.Errorf("message %d: %v after %d tries", i, got.Status, got.Tries)
					}
				}
				if st := srv.Stats(); st.Mails != 30 {
					t.Errorf("%d MAIL commands", st.Mails)
				}
			})
		})
	}
}

// TestWordsThatContradictWhatIsOffered: a size that the server has just announced to be
// fine, and SMTPUTF8. Nobody is refused for good who could be sent to without.
func TestWordsThatContradictWhatIsOffered(t *testing.T) {
	for _, tt := range []struct{ param, reply string }{
		{"SIZE=", "552 5.3.4 Message size exceeds fixed limit"}, {"SIZE=", "552 message too large"},
		{"SMTPUTF8", "553 5.6.7 address not permitted"}, {"SMTPUTF8", "550 5.6.7 No"},
	} {
		t.Run(tt.param+" "+tt.reply, func(t *testing.T) {
			inWorld(t, smtptest.Config{Fault: func(ev smtptest.Event) *smtptest.Fault {
				if ev.Stage == smtptest.StageMail && strings.Contains(ev.Line, tt.param) {
					return &smtptest.Fault{Reply: tt.reply}
				}
				return nil
			}}, func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
				var got results
				for i := range 10 {
					if _, err := s.Submit(t.Context(), rendered(fmt.Sprint(i), "a@x.example", "jörg@x.example"), got.done); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(3 * time.Minute)
				for i := range 10 {
					r := got.of(fmt.Sprint(i))
					if r == nil || r.Recipients[0].Status != Delivered || tt.param == "SIZE=" && !r.Delivered() {
						t.Errorf("message %d: %+v", i, r)
					}
				}
				if n := srv.Stats().Mails; n > 30 {
					t.Errorf("%d MAIL commands for 10 messages", n)
				}
			})
		})
	}
}

// TestPipeliningThatIsRefused: a server that offers PIPELINING and refuses what is
// written ahead gets one command at a time from the next connection on.
func TestPipeliningThatIsRefused(t *testing.T) {
	for _, tt := range []struct {
		stage smtptest.Stage
		reply string
		after int // messages
	}{
		{smtptest.StageData, "503 5.5.0 <DATA>: Data command rejected: Improper use of SMTP command pipelining", 0},
		{smtptest.StageRcpt, "554 SMTP synchronization error", 0},
		{smtptest.StageRcpt, "550 5.7.1 Unauthorized command pipelining", 0},
		{smtptest.StageMail, "554 5.5.0 Error: improper pipelining", 1}, // behind the dot
		{smtptest.StageData, "421 4.5.0 improper pipelining", 3},
	} {
		t.Run(tt.reply, func(t *testing.T) {
			ahead := map[int]time.Time{} // by connection, of the last command; the bubble's goroutines take turns
			inWorld(t, smtptest.Config{Latency: 5 * time.Millisecond, ServiceTime: time.Millisecond, Fault: func(ev smtptest.Event) *smtptest.Fault {
				early := ev.Time.Sub(ahead[ev.Conn]) < 5*time.Millisecond
				if ahead[ev.Conn] = ev.Time; !early || ev.Stage != tt.stage || ev.Message <= tt.after {
					return nil
				}
				return &smtptest.Fault{Reply: tt.reply}
			}}, func(t *testing.T, srv *smtptest.Server) {
				relay := relayTo(srv)
				relay.Limits.Connections = 1
				s := newSender(t, Config{Relays: []Relay{relay}})
				var got results
				start := time.Now()
				for i := range 20 {
					if _, err := s.Submit(t.Context(), rendered(fmt.Sprint(i), "a@x.example"), got.done); err != nil {
						t.Fatal(err)
					}
				}
				for got.count(Delivered) < 20 && time.Since(start) < time.Hour {
					time.Sleep(100 * time.Millisecond)
				}
				if n, st := got.count(Delivered), srv.Stats(); n != 20 || st.Mails > 24 {
					t.Errorf("%d of 20 delivered, %d refused, %d MAIL on %d connections", n, got.count(Refused), st.Mails, st.Connections)
				}
				within(t, start, 10*time.Second)
			})
		})
	}
}

// oneAtATime is a connection through something that handles one command for each read,
// and throws away what came with it.
type oneAtATime struct {
	net.Conn
	dropped *atomic.Int64
}

func (c oneAtATime) Write(p []byte) (int, error) {
	keep := p
	if i := bytes.IndexByte(p, '\n') + 1; bytes.HasPrefix(p, []byte("MAIL FROM")) && i < len(p) {
		keep = p[:i]
		c.dropped.Add(1)
	}
	_, err := c.Conn.Write(keep)
	return len(p), err
}

// TestPipeliningThatDoesNotWorkCostsOneTimeout, and Relay.Omit saves that.
func TestPipeliningThatDoesNotWorkCostsOneTimeout(t *testing.T) {
	for _, omit := range [][]string{nil, {"PIPELINING"}} {
		inWorld(t, smtptest.Config{IdleTimeout: time.Hour}, func(t *testing.T, srv *smtptest.Server) {
			var dropped atomic.Int64
			relay := relayTo(srv)
			relay.Omit = omit
			relay.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := srv.DialContext(ctx, network, addr)
				return oneAtATime{conn, &dropped}, err
			}
			s := newSender(t, Config{Relays: []Relay{relay}})
			var got results
			start := time.Now()
			if err := s.SendAll(t.Context(), slices.Values(newsletterTo(200, "a@x.example", "b@y.example")), got.done); err != nil {
				t.Fatal(err)
			}
			most := int64(2 - 2*len(omit)) // the first message of each destination
			if n := got.count(Delivered); n != 400 || dropped.Load() > most {
				t.Errorf("omitting %v: %d of 400 delivered, %d times commands were dropped", omit, n, dropped.Load())
			}
			within(t, start, time.Duration(2-len(omit))*5*time.Minute+time.Minute)
		})
	}
}
