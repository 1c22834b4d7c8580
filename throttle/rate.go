package throttle

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Rate is the rate of a token bucket. The bucket holds Burst tokens, is full at
// first and gains Count tokens in every Per. So at most Count+Burst-1 events
// happen in any half-open period of length Per.
//
// A Burst of zero means 1: the events are evenly spaced. The zero Rate is no
// rate: nothing is limited by it. In text a Rate is "50/s", "3/10s" or
// "1000/h burst 10".
type Rate struct {
	Count int
	Per   time.Duration
	Burst int
}

// readRate reads the text of a rate; an empty one is an error.
func readRate(text string) (Rate, error) {
	r, err := parseRate(text)
	if err != nil {
		return Rate{}, fmt.Errorf("throttle: rate %q: %w", text, err)
	}
	return r, nil
}

func parseRate(text string) (Rate, error) {
	var r Rate
	fields := strings.Fields(text)
	if last := len(fields) - 1; last > 0 && fields[last-1] == "burst" {
		n, err := strconv.Atoi(fields[last])
		if err != nil || n < 1 {
			return Rate{}, fmt.Errorf("burst %q is not a whole number from 1", fields[last])
		}
		r.Burst = n
		fields = fields[:last-1]
	}
	var err error
	if r.Count, r.Per, err = parseCountPer(strings.Join(fields, " ")); err != nil {
		return Rate{}, fmt.Errorf(`%w; want a rate such as "50/s" or "1000/h burst 10"`, err)
	}
	return r, nil
}

// String returns the text that UnmarshalText reads. It is empty for the zero
// Rate.
func (r Rate) String() string {
	if r == (Rate{}) {
		return ""
	}
	text := formatCountPer(r.Count, r.Per)
	if r.Burst != 0 {
		text += " burst " + strconv.Itoa(r.Burst)
	}
	return text
}

// MarshalText returns what String does. An invalid Rate is an error.
func (r Rate) MarshalText() ([]byte, error) {
	if err := r.validate(); err != nil {
		return nil, fmt.Errorf("throttle: rate: %w", err)
	}
	return []byte(r.String()), nil
}

// UnmarshalText reads a whole number, a slash and a period, then optionally the
// word burst and a whole number. The period is one of ms, s, m, h and d (24
// hours), with a number before it unless that is 1, or any duration above 0 that
// time.ParseDuration reads. Spaces around the parts do not matter. An empty text
// is the zero Rate. An error leaves r as it was.
func (r *Rate) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*r = Rate{}
		return nil
	}
	parsed, err := readRate(string(text))
	if err == nil {
		*r = parsed
	}
	return err
}

// validate returns the mistakes of r, joined: a negative field, a Count without
// Per, or a Per or Burst without Count.
func (r Rate) validate() error { return errors.Join(r.mistakes("")...) }

// mistakes returns the errors that validate joins. Each begins with the name of
// its field, after the given prefix.
func (r Rate) mistakes(of string) []error {
	errs := mistakesOf(of, r.Count, r.Per)
	if r.Burst < 0 {
		errs = append(errs, fmt.Errorf("%sBurst is %d: want a number from 1, or 0 for 1", of, r.Burst))
	}
	if r.Burst > 0 && r.Count == 0 && r.Per == 0 {
		errs = append(errs, fmt.Errorf("%sBurst is %d but there is no rate: want Count and Per as well", of, r.Burst))
	}
	return errs
}

// burst returns the number of events that may happen at once.
func (r Rate) burst() int { return max(r.Burst, 1) }

// mistakesOf returns the mistakes of the fields that a Rate and a Quota share.
func mistakesOf(of string, count int, per time.Duration) []error {
	var errs []error
	if count < 0 {
		errs = append(errs, fmt.Errorf("%sCount is %d: want a number from 1, or 0 for none", of, count))
	}
	if per < 0 {
		errs = append(errs, fmt.Errorf("%sPer is %v: want a duration above 0", of, per))
	}
	if count > 0 && per == 0 {
		errs = append(errs, fmt.Errorf("%sCount is %d but Per is 0: want the duration that it is counted over", of, count))
	}
	if count == 0 && per > 0 {
		errs = append(errs, fmt.Errorf("%sPer is %v but Count is 0: want how many may go in it", of, per))
	}
	return errs
}

