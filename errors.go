package smtpace

import (
	"errors"
	"fmt"
	"strings"
)

// The errors that others of this package wrap; test with errors.Is.
var (
	// ErrClosed is the error of calls after Shutdown or Close, and the reason of
	// recipients that were not settled by then.
	ErrClosed = errors.New("smtpace: sender is closed")
	// ErrHanging is the error of Drain, Shutdown and Close when a function of yours has
	// not returned. It may be a done function, an Observer, a Router, a Logger, a
	// DialContext, Credentials or a Memory. The error names it.
	ErrHanging = errors.New("smtpace: a function of the caller's has not returned")
	// ErrNeverWorked is the reason of recipients whose relays have all failed since
	// New, for reasons that waiting rarely cures (Config.FailFast).
	ErrNeverWorked = errors.New("smtpace: no relay of this message has ever worked")
	// ErrExpired is the reason of recipients whose message has expired.
	ErrExpired = errors.New("smtpace: message expired")
	// ErrNoRoom is the reason of recipients of a message given in bulk. Its
	// destination has as many messages waiting as it may, and settles none
	// (Config.MaxQueued, Config.BulkPatience).
	ErrNoRoom = errors.New("smtpace: too many messages wait for this destination")
	// ErrChanged is the reason of the recipients of a changed message. Either it was
	// changed after it was given, or it renders to other bytes than at an earlier try,
	// and no copy of those was kept. Changed bytes are never sent.
	ErrChanged = errors.New("smtpace: message has changed")
	// ErrWarmUp is the reason of recipients for whom a warm-up leaves no room
	// today, if its setting is to refuse them rather than let them wait.
	ErrWarmUp = errors.New("smtpace: no room in today's warm-up")
	// ErrNoRoute is part of the reason of recipients for whom the Router had no
	// Route until the message expired. The reason wraps the Router's error too.
	ErrNoRoute = errors.New("smtpace: no route")
	// ErrInvalid is wrapped by every error about a message that cannot be sent
	// as it is: a malformed address, no recipients, no sender, a broken header.
	ErrInvalid = errors.New("smtpace: invalid message")
	// ErrWithdrawn is the reason of recipients that Submission.Withdraw took
	// back without a cause.
	ErrWithdrawn = errors.New("smtpace: message withdrawn")
	// ErrLocal is part of the reason of recipients that trouble on this machine kept from
	// being tried, such as too many open files or an unreadable attachment. The message
	// is tried again until its Expiry.
	ErrLocal = errors.New("smtpace: local failure")
)

// SendError is the error of a message that was not delivered to every recipient.
// It wraps the reason of each, so that errors.As finds the replies
// (*classify.Reply) and errors.Is finds ErrExpired, ErrClosed or the cause of a
// cancelled context.
type SendError struct {
	Result *Result
}

// maxListed is the number of recipients that the text of a SendError names at
// most.
const maxListed = 10

// Error names the recipients that were not delivered, and why.
func (e *SendError) Error() string {
	var list []string
	missed := 0
	for i := range e.Result.Recipients {
		r := &e.Result.Recipients[i]
		if r.Status == Delivered {
			continue
		}
		if missed++; missed <= maxListed {
			list = append(list, describe(r))
		}
	}
	if missed > maxListed {
		list = append(list, fmt.Sprintf("and %d more", missed-maxListed))
	}
	return fmt.Sprintf("smtpace: %d of %d recipients not delivered: %s",
		missed, len(e.Result.Recipients), strings.Join(list, "; "))
}

// describe returns the text for one recipient.
func describe(r *Recipient) string {
	if r.Err == nil {
		return fmt.Sprintf("%s %s", r.Address, r.Status)
	}
	return fmt.Sprintf("%s %s: %v", r.Address, r.Status, r.Err)
}

// Unwrap returns the reasons of all recipients that were not delivered.
func (e *SendError) Unwrap() []error {
	var errs []error
	for i := range e.Result.Recipients {
		if r := &e.Result.Recipients[i]; r.Status != Delivered && r.Err != nil {
			errs = append(errs, r.Err)
		}
	}
	return errs
}
