package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
)

// rampConnections is the number of connections that the sender may use in the
// cells of the ramp.
const rampConnections = 64

// rampCell is a short campaign to one destination, from the first dial to the last
// reply.
type rampCell struct {
	messages int
	trip     time.Duration
	goal     float64 // the least part of the speed of the bare loop
}

var rampCells = []rampCell{{6000, 20 * time.Millisecond, 0.85}, {1600, 100 * time.Millisecond, 0.7}}

// rampPeer is a way to send a campaign.
type rampPeer struct {
	name string
	send func(addr string, l *letter, n int) error
}

// errNoNodemailer says that nodemailer cannot be run.
var errNoNodemailer = errors.New(`node or its module nodemailer is missing: install both, and give the directory that "npm install nodemailer" was run in with -nodemailer`)

// ramp sends the campaign of each cell by each peer in turn, in several rounds, and
// prints the medians. A peer that is missing is named as missing.
func ramp(w io.Writer, rounds int, nodemailer string) (err error) {
	peers := []rampPeer{{"bare loop", rampBare}, {"smtpace", rampPaced}}
	if err := findNodemailer(nodemailer); err != nil {
		fmt.Fprintf(w, "nodemailer is left out: %v\n\n", err)
	} else {
		peers = append(peers, rampPeer{"nodemailer, pool", func(addr string, l *letter, n int) error {
			return rampNodemailer(nodemailer, addr, l, n)
		}})
	}
	var trips []time.Duration
	for _, c := range rampCells {
		trips = append(trips, c.trip)
	}
	receiver, err := startProcess(trips)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, receiver.close()) }()
	fmt.Fprintf(w, "%d connections, from the first dial to the last reply; medians of %d rounds (least to most), all peers in turn in each.\n\n", rampConnections, rounds)
	fmt.Fprintln(w, "| messages | round trip | peer | seconds | part of the bare loop's speed | goal |")
	fmt.Fprintln(w, "| --- | --- | --- | --- | --- | --- |")
	for _, c := range rampCells {
		if err := c.measure(w, receiver, peers, rounds); err != nil {
			return err
		}
	}
	return nil
}

// measure sends the campaign in every round by every peer, and prints the rows. The
// first peer is the measure of the others.
func (c rampCell) measure(w io.Writer, receiver *process, peers []rampPeer, rounds int) error {
	l, err := newLetter(1<<10, 1)
	if err != nil {
		return err
	}
	took := make([][]float64, len(peers))
	parts := make([][]float64, len(peers))
	for range rounds {
		for i, p := range peers {
			start := time.Now()
			if err := p.send(receiver.addrs[c.trip], l, c.messages); err != nil {
				return fmt.Errorf("%s, %d messages at %v: %w", p.name, c.messages, c.trip, err)
			}
			took[i] = append(took[i], time.Since(start).Seconds())
			got, err := receiver.take()
			if err == nil && got.messages != int64(c.messages) {
				err = fmt.Errorf("%s: the receiver has %d messages, want %d", p.name, got.messages, c.messages)
			}
			if err != nil {
				return err
			}
			parts[i] = append(parts[i], took[0][len(took[0])-1]/took[i][len(took[i])-1])
		}
	}
	for i, p := range peers {
		goal := "-"
		if p.name == "smtpace" {
			goal = fmt.Sprintf(">= %g", c.goal)
		}
		fmt.Fprintf(w, "| %d | %v | %s | %.2f | %s | %s |\n", c.messages, c.trip, p.name, median(took[i]), extremes(parts[i]), goal)
	}
	return nil
}

// extremes formats the median and the extremes.
func extremes(list []float64) string {
	return fmt.Sprintf("%.2f (%.2f-%.2f)", median(list), slices.Min(list), slices.Max(list))
}

// rampBare sends with bare loops over all connections, which dial at once.
func rampBare(addr string, l *letter, n int) error {
	b := newBound(l)
	t := newTickets(n)
	var group sync.WaitGroup
	var errs [rampConnections]error
	for i := range errs {
		group.Go(func() {
			conn, err := dialBare(addr)
			if err != nil {
				errs[i] = err
				return
			}
			defer conn.Close()
			errs[i] = b.run(conn, t)
		})
	}
	group.Wait()
	return errors.Join(errs[:]...)
}

// rampPaced sends with a new Sender. Its connections are set and nothing is known of
// the receiver.
func rampPaced(addr string, l *letter, n int) error {
	limits := throttle.Limits{Connections: rampConnections, MessagesPerConnection: throttle.Unlimited}
	sender, err := smtpace.New(smtpace.Config{
		Relays:  []smtpace.Relay{{Addr: addr, TLS: pool.TLSNone, Limits: limits}},
		Process: limits, Destination: limits,
	})
	if err != nil {
		return err
	}
	defer sender.Close()
	p := &paced{sender: sender, rendered: smtpace.Message{From: from, To: l.to, Data: l.data}}
	return p.send(n)
}

//go:embed nodemailer.js
var nodemailerScript string

// findNodemailer returns an error when node cannot load nodemailer.
func findNodemailer(dir string) error {
	if runNode(dir, "require('nodemailer')") != nil {
		return errNoNodemailer
	}
	return nil
}

// rampNodemailer sends with nodemailer's pool. The start of node counts for it, some
// 0.1 s.
func rampNodemailer(dir, addr string, l *letter, n int) error {
	return runNode(dir, nodemailerScript, addr, strconv.Itoa(rampConnections), strconv.Itoa(n), from, l.to[0], string(l.data))
}

// runNode runs a script with modules of a directory; none is the usual ones.
func runNode(dir, script string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", append([]string{"-e", script, "--"}, args...)...)
	cmd.Env = os.Environ()
	if dir != "" {
		cmd.Env = append(cmd.Env, "NODE_PATH="+strings.TrimSuffix(dir, "/")+"/node_modules")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("node: %w: %s", err, out)
	}
	return nil
}
