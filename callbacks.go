package smtpace

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"

	"github.com/smtpace/smtpace/internal/finite"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
)

// callback is a function of the user's that the Sender calls.
type callback uint8

const (
	callDone callback = iota
	callAccepted
	callTry
	callSettled
	callReply
	callOpened
	callClosed
	callLimit
	callRouter
	callLogger
	callDialer
	callCredentials
	callMemory
	callbackCount
)

// callbackNames are the texts for errors.
var callbackNames = [callbackCount]string{
	"a done function", "Observer.Accepted", "Observer.Try", "Observer.Settled", "Observer.Reply", "Observer.Opened",
	"Observer.Closed", "Observer.Limit", "Config.Router", "the handler of Config.Logger", "Relay.DialContext",
	"Relay.Credentials", "Memory.Save",
}

// callbacks counts the calls of the user's functions, so that Shutdown and Close
// can name one that does not return.
type callbacks struct {
	running [callbackCount]atomic.Int64 // number of calls that have not returned
	ended   atomic.Uint64               // number of calls that have
}

// enter counts a call.
func (c *callbacks) enter(k callback) { c.running[k].Add(1) }

// leave counts the end of a call.
func (c *callbacks) leave(k callback) {
	c.running[k].Add(-1)
	c.ended.Add(1)
}

// names returns the names of the functions that have not returned.
func (c *callbacks) names() (names []string) {
	for k := range c.running {
		if c.running[k].Load() > 0 {
			names = append(names, callbackNames[k])
		}
	}
	return names
}

// unlessPanicking calls f, unless it is deferred and a panic has come: a panic is to end
// the program at once, and f may wait for what the panicking function holds.
func unlessPanicking(f func()) {
	if p := recover(); p != nil {
		panic(p)
	}
	f()
}

// forEach calls f for every element. When a function of the user's ends the goroutine,
// the others come all the same.
func forEach[T any](all []T, f func(T)) {
	i := 0
	rest := func() {
		for i < len(all) {
			i++
			f(all[i-1])
		}
	}
	defer unlessPanicking(func() {
		for i < len(all) {
			apart(rest)
		}
	})
	rest()
}

// apart calls f on a goroutine of its own, and returns when that has ended.
func apart(f func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f()
	}()
	<-ended
}

// unpanicked returns the error of a function of the user's. Its panic becomes an error
// that names it. An error whose chain has no end is cut.
func unpanicked(name string, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("smtpace: %s has panicked: %v", name, p)
		}
	}()
	return finite.Error(f())
}

// counted returns f with its calls counted; nil for nil.
func counted[T any](c *callbacks, k callback, f func(T)) func(T) {
	if f == nil {
		return nil
	}
	return func(v T) {
		c.enter(k)
		defer c.leave(k)
		f(v)
	}
}

// accepted returns f with its calls counted; nil for nil.
func (c *callbacks) accepted(f func(context.Context, Acceptance)) func(context.Context, Acceptance) {
	if f == nil {
		return nil
	}
	return func(ctx context.Context, a Acceptance) {
		c.enter(callAccepted)
		defer c.leave(callAccepted)
		f(ctx, a)
	}
}

// observer returns an Observer whose calls are counted.
func (c *callbacks) observer(o Observer) Observer {
	return Observer{
		Accepted: c.accepted(o.Accepted), Try: counted(c, callTry, o.Try), Settled: counted(c, callSettled, o.Settled),
		Reply: counted(c, callReply, o.Reply), Opened: counted(c, callOpened, o.Opened), Closed: counted(c, callClosed, o.Closed),
		Limit: counted[throttle.Change](c, callLimit, o.Limit),
	}
}

// endpoint returns the settings of a connection whose functions are counted.
func (c *callbacks) endpoint(e pool.Endpoint) pool.Endpoint {
	if dial := e.DialContext; dial != nil {
		e.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			c.enter(callDialer)
			defer c.leave(callDialer)
			return dial(ctx, network, addr)
		}
	}
	if credentials := e.Credentials; credentials != nil {
		e.Credentials = func(ctx context.Context) (user, secret string, err error) {
			c.enter(callCredentials)
			defer c.leave(callCredentials)
			return credentials(ctx)
		}
	}
	return e
}
