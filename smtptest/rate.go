package smtptest

import (
	"fmt"
	"time"
)

// Rate is how many events a server allows over time. The zero Rate allows all.
//
// It is a token bucket that lets at most Count + Burst - 1 events pass in any
// Per; or, with Window, a counter that starts at the first event and anew when
// Per has passed, as the one of Postfix does; or, with Sliding, a log that lets
// at most Count pass in any Per. At most one of Window and Sliding may be set.
type Rate struct {
	Count   int           // events; 0: no limit
	Per     time.Duration // 0: one second
	Burst   int           // size of the bucket; 0: 1
	Window  bool          // count in fixed windows; events that were refused count as well, Burst does not apply
	Sliding bool          // count in a window that moves; events that were refused do not count, Burst does not apply
	Reply   string        // the whole reply to an event too many; "": what Postfix says. A 421 also closes
}

// validate says what is wrong with a Rate of something.
func (r Rate) validate(where string) (errs []error) {
	if r.Count < 0 || r.Per < 0 || r.Burst < 0 {
		errs = append(errs, fmt.Errorf("smtptest: a Rate of %s is %d per %v, burst %d; none may be negative", where, r.Count, r.Per, r.Burst))
	}
	if r.Window && r.Sliding {
		errs = append(errs, fmt.Errorf("smtptest: a Rate of %s has both Window and Sliding; at most one is needed", where))
	}
	return errs
}

// meter counts the events under one Rate. The zero meter is ready for use; it
// is guarded by its owner's mutex.
type meter struct {
	due   time.Time   // bucket: when it would be full again, one event's worth back
	start time.Time   // window: when it began
	count int         // window: events so far
	log   []time.Time // sliding: the events that count, the oldest first
}

// admit counts one event at now and reports whether the rate allows it.
func (m *meter) admit(r Rate, now time.Time) bool {
	if r.Count == 0 {
		return true
	}
	per := r.Per
	if per == 0 {
		per = time.Second
	}
	if r.Window {
		return m.inWindow(now, per) <= r.Count
	}
	if r.Sliding {
		return m.slide(r, now, per)
	}
	// The theoretical arrival time (GCRA) needs one time stamp and no
	// fractions. The interval is rounded down, in favour of the client.
	interval := per / time.Duration(r.Count)
	slack := interval * time.Duration(max(r.Burst, 1)-1)
	if m.due.Sub(now) > slack {
		return false
	}
	if m.due.Before(now) {
		m.due = now
	}
	m.due = m.due.Add(interval)
	return true
}

// inWindow counts one event and returns how many the window now holds.
func (m *meter) inWindow(now time.Time, per time.Duration) int {
	if m.count == 0 || now.Sub(m.start) >= per {
		m.start, m.count = now, 0
	}
	m.count++
	return m.count
}

// slide counts one event if less than Count happened within the last Per.
func (m *meter) slide(r Rate, now time.Time, per time.Duration) bool {
	old := 0
	for old < len(m.log) && now.Sub(m.log[old]) >= per {
		old++
	}
	m.log = m.log[old:]
	if len(m.log) >= r.Count {
		return false
	}
	m.log = append(m.log, now)
	return true
}
