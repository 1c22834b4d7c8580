package throttle

import (
	"errors"
	"fmt"
	"time"
)

// Quota is a number of messages in a long period: at most Count in any period of
// length Per, whenever it begins. Unlike a Rate, a Quota does not space messages:
// all may go at once, and then none before Per has passed since the first.
//
// The zero Quota limits nothing. In text a Quota is "1000/d" or "500/6h".
type Quota struct {
	Count int
	Per   time.Duration
}

// ParseQuota reads a quota: what ParseRate reads, without a burst.
func ParseQuota(text string) (Quota, error) {
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

// String returns the text that ParseQuota reads; it is empty for the zero
// Quota.
func (q Quota) String() string {
	if q.IsZero() {
		return ""
	}
	return formatCountPer(q.Count, q.Per)
}

// MarshalText returns what String does, or the error of Validate.
func (q Quota) MarshalText() ([]byte, error) {
	if err := q.Validate(); err != nil {
		return nil, fmt.Errorf("throttle: quota: %w", err)
	}
	return []byte(q.String()), nil
}

// UnmarshalText reads what ParseQuota does; an empty text is the zero Quota.
func (q *Quota) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*q = Quota{}
		return nil
	}
	parsed, err := ParseQuota(string(text))
	if err == nil {
		*q = parsed
	}
	return err
}

// IsZero reports whether q is no quota.
func (q Quota) IsZero() bool { return q == Quota{} }

// Validate returns the mistakes of q, joined: a negative field, or one of Count
// and Per without the other.
func (q Quota) Validate() error { return errors.Join(q.mistakes("")...) }

func (q Quota) mistakes(of string) []error { return mistakesOf(of, q.Count, q.Per) }
