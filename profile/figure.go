package profile

import (
	"errors"
	"fmt"
	"time"

	"github.com/smtpace/smtpace/throttle"
)

// Figure is what one source says about the limits of a receiver.
type Figure struct {
	// Limits are the ceilings that the source gives; zero fields are those it
	// says nothing about.
	Limits throttle.Limits
	// Note is what is worth knowing besides: who a limit applies to, limits
	// that no ceiling of ours expresses, and history.
	Note string
	// Customary marks a rule of thumb of the trade; without it the figure is
	// the receiver's own.
	Customary bool
	// Source is where the figure was read, and Date the day, month or year
	// that the source prints, "2026-08-04" or a part of it; "" when it prints
	// none.
	Source, Date string
}

// mistakes are all that is wrong with f by itself.
func (f Figure) mistakes() []error {
	var errs []error
	if err := f.Limits.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("limits: %w", err))
	}
	if f.Date != "" && !isDate(f.Date) {
		errs = append(errs, fmt.Errorf(`date is %q: want a day, month or year such as "2026-08-04"`, f.Date))
	}
	if f == (Figure{Customary: f.Customary, Source: f.Source, Date: f.Date}) {
		errs = append(errs, errors.New("it says nothing: want limits or a note"))
	}
	return errs
}

func isDate(s string) bool {
	for _, layout := range []string{time.DateOnly, "2006-01", "2006"} {
		if _, err := time.Parse(layout, s); err == nil {
			return true
		}
	}
	return false
}
