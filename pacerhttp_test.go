package smtpace

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// Errors as clients of HTTP APIs make them.
type (
	methodError struct {
		status int
		after  time.Duration
	}
	sdkError   struct{ status int }
	fieldError struct {
		StatusCode int
		RetryAfter any
	}
	quietError struct {
		StatusCode int32
		retryAfter time.Duration
	}
	headerError struct {
		StatusCode int
		Header     http.Header
	}
	twiceError struct {
		StatusCode int
		RetryAfter int
		Header     http.Header
	}
	emptyHeaderError struct {
		StatusCode int
		Header     map[int][]string
	}
	wordError struct{ StatusCode string }
	numError  int
	embedding struct{ *fieldError }
)

func (e methodError) Error() string             { return "api" }
func (e methodError) StatusCode() int           { return e.status }
func (e methodError) RetryAfter() time.Duration { return e.after }
func (e sdkError) Error() string                { return "sdk" }
func (e sdkError) HTTPStatusCode() int          { return e.status }
func (e *fieldError) Error() string             { return "fields" }
func (e quietError) Error() string              { return fmt.Sprint(e.retryAfter) }
func (e headerError) Error() string             { return "header" }
func (e twiceError) Error() string              { return "twice" }
func (e emptyHeaderError) Error() string        { return "header" }
func (e wordError) Error() string               { return "word" }
func (e numError) Error() string                { return "number" }
func (e embedding) Error() string               { return "embedding" }

// The status of an answer of HTTP tells whose fault it is, and whether the message may
// have been taken (RFC 9110 15).
func TestHTTPStatusMeans(t *testing.T) {
	type verdict = classify.Verdict
	busy := verdict{Class: classify.ClassServerBusy, Scope: classify.ScopeAccount}
	login := verdict{Class: classify.ClassSMTPAuth, Scope: classify.ScopeAccount}
	content := verdict{Class: classify.ClassContentRejected, Recipient: classify.RecipientRefused, Scope: classify.ScopeMessage}
	other := verdict{Class: classify.ClassProtocol, Scope: classify.ScopeAccount}
	perhaps := verdict{Class: classify.ClassServerBusy, Scope: classify.ScopeAccount, Recipient: classify.RecipientAmbiguous}
	taken := verdict{Class: classify.ClassOK, Recipient: classify.RecipientDelivered}
	for status, want := range map[int]verdict{
		100: other, 200: taken, 202: taken, 299: taken, 301: other, 404: other, 402: other, 499: other,
		429: {Class: classify.ClassRateLimited, Limit: classify.LimitMessageRate, Scope: classify.ScopeAccount},
		401: login, 403: login, 407: login,
		413: {Class: classify.ClassMessageTooLarge, Recipient: classify.RecipientRefused, Scope: classify.ScopeMessage},
		400: content, 422: content, 408: busy, 421: busy, 425: busy,
		500: perhaps, 502: perhaps, 503: perhaps, 599: perhaps,
	} {
		got, ok := httpVerdict(sdkError{status})
		if !ok || got != want {
			t.Errorf("%d: got %+v, %v, want %+v", status, got, ok, want)
		}
	}
	for _, status := range []int{-1, 0, 1, 99, 600} {
		if got, ok := httpVerdict(sdkError{status}); ok || got != (verdict{}) {
			t.Errorf("%d: got %+v, want no status of HTTP", status, got)
		}
	}
	// A service that says when to come back has not taken the message.
	want := busy
	want.RetryAfter = time.Minute
	if got, _ := httpVerdict(methodError{503, time.Minute}); got != want {
		t.Errorf("503 with a delay: got %+v, want %+v", got, want)
	}
	if got, _ := httpVerdict(methodError{200, time.Minute}); got != taken {
		t.Errorf("200 with a delay: got %+v, want %+v", got, taken)
	}
}

