package browsertest

import (
	"fmt"
	"log/slog"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/internal/race"
	"github.com/smtpace/smtpace/monitor"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
)

// What a page of many destinations may take.
const (
	crowd        = 10_000                 // destinations
	eventRate    = 1000                   // messages a second
	mostPerClick = 200 * time.Millisecond // from a click to the page that it opens
	mostCost     = 0.05                   // of a core, beyond what the sending takes
)

// TestLoad has a Sender deliver 1,000 messages a second while mail for 10,000
// destinations waits. It prints how long a click takes to show the page of a
// destination, and how much processor time an open page adds to that of the process.
func TestLoad(t *testing.T) {
	chromium(t)
	if testing.Short() {
		t.Skip("-short")
	}
	if race.Enabled {
		t.Skip("the race detector takes most of the time")
	}
	sender := crowded(t)
	url := serve(t, sender, monitor.Options{})
	b := open(t, url, desktop)
	var without, with, sent float64
	for range 4 { // in turns, as what else the process does varies
		b.do(chromedp.Navigate("about:blank"))
		cores, _ := spent(t, sender, 3*time.Second)
		without += cores / 4
		b.do(chromedp.Navigate(url))
		b.until("document.querySelectorAll('#destinations tbody tr canvas').length >= 50")
		cores, n := spent(t, sender, 3*time.Second)
		with, sent = with+cores/4, sent+n/4
	}
	t.Logf("%d destinations, %.0f messages a second: the process takes %.1f %% of a core, %.1f %% with an open page: %.1f %% for the page",
		crowd, sent, 100*without, 100*with, 100*(with-without))
	if with-without > mostCost {
		t.Errorf("an open page takes %.1f %% of a core, want %.0f %% at most", 100*(with-without), 100*mostCost)
	}
	clicks := clicks(b, 20)
	slices.Sort(clicks)
	t.Logf("from a click to the page of a destination, painted: %.0f ms in the middle, %.0f ms at most", clicks[len(clicks)/2], clicks[len(clicks)-1])
	if median := time.Duration(clicks[len(clicks)/2] * float64(time.Millisecond)); median > mostPerClick {
		t.Errorf("a click takes %v, want %v at most", median, mostPerClick)
	}
}

// crowded returns a Sender that holds mail for many destinations and delivers at a
// fixed rate.
func crowded(t *testing.T) *smtpace.Sender {
	t.Helper()
	receiver := smtptest.NewServer(smtptest.Config{InMemory: true})
	t.Cleanup(receiver.Close)
	sender, err := smtpace.New(smtpace.Config{
		Relays:  []smtpace.Relay{{Name: "relay.example:25", Addr: receiver.Addr, TLS: pool.TLSNone, DialContext: receiver.DialContext}},
		Process: throttle.Limits{MessageRate: throttle.Rate{Count: eventRate, Per: time.Second, Burst: 100}},
		Logger:  slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sender.Close() })
	for round := range 9 {
		for i := range crowd {
			submit(t, sender, fmt.Sprintf("reader%d@d%05d.example", round, i), "")
		}
	}
	return sender
}

// spent returns how much of a core the process takes for some time, and the messages
// that it delivers a second.
func spent(t *testing.T, sender *smtpace.Sender, over time.Duration) (cores, sent float64) {
	t.Helper()
	cpu := func() time.Duration {
		var use syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
			t.Fatal(err)
		}
		return time.Duration(use.Utime.Nano() + use.Stime.Nano())
	}
	start, before, delivered := time.Now(), cpu(), sender.Stats().Total.Delivered
	time.Sleep(over)
	took := time.Since(start).Seconds()
	return (cpu() - before).Seconds() / took, float64(sender.Stats().Total.Delivered-delivered) / took
}

// clicks clicks on so many rows, and returns the milliseconds from each click to the
// sentences about the destination, painted.
func clicks(b *browser, n int) (all []float64) {
	b.Helper()
	for i := range n {
		all = append(all, eval[float64](b, fmt.Sprintf(`new Promise((done) => {
			const link = document.querySelectorAll('#destinations tbody th a')[%d];
			const start = performance.now();
			const look = () => {
				const shown = document.getElementById('name').textContent === link.textContent && document.querySelectorAll('#words li').length > 0 && document.querySelector('#rate-plot canvas');
				if (shown) requestAnimationFrame(() => done(performance.now() - start));
				else requestAnimationFrame(look);
			};
			link.click();
			requestAnimationFrame(look);
		})`, i)))
		b.navigate("#/")
		b.until("!document.getElementById('overview').hidden && document.querySelectorAll('#destinations tbody tr').length >= 50")
	}
	return all
}
