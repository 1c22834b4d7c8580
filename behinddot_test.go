package smtpace

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/wneessen/go-mail"
)

// TestARefusalBehindADotIsNotThatOfAParameter has a server that takes no MAIL behind the
// dot of the message before, and says so in codes that servers have for parameters. Mail
// that needs one of these is delivered all the same.
func TestARefusalBehindADotIsNotThatOfAParameter(t *testing.T) {
	for _, reply := range []string{
		"500 unrecognized", "501 syntax error", "501 5.5.4 bad", "502 not implemented", "503 bad sequence", "503 5.5.2 send hello first",
		"504 no", "550 5.5.4 no", "554 5.5.2 no",
	} {
		t.Run(reply, func(t *testing.T) {
			ahead := map[int]time.Time{} // by connection, of the last command; the bubble's goroutines take turns
			inWorld(t, smtptest.Config{Latency: 5 * time.Millisecond, ServiceTime: time.Millisecond, Fault: func(ev smtptest.Event) *smtptest.Fault {
				early := ev.Time.Sub(ahead[ev.Conn]) < 5*time.Millisecond
				if ahead[ev.Conn] = ev.Time; !early || ev.Stage != smtptest.StageMail || ev.Message <= 1 {
					return nil
				}
				return &smtptest.Fault{Reply: reply}
			}}, func(t *testing.T, srv *smtptest.Server) {
				relay := relayTo(srv)
				relay.Limits.Connections = 1
				s := newSender(t, Config{Relays: []Relay{relay}})
				var got results
				for i := range 20 {
					if _, err := s.Submit(t.Context(), rendered(fmt.Sprint(i), "jörg@x.example"), got.done); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(10 * time.Second)
				if n, st := got.count(Delivered), srv.Stats(); n != 20 || st.Mails > 24 {
					t.Errorf("%d of 20 delivered, %d refused, %d MAIL on %d connections", n, got.count(Refused), st.Mails, st.Connections)
				}
			})
		})
	}
}

// TestAFollowerWhoseBytesWereJustDropped: the bytes of a message are dropped between its
// grant and its turn behind the dot of another. It goes after that, rendered anew.
func TestAFollowerWhoseBytesWereJustDropped(t *testing.T) {
	slow := smtptest.Rules(
		smtptest.Rule{Stage: smtptest.StageConnect, Fault: smtptest.Fault{Delay: time.Second / 10}}, // both messages have come before
		smtptest.Rule{Stage: smtptest.StageData, Times: 1, Fault: smtptest.Fault{Delay: 2 * time.Second}},
	)
	inWorld(t, smtptest.Config{Fault: slow}, func(t *testing.T, srv *smtptest.Server) {
		relay := relayTo(srv)
		relay.Limits.Connections = 1
		s := newSender(t, Config{Relays: []Relay{relay}})
		var got results
		later := func(id string) *Submission {
			msg := mail.NewMsg()
			if err := errors.Join(msg.From("a@sender.example"), msg.To("b@example.com")); err != nil {
				t.Fatal(err)
			}
			msg.SetBodyString(mail.TypeTextPlain, "text")
			sub, err := submitLater(t, s, Message{Msg: msg, ID: id}, got.done)
			if err != nil {
				t.Fatal(err)
			}
			return sub
		}
		later("first")
		second := later("second")
		time.Sleep(time.Second) // the first waits for the reply to DATA
		second.mu.Lock()
		if second.body.Len() == 0 {
			t.Error("the second was not rendered")
		}
		second.uncacheLocked()
		second.body = pool.Body{}
		second.uncountLocked(time.Now())
		second.mu.Unlock()
		time.Sleep(time.Minute)
		if n := got.count(Delivered); n != 2 {
			t.Errorf("%d delivered, want 2", n)
		}
		if n := srv.Stats().Messages; n != 2 || s.Stats().InFlight != 0 {
			t.Errorf("%d messages, %d in flight; want 2 and none", n, s.Stats().InFlight)
		}
	})
}
