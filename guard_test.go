package smtpace

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

// refusals are replies of every limit, and of what is easily taken for one.
var refusals = []string{
	"452 4.5.3 Too many recipients",
	"552 5.5.3 Too many recipients",
	"554 Transaction failed: Recipient count exceeds 50.",
	"550 5.7.1 Message rejected: too many recipients in To and Cc headers",
	"554 Policy: hourly recipient limit reached",
	"450 4.5.3 Error: too many recipients from 192.0.2.1",
	"421 4.7.0 Too many messages in this connection",
	"452 4.4.5 Maximum number of messages per session exceeded.",
	"550 Too many messages in this session",
	"450 4.7.1 Error: too much mail from 192.0.2.1",
	"421 4.7.0 Error: too many connections from 192.0.2.1",
	"432 4.3.2 Concurrent connections limit exceeded",
	"550 Connection frequency limited",
	"454 Throttling failure: Daily message quota exceeded.",
	"450 4.2.1 The user you are trying to contact is receiving mail too quickly",
	"421 4.4.2 Timeout",
	"421 bye",
	"555 5.5.4 Unsupported option",
	"503 5.5.1 Bad sequence",
	"451 4.3.0 try again in 0 seconds",
	"450 4.7.1 Greylisted, try again in 1 second",
	"530 5.7.0 Authentication required",
	"250 what",
	"354 go ahead",
	"", // the connection is closed
}

// persistent is a receiver that gives one answer for ever at one stage to the
// message "it", and a record of the tries.
type persistent struct {
	stage smtptest.Stage
	reply string

	mu    sync.Mutex
	tries int
	hasty int // of a recipient who was tried less than a second before
	last  map[string]time.Time
}

func (p *persistent) fault(ev smtptest.Event) *smtptest.Fault {
	if ev.Stage != p.stage || ev.From != "it@sender.example" && !strings.Contains(ev.Line, "it@sender.example") {
		return nil
	}
	if p.reply == "" {
		return &smtptest.Fault{Silent: true, End: smtptest.Close}
	}
	f := &smtptest.Fault{Reply: p.reply}
	if strings.HasPrefix(p.reply, "421") {
		f.End = smtptest.Close
	}
	return f
}

func (p *persistent) observe(try Try) {
	if try.ID != "it" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last == nil {
		p.last = map[string]time.Time{}
	}
	p.tries++
	again := p.tries == 1
	for _, r := range try.Recipients {
		if at, seen := p.last[r.Address]; seen && try.Time.Sub(at) < time.Second {
			again = true
		}
		p.last[r.Address] = try.Time
	}
	if again {
		p.hasty++
	}
}

// send sends the message to n recipients for an hour, on a connection that has
// carried another one before if reused is set.
func (p *persistent) send(t *testing.T, n int, reused bool) {
	inWorld(t, smtptest.Config{Fault: p.fault}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, Observers: []Observer{{Try: p.observe}}})
		if reused {
			if _, err := s.Send(t.Context(), rendered("warm", "a@one.example")); err != nil {
				t.Fatal(err)
			}
		}
		m := rendered("it")
		m.From, m.Expiry = "it@sender.example", time.Hour
		for i := range n {
			m.To = append(m.To, fmt.Sprintf("u%d@one.example", i))
		}
		_, _ = s.Send(t.Context(), m)
	})
}

// Invariant 7: whatever a receiver answers for ever, no refusal is repeated at the
// speed of the wire.
func TestInvariant7NoReplyIsRepeatedAtTheSpeedOfTheWire(t *testing.T) {
	sizes := []int{1, 2, 5, 100}
	if brief() {
		sizes = []int{1, 5}
	}
	for _, stage := range []smtptest.Stage{smtptest.StageMail, smtptest.StageRcpt, smtptest.StageData, smtptest.StageDot} {
		for _, reply := range refusals {
			for _, n := range sizes {
				for _, reused := range []bool{false, true} {
					p := &persistent{stage: stage, reply: reply}
					p.send(t, n, reused)
					allowed := 8 + bits.Len(uint(n)) - 1
					most := allowed + 66 + 12*n
					if p.hasty > allowed || p.tries > most || p.tries == 0 {
						t.Errorf("%q to %s of %d recipients, reused %v: %d tries in an hour, %d of them without a wait; want from 1 to %d, and %d",
							reply, stage, n, reused, p.tries, p.hasty, most, allowed)
					}
				}
			}
		}
	}
}

