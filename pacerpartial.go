package smtpace

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/smtpace/smtpace/classify"
)

// partial is the meaning of an error of a function for each recipient of its call.
type partial struct {
	named  map[string]error // reasons by recipient as RecipientErrors has it, exactly or in another spelling
	others error            // reason of the recipients that are not named; nil when they were accepted
}

// reasons returns what an error says of each recipient of a turn; nil when it speaks of
// all alike. A name in another spelling is compared with all recipients of the request,
// as a function may keep the errors of earlier calls.
func (c *call) reasons(t *turn, err error) *partial {
	some, others, ok := recipientErrorsIn(err)
	if !ok {
		return nil
	}
	p := &partial{named: make(map[string]error, len(some)), others: others}
	for _, i := range t.to {
		if to := c.recipients[i].Address; some[to] != nil {
			p.named[to] = some[to]
		}
	}
	if len(p.named) == len(some) {
		return p
	}
	here, all := map[string][]string{}, map[string]bool{}
	for i := range c.recipients {
		all[spelling(c.recipients[i].Address)] = true
	}
	for _, i := range t.to {
		to := c.recipients[i].Address
		here[spelling(to)] = append(here[spelling(to)], to)
	}
	for name, reason := range some {
		p.misspelt(name, reason, here, all)
	}
	return p
}

// misspelt takes in the reason of a name that may be another spelling of recipients of
// the turn, which are here by their spelling. all are the spellings of the request.
func (p *partial) misspelt(name string, reason error, here map[string][]string, all map[string]bool) {
	if reason == nil || p.named[name] != nil {
		return
	}
	as := spelling(name)
	for _, to := range here[as] {
		if p.named[to] == nil {
			p.named[to] = reason
		}
	}
	if !all[as] {
		p.others = errors.Join(p.others, &strangerError{name, reason})
	}
}

// of returns the reason of a recipient; nil when it was accepted.
func (p *partial) of(to string) error {
	if reason := p.named[to]; reason != nil {
		return reason
	}
	return p.others
}

// spelling returns the form of an address or a domain in which it is compared with
// others: in lower case, without brackets or a display name.
func spelling(name string) string {
	name = strings.TrimSpace(name[max(strings.LastIndexByte(name, '<'), 0):])
	if a, err := parseAddress(name); err == nil {
		name = a.mailbox
	} else if domain, err := normalDomain(name); err == nil {
		name = domain
	}
	return strings.ToLower(name)
}

// recipientErrorsIn returns the RecipientErrors in an error, and the rest joined with
// them: the reason of recipients that they do not name. What marks the whole marks each
// of them.
func recipientErrorsIn(err error) (some RecipientErrors, others error, ok bool) {
	if some, ok = err.(RecipientErrors); ok {
		return some, nil, true
	}
	if many, is := err.(interface{ Unwrap() []error }); is {
		for _, e := range many.Unwrap() {
			own, rest, is := recipientErrorsIn(e)
			if !is {
				others = errors.Join(others, e)
				continue
			}
			all := maps.Clone(own)
			maps.Copy(all, some)
			some, others, ok = all, errors.Join(others, rest), true
		}
		return some, others, ok
	}
	inner := errors.Unwrap(err)
	if inner == nil {
		return nil, nil, false
	}
	if some, others, ok = recipientErrorsIn(inner); !ok {
		return nil, nil, false
	}
	switch mark := err.(type) {
	case *notSentError:
		return some.each(NotSent), NotSent(others), true
	case *stageError:
		at := func(e error) error { return AtStage(mark.stage, e) }
		return some.each(at), at(others), true
	}
	return some, others, true
}

// each returns e with a mark on every reason.
func (e RecipientErrors) each(mark func(error) error) RecipientErrors {
	marked := make(RecipientErrors, len(e))
	for to, reason := range e {
		marked[to] = mark(reason)
	}
	return marked
}

// strangerError is an error's reason for an address that is no recipient of the request.
// It may mean any recipient that is not named.
type strangerError struct {
	name   string
	reason error
}

// Error names who was refused, and why.
func (e *strangerError) Error() string {
	return fmt.Sprintf("smtpace: RecipientErrors names %.100q, which is no recipient of the request (%v)", e.name, e.reason)
}

// Verdict says that the message may have been sent.
func (e *strangerError) Verdict() classify.Verdict { return notUnderstood }
