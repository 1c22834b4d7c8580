package smtpace

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/golden"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
)

// TestForms judges what callers and relays give, in forms that are drawn by a seed, and
// compares the outcomes with testdata/forms.txt. Whoever changes them on purpose writes
// the file anew with
//
//	go test . -run TestForms -update
//
// and reviews the lines that git diff shows.
func TestForms(t *testing.T) {
	golden.Compare(t, "testdata/forms.txt", golden.Lines(t, 50, []golden.Form{
		{Name: "address", Draw: formAddress}, {Name: "fate", Draw: formFate}, {Name: "request", Draw: formRequest}, {Name: "config", Draw: formConfig},
		{Name: "log", Draw: formLog}, {Name: "reply in a text", Draw: formReplyInText}, {Name: "message", Draw: formMessage},
	}), true)
}

func formAddress(rng *rand.Rand) (string, string) {
	text := golden.Some(rng, 0, 2, "a", "a", "b.c", "b.c", "B", "\"", "é", " ", "<", ">", "\\", "..", ".", "\x7f", "\"a b\"", "\"a\"", ",", "-", "0") +
		golden.One(rng, "@", "@x.example", "@X.Example.", "@x.example.", "@bücher.example", "@a_b.example", "@-x.example", "@xn--bcher-kva.example", "@x..example", "@[192.0.2.1]", "@x.example", "@X.example", "@[IPv6:2001:DB8::1]", "@[192.0.2]", "@[2001:db8::1]", "@"+strings.Repeat("n", 64)+".example", "")
	if rng.IntN(8) == 0 {
		text = "<" + text + ">"
	}
	a, err := parseAddress(text)
	return fmt.Sprintf("%q", text), golden.Outcome(fmt.Sprintf("%s at %s", a.mailbox, a.domain), err)
}

// fixedWait is a schedule that draws nothing.
type fixedWait struct {
	wait time.Duration
	most int // number of tries
}

func (p fixedWait) Next(_ classify.Verdict, n int, _ time.Duration) (time.Duration, bool) {
	return p.wait, n < p.most
}

// formFate judges an answer to a recipient for whom the policy allows three tries, an hour
// apart.
func formFate(rng *rand.Rand) (string, string) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	v := classify.Verdict{Recipient: golden.One(rng, classify.RecipientLater, classify.RecipientLater, classify.RecipientLater, classify.RecipientDelivered, classify.RecipientRefused, classify.RecipientAmbiguous)}
	q := question{
		answer: pool.Answer{Stage: classify.StageDot, Verdict: v}, stale: rng.IntN(8) == 0, streak: 1 + rng.IntN(3), policy: fixedWait{time.Hour, 3},
		recipient: &Recipient{Ambiguous: rng.IntN(3), Tries: 3, FirstTry: now.Add(-3 * time.Hour)}, ambiguousTries: 2, withdrawn: golden.One(rng, nil, nil, nil, nil, ErrClosed),
		expires: now.Add(golden.One(rng, -time.Minute, 0, time.Minute, time.Hour, 2*time.Hour, 100*time.Hour)), last: rng.IntN(5) == 0, now: now,
	}
	switch v.Recipient {
	case classify.RecipientLater:
		q.answer.Err = classify.NewReply(450, "4.0.0 later")
	case classify.RecipientRefused:
		q.answer.Err = classify.NewReply(550, "5.0.0 no")
	case classify.RecipientAmbiguous:
		q.answer.Err, q.recipient.Ambiguous = errors.New("no reply to the dot"), max(q.recipient.Ambiguous, 1)
	}
	in := fmt.Sprintf("%s, answer %d of its class, expires in %v", v.Recipient, q.streak, q.expires.Sub(now))
	for _, part := range []struct {
		holds bool
		text  string
	}{
		{q.stale, "not attempted"}, {q.recipient.Ambiguous > 0, fmt.Sprintf("ambiguous %d times", q.recipient.Ambiguous)},
		{q.withdrawn != nil, "sender closed"}, {q.last, "was the last try"},
	} {
		if part.holds {
			in += ", " + part.text
		}
	}
	f := judge(&q)
	switch {
	case f.settled && f.err == nil:
		return in, f.status.String()
	case f.settled:
		return in, fmt.Sprintf("%s: %v", f.status, f.err)
	case f.at.IsZero():
		return in, "again at once"
	case f.last:
		return in, fmt.Sprintf("a last time in %v", f.at.Sub(now))
	}
	return in, fmt.Sprintf("again in %v", f.at.Sub(now))
}

func formRequest(rng *rand.Rand) (string, string) {
	r := PaceRequest{From: golden.One(rng, "", "a@x.example", "nobody"), Relay: golden.One(rng, "", "relay:25", "a\nb", "é", strings.Repeat("r", maxRelayName), strings.Repeat("r", maxRelayName+1))}
	in := ""
	switch n := rng.IntN(2) - 1; rng.IntN(6) {
	case 0:
		r.Bytes, in = n, fmt.Sprintf(", Bytes %d", n)
	case 1:
		r.MaxWait, in = time.Duration(n), fmt.Sprintf(", MaxWait %d", n)
	case 2:
		r.Attempt, in = n, fmt.Sprintf(", Attempt %d", n)
	case 3:
		r.Ambiguous, in = n, fmt.Sprintf(", Ambiguous %d", n)
	}
	if rng.IntN(5) > 0 {
		r.To = []string{"b@y.example"}
	}
	relay := fmt.Sprintf("%q", r.Relay)
	if len(r.Relay) > 40 {
		relay = fmt.Sprintf("a name of %d octets", len(r.Relay))
	}
	in = fmt.Sprintf("to %q from %q by %s%s", r.To, r.From, relay, in)
	mailbox, err := senderOf(r.From)
	if wrong := r.check(); wrong != nil {
		err = wrong
	}
	return in, golden.Outcome(fmt.Sprintf("valid, of %q", mailbox), err)
}

