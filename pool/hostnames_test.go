package pool

import (
	"strings"
	"testing"
)

// TestHostNamesAtTheirBounds: labels have 1 to 63 octets, names up to 253, and characters
// are letters, digits, hyphens and underscores.
func TestHostNamesAtTheirBounds(t *testing.T) {
	label := strings.Repeat("l", 63)
	long := strings.Repeat(label+".", 3)
	for name, want := range map[string]bool{
		"0.test": true, "9.test": true, "a.test": true, "z.test": true, "A.test": true, "Z.test": true, "a-_0.test": true,
		"/.test": false, ":.test": false, "\u0060.test": false, "{.test": false, "[.test": false, "é.test": false, "a b.test": false,
		"0": true, "192.0.2.1": false, "2001:db8::1": false, "192.0.2.1.": false,
		"": false, ".": false, ".test": false, "a..test": false, "a.test.": true, "a.test..": false,
		label: true, label + "l": false, long + strings.Repeat("l", 61): true, long + strings.Repeat("l", 62): false, long + strings.Repeat("l", 61) + ".": true,
	} {
		if got := isHostName(name); got != want {
			t.Errorf("%.80q of %d octets: got %v, want %v", name, len(name), got, want)
		}
	}
}
