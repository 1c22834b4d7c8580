package smtptest

import (
	"encoding"
	"testing"
)

// TestNamesAreRead reads the name of every value again.
func TestNamesAreRead(t *testing.T) {
	for v := Continue; v <= Stall; v++ {
		checkNames(t, v, new(End))
	}
	for v := RecordAll; v <= RecordStats; v++ {
		checkNames(t, v, new(Record))
	}
	if got := [2]string{End(99).String(), Record(99).String()}; got != [2]string{"invalid", "invalid"} {
		t.Errorf("values without a name are called %q", got)
	}
}

func checkNames[T interface {
	comparable
	encoding.TextMarshaler
}, P interface {
	*T
	encoding.TextUnmarshaler
}](t *testing.T, want T, v P) {
	t.Helper()
	text, err := want.MarshalText()
	if err != nil || string(text) == "invalid" {
		t.Fatalf("%#v is %q (%v)", want, text, err)
	}
	if err := v.UnmarshalText(text); err != nil || *v != want {
		t.Errorf("%q is read as %#v (%v), want %#v", text, *v, err, want)
	}
	if err := v.UnmarshalText([]byte("invalid")); err == nil || *v != want {
		t.Errorf("%q is taken, and gives %#v", "invalid", *v)
	}
}
