package profile

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/smtpace/smtpace/throttle"
)

// shapingUnits are the names that KumoMTA has for periods.
var shapingUnits = map[string]time.Duration{
	"ms": time.Millisecond, "msec": time.Millisecond,
	"s": time.Second, "sec": time.Second, "secs": time.Second, "second": time.Second, "seconds": time.Second,
	"m": time.Minute, "min": time.Minute, "mins": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"h": time.Hour, "hr": time.Hour, "hrs": time.Hour, "hour": time.Hour, "hours": time.Hour,
	"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
	"w": 7 * 24 * time.Hour, "week": 7 * 24 * time.Hour, "weeks": 7 * 24 * time.Hour,
}

// parseShapingRate reads "100/min", "1,000/hr" and "local:10/s,max_burst=5".
func parseShapingRate(text string) (throttle.Rate, error) {
	number, period, found := strings.Cut(strings.TrimPrefix(text, "local:"), "/")
	if !found {
		return throttle.Rate{}, errors.New("there is no slash")
	}
	period, burst, hasBurst := strings.Cut(period, ",")
	per, ok := shapingUnits[strings.TrimSpace(period)]
	if !ok || per > 24*time.Hour {
		return throttle.Rate{}, fmt.Errorf("%q is no period", period)
	}
	count, err := strconv.Atoi(digits(number))
	if err != nil || count < 1 {
		return throttle.Rate{}, fmt.Errorf("%q is no number from 1", number)
	}
	r := throttle.Rate{Count: count, Per: per}
	if !hasBurst {
		return r, nil
	}
	text, ok = strings.CutPrefix(strings.TrimSpace(burst), "max_burst=")
	if r.Burst, err = strconv.Atoi(digits(text)); !ok || err != nil || r.Burst < 1 {
		return throttle.Rate{}, fmt.Errorf(`%q is no "max_burst=" with a number from 1`, burst)
	}
	return r, nil
}

// digits removes the separators of thousands, as in "1,000" and "1_000".
func digits(number string) string {
	return strings.NewReplacer(",", "", "_", "").Replace(strings.TrimSpace(number))
}

// parseInterval reads "90m", "2 hours" and "1h 30m".
func parseInterval(text string) (time.Duration, error) {
	var sum time.Duration
	rest := strings.TrimSpace(text)
	for rest != "" {
		n := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		number, err := strconv.ParseUint(rest[:n], 10, 31)
		if err != nil {
			return 0, errors.New("there is no number")
		}
		rest = strings.TrimLeft(rest[n:], " ")
		n = upTo(rest, " 0123456789")
		unit, ok := shapingUnits[rest[:n]]
		if !ok {
			return 0, fmt.Errorf("%q is no unit", rest[:n])
		}
		if sum += time.Duration(number) * unit; sum > maxInterval || time.Duration(number) > maxInterval/unit {
			return 0, errors.New("it is too long")
		}
		rest = strings.TrimLeft(rest[n:], " ")
	}
	if sum <= 0 {
		return 0, errors.New("it is not above 0")
	}
	return sum, nil
}

// maxInterval is longer than any that makes sense.
const maxInterval = 10 * 365 * 24 * time.Hour
