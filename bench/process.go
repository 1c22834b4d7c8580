package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// receiverArg makes this program a receiver. The round trips follow it, as
// -rtt has them.
const receiverArg = "__receiver"

// process is a receiver in a process of its own, which lives until close, or
// until this process ends.
type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *bufio.Reader
	addrs map[time.Duration]string // by round trip
}

// startProcess runs this program as a receiver, with an address for each round
// trip.
func startProcess(trips []time.Duration) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(program, receiverArg, formatTrips(trips)), addrs: map[time.Duration]string{}}
	p.cmd.Stderr = os.Stderr
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(stdout)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the receiver: %w", err)
	}
	for _, trip := range trips {
		var addr string
		if _, err := fmt.Fscanln(p.out, &addr); err != nil {
			return nil, errors.Join(fmt.Errorf("the receiver gave no address for a round trip of %v: %w", trip, err), p.close())
		}
		p.addrs[trip] = addr
	}
	return p, nil
}

// take returns the receiver's counts since the last call.
func (p *process) take() (c counts, err error) {
	if _, err := fmt.Fprintln(p.stdin, "take"); err != nil {
		return c, fmt.Errorf("asking the receiver: %w", err)
	}
	if _, err := fmt.Fscanln(p.out, &c.messages, &c.recipients, &c.bytes, &c.connections); err != nil {
		return c, fmt.Errorf("the receiver's answer: %w", err)
	}
	return c, nil
}

func (p *process) close() error {
	p.stdin.Close()
	return p.cmd.Wait()
}

// serve runs the receiver's process, the other side, from the first line of its
// output, the addresses, to the end of its input.
func serve(trips []time.Duration, in io.Reader, out io.Writer) error {
	r, err := newReceiver()
	if err != nil {
		return err
	}
	for _, trip := range trips {
		addr := r.addr()
		if trip > 0 {
			p, err := newProxy(r.addr(), trip/2)
			if err != nil {
				return err
			}
			addr = p.addr()
		}
		if _, err := fmt.Fprintln(out, addr); err != nil {
			return err
		}
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		c := r.take()
		if _, err := fmt.Fprintln(out, c.messages, c.recipients, c.bytes, c.connections); err != nil {
			return err
		}
	}
	return nil
}

// parseTrips reads round trips as -rtt has them: "0,20ms".
func parseTrips(text string) ([]time.Duration, error) {
	var trips []time.Duration
	for field := range strings.SplitSeq(text, ",") {
		d, err := time.ParseDuration(strings.TrimSpace(field))
		if err != nil || d < 0 {
			return nil, fmt.Errorf("round trip %q: want a duration of 0 or more, such as 20ms", field)
		}
		if slices.Contains(trips, d) {
			return nil, fmt.Errorf("round trip %v: named twice", d)
		}
		trips = append(trips, d)
	}
	return trips, nil
}

func formatTrips(trips []time.Duration) string {
	var fields []string
	for _, d := range trips {
		fields = append(fields, d.String())
	}
	return strings.Join(fields, ",")
}
