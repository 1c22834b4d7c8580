package smtpace

import (
	"errors"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// httpVerdict returns the meaning of an error that carries the status of an answer of
// HTTP (RFC 9110 15). ok is false for other errors.
//
// A 429 is a limit of the account. What says that the request itself is wrong refuses
// its message; what speaks of the service or the login does not. A 5xx may come after
// the message was taken, unless it says when to come back.
func httpVerdict(err error) (v classify.Verdict, ok bool) {
	status, asked := httpAnswer(err)
	if status < 100 || status > 599 {
		return classify.Verdict{}, false
	}
	v = classify.Verdict{Scope: classify.ScopeAccount, RetryAfter: bounded(asked)}
	switch {
	case status/100 == 2:
		v.Class, v.Recipient, v.Scope, v.RetryAfter = classify.ClassOK, classify.RecipientDelivered, classify.ScopeNone, 0
	case status == 429:
		v.Class, v.Limit = classify.ClassRateLimited, classify.LimitMessageRate
	case status == 401, status == 403, status == 407:
		v.Class = classify.ClassSMTPAuth
	case status == 413:
		v.Class, v.Recipient, v.Scope = classify.ClassMessageTooLarge, classify.RecipientRefused, classify.ScopeMessage
	case status == 400, status == 422:
		v.Class, v.Recipient, v.Scope = classify.ClassContentRejected, classify.RecipientRefused, classify.ScopeMessage
	case status == 408, status == 425, status == 421:
		v.Class = classify.ClassServerBusy
	case status/100 == 5:
		v.Class = classify.ClassServerBusy
		if v.RetryAfter == 0 {
			v.Recipient = classify.RecipientAmbiguous
		}
	default: // a redirection, a wrong address of the service, a bill
		v.Class = classify.ClassProtocol
	}
	return v, true
}

// bounded returns a delay that is asked for within the bounds of classify.Verdict: 1 s
// to 24 h, and 0 for none.
func bounded(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return min(max(d, time.Second), 24*time.Hour)
}

// The methods that errors of HTTP clients have.
type (
	statusCoder     interface{ StatusCode() int }
	httpStatusCoder interface{ HTTPStatusCode() int }
	retryAfterer    interface{ RetryAfter() time.Duration }
)

// httpAnswer returns the status in an error, 0 for none, and the delay that the answer
// asks for.
func httpAnswer(err error) (status int, asked time.Duration) {
	for err != nil {
		if status, asked = httpOf(err); status != 0 {
			return status, asked
		}
		if many, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range many.Unwrap() {
				if status, asked = httpAnswer(e); status != 0 {
					return status, asked
				}
			}
			return 0, 0
		}
		err = errors.Unwrap(err)
	}
	return 0, 0
}

// httpOf returns what one error says by its methods, else by its fields.
func httpOf(err error) (status int, asked time.Duration) {
	switch e := err.(type) {
	case statusCoder:
		status = e.StatusCode()
	case httpStatusCoder:
		status = e.HTTPStatusCode()
	}
	fields := reflect.Indirect(reflect.ValueOf(err))
	if fields.Kind() != reflect.Struct {
		fields = reflect.Value{}
	}
	if f := field(fields, "StatusCode"); status == 0 && f.IsValid() && f.CanInt() {
		status = int(f.Int())
	}
	if status == 0 {
		return 0, 0
	}
	if e, ok := err.(retryAfterer); ok {
		return status, e.RetryAfter()
	}
	if f := field(fields, "RetryAfter"); f.IsValid() {
		if d := delayOf(f.Interface()); d > 0 {
			return status, d
		}
	}
	return status, delayInHeader(field(fields, "Header"))
}

// field returns an exported field of a struct; the zero Value when there is none.
func field(of reflect.Value, name string) reflect.Value {
	if !of.IsValid() {
		return reflect.Value{}
	}
	if f, ok := of.Type().FieldByName(name); !ok || !f.IsExported() || len(f.Index) > 1 {
		return reflect.Value{}
	}
	return of.FieldByName(name)
}

// delayOf returns a delay in any of the forms that it is kept in: a duration, a number
// of seconds, or the text of a header.
func delayOf(v any) time.Duration {
	switch v := v.(type) {
	case time.Duration:
		return v
	case time.Time:
		return time.Until(v)
	case string:
		return delayInText(v)
	}
	switch r := reflect.ValueOf(v); {
	case r.CanInt():
		return seconds(float64(r.Int()))
	case r.CanFloat():
		return seconds(r.Float())
	}
	return 0
}

// delayInHeader returns the delay of the Retry-After of a header, a map as http.Header
// is.
func delayInHeader(header reflect.Value) time.Duration {
	if !header.IsValid() || header.Kind() != reflect.Map || header.Type().Key().Kind() != reflect.String {
		return 0
	}
	for entries := header.MapRange(); entries.Next(); {
		values, ok := entries.Value().Interface().([]string)
		if ok && len(values) > 0 && strings.EqualFold(entries.Key().String(), "Retry-After") {
			return delayInText(values[0])
		}
	}
	return 0
}

// httpDate is the form of the dates that HTTP prefers (RFC 9110 5.6.7).
const httpDate = "Mon, 02 Jan 2006 15:04:05 GMT"

// delayInText reads the value of a Retry-After (RFC 9110 10.2.3): seconds or a date.
func delayInText(s string) time.Duration {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseFloat(s, 64); err == nil {
		return seconds(n)
	}
	for _, form := range []string{httpDate, time.RFC850, time.ANSIC} {
		if at, err := time.Parse(form, s); err == nil {
			return time.Until(at)
		}
	}
	return 0
}

// seconds returns a number of seconds as a duration, and 0 for one out of range.
func seconds(n float64) time.Duration {
	if !(n > 0) || n > (10*24*time.Hour).Seconds() {
		if n > 0 {
			return 24 * time.Hour
		}
		return 0
	}
	return time.Duration(n * float64(time.Second))
}
