package smtpace

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/finite"
	"github.com/smtpace/smtpace/internal/printable"
	"github.com/smtpace/smtpace/pool"
)

// answers appends the answer for each recipient of a turn that the error of its
// function means.
func (p *Pacer) answers(room []pool.Answer, c *call, t *turn, err error) []pool.Answer {
	if some, whole := c.read(t, err); some == nil {
		a := p.answer(whole, t)
		for range t.to {
			room = append(room, a)
		}
	} else {
		for _, i := range t.to {
			room = append(room, p.answer(some.of(c.recipients[i].Address), t))
		}
	}
	for _, a := range room {
		if a.Verdict.Recipient != classify.RecipientDelivered && c.verdict == (classify.Verdict{}) {
			c.verdict = a.Verdict
		}
	}
	return room
}

// read returns what an error of a function says of each recipient of a turn; nil and
// the error when it speaks of all alike. An error whose methods panic becomes one of its
// type.
func (c *call) read(t *turn, err error) (some *partial, whole error) {
	defer func() {
		if v := recover(); v != nil {
			some, whole = nil, unreadable(err, v)
		}
	}()
	whole = finite.Error(err)
	if whole == nil {
		return nil, nil
	}
	return c.reasons(t, whole), whole
}

// unreadable returns an error in place of one with panicking methods, such as a nil
// pointer in an error.
func unreadable(err error, v any) error {
	return fmt.Errorf("smtpace: an error of type %T cannot be read: %v", err, v)
}

// answer returns the answer that an error of a function means. An error is not understood
// if its methods panic, or if PacerConfig.Judge panics about it.
func (p *Pacer) answer(err error, t *turn) (a pool.Answer) {
	defer func() {
		if v := recover(); v != nil {
			a = pool.Answer{Stage: classify.StageDot, Verdict: notUnderstood, Err: printable.Error(unreadable(err, v))}
		}
	}()
	if err == nil {
		return pool.Answer{Stage: classify.StageDot, Verdict: classify.Verdict{Class: classify.ClassOK, Recipient: classify.RecipientDelivered}}
	}
	err = finite.Error(err)
	stage, v, reply := p.meaning(err, t)
	if _, certain := errors.AsType[*notSentError](err); certain && v.Recipient == classify.RecipientAmbiguous {
		v.Recipient = classify.RecipientLater
	}
	if v.Recipient == classify.RecipientDelivered {
		err = nil
	}
	if stage == classify.StageUnknown {
		stage = likelyStage(v, reply)
	}
	return pool.Answer{Stage: stage, Verdict: v, Reply: tidyReply(reply), Err: printable.Error(err)}
}

// notUnderstood is the verdict about an error that may mean anything.
var notUnderstood = classify.Verdict{Class: classify.ClassUnknown, Recipient: classify.RecipientAmbiguous, Scope: classify.ScopeMessage}

// meaning returns the stage, the verdict and the reply of an error; the stage may be
// unknown, and the reply nil.
func (p *Pacer) meaning(err error, t *turn) (classify.Stage, classify.Verdict, *classify.Reply) {
	stage := classify.StageOf(err)
	if own, ok := errors.AsType[*stageError](err); ok {
		stage = own.stage
	}
	if p.cfg.Judge != nil {
		if v, ok := p.cfg.Judge(err); ok {
			return stage, v, classify.ReplyIn(err)
		}
	}
	if fault, ok := errors.AsType[*pool.Error](err); ok {
		return fault.Stage, fault.Verdict, classify.ReplyIn(err)
	}
	if own, ok := errors.AsType[judged](err); ok {
		return stage, own.Verdict(), classify.ReplyIn(err)
	}
	if v, ok := httpVerdict(err); ok {
		return stage, v, nil
	}
	in := classify.Input{Stage: stage, Provider: t.provider}
	if in.Provider == "" {
		in.Provider = t.at.line.provider
	}
	reply := classify.ReplyIn(err)
	if _, told := errors.AsType[*stageError](err); reply == nil && (told || stage == classify.StageUnknown) {
		if r, sure := replyInText(err.Error()); r != nil {
			v := p.classifier.Of(in, r)
			if !sure && v.Recipient == classify.RecipientRefused {
				v.Recipient = classify.RecipientLater // the text may be anybody's
			}
			return stage, v, r
		}
	}
	if reply == nil && stage == classify.StageUnknown {
		in.Stage = classify.StageDot // the worst that it may mean
	}
	v := p.classifier.Of(in, err)
	if v.Class == classify.ClassOK && v.Recipient == classify.RecipientLater { // of which command is not known
		v.Recipient = classify.RecipientAmbiguous
	}
	return stage, v, reply
}

// judged is an error that knows what it means.
type judged interface {
	error
	Verdict() classify.Verdict
}

// likelyStage returns the stage that an answer without one is taken for as far as
// limits are concerned. Refused connections and logins are the relay's, as at MAIL; a
// lost message is one at the dot; all others are the destination's, as at RCPT.
func likelyStage(v classify.Verdict, reply *classify.Reply) classify.Stage {
	switch v.Limit {
	case classify.LimitConnections, classify.LimitConnectionRate, classify.LimitMessagesPerConnection:
		return classify.StageMail
	}
	switch {
	case v.Recipient >= classify.RecipientAmbiguous, v.Recipient == classify.RecipientDelivered:
		return classify.StageDot
	case v.Class == classify.ClassSMTPAuth, v.Class == classify.ClassTLS, reply != nil && reply.Code == 421:
		return classify.StageMail
	}
	return classify.StageRcpt
}

// textReply matches a refusal at the end of an error's text, as fmt's %v leaves it: at
// the beginning or behind a colon, with its codes.
var textReply = regexp.MustCompile(`(?s)(?:^|: )([45][0-9]{2})[ -](.+)$`)

// textEnhanced matches an enhanced status code of a refusal for good.
var textEnhanced = regexp.MustCompile(`^5\.[0-9]{1,3}\.[0-9]{1,3}\b`)

// replyInText returns the refusal at the end of a text, as in gomail's errors; nil when
// there is none. It is sure where the text is gomail's or the refusal has an enhanced
// status code: a number of three digits alone may be anything.
func replyInText(text string) (r *classify.Reply, sure bool) {
	m := textReply.FindStringSubmatch(text)
	if m == nil {
		return nil, false
	}
	r, _ = classify.ParseReply(m[1] + " " + m[2]) // it matches, so it can be parsed
	return r, strings.HasPrefix(text, "gomail: ") || textEnhanced.MatchString(m[2])
}
