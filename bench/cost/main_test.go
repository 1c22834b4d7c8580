package main

import "testing"

// TestSend sends a few messages of every shape.
func TestSend(t *testing.T) {
	for _, shape := range []string{"1KiB", "50KiB", "50rcpt", "msg", "msgtwice"} {
		o := options{shape: shape, n: 50, warm: 5, connections: 4}
		if err := o.send(t.Context()); err != nil {
			t.Errorf("%s: %v", shape, err)
		}
	}
	if err := (options{shape: "none"}).send(t.Context()); err == nil {
		t.Error("an unknown shape is sent")
	}
}

func TestWait(t *testing.T) {
	for _, ask := range []string{"Stats", "Snapshot", "Explain", "Close"} {
		o := options{ask: ask, n: 100, destinations: 10, connections: 4}
		if err := o.wait(t.Context()); err != nil {
			t.Errorf("%s: %v", ask, err)
		}
	}
}
