package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
)

// The goals of a Sender with mail refused at random: at most so many times the duration
// without refusals, and so much more.
const (
	mostLonger     = 1.2
	mostLongerThan = time.Minute
)

// atRandom is a receiver without a limit that refuses a share of all messages in the
// words of one.
type atRandom struct {
	share float64
	reply string // its code, enhanced code and text
}

// randomRefusals returns those of the table, each after the one without refusals.
func randomRefusals() (list []atRandom) {
	for _, reply := range []string{
		"450 4.7.1 Error: too much mail from 127.0.0.1",
		"421 4.7.28 Our system has detected an unusual rate of mail",
		"421 4.7.0 mx.example Error: too many messages in this connection",
	} {
		for _, share := range []float64{0, 0.001, 0.005, 0.01, 0.02, 0.05} {
			list = append(list, atRandom{share, reply})
		}
	}
	return list
}

// sent is the outcome of one sending.
type sent struct {
	took             time.Duration
	delivered, tries int
	refused          int // tries
}

// send sends so many messages through a Sender with nothing configured. It must run in
// a bubble of testing/synctest, or it takes real time.
func (r atRandom) send(ctx context.Context, messages int) (s sent, err error) {
	rng, mu := rand.New(rand.NewPCG(1, 2)), sync.Mutex{}
	receiver := receiver(smtptest.Limits{})
	receiver.InMemory = true
	receiver.Fault = func(e smtptest.Event) *smtptest.Fault {
		if e.Stage != smtptest.StageMail {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		s.tries++
		if rng.Float64() >= r.share {
			return nil
		}
		s.refused++
		f := &smtptest.Fault{Reply: r.reply}
		if r.reply[:3] == "421" {
			f.End = smtptest.Close
		}
		return f
	}
	srv := smtptest.NewServer(receiver)
	defer srv.Close()
	sender, err := smtpace.New(smtpace.Config{Relays: []smtpace.Relay{relay(srv, throttle.Limits{})}})
	if err != nil {
		return s, err
	}
	defer sender.Close()
	start := time.Now()
	err = sender.SendAll(ctx, row{messages: messages}.list(), func(res *smtpace.Result) {
		if res.Recipients[0].Status == smtpace.Delivered {
			s.delivered++
		}
	})
	s.took = time.Since(start)
	return s, err
}

// misses names what a sending does not reach; none is the one without refusals.
func (s sent) misses(messages int, none sent) (list []string) {
	if s.delivered < messages {
		list = append(list, fmt.Sprintf("%d of %d are not delivered", messages-s.delivered, messages))
	}
	if most := time.Duration(mostLonger*float64(none.took)) + mostLongerThan; s.took > most {
		list = append(list, fmt.Sprintf("it took %v, want <= %v", s.took.Round(time.Second), most.Round(time.Second)))
	}
	return list
}

// printSender prints what refusals at random cost the whole Sender. Each row has a
// bubble of the test, and so virtual time.
func printSender(t *testing.T, w io.Writer, o options) {
	fmt.Fprintf(w, "%d messages through the whole Sender, nothing configured, in virtual time; round trip %v.\n\n", o.messages, 2*latency)
	fmt.Fprintln(w, "| refused at random | reply | delivered | refused | time | times that without refusals | |")
	fmt.Fprintln(w, "| --- | --- | --- | --- | --- | --- | --- |")
	var none sent
	missed, rows := 0, 0
	for _, r := range randomRefusals() {
		if !o.scenario.MatchString(r.reply) {
			continue
		}
		s := r.sendIn(t, o.messages)
		if r.share == 0 {
			none = s
		}
		text := "ok"
		rows++
		if misses := s.misses(o.messages, none); misses != nil {
			missed++
			text = "missed: " + strings.Join(misses, "; ")
		}
		fmt.Fprintf(w, "| %g %% | %s | %d | %s | %.1f s | %.2f | %s |\n", 100*r.share, r.reply, s.delivered,
			refused(float64(s.refused)/float64(max(s.tries, 1)), s.refused), s.took.Seconds(), s.took.Seconds()/none.took.Seconds(), text)
	}
	fmt.Fprintf(w, "\n%d of %d rows miss a goal: all delivered, within %g times the time without refusals and %v.\n", missed, rows, mostLonger, mostLongerThan)
}

// sendIn sends in a bubble of the test.
func (r atRandom) sendIn(t *testing.T, messages int) (s sent) {
	synctest.Test(t, func(t *testing.T) {
		var err error
		if s, err = r.send(t.Context(), messages); err != nil {
			t.Error(err)
		}
	})
	return s
}

// sendVirtually prints the table of the whole Sender and ends the program. Only a test
// has virtual time, so it runs as one.
func sendVirtually(o options) {
	testing.Init()
	_ = flag.CommandLine.Parse(nil) // the flags of this program are none of a test
	table := testing.InternalTest{Name: "sender", F: func(t *testing.T) { printSender(t, os.Stdout, o) }}
	testing.Main(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{table}, nil, nil)
}
