package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"
)

// lossTrip is the round trip of connections that are lost.
const lossTrip = 10 * time.Millisecond

// scenario is a point at which connections are lost, with the policy of the
// receiver.
type scenario struct {
	name   string
	policy policy
	busy   bool // messages all the time, else one
	// The moment of the loss is even over this span, which begins with the
	// first byte of the first message.
	from, to time.Duration
}

var scenarios = []scenario{
	{"busy", policy{}, true, 3 * lossTrip, 6 * lossTrip},
	{"busy, each RCPT looked up for 20 ms", policy{lookup: 2 * lossTrip}, true, 3 * lossTrip, 9 * lossTrip},
	{"the same, replies before held back", policy{lookup: 2 * lossTrip, holds: true}, true, 3 * lossTrip, 9 * lossTrip},
	{"one message", policy{}, false, 0, 4 * lossTrip},
	{"one message, RCPT looked up for 20 ms", policy{lookup: 2 * lossTrip}, false, 0, 4 * lossTrip},
	{"one message, refused at RCPT", policy{refuses: "RCPT"}, false, 0, 4 * lossTrip},
}

// lossCount counts the messages that some losses have hit.
type lossCount struct {
	ambiguous int // messages written to the last byte and never answered
	stored    int // of those: a second try is a second copy
}

// ambiguity loses so many connections for each scenario and way, and writes a
// table.
func ambiguity(runs int, stdout io.Writer) error {
	fmt.Fprintf(stdout, "\nAmbiguous messages per 1,000 connections lost at a random moment (%d runs, round trip %v), and how many of them were stored\n\n| connection |", runs, lossTrip)
	for _, w := range ways {
		fmt.Fprintf(stdout, " %s |", w.name)
	}
	fmt.Fprintln(stdout, "\n| --- | ---: | ---: | ---: | ---: | ---: |")
	for _, sc := range scenarios {
		fmt.Fprintf(stdout, "| %s |", sc.name)
		for _, w := range ways {
			if !sc.busy && w.unanswered > 1 {
				fmt.Fprint(stdout, " |") // one message is BDAT 1
				continue
			}
			c, err := sc.lose(w, runs)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", sc.name, w.name, err)
			}
			fmt.Fprintf(stdout, " %d (%d) |", (c.ambiguous*1000+runs/2)/runs, (c.stored*1000+runs/2)/runs)
		}
		fmt.Fprintln(stdout)
	}
	return nil
}

// atOnce is the number of connections that are open at the same time, to save
// time.
const atOnce = 50

// lose makes so many runs.
func (sc scenario) lose(w way, runs int) (sum lossCount, err error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range atOnce {
		wg.Go(func() {
			c, failed := sc.some(w, (runs+i)/atOnce)
			mu.Lock()
			defer mu.Unlock()
			sum.ambiguous += c.ambiguous
			sum.stored += c.stored
			err = errors.Join(err, failed)
		})
	}
	wg.Wait()
	return sum, err
}

// some makes runs one after the other, with one receiver and one proxy.
func (sc scenario) some(w way, runs int) (sum lossCount, err error) {
	r, err := newReceiver(sc.policy)
	if err != nil {
		return sum, err
	}
	defer r.close()
	p, err := newProxy(r.addr(), lossTrip/2, false)
	if err != nil {
		return sum, err
	}
	defer p.close()
	l := newLetter(1<<10, 1)
	for range runs {
		s, err := dial(p.addr(), l, false)
		if err != nil {
			return sum, err
		}
		before := r.stored.Load()
		time.Sleep(rand.N(2 * lossTrip)) // or all would go in step
		if err := sc.once(w, s, p); err != nil {
			return sum, err
		}
		r.sessions.Wait()
		c, err := count(s, int(r.stored.Load()-before))
		if err != nil {
			return sum, err
		}
		sum.ambiguous += c.ambiguous
		sum.stored += c.stored
	}
	return sum, nil
}

// once sends until its connection is lost.
func (sc scenario) once(w way, s *sender, p *proxy) error {
	defer s.conn.Close()
	more := once()
	if sc.busy {
		more = func() bool { return true }
	}
	lost := make(chan struct{})
	loss := time.AfterFunc(sc.from+rand.N(sc.to-sc.from), func() {
		defer close(lost)
		p.lose()
	})
	err := s.run(w, more)
	if err == nil && sc.busy {
		err = errors.New("the connection was not lost")
	} else {
		err = nil
	}
	if !loss.Stop() {
		<-lost
	}
	p.lose()
	return err
}

// count compares what a sender knows with what was stored. Messages are stored
// in their order, so those that are not known to be are the last.
func count(s *sender, stored int) (c lossCount, err error) {
	c.ambiguous = s.out - s.stored
	if s.refused > 0 && c.ambiguous > 0 {
		c.ambiguous--
	}
	c.stored = stored - s.stored
	if c.stored < 0 || c.stored > c.ambiguous {
		return c, fmt.Errorf("%d messages were written and %d confirmed, but %d stored", s.out, s.stored, stored)
	}
	return c, nil
}