// The status and the delay are found in errors of any make.
func TestHTTPAnswerInErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := func(d time.Duration, form string) string { return time.Now().UTC().Add(d).Format(form) }
		header := func(name string, values ...string) http.Header { return http.Header{name: values} }
		for name, test := range map[string]struct {
			err    error
			status int
			asked  time.Duration
		}{
			"nil":                         {nil, 0, 0},
			"another":                     {io.EOF, 0, 0},
			"methods":                     {methodError{429, 3 * time.Second}, 429, 3 * time.Second},
			"method of SDKs":              {sdkError{500}, 500, 0},
			"a status that HTTP has not":  {sdkError{1}, 1, 0},
			"fields":                      {&fieldError{429, 4 * time.Second}, 429, 4 * time.Second},
			"no fields":                   {(*fieldError)(nil), 0, 0},
			"seconds":                     {&fieldError{429, 5}, 429, 5 * time.Second},
			"seconds and a part":          {&fieldError{429, 2.5}, 429, 2500 * time.Millisecond},
			"seconds in text":             {&fieldError{429, " 6 "}, 429, 6 * time.Second},
			"a part of them in text":      {&fieldError{429, "1.5"}, 429, 1500 * time.Millisecond},
			"a time":                      {&fieldError{429, time.Now().Add(7 * time.Second)}, 429, 7 * time.Second},
			"a date":                      {&fieldError{429, in(8*time.Second, http.TimeFormat)}, 429, 8 * time.Second},
			"a date of RFC 850":           {&fieldError{429, in(9*time.Second, time.RFC850)}, 429, 9 * time.Second},
			"a date of C":                 {&fieldError{429, in(10*time.Second, time.ANSIC)}, 429, 10 * time.Second},
			"words":                       {&fieldError{429, "soon"}, 429, 0},
			"something else":              {&fieldError{429, []int{1}}, 429, 0},
			"less than none":              {&fieldError{429, -5}, 429, 0},
			"no number":                   {&fieldError{429, math.NaN()}, 429, 0},
			"ten days":                    {&fieldError{429, 864_000}, 429, 240 * time.Hour},
			"more than ten days":          {&fieldError{429, 864_001}, 429, 24 * time.Hour},
			"without end":                 {&fieldError{429, math.Inf(1)}, 429, 24 * time.Hour},
			"a field that is not shown":   {quietError{StatusCode: 429, retryAfter: time.Second}, 429, 0},
			"a header":                    {headerError{429, header("Retry-After", "11")}, 429, 11 * time.Second},
			"a header in small letters":   {headerError{429, header("retry-after", "12")}, 429, 12 * time.Second},
			"another header":              {headerError{429, header("Date", "12")}, 429, 0},
			"a header without a value":    {headerError{429, header("Retry-After")}, 429, 0},
			"a field of 0 and a header":   {twiceError{429, 0, header("Retry-After", "13")}, 429, 13 * time.Second},
			"a field before a header":     {twiceError{429, 14, header("Retry-After", "13")}, 429, 14 * time.Second},
			"no header":                   {headerError{429, nil}, 429, 0},
			"a header that is none":       {emptyHeaderError{429, map[int][]string{1: {"1"}}}, 429, 0},
			"a status in words":           {wordError{"429"}, 0, 0},
			"no struct":                   {numError(429), 0, 0},
			"embedded":                    {embedding{&fieldError{429, 1}}, 0, 0},
			"wrapped":                     {fmt.Errorf("api: %w", sdkError{413}), 413, 0},
			"joined":                      {errors.Join(io.EOF, sdkError{401}, sdkError{500}), 401, 0},
			"joined without":              {errors.Join(io.EOF, io.ErrUnexpectedEOF), 0, 0},
			"wrapped in what has none":    {fmt.Errorf("send: %w", fmt.Errorf("api: %w", methodError{429, time.Hour})), 429, time.Hour},
			"a status of 0 that wraps":    {errors.Join(methodError{0, time.Hour}, sdkError{429}), 429, 0},
			"a delay without a status":    {&fieldError{0, 5}, 0, 0},
			"a method behind a zero code": {methodError{0, time.Second}, 0, 0},
		} {
			if status, asked := httpAnswer(test.err); status != test.status || asked != test.asked {
				t.Errorf("%s: got %d and %v, want %d and %v", name, status, asked, test.status, test.asked)
			}
		}
	})
}

// A delay is a second at least and a day at most, as in all verdicts.
func TestHTTPDelayIsBounded(t *testing.T) {
	for asked, want := range map[time.Duration]time.Duration{
		-time.Second: 0, 0: 0, 1: time.Second, time.Second: time.Second, time.Minute: time.Minute,
		24 * time.Hour: 24 * time.Hour, 25 * time.Hour: 24 * time.Hour,
	} {
		if got, _ := httpVerdict(methodError{429, asked}); got.RetryAfter != want {
			t.Errorf("asked for %v: got %v, want %v", asked, got.RetryAfter, want)
		}
	}
}

// The delay stands in a map of lists of texts, and nowhere else.
func TestDelaysInHeaders(t *testing.T) {
	for name, test := range map[string]struct {
		header any
		want   time.Duration
	}{
		"http.Header":      {http.Header{"Date": {"x"}, "Retry-After": {"11", "12"}}, 11 * time.Second},
		"another map":      {map[string][]string{"RETRY-AFTER": {"11"}}, 11 * time.Second},
		"no value":         {map[string][]string{"Retry-After": {}}, 0},
		"texts":            {map[string]string{"Retry-After": "11"}, 0},
		"numbers as names": {map[int][]string{1: {"11"}}, 0},
		"a text":           {"Retry-After: 11", 0},
		"a list":           {[]string{"Retry-After: 11"}, 0},
		"a number":         {11, 0},
		"nothing":          {nil, 0},
	} {
		if got := delayInHeader(reflect.ValueOf(test.header)); got != test.want {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}
