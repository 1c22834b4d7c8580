package pool

import (
	"net"
	"os"
	"strings"
	"testing"
)

// TestFullyQualified tries the names that RFC 1123 2.1 and RFC 1035 2.3.4 just allow,
// and those beside them.
func TestFullyQualified(t *testing.T) {
	long := strings.Repeat("l", 63)
	name253 := strings.Join([]string{long, long, long, strings.Repeat("l", 61)}, ".")
	for name, want := range map[string]bool{
		"a.b": true, "AZ09-az.example": true, "0.a9": true, "x.1z": true, "9z.Za": true,
		long + ".example": true, long + "l.example": false,
		name253: true, name253 + ".": true, name253 + "l": false,
		"a-.example": false, "-.example": false, "a.-b": false, "a.b-": false, "a/b.example": false, "a:b.example": false, "a@b.example": false,
		"a[b.example": false, "a`b.example": false, "a{b.example": false, "ä.example": false, "a.b..": false, ".a.b": false,
		"a.1": false, "1.2.3.4.5": false, "a.invalid": false, "a.LOCAL": false, "a.Localhost": false, "a.localdomain": false, "localhost.a": true,
	} {
		if got := isFullyQualified(name); got != want {
			t.Errorf("%q: got %v, want %v", name, got, want)
		}
	}
}

// named is an address whose text is all that it has.
type named string

func (named) Network() string  { return "own" }
func (n named) String() string { return string(n) }

func TestAddressLiteral(t *testing.T) {
	for _, tt := range []struct {
		addr net.Addr
		want string
	}{
		{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 7}, "[192.0.2.1]"},
		{&net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 7}, "[IPv6:2001:db8::1]"},
		{&net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0", Port: 7}, "[IPv6:fe80::1]"},
		{&net.TCPAddr{IP: net.ParseIP("::ffff:192.0.2.1"), Port: 7}, "[192.0.2.1]"},
		{&net.TCPAddr{IP: net.IPv4zero, Port: 7}, "[127.0.0.1]"},
		{&net.TCPAddr{}, "[127.0.0.1]"},
		{&net.UnixAddr{Name: "/run/x", Net: "unix"}, "[127.0.0.1]"},
		{nil, "[127.0.0.1]"},
		{named("198.51.100.7:25"), "[198.51.100.7]"},
		{named("[2001:db8::7%eth0]:25"), "[IPv6:2001:db8::7]"},
		{named("[::ffff:198.51.100.7]:25"), "[198.51.100.7]"},
		{named("pipe"), "[127.0.0.1]"},
	} {
		if got := addressLiteral(tt.addr); got != tt.want {
			t.Errorf("%v: got %s, want %s", tt.addr, got, tt.want)
		}
	}
}

// TestHELOIsTakenByServers: a name of the machine that is not fully qualified gives
// way to the address.
func TestHELOIsTakenByServers(t *testing.T) {
	literal := "[192.0.2.1]"
	got := heloName(&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 7})
	if got != literal && (!isFullyQualified(got) || strings.HasSuffix(got, ".")) {
		t.Errorf("got %q, want %s or a full name", got, literal)
	}
	if name, err := os.Hostname(); err == nil && isFullyQualified(name) != (got != literal) {
		t.Errorf("got %q on %q", got, name)
	}
}
