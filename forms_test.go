package smtpace

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
)

var updateForms = flag.Bool("update", false, "write testdata/forms.txt anew")

const formsFile = "testdata/forms.txt"

// TestFormsStay judges what callers and relays give, in forms that are drawn by a seed,
// and compares digests of the outcomes with testdata/forms.txt. Whoever changes them on
// purpose writes the file anew with
//
//	go test . -run TestFormsStay -update
//
// A line that differs names the form; with -v the outcomes of the first seed are printed.
func TestFormsStay(t *testing.T) {
	var got strings.Builder
	for _, f := range []struct {
		name string
		form func(rng *rand.Rand) string
	}{
		{"address", formAddress}, {"fate", formFate}, {"outcome", formOutcome}, {"record", formRecord}, {"logins", formLogins}, {"counts", formCounts}, {"request", formRequest}, {"recipient", formRecipient},
		{"config", formConfig}, {"log", formLog}, {"stage", formStage}, {"message", formMessage}, {"senders", formSenders},
	} {
		for seed := range uint64(12) {
			rng := rand.New(rand.NewPCG(seed, uint64(len(f.name))))
			h := fnv.New64a()
			for range 120 {
				outcome := f.form(rng)
				h.Write([]byte(outcome))
				if testing.Verbose() && seed == 0 {
					t.Log(outcome)
				}
			}
			fmt.Fprintf(&got, "%s %d: %016x\n", f.name, seed, h.Sum64())
		}
	}
	if *updateForms {
		if err := os.WriteFile(formsFile, []byte(got.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(formsFile)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for line := range strings.Lines(string(want)) {
		known[line] = true
	}
	for line := range strings.Lines(got.String()) {
		if !known[line] {
			t.Errorf("has another outcome: %s", line)
		}
	}
}

// one returns one of a list.
func one[E any](rng *rand.Rand, list ...E) E { return list[rng.IntN(len(list))] }

// some returns up to most of a list, one behind the other.
func some(rng *rand.Rand, most int, list ...string) string {
	var b strings.Builder
	for range rng.IntN(most + 1) {
		b.WriteString(one(rng, list...))
	}
	return b.String()
}

var formTime = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func formAddress(rng *rand.Rand) string {
	text := some(rng, 5, "a", "b.c", "\"", "@", "@x.example", "@X.Example.", "é", " ", "<", ">", "\\", "..", ".", "@[192.0.2.1]", "@[IPv6:2001:db8::1]", "\x7f", "\x1f", "\"a b\"", strings.Repeat("l", 63), "bücher", ",", "_", "-", "xn--", "\xff", "0")
	a, err := parseAddress(text)
	domain, wrong := normalDomain(text)
	quotes, local := checkLocalPart(text)
	return fmt.Sprintf("%q %+v %v|%q %v|%v %v|%d %v %v %v %q\n", text, a, err, domain, wrong, quotes, local, lastUnquotedAt(text), isPlain(text), isNormal(text), isASCII(text), forbidden(text))
}

var formErrors = []error{nil, errors.New("lost"), classify.NewReply(450, "4.7.1 later"), classify.NewReply(550, "5.1.1 unknown"), fmt.Errorf("x: %w", classify.NewReply(421, "bye")), io.EOF, ErrExpired, ErrNeverWorked, os.ErrDeadlineExceeded, &net.OpError{Op: "dial", Err: errors.New("refused")}}

func drawnVerdict(rng *rand.Rand) (v classify.Verdict) {
	v.Class, v.Recipient, v.Connection = classify.Class(rng.IntN(classify.Classes)), classify.Recipient(rng.IntN(4)), classify.Connection(rng.IntN(4))
	if rng.IntN(3) == 0 {
		v.Limit, v.Scope = classify.Limit(rng.IntN(classify.Limits)), classify.Scope(rng.IntN(8))
	}
	if rng.IntN(4) == 0 {
		v.RetryAfter = time.Duration(rng.IntN(7200)) * time.Second
	}
	return v
}

func drawnAnswer(rng *rand.Rand) pool.Answer {
	a := pool.Answer{Stage: classify.Stage(rng.IntN(int(classify.StageUnknown) + 1)), Verdict: drawnVerdict(rng), Err: one(rng, formErrors...)}
	if r, ok := errors.AsType[*classify.Reply](a.Err); ok {
		a.Reply = r
	}
	return a
}

// drawnPolicy is a schedule that draws nothing.
type drawnPolicy struct {
	wait time.Duration
	most int
}

func (p drawnPolicy) Next(_ classify.Verdict, n int, _ time.Duration) (time.Duration, bool) {
	return time.Duration(n) * p.wait, n < p.most
}

func formFate(rng *rand.Rand) string {
	r := &Recipient{Ambiguous: rng.IntN(4), Tries: rng.IntN(3), FirstTry: formTime.Add(-time.Duration(rng.IntN(100)) * time.Hour), Err: one(rng, formErrors...)}
	q := question{
		answer: drawnAnswer(rng), stale: rng.IntN(6) == 0, recipient: r, streak: rng.IntN(5), policy: drawnPolicy{one(rng, 0, time.Minute, time.Hour), 4},
		ambiguousTries: 3, withdrawn: one(rng, nil, nil, nil, ErrClosed), expires: formTime.Add(one(rng, -time.Minute, 0, time.Second, time.Minute, time.Hour, 2*time.Hour, 100*time.Hour)), last: rng.IntN(4) == 0, now: formTime,
	}
	f := judge(&q)
	e := ended(r, errors.New("why"), rng.IntN(2) == 0)
	return fmt.Sprintf("%v %v %v %v %v|%v %v %v\n", f.settled, f.status, f.err, f.at.Sub(formTime), f.last, e.status, e.err, failureGap(rng.IntN(20)))
}

func formOutcome(rng *rand.Rand) string {
	r := pool.Report{Accepted: rng.IntN(4), TooSoon: rng.IntN(6) == 0, NotAttempted: rng.IntN(6) == 0}
	for range rng.IntN(4) {
		r.Recipients = append(r.Recipients, drawnAnswer(rng))
	}
	o := outcome(r)
	text := fmt.Sprintf("%+v %v", o, blames(r.Recipients))
	switch rng.IntN(3) {
	case 0:
		takenFor(&r, classify.Limit(rng.IntN(classify.Limits)))
	case 1:
		doubt(r.Recipients, rng.IntN(2) == 0, rng.IntN(3) == 0)
	default:
		unsplittable(&r)
	}
	for _, a := range r.Recipients {
		text += fmt.Sprintf("|%v %v %+v %v", a.Stage, a.Err, a.Verdict, isAccountsQuota(a.Verdict))
		text += fmt.Sprint(waitingRarelyCures(a.Err))
	}
	return text + "\n"
}

func formRecord(rng *rand.Rand) string {
	var s recipientState
	var r Recipient
	text := ""
	for i := range 8 {
		a := drawnAnswer(rng)
		if rng.IntN(2) == 0 {
			a.Verdict.Class = classify.ClassGreylisted
		}
		s.record(&r, &a, formTime.Add(time.Duration(i)*time.Minute))
		text += fmt.Sprintf("%+v %v %v %v|", s, r.Tries, r.Attempts, r.Ambiguous)
	}
	return fmt.Sprintf("%s%v %v %v %v %v\n", text, r.Class, r.Err, r.Reply, r.FirstTry, r.LastTry)
}

// formLogins has functions that connect to a server which counts logins.
func formLogins(rng *rand.Rand) string {
	var l logins
	l.own = throttle.Limits{Connections: rng.IntN(6), ConnectionRate: throttle.Rate{Count: rng.IntN(3) * 10, Per: time.Duration(1+rng.IntN(120)) * time.Second}}
	now, text := formTime, ""
	for range 40 {
		now = now.Add(one(rng, 0, 100*time.Millisecond, time.Second, 9*time.Second, time.Minute, 2*time.Hour, 25*time.Hour))
		text += fmt.Sprint(l.begins(now))
		began := now.Add(-time.Duration(rng.IntN(70)) * time.Second)
		switch rng.IntN(5) {
		case 0:
			text += fmt.Sprint(l.refuse(now, began))
		case 1:
			text += fmt.Sprint(l.refuse(now, now))
		default:
			for range rng.IntN(30) {
				l.accept(now)
			}
		}
		text += fmt.Sprintf(" %v %v %v %v %v %v\n", len(l.accepted), l.most, l.rate, l.before, l.raiseAt.Sub(formTime), l.limits())
	}
	return text
}

func formCounts(rng *rand.Rand) string {
	c := newCounters()
	for range 10 {
		d := one(rng, "a", "b", "c")
		var r pool.Report
		result := &Result{}
		for range rng.IntN(4) {
			r.Recipients = append(r.Recipients, drawnAnswer(rng))
			result.Recipients = append(result.Recipients, Recipient{Destination: one(rng, "a", "b"), Status: Status(rng.IntN(5))})
		}
		switch rng.IntN(4) {
		case 0:
			c.delivered(d, int64(rng.IntN(5)))
		case 1:
			c.settled(result)
		case 2:
			c.settledOne(&Recipient{Destination: d, Status: Status(rng.IntN(5))})
		default:
			c.tried(d, r)
		}
		var of Counts
		fmt.Fprint(io.Discard, of.answered(r))
	}
	text, err := json.Marshal(map[string]any{"all": c.all(), "total": c.total()})
	return fmt.Sprintf("%s %v\n", text, err)
}

func formRequest(rng *rand.Rand) string {
	r := PaceRequest{
		From: one(rng, "", "a@x.example"), Tenant: one(rng, "", "t"), Relay: one(rng, "", "relay:25", "a\nb", strings.Repeat("r", maxRelayName), strings.Repeat("r", maxRelayName+1)), Bytes: rng.IntN(3) - 1,
		MaxWait: time.Duration(rng.IntN(4) - 1), Attempt: rng.IntN(4) - 1, Ambiguous: rng.IntN(4) - 1, Bulk: rng.IntN(2) == 0,
	}
	if rng.IntN(3) > 0 {
		r.To = []string{"b@y.example"}
		r.Bytes, r.MaxWait, r.Ambiguous = max(r.Bytes, 0), max(r.MaxWait, 0), max(r.Ambiguous, 0)
	}
	mailbox, err := senderOf(r.From)
	scopes, wrong := r.scopes(mailbox)
	return fmt.Sprintln(r.check(), mailbox, err, scopes != nil, wrong, r.lane(), gapOf(1+float64(rng.IntN(50))/10))
}

func formRecipient(rng *rand.Rand) string {
	a := drawnAnswer(rng)
	r := Recipient{Address: one(rng, "a@x.example", ""), Destination: one(rng, "x.example", ""), Status: Status(rng.IntN(6)), Class: a.Verdict.Class, Reply: a.Reply, Err: a.Err, Tries: rng.IntN(3), Attempts: rng.IntN(3), Ambiguous: rng.IntN(2), FirstTry: formTime}
	if rng.IntN(4) == 0 {
		r.Reply = classify.NewReply(451, "other")
	}
	text, err := json.Marshal(r)
	var back Recipient
	wrong := json.Unmarshal(text, &back)
	wrapped, _ := errors.AsType[*classify.Reply](back.Err)
	result := &Result{Recipients: []Recipient{r, back}}
	return fmt.Sprintf("%s %v %v %v %v %v %v %v %v %v %v\n", text, err, back.Err, back.Reply, wrapped, wrong, r.SafeToResend(), r.Status, result.Delivered(), result.Err(), because(errors.New("why"), []error{r.Err, errors.New("b")}[rng.IntN(2):]))
}

func formConfig(rng *rand.Rand) string {
	c := Config{
		Expiry: time.Duration(rng.IntN(4) - 1), MaxHeld: rng.IntN(4) - 1, MaxHeldBytes: int64(rng.IntN(4) - 1), MaxQueued: rng.IntN(4) - 1, MaxQueuedBytes: int64(rng.IntN(4) - 1), BulkPatience: time.Duration(rng.IntN(4) - 1),
		DialAndSendTimeout: time.Duration(rng.IntN(4) - 1), AmbiguousTries: rng.IntN(4) - 1, FailFast: FailFast(rng.IntN(4)), LogAddresses: LogAddresses(rng.IntN(5)), SpoolDir: one(rng, "", "", "/no/such/folder", "/"),
	}
	for range rng.IntN(3) {
		c.Relays = append(c.Relays, Relay{Addr: one(rng, "relay.example:25", "relay.example:587", "x", ""), Name: one(rng, "", "r", "a\nb"), TLS: pool.TLS(rng.IntN(6))})
	}
	if rng.IntN(4) == 0 {
		c.WarmUps = map[string]throttle.WarmUp{"x.example": {}}
	}
	full := c.withDefaults()
	return fmt.Sprintf("%v|%v %v %v %v %v %v %v %v|%v\n", c.validate(), full.Expiry, full.MaxHeld, full.MaxHeldBytes, full.MaxQueued, full.MaxQueuedBytes, full.BulkPatience, full.DialAndSendTimeout, full.AmbiguousTries, full.dotTimeout(rng.IntN(5)))
}

func formLog(rng *rand.Rand) string {
	f := LogAddresses(rng.IntN(4))
	text := some(rng, 6, "ann@example.com", "Ann@Example.com", "ann", "example.com", " ", "<", ">", "bob@x.example", "@", "xann@example.com", ".", "\"a b\"@x.example", "550 ")
	return fmt.Sprintf("%v %q %q %q %q\n", f.validate(), f.address(one(rng, "ann@example.com", "", "x", "\"a@b\"@x.example")), f.text(text, "ann@example.com", "bob@x.example"), replaceWord(text, "ann@example.com", "***"), f.text(text))
}

func formStage(rng *rand.Rand) string {
	err := one(rng, formErrors[1:]...)
	switch rng.IntN(4) {
	case 0:
		err = AtStage(classify.Stage(rng.IntN(int(classify.StageUnknown)+2)), err)
	case 1:
		err = NotSent(err)
	case 2:
		err = RecipientErrors{one(rng, "a@x.example", "b@x.example"): err, "c": classify.NewReply(450, "no")}
	}
	reply, sure := replyInText(one(rng, "550 5.1.1 no", "smtp: 451 later", "error 42", "550", "gomail: could not send email 1: 550 no", "dial tcp 192.0.2.1:25", "421-4.7.0 slow", "x 250 ok", "200 messages were sent", "code 554: 5.7.1 spam"))
	v := drawnVerdict(rng)
	some, others, ok := recipientErrorsIn(err)
	return fmt.Sprintln(err, hasStage(err), reply, sure, likelyStage(v, reply), len(some), others, ok, spelling(one(rng, "A@X.Example", "a@x.example ", "<a@x.example>", "x", "\"a\"@x.example")))
}

func formMessage(rng *rand.Rand) string {
	m := Message{From: one(rng, "a@x.example", "", "x", "Ann <a@x.example>", "a@bücher.example"), Data: []byte(one(rng, "Subject: x\r\n\r\nhello\r\n", "", "x", "Subject: x\n\ny"))}
	for range rng.IntN(4) {
		m.To = append(m.To, one(rng, "b@y.example", "B@Y.example", "c@z.example", "nobody", "", "\"a b\"@y.example", "b@Y.EXAMPLE", "é@y.example"))
	}
	from, r, err := m.envelope(&oneRecipient{})
	return fmt.Sprintf("%q %+v %v %v\n", from, r, err, needsNoQuotes(one(rng, "a@x.example", "\"a\"@x.example", "a b@x", "a..b@x.example", "")))
}

func formSenders(rng *rand.Rand) string {
	var s senders
	now, text := formTime, ""
	for range 20 {
		now = now.Add(one(rng, time.Second, 20*time.Second, time.Minute-1, time.Minute))
		from := one(rng, "a@x.example", "b@x.example", "")
		if rng.IntN(2) == 0 {
			s.accepted(from, now)
		}
		text += fmt.Sprint(s.lately(from, now), s.lately("a@x.example", now.Add(time.Minute)), s.lately("b@x.example", now.Add(time.Minute-1)))
	}
	return text + "\n"
}
