package pool_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

// confirmed makes a rig with two deliveries for it, of which the first has its
// dot confirmed by f, and starts a connection.
func confirmed(t *testing.T, sc smtptest.Config, f func(context.Context, *rig) error) (*rig, job, job) {
	t.Helper()
	r := newRig(t, sc, pool.Config{})
	first, next := newJob("a", "1@x.test", "2@x.test"), newJob("b", "3@x.test")
	first.Confirm, first.beforeDot = true, func(ctx context.Context) error { return f(ctx, r) }
	r.push(first.turn(), next.turn())
	r.open()
	return r, first, next
}

func TestDotWaitsForItsConfirmation(t *testing.T) {
	for _, mode := range faultModes {
		bubble(t, mode.name, func(t *testing.T) {
			asked := false
			r, first, next := confirmed(t, mode.config, func(_ context.Context, r *rig) error {
				asked = true
				time.Sleep(30 * time.Second)
				if n := r.server.Stats().Mails; n != 1 || len(r.server.Messages()) != 0 {
					t.Errorf("meanwhile %d MAIL, %d messages stored; want 1 and none", n, len(r.server.Messages()))
				}
				r.mu.Lock()
				defer r.mu.Unlock()
				if len(r.queue) != 1 {
					t.Error("Follower was asked before the dot was confirmed")
				}
				return nil
			})
			defer r.close()
			start := time.Now()
			if got := first.wait(t); fates(got) != "DD" || !asked {
				t.Errorf("asked %v: %s", asked, describe(got))
			}
			if took := time.Since(start); took < 30*time.Second || took > 31*time.Second {
				t.Errorf("took %v, want 30 s", took)
			}
			if got := next.wait(t); fates(got) != "D" || r.server.Stats().Connections != 1 {
				t.Errorf("the next: %s", describe(got))
			}
			r.checkStored(first, next)
		})
	}
}

// TestNoDotWithoutConfirmation: whatever ends the wait, nothing is sent and
// nothing is ambiguous, the connection goes without QUIT, and the next message
// goes on another.
func TestNoDotWithoutConfirmation(t *testing.T) {
	refused := errors.New("disk full")
	hang := func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }
	tests := []struct {
		name string
		f    func(context.Context) error
		do   func(*rig, job)
		want []error
		took time.Duration
	}{
		{"fails", func(context.Context) error { return refused }, nil, []error{refused}, 0},
		{"cancelled", hang, func(_ *rig, j job) {
			if j.Cancel() {
				t.Error("Cancel says it was sent")
			}
		}, []error{pool.ErrCancelled, context.Canceled}, time.Second},
		{"cancelled, and returns nil", func(ctx context.Context) error { <-ctx.Done(); return nil },
			func(_ *rig, j job) { j.Cancel() }, []error{pool.ErrCancelled}, time.Second},
		{"pool closed", hang, func(r *rig, _ job) { go r.pool.Close() }, []error{pool.ErrClosed}, time.Second},
		{"times out", hang, nil, []error{context.DeadlineExceeded}, time.Minute},
		{"times out, and fails", func(ctx context.Context) error { <-ctx.Done(); return refused }, nil,
			[]error{context.DeadlineExceeded, refused}, time.Minute},
		{"times out, and returns nil", func(ctx context.Context) error { <-ctx.Done(); return nil }, nil,
			[]error{context.DeadlineExceeded}, time.Minute},
	}
	for _, tt := range tests {
		for _, mode := range faultModes {
			bubble(t, tt.name+"/"+mode.name, func(t *testing.T) {
				r, first, next := confirmed(t, mode.config, func(ctx context.Context, _ *rig) error { return tt.f(ctx) })
				defer r.close()
				start := time.Now()
				if tt.do != nil {
					time.Sleep(time.Second)
					tt.do(r, first)
				}
				got := first.wait(t)
				if fates(got) != "LL" || stages(got) != "body body" || got.NotAttempted {
					t.Errorf("got %s", describe(got))
				}
				for _, want := range tt.want {
					if !errors.Is(got.Recipients[1].Err, want) {
						t.Errorf("got %v, want %v", got.Recipients[1].Err, want)
					}
				}
				if took := time.Since(start); took < tt.took || took > tt.took+time.Second {
					t.Errorf("took %v, want %v", took, tt.took)
				}
				if tt.name != "pool closed" {
					if got := next.wait(t); fates(got) != "D" {
						t.Errorf("the next: %s", describe(got))
					}
				}
				synctest.Wait()
				for _, m := range r.server.Transactions() {
					if m.Conn == 1 && m.Dot {
						t.Error("the dot was sent")
					}
				}
				if got := r.server.Stats().Replies[221]; got != 0 {
					t.Errorf("got %d QUIT, want none", got)
				}
				r.checkStored(next)
			})
		}
	}
}

// TestReplyWhileTheDotIsConfirmed has the server speak up, or close, during the
// wait: the dot is not sent.
func TestReplyWhileTheDotIsConfirmed(t *testing.T) {
	for name, fault := range map[string]smtptest.Fault{
		"421":   replyAnd("421 4.4.2 timeout", smtptest.Close),
		"250":   reply("250 2.0.0 taken"),
		"close": silent(smtptest.Close),
	} {
		for _, mode := range faultModes {
			bubble(t, name+"/"+mode.name, func(t *testing.T) {
				config := mode.config
				fault.After, fault.Delay = 1, time.Second/2
				config.Fault = smtptest.Rules(smtptest.Rule{Stage: smtptest.StageBody, Conn: 1, Fault: fault})
				r := newRig(t, config, pool.Config{})
				defer r.close()
				j := newJob("a", "1@x.test")
				j.Data = append(j.Data, strings.Repeat("x\r\n", 25_000)...) // 75 KB: a part is written before the wait
				j.Confirm, j.beforeDot = true, func(context.Context) error { time.Sleep(time.Second); return nil }
				r.push(j.turn())
				r.open()
				if got := j.wait(t); fates(got) != "L" || stages(got) != "body" {
					t.Errorf("got %s", describe(got))
				}
				for _, m := range r.server.Transactions() {
					if m.Dot {
						t.Error("the dot was sent")
					}
				}
			})
		}
	}
}

// TestEveryWakeIsFollowed wakes a connection around the end of its idle time:
// it asks, or leaves, before it says QUIT.
func TestEveryWakeIsFollowed(t *testing.T) {
	for at := -3 * time.Millisecond; at <= 3*time.Millisecond; at += time.Millisecond {
		bubble(t, at.String(), func(t *testing.T) {
			r := newRig(t, smtptest.Config{Latency: 50 * time.Millisecond, Fault: smtptest.Rules(
				smtptest.Rule{Stage: smtptest.StageQuit, Fault: silent(smtptest.Stall)},
			)}, pool.Config{})
			defer r.close()
			r.open()
			for r.asked() == 0 {
				time.Sleep(time.Millisecond)
			}
			r.mu.Lock()
			idleEnd := r.askedAt.Add(8 * time.Second)
			r.mu.Unlock()
			time.Sleep(time.Until(idleEnd) + at)
			r.mu.Lock()
			asked, left := r.ready, r.left
			r.mu.Unlock()
			r.push()
			synctest.Wait()
			r.mu.Lock()
			defer r.mu.Unlock()
			if left == 0 && r.ready == asked && r.left == 0 {
				t.Error("a wake before Leaving was followed by neither Next nor Leaving")
			}
			if left == 0 && at < 0 && r.ready == asked {
				t.Error("a wake within the idle time was not followed by Next")
			}
		})
	}
}
