package pool_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

// TestStrayReplyBehindADot has a server answer a dot twice: the second reply is
// not that to the MAIL of the next message, whose envelope is written already.
func TestStrayReplyBehindADot(t *testing.T) {
	for name, stray := range map[string]string{"5yz": "550 5.7.1 no", "4yz": "451 4.3.0 no", "2yz": "250 2.0.0 yes", "3yz": "354 go"} {
		bubble(t, name, func(t *testing.T) {
			r, first, second := followed(t, smtptest.Config{}, smtptest.Rule{Stage: smtptest.StageDot, Conn: 1, Message: 1,
				Fault: raw("250 2.0.0 taken\r\n"+stray+"\r\n", smtptest.Continue)})
			defer r.close()
			if fates(first) != "DD" || fates(second) != "L" {
				t.Errorf("got %s and %s", describe(first), describe(second))
			}
			synctest.Wait()
			if ends := r.ended(); len(ends) == 0 || ends[0] == nil {
				t.Errorf("got ends %v, want the connection dropped", ends)
			}
		})
	}
}

// TestNothingFollowsOnAConnectionThatEnds: neither where the source ends it,
// nor where the server has said that it carried enough.
func TestNothingFollowsOnAConnectionThatEnds(t *testing.T) {
	tests := []struct {
		name   string
		retire bool
		fault  func(smtptest.Event) *smtptest.Fault
		first  string
	}{
		{"retired by the source", true, nil, "DD"},
		{"enough for the server", false, smtptest.Rules(smtptest.Rule{
			Conn: 1, Recipient: "2@x.test", Fault: reply("452 4.7.0 too many messages on this connection"),
		}), "DL"},
	}
	for _, tt := range tests {
		bubble(t, tt.name, func(t *testing.T) {
			r := newRig(t, smtptest.Config{Fault: tt.fault}, pool.Config{})
			defer r.close()
			first, second := newJob("a", "1@x.test", "2@x.test"), newJob("b", "3@x.test")
			r.push(turn{first.ready(), tt.retire}, second.turn())
			r.open()
			if got := first.wait(t); fates(got) != tt.first {
				t.Errorf("got %s, want %s", describe(got), tt.first)
			}
			if got := second.wait(t); fates(got) != "D" || got.Ordinal != 1 {
				t.Errorf("the next: ordinal %d, %s", got.Ordinal, describe(got))
			}
			if ends := r.ended(); len(ends) != 1 || ends[0] != nil {
				t.Errorf("got ends %v, want one QUIT", ends)
			}
		})
	}
}

// TestCloseAsksForNoMore closes the pool while the next delivery is asked for.
func TestCloseAsksForNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, smtptest.Config{}, pool.Config{})
		defer r.close()
		first := newJob("a", "1@x.test")
		r.push(first.turn())
		var taken []job
		first.follower = func() *pool.Delivery {
			go r.pool.Close()
			synctest.Wait()
			if len(taken) == 10 {
				return nil
			}
			taken = append(taken, newJob("b", "2@x.test"))
			return taken[len(taken)-1].ready()
		}
		r.open()
		if got := first.wait(t); fates(got) != "L" || !errors.Is(got.Recipients[0].Err, pool.ErrClosed) {
			t.Errorf("got %s", describe(got))
		}
		if len(taken) > 1 {
			t.Errorf("%d deliveries were taken after Close, want 1 at most", len(taken))
		}
		for _, j := range taken {
			if got := j.wait(t); fates(got) != "L" || got.Ordinal != 0 {
				t.Errorf("ordinal %d: %s", got.Ordinal, describe(got))
			}
		}
	})
}

// TestCancelWhileTheFollowerIsAskedFor withdraws a delivery while the one behind
// it is asked for: its dot has not been sent and never is.
func TestCancelWhileTheFollowerIsAskedFor(t *testing.T) {
	for name, follows := range map[string]bool{"none follows": false, "one follows": true} {
		bubble(t, name, func(t *testing.T) {
			r := newRig(t, smtptest.Config{}, pool.Config{})
			defer r.close()
			first, second := newJob("a", "1@x.test"), newJob("b", "2@x.test")
			r.push(first.turn())
			sent := false
			first.follower = func() *pool.Delivery {
				sent = first.Cancel()
				if follows {
					return second.ready()
				}
				return nil
			}
			r.open()
			got := first.wait(t)
			if sent || fates(got) != "L" || !errors.Is(got.Recipients[0].Err, pool.ErrCancelled) {
				t.Errorf("got %s, and Cancel said %v", describe(got), sent)
			}
			if follows {
				if got := second.wait(t); got.Ordinal != 0 && !got.NotAttempted || fates(got) != "L" {
					t.Errorf("the follower: ordinal %d, %s", got.Ordinal, describe(got))
				}
			}
			if n := r.server.Stats().Messages; n != 0 {
				t.Errorf("%d messages were sent", n)
			}
		})
	}
}

// TestCancelOfAFollowerWhoseEnvelopeIsOut withdraws a delivery whose envelope is written
// behind a dot that is not answered yet. The server waits for its message then, so the
// connection ends, and what comes next goes on another.
func TestCancelOfAFollowerWhoseEnvelopeIsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, smtptest.Config{ServiceTime: 500 * time.Millisecond}, pool.Config{})
		defer r.close()
		warm, first, second, third := newJob("w", "0@x.test"), newJob("a", "1@x.test"), newJob("b", "2@x.test"), newJob("c", "3@x.test")
		second.rcptsWritten = func() {
			time.AfterFunc(100*time.Millisecond, func() {
				if second.Cancel() {
					t.Error("Cancel says it was sent")
				}
			})
		}
		r.push(warm.turn(), first.turn(), second.turn(), third.turn())
		r.open()
		if got := warm.wait(t); fates(got) != "D" {
			t.Errorf("before all: %s", describe(got))
		}
		if got := first.wait(t); fates(got) != "D" {
			t.Errorf("the one before: %s", describe(got))
		}
		if got := second.wait(t); fates(got) != "L" || !errors.Is(got.Recipients[0].Err, pool.ErrCancelled) {
			t.Errorf("the one withdrawn: %s", describe(got))
		}
		if got := third.wait(t); fates(got) != "D" || got.Ordinal != 1 {
			t.Errorf("the next: ordinal %d, %s", got.Ordinal, describe(got))
		}
		if got := r.server.Stats(); got.Messages != 3 || got.Connections != 2 {
			t.Errorf("%d messages on %d connections, want 3 on 2", got.Messages, got.Connections)
		}
		if ends := r.ended(); len(ends) != 1 || !errors.Is(ends[0], pool.ErrCancelled) {
			t.Errorf("got ends %v, want one that blames no server", ends)
		}
	})
}
