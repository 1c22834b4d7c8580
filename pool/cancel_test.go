package pool_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

// transactionStages are those at which a delivery can be cancelled.
var transactionStages = []smtptest.Stage{
	smtptest.StageMail, smtptest.StageRcpt, smtptest.StageData, smtptest.StageBody, smtptest.StageDot,
}

// newBigJob makes a delivery that no buffer holds.
func newBigJob(name string, to ...string) job {
	j := newJob(name, to...)
	j.Data = append(j.Data, strings.Repeat(strings.Repeat("x", 70)+"\r\n", 10_000)...)
	return j
}

// stalled makes a rig whose server never answers at one stage of the first
// connection, and waits until it is there.
func stalled(t *testing.T, stage smtptest.Stage, config smtptest.Config, j job) *rig {
	t.Helper()
	fault := smtptest.Fault{Silent: true, End: smtptest.Stall, After: 100_000}
	config.Fault = smtptest.Rules(smtptest.Rule{Stage: stage, Conn: 1, Fault: fault})
	r := newRig(t, config, pool.Config{})
	r.push(j.turn())
	r.open()
	time.Sleep(time.Second)
	return r
}

func TestInvariant8CancelAtEveryStage(t *testing.T) {
	for _, mode := range faultModes {
		for _, stage := range transactionStages {
			bubble(t, mode.name+"/"+string(stage), func(t *testing.T) {
				j, next := newBigJob("a", "1@x.test", "2@x.test"), newJob("b", "3@x.test")
				r := stalled(t, stage, mode.config, j)
				defer r.close()
				r.push(next.turn())
				sent := j.Cancel()
				if want := stage == smtptest.StageDot; sent != want {
					t.Fatalf("got sent %v, want %v", sent, want)
				}
				if sent {
					if got := j.wait(t); fates(got) != "AA" {
						t.Errorf("got %s", describe(got))
					}
					return
				}
				quickly(t, "Cancel to Done", func() {
					got := j.wait(t)
					if fates(got) != "LL" || !errors.Is(got.Recipients[1].Err, pool.ErrCancelled) {
						t.Errorf("got %s", describe(got))
					}
					if !errors.Is(got.Recipients[0].Err, context.Canceled) {
						t.Errorf("got %v, want it to match context.Canceled", got.Recipients[0].Err)
					}
				})
				if got := next.wait(t); fates(got) != "D" {
					t.Errorf("the next message: %s", describe(got))
				}
				r.checkStored(next)
			})
		}
	}
}

func TestCancelBeforeItStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, smtptest.Config{}, pool.Config{})
		defer r.close()
		j, next := newJob("a", "1@x.test"), newJob("b", "2@x.test")
		j.mailWritten = func() { t.Error("MailWritten was called") }
		for range 2 {
			if j.Cancel() {
				t.Error("Cancel says it was sent")
			}
		}
		r.push(j.turn(), next.turn())
		r.open()
		if got := j.wait(t); fates(got) != "L" || got.Ordinal != 0 || !errors.Is(got.Recipients[0].Err, pool.ErrCancelled) {
			t.Errorf("got %s", describe(got))
		}
		if got := next.wait(t); fates(got) != "D" || got.Ordinal != 1 {
			t.Errorf("next: ordinal %d, %s", got.Ordinal, describe(got))
		}
		if got := r.server.Stats(); got.Mails != 1 || got.Connections != 1 {
			t.Errorf("got %d MAIL on %d connections, want 1 on 1", got.Mails, got.Connections)
		}
	})
}

func TestCancelAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, smtptest.Config{}, pool.Config{})
		defer r.close()
		j, next := newJob("a", "1@x.test"), newJob("b", "2@x.test")
		r.push(j.turn())
		r.open()
		j.wait(t)
		if !j.Cancel() {
			t.Error("Cancel says that a delivered message was not sent")
		}
		r.push(next.turn())
		if got := next.wait(t); fates(got) != "D" || r.server.Stats().Connections != 1 {
			t.Errorf("a late Cancel hurt the connection: %s", describe(got))
		}
	})
}

