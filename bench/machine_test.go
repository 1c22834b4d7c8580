package main

import (
	"strings"
	"testing"
)

func TestMachine(t *testing.T) {
	var out strings.Builder
	machine(&out, "0.25")
	for _, want := range []string{"CPUs, load average 0.25 before, go1.", "github.com/wneessen/go-mail v", "github.com/knadh/smtppool/v2 v"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, out.String())
		}
	}
}