// A receiver that refuses messages to too many recipients after the dot gets
// smaller ones, soon, and each recipient one copy.
func TestTooManyRecipientsAtDataOrDot(t *testing.T) {
	for _, stage := range []smtptest.Stage{smtptest.StageData, smtptest.StageDot} {
		for _, test := range []struct {
			reply   string
			allowed int
			refused int // transactions, at most
		}{
			{"554 Transaction failed: Recipient count exceeds 50.", 50, 1},
			{"452 4.5.3 Too many recipients", 50, 1},
			{"552 5.5.3 Too many recipients", 30, 4}, // both halves may be under way
			{"550 5.5.3 Only one recipient at a time", 1, 1},
			{"452 4.5.3 Too many recipients", 1, 13},
		} {
			var mu sync.Mutex
			recipients, refused := map[int]int{}, 0
			fault := func(ev smtptest.Event) *smtptest.Fault {
				mu.Lock()
				defer mu.Unlock()
				switch ev.Stage {
				case smtptest.StageMail:
					recipients[ev.Conn] = 0
				case smtptest.StageRcpt:
					recipients[ev.Conn]++
				case stage:
					if recipients[ev.Conn] > test.allowed {
						refused++
						return &smtptest.Fault{Reply: test.reply}
					}
				}
				return nil
			}
			inWorld(t, smtptest.Config{Fault: fault}, func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
				m := rendered("it")
				for i := range 100 {
					m.To = append(m.To, fmt.Sprintf("u%d@one.example", i))
				}
				start := time.Now()
				r, err := s.Send(t.Context(), m)
				within(t, start, time.Minute)
				if err != nil || r.Recipients[0].Attempts > 1 {
					t.Errorf("%q to %s: %v, attempts %d", test.reply, stage, err, r.Recipients[0].Attempts)
				}
				for to, n := range accepted(srv) {
					if n != 1 {
						t.Errorf("%q to %s: %s has %d copies", test.reply, stage, to, n)
					}
				}
				if refused > test.refused {
					t.Errorf("%q to %s, %d allowed: %d transactions were refused, want at most %d", test.reply, stage, test.allowed, refused, test.refused)
				}
			})
		}
	}
}

// One recipient cannot be too many: then it is tried by a schedule, each try is an
// attempt, and neither others' messages to many nor their pace suffer.
func TestOneRecipientThatIsTooMany(t *testing.T) {
	for _, reply := range []string{"452 4.5.3 Too many recipients", "550 5.7.1 Message rejected: too many recipients in To and Cc headers"} {
		for _, stage := range []smtptest.Stage{smtptest.StageData, smtptest.StageDot} {
			p := &persistent{stage: stage, reply: reply}
			inWorld(t, smtptest.Config{Fault: p.fault}, func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
				m := rendered("it", "a@one.example")
				m.From = "it@sender.example"
				sub, err := s.Submit(t.Context(), m, nil)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				start := time.Now()
				many := rendered("many")
				for i := range 60 {
					many.To = append(many.To, fmt.Sprintf("u%d@one.example", i))
				}
				if _, err := s.Send(t.Context(), many); err != nil {
					t.Fatal(err)
				}
				within(t, start, time.Second)
				if n := srv.Stats().Messages; n != 1 {
					t.Errorf("%q at %s: the message to 60 went in %d parts", reply, stage, n)
				}
				<-sub.Done()
				if r := sub.Result().Recipients[0]; r.Status != GaveUp || r.Attempts != r.Tries || r.Tries > 60 {
					t.Errorf("%q at %s: %v, %d attempts of %d tries in a day", reply, stage, r.Status, r.Attempts, r.Tries)
				}
			})
		}
	}
}