// TestCancelTellsTheTruth cancels at every moment of a transaction over a line
// with latency: what Cancel says must be what the server sees.
func TestCancelTellsTheTruth(t *testing.T) {
	for at := range 60 {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, smtptest.Config{Latency: 5 * time.Millisecond, StartTLS: at%2 == 0}, pool.Config{})
			defer r.close()
			j := newJob("a", "1@x.test")
			started := make(chan struct{})
			j.mailWritten = func() { close(started) }
			r.push(j.turn())
			r.open()
			<-started
			time.Sleep(time.Duration(at) * time.Millisecond)
			sent := j.Cancel()
			got := j.wait(t)
			time.Sleep(time.Second)
			arrived := r.arrived(j)["1@x.test"]
			if sent != (arrived == 1) || sent != (fates(got) == "D") {
				t.Errorf("after %d ms: Cancel says %v, arrived %d, %s", at, sent, arrived, describe(got))
			}
		})
	}
}

// Every stage at which a connection can hang.
var allStages = append([]smtptest.Stage{
	smtptest.StageDial, smtptest.StageConnect, smtptest.StageHelo, smtptest.StageStartTLS,
	smtptest.StageHandshake, smtptest.StageAuth, smtptest.StageRset, smtptest.StageQuit,
}, transactionStages...)

func TestInvariant8CloseAtEveryStage(t *testing.T) {
	for _, stage := range allStages {
		bubble(t, string(stage), func(t *testing.T) {
			j := newBigJob("a", "1@x.test")
			fault := smtptest.Fault{Silent: true, End: smtptest.Stall, After: 100_000}
			rules := []smtptest.Rule{{Stage: stage, Fault: fault}}
			if stage == smtptest.StageRset {
				rules = append(rules, smtptest.Rule{Stage: smtptest.StageData, Fault: reply("451 4.3.0 not now")})
			}
			config := smtptest.Config{
				StartTLS: true, Users: map[string]string{"me": "canary-secret"}, Fault: smtptest.Rules(rules...),
			}
			if stage == smtptest.StageRset {
				config.Omit = lockstep // else it goes with the next message
			}
			r := newRig(t, config, pool.Config{})
			defer r.close()
			r.endpoint.Credentials = func(context.Context) (string, string, error) { return "me", "canary-secret", nil }
			r.push(turn{j.ready(), stage == smtptest.StageQuit})
			r.open()
			time.Sleep(time.Second)
			quickly(t, "Close", func() { r.pool.Close() })
			if len(r.ended()) != 1 {
				t.Fatalf("Closed was called %d times, want once", len(r.ended()))
			}
			checkClosed(t, stage, r, j)
		})
	}
}

// checkClosed looks at the delivery and the connection after Close at a stage.
func checkClosed(t *testing.T, stage smtptest.Stage, r *rig, j job) {
	t.Helper()
	err := r.ended()[0]
	if stage == smtptest.StageQuit {
		if err != nil {
			t.Errorf("got %v, want nil: QUIT was sent", err)
		}
	} else if !errors.Is(err, pool.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	want := map[smtptest.Stage]string{
		smtptest.StageMail: "L", smtptest.StageRcpt: "L", smtptest.StageData: "L", smtptest.StageBody: "L",
		smtptest.StageDot: "A", smtptest.StageRset: "L", smtptest.StageQuit: "D",
	}[stage]
	select {
	case got := <-j.report:
		if fates(got) != want {
			t.Errorf("got %s, want %q: %s", fates(got), want, describe(got))
		}
	default:
		if want != "" {
			t.Error("the delivery was not reported")
		}
	}
}

func TestShutdownFinishesWhatIsOnTheWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, smtptest.Config{ServiceTime: 30 * time.Second, Omit: lockstep}, pool.Config{})
		defer r.close()
		j, waiting := newJob("a", "1@x.test"), newJob("b", "1@x.test")
		r.push(j.turn(), waiting.turn())
		r.open()
		time.Sleep(time.Second)
		start := time.Now()
		if err := r.pool.Shutdown(never); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took < 29*time.Second || took > 30*time.Second {
			t.Errorf("Shutdown took %v, want 29 s", took)
		}
		if got := j.wait(t); fates(got) != "D" {
			t.Errorf("got %s", describe(got))
		}
		if len(waiting.report) != 0 {
			t.Error("a delivery was taken after Shutdown")
		}
		if ends := r.ended(); len(ends) != 1 || ends[0] != nil {
			t.Errorf("got ends %v, want nil", ends)
		}
		if err := r.pool.Open(r.endpoint, r); !errors.Is(err, pool.ErrClosed) {
			t.Errorf("Open: got %v, want ErrClosed", err)
		}
		if err := r.pool.Verify(never, r.endpoint); !errors.Is(err, pool.ErrClosed) {
			t.Errorf("Verify: got %v, want ErrClosed", err)
		}
	})
}

func TestShutdownGivesUpWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJob("a", "1@x.test")
		r := stalled(t, smtptest.StageDot, smtptest.Config{}, j)
		defer r.close()
		ctx, cancel := context.WithTimeout(never, 2*time.Second)
		defer cancel()
		start := time.Now()
		if err := r.pool.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the deadline", err)
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("took %v, want 2 s", took)
		}
		got := j.wait(t)
		if fates(got) != "A" || !errors.Is(got.Recipients[0].Err, pool.ErrClosed) {
			t.Errorf("got %s", describe(got))
		}
	})
}

func TestShutdownAndCloseTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, smtptest.Config{ServiceTime: time.Hour}, pool.Config{})
		defer r.close()
		for range 10 {
			r.push(newJob("a", "1@x.test").turn())
			r.open()
		}
		time.Sleep(time.Second)
		done := make(chan struct{}, 6)
		for range 3 {
			go func() { r.pool.Shutdown(never); done <- struct{}{} }()
			go func() { r.pool.Close(); done <- struct{}{} }()
		}
		for range 6 {
			<-done
		}
		if got := len(r.ended()); got != 10 {
			t.Errorf("got %d connections ended, want 10", got)
		}
	})
}

func TestVerify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, smtptest.Config{StartTLS: true}, pool.Config{})
		defer r.close()
		if err := r.pool.Verify(t.Context(), r.endpoint); err != nil {
			t.Errorf("got %v", err)
		}
		if got := r.server.Stats(); got.Replies[221] != 1 || got.Open != 0 {
			t.Errorf("got %d QUIT, %d connections open", got.Replies[221], got.Open)
		}
	})
}

func TestVerifyEndsWithItsContext(t *testing.T) {
	for _, stage := range allStages[:6] {
		bubble(t, string(stage), func(t *testing.T) {
			r := newRig(t, smtptest.Config{
				StartTLS: true, Users: map[string]string{"me": "canary-secret"},
				Fault: smtptest.Rules(smtptest.Rule{Stage: stage, Fault: silent(smtptest.Stall)}),
			}, pool.Config{})
			defer r.close()
			r.endpoint.Credentials = func(context.Context) (string, string, error) { return "me", "canary-secret", nil }
			why := errors.New("enough")
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(5*time.Second, func() { cancel(why) })
			start := time.Now()
			err := r.pool.Verify(ctx, r.endpoint)
			if took := time.Since(start); took > 5100*time.Millisecond {
				t.Errorf("took %v, want 5 s", took)
			}
			if !errors.Is(err, why) {
				t.Errorf("got %v, want the cause of the context", err)
			}
			asError(t, err)
		})
	}
}

func TestUserIsCalledOnceAndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, smtptest.Config{}, pool.Config{})
		defer r.close()
		var log []string
		j := newJob("a", "1@x.test")
		j.mailWritten = func() { log = append(log, "MAIL written") }
		j.rcptsWritten = func() { log = append(log, "RCPTs written") }
		j.done = func(pool.Report) { log = append(log, "done") }
		j.Confirm = true
		j.beforeDot = func(context.Context) error { log = append(log, "before dot"); return nil }
		j.follower = func() *pool.Delivery { log = append(log, "follower"); return nil }
		if err := r.pool.Open(r.endpoint, logged{newQueued(j.turn()), &log}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		r.pool.Shutdown(never)
		r.pool.Shutdown(never)
		want := "opened 1, next, MAIL written, RCPTs written, MAIL 250, RCPT 250, DATA 354, before dot, follower, dot 250, done, next, leaving, QUIT 221, closed <nil>"
		if got := strings.Join(log, ", "); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

// logged is a User that writes down what it is told of its connection.
type logged struct {
	*queued
	log *[]string
}

func (l logged) add(args ...any) { *l.log = append(*l.log, fmt.Sprint(args...)) }

func (l logged) Next(c *pool.Conn) (*pool.Delivery, bool) {
	l.add("next")
	return l.queued.Next(c)
}

func (l logged) Opened(c *pool.Conn)            { l.add("opened ", c.ID()) }
func (l logged) Leaving(*pool.Conn)             { l.add("leaving") }
func (l logged) Closed(_ *pool.Conn, err error) { l.add("closed ", err) }
func (l logged) Reply(_ *pool.Conn, stage classify.Stage, r *classify.Reply) {
	l.add(stage, " ", r.Code)
}

// slowToClose is a connection of a user whose Close takes its time.
type slowToClose struct{ net.Conn }

func (c slowToClose) Close() error {
	time.Sleep(2 * time.Second)
	return c.Conn.Close()
}

// TestSlowCloseHoldsUpNobody cancels a delivery on a connection that takes 2 s
// to close.
func TestSlowCloseHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, next := newBigJob("a", "1@x.test"), newJob("b", "2@x.test")
		fault := smtptest.Fault{Silent: true, End: smtptest.Stall}
		r := newRig(t, smtptest.Config{Fault: smtptest.Rules(smtptest.Rule{Stage: smtptest.StageData, Conn: 1, Fault: fault})}, pool.Config{})
		defer r.close()
		r.endpoint.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := r.server.DialContext(ctx, network, addr)
			return slowToClose{conn}, err
		}
		r.push(j.turn())
		r.open()
		time.Sleep(time.Second)
		quickly(t, "Cancel to Done, and another message", func() {
			if j.Cancel() {
				t.Error("Cancel says it was sent")
			}
			if got := j.wait(t); fates(got) != "L" || !errors.Is(got.Recipients[0].Err, pool.ErrCancelled) {
				t.Errorf("got %s", describe(got))
			}
			synctest.Wait()
			r.mu.Lock()
			left := r.left
			r.mu.Unlock()
			if left != 1 {
				t.Error("Leaving was not called before the close")
			}
			r.push(next.turn())
			r.open()
			if got := next.wait(t); fates(got) != "D" {
				t.Errorf("the next: %s", describe(got))
			}
		})
		if n := len(r.ended()); n != 0 {
			t.Errorf("%d connections are reported as closed that are not", n)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := len(r.ended()); n != 1 {
			t.Errorf("%d connections are closed, want 1", n)
		}
	})
}

// TestVerifyDoesNotWaitForASlowClose ends the context of a Verify whose
// connection takes 2 s to close. Close of the pool waits for that.
func TestVerifyDoesNotWaitForASlowClose(t *testing.T) {
	for _, stage := range []smtptest.Stage{smtptest.StageConnect, smtptest.StageHelo, smtptest.StageQuit} {
		bubble(t, string(stage), func(t *testing.T) {
			r := newRig(t, smtptest.Config{Fault: smtptest.Rules(smtptest.Rule{Stage: stage, Fault: silent(smtptest.Stall)})}, pool.Config{})
			defer r.close()
			r.endpoint.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := r.server.DialContext(ctx, network, addr)
				return slowToClose{conn}, err
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			start := time.Now()
			err := r.pool.Verify(ctx, r.endpoint)
			if took := time.Since(start); took > 1100*time.Millisecond {
				t.Errorf("took %v, want 1 s", took)
			}
			if want := stage != smtptest.StageQuit; errors.Is(err, context.DeadlineExceeded) != want {
				t.Errorf("got %v, want the end of the context: %v", err, want)
			}
			r.pool.Close()
			if took := time.Since(start); took < 3*time.Second {
				t.Errorf("Close returned after %v, before the connection was closed", took)
			}
		})
	}
}
