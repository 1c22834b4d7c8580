package smtpace

import (
	"cmp"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
)

// fixed is a schedule with one answer, which counts how often it is asked.
type fixed struct {
	delay time.Duration
	ok    bool
	n     int
	since time.Duration
}

func (f *fixed) Next(_ classify.Verdict, n int, elapsed time.Duration) (time.Duration, bool) {
	f.n, f.since = n, elapsed
	return f.delay, f.ok
}

func TestJudge(t *testing.T) {
	now := epoch
	withdrawn, lost, busy := errors.New("withdrawn"), io.ErrUnexpectedEOF, &classify.Reply{Code: 451, Text: "busy"}
	answer := func(fate classify.Recipient, err error) pool.Answer {
		return pool.Answer{Err: err, Verdict: classify.Verdict{Recipient: fate, Class: classify.ClassServerBusy}}
	}
	hinted := func(hint time.Duration) pool.Answer {
		a := answer(classify.RecipientLater, busy)
		a.Verdict.RetryAfter = hint
		return a
	}
	fresh, tried, unsure := Recipient{}, Recipient{Tries: 1, Err: busy}, Recipient{Tries: 2, Ambiguous: 1, Err: lost}
	for _, test := range []struct {
		name      string
		answer    pool.Answer
		stale     bool
		recipient Recipient
		tries     int // ambiguous tries allowed; 0 is 3
		withdrawn error
		policy    fixed
		left      time.Duration // until the message expires; zero is an hour
		wasLast   bool          // this was the last try before the expiry

		settled bool
		status  Status
		reason  error // nil: none
		wait    time.Duration
		last    bool
	}{
		{name: "delivered", answer: answer(classify.RecipientDelivered, nil), settled: true, status: Delivered},
		{name: "delivered with a reply as Err", answer: answer(classify.RecipientDelivered, busy), settled: true, status: Delivered},
		{name: "delivered while withdrawn", answer: answer(classify.RecipientDelivered, nil), withdrawn: withdrawn, settled: true, status: Delivered},
		{name: "refused", answer: answer(classify.RecipientRefused, busy), settled: true, status: Refused, reason: busy},
		{name: "refused while withdrawn", answer: answer(classify.RecipientRefused, busy), withdrawn: withdrawn, settled: true, status: Refused, reason: busy},
		{name: "ambiguous, to be reported", answer: answer(classify.RecipientAmbiguous, lost), recipient: Recipient{Tries: 1, Ambiguous: 1}, tries: 1, settled: true, status: Unknown, reason: lost},
		{name: "ambiguous, to be tried again", answer: answer(classify.RecipientAmbiguous, lost), recipient: unsure, policy: fixed{time.Minute, true, 0, 0}, wait: time.Minute},
		{name: "ambiguous while withdrawn", answer: answer(classify.RecipientAmbiguous, lost), recipient: unsure, withdrawn: withdrawn, settled: true, status: Unknown, reason: withdrawn},
		{name: "stale", answer: answer(classify.RecipientLater, lost), stale: true},
		{name: "stale is never refused", answer: answer(classify.RecipientRefused, busy), stale: true},
		{name: "stale is never delivered", answer: answer(classify.RecipientDelivered, nil), stale: true},
		{name: "stale while withdrawn, not tried", answer: answer(classify.RecipientLater, lost), stale: true, withdrawn: withdrawn, settled: true, status: NotTried, reason: withdrawn},
		{name: "stale while withdrawn, tried", answer: answer(classify.RecipientLater, lost), stale: true, recipient: tried, withdrawn: withdrawn, settled: true, status: GaveUp, reason: withdrawn},
		{name: "later", answer: answer(classify.RecipientLater, busy), recipient: tried, policy: fixed{time.Minute, true, 0, 0}, wait: time.Minute},
		{name: "later, at once", answer: answer(classify.RecipientLater, busy), recipient: tried, policy: fixed{0, true, 0, 0}},
		{name: "later while withdrawn", answer: answer(classify.RecipientLater, busy), recipient: tried, withdrawn: withdrawn, settled: true, status: GaveUp, reason: withdrawn},
		{name: "later while withdrawn, nothing sent", answer: answer(classify.RecipientLater, lost), recipient: fresh, withdrawn: withdrawn, settled: true, status: NotTried, reason: withdrawn},
		{name: "later, no try left", answer: answer(classify.RecipientLater, busy), recipient: tried, settled: true, status: GaveUp, reason: errNoRetry},
		{name: "later, no try left after an ambiguous one", answer: answer(classify.RecipientLater, busy), recipient: unsure, settled: true, status: Unknown, reason: errNoRetry},
		{name: "ambiguous for the third time", answer: answer(classify.RecipientAmbiguous, lost), recipient: Recipient{Tries: 9, Ambiguous: 3, Err: lost}, policy: fixed{time.Minute, true, 0, 0}, settled: true, status: Unknown, reason: lost},
		{name: "later, too late", answer: answer(classify.RecipientLater, busy), recipient: tried, policy: fixed{time.Minute, true, 0, 0}, left: time.Minute, wait: 56250 * time.Millisecond, last: true},
		{name: "later, much too late", answer: answer(classify.RecipientLater, busy), recipient: tried, policy: fixed{4 * time.Hour, true, 0, 0}, left: time.Hour, wait: time.Hour - 30*time.Second, last: true},
		{name: "later, too late for the second time", answer: answer(classify.RecipientLater, busy), recipient: tried, policy: fixed{time.Minute, true, 0, 0}, left: time.Minute, wasLast: true, settled: true, status: GaveUp, reason: ErrExpired},
		{name: "later, about to expire", answer: answer(classify.RecipientLater, busy), recipient: tried, policy: fixed{time.Minute, true, 0, 0}, left: time.Second, settled: true, status: GaveUp, reason: ErrExpired},
		{name: "asked to wait, jitter too late", answer: hinted(time.Minute), recipient: tried, policy: fixed{62 * time.Second, true, 0, 0}, left: 61 * time.Second, wait: time.Minute, last: true},
		{name: "asked to wait, a little too long", answer: hinted(70 * time.Second), recipient: tried, policy: fixed{70 * time.Second, true, 0, 0}, left: 64 * time.Second, wait: time.Minute, last: true},
		{name: "asked to wait, far too long", answer: hinted(2 * time.Minute), recipient: tried, policy: fixed{2 * time.Minute, true, 0, 0}, left: time.Minute, settled: true, status: GaveUp, reason: ErrExpired},
		{name: "asked to wait until the expiry", answer: hinted(64 * time.Second), recipient: tried, policy: fixed{64 * time.Second, true, 0, 0}, left: 64 * time.Second, wait: time.Minute, last: true},
		{name: "asked to wait a quarter longer", answer: hinted(80 * time.Second), recipient: tried, policy: fixed{80 * time.Second, true, 0, 0}, left: 64 * time.Second, wait: time.Minute, last: true},
		{name: "asked to wait more than a quarter longer", answer: hinted(80*time.Second + 1), recipient: tried, policy: fixed{81 * time.Second, true, 0, 0}, left: 64 * time.Second, settled: true, status: GaveUp, reason: ErrExpired},
		{name: "later, a second before the last wait", answer: answer(classify.RecipientLater, busy), recipient: tried, policy: fixed{time.Minute, true, 0, 0}, left: 1066666666, wait: time.Second, last: true},
		{name: "later, less than a second before it", answer: answer(classify.RecipientLater, busy), recipient: tried, policy: fixed{time.Minute, true, 0, 0}, left: 1066666665, settled: true, status: GaveUp, reason: ErrExpired},
		{name: "later, just in time", answer: answer(classify.RecipientLater, busy), recipient: tried, policy: fixed{time.Minute, true, 0, 0}, left: time.Minute + 1, wait: time.Minute},
		{name: "at once, but expired", answer: answer(classify.RecipientLater, busy), recipient: tried, policy: fixed{0, true, 0, 0}, left: -1, settled: true, status: GaveUp, reason: ErrExpired},
		{name: "nothing sent, too late", answer: answer(classify.RecipientLater, lost), policy: fixed{time.Hour, true, 0, 0}, wasLast: true, settled: true, status: NotTried, reason: ErrExpired},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.left == 0 {
				test.left = time.Hour
			}
			test.recipient.FirstTry = now.Add(-time.Second)
			before := test.recipient
			got := judge(&question{
				answer: test.answer, stale: test.stale, recipient: &test.recipient, streak: 7, policy: &test.policy,
				ambiguousTries: cmp.Or(test.tries, 3), withdrawn: test.withdrawn, expires: now.Add(test.left), last: test.wasLast, now: now,
			})
			if got.settled != test.settled || got.status != test.status {
				t.Errorf("settled %v as %v, want %v as %v", got.settled, got.status, test.settled, test.status)
			}
			if (got.err == nil) != (test.reason == nil) || !errors.Is(got.err, test.reason) {
				t.Errorf("the reason is %v, want %v", got.err, test.reason)
			}
			if last := test.recipient.Err; got.settled && last != nil && !errors.Is(got.err, last) {
				t.Errorf("the reason %v does not tell the last answer, %v", got.err, last)
			}
			wait := time.Duration(0)
			if !got.at.IsZero() {
				wait = got.at.Sub(now)
			}
			if wait != test.wait || got.last != test.last {
				t.Errorf("the next try is in %v, last %v, want %v, %v", wait, got.last, test.wait, test.last)
			}
			if test.recipient != before {
				t.Errorf("the recipient was changed to %+v", test.recipient)
			}
			if test.policy.n != 0 && (test.policy.n != 7 || test.policy.since != time.Second) {
				t.Errorf("the policy was asked for streak %d after %v", test.policy.n, test.policy.since)
			}
		})
	}
}