func formConfig(rng *rand.Rand) (string, string) {
	c := Config{FailFast: FailFast(max(0, rng.IntN(8)-4)), LogAddresses: LogAddresses(max(0, rng.IntN(8)-4))}
	in := fmt.Sprintf("FailFast %d, LogAddresses %d", c.FailFast, c.LogAddresses)
	switch n := -int64(rng.IntN(3)); rng.IntN(9) {
	case 0:
		c.Expiry, in = time.Duration(n), fmt.Sprintf("%s, Expiry %d", in, n)
	case 1:
		c.MaxHeld, in = int(n), fmt.Sprintf("%s, MaxHeld %d", in, n)
	case 2:
		c.MaxHeldBytes, in = n, fmt.Sprintf("%s, MaxHeldBytes %d", in, n)
	case 3:
		c.MaxQueued, in = int(n), fmt.Sprintf("%s, MaxQueued %d", in, n)
	case 4:
		c.MaxQueuedBytes, in = n, fmt.Sprintf("%s, MaxQueuedBytes %d", in, n)
	case 5:
		c.BulkPatience, in = time.Duration(n), fmt.Sprintf("%s, BulkPatience %d", in, n)
	case 6:
		c.DialAndSendTimeout, in = time.Duration(n), fmt.Sprintf("%s, DialAndSendTimeout %d", in, n)
	case 7:
		c.AmbiguousTries, in = int(n), fmt.Sprintf("%s, AmbiguousTries %d", in, n)
	}
	for range rng.IntN(4) {
		r := Relay{Addr: golden.One(rng, "r.example:25", "r.example:587", "r.example:587", "x"), Name: golden.One(rng, "", "", "r", "a\nb"), TLS: pool.TLS(rng.IntN(6))}
		c.Relays, in = append(c.Relays, r), fmt.Sprintf("%s, relay %q %s TLS %s", in, r.Name, r.Addr, r.TLS)
	}
	if rng.IntN(6) == 0 {
		c.WarmUps, in = map[string]throttle.WarmUp{"x.example": {}}, in+", a warm-up"
	}
	return in, golden.Outcome("valid", c.validate())
}

// formLog hides the addresses of a text, of which ann@example.com is known.
func formLog(rng *rand.Rand) (string, string) {
	f := golden.One(rng, LogAddressesMasked, LogAddressesMasked, LogAddressesHashed)
	text := golden.Some(rng, 1, 4, "ann@example.com", "Ann@Example.com", "ann", "Ann", "example.com", " ", " ", "<", ">", "bob@x.example", "@", "x", ".", "\"a b\"@x.example", "550 ", "al@[192.0.2.1]", "é")
	return fmt.Sprintf("%s in %q", []string{"masked", "hashed"}[f-LogAddressesMasked], text), fmt.Sprintf("%q", f.text(text, "ann@example.com"))
}

func formReplyInText(rng *rand.Rand) (string, string) {
	text := golden.One(rng, "", "smtp: ", "gomail: could not send email 1: ", "gomail: could not send email 2: ", "error ", "dial tcp 192.0.2.1:", "sent ") +
		golden.One(rng, "550", "550", "451", "421", "250", "42", "600") + golden.One(rng, " ", " ", " ", "-", ": ") + golden.One(rng, "", "5.1.1 ", "4.7.0 ", "5.7.1: ") + golden.One(rng, "no", "messages were sent", "")
	r, sure := replyInText(text)
	switch {
	case r == nil:
		return fmt.Sprintf("%q", text), "none"
	case sure:
		return fmt.Sprintf("%q", text), fmt.Sprintf("%q, sure", r)
	}
	return fmt.Sprintf("%q", text), fmt.Sprintf("%q", r)
}

func formMessage(rng *rand.Rand) (string, string) {
	m := Message{From: golden.One(rng, "a@x.example", "a@x.example", "", "", "x", "Ann <a@x.example>", "<a@x.example>", "a@bücher.example"), Data: []byte("Subject: x\r\n\r\nhello\r\n"), Expiry: time.Duration(min(0, 6-rng.IntN(8)))}
	for range rng.IntN(4) {
		m.To = append(m.To, golden.One(rng, "b@y.example", "B@Y.example", "c@z.example", "nobody", "\"a b\"@y.example", "b@Y.EXAMPLE", "é@y.example", "\"b\"@y.example"))
	}
	from, r, err := m.envelope(&recipientRoom{})
	var to []string
	for _, a := range r.addresses {
		to = append(to, a.mailbox)
	}
	return fmt.Sprintf("from %q to %q, Expiry %d", m.From, m.To, m.Expiry), golden.Outcome(fmt.Sprintf("%q to %q", from, to), err)
}
