package pool

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// connect connects to the first candidate that answers, and takes the tried ones off the
// list. Begun is the time of the dial. The error is that of the last one.
func (d *dialing) connect(ctx context.Context) (conn net.Conn, at netip.AddrPort, begun time.Time, err error) {
	for len(d.candidates) > 0 {
		if err != nil && !d.again() {
			break
		}
		at, d.candidates = d.candidates[0], d.candidates[1:]
		begun = time.Now()
		conn, at, err = d.hurry(ctx, at)
		if err == nil || ctx.Err() != nil || isLocal(err) {
			break
		}
		if timedOut(err) {
			d.silent += time.Since(begun)
		}
	}
	return conn, at, begun, err
}

// hurry connects to an address, and to the next beside it if there is no answer
// within the patience and the limits have a place for a second connection. The first
// connection wins. The other is closed before its greeting is read.
func (d *dialing) hurry(ctx context.Context, at netip.AddrPort) (net.Conn, netip.AddrPort, error) {
	most := d.dialTime()
	if len(d.candidates) == 0 || d.limiter == nil {
		conn, err := d.dialTo(ctx, at, most)
		return conn, at, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan dialed, 2)
	dial := func(at netip.AddrPort) {
		conn, err := d.dialTo(ctx, at, most)
		ended <- dialed{conn, at, err}
	}
	go dial(at)
	timer := time.NewTimer(d.known.patience())
	defer timer.Stop()
	select {
	case first := <-ended:
		return first.conn, first.at, first.err
	case <-timer.C:
	}
	if !d.limiter.DialBeside(d.conn) {
		first := <-ended
		return first.conn, first.at, first.err
	}
	defer d.limiter.DialedBeside(d.conn)
	second := d.candidates[0]
	d.candidates = d.candidates[1:]
	begun := time.Now()
	go dial(second)
	first := <-ended
	if first.err != nil { // it rests already
		first = <-ended
		return first.conn, first.at, first.err
	}
	cancel()
	if late := <-ended; late.err == nil {
		late.conn.Close()
		d.known.ended(late.at)
	}
	if first.at == second {
		d.known.failed(time.Now(), begun, at, true)
	} else {
		d.candidates = append([]netip.AddrPort{second}, d.candidates...)
	}
	return first.conn, first.at, nil
}

// dialed is the outcome of a dial.
type dialed struct {
	conn net.Conn
	at   netip.AddrPort
	err  error
}

// dialTime returns the time for one dial: Timeouts.Dial, and less while there are other
// addresses to try.
func (d *dialing) dialTime() time.Duration {
	if most := d.patience(); most > 0 {
		return min(d.pool.config.Timeouts.Dial, most)
	}
	return d.pool.config.Timeouts.Dial
}

// dialTo opens a raw connection to an address within a time. An address that does not
// answer rests.
func (d *dialing) dialTo(ctx context.Context, at netip.AddrPort, most time.Duration) (net.Conn, error) {
	begun := time.Now()
	d.known.begins(begun, at)
	within, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	conn, err := d.dialOnce(within, at)
	d.transcript.dialed(conn, err)
	switch now := time.Now(); {
	case err == nil:
		d.known.answers(now.Sub(begun))
	case ctx.Err() != nil || isLocal(err):
		d.known.ended(at)
	default:
		d.known.failed(now, begun, at, timedOut(err))
	}
	return conn, err
}

// dialOnce calls the dial function.
func (d *dialing) dialOnce(ctx context.Context, at netip.AddrPort) (net.Conn, error) {
	network, addr := d.target.network()
	if d.endpoint.DialContext != nil {
		d.transcript.event("dial %s %s by DialContext", network, addr)
		return called("DialContext", func() (net.Conn, error) { return d.endpoint.DialContext(ctx, network, addr) })
	}
	if at.IsValid() {
		addr = at.String()
	}
	d.transcript.event("dial %s %s", network, addr)
	return d.pool.dialContext(ctx, network, addr)
}
