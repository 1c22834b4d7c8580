package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The program as it is, but in memory and in virtual time.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := standard
		d.inMemory = true
		var out strings.Builder
		start := time.Now()
		if err := run(t.Context(), &out, d); err != nil {
			t.Fatal(err)
		}
		t.Logf("\n%s", out.String())
		if took := time.Since(start); took > 25*time.Second {
			t.Errorf("took %v, want 25 s at most", took)
		}
		plain, paced := row(t, out.String(), "go-mail"), row(t, out.String(), "smtpace")
		if plain.lost == 0 || plain.delivered+plain.lost != d.messages {
			t.Errorf("the plain loop: got %+v, want some of %d lost", plain, d.messages)
		}
		if paced.delivered != d.messages || paced.lost != 0 {
			t.Errorf("smtpace: got %+v, want all of %d delivered", paced, d.messages)
		}
		if paced.refused >= plain.refused {
			t.Errorf("refused: got %d of smtpace's tries, want fewer than the plain loop's %d", paced.refused, plain.refused)
		}
		if strings.Contains(out.String(), "too many.") {
			t.Error("copies: got some, want none")
		}
		if !regexp.MustCompile(`(?m)^ +1\.0 s .* of 120 delivered`).MatchString(out.String()) {
			t.Error("progress: got no line after 1 s, want one")
		}
	})
}

// The real thing on a loopback socket, with a list that takes a moment.
func TestRunOverSockets(t *testing.T) {
	d := demo{messages: 4, connections: 3, rate: 1000, burst: 100, patience: 10 * time.Second}
	var out strings.Builder
	if err := run(t.Context(), &out, d); err != nil {
		t.Fatal(err)
	}
	if got := row(t, out.String(), "smtpace"); got.delivered != d.messages {
		t.Errorf("smtpace: got %+v, want all of %d delivered\n%s", got, d.messages, out.String())
	}
}

func TestRunInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := standard
		d.inMemory = true
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		var out strings.Builder
		start := time.Now()
		if err := run(ctx, &out, d); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the context's error", err)
		}
		if took := time.Since(start); took > 4*time.Second {
			t.Errorf("took %v, want no more than a moment after the 3 s", took)
		}
	})
}

// row reads the line of the table that begins with name.
func row(t *testing.T, text, name string) outcome {
	t.Helper()
	_, table, _ := strings.Cut(text, "refused by the receiver")
	line := regexp.MustCompile(`(?m)^` + name + `.*?   +(.*) s$`).FindStringSubmatch(table)
	if line == nil {
		t.Fatalf("no row for %s in:\n%s", name, text)
	}
	var o outcome
	if _, err := fmt.Sscan(line[1], &o.delivered, &o.lost, &o.refused); err != nil {
		t.Fatalf("row %q: %v", line[0], err)
	}
	return o
}
