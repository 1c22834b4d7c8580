// Package httppace makes errors of the answers of HTTP mail APIs, for functions that a
// smtpace.Pacer calls. It stands apart because the root package does not depend on
// net/http.
package httppace

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Error is the answer of an API that has not taken a message. A Pacer understands it: a
// 429 is a limit, and so on.
type Error struct {
	StatusCode int
	// Header is the header of the answer, in which a Retry-After may be (RFC 9110
	// 10.2.3).
	Header http.Header
	// RetryAfter is the delay that the body asks for; 0 when it asks for none.
	RetryAfter time.Duration
	// Body is the beginning of the body, as far as it is printable text.
	Body string
}

// Error returns the status and the beginning of the body.
func (e *Error) Error() string {
	text := fmt.Sprintf("HTTP %d %s", e.StatusCode, http.StatusText(e.StatusCode))
	if e.Body != "" {
		text += ": " + e.Body
	}
	return text
}

// mostRead is the number of bytes of a body that are read, and mostKept of those that an
// Error keeps.
const (
	mostRead = 64 << 10
	mostKept = 512
)

// Check returns nil for an answer of 2xx, else an [*Error]. It reads the body of such an
// answer, for a retry_after in JSON: a number of seconds, or a text such as "30s", at the
// top or one level below, as APIs write it; a day at most. It does not close the body.
// The error of a client that fails is another matter: a Pacer understands it as it is.
func Check(resp *http.Response) error {
	if resp.StatusCode/100 == 2 {
		return nil
	}
	e := &Error{StatusCode: resp.StatusCode, Header: resp.Header}
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostRead))
	if err != nil { // the status says enough
		return e
	}
	e.RetryAfter = delayIn(body)
	e.Body = printable(body)
	return e
}

const (
	// mostDelay bounds a delay, as that of any other answer.
	mostDelay = 24 * time.Hour
	// mostAsked is the longest delay that is taken for one: what is more is a time or of
	// another unit.
	mostAsked = 31 * 24 * time.Hour
)

// delayIn returns the delay that a body in JSON asks for, the longest of several; 0 when it
// asks for none.
func delayIn(body []byte) time.Duration {
	var top map[string]json.RawMessage
	if json.Unmarshal(body, &top) != nil {
		return 0
	}
	if d := delayOf(top); d > 0 {
		return d
	}
	longest := time.Duration(0)
	for _, inner := range top {
		var below map[string]json.RawMessage
		if json.Unmarshal(inner, &below) == nil {
			longest = max(longest, delayOf(below))
		}
	}
	return longest
}

// delayOf returns the delay of an object: a number of seconds, a text of one, or a text
// with a unit such as "30s".
func delayOf(object map[string]json.RawMessage) (longest time.Duration) {
	for _, key := range []string{"retry_after", "retryAfter", "retry-after"} {
		var n json.Number
		var text string
		if json.Unmarshal(object[key], &n) == nil {
			if seconds, err := n.Float64(); err == nil && seconds > 0 && seconds <= mostAsked.Seconds() {
				longest = max(longest, min(time.Duration(seconds*float64(time.Second)), mostDelay))
			}
		} else if json.Unmarshal(object[key], &text) == nil {
			if d, err := time.ParseDuration(text); err == nil && d <= mostAsked {
				longest = max(longest, min(d, mostDelay))
			}
		}
	}
	return longest
}

// printable returns the beginning of a body with a blank for each character that is
// neither printable nor ASCII.
func printable(body []byte) string {
	text := append([]byte(nil), body[:min(len(body), mostKept)]...)
	for i, c := range text {
		if c < ' ' || c > '~' {
			text[i] = ' '
		}
	}
	return string(text)
}
