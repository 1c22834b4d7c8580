package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// connections is the number of connections that a rate is measured over.
	connections = 4
	// farTrip is the round trip of the proxy.
	farTrip = 20 * time.Millisecond
)

// target is a server, near or behind a proxy.
type target struct {
	name string
	addr string
	trip time.Duration
	own  *receiver // nil if it is not ours
}

// speed measures all targets and writes the table.
func speed(s settings, stdout, stderr io.Writer) (err error) {
	own, err := newReceiver(policy{})
	if err != nil {
		return err
	}
	defer own.close()
	targets := []target{{"bare receiver", own.addr(), 0, own}}
	real, err := startPostfix()
	switch {
	case errors.Is(err, errNoPostfix):
		fmt.Fprintln(stdout, err)
	case err != nil:
		return err
	default:
		defer real.close()
		targets = slices.Insert(targets, 0, target{"Postfix " + real.version, real.addr, 0, nil})
	}
	for _, t := range slices.Clone(targets) {
		p, err := newProxy(t.addr, farTrip/2, s.quick)
		if err != nil {
			return err
		}
		defer p.close()
		targets = append(targets, target{t.name, p.addr(), farTrip, t.own})
	}
	return speedTable(targets, s, stdout, stderr)
}

// letters are those that are sent to each target.
var letters = []struct {
	name string
	*letter
}{
	{"1 KiB, 1 rcpt", newLetter(1<<10, 1)},
	{"1 KiB, 10 rcpt", newLetter(1<<10, 10)},
	{"50 KiB, 1 rcpt", newLetter(50<<10, 1)},
}

func speedTable(targets []target, s settings, stdout, stderr io.Writer) error {
	fmt.Fprintf(stdout, "Messages per second over %d busy connections, and as a ratio to DATA in the same round (median, least and most of %d); milliseconds of one message on a connection that rests\n\n", connections, s.rounds)
	fmt.Fprint(stdout, "| receiver | round trip | message |")
	for _, w := range ways {
		fmt.Fprintf(stdout, " %s |", w.name)
	}
	fmt.Fprint(stdout, " one message: DATA | BDAT |\n| --- | --- | --- |")
	for range len(ways) + 2 {
		fmt.Fprint(stdout, " ---: |")
	}
	fmt.Fprintln(stdout)
	for i, t := range targets {
		fmt.Fprintf(stderr, "%d/%d: %s, %d ms\n", i+1, len(targets), t.name, t.trip.Milliseconds())
		for _, l := range letters {
			c, err := measure(t, l.letter, s)
			if err != nil {
				return fmt.Errorf("%s, %v, %s: %w", t.name, t.trip, l.name, err)
			}
			fmt.Fprintf(stdout, "| %s | %d ms | %s |%s\n", t.name, t.trip.Milliseconds(), l.name, c.row())
		}
	}
	return nil
}

// cell holds the measurements of one row of the table.
type cell struct {
	rates [][]float64 // messages per second, by way and round
	times [2][]float64
}

// row writes the entries of a cell.
func (c cell) row() string {
	text := fmt.Sprintf(" %.0f |", median(c.rates[0]))
	for _, rates := range c.rates[1:] {
		ratios := slices.Clone(rates)
		for i := range ratios {
			ratios[i] /= c.rates[0][i]
		}
		text += fmt.Sprintf(" %.0f, %.2fx (%.2f-%.2f) |", median(rates), median(ratios), slices.Min(ratios), slices.Max(ratios))
	}
	return text + fmt.Sprintf(" %.2f | %.2f |", median(c.times[0]), median(c.times[1]))
}

// median returns the middle of some values, or the mean of the two in the
// middle.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// measure opens connections, warms them up and has the ways take turns on them,
// so that what else the machine does meets them alike.
func measure(t target, l *letter, s settings) (c cell, err error) {
	var all [connections]*sender
	var before int64
	if t.own != nil {
		before = t.own.stored.Load()
	}
	for i := range all {
		one, err := dial(t.addr, l, s.quick)
		if err != nil {
			return c, err
		}
		defer one.conn.Close()
		all[i] = one
	}
	c.rates = make([][]float64, len(ways))
	if _, err := rate(all[:], ways[0], t.trip); err != nil { // warms up
		return c, err
	}
	for range s.rounds {
		for i, w := range ways {
			rate, err := rate(all[:], w, t.trip)
			if err != nil {
				return c, fmt.Errorf("%s: %w", w.name, err)
			}
			c.rates[i] = append(c.rates[i], rate)
		}
	}
	if err := c.single(all[0], t.trip); err != nil {
		return c, err
	}
	return c, finish(all[:], t.own, before)
}

// finish ends the connections and compares what they were told with what the
// receiver counted.
func finish(all []*sender, own *receiver, before int64) error {
	var told int64
	for _, s := range all {
		told += int64(s.stored)
		if err := s.close(); err != nil {
			return fmt.Errorf("closing: %w", err)
		}
	}
	if own != nil && own.stored.Load()-before != told {
		return fmt.Errorf("the receiver stored %d messages, and confirmed %d", own.stored.Load()-before, told)
	}
	return nil
}

// enough is the least number of messages for a rate: a busy machine may stop
// for longer than a span.
const enough = 3 * connections

// rate counts the messages that are confirmed in a span, or in several if those
// are few, after the senders have got going.
func rate(all []*sender, w way, trip time.Duration) (float64, error) {
	var confirmed atomic.Int64
	var stop atomic.Bool
	var wg sync.WaitGroup
	errs := make([]error, len(all))
	for i, s := range all {
		s.confirmed = func() { confirmed.Add(1) }
		wg.Go(func() { errs[i] = s.run(w, func() bool { return !stop.Load() }) })
	}
	settle, span := 10*time.Millisecond, 80*time.Millisecond
	if trip > 0 {
		settle, span = 2*trip, 6*trip
	}
	time.Sleep(settle)
	start, from := time.Now(), confirmed.Load()
	var count int64
	for count < enough && time.Since(start) < patience {
		time.Sleep(span)
		count = confirmed.Load() - from
	}
	took := time.Since(start)
	stop.Store(true)
	wg.Wait()
	return float64(count) / took.Seconds(), errors.Join(errs...)
}

// single measures what one message takes on a connection that rests, with DATA
// and BDAT in turn.
func (c *cell) single(s *sender, trip time.Duration) error {
	s.confirmed = nil
	samples := 9
	if trip == 0 {
		samples = 31
	}
	for range samples {
		for i, w := range ways[:2] {
			start := time.Now()
			if err := s.run(w, once()); err != nil {
				return fmt.Errorf("one message, %s: %w", w.name, err)
			}
			c.times[i] = append(c.times[i], float64(time.Since(start))/float64(time.Millisecond))
		}
	}
	return nil
}

// once says that there is one message.
func once() func() bool {
	said := false
	return func() bool {
		defer func() { said = true }()
		return !said
	}
}
