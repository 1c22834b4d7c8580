package smtpace

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/wneessen/go-mail"
)

func TestSendDelivers(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		m := newMsg(t, "a@one.example", "b@one.example", "c@two.example")
		if err := m.Bcc("hidden@two.example"); err != nil {
			t.Fatal(err)
		}
		r, err := s.SendMail(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		for _, rcpt := range r.Recipients {
			if rcpt.Status != Delivered || rcpt.Tries != 1 || rcpt.Attempts != 1 || rcpt.Reply == nil || rcpt.Reply.Code != 250 || rcpt.Err != nil {
				t.Errorf("%+v", rcpt)
			}
		}
		if len(r.Recipients) != 4 || r.Recipients[3].Address != "hidden@two.example" {
			t.Errorf("recipients: %+v", r.Recipients)
		}
		if n := srv.Stats().Messages; n != 2 {
			t.Errorf("%d transactions for two destinations", n)
		}
		if bytes.Contains(srv.Transactions()[0].Data, []byte("hidden")) {
			t.Error("the message names its blind recipient")
		}
	})
}

// One of three recipients is refused for now, one for good: the third gets the
// mail at once, the first later, the second never again, and none twice.
func TestHalfRefusedRecipients(t *testing.T) {
	fault := smtptest.Rules(
		smtptest.Rule{Stage: smtptest.StageRcpt, Recipient: "later@x.example", Times: 1, Fault: smtptest.Fault{Reply: "450 4.3.2 try again"}},
		smtptest.Rule{Stage: smtptest.StageRcpt, Recipient: "never@x.example", Fault: smtptest.Fault{Reply: "550 5.1.1 no such user"}},
	)
	inWorld(t, smtptest.Config{Fault: fault}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		start := time.Now()
		r, err := s.SendMail(t.Context(), newMsg(t, "later@x.example", "never@x.example", "now@x.example"))
		failed, ok := errors.AsType[*SendError](err)
		if !ok || failed.Result != r {
			t.Fatalf("error is %v", err)
		}
		if reply, ok := errors.AsType[*classify.Reply](err); !ok || reply.Code != 550 || reply.Enhanced != "5.1.1" {
			t.Errorf("the error unwraps to %v", reply)
		}
		later, never, now := r.Recipients[0], r.Recipients[1], r.Recipients[2]
		if later.Status != Delivered || later.Tries != 2 {
			t.Errorf("later: %+v", later)
		}
		if never.Status != Refused || never.Tries != 1 || never.Class != classify.ClassBadMailbox {
			t.Errorf("never: %+v", never)
		}
		if now.Status != Delivered || now.Tries != 1 || now.LastTry.Sub(start) > time.Second {
			t.Errorf("now: %+v", now)
		}
		mails := map[string]int{}
		asked := map[string]int{}
		for _, tx := range srv.Transactions() {
			for _, rcpt := range tx.Recipients {
				asked[rcpt.Address]++
			}
			for _, to := range tx.To() {
				mails[to]++
			}
		}
		if mails["now@x.example"] != 1 || mails["later@x.example"] != 1 || asked["never@x.example"] != 1 {
			t.Errorf("mails %v, asked %v", mails, asked)
		}
	})
}

func TestGreylistingWaitsAsLongAsTheReplySays(t *testing.T) {
	inWorld(t, smtptest.Config{Domains: map[string]smtptest.Domain{"grey.example": {Greylist: smtptest.Greylist{
		Delay: 299 * time.Second, Reply: "451 4.7.1 Greylisted, please try again in 300 seconds",
	}}}}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		start := time.Now()
		r, err := s.SendMail(t.Context(), newMsg(t, "a@grey.example"))
		if err != nil {
			t.Fatal(err)
		}
		if rcpt := r.Recipients[0]; rcpt.Tries != 2 || rcpt.Attempts != 2 {
			t.Errorf("%+v", rcpt)
		}
		if took := time.Since(start); took < 300*time.Second || took > 361*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestExpiry(t *testing.T) {
	never := smtptest.Rules(smtptest.Rule{Stage: smtptest.StageRcpt, Recipient: "@busy.example", Fault: smtptest.Fault{Reply: "451 4.3.0 try later"}})
	inWorld(t, smtptest.Config{Fault: never}, func(t *testing.T, srv *smtptest.Server) {
		down := relayTo(srv)
		down.Name = "down"
		down.DialContext = unreachable(func() bool { return true }, nil)
		s := newSender(t, Config{
			Relays: []Relay{relayTo(srv)}, Expiry: time.Hour,
			Router: RouteTable{{Pattern: "down.example", Router: PromptRouterFunc(func(RouteRequest) (Route, error) { return Via(down), nil })}},
		})
		for _, tc := range []struct {
			to     string
			expiry time.Duration
			want   Status
			says   string
		}{
			{"a@busy.example", 0, GaveUp, "451"},
			{"a@down.example", 10 * time.Minute, NotTried, "connection refused"},
		} {
			start := time.Now()
			m := rendered("m", tc.to)
			m.Expiry = tc.expiry
			settled := make(chan *Result, 1)
			if _, err := s.Submit(t.Context(), m, func(r *Result) { settled <- r }); err != nil {
				t.Fatal(err)
			}
			r := <-settled
			rcpt := r.Recipients[0]
			if rcpt.Status != tc.want || !errors.Is(r.Err(), ErrExpired) || !strings.Contains(r.Err().Error(), tc.says) {
				t.Errorf("%s: %v, %v", tc.to, rcpt.Status, r.Err())
			}
			limit := tc.expiry
			setDefault(&limit, time.Hour)
			within(t, start, limit)
		}
	})
}

// notifier is an interface that code may use in place of go-mail's Client.
type notifier interface {
	DialAndSend(...*mail.Msg) error
	DialAndSendWithContext(context.Context, ...*mail.Msg) error
}

func TestDialAndSend(t *testing.T) {
	refuse := smtptest.Rules(
		smtptest.Rule{Stage: smtptest.StageRcpt, Recipient: "no@x.example", Fault: smtptest.Fault{Reply: "550 5.1.1 no"}},
		smtptest.Rule{Stage: smtptest.StageRcpt, Recipient: "wait@x.example", Fault: smtptest.Fault{Reply: "451 4.3.0 wait"}},
	)
	inWorld(t, smtptest.Config{Fault: refuse}, func(t *testing.T, srv *smtptest.Server) {
		var n notifier = newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		if err := n.DialAndSend(newMsg(t, "a@x.example"), newMsg(t, "b@x.example")); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		ok := newMsg(t, "c@x.example")
		err := n.DialAndSendWithContext(t.Context(), newMsg(t, "no@x.example"), ok, newMsg(t, "wait@x.example"), nil)
		for _, want := range []string{"no@x.example", "wait@x.example", "Msg is nil"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v does not mention %s", err, want)
			}
		}
		if !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "c@x.example") {
			t.Errorf("got %v", err)
		}
		within(t, start, defaultDialAndSendTimeout)
		if srv.Stats().Messages != 3 {
			t.Errorf("%d messages arrived", srv.Stats().Messages)
		}
	})
}
