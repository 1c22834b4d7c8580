package httppace_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/httppace"
)

// api is a mail API that takes 30 messages a minute, and answers 429 to more.
type api struct {
	mu      sync.Mutex
	times   []time.Time // of those that it took
	refused int
	asked   time.Time     // the time at which it last asked for a delay
	until   time.Time     // the end of that
	early   time.Duration // the longest time before that at which a call has begun since
	late    time.Duration // the longest time after that at which the next one has begun
	ask     func(d time.Duration) (http.Header, string)
}

func (a *api) RoundTrip(*http.Request) (*http.Response, error) {
	a.mu.Lock()
	if began := time.Now(); !a.asked.IsZero() && began.After(a.asked) {
		a.early = max(a.early, a.until.Sub(began))
		if a.until.Sub(a.asked) > time.Minute/30 { // a shorter one ends before the next call is due
			a.late = max(a.late, began.Sub(a.until))
		}
		a.asked = time.Time{}
	}
	a.mu.Unlock()
	time.Sleep(50 * time.Millisecond)
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	answer := &http.Response{StatusCode: http.StatusAccepted, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(""))}
	n := 0
	for _, at := range a.times {
		if now.Sub(at) < time.Minute {
			n++
		}
	}
	if n < 30 {
		a.times = append(a.times, now)
		return answer, nil
	}
	a.refused++
	first := a.times[len(a.times)-30]
	wait := first.Add(time.Minute).Sub(now).Truncate(time.Second) + time.Second
	a.asked, a.until = now, now.Add(wait)
	header, body := a.ask(wait)
	if date, err := http.ParseTime(header.Get("Retry-After")); err == nil {
		a.until = date
	}
	answer.StatusCode, answer.Header, answer.Body = http.StatusTooManyRequests, header, io.NopCloser(strings.NewReader(body))
	return answer, nil
}

// Twenty goroutines send through an API at 30 a minute: what it asks for is obeyed within
// a second, every message is taken once, and few calls are refused.
func TestRetryAfterIsObeyed(t *testing.T) {
	const messages = 300
	for name, ask := range map[string]func(time.Duration) (http.Header, string){
		"seconds": func(d time.Duration) (http.Header, string) {
			return http.Header{"Retry-After": {seconds(d)}}, ""
		},
		"date": func(d time.Duration) (http.Header, string) {
			d += time.Second - 1 // a date has whole seconds
			return http.Header{"Retry-After": {time.Now().Add(d).UTC().Format(http.TimeFormat)}}, ""
		},
		"body": func(d time.Duration) (http.Header, string) {
			return http.Header{}, `{"message":"slow down","retry_after":` + seconds(d) + `}`
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &api{ask: ask}
				client := &http.Client{Transport: a}
				p, err := smtpace.NewPacer(smtpace.PacerConfig{})
				if err != nil {
					t.Fatal(err)
				}
				defer p.Close()
				var wg sync.WaitGroup
				work := make(chan int, messages)
				for i := range messages {
					work <- i
				}
				close(work)
				for range 20 {
					wg.Go(func() {
						for range work {
							if err := p.DoRequest(t.Context(), smtpace.PaceRequest{To: []string{"ann@example.com"}, Relay: "api.example"}, func(ctx context.Context, to []string) error {
								return post(ctx, client, to)
							}); err != nil {
								t.Error(err)
							}
						}
					})
				}
				start := time.Now()
				wg.Wait()
				t.Logf("%d taken, %d refused, at most %v too early and %v late, %v", len(a.times), a.refused, a.early, a.late, time.Since(start))
				if len(a.times) != messages {
					t.Errorf("%d were taken, want %d", len(a.times), messages)
				}
				if a.early > 0 || a.late > time.Second {
					t.Errorf("a call began %v before the end of a delay, or %v after it, want it obeyed within 1 s", a.early, a.late)
				}
				if took := time.Since(start); took > 12*time.Minute {
					t.Errorf("took %v, want little more than the 9 minutes and more that the API allows", took)
				}
				if a.refused > messages/15 {
					t.Errorf("%d were refused, want few", a.refused)
				}
			})
		})
	}
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) }

// post sends a message through the API.
func post(ctx context.Context, client *http.Client, to []string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://api.example/send", strings.NewReader(strings.Join(to, ",")))
	if err != nil {
		return smtpace.NotSent(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return httppace.Check(resp)
}

func TestCheck(t *testing.T) {
	for body, want := range map[string]time.Duration{
		`{"retry_after": 7}`:           7 * time.Second,
		`{"retry_after": "2.5"}`:       2500 * time.Millisecond,
		`{"error": {"retryAfter": 3}}`: 3 * time.Second,
		`{"retry_after": -1}`:          0,
		`{"retry_after": 1e300}`:       0,
		`{"retry_after": 100000}`:      24 * time.Hour,
		`{"retry_after": 1795000000}`:  0, // a time
		`{"retry_after": "30s"}`:       30 * time.Second,
		`{"retry_after": "100h"}`:      24 * time.Hour,
		`{"retry_after": "-1s"}`:       0,
		`{"a":{"retry_after":1},"b":{"retry_after":9},"c":{"retryAfter":"4"}}`: 9 * time.Second,
		`{"retry_after": [1]}`:               0,
		`[]`:                                 0,
		``:                                   0,
		strings.Repeat("x", 1<<20):           0,
		"\x1b[31mred\r\n" + `{"retry_after"`: 0,
	} {
		err := httppace.Check(&http.Response{StatusCode: 429, Body: io.NopCloser(strings.NewReader(body))})
		e, ok := errors.AsType[*httppace.Error](err)
		if !ok || e.RetryAfter != want {
			t.Errorf("%.40q: got %v, want %v", body, err, want)
		}
		if strings.ContainsAny(e.Error(), "\x1b\r\n") || len(e.Error()) > 1000 {
			t.Errorf("%.40q: the text is not fit for a log: %q", body, e.Error())
		}
	}
	if err := httppace.Check(&http.Response{StatusCode: 202}); err != nil {
		t.Errorf("202: got %v, want nil", err)
	}
}
