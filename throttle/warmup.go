package throttle

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// WarmUp limits the mail to a destination that does not know the sender's
// address yet: to a number of messages a day, more every day, and to a part of
// it in an hour. It is a ceiling beside those of Limits, and the learned pace
// stays below both. Days of 24 hours and hours of 60 minutes count from Start.
//
// Give either Table or First, Factor and Last. After the last day there is no
// ceiling. The zero WarmUp is none. The numbers sent are part of a snapshot,
// which must be kept across restarts; see [Scheduler.Snapshot].
type WarmUp struct {
	Start time.Time // the beginning of the first day; before it nothing goes

	// Table has the ceiling of each day, beginning with the first.
	Table []int
	// First is the ceiling of the first day, and every further one has Factor
	// times as much as the one before, rounded down, until that would be Last
	// or more: then the warm-up is over. Factor is above 1.
	First  int
	Factor float64
	Last   int

	// Hours spreads a day: no hour gets more than the day's ceiling divided by
	// it, rounded up. Zero is 12, so that a day's mail takes half a day at
	// least; 24 is an even flow, and 1 leaves hours alone.
	Hours int
	// Refuse has what is more than today's ceiling refused, see [Job.Newcomer],
	// rather than wait for tomorrow.
	Refuse bool
}

// defaultHours replaces a WarmUp.Hours of zero.
const defaultHours = 12

// longestWarmUp is the most days that a WarmUp may take: ten years.
const longestWarmUp = 3650

// validate reports all that is wrong with w.
func (w WarmUp) validate() error {
	var errs []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(w.Start.IsZero(), "Start is zero: want the time at which the first day begins")
	wrong(w.Hours < 0 || w.Hours > 24, "Hours is %d: want 1 to 24, or 0 for %d", w.Hours, defaultHours)
	wrong(len(w.Table) > longestWarmUp, "Table has %d days: want %d at most", len(w.Table), longestWarmUp)
	for i, n := range w.Table {
		wrong(n < 1, "Table: day %d has %d: want a number from 1", i+1, n)
	}
	growing := w.First != 0 || w.Factor != 0 || w.Last != 0
	wrong(len(w.Table) > 0 && growing, "Table is given, and First, Factor or Last as well: want one or the other")
	if len(w.Table) > 0 {
		return errors.Join(errs...)
	}
	wrong(w.First < 1, "First is %d: want a number from 1, or a Table", w.First)
	wrong(!(w.Factor > 1) || math.IsInf(w.Factor, 0), "Factor is %v: want a number above 1", w.Factor)
	wrong(w.Last < w.First, "Last is %d: want First, %d, or more", w.Last, w.First)
	if len(errs) == 0 {
		days := math.Log(float64(w.Last)/float64(w.First)) / math.Log(w.Factor)
		wrong(days > longestWarmUp, "it takes %.0f days: want %d at most", days, longestWarmUp)
	}
	return errors.Join(errs...)
}

// Ceilings returns the numbers of messages that the day and the hour of now
// allow. ok is false when there is no ceiling any more.
func (w WarmUp) Ceilings(now time.Time) (day, hour int, ok bool) {
	n := dayOf(now.Sub(w.Start))
	switch {
	case now.Before(w.Start):
		return 0, 0, true
	case len(w.Table) > 0:
		if n >= len(w.Table) {
			return 0, 0, false
		}
		day = w.Table[n]
	default:
		ceiling := float64(w.First) * math.Pow(w.Factor, float64(n))
		if !(ceiling < float64(w.Last)) {
			return 0, 0, false
		}
		day = int(ceiling)
	}
	hours := w.Hours
	if hours == 0 {
		hours = defaultHours
	}
	return day, (day + hours - 1) / hours, true
}

func dayOf(since time.Duration) int  { return int(since / day) }
func hourOf(since time.Duration) int { return int(since / time.Hour) }

// warmUpMeter enforces a WarmUp. What is taken counts until it is written or
// released.
type warmUpMeter struct {
	plan            *WarmUp
	day, hour       int // the last day and hour in which something was written
	today, thisHour int // messages written in these
	reserved        int
}

// roll begins a new day or hour.
func (w *warmUpMeter) roll(now time.Time) {
	since := now.Sub(w.plan.Start)
	if h := hourOf(since); h > w.hour {
		w.hour, w.thisHour = h, 0
	}
	if d := dayOf(since); d > w.day {
		w.day, w.today = d, 0
	}
}

// at returns the time at which the next n may go.
func (w *warmUpMeter) at(now time.Time, n int) time.Time {
	if now.Before(w.plan.Start) {
		return w.plan.Start
	}
	w.roll(now)
	day24, hour, ok := w.plan.Ceilings(now)
	switch {
	case !ok:
		return now
	case w.today+w.reserved+n > day24:
		return w.plan.Start.Add(time.Duration(w.day+1) * day)
	case w.thisHour+w.reserved+n > hour:
		return w.plan.Start.Add(time.Duration(w.hour+1) * time.Hour)
	}
	return now
}

// left returns the number of messages that may still go today.
func (w *warmUpMeter) left(now time.Time) int {
	w.roll(now)
	day24, _, ok := w.plan.Ceilings(now)
	if !ok {
		return math.MaxInt
	}
	return max(day24-w.today-w.reserved, 0)
}

func (w *warmUpMeter) take(_ time.Time, n int) { w.reserved += n }

func (w *warmUpMeter) commit(now time.Time, n int) {
	w.reserved -= n
	w.roll(now)
	w.today += n
	w.thisHour += n
}

func (w *warmUpMeter) release(_ time.Time, n int) { w.reserved -= n }

func (w *warmUpMeter) accepted(time.Time, time.Time, int) bool { return false }
func (w *warmUpMeter) spaces() bool                            { return true }

func (w *warmUpMeter) explain(now time.Time) (string, time.Time) {
	return warmUpKind.name, w.at(now, 1)
}

func (w *warmUpMeter) record(time.Time) (meterRecord, bool) {
	return meterRecord{Warm: &warmUpRecord{Day: w.day, Hour: w.hour, Today: w.today + w.reserved, ThisHour: w.thisHour + w.reserved}}, w.today+w.reserved > 0
}

func (w *warmUpMeter) restore(now time.Time, r meterRecord, _ time.Duration) {
	if w.asNew(now) && r.Warm != nil {
		w.day, w.hour, w.today, w.thisHour = r.Warm.Day, r.Warm.Hour, r.Warm.Today, r.Warm.ThisHour
	}
}

// asNew reports whether nothing would be lost with w.
func (w *warmUpMeter) asNew(now time.Time) bool {
	w.roll(now)
	return w.today == 0 && w.reserved == 0
}

// admitsLocked reports whether the warm-up of a destination has room today for a message
// more than those that wait. It is true when messages may wait for another day, and for a
// destination without a warm-up.
func (s *Scheduler[T]) admitsLocked(now time.Time, name string) bool {
	plan, ok := s.cfg.WarmUps[name]
	if !ok || !plan.Refuse {
		return true
	}
	if d, ok := s.dests.get(name); ok {
		return int(d.queued) < d.meter(warmUpKind).(*warmUpMeter).left(now)
	}
	fresh := warmUpMeter{plan: &plan}
	s.restored.warm(now, name, &fresh)
	return fresh.left(now) > 0
}
