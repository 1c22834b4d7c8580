package pool

import (
	"strconv"
	"strings"
)

// Limits are what a server announces of its limits (RFC 9422), each 0 where it
// says nothing, or nothing sensible.
type Limits struct {
	Messages   int // MAILMAX: transactions on one connection
	Recipients int // RCPTMAX: recipients of one message
	Domains    int // RCPTDOMAINMAX: domains that they may belong to
}

// maxLimitDigits is how long a value may be (RFC 9422 4).
const maxLimitDigits = 6

// parseLimits reads the parameters of the LIMITS keyword. What is malformed is
// ignored, and of two values the first counts.
func parseLimits(params string) (l Limits) {
	for _, param := range strings.Fields(params) {
		name, value, _ := strings.Cut(param, "=")
		var field *int
		switch strings.ToUpper(name) {
		case "MAILMAX":
			field = &l.Messages
		case "RCPTMAX":
			field = &l.Recipients
		case "RCPTDOMAINMAX":
			field = &l.Domains
		default:
			continue
		}
		n, err := strconv.ParseUint(value, 10, 32)
		if err == nil && len(value) <= maxLimitDigits && *field == 0 {
			*field = int(n)
		}
	}
	return l
}
