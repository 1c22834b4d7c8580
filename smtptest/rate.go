package smtptest

import "time"

// Rate is how many events a server allows over time. The zero Rate allows all.
//
// It is a token bucket that lets at most Count + Burst - 1 events pass in any
// Per, or, with Window, a counter that starts at the first event and anew when
// Per has passed, as the one of Postfix does.
type Rate struct {
	Count  int           // events; 0: no limit
	Per    time.Duration // 0: one second
	Burst  int           // size of the bucket; 0: 1
	Window bool          // count in fixed windows; events that were refused count as well, Burst does not apply
	Reply  string        // the whole reply to an event too many; "": what Postfix says. A 421 also closes
}

// meter counts the events under one Rate. The zero meter is ready for use; it
// is guarded by its owner's mutex.
type meter struct {
	due   time.Time // bucket: when it would be full again, one event's worth back
	start time.Time // window: when it began
	count int       // window: events so far
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
