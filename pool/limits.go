package pool

import (
	"strconv"
	"strings"
)

// Limits are the limits that a server announces (RFC 9422). A limit is 0 when the
// server does not announce it, or in a malformed way.
type Limits struct {
	Messages   int // MAILMAX: transactions on a connection
	Recipients int // RCPTMAX: recipients of a transaction
	Domains    int // RCPTDOMAINMAX: domains of these recipients
}

// maxLimitDigits is the greatest number of digits of a value (RFC 9422 4).
const maxLimitDigits = 6

// parseLimits reads the parameters of the LIMITS keyword. It ignores malformed
// ones, and a limit that was given before.
func parseLimits(params string) (l Limits) {
	for _, param := range fields(params) {
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
