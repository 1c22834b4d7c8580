package smtpace

import (
	"hash/maphash"
	"slices"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/culprit"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
)

// outcome returns the summary of a transaction for the Scheduler. An answer naming a
// limit comes first, then a lost reply to the dot, then an answer about the sender, then
// all others.
func outcome(r pool.Report) throttle.Outcome {
	o := throttle.Outcome{Recipients: r.Accepted, TooSoon: r.TooSoon, Unsent: !slices.ContainsFunc(r.Recipients, func(a pool.Answer) bool { return a.Stage >= classify.StageBody })}
	chosen, rank, skipped := -1, 0, false
	for k, a := range r.Recipients {
		of, v := 1, a.Verdict
		if v.Recipient == classify.RecipientDelivered {
			if o.Accepted++; skipped {
				o.Behind++
			}
		}
		skipped = skipped || a.Stage == classify.StageRcpt
		if culprit.IsSender(a.Stage, v) {
			o.Blamed++
			of = 2
		}
		switch {
		case v.Throttled():
			of = namesLimit
		case v.Recipient == classify.RecipientAmbiguous:
			of = 3
		}
		if of > rank {
			chosen, rank = k, of
		}
	}
	if chosen < 0 || r.NotAttempted && rank < namesLimit { // nothing was judged
		if len(r.Recipients) > 0 {
			o.Stage = r.Recipients[0].Stage
		}
		return o
	}
	a := r.Recipients[chosen]
	o.Stage, o.Verdict, o.Err = a.Stage, a.Verdict, a.Err
	return o
}

// takenFor has the refusals of a transaction judged as those of a limit that they are
// taken for though they do not name it.
func takenFor(r *pool.Report, l classify.Limit) {
	if l == classify.LimitNone || r.NotAttempted {
		return
	}
	for k := range r.Recipients {
		if v := &r.Recipients[k].Verdict; v.Recipient == classify.RecipientLater && !v.Throttled() {
			v.Limit = l
		}
	}
}

// namesLimit is the rank of an answer that names a limit in outcome.
const namesLimit = 4

var messageSeed = maphash.MakeSeed()

// blames reports whether some answer refuses a recipient for good for a reason that
// speaks of the sender.
func blames(answers []pool.Answer) bool {
	return slices.ContainsFunc(answers, func(a pool.Answer) bool {
		return a.Verdict.Recipient == classify.RecipientRefused && culprit.IsSender(a.Stage, a.Verdict)
	})
}

// doubt has recipients tried again after a refusal for good that may be about the sender.
// While the relay refuses most in such words, it takes all of them. Else it takes those
// whose replies do not mean the recipient or the message, unless the sender is welcome
// there.
func doubt(answers []pool.Answer, welcome, mostRefused bool) {
	for k := range answers {
		stage, v := answers[k].Stage, &answers[k].Verdict
		if v.Recipient != classify.RecipientRefused || !culprit.IsSender(stage, *v) {
			continue
		}
		if mostRefused || !welcome && !culprit.MayBeSender(stage, *v) {
			v.Recipient = classify.RecipientLater
		}
	}
}

// unsplittable makes a refusal of too many recipients an ordinary one where only
// one recipient was left when it came, to DATA or the dot: fewer is impossible, and
// no pace would help.
func unsplittable(r *pool.Report) {
	if r.Accepted > 1 {
		return
	}
	for k := range r.Recipients {
		a := &r.Recipients[k]
		if a.Verdict.Limit == classify.LimitRecipientsPerMessage && a.Stage >= classify.StageData && a.Stage <= classify.StageDot {
			a.Verdict.Limit, a.Verdict.Stated = classify.LimitNone, classify.Stated{}
		}
	}
}
