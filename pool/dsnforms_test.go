package pool

import (
	"strings"
	"testing"
)

// An envelope identifier has printable ASCII from the blank to the tilde, 100 characters
// at most (RFC 3461 4.4).
func TestEnvelopeIDsAtTheirBounds(t *testing.T) {
	for id, ok := range map[string]bool{
		"": true, " ": true, "a b": true, "~": true, strings.Repeat("x", 100): true,
		"\x1f": false, "\x7f": false, "a\tb": false, "é": false, strings.Repeat("x", 101): false,
	} {
		if err := (DSN{EnvelopeID: id}).Validate(); (err == nil) != ok {
			t.Errorf("%q: got %v, want it valid: %v", id, err, ok)
		}
	}
}