// Of a path that loses every reply to the dot three copies are made at most, with
// more time for the reply each time, and soon.
func TestFewCopies(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault smtptest.Fault
		tries int
		want  time.Duration
	}{
		{"reset", smtptest.Fault{Stored: true, Silent: true, End: smtptest.Reset}, 0, 6 * time.Second},
		{"no reply", smtptest.Fault{Stored: true, Silent: true, End: smtptest.Stall}, 0, (10 + 20 + 40) * time.Minute},
		{"once", smtptest.Fault{Stored: true, Silent: true, End: smtptest.Reset}, 1, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			rule := smtptest.Rule{Stage: smtptest.StageDot, Fault: test.fault}
			inWorld(t, smtptest.Config{Fault: smtptest.Rules(rule), IdleTimeout: 2 * time.Hour}, func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, AmbiguousTries: test.tries})
				start := time.Now()
				r, err := s.Send(t.Context(), rendered("it", "a@one.example", "b@one.example"))
				took := time.Since(start)
				if took < test.want || took > test.want+test.want/4+time.Minute {
					t.Errorf("settled after %v, want about %v", took, test.want)
				}
				copies := 3
				if test.tries > 0 {
					copies = test.tries
				}
				for _, rcpt := range r.Recipients {
					if err == nil || rcpt.Status != Unknown || rcpt.Ambiguous != copies {
						t.Errorf("%+v, %v", rcpt, err)
					}
				}
				if n := srv.Stats().Messages; n != copies {
					t.Errorf("%d copies, want %d", n, copies)
				}
			})
		})
	}
}

// A receiver's hint and a short expiry do not end a message that has time for one
// more try.
func TestLastTryBeforeTheExpiry(t *testing.T) {
	for _, test := range []struct {
		name   string
		reply  string
		opens  time.Duration // time after which the receiver takes the message
		expiry time.Duration
		status Status
	}{
		{"long hint", "451 4.7.1 Greylisted, try again in 21 hours", 21 * time.Hour, 24 * time.Hour, Delivered},
		{"hint just before the expiry", "451 4.7.1 Greylisted, try again in 3599 seconds", 3599 * time.Second, time.Hour, Delivered},
		{"schedule longer than the expiry", "451 4.7.1 Greylisted", 3 * time.Minute, 4 * time.Minute, Delivered},
		{"schedule that ends by lot", "451 4.7.1 Greylisted", 5 * time.Minute, 6 * time.Minute, Delivered},
		{"second wait too long", "451 4.3.0 busy", 25 * time.Minute, 27 * time.Minute, Delivered},
		{"hint a little too long", "451 4.7.1 Greylisted, try again in 5 minutes", 3 * time.Minute, 4*time.Minute + 10*time.Second, Delivered},
		{"hint far too long", "451 4.7.1 Greylisted, try again in 3 hours", time.Minute, time.Hour, GaveUp},
		{"never", "451 4.3.0 busy", 2 * time.Hour, time.Hour, GaveUp},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, smtptest.Config{}, func(t *testing.T, _ *smtptest.Server) {
				opens := time.Now().Add(test.opens)
				srv := smtptest.NewServer(smtptest.Config{InMemory: true, Fault: func(ev smtptest.Event) *smtptest.Fault {
					if ev.Stage == smtptest.StageRcpt && ev.Time.Before(opens) {
						return &smtptest.Fault{Reply: test.reply}
					}
					return nil
				}})
				defer srv.Close()
				var got results
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, Expiry: test.expiry})
				messages := 20
				if strings.Contains(test.reply, "busy") { // of many that would be the server's trouble
					messages = 1
				}
				if err := s.SendAll(t.Context(), newsletter(messages, "one.example"), got.done); err != nil {
					t.Fatal(err)
				}
				for id, r := range got.by {
					rcpt := r.Recipients[0]
					if rcpt.Status != test.status {
						t.Errorf("%v: %v after %d tries: %v", id, rcpt.Status, rcpt.Tries, rcpt.Err)
					}
					if late := r.Settled.Sub(r.Accepted); late > test.expiry {
						t.Errorf("%v: settled after %v", id, late)
					}
				}
			})
		})
	}
}

