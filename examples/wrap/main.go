// Wrap sends one list of mail twice to a server that has limits: with smtp.SendMail in
// twenty goroutines, and with a smtpace.Pacer around the same loop. Compare before.go
// with after.go. It needs no flags and no network, and takes about a quarter of a minute.
//
// The server runs in this program, on a loopback port. It allows 3 connections at once
// and 20 messages a second, and greylists one domain.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"sync"
	"time"

	"github.com/smtpace/smtpace/smtptest"
)

// message is the arguments of smtp.SendMail.
type message struct {
	from string
	to   []string
	text []byte
}

// The domains of the list; the server greylists the first.
var domains = []string{"greylisting.example", "red.example", "green.example", "blue.example", "white.example"}

func main() {
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "wrap: %q: it takes no arguments\n", flag.Arg(0))
		os.Exit(2)
	}
	log.SetOutput(io.Discard) // every lost message would be a line
	run(os.Stdout, limits{messages: 120, rate: 20, greylist: 3 * time.Second})
}

// limits are the length of the list and what the server allows.
type limits struct {
	messages int
	rate     int           // messages a second
	greylist time.Duration // how long new senders to the first domain wait
}

// run sends the list in both ways, each to a server that is new, and prints how they
// compare.
func run(w io.Writer, l limits) {
	fmt.Fprintf(w, "The server allows 3 connections and %d messages a second, and greylists %s for %v.\n\n", l.rate, domains[0], l.greylist)
	for _, way := range []struct {
		name string
		send func(addr string, list []message)
	}{{"before", before}, {"after", after}} {
		server := l.server()
		start := time.Now()
		way.send(server.Addr, l.list())
		took := time.Since(start)
		s := server.Stats()
		server.Close()
		fmt.Fprintf(w, "%-7s %3d delivered, %3d lost, %3d answers \"too much\", %4.1f s\n", way.name, s.Messages, l.messages-s.Messages, s.Throttled, took.Seconds())
	}
}

// list makes one message for each recipient.
func (l limits) list() []message {
	list := make([]message, l.messages)
	for i := range list {
		to := fmt.Sprintf("reader%d@%s", i, domains[i%len(domains)])
		list[i] = message{"news@sender.example", []string{to}, fmt.Appendf(nil, "From: news@sender.example\r\nTo: %s\r\nSubject: News\r\n\r\nHello, reader %d.\r\n", to, i)}
	}
	return list
}

// server starts the server. It says the same to whatever is too much, as many providers
// do, and answers after 20 ms.
func (l limits) server() *smtptest.Server {
	const tooMany = "421 4.7.0 mx.test Server is not currently available, possibly due to too many connections"
	var distance []smtptest.Rule
	for _, stage := range []smtptest.Stage{
		smtptest.StageConnect, smtptest.StageHelo, smtptest.StageMail, smtptest.StageRcpt, smtptest.StageData, smtptest.StageDot, smtptest.StageQuit,
	} {
		distance = append(distance, smtptest.Rule{Stage: stage, Fault: smtptest.Fault{Delay: 20 * time.Millisecond}})
	}
	return smtptest.NewServer(smtptest.Config{
		Fault: smtptest.Rules(distance...),
		Limits: smtptest.Limits{
			Connections: smtptest.Cap{Max: 3, Reply: tooMany},
			MessageRate: smtptest.Rate{Count: l.rate, Per: time.Second, Burst: 10, Reply: tooMany},
		},
		Domains: map[string]smtptest.Domain{domains[0]: {Greylist: smtptest.Greylist{
			Delay: l.greylist, Reply: fmt.Sprintf("450 4.2.0 Greylisted, try again in %d seconds", int(l.greylist.Seconds())),
		}}},
	})
}

// inParallel calls send for every message on so many goroutines.
func inParallel(goroutines int, list []message, send func(message)) {
	work := make(chan message)
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for m := range work {
				send(m)
			}
		})
	}
	for _, m := range list {
		work <- m
	}
	close(work)
	wg.Wait()
}