// units are the periods that have a name, the longest first.
var units = []struct {
	name string
	per  time.Duration
}{
	{"d", day},
	{"h", time.Hour},
	{"m", time.Minute},
	{"s", time.Second},
	{"ms", time.Millisecond},
}

const (
	day     = 24 * time.Hour
	maxDays = int(math.MaxInt64 / day) // more are no Duration
)

// parseCountPer reads "50/s" and "3/10s".
func parseCountPer(text string) (int, time.Duration, error) {
	number, period, found := strings.Cut(text, "/")
	if !found {
		return 0, 0, errors.New("there is no slash")
	}
	number, period = strings.TrimSpace(number), strings.TrimSpace(period)
	count, err := strconv.Atoi(number)
	if err != nil || count < 1 {
		return 0, 0, fmt.Errorf("count %q is not a whole number from 1", number)
	}
	per, ok := parsePeriod(period)
	if !ok {
		return 0, 0, fmt.Errorf("period %q is none of ms, s, m, h, d or so many of them", period)
	}
	return count, per, nil
}

// parsePeriod reads a unit, alone or with a number before it.
func parsePeriod(text string) (per time.Duration, ok bool) {
	if text != "" && !strings.ContainsRune("+-.0123456789", rune(text[0])) {
		text = "1" + text
	}
	if number, found := strings.CutSuffix(text, "d"); found {
		days, err := strconv.Atoi(number)
		return time.Duration(days) * day, err == nil && days > 0 && days <= maxDays
	}
	per, err := time.ParseDuration(text)
	return per, err == nil && per > 0
}

// formatCountPer returns the text that parseCountPer reads.
func formatCountPer(count int, per time.Duration) string {
	period := per.String()
	for _, u := range units {
		if per == u.per {
			period = u.name
			break
		}
		if per%u.per == 0 {
			period = strconv.FormatInt(int64(per/u.per), 10) + u.name
			break
		}
	}
	return strconv.Itoa(count) + "/" + period
}

// Quota is a number of messages in a long period: at most Count in any period of
// length Per, whenever it begins. Unlike a Rate, a Quota does not space messages:
// all may go at once, and then none before Per has passed since the first.
//
// The zero Quota limits nothing. In text a Quota is "1000/d" or "500/6h".
type Quota struct {
	Count int
	Per   time.Duration
}

// readQuota reads the text of a quota; an empty one is an error.
func readQuota(text string) (Quota, error) {
	q, err := parseQuota(text)
	if err != nil {
		return Quota{}, fmt.Errorf("throttle: quota %q: %w", text, err)
	}
	return q, nil
}

func parseQuota(text string) (Quota, error) {
	count, per, err := parseCountPer(text)
	if err != nil {
		return Quota{}, fmt.Errorf(`%w; want a quota such as "1000/d" or "500/6h"`, err)
	}
	return Quota{Count: count, Per: per}, nil
}

// String returns the text that UnmarshalText reads. It is empty for the zero
// Quota.
func (q Quota) String() string {
	if q == (Quota{}) {
		return ""
	}
	return formatCountPer(q.Count, q.Per)
}

// MarshalText returns what String does. An invalid Quota is an error.
func (q Quota) MarshalText() ([]byte, error) {
	if err := q.validate(); err != nil {
		return nil, fmt.Errorf("throttle: quota: %w", err)
	}
	return []byte(q.String()), nil
}

// UnmarshalText reads what that of Rate does, without a burst. An empty text is
// the zero Quota. An error leaves q as it was.
func (q *Quota) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*q = Quota{}
		return nil
	}
	parsed, err := readQuota(string(text))
	if err == nil {
		*q = parsed
	}
	return err
}

// validate returns the mistakes of q, joined: a negative field, or one of Count
// and Per without the other.
func (q Quota) validate() error { return errors.Join(q.mistakes("")...) }

func (q Quota) mistakes(of string) []error { return mistakesOf(of, q.Count, q.Per) }