// reportOf returns the report of a transaction with these verdicts.
func reportOf(verdicts []classify.Verdict) (r pool.Report) {
	for _, v := range verdicts {
		r.Recipients = append(r.Recipients, pool.Answer{Stage: classify.StageDot, Verdict: v})
	}
	return r
}

// A lost reply to the dot reaches the Scheduler, whatever else the transaction had.
func TestOutcomeTellsAmbiguity(t *testing.T) {
	refused := classify.Verdict{Class: classify.ClassBadMailbox, Recipient: classify.RecipientRefused}
	lost := classify.Verdict{Class: classify.ClassNetwork, Recipient: classify.RecipientAmbiguous}
	limit := classify.Verdict{Class: classify.ClassRateLimited, Limit: classify.LimitMessageRate}
	for _, test := range []struct {
		verdicts []classify.Verdict
		want     classify.Verdict
	}{
		{[]classify.Verdict{refused, lost, refused}, lost},
		{[]classify.Verdict{refused, lost, limit}, limit},
		{[]classify.Verdict{limit, lost}, limit},
		{[]classify.Verdict{refused}, refused},
	} {
		if got := outcome(reportOf(test.verdicts)); got.Verdict != test.want {
			t.Errorf("%v: %+v, want %+v", test.verdicts, got.Verdict, test.want)
		}
		slices.Reverse(test.verdicts)
		if got := outcome(reportOf(test.verdicts)); got.Verdict != test.want {
			t.Errorf("%v: %+v, want %+v", test.verdicts, got.Verdict, test.want)
		}
	}
}

// Invariant 2: whatever is said about our login, HELO name, address or account, no
// recipient is refused, at any command.
func TestInvariant2OurSessionRefusesNoRecipient(t *testing.T) {
	for _, reply := range []string{
		"530 5.7.0 Authentication required",
		"550 5.7.1 Authentication required",
		"553 5.7.1 <from@sender.example>: Sender address rejected: not logged in",
		"504 5.5.2 <vm>: Helo command rejected: need fully-qualified hostname",
		"550 5.7.1 Service unavailable; Client host [192.0.2.9] blocked using bl.example.net",
		"550 5.7.25 The sending address has no PTR record",
		"554 Sending paused for this account",
	} {
		for _, stage := range []smtptest.Stage{smtptest.StageMail, smtptest.StageRcpt, smtptest.StageData, smtptest.StageDot} {
			rule := smtptest.Rule{Stage: stage, Fault: smtptest.Fault{Reply: reply}}
			inWorld(t, smtptest.Config{Fault: smtptest.Rules(rule)}, func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, Expiry: 2 * time.Hour, FailFast: FailFastNever})
				r, err := s.Send(t.Context(), rendered("it", "a@one.example", "b@one.example"))
				for _, rcpt := range r.Recipients {
					if err == nil || rcpt.Status != GaveUp || rcpt.Tries < 2 {
						t.Errorf("%q to %s: %+v", reply, stage, rcpt)
					}
				}
			})
		}
	}
}

// The Scheduler is told of recipients taken behind a refused one: a receiver that counts
// recipients takes none.
func TestOutcomeTellsWhoWasTakenBehindARefusal(t *testing.T) {
	taken := pool.Answer{Stage: classify.StageDot, Verdict: classify.Verdict{Recipient: classify.RecipientDelivered}}
	refused := pool.Answer{Stage: classify.StageRcpt, Verdict: classify.Verdict{Class: classify.ClassRateLimited, Recipient: classify.RecipientLater}}
	for _, tt := range []struct {
		answers []pool.Answer
		behind  int
	}{
		{[]pool.Answer{taken, taken, refused, refused}, 0},
		{[]pool.Answer{taken, refused, taken, refused, taken}, 2},
		{[]pool.Answer{refused, taken}, 1},
		{[]pool.Answer{taken, taken}, 0},
	} {
		if got := outcome(pool.Report{Recipients: tt.answers, Ordinal: 1}); got.Behind != tt.behind {
			t.Errorf("%v: %d behind a refusal, want %d", tt.answers, got.Behind, tt.behind)
		}
	}
}