func TestEnded(t *testing.T) {
	why := errors.New("why")
	for _, test := range []struct {
		recipient Recipient
		dotOut    bool
		want      Status
	}{
		{Recipient{}, false, NotTried},
		{Recipient{}, true, Unknown},
		{Recipient{Tries: 1}, false, GaveUp},
		{Recipient{Tries: 1, Ambiguous: 1}, false, Unknown},
		{Recipient{Tries: 1}, true, Unknown},
	} {
		if got := ended(&test.recipient, why, test.dotOut); !got.settled || got.status != test.want || got.err != why {
			t.Errorf("%+v, dot sent %v: %+v, want %v", test.recipient, test.dotOut, got, test.want)
		}
	}
}

// TestWhatIsTakenForALimit: refusals for now that name no other, of what was tried.
func TestWhatIsTakenForALimit(t *testing.T) {
	const rate, none = classify.LimitMessageRate, classify.LimitNone
	for _, tt := range []struct {
		name  string
		fate  classify.Recipient
		named classify.Limit
		as    classify.Limit
		stale bool
		want  classify.Limit
	}{
		{"put off", classify.RecipientLater, none, rate, false, rate},
		{"put off for another limit", classify.RecipientLater, classify.LimitQuota, rate, false, classify.LimitQuota},
		{"put off, and taken for no limit", classify.RecipientLater, none, none, false, none},
		{"not tried", classify.RecipientLater, none, rate, true, none},
		{"delivered", classify.RecipientDelivered, none, rate, false, none},
		{"refused", classify.RecipientRefused, none, rate, false, none},
		{"ambiguous", classify.RecipientAmbiguous, none, rate, false, none},
	} {
		r := &pool.Report{NotAttempted: tt.stale, Recipients: []pool.Answer{{Verdict: classify.Verdict{Recipient: tt.fate, Limit: tt.named}}}}
		takenFor(r, tt.as)
		if got := r.Recipients[0].Verdict.Limit; got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// The outcome of a transaction follows the answer that says most of a receiver: one
// naming a limit, one leaving all open, one about the sender, then others; of equals the
// first.
func TestOutcomeOfATransaction(t *testing.T) {
	answer := func(stage classify.Stage, recipient classify.Recipient, class classify.Class, l classify.Limit) pool.Answer {
		a := pool.Answer{Stage: stage, Verdict: classify.Verdict{Class: class, Recipient: recipient, Limit: l}}
		if recipient != classify.RecipientDelivered {
			a.Err = errors.New(class.String())
		}
		return a
	}
	taken := answer(classify.StageDot, classify.RecipientDelivered, classify.ClassOK, 0)
	full := answer(classify.StageRcpt, classify.RecipientRefused, classify.ClassMailboxFull, 0)
	none := answer(classify.StageRcpt, classify.RecipientRefused, classify.ClassBadMailbox, 0)
	sender := answer(classify.StageDot, classify.RecipientRefused, classify.ClassRelayDenied, 0)
	lost := answer(classify.StageDot, classify.RecipientAmbiguous, classify.ClassNetwork, 0)
	limit := answer(classify.StageRcpt, classify.RecipientLater, classify.ClassRateLimited, classify.LimitMessageRate)
	for name, tt := range map[string]struct {
		answers []pool.Answer
		stale   bool
		chosen  int // index of the answer whose verdict it is; -1 for none
		want    throttle.Outcome
	}{
		"none":                         {nil, false, -1, throttle.Outcome{Unsent: true}},
		"taken":                        {[]pool.Answer{taken}, false, 0, throttle.Outcome{Accepted: 1}},
		"two":                          {[]pool.Answer{full, none}, false, 0, throttle.Outcome{Unsent: true}},
		"some taken":                   {[]pool.Answer{taken, full, taken, taken}, false, 0, throttle.Outcome{Accepted: 3, Behind: 2}},
		"the sender's":                 {[]pool.Answer{full, sender, none}, false, 1, throttle.Outcome{Blamed: 1}},
		"lost":                         {[]pool.Answer{sender, lost}, false, 1, throttle.Outcome{Blamed: 2}},
		"a limit":                      {[]pool.Answer{full, limit, lost, limit}, false, 1, throttle.Outcome{Blamed: 1}},
		"nothing judged":               {[]pool.Answer{lost, full}, true, -1, throttle.Outcome{Blamed: 1, Stage: classify.StageDot}},
		"nothing judged, but a limit":  {[]pool.Answer{lost, limit}, true, 1, throttle.Outcome{Blamed: 1}},
		"taken behind one at the dot":  {[]pool.Answer{sender, taken}, false, 0, throttle.Outcome{Accepted: 1, Blamed: 1}},
		"refused before the text went": {[]pool.Answer{limit}, false, 0, throttle.Outcome{Unsent: true}},
	} {
		want := tt.want
		want.Recipients, want.TooSoon = 7, true
		if tt.chosen >= 0 {
			a := tt.answers[tt.chosen]
			want.Stage, want.Verdict, want.Err = a.Stage, a.Verdict, a.Err
		}
		if got := outcome(pool.Report{Recipients: tt.answers, NotAttempted: tt.stale, Accepted: 7, TooSoon: true}); got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}

// Each try counts, with its answer. One that a limit refused costs no attempt, but that of
// a mailbox has a run of its own; others have a run while their class stays.
func TestTriesAreRecorded(t *testing.T) {
	var s recipientState
	var r Recipient
	busy := &classify.Reply{Code: 451, Text: "busy"}
	now := epoch
	for i, step := range []struct {
		class                       classify.Class
		limit                       classify.Limit
		recipient                   classify.Recipient
		reply                       *classify.Reply
		attempts, ambiguous, streak int
	}{
		{classify.ClassServerBusy, 0, classify.RecipientLater, busy, 1, 0, 1},
		{classify.ClassServerBusy, 0, classify.RecipientLater, nil, 2, 0, 2},
		{classify.ClassRateLimited, classify.LimitMessageRate, classify.RecipientLater, nil, 2, 0, 2},
		{classify.ClassServerBusy, 0, classify.RecipientLater, nil, 3, 0, 3},
		{classify.ClassRateLimited, classify.LimitMailboxRate, classify.RecipientLater, nil, 3, 0, 1},
		{classify.ClassRateLimited, classify.LimitMailboxRate, classify.RecipientLater, nil, 3, 0, 2},
		{classify.ClassNetwork, 0, classify.RecipientAmbiguous, nil, 4, 1, 1},
		{classify.ClassNetwork, 0, classify.RecipientLater, nil, 5, 1, 2},
	} {
		now = now.Add(time.Second)
		err := errors.New(step.class.String())
		s.record(&r, &pool.Answer{Verdict: classify.Verdict{Class: step.class, Limit: step.limit, Recipient: step.recipient}, Reply: step.reply, Err: err}, now)
		if r.Tries != i+1 || r.Attempts != step.attempts || r.Ambiguous != step.ambiguous || s.streak != step.streak {
			t.Errorf("step %d: got %d tries, %d attempts, %d ambiguous, a run of %d; want %+v", i, r.Tries, r.Attempts, r.Ambiguous, s.streak, step)
		}
		if r.Class != step.class || r.Err != err || r.Reply != busy || !r.LastTry.Equal(now) || !r.FirstTry.Equal(epoch.Add(time.Second)) {
			t.Errorf("step %d: got %+v", i, r)
		}
	}
}

// Retrials are told apart by their verdict and the length of the run.
func TestRetrialsOfOneFate(t *testing.T) {
	later := classify.Verdict{Class: classify.ClassGreylisted}
	all := []retrial{{verdict: later, streak: 1}, {verdict: later, streak: 2}, {verdict: classify.Verdict{}, streak: 1}}
	for i := range all {
		if got := find(all, all[i].verdict, all[i].streak); got != &all[i] {
			t.Errorf("retrial %d: got %+v", i, got)
		}
	}
	if got := find(all, later, 3); got != nil {
		t.Errorf("of another run: got %+v", got)
	}
	if got := (*delivery)(nil).addresses(); got != nil {
		t.Errorf("addresses of nothing: got %q", got)
	}
	if got := (*call)(nil).addresses(); got != nil {
		t.Errorf("addresses of no call: got %q", got)
	}
}
