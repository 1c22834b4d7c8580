package main

import (
	"io"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, test := range []struct {
		name, args string
		want       string // in the error; "" is none
	}{
		{"defaults", "", ""},
		{"all flags", "-rounds 1 -runs 2 -quickack", ""},
		{"unknown flag", "-slow", "-slow"},
		{"argument", "quick", `"quick"`},
		{"no round", "-rounds 0", "-rounds 0"},
		{"no run", "-runs 0", "-runs 0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := parse(strings.Fields(test.args), io.Discard)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("parse: %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}
