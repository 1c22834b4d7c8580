package smtpace

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func TestGateGivesOneDestinationHalf(t *testing.T) {
	g := newGate(4, 10)
	ctx, cancel := context.WithCancelCause(t.Context())
	for range 6 { // two in its share, four beyond
		if err := g.enter(ctx, "blocked"); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := g.enter(ctx, "other"); err != nil {
			t.Fatal(err)
		}
	}
	cause := errors.New("enough")
	cancel(cause)
	if err := g.enter(ctx, "third"); !errors.Is(err, cause) {
		t.Errorf("all places are taken, got %v", err)
	}
	if err := g.enter(t.Context(), "other"); err != nil {
		t.Errorf("beyond its half a destination counts against the total only, got %v", err)
	}
	g.leave("other")
	g.leave("other")
	if err := g.enter(t.Context(), "third"); err != nil {
		t.Errorf("a place is free again, got %v", err)
	}
}

func TestGateTotal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(2, 3)
		for range 3 {
			if err := g.enter(t.Context(), "d"); err != nil {
				t.Fatal(err)
			}
		}
		in := make(chan error, 1)
		go func() { in <- g.enter(t.Context(), "d") }()
		synctest.Wait()
		if len(in) != 0 {
			t.Fatal("let in beyond the total")
		}
		g.leave("d")
		if err := <-in; err != nil {
			t.Fatal(err)
		}
	})
}

func TestGateLetsInInOrderAndForgetsWhoLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 1)
		if err := g.enter(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		var order []string
		wait := func(ctx context.Context, name string) {
			go func() {
				if g.enter(ctx, name) == nil {
					order = append(order, name)
					g.leave(name)
				}
			}()
			synctest.Wait()
		}
		gone, cancel := context.WithCancel(t.Context())
		wait(t.Context(), "first")
		wait(gone, "gone")
		wait(t.Context(), "second")
		cancel()
		synctest.Wait()
		g.leave("a")
		synctest.Wait()
		if len(order) != 2 || order[0] != "first" || order[1] != "second" {
			t.Errorf("order = %q", order)
		}
		if g.inside != 0 || g.taken != 0 || len(g.by) != 0 {
			t.Errorf("left over: %d inside, %d taken, %v", g.inside, g.taken, g.by)
		}
	})
}

func TestGateClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 1)
		if err := g.enter(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		in := make(chan error, 1)
		go func() { in <- g.enter(t.Context(), "b") }()
		synctest.Wait()
		g.close()
		g.close()
		if err := <-in; !errors.Is(err, ErrClosed) {
			t.Errorf("who waited got %v", err)
		}
		if err := g.enter(t.Context(), "c"); !errors.Is(err, ErrClosed) {
			t.Errorf("who came later got %v", err)
		}
	})
}
