package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/smtpace/smtpace"
)

// wait queues o.n messages at a relay that greets nobody, asks once, and
// prints how long that took.
func (o options) wait(ctx context.Context) error {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer silent.Close()
	o.addr = silent.Addr().String()
	s, err := o.sender()
	if err != nil {
		return err
	}
	defer s.Close()
	if err := o.fill(ctx, s); err != nil {
		return err
	}
	asked := map[string]func() error{
		"Stats":    func() error { s.Stats(); return nil },
		"Snapshot": func() error { _, err := s.Snapshot(); return err },
		"Explain":  func() error { s.Explain("d0.example"); return nil },
		"Close":    s.Close,
	}[o.ask]
	if asked == nil {
		return fmt.Errorf("-ask %q: want Stats, Snapshot, Explain or Close", o.ask)
	}
	reset()
	start := time.Now()
	err = asked()
	took := time.Since(start)
	report(o.n)
	fmt.Printf("%d messages waiting, %d destinations: %s took %.1f ms\n",
		o.n, o.destinations, o.ask, float64(took.Microseconds())/1e3)
	return err
}

// fill submits the messages, to o.destinations domains in turn.
func (o options) fill(ctx context.Context, s *smtpace.Sender) error {
	m := rendered(1, 1<<10)
	ignore := func(*smtpace.Result) {}
	for i := range o.n {
		m.To = []string{fmt.Sprintf("r@d%d.example", i%o.destinations)}
		if err := submit(ctx, s, m, ignore); err != nil {
			return fmt.Errorf("message %d: %w", i, err)
		}
	}
	return nil
}

func submit(ctx context.Context, s *smtpace.Sender, m smtpace.Message, done func(*smtpace.Result)) error {
	_, err := s.Submit(ctx, m, done)
	return err
}
