package smtpace

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Drain refuses new messages with ErrClosed and sends those that wait, further
// tries included, until none is left or ctx ends. Then it does as Shutdown, with
// 10 seconds for what is on the wire. SendAll takes no more from its sequence.
//
// It returns nil only if no recipient has ended as NotTried or GaveUp since it
// was called. Otherwise the error says how many have, and wraps the cause of ctx
// if that has ended. It may be called together with Shutdown and Close.
func (s *Sender) Drain(ctx context.Context) error {
	before := s.counters.total()
	s.registry.refuse()
	s.single.close()
	s.bulk.close()
	var cut error
	select {
	case <-s.registry.idle:
	case <-ctx.Done():
		cut = context.Cause(ctx)
	}
	gentle, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainGrace)
	defer cancel()
	err := s.Shutdown(gentle)
	after := s.counters.total()
	notTried, gaveUp := after.NotTried-before.NotTried, after.GaveUp-before.GaveUp
	if notTried+gaveUp == 0 {
		return err
	}
	left := fmt.Errorf("smtpace: Drain has left mail: %d recipients were not tried, %d were given up", notTried, gaveUp)
	return errors.Join(left, cut, err)
}

// drainGrace is the time that Drain gives to what is on the wire.
const drainGrace = 10 * time.Second

// Shutdown stops taking messages, lets every transaction finish, and settles all that
// waits as NotTried, or GaveUp when it was tried before, with ErrClosed. Drain sends
// what waits. When ctx ends before the transactions do, Shutdown does as Close and
// returns the cause of ctx. A ctx that has ended already cuts them at once; the one of
// signal.NotifyContext has ended after the signal.
//
// After Shutdown no goroutine, connection or timer of the Sender is left, but for
// goroutines inside functions of yours. It does not wait for the writer of a Msg, a
// Resolver, or the functions of a TLSConfig or SASL. For a
// done function, an Observer, the Router, the Logger, a DialContext, Credentials and a
// Memory it waits until ctx ends. The error names those that hang, and wraps
// ErrHanging. Calls that wait behind one are made when it returns. [Sender.Unreported]
// returns the Results that were not reported by then.
//
// Shutdown may be called more than once, and together with Drain and Close.
func (s *Sender) Shutdown(ctx context.Context) error {
	return s.end(ctx, func() error { return s.pool.Shutdown(ctx) })
}

// Close stops now: it cuts connections, and settles all that is not settled
// with ErrClosed, as Unknown where a final dot was sent without a reply. After
// it no goroutine, connection or timer of the Sender is left, as after Shutdown. It
// waits for functions of yours as long as calls of them keep returning: while less
// than 5,000 return in a second, for 5 seconds at most. When none returns for 80 ms,
// Close returns an error as Shutdown does. It may be called more than once, and
// together with Drain and Shutdown.
func (s *Sender) Close() error {
	return s.end(overContext, s.pool.Close)
}

// overContext is a context that has ended.
var overContext = func() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(ErrClosed)
	return ctx
}()

// end ends the Sender with a function that ends its connections. Once ctx has
// ended it does not wait for functions of the user's that hang.
func (s *Sender) end(ctx context.Context, endPool func() error) error {
	done, err := make(chan struct{}), error(nil)
	go func() {
		defer close(done)
		s.stop()
		err = endPool()
		<-s.registry.idle
		s.save()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		if hanging, ended := s.awaitProgress(done); !ended {
			return s.abandon(ctx, hanging)
		}
	}
	if s.callbacks.running[callRouter].Load() > 0 { // routing.stop has not waited for it
		err = errors.Join(err, s.hanging())
	}
	return err
}

// Once a context has ended, the Sender looks at its state every progressEvery. It gives
// up when a function of the user's runs and hangingLooks looks in a row find nothing
// changed, or mostLooks where none runs. While one runs it looks mostLooks times at most.
// Looks that find quickCalls or more returned do not count: a million waiting messages
// are a million calls.
const (
	progressEvery = 20 * time.Millisecond
	hangingLooks  = 4
	mostLooks     = 250
	quickCalls    = 100
)

// awaitProgress waits for done for as long as the user's functions return. It
// reports whether done was closed, and otherwise which of them have not returned,
// nil when none runs.
func (s *Sender) awaitProgress(done <-chan struct{}) (hanging error, ended bool) {
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	before := s.progress()
	for slow, unchanged, stuck := 0, 0, 0; ; {
		select {
		case <-done:
			return nil, true
		case <-tick.C:
		}
		unchanged++
		stuck++
		now, hanging := s.progress(), s.hanging()
		if now.calls-before.calls < quickCalls {
			slow++
		}
		if now != before {
			before, unchanged, stuck = now, 0, 0
		}
		if hanging == nil {
			stuck = 0
		}
		if stuck == hangingLooks || unchanged == mostLooks || hanging != nil && slow >= mostLooks {
			return hanging, false
		}
	}
}

// progress is a state of the calls of the user's functions and of the messages.
type progress struct {
	calls uint64 // number of calls that have returned
	open  int64  // number of messages that are not reported
}

// progress returns the present state.
func (s *Sender) progress() progress {
	return progress{s.callbacks.ended.Load(), s.registry.open.Load()}
}

// hanging returns an ErrHanging naming the functions of the user's that run; nil when
// none does.
func (s *Sender) hanging() error {
	names := s.callbacks.names()
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrHanging, strings.Join(names, ", "))
}

// abandon settles the messages that a hanging function of the user's has kept from
// being settled, and returns the error of Shutdown and Close. err names the functions
// that run; nil when none does.
func (s *Sender) abandon(ctx context.Context, err error) error {
	s.withdrawAll(true)
	if err == nil {
		err = fmt.Errorf("%w: a connection of Relay.DialContext does not close", ErrHanging)
	}
	if cause := context.Cause(ctx); cause != ErrClosed {
		err = errors.Join(cause, err)
	}
	return err
}

// stop refuses new messages and withdraws those that are not in a transaction.
func (s *Sender) stop() {
	s.registry.stop()
	s.sweeper.stop()
	s.refresher.stop()
	s.saver.stop()
	s.single.close()
	s.bulk.close()
	s.dispatcher.stop()
	s.routing.stop()
	s.cache.stop()
	s.renderers.stop()
	s.withdrawAll(false)
}

// withdrawAll withdraws all messages, by as many goroutines as there are
// processors: a million may wait.
func (s *Sender) withdrawAll(interrupt bool) {
	var wg sync.WaitGroup
	var next atomic.Int32
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			w := &withdrawal{why: ErrClosed, interrupt: interrupt, reasons: map[*path]error{}}
			for i := next.Add(1) - 1; i < expiryShards; i = next.Add(1) - 1 {
				for _, sub := range s.registry.shards[i].submissions() {
					sub.withdrawFor(w)
				}
			}
		})
	}
	wg.Wait()
}

// Unreported returns the Results that no done function was given, because one of
// your functions has not returned, and has them never be given. Call it after
// Drain, Shutdown or Close has returned an error that wraps ErrHanging. Results of
// messages without a done function are among them. It returns nil before Shutdown
// or Close was called.
func (s *Sender) Unreported() []*Result {
	if !s.isStopping() {
		return nil
	}
	var results []*Result
	s.registry.each(func(sub *Submission) {
		if r := sub.Result(); r != nil && s.registry.remove(sub) {
			results = append(results, r)
		}
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	for b := range s.batches {
		results = append(results, b.takeUnsent()...)
	}
	return results
}
